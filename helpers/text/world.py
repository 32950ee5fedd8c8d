"""The content of the story world: its words and its plots, as data.

The notation of the plots is explained at the top of `stories.py`. A lexicon holds words that fit
the same slots: whatever the world combines makes sense. A plot says early what follows from it
late: a fact that is chosen once (`trait?`, `end?`) decides the sentences that come after it.
"""

# ---------------------------------------------------------------------------- writing lexicons


def common_first(rows: tuple[dict[str, str], ...]) -> tuple[dict[str, str], ...]:
    """Return the rows weighted as words are in life: few are common, many are rare (Zipf)."""
    most = len(rows)
    return tuple(
        {**row, "weight": str(max(1, most // (rank + 2)))} for rank, row in enumerate(rows)
    )


def words(text: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a lexicon whose words have no other forms, common ones first."""
    return common_first(tuple({"word": " ".join(word.split())} for word in text.split(",")))


def table(text: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a table: a line of column names, then a line for each word."""
    lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return tuple(dict(zip(lines[0], line, strict=True)) for line in lines[1:])


def people(pronouns: str, names: str) -> tuple[dict[str, str], ...]:
    """Return people who share their pronouns, given as for "he him his himself boy"."""
    forms = dict(zip("he him his himself boy".split(), pronouns.split(), strict=True))
    return tuple({"word": " ".join(name.split()), **forms} for name in names.split(","))


def places(text: str) -> tuple[dict[str, str], ...]:
    """Return places, given as where one is ("by the pond"); the last words are the name."""
    where = [" ".join(place.split()) for place in text.split(",")]
    return common_first(tuple({"word": p.split(" ", 2)[2], "at": p} for p in where))


SHE = "she her her herself girl"
HE = "he him his himself boy"

# ---------------------------------------------------------------------------- people

GIRLS = common_first(
    people(
        SHE,
        """Mia, Anna, Lily, Emma, Zoe, Ruby, Ella, Nora, Lucy, Alice, Clara, Daisy, Eva, Grace,
        Hannah, Ivy, Jane, Kate, Lola, Maya, Nina, Olive, Polly, Rosa, Sara, Tina, Violet,
        Wendy, Amy, Bella, Carla, Dora, Fay, Gina, Holly, June""",
    )
)
BOYS = common_first(
    people(
        HE,
        """Tom, Ben, Max, Leo, Sam, Jack, Finn, Noah, Adam, Oscar, Peter, Henry, Luke, Paul, Simon,
        Toby, Victor, Will, Alex, Billy, Carl, David, Eric, Felix, George, Hugo, Ivan, Jacob,
        Kevin, Liam, Mark, Nick, Oliver, Ralph, Theo, Walter""",
    )
)
FAMILY = (
    *people(SHE, "Mom, Grandma, Aunt Sue, Aunt Rose"),
    *people(HE, "Dad, Grandpa, Uncle Joe, Uncle Fred"),
)
RELATIVES = (
    *people(SHE, "mother, grandmother, aunt, sister"),
    *people(HE, "father, grandfather, uncle, brother"),
)
NEIGHBORS = (
    *people(SHE, "Mrs. Brown, Mrs. Hill, Miss Carter, Miss Bloom, Mrs. Lake"),
    *people(HE, "Mr. Green, Mr. Stone, Mr. Baker, Mr. Woods, Mr. Parker"),
)

LEXICONS = {
    "girl": GIRLS,
    "boy": BOYS,
    "child": GIRLS + BOYS,
    "family": FAMILY,
    "relative": RELATIVES,
    "neighbor": NEIGHBORS,
    # ------------------------------------------------------------------------ animals
    "pet": table("""
        word     | cry   | joy
        puppy    | woof  | wagged its tail
        kitten   | meow  | purred softly
        duckling | quack | flapped its wings
        lamb     | baa   | kicked up its heels
        piglet   | oink  | wiggled its tail
        chick    | peep  | hopped up and down
    """),
    "wild": table("""
        word     | home              | food
        squirrel | up a tall tree    | nuts
        rabbit   | into its hole     | clover
        hedgehog | under the hedge   | worms
        turtle   | into the reeds    | lettuce
        mouse    | under a log       | seeds
        sparrow  | high into the sky | crumbs
        robin    | over the treetops | crumbs
        duck     | across the water  | corn
        dove     | into the blue sky | seeds
        fawn     | between the trees | grass
    """),
    "beast": words(
        """rabbit, fox, bear, mouse, hedgehog, squirrel, badger, otter, mole, raccoon, beaver,
        deer"""
    ),
    "furry": words("squirrel, hedgehog, rabbit, mouse, fox cub, marten, hare, dormouse"),
    "large": words("bear, deer, moose, wolf, horse, lion, ox, buffalo"),
    "small": words("mouse, mole, beetle, shrew, lizard, cricket, hamster, chipmunk"),
    "rapid": words("hare, fox, deer, wolf, horse, cat, lynx, weasel"),
    "slow": words("turtle, snail, hedgehog, mole, bear, badger, toad, goose, porcupine"),
    "judge": words("the owl, the crow, the stork, the old goat, the woodpecker, the rooster"),
    # ------------------------------------------------------------------------ things to have
    "toy": words(
        """kite, ball, doll, teddy bear, toy boat, toy train, drum, yo-yo, toy car, robot, puppet,
        toy truck, whistle, toy rocket, toy horse, toy plane, spinning top, toy duck, jump rope,
        rag doll, wooden sword, toy whale, toy dragon, toy lion, pinwheel, toy wagon, music box,
        toy tiger, stuffed rabbit, wooden owl, flashlight, telescope"""
    ),
    "flying": words(
        "kite, paper plane, balloon, toy plane, ball, feather ball, toy rocket, glider"
    ),
    "instrument": words("flute, fiddle, drum, guitar, harp, accordion, banjo, trumpet"),
    "wrap": words("scarf, sweater, jacket, shawl, coat, cardigan, vest, poncho"),
    "bag": words("bag, backpack, lunch box, notebook, pencil case, umbrella"),
    "keepsake": words(
        """key, ring, coin, button, shell, feather, marble, bell, brooch, locket, pebble,
        thimble"""
    ),
    "fragile": words(
        """vase, cup, plate, fruit bowl, sugar bowl, teapot, jar, flowerpot, jug, candy dish,
        lamp"""
    ),
    "flag": words("flag, feather, ribbon, paper flag, leaf, scarf, balloon, pinwheel"),
    "picture": words(
        """ship, house, tree, bird, sunflower, lighthouse, castle, rainbow, sunset,
        butterfly"""
    ),
    # ------------------------------------------------------------------------ things to eat
    "snack": words(
        """apple, pear, banana, peach, cookie, muffin, sandwich, pancake, bun, waffle, pretzel,
        cupcake, biscuit, jam tart, cheese roll, slice of pie, rice cake, honey cake, plum,
        doughnut, cinnamon roll, piece of melon, oatmeal bar, slice of pizza"""
    ),
    "dish": words(
        """noodles, pancakes, fish and potatoes, mushroom stew, rice and beans, pizza, chicken
        pie, corn bread, scrambled eggs, dumplings"""
    ),
    "cold drink": words("lemonade, apple juice, water, fresh milk, orange juice"),
    "hot drink": words("hot cocoa, warm milk, mint tea, hot apple juice, honey tea"),
    "berry": words("strawberries, cherries, blueberries, raspberries, blackberries, currants"),
    "store": words("nuts, acorns, seeds, dried mushrooms, apples, roots, chestnuts, walnuts"),
    "vegetable": words(
        "pumpkin, carrot, turnip, cabbage, beet, radish, squash, onion, cucumber, leek"
    ),
    "nose": words("carrot, pine cone, corncob, cork, potato, parsnip"),
    # ------------------------------------------------------------------------ places
    "outdoors": places(
        """in the park, in the meadow, in the woods, in the orchard, in the valley, on the hill,
        by the river, by the pond, by the lake, near the farm, near the mill, near the old bridge"""
    ),
    "wilds": places(
        """in the meadow, in the woods, in the valley, on the hill, by the river, by the lake,
        by the waterfall, in the marsh, in the mountains, in the forest"""
    ),
    "room": places(
        """in the kitchen, in the hall, in the study, in the library, in the dining room,
        in the living room, in the sewing room"""
    ),
    "corner": places(
        """in the attic, in the cellar, in the garage, in the pantry, in the shed,
        in the laundry room"""
    ),
    "spot": words(
        """under a bush, behind a tree, in the tall grass, beside the path, behind a big stone,
        under some leaves, next to a fence, beside an old log, behind a bench, near the gate"""
    ),
    "wild spot": words(
        """under a bush, behind a tree, in the tall grass, beside the path, behind a big stone,
        under some leaves, beside an old log, between two rocks"""
    ),
    "nook": words(
        """under the bed, behind the curtain, under the sofa, behind the door, in a drawer,
        on top of the shelf, under the rug, behind the clock, in an old basket, under the
        stairs"""
    ),
    "land": words("Spain, Canada, Egypt, Japan, Brazil, India, Norway, Mexico, Kenya, Greece"),
    # ------------------------------------------------------------------------ what there is to say
    "color": words(
        "red, blue, green, yellow, orange, purple, pink, white, brown, golden, silver"
    ),
    "eye color": words("green, yellow, red, orange, golden, silver"),
    "little": words("small, little, tiny, young, thin"),
    "shape": words("rusty, wooden, dented, square, round, heavy"),
    "number": words("six, seven, eight, nine, ten, twelve, fifteen, twenty"),
    "few": words("two, three, four, five, six"),
    "age": words("five, six, seven, eight, nine, ten"),
    "weekday": words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "schoolday": words("Monday, Tuesday, Wednesday, Thursday, Friday"),
    "weekend": words("Saturday, Sunday"),
    "game": words(
        """tag, catch, hide-and-seek, leapfrog, hopscotch, pirates, marbles, checkers, ring toss,
        jacks"""
    ),
    "subject": words(
        """whales, stars, trains, knights, bugs, bears, ships, castles, dragons, volcanoes,
        rockets, horses, spiders, sharks, giants, the moon, the sea, penguins, owls, elephants"""
    ),
}

# ---------------------------------------------------------------------------- shared pieces

FRAGMENTS = {
    "day": """[One [|fine|warm|bright|sunny|quiet] [day|morning|afternoon]
        |On {weekday:weekday}|On {weekday:weekday} [morning|afternoon]|Last {weekday:weekday}]""",
    "morning": """[The next morning|Early the next morning|The next day|On the following day
        |After breakfast]""",
    "evening": """[In the evening|That evening|At sunset|When the sun went down|Before supper
        |Late that day]""",
    "later": """[A few days later|The next week|Two days later|Not long after that
        |Three days later|After a week|Some days later]""",
    "always": "[From that day on|After that|From then on|Ever since that day]",
    "suddenly": "[Suddenly|At last|All at once|A moment later]",
    "weather": """[The sun was [shining|warm]|The sky was [bright|clear] and blue
        |A [soft|gentle|warm] wind was blowing|Birds were singing in the [trees|hedges]
        |White clouds sailed by|The air smelled of [grass|flowers|summer]|Bees were humming].""",
    "kid": "[a [|little|young] girl named {who:girl}|a [|little|young] boy named {who:boy}]",
    "said": "[said {who}|{who} said]",
    "replied": "[said {who}|{who} said|answered {who}|{who} answered|{who} replied]",
    "asked": "[asked {who}|{who} asked|{who} wanted to know]",
    "cried": """[cried {who}|called {who}|shouted {who}|{who} cried|{who} called
        |{who} shouted]""",
    "softly": "{who.he} [said|whispered|said softly|murmured|said in a low voice]",
    "thanks": """"[Thank you|Thank you so much|Many thanks|How kind of you|You are so kind][|,
        {whom}]!" <cried who>.""",
    "smiled": "{Who} [smiled|laughed|grinned|nodded|beamed|chuckled]",
    "glad": """{Who} [was [very|so] [happy|glad|pleased]|smiled from ear to ear
        |[jumped|danced] for joy|clapped {who.his} hands|laughed out loud].""",
    "sad": """{Who} [was [very|so] [sad|unhappy]|[began|started] to cry
        |had tears in {who.his} eyes|felt like crying|could not hold back a tear].""",
    "afraid": """{Who} [stood quite still|turned pale|trembled|bit {who.his} lip
        |could hardly breathe|felt cold all over].""",
    "ashamed": """{Who} [turned red|blushed|felt ashamed|hung {who.his} head
        |looked at {who.his} shoes|stared at the floor].""",
    "hug": """{Who} [gave {whom} a [big|warm|tight] hug|put {who.his} arms around {whom}
        |hugged {whom}|hugged {whom} tightly].""",
    "close": """[That night|At bedtime|Later, in bed|When the moon came up], {who} [slept very
        well|smiled in {who.his} sleep|fell asleep at once|dreamed of {dream:subject}
        |hummed a little song|told the cat everything].""",
}

REQUESTS = """[Write a story about ABOUT.|Tell me a story about ABOUT.
|Please write a short story about ABOUT.|I would like to hear a story about ABOUT.
|Can you tell a story about ABOUT?]"""

# ---------------------------------------------------------------------------- plots

PLOTS = {
    # A toy is lost through carelessness or through bad luck; the lesson depends on which.
    "lost toy": (
        "{hero} and a lost {color} {thing}",
        """
        [{hero:child} had {a color:color} {thing:toy}.|[Once|Once upon a time] there was <kid
        hero> who had {a color:color} {thing:toy}.|{hero:child} got {a color:color} {thing:toy}
        for {hero.his} birthday.] [It was {hero.his} [favorite|best|dearest] toy.|{Hero.He}
        loved it [more than anything|with all {hero.his} heart].|{Hero.He} took it
        [everywhere|wherever {hero.he} went].|{Hero.He} would not [sleep|go to sleep] without
        it.]
        [trait?
        careless: But {hero.he} [never put {hero.his} things away|often left {hero.his} things
        lying around|did not look after {hero.his} things].
        | careful: [{Hero}|{Hero.He}] always took [good|great|the best] care of it.]
        <day>, {hero} [played with it|took it out to play|was playing with it]
        {place.at:outdoors}. <weather>
        [trait?
        careless: Then {hero.he} [ran off to chase a butterfly|heard some music and ran to see
        the parade|saw some friends and ran to meet them], and the {thing} was [forgotten|left
        behind].
        | careful: On the way home, it [fell|slipped] [out of {hero.his} bag|through a hole in
        {hero.his} bag], and {hero.he} did not [notice|see it fall|hear it fall].]

        <evening>, {hero} [looked for|wanted|asked for|missed] the {thing}, but it was
        [gone|not there|nowhere in the house]. <sad hero> "[We will look for it together|Do not
        worry, I will help you|Let us go and find it|Come, we will search for it]," said
        {hero.his} [friend|good friend|best friend] {friend:child}. [They went back and
        searched|The two children looked everywhere|They hurried back and looked|They took a
        lantern and searched] {place.at}.
        [end?
        hero: [<suddenly>|Just before dark], {hero} saw something {color} {spot:spot}. "[There
        it is|I found it|I can see it|Look]!" {hero.he} [cried|shouted|called]. It was the
        {thing}[, and it was not even broken|, safe and sound|, only a little dusty].
        | friend: [<suddenly>|Just before dark], {friend} saw something {color} {spot:spot}.
        "[Is this yours|Is this what you lost|Could this be it]?" {friend.he} [asked|called].
        It was the {thing}! <hug hero friend>
        | nobody: But they did not find it[| anywhere]. {Friend} thought for a
        [moment|while|minute]. "[You can have|I will give you|Take] my {gift:toy}," {friend.he}
        [said|said softly|said at last]. "[I want you to be happy again|Then you will not be so
        sad|It will make you smile again]."]

        [trait?
        careless: <always>, {hero} put away all {hero.his} toys [every night|after
        playing|before bedtime].
        | careful: [That night|The next day], {elder:family} [mended|sewed up] the bag, so that
        nothing would [ever fall out|get lost] again.]
        [end?
        hero: And the {color} {thing} [slept on {hero.his} pillow|stood by {hero.his} bed|was
        never lost again].
        | friend: And {hero} [never forgot|always remembered] who had found the {color}
        {thing}.
        | nobody: And {hero} and {friend} [played with the {gift} together|shared the {gift}],
        [day after day|every day|all summer long].]
        """,
    ),
    # A snack is shared or kept; the next day the other one has the snack.
    "shared snack": (
        "{hero}, {friend} and {a snack}",
        """
        <day>, {hero:child} sat [down next to|beside|across from] {friend:child} [at the long
        lunch table|under the big tree in the yard|on a bench in the yard|on the steps in the
        sun]. <weather> {Hero} [opened {hero.his} [bag|lunch box|basket] and took out|had
        brought|unpacked] {a snack:snack}. [It looked [delicious|wonderful|fresh and tasty].|It
        smelled so good.|{Hero.He} had looked forward to it all morning.|It was still warm.]
        {Friend} [looked down|looked at {friend.his} shoes|sat very still]. "I [forgot|lost] my
        lunch [today|this morning]," <softly friend>. [{Friend.His} stomach
        [rumbled|growled].|{Friend.He} looked [very|so] hungry.|{Friend.He} tried not to look
        at the {snack}.]

        [end?
        shared: {Hero} [thought about it|did not think twice|smiled at {friend.him}|moved
        closer]. {Hero.He} [broke|cut] the {snack} in two. "[Here, take half|One half is for
        you|We can share it|Half of it is yours]," {hero.he} said. [{Friend} ate every
        crumb.|{Friend} smiled and took a big bite.|{Friend} began to smile again.] "[That was
        so kind|I will not forget this|You are a real friend|Nothing ever tasted so good],"
        {friend.he} said.
        | kept: {Hero} [turned away|looked the other way|shook {hero.his} head]. "[It is mine|I
        only have one|I am hungry too|It is not big enough for two]," {hero.he} said, and
        {hero.he} ate the {snack} all alone. [But it did not taste as good as {hero.he} had
        hoped.|But somehow it did not taste right.|But {hero.he} did not enjoy it.] {Friend}
        [said nothing|did not say a word|just sat there].]

        The [next|very next] day, it was {hero} who had [no lunch|nothing to eat]. [The
        [bag|lunch box] was still on the kitchen table.|{Hero.He} had left it on the bus.|The
        dog had eaten it.] {Friend} [had brought|had|took out] {a treat:snack}.
        [end?
        shared: "[You shared your {snack} with me|Yesterday you gave me half of your {snack}|I
        remember your {snack}]," <said friend>. "[Now|Today] it is my turn." And {friend.he}
        gave {hero} the bigger half of the {treat}. [It tasted better than any lunch
        before.|They laughed and ate.|They ate and told each other jokes.] <always>, they
        [always shared|shared everything|shared whatever they had], and neither of them was
        ever hungry.
        | kept: {Hero} [did not dare to ask|was too ashamed to ask|looked away]. But {friend}
        [broke|cut] the {treat} in two and [smiled|held out one half|gave {hero} one half].
        "[Nobody should be hungry|It is more fun to eat together|Here, this is for you],"
        {friend.he} said. <ashamed hero> "I am sorry that I [kept my {snack} to myself|did not
        share my {snack}|ate my {snack} alone]," <softly hero>. <always>, {hero} [always
        shared|never ate alone again|shared all {hero.his} lunches].]
        """,
    ),
    # A promise is kept or forgotten, and what was promised blooms, eats, stays dry or does not.
    "promise": (
        "{hero} and a promise to {elder}",
        """
        <day>, {elder:neighbor} had to [go away|visit {elder.his} sister|go to the city|see the
        doctor|catch a train]. "Can you
        [job?
        flowers: water my {color:color} flowers [today|this evening|before dark]
        | pet: feed my {pet:pet} [today|this evening|before dark]
        | laundry: bring in my {color:color} blanket before it rains]?" {elder.he} asked
        {hero:child}. "[Yes, I promise|I promise|Of course, you can count on me|I promise to do
        it|I give you my word]!" <said hero>.

        [After lunch|A little later|An hour later|Soon], {friend:child} [came running|knocked
        on the door|came by on a scooter|stood at the gate]. "[Come and play|Let us play|I want
        to play] {game:game} {place.at:outdoors}!" <said friend>. [{Hero} wanted to go
        [very|so] much.|It sounded like [a lot of|such] fun.|{Hero} loved to play {game}.]
        [end?
        kept: But {hero} [remembered|thought of] {hero.his} promise. "[First I have to do
        something|I have to help {elder} first|I gave my word to {elder}]," {hero.he} said.
        "[Then I will come|After that we can play|Please wait for me]." "[I will help you|Two
        are faster than one|Then let us do it together]," <replied friend>.
        [job?
        flowers: They filled [the big can|two cans|a bucket] and watered [every flower|every
        one of the flowers|them all].
        | pet: They filled the bowl, and the {pet} ate [it all up|every bit] and {pet.joy}.
        | laundry: They took the blanket down and carried it inside[| together|, laughing],
        just before the first drop fell.]
        | forgot: {Hero} [ran off at once|grabbed {hero.his} ball and went along|was gone
        before the door closed]. They played [until the sun went down|all afternoon|for hours],
        and {hero} did not [think of|remember] {hero.his} promise [once|at all].]

        [<evening>|<morning>], {elder} came [home|back].
        [end?
        kept:
        [job?
        flowers: All the {color} flowers were [bright and fresh|standing tall|in full bloom].
        | pet: The {pet} was [full and happy|fast asleep|warm and happy].
        | laundry: The {color} blanket was [warm and dry|dry and soft|clean and dry].]
        "[You kept your promise|I knew that I could trust you|I see that you did not forget],"
        <said elder>. "[I am proud of you|That is what good neighbors do|You are a great
        help]." And {elder.he} gave {hero} and {friend} {a treat:snack} [to share|for the
        way|for their help].
        | forgot:
        [job?
        flowers: All the {color} flowers [hung their heads|were dry and limp].
        | pet: The {pet} was [very hungry. "{pet.Cry}!" it cried|so hungry that it could not
        sleep|lying sadly by its empty bowl].
        | laundry: The {color} blanket was [wet through|cold and wet].]
        "[You promised|I counted on you|I believed you]," <said elder>. <ashamed hero> "I am
        [so|very|truly] sorry," <softly hero>. "[How can I make it right|What can I do now]?"
        [job?
        flowers: {Hero.He} watered the flowers [for a whole week|every day that week], until
        they bloomed again.
        | pet: {Hero.He} fed the {pet} at once and played with it until it {pet.joy}.
        | laundry: {Hero.He} washed the blanket and hung it by the stove until it was warm and
        dry.]
        <always>, {hero} [never forgot a promise again|kept every promise|kept {hero.his}
        word].]
        """,
    ),
    # A wild animal is hurt, is nursed and must be let go; it may come back.
    "hurt animal": (
        "{hero} and a hurt {animal}",
        """
        <day>, {hero:child} was [walking|playing|picking flowers|running] {place.at:outdoors}
        when {hero.he} heard a [soft|faint|strange|sad] [cry|sound]. {Spot:spot} [sat|lay] {a
        little:little} {animal:wild}. [Its leg was hurt, and it could not move.|It had hurt its
        leg.|One of its legs was hurt.|It trembled and held up one leg.] "[You poor little
        thing|Poor thing|Oh dear|Oh no]," <said hero>. "[Do not be afraid|I will not harm you|I
        will help you|You are safe now]."

        {Hero} [wrapped it in|picked it up and laid it in] {hero.his} {color:color}
        {cloth:wrap} and [carried it|took it] [home|all the way home|carefully home]. "[It
        needs rest|We must be gentle|It will be fine|It is only a small cut]," said
        {elder:family}, and {elder.he} [made a bed for it in a box|put it into a box with soft
        straw|put some salve on the leg]. [Every morning|Each day|Morning and evening], {hero}
        gave it {animal.food} and [fresh water|talked to it|sang to it].
        [trait?
        keep: "[I want to keep it|I never want it to leave|Let it stay with us forever]," <said
        hero>. {Elder} [shook {elder.his} head|stroked {hero.his} hair|was quiet for a moment].
        "{A animal} [needs|has] to be free," {elder.he} said.
        | free: "[Soon you will be free again|Soon you can go home|Soon you will play in the
        sun again]," {hero} told it [every night|each evening].]

        <later>, the {animal} [was well again|was strong again|was as good as new]. {Hero} took
        it back to the {place}.
        [trait?
        keep: {Hero.He} [had to swallow hard|was sad|wiped away a tear], but {hero.he} [let it
        go|knew that it was right].
        | free: {Hero.He} [laughed and waved|clapped {hero.his} hands|wished it good luck].]
        The {animal} [looked back once|waited a moment|sniffed the air] and then [was
        gone|disappeared|hurried away] {animal.home}.
        [end?
        back: [The next spring|One week later|When summer came], {hero} saw {a little} {animal}
        near the house. It [looked at {hero.him}|sat quite still|came closer] and was not
        afraid at all. "[You came back to see me|You remember me|It is you]!" <softly hero>.
        | away: {Hero} never saw it again. But [whenever {hero.he} wore the {color}
        {cloth}|every time {hero.he} put on the {color} {cloth}], {hero.he} [thought
        of|remembered] the little friend who had once slept in it.]
        """,
    ),
    # Something is broken indoors; telling the truth and hiding it lead to different evenings.
    "broken thing": (
        "{hero} and a broken {color} {thing}",
        """
        {Elder:family} had a [beautiful|fine|lovely|pretty] {color:color} {thing:fragile} that
        [stood|was kept] {room.at:room}. [It was very old.|It came from {land:land}.|It had
        been a present.|It was {elder.his} favorite.] "[Please do not|You must not|Never] play
        with a ball in the house," {elder.he} [often told|said to|had told] {hero:child}. But
        one [cold|wet|rainy|gray|dull] [day|afternoon|evening], {hero} [threw {hero.his} ball
        against the wall|kicked {hero.his} ball around the {room}|bounced {hero.his} ball up
        and down] [just once|only a little|for fun]. [Crash!|Bang!|Smash!|Clang!] The {thing}
        fell down and broke [into three pieces|in two|into many pieces].

        <afraid hero>
        [end?
        told: [After a moment|After a while|But soon] {hero.he} [took heart and|got up
        and|slowly] went to find {elder}. "I have [something sad|something bad] to tell you,"
        {hero.he} said. "[I broke your {color} {thing}|I played with my ball, and your {color}
        {thing} is broken]. I am [so|very|truly] sorry." {Elder} [was quiet for a
        moment|sighed|looked at the pieces]. "[I am sad about the {thing}|That was not good|I
        liked it so much]," {elder.he} said. "But [you told me the truth|you were honest|you
        came to me at once], and that was [brave|hard to do|right]."
        | hid: [In a hurry|Quickly|Very quietly], {hero.he} picked up the pieces and hid them
        {nook:nook}. That night {hero.he} could not [sleep|close {hero.his} eyes|lie still]. In
        the morning, {elder} [was sweeping|was looking for a sock|lost a button] and found the
        pieces {nook}. "[Who did this|What is this|How did this happen]?" {elder.he} asked.
        <ashamed hero> "[It was me|I broke it|My ball hit it]," <softly hero>. "I was afraid to
        tell you." "[Hiding it was worse|You can always tell me|It hurts me more that you hid
        it]," <replied elder>.]

        [Together, they|The two of them|Side by side, they] glued the {thing}, piece by piece.
        [You could still see the cracks.|One small piece was missing.|It was not quite straight
        anymore.|It looked old and brave.]
        [end?
        told: But {elder} [put it back in its place|said that it was more beautiful now|liked
        it even better], because it made {elder.him} think of an honest {hero.boy}.
        | hid: <always>, whenever something [went wrong|got broken], {hero} [told the truth at
        once|went straight to {elder}].]
        <close hero>
        """,
    ),
    # A storm frightens a child; the trick learned that night helps somebody else later.
    "thunderstorm": (
        "{hero}, who was afraid of thunder",
        """
        [{hero:child} was afraid of [thunder|storms|thunder and lightning].|There was only one
        thing that {hero:child} was afraid of: [thunder|storms].|{hero:child} was {age:age}
        years old and afraid of [thunder|storms].] <day>, [dark|black|heavy|gray] clouds [came
        over the hills|filled the sky|hung over the [town|houses]]. [At bedtime|That
        night|After dark], the storm [began|broke loose|was right above the house].
        [Boom!|Crack!|Rumble, rumble!] {Hero} [pulled the {color:color} blanket over {hero.his}
        head|hid under {hero.his} {color:color} blanket|held {hero.his} {color:color} blanket
        tight].

        {Elder:family} [heard {hero.him} and came in|came and sat on the bed|opened the door
        and came in]. "[I am afraid|I do not like the thunder|It is so loud|I want it to
        stop]," <said hero>. "[I was afraid too when I was small|Everybody is afraid
        sometimes|It is only noise]," <replied elder>. "[I know a trick|I will teach you a
        trick|I will tell you what helps].
        [trick?
        count: After the lightning, count slowly until you hear the thunder.
        | sing: When it gets loud, sing a song that is louder.
        | think: Close your eyes and think of your best day.
        | blow: Breathe in slowly and pretend to blow out candles.]" [{Hero} tried it.|So
        {hero.he} tried it.|They tried it together.]
        [trick?
        count: "One, two, three, [four|four, five|four, five, six]," {hero.he} counted.
        | sing: {Hero.He} sang a [long|silly|funny] song about {subject:subject}.
        | think: {Hero.He} thought of [the day at the beach|the first snow|{hero.his} last
        birthday].
        | blow: {Hero.He} blew out [three|ten|twenty] candles that were not there.]
        [Slowly the fear went away.|The storm did not seem so bad now.|Little by little,
        {hero.he} felt calm.] [Soon|Before long|A little later], {hero.he} was [asleep|fast
        asleep|dreaming].

        <later>, [{friend:child} was visiting|{friend:child} came to stay for the
        night|{friend:child} slept at {hero}'s house] when it thundered again. {Friend} [began
        to shake|turned pale|hid under the table]. "[Do not worry|I was afraid too|It is only
        noise]," <said hero>. "I know a trick."
        [trick?
        count: And they counted together [until the storm was far away|after every flash].
        | sing: And they sang together about {subject} [until the storm was far away|as loud as
        they could].
        | think: And they closed their eyes and [told each other|talked] about their best days.
        | blow: And they blew out a hundred candles [one by one|that were not there].]
        "[It works|It really helps|I feel better now]," <said friend>. [{Elder}, who stood at
        the door, smiled.|{Elder} heard it and smiled.|{Hero} was so proud.]
        """,
    ),
    # Salt is taken for sugar in a hurry; the one who tastes first saves the party.
    "birthday cake": (
        "{hero}, who baked a cake for {friend}",
        """
        [[Tomorrow|{Weekday:weekday}] was {friend:child}'s birthday.|{friend:child} was going
        to be {age:age} years old.|It was the day before {friend:child}'s birthday.] "[I want
        to bake a cake|I will bake a cake for {friend.him}|Let us make a cake|We need a cake],"
        {hero:child} [said to|told] {elder:family}. "{Friend} [loves|likes nothing better than]
        {berry:berry}." They [took out|got out|fetched] [flour, eggs and butter|eggs, milk and
        flour|butter, flour and cream] and a [big bowl|whole basket|little dish] of {berry}.
        [The kitchen was warm.|{Elder} put on an apron.|{Hero} washed {hero.his} hands.|The cat
        sat and watched.|A song was on the radio.|It was raining outside.] {Hero}
        [mixed|stirred|beat] everything in {a color:color} bowl.
        [trait?
        hasty: {Hero.He} was in [a|such a great] hurry
        | calm: {Hero.He} took {hero.his} time], and [next to the sugar stood the salt|on the
        shelf the salt stood beside the sugar|the salt looked just like the sugar].

        [trait?
        hasty: {Hero} [did not read the label|did not look twice|did not taste it first].
        {Hero.He} took the wrong [jar|box|bag] and poured [a whole cup|two big spoons] into the
        bowl. The cake [came out golden|looked perfect|smelled wonderful]. But at the party,
        {friend} took one bite and [made a face|coughed] and asked for {drink:cold drink}. "[It
        is salty|It tastes like the sea|I think there is salt in it]," {friend.he} said.
        | calm: {Hero} [put a finger into the jar|tasted a little first|dipped a spoon into the
        box]. "[This is salt|Wait, this is not sugar|We almost took the salt]!" {hero.he}
        [cried|laughed|called]. "[Lucky that you tasted it|Well done|That was close]," <said
        elder>. The cake [came out golden|looked perfect|smelled wonderful], and at the party,
        {friend} [asked for more|ate three pieces|did not leave one crumb] and drank
        {drink:cold drink}. "[It is the best cake ever|It is full of {berry}|I love it],"
        {friend.he} said.]

        [trait?
        hasty: <ashamed hero> But {friend} [began to laugh|took {hero.his} hand], and soon
        everybody laughed. "[We can still eat the {berry}|There are {berry} left|The {berry}
        are sweet]," <said elder>. So they [sat in the grass|sat on the steps|sat around the
        table] and ate {berry} with [cream|sugar|honey|milk]. And the next time {hero} baked,
        {hero.he} tasted everything [first|twice].
        | calm: <hug friend hero> "[You made it yourself|You remembered what I like best|Nobody
        ever baked for me before]," {friend.he} said. <smiled hero> and licked the last crumbs
        from the {color} bowl. "[A good baker tastes first|A good cook takes time]," <said
        elder>[, and they all laughed| with a wink|, and {hero} nodded].]
        """,
    ),
    # The fast one boasts and the slow one keeps going; a nap or a fall decides the race.
    "race": (
        "a race between {a rapid} and {a slow}",
        """
        [Once upon a time|Long ago|Once|Many years ago], {a rapid:rapid} named {rival:child}
        and {a slow:slow} named {hero:child} lived {place.at:wilds}. {Rival} was [very fast|the
        fastest of all|quick as the wind] and [never let anybody forget it|told everybody
        so|very proud of it]. "[You are so slow|Even a leaf is faster than you|You need all day
        to cross the path]," {rival.he} [laughed|said to {hero}]. {Hero} [only smiled|kept
        calm|looked up]. "[Then let us have a race|Then race with me|We shall see who is
        first]," {hero.he} said. "[To the old bridge|To the big oak|To the end of the path].
        The winner gets {a prize:snack}."

        <day>, [all the animals|everybody] came to watch. <weather> "[Ready, steady, go|One,
        two, three, go]!" [cried|called|shouted] {judge:judge}. {Rival} [shot away|ran off like
        the wind|was out of sight at once]. {Hero} [walked|went] [step by step|at a slow and
        steady pace|one step after the other].
        [end?
        nap: [Halfway|After a while], {rival} looked back and [saw nobody|could not see
        {hero}]. "[I have time for a nap|There is no hurry|I can rest a little]," {rival.he}
        said, and {rival.he} [lay down {spot:wild spot}|curled up {spot:wild spot}] and fell
        asleep. When {rival.he} woke up, the [sun was low|shadows were long]. {Rival.He} ran as
        fast as {rival.he} could, but {hero} was [already there|the first by a nose].
        | fall: But {rival} [looked back to laugh|did not watch the path|waved to the crowd],
        [tripped over a root|slipped on a wet stone|stepped into a hole] and hurt {rival.his}
        foot. [Before long|After a while], {hero} came by. {Hero.He} could have won now, but
        {hero.he} stopped. "[Lean on me|Hold on to me|Take my arm]," {hero.he} said. Side by
        side, they [came to|reached] the end.]

        [end?
        nap: "[How did you do that|How can that be]?" {rival} [asked|panted]. "[I did not
        stop|I just kept going]," <replied hero>. {Hero.He} cut the {prize} in two and gave
        {rival} one half. <ashamed rival> {Rival.He} never [laughed at|made fun of] anybody
        again.
        | fall: "[Who gets the {prize}|Who is the winner]?" everybody asked. "{Hero} is the
        winner," <said rival>. "[I am fast, but {hero} is kind|I have fast legs, but {hero} has
        a good heart], and that is better." They shared the {prize}, and ever since that day
        they were friends.]
        """,
    ),
    # A seed is planted; the patient gardener and the one who digs it up reap what they sowed.
    "seed": (
        "{hero} and {a vegetable} seed",
        """
        [In the spring|In April|When the snow was gone|One day in March|On the first warm
        {weekday:weekday}], {elder:neighbor} gave {hero:child} {a vegetable:vegetable} seed[ in
        {a color:color} paper bag| in {a color:color} box|, wrapped in {color:color} paper].
        "[It is small now|It looks like nothing|It may not look like much]," {elder.he} said,
        "but [a whole garden is asleep in it|if you are patient, it will surprise you|good
        things take time]." {Hero} [made a hole in the ground|dug a small hole|found a good
        place by the wall], [put the seed in|laid the seed in it] and [covered it with
        earth|gave it some water]. [{Hero.He} planted it in the sunniest corner.|{Hero.He} put
        a little stick beside it.|{Hero.He} sat down next to it and waited.|"Grow well,"
        {hero.he} told it.]

        [trait?
        patient: [Day after day|Every morning|Every day after school], {hero} watered the spot
        and pulled out the weeds. [Nothing happened for a long time.|For two weeks there was
        only brown earth.|The birds came and went, but nothing grew.] "[Is it dead|Will it
        never come up|What are you waiting for]?" asked {hero.his} friend {friend:child}. "[It
        needs time|We have to wait|{Elder} told me to be patient]," <replied hero>. [Then, one
        morning|At last|One rainy day], there was a [tiny|small] green leaf.
        | hasty: [The next day|After one day|In the morning], nothing had happened. [Nothing
        happened on the second day either.|{Hero} sighed.|{Hero} stamped {hero.his} foot.] "[I
        only want to look|I must know if it grows|I cannot wait any longer]," {hero.he} said to
        {hero.his} friend {friend:child}, and {hero.he} dug the seed up. {Hero.He} dug it up
        [the next day too|again and again|twice a day]. [On the third day|Soon|Before long],
        the seed was [dry and dead|broken|gone].]

        [trait?
        patient: By [fall|September|the end of summer], it was the
        [biggest|finest|heaviest|roundest] {vegetable} in [the street|the village|the whole
        town]. {Hero} and {friend} [rolled|carried|took] it to {elder}, who made soup
        [with|from] it and served {dish:dish} and {drink:cold drink} too. "[You waited, and
        look what came of it|Patience is the best water|I knew that you could do it]," <said
        elder>. <glad hero>
        | hasty: {Hero} [ran|went] to {elder} and told {elder.him} [everything|the whole
        story]. {Elder} [did not scold|did not laugh|scratched {elder.his} chin|went to the
        shed]. "[Here is one more|I have one seed left]," {elder.he} said. "But [remember|do
        not forget]: seeds [grow|wake up] when nobody pulls at them." This time {hero} [kept
        {hero.his} hands in {hero.his} pockets|only watered it and waited|counted to a hundred
        every day instead]. By [fall|September|the end of summer], there was one [small but
        perfect|fine, fat|round] {vegetable}, and {hero} and {friend} carried it to {elder}
        [with pride|with a song].]
        """,
    ),
    # A new child sits alone; being asked to play, or not, decides how long the loneliness lasts.
    "new child": (
        "{hero} and {friend}, the new child at school",
        """
        On {weekday:schoolday}, [a new child came to the class|there was a new face in the
        class|somebody new stood at the blackboard]. "[This is {friend:child}|Please say hello
        to {friend:child}]," said {teacher:neighbor}, the teacher. {Friend} [said hello very
        softly|nodded shyly|held {friend.his} {color:color} {bag:bag} tight] and [sat down in
        the last row|took the seat by the window|took the seat near the door]. At
        [recess|noon], {friend.he} [stood alone by the fence|sat alone on the steps|leaned
        against the wall all alone|watched the others from far away]. <weather>

        [end?
        asked: {hero:child} [saw it|noticed it] and [walked over|went up to {friend.him}|ran
        across the yard]. "[Would you like to play {game:game} with us|Come and play
        {game:game} with us|Do you want to play {game:game}]?" {hero.he} asked. <smiled
        friend>. "[I do not know the rules|I have never played it]," {friend.he} said. "[I will
        show you|It is easy|I could not play it at first either]!" <replied hero>. [Soon they
        were both out of breath and laughing.|They played until the bell rang.|{Friend} was
        quick, and everybody cheered.]
        | ignored: {hero:child} [saw it|noticed it], but the others were [already
        playing|waiting to play] {game:game}. "[Somebody else will ask {friend.him}|I can do it
        later]," {hero.he} thought. Nobody did. That night, {hero} [could not stop thinking of
        it|lay awake and thought]. {Hero.He} remembered [how it was to be new|{hero.his} own
        first day]. The next morning, {hero.he} [went straight to {friend}|waited for {friend}
        at the gate]. "[I should have asked you yesterday|I am sorry about yesterday],"
        {hero.he} said. "[Will you play {game} with me today|Do you want to play {game}]?"
        {Friend} [thought for a moment and nodded|smiled a little|looked at {hero.him} for a
        while and nodded].]

        [{Friend} knew everything about {subject:subject}.|{Friend} had once lived in
        {land:land}.|{Friend} could draw {subject:subject} better than anybody.|{Friend} told
        {hero} all about {subject:subject}.] [They ate their lunch together|They walked home
        together|They shared {a snack:snack}] and [talked and talked|did not stop talking].
        [end?
        asked: "[You were the first to speak to me|When I was all alone, you came]," {friend}
        said [one day|later|in the summer]. "[I will never forget that|That made me brave]."
        <smiled hero>. "It was only {game}," {hero.he} said. But [both of them knew|they both
        knew|{friend} knew] that it was more.
        | ignored: "[You were late|You took one day|You let me wait]," {friend} [said with a
        smile|joked|said later], "[but you came|but I am glad that you came]." And whenever
        somebody new came to the school, {hero} did not wait [until the next day|one minute].]
        """,
    ),
    # A handmade present is ruined; it is made again with help, or given as it is, with the truth.
    "present": (
        "{hero} and a present for {elder}",
        """
        {hero:child} wanted to give {elder:family} something
        [special|beautiful|lovely|nice|very fine] for {elder.his} birthday on
        {weekday:weekday}, but {hero.he} had [no money|only two coins|spent all {hero.his}
        money]. "[Then I will make something|I will make it myself|I can make a present],"
        {hero.he} [said|thought|decided]. {Hero.He} [sat down|went to work|took scissors and
        paint] {room.at:room} and
        [craft?
        card: painted a [big|folded|large] card with {a color:color} {picture:picture} on it
        | bowl: made a [little|round|deep] {color:color} bowl out of clay
        | chain: made a [long|fine|pretty] chain of {color:color} beads]. [It took all
        [day|morning|afternoon].|{Hero.He} worked until dinner.|{Hero.He} had never worked so
        hard.|{Hero.He} sang while {hero.he} worked.]

        But [that evening|the next morning|while {hero.he} was out|during the night], [the cat
        jumped on the table|the wind blew the window open|{hero.his} little [brother|sister]
        climbed on the table|somebody bumped into the table], and
        [craft?
        card: the card fell into a glass of water
        | bowl: the bowl fell down and broke in two
        | chain: the string broke and the beads rolled away]. <sad hero>
        [end?
        again: "[Do not give up|We can fix this|I will help you|Let us try once more]," said
        {hero.his} [friend|good friend|best friend] {friend:child}. [They sat down
        together.|They started again.|They went to work.]
        [craft?
        card: They painted a new card, and {friend} held the glass [the whole time|with both
        hands].
        | bowl: They made a new bowl, and {friend} carried it to the oven [with both hands|very
        slowly].
        | chain: They crawled over the floor until they had found [every bead|all the beads but
        one].]
        [Just in time|Late at night|An hour before the party], it was [finished|done].
        | same: There was no time to make another one. [Slowly|With a heavy heart|At last],
        {hero} wrapped up
        [craft?
        card: the wet card
        | bowl: the two halves of the bowl
        | chain: the loose beads], and {hero.his} [hands shook|face was red|heart beat fast]
        when {elder} opened the [little|small] package. "[It was nicer yesterday|It had an
        accident|I am sorry, it was whole before]," <softly hero>.]

        {Elder} [looked at it for a long time|put on {elder.his} glasses|held it up to the
        light|did not speak at first].
        [end?
        again: "[Did you make this for me|Did you make this yourself]?" {elder.he} asked.
        "{Friend} helped me to make it twice," <said hero>. <smiled elder>. "Then it is [twice
        as beautiful|worth twice as much]," {elder.he} said.
        | same: "[You made this for me|How much work you had]," {elder.he} said. "[It is the
        best present of all|I would not trade it for gold]." Together they
        [craft?
        card: dried the card [by the stove|in the sun]
        | bowl: glued the bowl [that very evening|after the party]
        | chain: threaded the beads [again|on a new string].]]
        [craft?
        card: The card with the {color} {picture} stood on {elder.his} table
        | bowl: The {color} bowl stood on {elder.his} table
        | chain: {Elder} wore the {color} chain]
        [for many years|ever after|day after day].
        """,
    ),
    # A toy is stuck in a tree; the one who waits gets help, the one who climbs needs it too.
    "stuck in a tree": (
        "{hero} and {a thing} in a tree",
        """
        <day>, {hero:child} and {friend:child} were playing with {hero}'s {color:color}
        {thing:flying} {place.at:outdoors}. <weather> It flew [higher and higher|up and up|very
        high], and then it [landed in|got stuck in|came down in] the top of a [tall|big|very
        old] [oak|maple|pine|chestnut tree]. "[Oh no|What now|What shall we do]!" <cried
        friend>. They [shook the tree|threw sticks at it|jumped up and down|threw pine cones at
        it], but the {thing} did not [move|come down].

        [trait?
        hasty: "[I will climb up|I can get it myself|I will be quick]," <said hero>. "[It is
        too high|Please wait|Let us get help]," <said friend>, but {hero} was already [on the
        first branch|halfway up]. {Hero.He} [climbed and climbed|went up and up]. Then
        {hero.he} [looked down|heard a crack]. The ground was [far|very far] away, and
        {hero.he} could not move [at all|up or down]. "[I am stuck too|Help me|I am afraid]!"
        <cried hero>. {Friend} ran to get {helper:neighbor}, who [lived nearby|was working in
        the garden|was painting a fence].
        | calm: "[Shall I climb up|Shall we climb up]?" <asked friend>. "[It is too high|That
        is not safe|No, we could fall]," <replied hero>. "[Let us ask somebody with a ladder|We
        should get help]." They [ran|walked] to {helper:neighbor}, who [lived nearby|was
        working in the garden|was painting a fence], and asked for help.]

        {Helper} [came at once|put down {helper.his} cup|laughed|did not ask twice] and brought
        a [long|tall|heavy] ladder.
        [trait?
        hasty: First {helper.he} brought down {hero}, and then the {color} {thing}. "[You were
        lucky|That was dangerous]," {helper.he} said. "[A tree is not a staircase|Next time ask
        first]." {Hero}'s knees were [soft|shaking]. "[I will never do it again|I promise to
        ask first]," {hero.he} said. <always>, {hero} and {friend} [went straight to
        {helper}|asked for a ladder first].
        | calm: [One step at a time|Slowly|Whistling a song], {helper.he} climbed up and came
        down with the {color} {thing}. "[It was wise to ask|That was the right thing to do],"
        {helper.he} said. The [next|very next] day, {hero} and {friend} brought {helper.him} {a
        treat:snack} [to say thank you|as a thank-you]. <glad helper>]
        """,
    ),
    # A scarf is given to a snowman; whoever needs it next gets it, and warmth comes back.
    "snowman": (
        "{hero}, {friend} and a snowman with {a color} scarf",
        """
        [It had snowed all night.|In the morning, the world was white.|The first snow had
        come.|Thick snow lay on the roofs.] {hero:child} and {friend:child} [ran outside|pulled
        on their boots|could not wait to go out]. "[Let us build a snowman|We will build the
        biggest snowman of all|I want to build a snowman]!" <cried friend>. They rolled
        [two|three] big balls of snow and [put them on top of each other|piled them up]. For
        the eyes they took [stones|buttons|chestnuts|lumps of coal], and for the nose {a
        nose:nose}. "[He looks cold|Something is missing|He is not finished yet]," <said hero>,
        and {hero.he} put {hero.his} {color:color} scarf around the snowman's neck.

        [end?
        animal: <morning>, the {color} scarf was [gone|not there anymore]. [Small|Little]
        [tracks|footprints] led away from the snowman. {Hero} and {friend} [followed them|went
        after them] and found, {spot:spot}, {a animal:furry} [asleep in|rolled up in|wrapped
        in] the scarf. "[It needs the scarf more than the snowman does|It must have been so
        cold]," {hero} [said|whispered|said softly]. "[Let it keep the scarf|We will not wake
        it]," <replied friend>. And they [tiptoed away|went away quietly|crept back to the
        house].
        | wind: <evening>, an icy wind began to blow. {Hero} [shivered|was freezing|had cold
        ears|rubbed {hero.his} hands], but {hero.he} did not want to take the {color} scarf
        back. "[You gave him yours, so share mine|Come here, mine is long enough for two],"
        <said friend>. And {friend.he} wrapped {friend.his} {shade:color} scarf around [both of
        them|the two of them].]

        [At home|Back in the warm kitchen|Later], {elder:family} gave them {drink:hot drink}
        and {a treat:snack} and [listened to|wanted to hear] the whole story.
        [end?
        animal: "[Then I have work to do|You did well]," <said elder>, and took out the {color}
        wool. [A week later|Soon], {hero} had a new scarf, [just like the old one|even warmer
        than the first].
        | wind: "[One scarf for a snowman and one for two friends|You are good friends]," <said
        elder>. The snowman was gone in [March|April|a week]. But [whenever it was cold|on the
        coldest days], {hero} and {friend} still [walked to school|went skating|stood close
        together|fed the birds] in the {shade} scarf.]
        """,
    ),
    # A raincoat is taken along or left at home; the rain comes for both.
    "rain": (
        "{hero} and {a color} raincoat",
        """
        <day>, {hero:child} wanted to go to the {place:outdoors} with {friend:child}. "[Take
        your raincoat|Do not forget your raincoat|Please put on your raincoat]," said
        {elder:family}. "[It will rain|My knee says that it will rain|The swallows are flying
        low|The wind smells of rain]." <weather>
        [trait?
        listened: "[If you say so|All right|You know best]," <replied hero>, and {hero.he}
        [rolled up|folded up] the {color:color} raincoat and [put it into|stuffed it into]
        {hero.his} bag.
        | laughed: "[I do not need it|It is far too warm|It never rains when I go out],"
        <replied hero>. {Hero.He} [left|hung] the {color:color} raincoat on its hook and [ran
        off|was gone].]

        {Hero} and {friend} [played {game:game}|looked for {find:berry}|built a little house of
        sticks|skipped stones|told each other stories]. [<suddenly>|After an hour|A little
        later], it grew [dark|windy], and [fat|big|cold] drops began to fall. [Soon it was
        pouring.|In a minute the path was a stream.]
        [trait?
        listened: {Hero} pulled out the raincoat. {Friend} had none. "[Come under it|There is
        room for two|We can both hide under it]!" <cried hero>. They held it over their heads
        [like a tent|like a roof] and walked home, [step by step|laughing all the way|singing
        in the rain].
        | laughed: "[If only I had my raincoat|Now I need my raincoat]!" <cried hero>. They
        [stood under a tree|ran as fast as they could], but [the water ran down their
        necks|their shoes filled with water]. When they came home, they [were wet to the
        skin|dripped like two fish].]

        [trait?
        listened: "[I see that I was right|The raincoat was good for something]," {elder} said
        with a smile. "[Thank you for telling me|You are always right about rain]," <replied
        hero>. They drank {drink:hot drink} and watched the rain [through the window|on the
        glass]. <close hero>
        | laughed: {Elder} [said nothing|did not scold] and brought [two warm towels|dry socks]
        and {drink:hot drink}. {Hero} [sneezed three times|sneezed and sneezed] and had to stay
        in bed [for two days|the whole weekend]. The next time {elder} looked at the sky,
        {hero} [took the {color} raincoat|put on the {color} raincoat] before anybody said a
        word.]
        """,
    ),
    # A map leads to a box that a child once hid; that child is old now and gets it back.
    "old map": (
        "{hero}, {friend} and an old map",
        """
        <day>, {hero:child} and {friend:child} found an old map {room.at:corner}. [In one
        corner|At the edge|In the middle] was {a color:color} cross, {place.at:outdoors}. "[A
        treasure|It must be a treasure map|Somebody has hidden something]!" {hero}
        [whispered|cried]. "[Let us go and look|We have to find it|We need a shovel]," <replied
        friend>. They [ran|walked] [across the fields|over the bridge|past the church|along the
        stream] until they were {place.at}. {Spot:spot}, they [dug and dug|dug until their arms
        hurt]. [Clonk!|Clink!] It was {a shape:shape} box. Inside were {a keepsake:keepsake}
        and a note. "This {keepsake} belongs to {owner:neighbor}, {age:age} years old," it
        said.

        "[But {owner.he} lives in our street|We know {owner.him}|That is our neighbor]!" <cried
        friend>.
        [end?
        gave: "[Then we must take it to {owner.him}|Then it is not ours|We must give it back],"
        <replied hero>.
        | waited: "[But we found it|Now it is ours]," <replied hero>, and put the {keepsake}
        into {hero.his} pocket. That night, {hero} [dreamed of|thought of|saw] a child who
        [looked for|missed] a {keepsake}. <morning>, {hero.he} [went to get|called for|ran to]
        {friend}.]
        {Owner} was [sweeping the steps|feeding the cat|reading on the porch]. When {owner.he}
        saw the {keepsake}, {owner.he} [sat down|could not speak for a while|had to smile|wiped
        {owner.his} glasses]. "[I hid it when I was {age}|I was {age} then|I was only {age}],"
        {owner.he} said [at last|softly|with a sigh].

        [end?
        gave: [{Owner.He} went to a drawer.|{Owner.He} opened an old chest.] "[You could have
        kept it|You came right away|Honest finders get a reward]," {owner.he} said, and
        {owner.he} gave each of them {a toy:toy}. <glad hero>
        | waited: "We [almost|nearly] kept it," {hero} [said honestly|said]. {Owner} [looked at
        {hero.him}|nodded slowly]. "[But you did not|But here you are]," {owner.he} said, and
        {owner.he} told them [the story of the {keepsake}|stories of the old days] [until it
        was dark|all afternoon].]
        """,
    ),
    # A stray pet is loved at once, but belongs to somebody; honesty decides how it goes home.
    "stray pet": (
        "{hero} and {a pet} that was lost",
        """
        <day>, a [small|little] {pet:pet} [followed {hero:child} home|sat at {hero:child}'s
        door|ran up to {hero:child}] [in the rain|all by itself|and would not go away]. Around
        its neck it had {a color:color} ribbon. "{pet.Cry}, {pet.cry}!" it [said|cried]. {Hero}
        gave it [some water|something to eat|a dry blanket], and it {pet.joy}. "[May I keep
        it|Can it stay]?" {hero.he} asked {elder:family}. "[Somebody may be looking for it|It
        has a ribbon, so it has a home|It must belong to somebody]," <replied elder>.

        [trait?
        honest: {Hero} [knew that it was true|swallowed hard|nodded slowly]. So they wrote
        [notes about|notes and drew] {a pet} with {a color} ribbon and [hung|put] them [on
        every corner|on ten trees|in all the shops|on every door].
        | selfish: {Hero} [did not listen|wanted it so much]. {Hero.He} took off the {color}
        ribbon and hid it {nook:nook}. "[Now nobody will know|Now you are mine]," {hero.he}
        whispered. But the {pet} [would not eat|sat at the door and waited|cried all night].]

        [Two days later|On {weekday:weekday}|The next day], {friend:child} from the [next
        street|other side of the park] came by. "[Have you seen {a pet}|Is there {a pet}
        here|Did you find {a pet}]?" {friend.he} [asked|sobbed|said]. "It has {a color}
        ribbon."
        [trait?
        honest: "[I found it|It is here with me]!" <cried hero>. The {pet} [came running|heard
        the voice] and {pet.joy}. <glad friend> "[You even wrote notes|You looked for me
        everywhere]," {friend.he} said. "[Come and visit us|Come and play with us] [every
        day|whenever you like]."
        | selfish: {Hero} [thought of the sad {pet}|looked at {friend.his} sad face|could not
        bear it]. {Hero.He} took the {color} ribbon from its place {nook} and brought the
        {pet}. "[I hid the ribbon|I wanted to keep it]," <softly hero>. "[I am sorry|Please
        forgive me]." The {pet} saw {friend} and {pet.joy}. {Friend} was [silent|angry] for a
        moment. "[You gave it back|At least you told me]," {friend.he} said [then|at last].
        "[You may visit it|You can come and see it] on Sunday."]
        And {hero} did, and [soon|before long] the {pet} had two friends [instead of one|who
        loved it|in two houses].
        """,
    ),
    # A wish is spent on a toy or on a sick friend; a toy alone is no fun.
    "wish": (
        "{hero}, who had one wish",
        """
        [One night|Late one evening|On a clear night], {hero:child} [could not sleep|sat on the
        steps|looked out of the window] and saw a [bright|little|golden] star fall [from the
        sky|down]. It landed {place.at:outdoors}, {spot:spot}. "[Please lift me up|Help me back
        into the sky|I must go home before morning]," it said [in a tiny voice|softly]. {Hero}
        [climbed the highest rock|climbed the tallest tree|held it up with both hands], and it
        [floated away|rose into the sky|flew home]. "[You have one wish|Make one wish|You are
        kind, so make a wish], {hero}!" it called.

        {Hero} thought of the {color:color} {thing:toy} in [{owner:neighbor}'s shop|the toy
        shop]. And {hero.he} thought of {hero.his} [friend|good friend|best friend]
        {friend:child}, who had been [sick in bed|in bed with a fever] for [a week|two
        weeks|many days].
        [end?
        toy: "I wish for the {color} {thing}," {hero.he} [said|whispered] [at last|quickly].
        <morning>, the {thing} [lay on {hero.his} pillow|stood beside the bed]. <glad hero> But
        [before long|soon|after a while] it was [not so much fun|dull], for there was nobody to
        [play with|share it with].
        | friend: "I wish that {friend} was well again," {hero.he} [said|whispered] [at
        last|slowly]. <morning>, {friend} stood at the door, with [pink|red] cheeks and [bright
        eyes|a big smile]. "[The fever is gone|I woke up and felt fine|Come out and play]!"
        <cried friend>.]

        [end?
        toy: So {hero} took the {color} {thing} [and went|under {hero.his} arm and went] to
        {friend}'s house. "[It is for you until you are well|You need it more than I do|I want
        you to have it]," {hero.he} said. <smiled friend> for the first time in days. "[A wish
        is good|The star was kind]," {hero} thought, "but [a friend is better|it is better to
        have a friend]."
        | friend: They [ran outside|played {game:game}] until [dinner|the sun went down]. On
        the way home, they passed the shop, and there was the {color} {thing}. "[Would you like
        to have it|Do you want it]?" {friend} asked. "[I have something better|I got what I
        wanted]," <replied hero>. [Above the roofs|High above them], a star [winked|blinked]
        [once|twice].]
        """,
    ),
    # A small animal is helped and promises to help back; everybody laughs, until the day comes.
    "little helper": (
        "{a large} and {a small}",
        """
        [Once|One day|Long ago|One hot day], {a large:large} named {hero:child} was walking
        {place.at:wilds} and heard a [thin|little|tiny] voice. "[Help, please help|Help me|Is
        anybody there]!" it [cried|called]. {Spot:wild spot}, {a small:small} named
        {friend:child} was [trapped|caught] [in a spider web|under a fallen branch|between two
        roots].
        [trait?
        kind: {Hero} [bent down at once|did not think twice] and freed {friend.him}.
        | gruff: {Hero} [grumbled|yawned]. "[I am busy|I wanted to sleep]," {hero.he} said. But
        {hero.he} [turned around|came back] and freed {friend.him} after all.]
        <thanks friend hero> "One day I will help you too." <smiled hero>. "[How could you help
        me?|What could you do for me?|But you are so small!]" {hero.he} said.

        [Weeks later|When summer came|In the fall|That same year], {hero} was in trouble.
        [help?
        net: {Hero.He} had [run into|walked into] a hunter's net, and the more {hero.he}
        pulled, the tighter it became. {Friend} heard {hero.him} and came. [Thread by
        thread|Knot by knot], {friend.he} [bit|chewed] through the net, until {hero} was free.
        | thorn: {Hero.He} had a thorn in {hero.his} foot and could not walk. [The owl could
        not see it.|The fox could not reach it.] But {friend} had [tiny hands|sharp little
        eyes], and {friend.he} pulled it out [with one tug|very gently].
        | fog: {Hero.He} had lost {hero.his} way in the [thick|white|cold] fog. "[Follow my
        voice|This way]!" called somebody. It was {friend}, who knew every path near the
        ground, and {friend.he} [led|brought] {hero.him} home.]

        [trait?
        kind: "[You kept your promise|You did what you promised]," <said hero>. "[And you once
        stopped for me|You did the same for me|I only gave back what you gave me]," <replied
        friend>.
        | gruff: <ashamed hero> "[I laughed at you|I almost walked on that day]," {hero.he}
        said. "[But you came back|You stopped all the same]," <replied friend>, "and that is
        what I remember."]
        They [shared {a snack:snack}|ate {berry:berry}|looked at the stars] [together|side by
        side], the [big|large] {large} and the [little|small] {small}. <always>, nobody
        {place.at} laughed at [anybody for being small|the small ones] again.
        """,
    ),
    # One animal stores food, one makes music; in winter each has what the other lacks.
    "winter store": (
        "{a busy} and {a merry} in winter",
        """
        All [summer|fall|summer long], {a busy:beast} named {hero:child}
        [gathered|collected|picked] {food:store} and carried them [into a hollow tree|into a
        dry cave|home] in {a color:color} basket. {Hero.His} neighbor {friend:child}, {a
        merry:beast}, [lay in the sun|sat in the grass] and played the {tune:instrument}.
        "[Come and dance|You work too much|Winter is far away]," <said friend>. "[Winter comes
        quickly|Snow does not wait for anybody|Who works now can rest later]," <replied hero>.

        Then the snow came. [It covered everything.|It fell for three days.|The pond froze.]
        {Friend} [looked for food|searched] {spot:wild spot} and found [nothing|only ice].
        [Cold|Sad] and [hungry|tired], {friend.he} [knocked on|stood at] {hero}'s door.
        "[Please, do you have something to eat|Can you spare a little food]?" {friend.he}
        asked.
        [end?
        shared: {Hero} [opened the door wide|did not think long]. "[Come in|Sit down by the
        fire]," {hero.he} said. "[There are enough {food} for two|I have {food} for both of
        us]." "[But I did not help you|But I only played|You are too good to me]," <said
        friend>. "[Then play for me now|You can play for me|Music helps too]," <replied hero>.
        | refused: {Hero} shook {hero.his} head. "[You played while I worked|You laughed at
        me]," {hero.he} said, and {hero.he} closed the door. But [it was so quiet inside|the
        {food} did not taste good|the wind cried]. {Hero} took a lamp, ran out and found
        {friend} [in the snow|under a tree]. "[Come in|Come back], I was [wrong|too
        hard|unkind]," {hero.he} said.]

        So [all winter|every evening], they ate {food} by the fire, and {friend} played the
        {tune}.
        [end?
        shared: And when spring came, {friend} was the first to [pick up|carry|fill] the
        {color} basket. "[Now I will work, and you will dance|This year we will do both
        together]," {friend.he} said. <smiled hero>.
        | refused: "[I nearly left you outside|I am ashamed of that night]," {hero} said in the
        spring. "[You came with a lamp|You came after me]," <replied friend>, "and [next time I
        will bring {food} myself|this year I will help you]." And {friend.he} [took|lifted] the
        {color} basket.]
        """,
    ),
    # A toy is traded away too quickly; the friend gives it back or keeps it, and a lesson stays.
    "trade": (
        "{hero}, who traded {a color} {thing}",
        """
        {hero:child} had {a color:color} {thing:toy} [from {elder:family}|that {elder:family}
        had made|that once belonged to {elder:family}], and {hero.his} friend {friend:child}
        had {a other:toy}. <day>, they met {place.at:outdoors}. {Hero} looked at the {other}.
        [It was new and shiny.|It looked like much more fun.|It was so bright.] "[Shall we
        trade|Will you trade with me|Do you want to trade]?" <asked hero>. {Friend} [thought
        about it|turned the {thing} over in {friend.his} hands]. "[But a trade is a trade|All
        right, if you are sure]," <replied friend>.

        [So they traded.|They shook hands on it.] <evening>, {hero} [missed|looked for|thought
        of] the {color} {thing}. "[I gave it away|I made a mistake|I want it back]," {hero.he}
        told {elder}. "[Then you must ask|You can only ask|It belongs to {friend} now],"
        <replied elder>. <morning>, {hero} [went|ran|walked] to {friend}.
        [end?
        back: "[I was too quick|I miss my {thing}]," {hero.he} said. "[Would you trade back|May
        I have it back]?" <smiled friend>. "[I missed my {other} too|I thought that you would
        come|My {other} missed me too]," {friend.he} said.
        | kept: But {friend} shook {friend.his} head. "[I love the {thing} now|A trade is a
        trade]," {friend.he} said. <ashamed hero> "[You are right|That is true|I should not
        have asked]," {hero.he} said. "[But we can play with both of them together|But you can
        come and see it every day|Let us share them both]," <replied friend>.]

        [end?
        back: {Hero} [carried|took] the {color} {thing} home and [never traded it again|put it
        in its old place]. "[Now I know what I like best|Shiny is not the same as dear],"
        {hero.he} told {elder}. <close hero>
        | kept: So they did, [one day here and one day there|every afternoon]. {Hero} never got
        the {thing} back, but {hero.he} had [learned to think first|found out what a good
        friend {friend} was]. And [before the next trade|the next time somebody wanted to
        trade], {hero.he} slept [one night|a whole night] on it.]
        """,
    ),
    # Learning takes many falls; who gives up is taught by another's fall, who does not by advice.
    "bicycle": (
        "{hero} and {a color} bicycle",
        """
        {Elder:family} [had found|had mended|bought] {a color:color} bicycle for {hero:child}.
        "[I will learn it today|I can do it in one hour|It cannot be hard]," <said hero>.
        <day>, they [took it|pushed it] to the {place:outdoors}. {Elder} held the
        [seat|saddle], and {hero} [pushed the pedals|began to pedal]. Then the bicycle
        [wobbled|shook], and {hero} [fell into the grass|landed in a bush|sat on the ground].
        [{Hero.He} fell a second time and a third time.|{Hero.He} tried again and fell again.]

        [trait?
        gaveup: "[I will never learn it|I do not want to anymore|I am no good at it]!" <cried
        hero>, and {hero.he} [walked home alone|threw down the helmet]. The bicycle stood in
        the shed for {number:few} days. Then {hero} saw {friend:child} from next door [fall off
        a bicycle|fall down], laugh and get up again. "[How often did you fall|Does it not
        hurt]?" <asked hero>. "[I stopped counting|Never mind|Too often to count]," <replied
        friend>. "[You just get up once more than you fall|Every fall teaches you something]."
        {Hero} [went and got|fetched] the {color} bicycle.
        | stubborn: "[Once more|Again|I will not give up]," {hero.he} said [every time|after
        each fall]. {friend:child} from next door [stopped to watch|came by]. "[Look ahead and
        not at your feet|Look at the big tree and not at the wheel]," <said friend>. "[That is
        how I learned it|It helped me]."]

        [This time|Now], {hero} looked [straight ahead|at the big tree]. {Elder} ran beside
        {hero.him}, and then {elder.he} [let go|stayed behind]. {Hero} [rode on and on|did not
        even notice]. "[I am riding|I can do it|Look at me]!" <cried hero>.
        [trait?
        gaveup: "[{Number} days ago you wanted to stop|I thought that you had given up]," <said
        elder>. "[I got up once more|{Friend} showed me how to fall]," <replied hero>.
        | stubborn: "[That was the tenth try|You did not give up]," <said elder>. "[And
        {friend} told me where to look|I had a good teacher]," <replied hero>.]
        [That evening|After that], {hero} and {friend} [rode home side by side|rode around the
        {place} together|raced to the corner], and [nobody fell|the {color} bicycle shone in
        the sun].
        """,
    ),
    # A little money buys a thing for oneself or helps somebody; the price is paid either way.
    "coins": (
        "{hero}, who had {number} coins",
        """
        {hero:child} had {number:number} coins [in a jar|in {hero.his} pocket|in an old sock].
        {Hero.He} had [saved them since spring|earned them by raking leaves|found some of them
        in the street|been given them for {hero.his} birthday]. In {owner:neighbor}'s shop,
        there was {a color:color} {thing:toy} [in the window|on the top shelf], and it cost
        [exactly|just] {number} coins. <day>, {hero} [went to buy it|put on {hero.his} shoes
        and went there]. [In front of|Outside] the shop stood {friend:child}, and {friend.he}
        was [crying|searching the ground]. "[I lost my bus money|My bus money fell through the
        grate]," <softly friend>. "[How will I get home|What shall I do now]?"

        [end?
        gave: {Hero} [looked at the {thing}|felt the coins in {hero.his} hand] and thought.
        "How much is the bus?" <asked hero>. "Two coins," <replied friend>. {Hero} [counted
        them out|gave them to {friend.him}]. "[The {thing} can wait|You need them more than I
        do]," {hero.he} said. <thanks friend hero>
        | bought: "[I am sorry|That is too bad]," <said hero>, and {hero.he} went inside and
        bought the {thing}. When {hero.he} came out, {friend} was walking [in the rain|down the
        long road]. {Hero} [looked at the {color} {thing}|stood still]. It [was not so pretty
        anymore|did not make {hero.him} happy]. "[Wait|Stop]!" <cried hero>. "[My
        {elder:relative} has a car|My {elder:relative} can take you home]." And so it was
        done.]

        [end?
        gave: {Owner} had seen [it all|everything] through the window. "[Come in|Step inside],"
        {owner.he} said. "[I need somebody to sweep the floor|My shelves need dusting|I need
        help with the boxes] on {day:weekend}. I pay two coins." So {hero} [swept|worked] for
        one [morning|afternoon], and then {hero.he} [carried|took] the {color} {thing} home.
        <glad hero>
        | bought: "[Thank you for coming after me|You did help me]," said {friend} at
        {friend.his} door. "[I should have done it at once|I was slow]," <replied hero>. The
        next {day:weekend}, {hero.he} brought the {color} {thing} along, and they [played with
        it|shared it] [all day|until dark]. [Now it was pretty again.|Now it made {hero.him}
        happy.]]
        """,
    ),
    # A noise in the dark is feared; going to look turns a monster into a guest.
    "noise at night": (
        "{hero} and a noise in the night",
        """
        [In the middle of the night|At midnight|Late at night|Long after bedtime], {hero:child}
        woke up. There was a noise {room.at:corner}. [Scratch, scratch, it went.|Tap, tap, tap,
        it went.|Bump, it went, and bump again.|It sounded like somebody crying.|Something fell
        down.] "[It is a monster|A monster has come]," {hero.he} thought, "with [long teeth|six
        legs|a hundred claws|a huge mouth] and {shade:eye color} eyes."
        [trait?
        brave: {Hero}'s heart [beat fast|jumped], but {hero.he} [got up|put {hero.his} feet on
        the cold floor]. "[I have to know|If I do not look, I will not sleep]," {hero.he}
        [whispered|told {hero.himself}]. {Hero.He} took {hero.his} {color:color} flashlight and
        went [down the stairs|along the hall|on tiptoe].
        | timid: <afraid hero> The noise [came again|grew louder]. [Then|At last] {hero.he} ran
        to {elder:family}'s bed. "[There is a monster|Something is there|I heard a monster],"
        <softly hero>. "[Then let us look at it together|Two are braver than one]," <said
        elder> and gave {hero.him} {a color:color} flashlight.]

        The door [creaked|squeaked]. The light fell on [a pile of boxes|an old chair|a heap of
        sacks], and there were two {shade} eyes. But it was only {a pet:pet}, [small and
        wet|shivering with cold|with straw on its nose]. "{pet.Cry}," it [said|cried]. "[You
        were afraid too|You are a very small monster]," <said hero>, and it {pet.joy}.

        [trait?
        brave: In the morning, {elder:family} found {hero} asleep {room.at}, with the {pet} [in
        {hero.his} arms|beside {hero.him}] and the {color} flashlight still [on|in {hero.his}
        hand]. "[I was afraid|My knees were shaking]," <said hero>, "but I [looked|went] all
        the same." "That is what brave [means|is]," <replied elder>.
        | timid: {Elder} warmed some milk, and the {pet} drank [all of it|every drop]. "[I was
        not brave|I ran away]," <said hero>. "[You opened the door|You held the light],"
        <replied elder>. And [the next time|when] something scratched at night, {hero} took the
        {color} flashlight and [went first|did not wake anybody].]
        They called the {pet} [Monster|Midnight|Bump|Thunder|Shadow|Pepper]. <close hero>
        """,
    ),
    # A castle of sand is washed away or run over; it is built again, bigger, by two.
    "sand castle": (
        "{hero} and a sand castle with {a color} {flag}",
        """
        [At the beach|By the sea|On a white beach|On the first day of the holidays],
        {hero:child} [built|was building] a castle of sand. It had [two|three|four]
        [towers|gates|high walls] and [a bridge of driftwood|a path of pebbles|windows of green
        glass], and on the top was {a color:color} {flag:flag}. "[It is the finest castle in
        the world|A king could live in it|It will stand forever]," {hero.he} [said|thought|told
        {elder:family}]. <weather>
        [cause?
        wave: But the [sea|water] came [closer and closer|nearer and nearer]. A big wave
        [rolled|broke] over the castle, and then there was only [wet|smooth] sand.
        {friend:child}, who was [digging nearby|looking for shells|carrying a bucket], had seen
        it.
        | child: But {friend:child} was [running after a ball|looking up at a kite|walking
        backward] and did not see the castle. [Crash!|Oops!] {Friend} fell [right into|across]
        it, and the walls [broke down|were gone].]

        [cause?
        wave: <sad hero> "[The sea took mine too|The sea always wins|Mine is gone too]," <said
        friend>. "[Let us build a new one farther up|We can build one where no wave comes|Come,
        we will build it together, higher up]."
        | child: {Hero} [was angry|clenched {hero.his} fists|wanted to shout]. But {friend}
        [looked so sorry|had tears in {friend.his} eyes]. "[I did not see it|I did not mean
        to]," {friend.he} said. "[Let me help you to build it again|I will build it up again,
        every wall]." {Hero} took a [long|deep] breath. "[All right|It was an accident|Then
        take this shovel]," <replied hero>.]

        They dug and [carried water|patted the sand|looked for shells] and shared {a
        treat:snack}. The new castle was [twice as big|much bigger|even higher], and it had [a
        garden of seaweed|a moat|a tower for each of them]. They put the {color} {flag} on the
        [highest tower|top|gate|wall] again.
        [cause?
        wave: In the evening, the water [came|rose], but it [stopped|turned around] [one step
        before the gate|at the wall]. "[Now the sea has lost|This time we were smarter|It likes
        our castle]," <said hero>. <smiled friend>.
        | child: In the evening, {friend} walked around it [in a big circle|on tiptoe]. "[I
        look where I go now|I see it very well now]," {friend.he} said. <smiled hero>.]
        """,
    ),
    # Stage fright; a lent lucky piece helps, and it is given back for the friend's turn.
    "school show": (
        "{hero}, {friend} and the school show",
        """
        On {weekday:schoolday} [evening|night] was the [big|great|yearly] school show.
        {hero:child} was going to
        [act?
        sing: sing a song about {subject:subject}
        | dance: dance as {a role:beast}
        | poem: say a poem about {subject:subject}]. [Behind the curtain|Before the
        show|Shortly before], {hero.his} [hands were cold|knees shook|mouth was dry|heart beat
        fast]. "[I have forgotten everything|I cannot do it|There are so many people|I want to
        go home]," <softly hero>. {friend:child}, who [was next|came after {hero.him}],
        [took|pulled] {a color:color} {luck:keepsake} out of {friend.his} pocket. "[This brings
        me luck|It is my lucky {luck}|My {elder:relative} gave it to me for luck|It comes from
        {land:land} and brings luck]," {friend.he} said. "[Hold it tight|Take it for now|I will
        lend it to you]."

        {Hero} [closed {hero.his} hand around the {luck}|held the {luck} tight|felt the {luck}
        in {hero.his} hand]. [The curtain went up.|The lights went on.|The music began.|It was
        time.]
        [end?
        well:
        [act?
        sing: {Hero} sang every line, and the last one was the loudest.
        | dance: {Hero} jumped and turned like a real {role}.
        | poem: {Hero} said every line, slowly and clearly.]
        The people [clapped and clapped|stood up and clapped|called for more].
        | stuck: In the middle, {hero} [got stuck|stopped]. [It was quiet in the hall.|Somebody
        coughed.] {Hero.He} looked at {friend}, who [nodded|smiled] and
        [act?
        sing: hummed the next line. {Hero} took a breath and sang on to the end.
        | dance: showed the next step with two fingers. {Hero} took a breath and danced on to
        the end.
        | poem: whispered the next word. {Hero} took a breath and went on to the end.]
        The people clapped [all the same|even louder for that].]

        Then it was {friend}'s turn. <afraid friend> "[My {luck}|My lucky {luck}|I need my
        {luck}]!" <softly friend>. {Hero} [was already there|came running|ran back] and put the
        {color} {luck} into {friend.his} hand. "[I kept it warm for you|It still has some luck
        in it]," {hero.he} said.
        [end?
        well: "[It works|I was not afraid at all|It really helped]!" And {friend} [went
        out|stepped into the light] and was [even better|just as good].
        | stuck: "[If you get stuck, look at me|I will stand where you can see me]." But
        {friend} did not get stuck, [perhaps because {hero} was there|and {hero} clapped the
        loudest].]
        """,
    ),
    # A book is lent on a promise; it is guarded from the rain or not, and trust follows.
    "borrowed book": (
        "{hero} and a book about {subject}",
        """
        {friend:child} had a [thick|new|beautiful|big] book about {subject:subject} [with {a
        color:color} cover|in {a color:color} cover]. {hero:child} [looked at it every
        day|wanted to read it so much|loved {subject} more than anything]. "[You may borrow
        it|I will lend it to you|Take it home with you]," <said friend>, "but [bring it back|I
        need it back] on {weekday:weekday}." "[I promise|You have my word|You can count on
        me]," <replied hero>. "[I will not let anything happen to it|It will look like new]."

        {Hero} read it [in bed and at breakfast|from the first page to the last|twice|to
        {hero.his} little [brother|sister]|under the blanket|in one night]. [On the way
        back|When {hero.he} carried it back], it [began to rain|started to pour|rained and
        rained].
        [trait?
        careful: {Hero} [took off|opened] {hero.his} {cloth:wrap} and wrapped the book in it,
        [twice|from all sides]. The rain [ran down {hero.his} neck|soaked {hero.his} shirt],
        but {hero.he} [only held the book tighter|did not care].
        | careless: {Hero} [held the book over {hero.his} head|put the book down on a bench and
        ran for a roof]. When the rain was over, the [pages were|cover was] wet and
        [torn|bent|wrinkled]. <afraid hero> "[What have I done|I gave my word|The book is
        ruined]," <softly hero>.]

        On {weekday}, {hero} [stood at {friend}'s door|rang {friend}'s bell].
        [trait?
        careful: {Hero.His} {cloth} was [wet|dripping], but the {color} book was dry. "[You are
        as wet as a frog|You look like a wet cat]," <said friend>, "and [my book is dry|there
        is not one drop on my book]!" {Friend.He} [went in|ran upstairs] and came back with a
        book about {other:subject}. "[You may borrow this one too|Take this one next|I will
        lend you all my books]," {friend.he} said. <glad hero>
        | careless: "[I have bad news|Something happened to your book]," {hero.he} said and
        [held it out|showed the {color} book]. "[It was my fault|I did not take care]. I
        brought you [my own book|my best book] about {other:subject}, and it is yours."
        {Friend} [was silent for a while|looked at the wet pages|sighed]. "[We can dry it page
        by page|Let us dry it by the stove]," {friend.he} said [then|at last]. "[And thank you
        for not hiding it|And you came on {weekday}, as you said]." They read about {other}
        [while the pages dried|until it was dry] and ate {a treat:snack}.]
        """,
    ),
}
