"""The story world: exact probabilities, exact reading, honest grades, enough content."""

import hashlib
import math
import random
import re
from dataclasses import replace

import pytest

from helpers.text import stories
from helpers.text.grammar import article
from helpers.text.stories import (
    FAULTS,
    LeavesTheWorld,
    RelaxedReader,
    World,
    count,
    entropy,
    enumerate_stories,
    floor_of,
    grade,
    instruction,
    parse,
    preference,
    surprisal,
    write,
)

SEEDS = 10_000
TINY = World(
    lexicons={
        "child": (
            {"word": "Mia", "he": "she", "his": "her"},
            {"word": "Tom", "he": "he", "his": "his", "weight": "3"},
            {"word": "Eva", "he": "she", "his": "her"},
        ),
        "color": ({"word": "red"}, {"word": "orange"}),
        "toy": ({"word": "kite"}, {"word": "ball"}, {"word": "balloon"}),
    },
    fragments={"sad": "[{Who} cried.|{Who} was sad.]"},
    plots={
        "lost": (
            "{hero} and {a color} {toy}",
            """{hero:child} had {a color:color} {toy:toy}. [|It was new.] [2:Then it|It] was gone.
            <sad hero>

            [end? found: {Hero.He} looked again | given: {friend:child} gave {hero} {a other:toy}].
            [end? found: There was the {color} {toy}! | given: It was {hero.his} {other} now.]""",
        ),
        "shared": (
            "{hero} and {friend}",
            "{hero:child} and {friend:child} shared {a toy:toy}.",
        ),
    },
    requests="[Write|Tell] about ABOUT.",
)


@pytest.fixture(scope="module")
def written():
    return [write(seed) for seed in range(SEEDS)]


# ---------------------------------------------------------------------------- exactness


def test_parsing_gives_back_the_choices_and_bits_of_ten_thousand_stories(written):
    for story in written:
        assert parse(story.text) == story  # text, bits, facts and choices


def test_the_probabilities_of_a_shrunken_world_sum_to_one():
    everything = list(enumerate_stories(TINY))
    assert sum(2**-story.bits for story in everything) == pytest.approx(1, abs=1e-9)
    assert len({story.text for story in everything}) == len(everything) == count(TINY)
    for story in everything:
        assert parse(story.text, TINY) == story


def test_written_stories_are_as_frequent_as_their_bits_say():
    seen = {}
    for seed in range(4000):
        plot = write(seed, TINY).facts["plot"]
        seen[plot] = seen.get(plot, 0) + 1
    assert abs(seen["lost"] - 2000) < 5 * math.sqrt(4000 / 4)


def test_weights_and_lexicons_set_the_bits():
    story = parse("Mia and Tom shared a kite.", TINY)
    assert story.bits == pytest.approx(
        math.log2(2 * 5 * (4 / 3) * 3)
    )  # plot, hero, friend, toy
    then, without = (
        parse(f"Mia had a red kite. {gone} was gone. Mia cried.\nShe looked again. "
              "There was the red kite!", TINY)
        for gone in ("Then it", "It")
    )  # fmt: skip
    assert without.bits - then.bits == pytest.approx(1)


def test_the_same_seed_gives_the_same_stories_everywhere(written):
    digest = hashlib.sha256("\n\n".join(story.text for story in written[:100]).encode())
    assert digest.hexdigest()[:16] == "65f2771dec84d883"


def test_the_entropy_of_a_tiny_world_is_its_exact_entropy():
    everything = list(enumerate_stories(TINY))
    bits = sum(2**-story.bits * story.bits for story in everything)
    size = sum(2**-story.bits * len(story.text) for story in everything)
    estimate = entropy(4000, world=TINY)
    assert abs(estimate.bits_per_byte - bits / size) < 4 * estimate.standard_error
    assert estimate.standard_error < 0.02 * estimate.bits_per_byte


