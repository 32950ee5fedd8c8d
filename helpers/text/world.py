"""The content of the story world: its words and its plots, as data.

The notation of the plots is explained at the top of `grammar.py`. A lexicon holds words that fit
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

# Who a story is about, and who comes along: two circles, so that nobody meets a namesake.
GIRLS = common_first(
    people(
        SHE,
        """Mia, Anna, Lily, Emma, Ruby, Ella, Clara, Eva, Hannah, Jane, Lola, Nina, Polly, Sara,
        Violet, Amy, Carla, June""",
    )
)
BOYS = common_first(
    people(
        HE,
        """Tom, Ben, Max, Leo, Jack, Finn, Adam, Peter, Luke, Simon, Victor, Alex, Carl, Eric,
        George, Ivan, Kevin, Mark""",
    )
)
FRIENDS = common_first(
    people(
        SHE,
        """Zoe, Nora, Lucy, Alice, Daisy, Grace, Ivy, Kate, Maya, Olive, Rosa, Tina, Wendy, Bella,
        Dora, Fay, Gina, Holly""",
    )
) + common_first(
    people(
        HE,
        """Sam, Noah, Oscar, Henry, Paul, Toby, Will, Billy, David, Felix, Hugo, Jacob, Liam, Nick,
        Oliver, Ralph, Theo, Walter""",
    )
)
FAMILY = (*people(SHE, "Mom, Grandma, Aunt Rose"), *people(HE, "Dad, Grandpa, Uncle Joe"))
NEIGHBORS = (
    *people(SHE, "Mrs. Brown, Miss Carter"),
    *people(HE, "Mr. Green, Captain Stone"),
)

LEXICONS = {
    "girl": GIRLS,
    "boy": BOYS,
    "child": GIRLS + BOYS,
    "friend": FRIENDS,
    "family": FAMILY,
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
    "wild": common_first(
        table("""
        word     | home
        squirrel | up a tall tree
        rabbit   | into its hole
        hedgehog | under the hedge
        turtle   | into the reeds
        mouse    | under a log
        sparrow  | high into the sky
        robin    | over the treetops
        duck     | across the water
        dove     | into the blue sky
        fawn     | between the trees
    """)
    ),
    "beast": words(
        """rabbit, fox, bear, mouse, hedgehog, squirrel, badger, otter, mole, raccoon, beaver,
        deer"""
    ),
    "singer": words("cricket, frog, grasshopper, lark, finch, blackbird, toad, cuckoo"),
    "furry": words("squirrel, hedgehog, rabbit, mouse, fox cub, marten, hare, dormouse"),
    "rapid": words("hare, fox, deer, wolf, horse, cat, lynx, weasel"),
    "slow": words("turtle, snail, hedgehog, mole, bear, badger, toad, goose, porcupine"),
    "judge": words("the owl, the crow, the stork, the old goat, the woodpecker, the rooster"),
    # ------------------------------------------------------------------------ things to have
    "toy": words(
        """kite, ball, doll, teddy bear, toy boat, toy train, drum, yo-yo, toy car, robot, puppet,
        toy truck, whistle, toy rocket, toy horse, toy plane, spinning top, toy duck, jump rope,
        rag doll, wooden sword, toy whale, toy dragon, toy lion, pinwheel, toy wagon, music box,
        toy tiger, stuffed rabbit, flashlight, telescope"""
    ),
    "instrument": words("flute, fiddle, trumpet, guitar, harp, accordion, banjo, horn"),
    "wrap": words("scarf, sweater, jacket, shawl, coat, cardigan, vest, poncho"),
    "keepsake": words(
        """key, ring, coin, button, shell, feather, marble, bell, brooch, locket, pebble,
        thimble"""
    ),
    # ------------------------------------------------------------------------ things to eat
    "snack": words(
        """apple, pear, banana, peach, cookie, muffin, sandwich, pancake, bun, waffle, pretzel,
        cupcake, biscuit, jam tart, cheese roll, slice of pie, rice cake, honey cake, plum,
        doughnut, cinnamon roll, piece of melon, oatmeal bar, slice of pizza"""
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
    "number": words("six, seven, eight, nine, ten, twelve, fifteen, twenty"),
    "age": words("five, six, seven, eight, nine, ten"),
    "weekday": words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "schoolday": words("Monday, Tuesday, Wednesday, Thursday, Friday"),
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
        for {hero.his} birthday.]
        [trait?
        careless: But {hero.he} [never put {hero.his} things away|often left {hero.his} things
        lying around].
        | careful: {Hero.He} [always took|took] [good|the best] care of it.]
        <day>, {hero.he} [played with it|took it out to play] {place.at:outdoors}.
        [trait?
        careless: {Hero.He} ran off to [chase a butterfly|meet some friends] and [forgot
        it|left it behind].
        | careful: On the way home, it [fell out of|slipped through a hole in] {hero.his} bag.]

        <evening>, {hero} [missed it|saw that it was gone] and [was very sad|began to cry|had
        tears in {hero.his} eyes]. "[Let us look for it|Come, we will search for it|Do not
        worry, I will help you]," said {hero.his} friend {friend:friend}. They [looked
        everywhere|searched and searched].
        [end?
        friend: <suddenly>, {friend} saw something {color} {spot:spot}. "[Is this yours|Is this
        what you lost]?" {friend.he} [asked|called]. "[Yes|That is it]!" <cried hero>.
        | nobody: But they did not find it. {Friend} thought for a [moment|while]. "[You can
        have|I will give you|Take] my {gift:snack}," {friend.he} [said|said softly].]

        [trait?
        careless: <always>, {hero} put away {hero.his} toys every [night|evening].
        | careful: The next day, {hero} [mended|sewed up] {hero.his} bag.]
        [end?
        friend: And the {color} {thing} [was never lost again|slept on {hero.his} pillow].
        | nobody: And {hero.he} still [missed|thought of] the {color} {thing}, but {hero.he}
        had a [good|true] friend.]
        """,
    ),
    # A snack is shared or kept; the next day the other one has the snack.
    "shared snack": (
        "{hero}, {friend} and {a snack}",
        """
        <day>, {hero:child} sat [next to|beside] {friend:friend} [under a big tree|on a bench|on
        the steps] and [unpacked|took out] {a snack:snack} for lunch. "I [forgot|lost] my
        lunch," said {friend} and [looked down|sighed|sat very still].

        [end?
        shared: {Hero} [broke|cut] the {snack} in two. "[Here, take half|One half is for you|We
        can share it]," {hero.he} said. {Friend} [ate every crumb|smiled and took a big bite].
        "[That was so kind|I will not forget this|You are a real friend]," {friend.he} said.
        | kept: {Hero} [turned away|shook {hero.his} head]. "[It is mine|I only have one|It is
        too small for two]," {hero.he} said and ate the {snack} alone. But [it did not taste
        right|{hero.he} did not enjoy it].]

        The next day, {hero} had [no lunch|nothing to eat], but {friend} had {a treat:snack}.
        [end?
        shared: "[You shared with me|You gave me half of your {snack}]," <said friend>.
        "[Now|Today] it is my turn." And {friend.he} gave {hero} the bigger half. <always>,
        they [always shared|shared everything|had lunch together].
        | kept: {Hero} [did not dare to ask|said nothing]. But {friend} [broke|cut] it in
        two. "[Nobody should be hungry|It is more fun to share|This is for you]," {friend.he}
        said.
        <ashamed hero> "I am sorry that I [did not share|ate alone]," <softly hero>. <always>,
        {hero.he} [always shared|shared every {snack}].]
        """,
    ),
    # A promise is kept or forgotten, and the flowers bloom or hang their heads.
    "promise": (
        "{hero} and a promise to {elder}",
        """
        <day>, {elder:neighbor} had to [go away|visit {elder.his} sister|catch a train]. "Can
        you water my {color:color} flowers?" {elder.he} asked {hero:child}. "[I promise|Of
        course, you can count on me|I give you my word]!" <said hero>.

        [Soon|An hour later|A little later], {friend:friend} [knocked on the door|came
        running|came by]. "[Come and play|Let us play] {game:game} {place.at:outdoors}!"
        {friend.he} [said|called].
        [end?
        kept: But {hero} [remembered|thought of] {hero.his} promise. "First I [have to|must]
        water the flowers," {hero.he} said. "[I will help you|Two are faster than one|Then let
        us do it together]," <replied friend>. They filled [two cans|a big can] and watered
        [every flower|them all].
        | forgot: {Hero} [ran off|went along] at once, and they played [for hours|until they
        were hungry]. Nobody [thought of|remembered] the flowers.]

        [That evening|Late that day|The next morning|The next day], {elder} came [home|back].
        [end?
        kept: All the {color} flowers were [bright and fresh|standing tall]. "[You kept your
        promise|I knew that I could trust you|You did not forget]," {elder.he} said and gave
        {hero} {a treat:snack}.
        | forgot: All the {color} flowers [hung their heads|were dry and limp].
        "[You promised|I counted on you]," {elder.he} said. <ashamed hero> "I am
        [so|very|truly] sorry," <softly hero>. {Hero.He} watered them [every day|day after day]
        until they bloomed again, and {hero.he} [never forgot another promise|kept every
        promise after that].]
        """,
    ),
    # A wild animal is hurt, is nursed and must be let go; it may come back.
    "hurt animal": (
        "{hero} and a hurt {animal}",
        """
        <day>, {hero:child} was [walking|playing] {place.at:outdoors} and [found|saw] a little
        {animal:wild} {spot:spot}. Its leg was hurt. "[Poor thing|Do not be afraid|I will help
        you|You are safe now]," <said hero>. {Hero.He} [carried|took] it home in {hero.his}
        {color:color} {cloth:wrap}.

        {Elder:family} made [a bed|a soft bed] for it, and {hero} sat with it [all
        evening|for a long time].
        [trait?
        keep: "[I want to keep it|Let it stay with us]," {hero.he} said. "{A animal}
        [needs|has] to be free," <replied elder>.
        | free: "[Soon you will be free again|Soon you can go home]," {hero.he} told it every
        [night|evening].]

        <later>, {hero} [took|carried] the {animal} back outside.
        [trait?
        keep: {Hero.He} [was sad|had to swallow hard], but {hero.he} let it go,
        | free: {Hero.He} [laughed and waved|wished it good luck],]
        and it [disappeared|hurried away] {animal.home}.
        [end?
        back: But [the next spring|in summer], {hero} saw a little {animal} near the house.
        "[You came back|You remember me|It is you]!" <softly hero>.
        | away: {Hero} never saw it again, but {hero.he} [often thought of|always remembered]
        the little {animal}.]
        """,
    ),
    # Something is broken indoors; telling the truth and hiding it lead to different evenings.
    "broken thing": (
        "{hero} and a broken {color} vase",
        """
        {Elder:family} had {a color:color} vase from {land:land}
        {room.at:room}. "[Please play outside|No ball games in here]," {elder.he}
        [told|always told] {hero:child}. But [one|on a] [cold|rainy|gray]
        [day|afternoon|evening], {hero} [threw|kicked|bounced] {hero.his} ball against the
        wall. [Crash!|Bang!|Smash!] The vase broke [in two|into three pieces|into many pieces].

        <afraid hero>
        [end?
        told: [After a moment|After a while], {hero.he} went to find {elder}. "[I broke your
        vase|My ball hit your vase]," {hero.he} said. "I am [so|very|truly] sorry."
        "[I am sad|I liked it so much]," <said elder>, "but [you told me the truth|you came to
        me at once], and that was [brave|right]."
        | hid: [Quickly|Quietly], {hero.he} hid the pieces {nook:nook}. In the morning,
        {elder} found them. "[Who did this|How did this happen]?" {elder.he} asked. <ashamed
        hero> "[It was me|I broke it]," <softly hero>. "I was afraid to tell you." "[You can
        always tell me|Hiding it was worse]," <replied elder>.]

        Together, they [glued|mended] the {color} vase.
        [end?
        told: And {elder} [liked|loved] it even [better|more], because it made {elder.him}
        think of an honest {hero.boy}.
        | hid: <always>, {hero} [told the truth at once|went straight to {elder}] when
        something [broke|went wrong].]
        """,
    ),
    # Salt is taken for sugar in a hurry; the one who tastes first saves the party.
    "birthday cake": (
        "{hero}, who baked a cake for {friend}",
        """
        [{friend:friend} was going to be {age:age} years old.|It was the day before
        {friend:friend}'s birthday.|{friend:friend}'s birthday was on {weekday:weekday}.]
        "[I want to bake a cake|Let us bake a cake|We need a cake]," {hero:child} [said
        to|told] {elder:family}. They [took out|got out] [eggs, milk and flour|flour, eggs and
        butter] and {a color:color} bowl. {Hero}
        [trait?
        hasty: was in [a|a great] hurry,
        | calm: took {hero.his} time,]
        and the salt [stood next to|looked just like] the sugar.

        [trait?
        hasty: {Hero.He} took the wrong [jar|box] and [stirred|mixed] [quickly|wildly]. At the
        party, {friend} [made a face|coughed] and asked for {drink:cold drink}.
        "[It is salty|It tastes like the sea]," {friend.he} said. <ashamed hero> But {friend}
        [began to laugh|laughed out loud], and soon everybody laughed. They ate {berry:berry}
        with [cream|sugar|honey] from the {color} bowl, and the next time, {hero} tasted
        everything [first|twice].
        | calm: {Hero.He} [put a finger into the jar|tasted a little first]. "[This is
        salt|Wait, this is not sugar]!" {hero.he} [cried|called]. "[Well done|That was close],"
        <said elder>. So they baked a [fine|sweet] cake with {berry:berry} on top. At the
        party, {friend} [asked for more|ate three pieces] and drank {drink:cold drink}. "[It is
        the best cake ever|Nobody ever baked for me before|I love it]," {friend.he} said and
        hugged {hero}. And at home, the {color} bowl [stood ready|was waiting] for the next
        cake.]
        """,
    ),
    # The fast one boasts and the slow one keeps going; a nap or a fall decides the race.
    "race": (
        "a race between {rival} and {hero}",
        """
        [Once upon a time|Long ago|Many years ago], {a rapid:rapid} named {rival:friend} and {a
        slow:slow} named {hero:child} lived {place.at:wilds}. "[You are so slow|Even a leaf is
        faster than you|You need all day to cross the path]," [said|laughed] {rival}. "[Let us
        race for|I will race you for|Then race with me for] {a prize:snack}," <replied hero>.

        <day>, {judge:judge} [cried|called], "[Go|Ready, go]!" {Rival} [shot away|ran off], and
        {hero} walked [step by step|slowly and steadily].
        [end?
        nap: [Halfway|After a while], {rival} looked back and saw nobody. "[I have time for a
        nap|I can rest a little]," {rival.he} said and [fell asleep|went to sleep] {spot:wild
        spot}. When {rival.he} woke up, {hero} had won.
        | fall: But {rival} [looked back|laughed too hard], [tripped over a root|slipped on a
        wet stone] and hurt {rival.his} foot. {Hero} could have won now, but {hero.he} stopped.
        "[Lean on me|Hold on to me|Take my arm]," {hero.he} said, and they came in together.]

        [end?
        nap: "[I did not stop|I just kept going]," <said hero>. They shared the prize, and
        {rival} never [laughed at|made fun of] anybody again.
        | fall: "{Hero} is the winner," <said rival>. "[I have fast legs|I am only fast], but
        {hero} has a good heart." And they shared the prize [as friends|side by side].]
        """,
    ),
    # A seed is planted; the patient gardener and the one who digs it up reap what they sowed.
    "seed": (
        "{hero}, {elder} and a seed",
        """
        [In the spring|In April|When the snow was gone|On {weekday:weekday}], {elder:neighbor}
        gave {hero:child} a [brown|round|tiny] seed. "[A whole garden is asleep in it|Good
        things take time|It looks like nothing, but wait]," <said elder>. {Hero} planted the
        seed [by the wall|in the garden|behind the house] and [set|put] {a color:color} stick
        beside it.

        [trait?
        patient: [Every morning|Day after day|Before school], {hero} watered [the spot|it].
        [For two weeks there was only brown earth.|Nothing happened for a long time.|The birds
        came and went, but nothing grew.] "[Is it dead|Will it never come up]?" <asked elder>.
        "[It only needs time|I can wait]," <replied hero>. [Then, one morning|At last|One rainy
        day], there was a [tiny|small] green leaf.
        | hasty: But [the next day|after one day], {hero} dug the seed up. "[I must know if it
        grows|I cannot wait any longer|I only want to look]," {hero.he} said. [Soon|Before
        long], it was [dry|broken]. "[Here is one more|I have one seed left]," <said elder>,
        "but seeds [grow|wake up] when nobody pulls at them." This time {hero} [kept {hero.his}
        hands in {hero.his} pockets|only watered it and waited|counted to a hundred every day
        instead].]

        By [fall|September|the end of summer],
        [trait?
        patient: the [biggest|finest|heaviest] {vegetable:vegetable} in [the street|the
        village|town] grew beside the {color} stick. "[You waited, and look what came of
        it|Patience is the best water]," <said elder>. <glad hero>
        | hasty: [a small but perfect|one fine, fat] {vegetable:vegetable} grew beside the
        {color} stick, and {hero} [carried|took] it to {elder} [with pride|with a song].]
        """,
    ),
    # A new child sits alone; being asked to play, or not, decides how the friendship begins.
    "new child": (
        "{hero} and {friend}, the new child at school",
        """
        On {weekday:schoolday}, [a new child came to the class|there was a new face in the
        class|somebody new stood at the blackboard]. "[This is {friend:friend}|Please say hello
        to {friend:friend}]," said the teacher. At [recess|noon], {friend} [sat|stood] alone
        with {a color:color} {thing:toy} beside {friend.him}.

        [end?
        asked: {hero:child} [saw {friend.him}|noticed {friend.him}] and [shouted|called],
        "[Come and play {game:game}|Let us play {game:game}]!" "[I do not know the rules|I have
        never played it]," <said friend>. "[I will show you|It is easy]," <replied hero>. [They
        played until the bell rang.|Soon they were both laughing.]
        | ignored: {hero:child} was [busy|already] playing {game:game} and only [waved|looked
        over]. "[I can ask {friend.him} later|Somebody else will ask {friend.him}]," {hero.he}
        thought. The next morning, {hero} [waited for {friend.him} at the gate|went straight to
        {friend.him}]. "[I am sorry about yesterday|I should have asked you yesterday],"
        {hero.he} said. "[Will you play with me|Do you want to play]?"]

        After school, they [walked home together|shared {a snack:snack}] and [played|took
        turns] with the {color} {thing}.
        [end?
        asked: "[When I was all alone, you came|You were the first to speak to me]," <said
        friend>. "It was only a game," <replied hero>. But [both of them|the two of them] knew
        that it was more.
        | ignored: "[You were late|You let me wait]," <said friend>, "but [you came|I am glad
        that you came]." When the next new child came, {hero} did not wait [one minute|until
        the next day].]
        """,
    ),
    # A handmade bowl is broken; it is made again with help, or given as it is, with the truth.
    "present": (
        "{hero} and a present for {elder}",
        """
        {hero:child} wanted to give {elder:family} something [special|beautiful|lovely|very
        fine] for {elder.his} birthday on {weekday:weekday}, but {hero.he} had [no money|only
        two coins]. So {hero.he} made a [little|round|deep] {color:color} clay
        bowl {room.at:room}.

        But [that evening|the next morning|during the night], [the cat jumped on the table|the
        wind blew the window open|somebody bumped into the table], and the bowl [fell and
        broke|broke in two]. <sad hero>
        [end?
        again: "[Do not give up|I will help you|Let us try once more]," said {hero.his}
        [friend|good friend|best friend] {friend:friend}. They made a new bowl
        [together|carefully].
        | same: There was no time left, so {hero.he} wrapped up the [pieces|broken bowl]. "[It
        had an accident|It was nicer yesterday|I am sorry, it was whole before]," {hero.he}
        [told {elder}|said to {elder}].]

        [end?
        again: "[Did you make this for me|Did you make this yourself]?" <asked elder>. "I made
        it twice, and {friend} helped me," <said hero>. <smiled elder>. "Then it is [twice as
        beautiful|worth twice as much]."
        | same: "[You made it for me, and I love it|It is the best present of all|I would not
        trade it for gold]," <replied elder>. They glued it [that very evening|after
        supper].]
        The {color} bowl stood on {elder}'s table [for many years|ever after|day after day].
        """,
    ),
    # A kite is stuck in a tree; the one who waits gets help, the one who climbs needs it too.
    "stuck in a tree": (
        "{hero}, {friend} and {a color} kite in a tree",
        """
        <day>, {hero:child} and {friend:friend} were [flying|playing with] {a color:color} kite
        {place.at:outdoors}. It [rose|flew] [higher and higher|up and up] and [got stuck|got
        caught] in a [tall|big|very old] [oak|maple|pine]. "[Oh no|What now]!" <cried friend>.

        [trait?
        hasty: "[I will climb up|I can get it myself]," <said hero>. "[It is too high|Please
        wait]," <replied friend>, but {hero} was already [on the first branch|halfway up]. Then
        {hero.he} [looked down|heard a crack]. "[I am stuck too|Help me|I am afraid]!" <cried
        hero>. {Friend} ran to {helper:neighbor}, who [lived nearby|was working in the
        garden|was painting a fence].
        | calm: "[Shall I climb up|Shall we climb up]?" <asked friend>. "[It is too high|No, we
        could fall]," <replied hero>. "[Let us ask somebody with a ladder|We should get help]."
        They [ran|walked] to {helper:neighbor}, who [lived nearby|was working in the garden|was
        painting a fence].]

        [trait?
        hasty: {Helper} [fetched|brought] a [long|tall|heavy] ladder and carried down first
        {hero} and then the {color} kite. "[You were lucky|That was dangerous]," {helper.he}
        said. "[A tree is not a staircase|Next time ask first]." "[I will never do it again|I
        promise to be careful]," <said hero>.
        | calm: {Helper} [fetched|brought] a [long|tall|heavy] ladder, climbed up and came down
        with the {color} kite. "[It was wise to ask|That was the right thing to do],"
        {helper.he} said. The next day, {hero} and {friend} brought {helper.him} {a
        treat:snack} [to say thank you|as a thank-you].]
        """,
    ),
    # A scarf is given to a snowman; whoever needs it next gets it, and warmth comes back.
    "snowman": (
        "{hero}, {friend} and a snowman with {a color} scarf",
        """
        [It had snowed all night.|In the morning, the world was white.|The first snow had
        come.|Thick snow lay on the roofs.] {hero:child} and {friend:friend} built a
        [big|fine|round] snowman with {a nose:nose} for a nose. "[He looks cold|Something is
        missing|He is not finished yet]," <said hero>, and {hero.he} put {hero.his}
        {color:color} scarf around the snowman's neck.

        [end?
        animal: <morning>, the scarf was [gone|not there anymore]. The children [followed some
        small footprints|went after some little tracks] and found, {spot:spot}, {a
        animal:furry} [asleep|rolled up] in the {color} scarf. "[It must have been so cold|It
        needs the scarf more than the snowman]," <said hero>. "[Let it keep the scarf|We will
        not wake it]," <replied friend>.
        | wind: <evening>, an icy wind began to blow. {Hero} [shivered|was freezing], but
        {hero.he} did not want to take the {color} scarf back. "[Come here, mine is long enough
        for two|You gave him yours, so share mine]," <said friend>. And {friend.he} wrapped it
        around [both of them|the two of them].]

        [At home|Back home|Later], {elder:family} gave them {drink:hot drink} and
        [heard|listened to] everything.
        [end?
        animal: "[Then I have work to do|You did well]," {elder.he} said, and [a week
        later|soon] {hero} had [a new|an even warmer] scarf.
        | wind: [All winter|On the coldest days], {hero} and {friend} [walked to school|stood
        close together] in one scarf.]
        """,
    ),
    # A raincoat is taken along or left at home; the rain comes for both.
    "rain": (
        "{hero} and {a color} raincoat",
        """
        <day>, {elder:family} [took {hero:child} along|went with {hero:child}|walked
        with {hero:child}] to the {place:outdoors}. "[Take|Bring|Do not forget] your
        raincoat," {elder.he} said. "[It will rain|My knee feels the rain|The swallows
        are flying low|The wind smells of rain]." <weather>
        [trait?
        listened: "[If you say so|All right|You know best]," <replied hero>, and
        {hero.he} [packed|brought] the {color:color} raincoat.
        | laughed: "[I do not need it|It is far too warm|It never rains on me],"
        <replied hero>, and {hero.he} left the {color:color} raincoat on [its hook|the
        chair].]

        They had [just|hardly] sat down when [fat|big|cold] drops began
        to fall.
        [trait?
        listened: "[Oh dear, I forgot my own coat|Oh no, my own coat is at home]!"
        <cried elder>. "[Come under mine|There is room for two|We can both hide under
        mine]," <said hero>. They held it up [like a tent|like a roof] and walked home,
        [laughing all the way|singing in the rain].
        | laughed: "[If only I had my raincoat|Now I need my raincoat]!" <cried hero>.
        They ran home, but [the water ran down their necks|their shoes filled with
        water].]

        [trait?
        listened: Then they drank {drink:hot drink}. "[You were right about the
        rain|You know all about rain]," {hero} said. And the {color} raincoat dripped
        [on its hook|by the stove].
        | laughed: {Hero} [sneezed three times|sneezed and sneezed] and had to drink
        {drink:hot drink} in bed. The next time, {hero.he} [took|put on] the {color}
        raincoat before anybody said a word.]
        """,
    ),
    # A stray pet is loved at once, but belongs to somebody; honesty decides how it goes home.
    "stray pet": (
        "{hero} and {a pet} that was lost",
        """
        <day>, a [small|little] {pet:pet} with {a color:color} ribbon [followed
        {hero:child} home|sat at {hero:child}'s door|ran up to {hero:child}].
        "{pet.Cry}!" it [said|cried]. "[May I keep it|Can it stay]?" {hero.he} asked.
        "[Somebody may be looking for it|It has a ribbon, so it has a home|It must
        belong to somebody]," said {elder:family}.
        [trait?
        honest: So {hero} [drew|painted] pictures of it and [hung|put] them [on every
        corner|on ten trees|in all the shops].
        | selfish: But {hero} hid the ribbon {nook:nook}. "[Now nobody will know|Now
        you are mine]," {hero.he} whispered.]

        <later>, {friend:friend} came [by|along]. "[I lost|I am looking for|Somebody
        must have seen] the {pet} with the {color} ribbon," {friend.he} [said|sobbed].
        [trait?
        honest: "[I found it|It is here with me]!" <cried hero>. The {pet} {pet.joy}.
        <glad friend> "[Come and visit us|Come and play with us] [soon|every day],"
        {friend.he} said.
        | selfish: {Hero} [could not bear it|turned red] and ran to get the {pet}. "[I
        hid the ribbon|I wanted to keep it]," <softly hero>. The {pet} {pet.joy}. "[You
        gave it back|At least you told me]," {friend} said. "Come and see it [soon|on
        Sunday]."]
        And so the {pet} had two friends [instead of one|who loved it].
        """,
    ),
    # A wish is spent on a toy or on a sick friend; a toy alone is no fun.
    "wish": (
        "{hero}, who had one wish",
        """
        [One night|One evening|Late one night], {hero:child} found a [bright|little|golden]
        star {place.at:outdoors}. "[Lift me up|Help me home], and you have [one|a]
        wish," it [whispered|said softly]. {Hero} held it up, and it [floated away|rose
        into the sky|flew home].

        {Hero} thought of the {color:color} {thing:toy} in the shop, and of {hero.his}
        [good|best] friend {friend:friend}, who was [sick|ill].
        [end?
        toy: "I wish for the {thing}," {hero.he} [said|whispered]. [In the morning|At
        sunrise], it was [on {hero.his} pillow|beside the bed]. But there was nobody to
        [play with|share it with].
        | friend: "I wish that {friend} was well," {hero.he} [said|whispered]. [In the
        morning|At sunrise], {friend} stood at the door. "[The fever is gone|I woke up
        and felt fine|Come out and play]!" {friend.he} [cried|called].]

        [end?
        toy: So {hero} took the {color} {thing} to {friend}. "[You need it more than I
        do|I want you to have it]," {hero.he} said. <smiled friend>. "[A wish is
        good|The star was kind]," {hero} thought, "but a friend is better."
        | friend: They played {game:game}. Then they passed the shop with the {color}
        {thing}. "[Would you like it|Do you want it]?" {friend} asked. "[I have
        something better|I got what I wanted]," <replied hero>. [Above them|In the
        sky], a star [winked|blinked].]
        """,
    ),
    # One animal stores food, one makes music; in winter each has what the other lacks.
    "winter store": (
        "{a busy} and {a merry} in winter",
        """
        All [summer|fall|summer long], {a busy:beast} named {hero:child}
        [gathered|collected] {food:store} in {a color:color} basket. {Hero.His}
        neighbor {friend:friend}, {a merry:singer}, [just|only] played the
        {tune:instrument}. "[Come and dance|You work too much|Winter is far away],"
        <said friend>.

        Then the snow came, and {friend} [knocked on|stood at] {hero}'s door. "Can you
        spare [a little food|some food|some bread]?"
        [end?
        shared: "[Come in|Sit down by the fire]," <said hero>. "[But I did not help
        you|But I only played]," <replied friend>. "[Then play for me now|Music helps
        too]," {hero} said.
        | refused: "[You played while I worked|I worked while you played]," {hero} said
        and closed the door. But it was so quiet [inside|in the house]. {Hero} took a
        lamp and found {friend} [in the snow|under a tree]. "[Come in|Come back], I was
        [wrong|too hard|unkind]," {hero.he} said.]

        So there was food and music by the fire [all winter|every evening].
        [end?
        shared: In the spring, {friend} [picked up|filled] the {color} basket. "[Now I
        will work, and you will dance|This year we will do both together]," {friend.he}
        said.
        | refused: In the spring, {friend} [took|lifted] the {color} basket. "[You came
        with a lamp|You came after me]," {friend.he} said, "and now I will help you."]
        """,
    ),
    # A toy is traded too quickly; the friend gives it back or keeps it, and a lesson stays.
    "trade": (
        "{hero}, who traded {a color} {thing}",
        """
        {hero:child} had {a color:color} {thing:toy} [from {elder:family}|that
        {elder:family} had made]. <day>, {hero.his} friend {friend:friend} [came
        with|brought|had] a [shiny|bright] new {other:instrument}. "[Shall we trade|Will you
        trade|Can we trade]?" <asked hero>. "[A trade is a trade|Yes, if you are
        sure]," <replied friend>, and they shook hands on it.

        <evening>, {hero} [missed|thought of] the {thing}. "[Then you must ask|You can
        only ask]," {elder} said. {Hero} [went|ran|walked] to {friend}. "[Would you
        trade back|May I have it back]?" {hero.he} asked.
        [end?
        back: <smiled friend>. "[I missed mine too|I thought that you would come],"
        {friend.he} said.
        | kept: "[I love it now|A trade is a trade]," <said friend>. <ashamed hero>
        "[But we can play with both of them|But let us share them both]," {friend}
        said.]

        [end?
        back: {Hero} [carried|took] the {color} {thing} home and [never traded it
        again|kept it]. "[Now I know what I like best|New is not the same as dear],"
        {hero.he} thought.
        | kept: So they did, [one day here, one day there|every afternoon]. {Hero}
        never got the {color} {thing} back, but [the next time|before the next trade],
        {hero.he} slept [one night|a whole night] on it.]
        """,
    ),
    # Learning takes many falls; who gives up is taught by a baby, who does not by advice.
    "bicycle": (
        "{hero} and {a color} bicycle",
        """
        {Elder:family} [had found|had mended|bought] {a color:color} bicycle for {hero:child}.
        <day>, they [took|pushed] it to the {place:outdoors}. {Hero} [pushed the pedals|began
        to pedal], but the bicycle [wobbled|shook], and {hero.he} [fell into the grass|landed
        in a bush|sat down in the mud].

        [trait?
        gaveup: "[I will never learn it|I do not want to anymore|I am no good at it]!" <cried
        hero> and [walked home|threw down the helmet]. The next day, {hero.he} saw a baby that
        was learning to walk. It fell, [laughed|clapped its hands] and got up again. So {hero}
        [went to get|fetched] the bicycle once more.
        | stubborn: "[Once more|Again|I will not give up]," {hero.he} said [every time|after
        each fall]. "[Look ahead and not at your feet|Look at the big tree and not at the
        wheel]," <said elder>. "[That is how I learned it|It helped me]."]

        [This time|Now], {hero.he} looked straight ahead. "[I am riding|I can do it|Look at
        me]!" <cried hero>.
        [trait?
        gaveup: "[And you wanted to stop|I thought that you had given up]," <said elder>. "[A
        baby showed me how to fall|I got up once more than I fell]," <replied hero>.
        | stubborn: "[That was the tenth try|You did not give up]," <said elder>. "[And you
        told me where to look|I had a good teacher]," <replied hero>.] And {hero.he} rode off
        on the {color} bicycle.
        """,
    ),
    # A little money buys a thing for oneself or helps somebody; the price is paid either way.
    "coins": (
        "{hero}, some coins and {a color} {thing}",
        """
        {hero:child} had saved {number:number} coins for {a color:color} {thing:toy} in
        {owner:neighbor}'s shop. <day>, {hero.he} went to buy it. [Outside|Near] the shop stood
        {friend:friend}. "[I lost my bus money|My bus money fell through the grate]," <softly
        friend>. "[How will I get home|What shall I do now]?"

        [end?
        gave: {Hero} thought for a moment and [counted out|held out] two coins. "[The {thing}
        can wait|You need them more than I do]," {hero.he} said. <thanks friend hero>
        | bought: "[I am sorry|That is too bad]," <said hero> and bought the {thing}. But when
        {hero.he} saw {friend} walk [down the long road|away all alone], the {thing} was not so
        [nice|bright] anymore. "[Wait|Stop]!" <cried hero>. "[I will walk home with you|Let us
        walk together]."]

        [end?
        gave: {Owner} had seen [it all|everything]. "[Sweep the floor|Dust my shelves|Help me
        with the boxes] for two coins," {owner.he} said. So {hero} worked for [an hour|a while]
        and [carried|took] the {color} {thing} home. <glad hero>
        | bought: "[Thank you for coming after me|You did help me]," <said friend> at the door.
        <later>, {hero} came with the {color} {thing}, and they [played with it|shared it] [all
        day|until dark]. Now it was [wonderful|lovely] again.]
        """,
    ),
    # A noise in the dark is feared; going to look turns a monster into a guest.
    "noise at night": (
        "{hero} and a noise in the night",
        """
        [In the middle of the night|At midnight|Late at night|Long after bedtime], {hero:child}
        heard a noise {room.at:corner}. "[It is a monster|A monster has come]," {hero.he}
        thought, "with [long teeth|six legs|a huge mouth|many claws] and {shade:eye color}
        eyes."
        [trait?
        brave: {Hero.His} heart [beat fast|jumped|stood still]. "[I have to know|If I do not
        look, I will not sleep|I must see it]," {hero.he} whispered and [got up|went there on
        tiptoe|ran to see].
        | timid: <afraid hero> [Then|At last] {hero.he} ran to {elder:family}'s bed. "[Let us
        look at it together|Two are braver than one|I will come with you]," <said elder>, and
        they [got a lamp|went there on tiptoe].]

        [Behind a pile of boxes|Behind an old chair|Under a heap of sacks] sat {a pet:pet},
        [small and wet|shivering with cold|with straw on its nose]. "{pet.Cry}," it
        [said|cried]. "[You were afraid too|You are a very small monster|So this is the
        monster]," <said hero>, and it {pet.joy}.

        [trait?
        brave: In the morning, {elder:family} found {hero} asleep with the {pet} [in {hero.his}
        arms|beside {hero.him}|on {hero.his} lap]. "[I was afraid|My knees were shaking|I
        wanted to run]," <said hero>, "but I [looked|went] all the same." "That is what brave
        [means|is]," <replied elder>.
        | timid: They gave the {pet} [warm milk|a soft bed|an old blanket]. "[I was not brave|I
        ran away|I was afraid]," <said hero>. "[But you looked|But you came with me]," <replied
        elder>. And the next time, {hero} [went first|did not wake anybody|was not afraid].]
        """,
    ),
    # A castle of sand is washed away or run over; it is built again, bigger, by two.
    "sand castle": (
        "{hero} and a sand castle with {a color} flag",
        """
        [At the beach|By the sea|On a white beach|On a quiet island], {hero:child} [built|was
        building] a sand castle with [high walls|a bridge of driftwood|a path of pebbles] and
        {a color:color} flag. "[A king could live in it|It will stand forever]," {hero.he}
        [said|thought].
        [cause?
        wave: But a big wave [rolled|broke|washed] over it. Only the flag was left.
        | child: But {friend:friend} was [running after a ball|looking up at a kite|walking
        backward] and fell [right into|across] it. Only the flag was left.]

        [cause?
        wave: <sad hero> "[The sea took mine too|The sea always wins|Mine is gone too]," said
        {friend:friend}. "[Let us build a new one farther up|We can build one where no wave
        comes]."
        | child: {Hero} [was angry|clenched {hero.his} fists|wanted to shout]. "[I did not see
        it|I did not mean to]," <said friend>. "[Let me help you|I will build it up again]."
        "[All right|It was an accident|Then take this shovel]," <replied hero>.]

        They [carried water|patted the sand|dug and dug] and shared {a treat:snack}. The new
        castle was [twice as big|much bigger|even higher], and the {color} flag was on [top|the
        tower].
        [cause?
        wave: <evening>, the water [came|rose], but it [stopped|turned around] at the
        [wall|gate]. "[Now the sea has lost|This time we were smarter|It likes our castle],"
        <said hero>. <smiled friend>.
        | child: <evening>, {friend} walked around it [in a big circle|on tiptoe]. "[I look
        where I go now|I see it very well now]," {friend.he} said. <smiled hero>.]
        """,
    ),
    # Stage fright; a lent lucky piece helps, and it is given back for the friend's turn.
    "school show": (
        "{hero}, {friend} and the school show",
        """
        On {weekday:schoolday} [evening|night], {hero:child} was going to
        [act?
        sing: sing a song
        | poem: say a poem] about {subject:subject} at the school show, but {hero.his} [hands
        were cold|knees shook|heart beat fast]. "[I have forgotten everything|I cannot do it|I
        want to go home]," <softly hero>. {friend:friend}, who [was next|came after {hero.him}],
        [lent|gave] {hero.him} {a color:color} {luck:keepsake}. "[It brings me luck|It is my
        lucky {luck}|Take my lucky {luck}]," {friend.he} said.

        [The curtain went up.|The lights went on.|It was time.]
        [end?
        well: {Hero}
        [act?
        sing: sang every line, and the last one was the loudest.
        | poem: said every line, slowly and clearly.] The people [clapped and clapped|stood up
        and clapped|called for more].
        | stuck: In the middle, {hero} [got stuck|stopped]. But {friend}
        [act?
        sing: hummed the next line
        | poem: whispered the next word], and {hero} [went on|got] to the end.]

        Then it was {friend}'s turn. "[Oh, my {luck}|I need my {luck}]!" <softly friend>.
        {Hero} [was already there|came running] with the {color} {luck}.
        [end?
        well: "[I was not afraid at all|It really helped]," {hero.he} said. And {friend} was
        [even better|just as good].
        | stuck: "[If you get stuck, look at me|I will stand where you can see me]," {hero.he}
        said. But {friend} did not get stuck, and {hero} clapped the [loudest|longest].]
        """,
    ),
}
