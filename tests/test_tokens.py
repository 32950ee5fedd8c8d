"""Tokens in color: every border is there without colors, nothing invisible, nothing unescaped."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.lesson import tokens

ONE_DAY = [b"One", b" day", b",\n", b"\xf0\x9f", b"\x98\x80", "<|endoftext|>"]


def without_tags(page):
    return html.unescape(re.sub("<[^>]*>", "", page))


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: outputs.append(data))
    return outputs


def test_plain_text_has_bars_between_tokens():
    expected = "One│·day│,↵│⟨f0⟩⟨9f⟩│⟨98⟩⟨80⟩│<|endoftext|>"
    assert tokens.as_text(ONE_DAY) == expected
    assert tokens.as_text(ONE_DAY[:2], name="300 tokens") == "300 tokens: One│·day"
    assert tokens.as_text([]) == ""


@given(st.lists(st.binary(max_size=6) | st.text(max_size=6).map(str.encode), max_size=12))
def test_html_without_its_tags_is_the_plain_text(pieces):
    page = tokens.as_html(pieces, ids=list(range(len(pieces))), name="<b>&")
    assert without_tags(page) == tokens.as_text(pieces, name="<b>&")


@given(st.binary(max_size=20))
def test_nothing_drawn_is_invisible_or_broken(piece):
    drawn = tokens.visible(piece)
    drawn.encode()  # no lone surrogate is left
    assert drawn.isprintable()
    assert not re.search(r"\s", drawn)
    assert bool(drawn) == bool(piece)


@pytest.mark.parametrize(
    ("piece", "drawn"),
    [
        (b"\x00\x1f\x7f\t\r", "␀␟␡→←"),
        ("\u202e\u00a0\u200d".encode(), "⟨U+202E⟩⟨U+00A0⟩⟨U+200D⟩"),
        ("é😀 ".encode(), "é😀·"),
        ("\u0301".encode(), "◌\u0301"),
        ("😀".encode()[:2] + b"a", "⟨f0⟩⟨9f⟩a"),
    ],
)
def test_signs(piece, drawn):
    assert tokens.visible(piece) == drawn


def test_neighbors_differ_in_color_and_letters_stay_dark():
    page = tokens.as_html([b"a"] * 5)
    colors = re.findall(r'"background:(#\w+);', page)
    assert len(colors) == 5
    assert all(one != other for one, other in zip(colors, colors[1:], strict=False))
    assert "color:#111" in page.split("<span")[0]


def contrast(one, other):
    """Contrast ratio of two colors: WCAG 2.1, definition of relative luminance."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_letters_are_readable_on_every_background():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert all(contrast("#111111", color) > 7 for color in tokens.BACKGROUNDS)  # WCAG's AAA


def test_the_mouse_shows_id_and_bytes():
    page = tokens.as_html([b" \xc3\xa9", "<|endoftext|>"], ids=[300, 0])
    assert re.findall('title="(.*?)"', page) == ["id 300, 20 c3 a9", "id 0, special"]
    assert re.findall('title="(.*?)"', tokens.as_html([b"a"])) == ["61"]


def test_show_gives_html_for_eyes_and_text_for_the_rest(shown):
    tokens.show(ONE_DAY, name="six")
    assert shown == [
        {
            "text/html": tokens.as_html(ONE_DAY, name="six"),
            "text/plain": tokens.as_text(ONE_DAY, "six"),
        }
    ]
    assert "<img" not in shown[0]["text/html"] and "http" not in shown[0]["text/html"]


def test_ids_that_do_not_fit_are_refused(shown):
    with pytest.raises(ValueError, match="6 pieces and 2 ids"):
        tokens.show(ONE_DAY, ids=[1, 2])
    assert shown == []