def test_the_surprisal_of_each_character_is_that_of_all_stories_that_begin_so():
    everything = list(enumerate_stories(TINY))
    for story in everything[:: len(everything) // 40]:
        spent = 0.0
        for place, bits in enumerate(surprisal(story.text, TINY)):
            spent += bits
            begun = (story.text + "\0")[: place + 1]  # \0 is the end
            alike = sum(2**-s.bits for s in everything if (s.text + "\0").startswith(begun))
            assert abs(spent + math.log2(alike)) < 1e-9


def test_the_surprisal_of_a_story_sums_to_its_bits(written):
    for story in written[:300]:
        bits = surprisal(story.text)
        assert len(bits) == len(story.text) + 1 and min(bits) > -1e-9
        assert abs(sum(bits) - story.bits) < 1e-6


def test_the_surprisal_of_a_text_from_elsewhere_is_refused():
    with pytest.raises(LeavesTheWorld):
        surprisal("Mia had a red kite. The end.", TINY)


def test_the_standard_error_says_how_estimates_scatter(written):
    parts = [floor_of(written[start : start + 500]) for start in range(0, SEEDS, 500)]
    ratios = [part.bits_per_byte for part in parts]
    mean = sum(ratios) / len(ratios)
    scatter = math.sqrt(sum((ratio - mean) ** 2 for ratio in ratios) / (len(ratios) - 1))
    assert 0.5 < scatter / parts[0].standard_error < 2


def test_the_floor_of_one_story_is_refused(written):
    with pytest.raises(ValueError, match="2 or more"):
        floor_of(written[:1])


# ---------------------------------------------------------------------------- content


def test_the_world_is_as_rich_as_promised(written):
    lexicons = stories.WORLD.lexicons
    names = lexicons["child"].words | lexicons["friend"].words
    others = {
        item for lexicon in lexicons.values() for item in lexicon.items if not item.is_person
    }
    assert len(stories.WORLD.grammar.options) >= 20
    assert len(names) >= 60
    assert all({"he", "him", "his"} <= set(name.forms) for name in names)
    assert len(others) >= 200
    assert count() > 10**15
    assert {story.facts["plot"] for story in written} == set(stories.WORLD.grammar.options)


def test_stories_have_fifty_to_two_hundred_and_fifty_words(written):
    lengths = [len(story.text.split()) for story in written[:5000]]
    assert min(lengths) >= 50 and max(lengths) <= 250
    assert 80 <= sum(lengths) / len(lengths) <= 150


def test_the_vocabulary_has_one_to_two_thousand_words(written):
    vocabulary = {
        word for story in written for word in re.findall("[a-z]+", story.text.lower())
    }
    assert 1000 <= len(vocabulary) <= 2000


def test_most_plots_have_dialogue(written):
    speaking = {story.facts["plot"] for story in written if '"' in story.text}
    assert len(speaking) > len(stories.WORLD.grammar.options) / 2


def test_every_article_is_right(written):
    silent_h = ("hour", "honest")
    for story in written:
        for found in re.finditer(r"\b(an?) ([a-z]+)", story.text, re.IGNORECASE):
            vowel = found[2][0].lower() in "aeiou" or found[2].startswith(silent_h)
            assert found[1].lower() == ("an" if vowel else "a"), found[0]


@pytest.mark.parametrize("word", ["orange", "egg", "hour", "umbrella", "ice cream"])
def test_a_vowel_sound_takes_an(word):
    assert article(word) == "an"


@pytest.mark.parametrize("word", ["kite", "unicorn", "used cup", "one-eyed cat", "yo-yo"])
def test_a_consonant_sound_takes_a(word):
    assert article(word) == "a"


def test_the_typography_is_clean(written):
    flaws = re.compile(r"""  | \n|\n |\n\n|^\s|\s$| [,.!?]|[\[\]{}<>|]|[,.!?]"?[,.?]""")
    for story in written:
        assert story.text.isascii()
        assert not flaws.search(story.text), story.text
        assert story.text.count('"') % 2 == 0
        assert re.fullmatch(r'["A-Z].*[.!?]"?', story.text, re.DOTALL)


def test_every_sentence_begins_with_a_capital(written):
    for story in written[:3000]:
        said = re.sub(r'[!?]" ', "", story.text)  # "Stop!" called Mia.
        assert not re.search(r'[.!?] "?[a-z]|\n"?[a-z]', said)


# ---------------------------------------------------------------------------- refusals


def failed(judged):
    return [name for name in stories.VERDICTS if not getattr(judged, name).yes]


def last(text, word):
    """Return where a word stands for the last time."""
    return [found.start() for found in re.finditer(rf"\b{word}\b", text)][-1]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("hero", "Walter", "same_hero"),
        ("she", "he", "right_pronoun"),
        ("thing", "pinwheel", "same_thing"),
        ("color", "silver", "same_thing"),
    ],
)
def test_a_broken_fact_is_refused_where_it_stands(old, new, verdict):
    facts, text = next(
        (story.facts, story.text)
        for story in map(write, range(SEEDS))
        if story.facts["plot"] == "lost toy"
        and story.facts["end"] == "friend"
        and story.facts["hero"] in stories.WORLD.lexicons["girl"].words
        and not {"Walter", "pinwheel", "silver"} & set(story.facts.values())
    )
    right = str(facts.get(old, old))
    place = last(text, right)
    broken = text[:place] + new + text[place + len(right) :]
    with pytest.raises(LeavesTheWorld) as error:
        parse(broken)
    assert place <= error.value.place < place + len(new)
    judged = grade(broken)
    assert failed(judged) == [verdict]
    assert getattr(judged, verdict).place == place
    assert repr(right) in getattr(judged, verdict).reason


