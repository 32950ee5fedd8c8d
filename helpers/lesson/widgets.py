"""Drawings with settings: a picture of chosen settings everywhere, and sliders in a live notebook.

    widgets.explore(title, draw, examples, alt, rate=widgets.powers(-3, 1), hidden=range(1, 33))

The picture stands in every copy of the notebook, also where no kernel runs. The sliders need a live
one, and are never stored (SLM_STATIC=1 leaves them out; so does a missing ipywidgets).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from helpers.lesson import plots


@dataclass(frozen=True)
class powers:
    """A range over powers of ten: powers(-3, 1) goes from 0.001 to 10, four stops to each."""

    low: float
    high: float


def explore(
    title: str, draw: Callable, examples: list[dict], alt: str, height: float = 2.6, **knobs
) -> None:
    """Show `draw(ax, **settings)` for each of `examples`; in a live notebook add knobs below.

    height: of the picture, in inches. knobs, one for each setting; they start at the first example:
        rate=powers(-3, 1)        a slider over powers of ten
        slope=(-1.0, 2.0, 0.05)   a slider: low, high, step
        heads=range(1, 9)         a slider over whole numbers
        name=["causal", "full"]   a list to choose from; [1, 2, 4] works too
        text=str                  a line to type in
    """
    from IPython.display import display

    missing = [name for settings in examples for name in settings if name not in knobs]
    if missing:
        raise ValueError(f"no knob for {missing[0]}: give explore({missing[0]}=...)")
    fig, axes = plots.figure(title, plots.MAX_WIDTH, height, ncols=len(examples), sharey=True)
    for ax, settings in zip(np.atleast_1d(axes), examples, strict=True):
        draw(ax, **settings)
        ax.label_outer()
    plots.show(fig, alt)
    if find_spec("ipywidgets") and not plots.is_static():
        display(controls(title, draw, examples[0], knobs))


def controls(title: str, draw: Callable, start: dict, knobs: dict) -> object:
    """An ipywidgets box: the knobs, and below them the drawing that follows them."""
    import ipywidgets

    def redraw(**settings):
        fig, ax = plots.figure(title)
        draw(ax, **settings)
        values = ", ".join(f"{name} {said(value)}" for name, value in settings.items())
        plots.show(fig, alt=f"{title}; drawn for {values}")

    made = {name: knob(name, kind, start[name]) for name, kind in knobs.items()}
    return ipywidgets.interactive(redraw, **made)


def said(value: object) -> str:
    """A setting in words: numbers with three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def knob(name: str, kind: object, value: object) -> object:
    """The ipywidgets control for one setting; it answers when it is let go, not at each pixel.

    ValueError for a kind that `explore` does not list.
    """
    import ipywidgets

    whole = {"description_width": "initial"}  # else long names are cut
    look = {"value": value, "description": name, "continuous_update": False, "style": whole}
    if isinstance(kind, powers):
        limits = {"min": kind.low, "max": kind.high, "step": 0.25, "readout_format": ".1e"}
        return ipywidgets.FloatLogSlider(**limits, **look)
    if isinstance(kind, range):
        return ipywidgets.IntSlider(min=kind[0], max=kind[-1], step=kind.step, **look)
    if isinstance(kind, tuple):
        low, high, step = kind
        return ipywidgets.FloatSlider(min=low, max=high, step=step, **look)
    if kind is str:
        return ipywidgets.Text(**look)
    if isinstance(kind, Sequence):
        return ipywidgets.Dropdown(
            options=list(kind), value=value, description=name, style=whole
        )
    raise ValueError(f"{name}={kind!r}: give powers, a range, (low, high, step), a list or str")
