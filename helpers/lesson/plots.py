"""One look for every figure: small, labelled, safe for color-blind readers, with alt text.

fig, ax = plots.figure("the message")      axes in the course's style, at most 5.5 x 3.2 inches
plots.show(fig, alt="what it shows")       the figure, with words for those who cannot see it
plots.save(fig, "loss.png")                the figure as a file, whole or not at all
plots.band(ax, losses, "RMSNorm")          mean and spread over seeds
plots.name_lines(ax)                       names at the line ends, instead of a legend
plots.board(ax, rows, columns, passed)     a pass/FAIL board

Figures are made without pyplot: no window opens, none has to be closed, no display is needed.
"""

import base64
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

from helpers.runtime import atomic_write

# Okabe and Ito's palette: distinct under every common kind of color blindness.
BLUE, ORANGE, GREEN, PINK, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6B6B6B"
MAX_WIDTH, MAX_HEIGHT = 5.5, 3.2  # inches
SCREEN_DPI, FILE_DPI = 96, 144  # shown at 96 pixels per inch, stored 1.5 times sharper

STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PINK, GRAY]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.facecolor": "white",  # stays readable in a dark notebook
    "figure.titlesize": 10,
    "figure.titleweight": "bold",
    "font.size": 9,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


# ---- making, showing, saving


def figure(title: str, width: float = 5.2, height: float = 2.8, **subplots) -> tuple:
    """Like `plt.subplots` in the course's style, under a title that says the message.

    Sizes in inches; ValueError above 5.5 x 3.2. Returns (fig, ax) or (fig, array of axes).
    """
    if width > MAX_WIDTH or height > MAX_HEIGHT:
        raise ValueError(
            f"{width} x {height} inches is too large: keep figures within "
            f"{MAX_WIDTH} x {MAX_HEIGHT}, or make two"
        )
    matplotlib.rcParams.update(STYLE)
    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(**subplots)
    fig.suptitle(title, x=0.01, ha="left")
    return fig, axes


def show(fig: Figure, alt: str) -> None:
    """Display `fig` with `alt`, one or two sentences for those who cannot see it.

    A live notebook gets an <img> with the alt text, which screen readers find there. With
    SLM_STATIC=1 (set by build.py) it is an image/png with `alt` in its metadata instead, because
    pages that preview stored notebooks strip images out of HTML.
    """
    from IPython.display import display

    png = base64.b64encode(small_png(fig)).decode()
    width = round(fig.get_figwidth() * SCREEN_DPI)
    if is_static():
        facts = {"image/png": {"alt": alt, "width": width}}
        display({"image/png": png, "text/plain": alt}, metadata=facts, raw=True)
        return
    image = f'<img alt="{html.escape(alt)}" width="{width}" src="data:image/png;base64,{png}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def save(fig: Figure, path: str | Path) -> None:
    """Write `fig` to `path` as a PNG: whoever opens it finds the old one or the whole new one."""
    png = small_png(fig)
    atomic_write(path, lambda file: file.write(png))


def is_static() -> bool:
    """Whether the outputs are made to be stored: SLM_STATIC is set, and not to 0."""
    return os.environ.get("SLM_STATIC", "0") not in ("", "0")


def small_png(fig: Figure) -> bytes:
    """The figure as a PNG with a palette: a third of matplotlib's size, so notebooks stay small."""
    full, small = io.BytesIO(), io.BytesIO()
    fig.savefig(full, format="png", dpi=FILE_DPI)
    picture = Image.open(full).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, 3)
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


# ---- parts of figures


def band(ax: Axes, runs: Sequence, label: str, steps: Sequence | None = None, **line) -> None:
    """Plot the mean of several runs (one per seed) and one standard deviation around it.

    runs: (seeds, points); steps: where the points stand, 1, 2, 3, ... by default. The spread is
    that of a sample (ddof=1); a single run has none. Where the first run is inf or nan the line
    ends, and a cross at the top edge says how many runs died there. Set the axis limits before.
    """
    values = np.asarray(runs, dtype=float)  # (seeds, points)
    steps = np.arange(1, values.shape[1] + 1) if steps is None else np.asarray(steps)
    finite = np.isfinite(values)
    alive = int(finite.all(0).cumprod().sum())  # points before the first death
    mean = values[:, :alive].mean(0)
    spread = values[:, :alive].std(0, ddof=1) if len(values) > 1 else np.zeros(alive)
    (drawn,) = ax.plot(steps[:alive], mean, label=label, **line)
    color = drawn.get_color()
    ax.fill_between(steps[:alive], mean - spread, mean + spread, color=color, alpha=0.2, lw=0)
    if alive < values.shape[1]:
        dead = f"{int((~finite[:, alive]).sum())} of {len(values)} died"
        spot = steps[alive], 0.95 * ax.get_ylim()[1]
        ax.plot(*spot, "x", color=color, ms=8, mew=2, clip_on=False)
        look = dict(textcoords="offset points", ha="right", va="center", fontsize=8)
        ax.annotate(dead, spot, xytext=(-7, 0), color=color, **look)


def name_lines(ax: Axes, gap: float = 11) -> None:
    """Write each labelled line's name beside its last point, at least `gap` points apart.

    Names may stand outside the axes: the layout makes room. A line that ends outside the axis
    limits is named at the edge. Call it when everything is drawn.
    """
    ax.figure.draw_without_rendering()  # settles the layout, so that heights are known
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
    lines = [line for line in lines if len(line.get_xydata())]
    ends = [end_of(line, ax) for line in lines]
    heights = [ax.transData.transform(end)[1] * 72 / ax.figure.dpi for end in ends]
    floor = -np.inf
    for i in np.argsort(heights, kind="stable"):
        floor = max(heights[i], floor + gap)
        ax.annotate(
            lines[i].get_label(),
            ends[i],
            xytext=(5, floor - heights[i]),
            textcoords="offset points",
            va="center",
            color=lines[i].get_color(),
            annotation_clip=False,
        )


def end_of(line: Line2D, ax: Axes) -> tuple[float, float]:
    """The last point of a line within the limits of `ax`; of an axhline, its right end."""
    pixels = line.get_transform().transform(line.get_xydata()[-1])
    x, y = ax.transData.inverted().transform(pixels)
    return float(np.clip(x, *sorted(ax.get_xlim()))), float(np.clip(y, *sorted(ax.get_ylim())))


def board(ax: Axes, rows: list[str], columns: list[str], passed: Sequence) -> None:
    """A table of `passed` (rows, columns): blue "pass", orange "FAIL"; readable without color."""
    for i in range(len(rows)):
        for j in range(len(columns)):
            color, word = (BLUE, "pass") if passed[i][j] else (ORANGE, "FAIL")
            ax.add_patch(Rectangle((j - 0.47, i - 0.44), 0.94, 0.88, color=color, alpha=0.85))
            ax.text(j, i, word, ha="center", va="center", color="white", weight="bold")
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.grid(False)