def test_the_ending_of_another_outcome_is_refused():
    kept, forgot = (
        next(
            story.text.rsplit("\n", 1)
            for story in map(write, range(SEEDS))
            if story.facts["plot"] == "promise" and story.facts["end"] == end
        )
        for end in ("kept", "forgot")
    )
    broken = kept[0] + "\n" + forgot[1]
    with pytest.raises(LeavesTheWorld) as error:
        parse(broken)
    assert error.value.place > len(kept[0])
    judged = grade(broken)
    assert not judged.ending_follows.yes and judged.ending_follows.place > len(kept[0])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda text: text + " The end.", lambda text: len(text)),
        (lambda text: text[: len(text) // 2], lambda text: len(text) // 2),
        (lambda text: "", lambda text: 0),
        (lambda text: text.replace(". ", ".  ", 1), lambda text: text.index(". ") + 2),
        (lambda text: text.replace("\n", " zyzzyva\n", 1), lambda text: text.index("\n")),
    ],
    ids=["trailing text", "truncated", "empty", "doubled space", "unknown word"],
)
def test_a_damaged_story_is_refused_where_the_damage_is(change, place):
    story = write(7)
    with pytest.raises(LeavesTheWorld) as error:
        parse(change(story.text))
    assert error.value.place == place(story.text)
    assert not grade(change(story.text)).passed


def test_the_error_quotes_line_and_place():
    text = write(7).text
    with pytest.raises(LeavesTheWorld, match=r"line 2\).*comes 'zyzzyva.*expected"):
        parse(text[: text.index("\n") + 1] + "zyzzyva")


def test_random_text_is_refused_in_bounded_steps():
    generator = random.Random(0)
    some = [write(seed).text for seed in range(30)]
    words = " ".join(some).split()
    for trial in range(60):
        unicode = "".join(chr(generator.randrange(32, 0x2FFF)) for _ in range(2000))
        salad = " ".join(generator.choice(words) for _ in range(300))
        spliced = some[trial % 30][: 40 * trial % 700] + some[(trial + 1) % 30][300:]
        for text in (unicode, salad, spliced):
            reader = RelaxedReader(text, stories.WORLD.people)
            assert not reader.read(stories.WORLD.grammar)
            assert reader.steps < 20_000
            assert not grade(text).passed


def test_a_story_full_of_slips_is_read_in_bounded_steps(written):
    for story in written[:200]:
        text = re.sub(r"\b(s?)he\b", lambda found: "he" if found[1] else "she", story.text)
        text = text.replace(story.facts.get("color", "red"), "silver")
        reader = RelaxedReader(text, stories.WORLD.people)
        reader.read(stories.WORLD.grammar)
        assert reader.steps < 20_000


# ---------------------------------------------------------------------------- grades


def test_every_written_story_passes_the_grade(written):
    for story in written[:3000]:
        judged = grade(story.text)
        assert judged.passed, (story.text, judged)


def test_a_story_that_stops_is_grammatical_but_has_no_ending():
    text = write(11).text
    judged = grade(text[: text.rindex(" ")])
    assert judged.grammatical.yes and judged.same_hero.yes
    assert not judged.ending_follows.yes and judged.ending_follows.place == text.rindex(" ")


def test_garbage_is_not_grammatical():
    judged = grade("Colorless green ideas sleep furiously.")
    assert not judged.grammatical.yes and not judged.ending_follows.yes
    assert judged.grammatical.place <= 1
    assert "leaves the world at character" in judged.grammatical.reason


def test_one_name_for_two_people_is_a_slip():
    judged = grade("Mia and Mia shared a kite.", TINY)
    assert not judged.same_hero.yes and judged.same_hero.place == 8


# ---------------------------------------------------------------------------- fine-tuning


def test_an_instruction_names_the_facts(written):
    for story in written[:200]:
        request = instruction(story)
        assert request == instruction(story)
        assert any(str(fact) in request for fact in story.facts.values())
    assert len({instruction(written[0], seed) for seed in range(40)}) > 2
    plain = replace(
        written[0], facts={fact: str(word) for fact, word in written[0].facts.items()}
    )
    assert instruction(plain) == instruction(written[0])


def test_a_rejected_story_fails_in_the_named_way_alone():
    faults = set()
    for seed in range(200):
        pair = preference(seed)
        faults.add(pair.fault)
        assert parse(pair.chosen) and grade(pair.chosen).passed
        judged = grade(pair.rejected)
        assert failed(judged) == [pair.fault]
    assert faults == set(FAULTS)


# ---------------------------------------------------------------------------- notation


def world(plot):
    return World({"toy": ({"word": "kite"},)}, {}, {"plot": ("a story", plot)}, "[ABOUT]")


def test_an_optional_sentence_brings_its_own_space():
    texts = {
        story.text for story in enumerate_stories(world("He ran. [|He fell.] He laughed."))
    }
    assert texts == {"He ran. He laughed.", "He ran. He fell. He laughed."}


def test_a_blank_line_is_a_new_paragraph():
    assert write(0, world("One.\n   Two.\n\n   Three.")).text == "One. Two.\nThree."


@pytest.mark.parametrize("plot", ["{toy:unknown}", "{a b c}", "[open", "<nothing>"])
def test_a_mistake_in_the_notation_is_refused(plot):
    with pytest.raises(ValueError):
        world(plot)
