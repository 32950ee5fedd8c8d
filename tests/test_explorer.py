"""The attention explorer: whole, labelled, small, without a network, and true to its weights."""

import base64
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.lesson import explorer

NAMES = ["Mia", "·found", "·a", "·kite", "."]
ALT = "The last token looks at the name; every other token looks at itself."
VOID = {"img", "br", "input", "hr"}


def some_maps(layers=2, heads=3, time=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(layers, heads, time, time, generator=generator).mul(3).softmax(-1)


def page_of(names=NAMES, maps=None, layer=1, head=2, token=4):
    maps = some_maps(time=len(names)) if maps is None else maps
    return explorer.as_html(names, maps, layer, head, ALT, token)


class Page(HTMLParser):
    """The tags of a page with their attributes and texts; AssertionError if they are not nested."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags = [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        tag = {"name": name, "text": "", **dict(attributes)}
        self.tags.append(tag)
        if name not in VOID:
            self.open.append(tag)

    def handle_endtag(self, name):
        assert self.open.pop()["name"] == name

    def handle_data(self, data):
        for tag in self.open:
            tag["text"] += data

    def all(self, name):
        return [tag for tag in self.tags if tag["name"] == name]


def call_of(page):
    """What the script is called with: id, start, packed weights."""
    arguments = Page(page).all("script")[0]["text"].split("})(", 1)[1].removesuffix(");")
    return json.loads(f"[{arguments.removeprefix('(')}]")


@pytest.fixture
def shown(monkeypatch):
    outputs = []

    def note(data, raw=False, metadata=None):
        outputs.append((data, metadata))

    monkeypatch.setattr("IPython.display.display", note)
    monkeypatch.delenv("SLM_STATIC", raising=False)
    return outputs


# ---- the live block


def test_the_block_is_well_formed_and_asks_no_network():
    page = page_of()
    assert [tag["name"] for tag in Page(page).tags[:2]] == ["div", "style"]
    assert not re.search(r"https?:|//\w|\bsrc\b|\bhref\b|url\(|import|fetch|XMLHttp", page)


def test_every_control_has_a_label():
    page = Page(page_of())
    labelled = {tag["for"]: tag["text"] for tag in page.all("label")}
    menus = {tag["id"]: tag["class"] for tag in page.all("select")}
    assert labelled == menus and sorted(menus.values()) == ["head", "layer"]
    assert [tag["aria-label"] for tag in page.all("button")] == [
        "Mia", "found", "a", "kite", ".",
    ]  # fmt: skip
    assert page.all("div")[0]["aria-label"] == ALT
    [status] = page.all("p")
    assert (status["role"], status["aria-live"]) == ("status", "polite")
    assert all(tag["aria-label"] for tag in page.all("canvas"))


def test_a_notebook_does_not_take_the_keys_for_its_own():
    """Without this attribute JupyterLab deletes a cell when a button hears D, D."""
    assert Page(page_of()).all("div")[0]["data-lm-suppress-shortcuts"] == "true"


def test_menus_and_buttons_begin_at_what_was_chosen():
    page = Page(page_of(layer=1, head=2, token=3))
    chosen = [tag["text"] for tag in page.all("option") if "selected" in tag]
    assert chosen == ["1", "2"]
    assert [tag["tabindex"] for tag in page.all("button")] == ["-1", "-1", "-1", "0", "-1"]
    assert [tag["aria-pressed"] for tag in page.all("button")].index("true") == 3


def test_two_blocks_on_a_page_share_no_id():
    pages = [page_of(), page_of()]
    ids = [tag["id"] for page in pages for tag in Page(page).tags if "id" in tag]
    assert len(ids) == len(set(ids)) == 6
    for page in pages:
        own = Page(page).all("div")[0]["id"]
        assert call_of(page)[0] == own
        rules = re.findall(r"^(\S+) ", explorer.STYLE.replace("ID", own), re.M)
        assert {rule for rule in rules if rule.startswith("#")} == {f"#{own}"}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 7), st.integers(0, 99))
def test_weights_come_back_within_half_a_step(layers, heads, time, seed):
    maps = some_maps(layers, heads, time, seed)
    page = page_of([f"t{i}" for i in range(time)], maps, 0, 0, 0)
    _, start, data = call_of(page)
    assert (start["heads"], start["steps"]) == (heads, 255)
    back = torch.tensor(list(base64.b64decode(data))).view(maps.shape) / 255
    torch.testing.assert_close(back, maps, atol=0.5 / 255 + 1e-6, rtol=0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_no_token_breaks_out_of_the_page(texts):
    names = [explorer.name_of(text) for text in texts]
    page = Page(page_of(names, token=0))
    assert [tag["text"] for tag in page.all("button")] == names
    assert [tag["aria-label"] for tag in page.all("button")] == list(
        map(explorer.spoken, names)
    )
    assert len(page.tags) == len(Page(page_of(["a"] * len(names), token=0)).tags)


@pytest.mark.parametrize("text", ["</script><b>", '" onclick="alert(1)', "a\nb", "&lt;", "\0"])
def test_dangerous_tokens_are_only_text(text):
    name = explorer.name_of(text)
    page = page_of([name, "b"], token=0)
    assert html.escape(name) in page
    assert page.count("</script>") == page.count("<script>") == 1
    assert "\n" not in name and "\0" not in name
    assert "<" not in explorer.as_script(text)


def test_names_show_spaces_bytes_and_missing_texts():
    assert list(map(explorer.name_of, [" a", b"\xf0\x9f", "", "\n"])) == [
        "·a",
        "⟨f0⟩⟨9f⟩",
        "⟨⟩",
        "↵",
    ]


def test_sixty_tokens_and_24_heads_stay_small():
    maps = some_maps(4, 6, 60)
    assert len(page_of([f"·word{i}" for i in range(60)], maps, 0, 0, 0).encode()) < 200_000


def without_strings(script):
    script = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', script)
    return re.sub(r"//.*", "", script)


def test_the_script_is_javascript():
    code, pairs, open_brackets = (
        without_strings(explorer.SCRIPT),
        {")": "(", "]": "[", "}": "{"},
        [],
    )
    assert not re.search(r"[`']|=>|\blet\b|\bconst\b|innerHTML|eval", code)  # old and plain
    for character in code:
        if character in pairs.values():
            open_brackets.append(character)
        elif character in pairs:
            assert open_brackets.pop() == pairs[character]
    assert open_brackets == []
    if node := shutil.which("node"):
        script = f"({explorer.SCRIPT});"
        subprocess.run([node, "--check", "-"], input=script, text=True, check=True)


def test_the_first_sentence_is_there_without_a_script():
    maps = torch.zeros(1, 1, 3, 3)
    maps[0, 0, 2] = torch.tensor([0.615, 0.005, 0.38])
    page = Page(page_of(["Mia", "·and", "·<her>"], maps, 0, 0, 2))
    assert page.all("p")[0]["text"] == "“<her>” looks at “Mia” 62 %, “<her>” 38 %."


def test_a_sentence_names_three_at_most_and_none_below_one_percent():
    spread = torch.full((5, 5), 0.2)
    said = explorer.sentence(NAMES, spread, 3)
    assert said == "“kite” looks at “Mia” 20 %, “found” 20 %, “a” 20 %."
    said = explorer.sentence(["a"] * 200, torch.full((200, 200), 0.005), 0)
    assert said == "“a” looks at nothing in particular."


# ---- show


def test_a_live_notebook_gets_the_block_and_words(shown):
    explorer.show([" a", b"b", ""], some_maps(1, 1, 3), alt=ALT)
    [(data, _)] = shown
    assert data["text/plain"] == ALT
    assert [tag["text"] for tag in Page(data["text/html"]).all("button")] == ["·a", "b", "⟨⟩"]


@pytest.mark.parametrize("time", [1, 5, 60])
def test_a_stored_notebook_gets_a_picture_with_alt_text(shown, monkeypatch, time):
    monkeypatch.setenv("SLM_STATIC", "1")
    explorer.show(["·token"] * time, some_maps(1, 2, time), 0, 1, ALT)
    [(data, metadata)] = shown
    assert data.keys() == {"image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == ALT
    assert len(data["image/png"]) < 150_000


def test_the_picture_has_every_weight_and_every_token():
    maps = some_maps()
    map_axes, text_axes = explorer.picture(NAMES, maps[0, 1], 0, 1, 4).axes
    torch.testing.assert_close(torch.tensor(map_axes.images[0].get_array().data), maps[0, 1])
    assert [label.get_text() for label in map_axes.get_yticklabels()] == NAMES
    assert [text.get_text() for text in text_axes.texts] == NAMES


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(tokens=NAMES[:4]), r"4 tokens and maps of shape \(2, 3, 5, 5\)"),
        (dict(maps=some_maps()[0]), r"maps of shape \(3, 5, 5\)"),
        (dict(tokens=[], maps=some_maps()[..., :0, :0]), "0 tokens"),
        (dict(maps=some_maps() * 9), "give the softmax, not the scores"),
        (dict(maps=some_maps() * torch.nan), "give the softmax, not the scores"),
        (dict(layer=2), "there are 2 layers, 3 heads and 5 tokens"),
        (dict(head=-1), "counted from 0"),
        (dict(token=5), "token 5"),
        (dict(alt=""), "no alt text"),
    ],
)
def test_what_does_not_fit_is_refused(shown, change, said):
    with pytest.raises(ValueError, match=said):
        explorer.show(**{"tokens": NAMES, "maps": some_maps(), "alt": ALT, **change})
    assert shown == []
