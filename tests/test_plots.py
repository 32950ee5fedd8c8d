"""Every figure is small and has alt text."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.lesson import plots


@pytest.fixture(autouse=True)
def live(monkeypatch):
    """A live notebook, unless a test says otherwise."""
    monkeypatch.delenv("SLM_STATIC", raising=False)


@pytest.fixture
def shown(monkeypatch):
    """What would have been displayed, as a list of (data, metadata)."""
    outputs = []

    def note(data, raw=False, metadata=None):
        outputs.append((data, metadata))

    monkeypatch.setattr("IPython.display.display", note)
    return outputs


def draw(ax, scale):
    ax.plot([0, scale])


# ---- show and save


def test_a_live_figure_is_an_image_with_escaped_alt_text(shown):
    fig, _ = plots.figure("message")
    plots.show(fig, alt='a < b, "quoted"')
    [(data, _)] = shown
    assert data["text/html"].startswith('<img alt="a &lt; b, &quot;quoted&quot;" width=')
    assert data["text/plain"] == 'a < b, "quoted"'
    assert len(data["text/html"]) < 60_000


def test_a_stored_figure_is_a_png_with_alt_in_its_metadata(shown, monkeypatch):
    monkeypatch.setenv("SLM_STATIC", "1")
    plots.show(plots.figure("message")[0], alt="what it shows")
    [(data, metadata)] = shown
    assert data.keys() == {"image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == "what it shows"


def test_zero_is_not_static(monkeypatch):
    monkeypatch.setenv("SLM_STATIC", "0")
    assert not plots.is_static()


def test_save_writes_a_whole_png_and_nothing_else(tmp_path):
    plots.save(plots.figure("message", 5.0, 2.5)[0], tmp_path / "new" / "loss.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["loss.png"]
    with Image.open(tmp_path / "new" / "loss.png") as image:
        assert image.size == (720, 360)


def test_large_figures_are_refused():
    with pytest.raises(ValueError, match="5.5 x 3.2"):
        plots.figure("too wide", width=8)


def test_no_window_and_no_figure_is_left_behind():
    """Even if somebody's matplotlib is set up to open windows."""
    code = (
        "from helpers.lesson import plots; import sys\n"
        "plots.small_png(plots.figure('message')[0])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# ---- band


def test_band_is_the_mean_and_the_spread_of_a_sample():
    _, ax = plots.figure("message")
    plots.band(ax, [[1.0, 2.0], [3.0, 4.0]], "two seeds", steps=[10, 20])
    assert ax.get_lines()[0].get_xydata().tolist() == [[10, 2], [20, 3]]
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx(3 + 2**0.5)  # std of (2, 4) with ddof=1 is √2


def test_band_of_one_run_has_no_spread():
    _, ax = plots.figure("message")
    plots.band(ax, [[3, 2, 1]], "one seed")
    assert np.isfinite(ax.collections[0].get_paths()[0].vertices).all()


def test_band_stops_where_the_first_run_dies_and_says_how_many():
    _, ax = plots.figure("message")
    plots.band(ax, [[3, 2, 1, 1], [3, 2, np.nan, 1], [3, 2, np.inf, np.nan]], "no norm")
    line, cross = ax.get_lines()
    assert line.get_xdata().tolist() == [1, 2]
    assert cross.get_marker() == "x"
    assert cross.get_xdata() == 3
    assert [text.get_text() for text in ax.texts] == ["2 of 3 died"]


def test_band_survives_runs_that_never_lived():
    fig, ax = plots.figure("message")
    plots.band(ax, [[np.nan, np.nan]], "dead")
    plots.name_lines(ax)
    assert plots.small_png(fig)


# ---- names at the lines


def test_names_keep_their_distance():
    _, ax = plots.figure("message")
    for name in "abc":
        ax.plot([0, 1], label=name)
    plots.name_lines(ax, gap=11)
    offsets = sorted(text.xyann[1] for text in ax.texts)
    assert np.diff(offsets).min() >= 10.9


def test_a_horizontal_line_is_named_at_its_right_end():
    _, ax = plots.figure("message")
    ax.plot([0, 500], [3, 1], label="loss")
    ax.axhline(0.5, label="floor")
    plots.name_lines(ax)
    [floor] = [text for text in ax.texts if text.get_text() == "floor"]
    assert floor.xy == pytest.approx((ax.get_xlim()[1], 0.5))


# ---- board


def test_board_says_in_words_what_failed():
    _, ax = plots.figure("message")
    plots.board(ax, ["one", "two"], ["a", "b"], [[True, False], [True, True]])
    assert [text.get_text() for text in ax.texts] == ["pass", "FAIL", "pass", "pass"]
