"""Text comes back letter for letter, and junk goes with its reason."""

import doctest
import textwrap

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.text import clean, stories
from helpers.text.clean import (
    SIGN,
    chapters,
    drop_markup,
    fix_mojibake,
    measures,
    misread,
    plain_signs,
    reasons,
    repair,
    strip_gutenberg,
    unwrap,
)
from helpers.text.planted import COPIES, DAMAGE, JUNK, plant

STORIES = [stories.write(seed).text for seed in range(40)]
LETTERS = "abc def éñ “”’—…\n" + "".join(SIGN[160:])
some_words = st.lists(
    st.sampled_from("a kite flew over the hill and Mia ran".split()), max_size=40
)


def test_the_examples_in_docstrings_hold():
    assert doctest.testmod(clean).failed == 0


# ---- repair


@pytest.mark.parametrize("kind", DAMAGE)
def test_planted_damage_is_repaired_letter_for_letter(kind):
    damaged = [DAMAGE[kind](text) for text in STORIES]
    assert not set(damaged) & set(STORIES)
    assert [repair(text) for text in damaged] == STORIES


def test_all_damage_at_once_is_repaired():
    wrapped = DAMAGE["misread twice"](DAMAGE["wrapped"](STORIES[0])).replace("\n", "\r\n")
    assert repair("\ufeff\x00" + wrapped + "\u200b\n\n* * *\n") == STORIES[0]


def test_good_text_is_left_alone():
    assert [repair(text) for text in STORIES] == STORIES


@given(st.text(st.sampled_from(LETTERS)))
def test_misreading_is_undone_however_often_it_happened(text):
    assume(fix_mojibake(text) == text)  # nothing in it looks misread from the start
    assert fix_mojibake(misread(text)) == text
    assert fix_mojibake(misread(misread(text))) == text


def test_misread_is_what_windows_1252_shows():
    text = "“naïve” – “£5” …"
    assert misread(text).encode("cp1252", "ignore") == text.encode().replace(b"\x9d", b"")


@pytest.mark.parametrize("text", ["CAFÉ…", "É”", "plain ASCII", "Ünal’s naïve façade", "日本"])
def test_right_letters_beside_signs_stay(text):
    assert fix_mojibake(text) == text


def test_a_quotation_mark_that_lost_its_last_byte_is_closed():
    assert fix_mojibake("â€œHi,â€ she said.") == "“Hi,” she said."


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ('<p class="x">One</p><p>Two<br/>Three</p>', "One\nTwo\nThree\n"),
        ("3 < 5 and 7 > 2", "3 < 5 and 7 > 2"),
        ("a <|endoftext|> b", "a <|endoftext|> b"),
        ("&ldquo;Fish &amp; chips&rdquo;<!-- a\nnote -->", "“Fish & chips”"),
        ("One.\n\n[Illustration: a bird\non a tree]\n\nTwo[*].", "One.\n\n\n\nTwo."),
        ("One.\n\n[*] A footnote\nof two lines\n\nTwo.", "One.\n\n\nTwo."),
    ],
)
def test_markup_goes_and_comparisons_stay(text, without):
    assert drop_markup(text) == without


def test_each_sign_has_one_spelling():
    assert plain_signs("Zoe\u0308 ‘said’ «no»\u2026") == "Zoë 'said' \"no\"..."
    assert plain_signs("a\r\nb\rc\x0cd\x85e\u2028f") == "a\nb\nc\nd\ne\nf"
    assert plain_signs("\ufeffa\x00\x1f\u200b\xad\x9fb\x7f") == "ab"


@given(st.text())
def test_plain_signs_are_plain_already(text):
    assert plain_signs(plain_signs(text)) == plain_signs(text)


@given(st.integers(55, 90), st.integers(0, 30))
def test_lines_broken_to_any_width_are_joined(width, seed):
    paragraphs = [" ".join(STORIES[seed].split()), " ".join(STORIES[seed + 1].split())]
    page = "\n\n".join(textwrap.fill(paragraph, width) for paragraph in paragraphs)
    assert unwrap(page) == "\n\n".join(paragraphs)


@pytest.mark.parametrize(
    "text",
    [
        "Shake, shake, hazel-tree,\nGold and silver\nover me,\nover me!",
        "First Citizen:\nBefore we proceed any further, hear me speak, or do not.\n\n"
        "All:\nSpeak, speak.\n\nFirst Citizen:\nYou are all resolved\nrather to die?",
        "one line",
        "",
        "\n".join(STORIES[:3]),
    ],
)
def test_verse_and_whole_paragraphs_keep_their_lines(text):
    assert unwrap(text) == text


@pytest.mark.parametrize("word", ["ice-cream", "waited--and", "word -", "--and"])
def test_a_line_that_ends_in_a_hyphen_is_joined_without_a_space(word):
    text = " ".join(["a", "bcd"] * 7 + [word] + ["efgh"] * 60)
    for width in range(56, 80):
        assert unwrap(textwrap.fill(text, width)) == text


