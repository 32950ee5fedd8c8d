"""A picture is always there; knobs work in a live notebook, and are never stored."""

import ipywidgets
import pytest

from helpers.lesson import widgets


@pytest.fixture
def shown(monkeypatch):
    """What a live notebook would have displayed, as a list of (data, metadata)."""
    outputs = []

    def note(data, raw=False, metadata=None):
        outputs.append((data, metadata))

    monkeypatch.delenv("SLM_STATIC", raising=False)
    monkeypatch.setattr("IPython.display.display", note)
    return outputs


def draw(ax, scale):
    ax.plot([0, scale])


def test_a_stored_notebook_gets_a_picture_and_no_widget(shown, monkeypatch):
    monkeypatch.setenv("SLM_STATIC", "1")
    examples = [dict(scale=1), dict(scale=10)]
    widgets.explore("title", draw, examples, alt="two lines", scale=widgets.powers(-1, 1))
    assert [set(data) for data, _ in shown] == [{"image/png", "text/plain"}]


@pytest.mark.parametrize(
    ("kind", "start", "control", "turned"),
    [
        (widgets.powers(-1, 1), 1, ipywidgets.FloatLogSlider, 10),
        ((-1.0, 2.0, 0.5), 0.0, ipywidgets.FloatSlider, 1.5),
        (range(1, 9), 2, ipywidgets.IntSlider, 8),
        (["causal", "full"], "full", ipywidgets.Dropdown, "causal"),
        (str, "Once", ipywidgets.Text, "Once upon"),
    ],
)
def test_each_kind_of_knob_starts_at_the_first_example_and_redraws(
    shown, kind, start, control, turned
):
    seen = []

    def note(ax, setting):
        seen.append(setting)

    examples = [dict(setting=start)]
    widgets.explore("title", note, examples, alt="nothing", setting=kind)
    box = shown[-1][0]
    assert isinstance(box.children[0], control)
    assert box.children[0].value == start
    box.children[0].value = turned
    box.update()
    assert seen[-1] == turned


def test_an_unknown_kind_of_knob_is_refused(shown):
    with pytest.raises(ValueError, match="give powers, a range"):
        widgets.explore("title", draw, [dict(scale=1)], alt="nothing", scale=3)


def test_a_setting_without_a_knob_is_refused(shown):
    with pytest.raises(ValueError, match="no knob for scale"):
        widgets.explore("title", draw, [dict(scale=1)], alt="nothing")
