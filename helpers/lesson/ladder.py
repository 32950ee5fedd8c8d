"""The ladder: what each model of the course reached, a rung for each, kept in a small file.

    ladder.add("GPT", parameters=688_768, bits_per_byte=[0.212, 0.213], tokens=518_400,
               tokens_per_second=17_000.0, bytes=2_755_072, day=9)
    print(ladder.table())
    plots.show(ladder.draw(beside={"the floor": 0.1}), alt=...)

Every rung had the same text and the same number of tokens, so what differs is the idea. That holds
for one scale only: a rung remembers the scale that it was made at, and only those of the current
one are read.
"""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

from helpers import runtime
from helpers.lesson import plots

FILE = runtime.ROOT / "checkpoints" / "ladder.json"
TICKS = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8)  # bits per byte


@dataclass(frozen=True)
class Rung:
    """One model: its name and day, its size, what it read, how well and how fast.

    bits_per_byte: one for each seed, on held-out text. tokens: read in training, by each seed.
    bytes: of its weights. ValueError unless there is a number above zero for each seed.
    """

    name: str
    day: int
    parameters: int
    bits_per_byte: tuple[float, ...]
    tokens: int
    tokens_per_second: float
    bytes: int
    scale: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits_per_byte", tuple(map(float, self.bits_per_byte)))
        if not self.bits_per_byte or not all(
            0 < value < math.inf for value in self.bits_per_byte
        ):
            raise ValueError(
                f"bits_per_byte={list(self.bits_per_byte)}: give a number above 0 for each seed"
            )

    @property
    def mean(self) -> float:
        """Bits per byte, over the seeds."""
        return statistics.fmean(self.bits_per_byte)

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds (ddof=1); 0 for a single one."""
        return statistics.stdev(self.bits_per_byte) if len(self.bits_per_byte) > 1 else 0.0


# ---- the file


def add(
    name: str,
    *,
    parameters: int,
    bits_per_byte: Sequence[float],
    tokens: int,
    tokens_per_second: float,
    bytes: int,
    day: int,
    path: str | Path = FILE,
) -> Rung:
    """Put a rung into the file, instead of the one with its name and scale; return it.

    ValueError: a broken file, or no number above 0 for each seed.
    """
    scale = runtime.pick_scale()
    new = Rung(name, day, parameters, bits_per_byte, tokens, tokens_per_second, bytes, scale)
    others = [rung for rung in read(path) if (rung.name, rung.scale) != (name, scale)]
    rows = [asdict(rung) for rung in sorted([*others, new], key=lambda rung: rung.day)]
    text = json.dumps(rows, indent=2) + "\n"
    runtime.atomic_write(path, lambda file: file.write(text.encode()))
    return new


def rungs(path: str | Path = FILE, until: int | None = None) -> list[Rung]:
    """The rungs of the current scale, up to the day `until`; none where there is no file."""
    last = math.inf if until is None else until
    return [r for r in read(path) if r.scale == runtime.pick_scale() and r.day <= last]


def read(path: str | Path) -> list[Rung]:
    """All rungs in the file. ValueError, with the remedy, for a broken one."""
    path = Path(path)
    if not path.exists():
        return []
    try:
        return [Rung(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is broken ({error}): delete it, and run the days from 9 on again"
        ) from None


# ---- reading it


def table(path: str | Path = FILE, until: int | None = None) -> str:
    """The rungs up to a day as text, a line for each.

    >>> print(table("no such file").split("\\n")[0])
    day  model                 parameters   bits per byte      tokens  tokens/s  megabytes
    """
    head = (
        f"{'day':3}  {'model':20} {'parameters':>11} {'bits per byte':>15} {'tokens':>11} "
        f"{'tokens/s':>9} {'megabytes':>10}"
    )
    rows = [
        f"{r.day:3}  {r.name:20} {r.parameters:11,} {r.mean:6.4f} ± {r.spread:.4f} {r.tokens:11,} "
        f"{r.tokens_per_second:9,.0f} {r.bytes / 1e6:10.2f}"
        for r in rungs(path, until)
    ]
    return "\n".join([head, *rows])


def draw(
    beside: Mapping[str, float] | None = None,
    title: str = "The ladder so far",
    path: str | Path = FILE,
    until: int | None = None,
) -> Figure:
    """A figure of bits per byte: rungs up to a day with spread, and the models `beside` in gray.

    The best stands at the bottom. A name in `beside` that begins with "the floor" is a line.
    """
    beside = dict(beside or {})
    lines = {name: beside.pop(name) for name in list(beside) if name.startswith("the floor")}
    rows = [
        (r.mean, r.spread, f"{r.name} (day {r.day})", plots.BLUE) for r in rungs(path, until)
    ]
    rows += [(value, 0.0, name, plots.GRAY) for name, value in beside.items()]
    return draw_rows(rows, lines, title, min(plots.MAX_HEIGHT, 1.1 + 0.22 * len(rows)))


def draw_rows(
    rows: Sequence[tuple[float, float, str, str]],
    lines: Mapping[str, float],
    title: str,
    height: float,
) -> Figure:
    """Points with spread, the best at the bottom: (mean, spread, name, color) each; and lines.

    height: in inches. lines: values that are drawn from top to bottom, by name.
    """
    rows = sorted(rows, reverse=True)
    fig, ax = plots.figure(title, 5.5, height)
    for place, (value, spread, _, color) in enumerate(rows):
        ax.errorbar(value, place, xerr=spread, fmt="o", ms=5, color=color, capsize=3)
        words = f"{value:.3f}" + (f" ± {spread:.3f}" if spread else "")
        ax.annotate(words, (value + spread, place), (7, 0), textcoords="offset points",
                    va="center", fontsize=8, color=color)  # fmt: skip
    for name, value in lines.items():
        ax.axvline(value, color=plots.GREEN, ls="--")
        ax.annotate(f" {name}: {value:.3f}", (value, -0.9), color=plots.GREEN, va="center",
                    fontsize=8)  # fmt: skip
    ax.set_yticks(range(len(rows)), [name for _, _, name, _ in rows])
    ax.set(xscale="log", xlabel="bits per byte (lower is better)")
    ax.set_ylim(len(rows) - 0.4, -1.4)
    ax.margins(x=0.2)
    low, high = ax.get_xlim()
    ticks = [tick for tick in TICKS if low <= tick <= high]
    if len(ticks) > 1:
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    else:  # all close together
        ax.set_xscale("linear")
    return fig