def test_verse_inside_a_wrapped_page_keeps_its_lines():
    prose = textwrap.fill(" ".join(STORIES[0].split()), 70)
    page = f"{prose}\n\n  Shake, shake,\n  hazel-tree!\n\n{prose}"
    assert unwrap(page).split("\n\n")[1] == "  Shake, shake,\n  hazel-tree!"


# ---- books


def as_book(texts, start="THIS", end="*** END OF THIS PROJECT GUTENBERG EBOOK X ***"):
    pages = [f"TALE {n}\n\n{DAMAGE['wrapped'](text)}" for n, text in enumerate(texts)]
    head = f"\ufeffProduced by many.\n\n*** START OF {start} PROJECT GUTENBERG EBOOK X ***"
    return "\n\n\n\n\n".join([head, *pages, f"{end}\n\nLicence"]).replace("\n", "\r\n")


@pytest.mark.parametrize("start", ["THIS", "THE"])
@pytest.mark.parametrize(
    "end", ["*** END OF THE PROJECT GUTENBERG EBOOK X ***", "End of Project Gutenberg's X"]
)
def test_a_book_gives_back_its_tales(start, end):
    found = chapters(strip_gutenberg(as_book(STORIES[:5], start, end)))
    expected = [f"TALE {n}\n{text}" for n, text in enumerate(STORIES[:5])]
    assert [repair(chapter) for chapter in found] == expected


def test_other_texts_are_no_books():
    assert strip_gutenberg(STORIES[0]) == STORIES[0]
    assert chapters(STORIES[0]) == [STORIES[0]]
    assert chapters("\n\n\n\n\n") == []


def test_a_book_without_an_end_is_kept_to_its_last_letter():
    assert strip_gutenberg("x *** START OF THE PROJECT GUTENBERG EBOOK Y *** tale") == " tale"


# ---- quality


def test_measures_by_hand():
    found = measures("The cat sat on it. The cat sat \ufffd on it. 42!")
    assert found["words"] == 11
    assert found["small words"] == pytest.approx(4 / 11)  # the, it, the, it
    assert found["word length"] == pytest.approx(28 / 11)
    assert found["repetition"] == pytest.approx(
        3 / 9
    )  # "the cat sat", "cat sat on", "sat on it"
    assert found["ending"] == 1
    assert found["lost"] == 1


@pytest.mark.parametrize("text", ["", " ", "!", "\n\n", "a"])
def test_next_to_nothing_can_be_measured_and_is_dropped(text):
    assert reasons(text)


@pytest.mark.parametrize(
    "ending", ["she said.", 'he said."', "(at last.)", "The End", "Oh!”", "so"]
)
def test_an_ending_is_that_of_a_sentence(ending):
    assert measures(repair(f"It was {ending}"))["ending"] == (ending != "so")


def test_no_story_is_dropped():
    assert not [reasons(stories.write(seed).text) for seed in range(300) if reasons(STORIES[0])]


@pytest.mark.parametrize("kind", JUNK)
def test_each_kind_of_junk_is_dropped(kind):
    found = [bool(reasons(repair(JUNK[kind](text)))) for text in STORIES]
    assert np.mean(found) >= (0.7 if kind == "cut off" else 1.0)  # some ends look whole


def test_a_reason_says_what_and_how_much():
    assert reasons("Too short.") == [
        "words 2 not in (30, 100000)",
        "small words 0 not in (0.1, 0.6)",
    ]
    assert reasons("Too short.", {"words": (1, 9)}) == []


def test_a_limit_for_nothing_is_refused():
    with pytest.raises(ValueError, match="no measure 'lenght'; there are words, letters"):
        reasons("text", {"lenght": (1, 9)})


# ---- all of it


def test_every_text_is_kept_or_dropped_with_a_reason():
    kinds, raw, truth = zip(*plant(seed=7, good=200, each=20), strict=True)
    cleaned = clean.clean(raw)
    assert len(cleaned.texts) + len(cleaned.dropped) == len(raw)
    kept = [i for i in range(len(raw)) if i not in cleaned.dropped]
    assert [kinds[i] for i in kept].count("good") >= 198
    assert cleaned.texts == [repair(raw[i]) for i in kept]
    assert np.mean([text in truth for text in cleaned.texts]) > 0.97


def test_a_copy_is_dropped_with_the_position_of_its_original():
    raw = ["junk", STORIES[0], STORIES[1], STORIES[0], COPIES["in a frame"](STORIES[1])]
    cleaned = clean.clean(raw)
    assert cleaned.texts == STORIES[:2]
    assert cleaned.dropped[3] == "copy of 1"
    assert cleaned.dropped[4] == "near copy of 2"
    assert cleaned.dropped[0].startswith("words 1 not in")


def test_nothing_in_nothing_out():
    assert clean.clean([]) == clean.Cleaned([], {})


def test_scripts_go_and_prose_in_angles_stays():
    page = (
        "<style>p {}</style><p class='a b' id=x hidden>One</p><script>var x = 1 < 2;</script>"
    )
    assert repair(page) == "One"
    prose = "Write to <john@x.org> if a < b and c > d, or <3."
    assert drop_markup(prose) == prose
