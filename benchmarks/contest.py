"""A contest: settings of ours and of a peer take turns, and each keeps the speeds of all its turns.

    results = contest(contestants, tokens=4096, rounds=7, turn_seconds=0.5, device=device)
    ratios(results)["ratio"]        our best setting / the peer's best

The order is rotated from round to round, so that a machine that gets busier, or hotter, is no
advantage to anybody. What fails is reported with its reason and never left out.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

import torch

T = TypeVar("T")
OURS, PEER = "ours", "peer"


@dataclass(frozen=True)
class Contestant:
    """One side at one setting.

    prepare: builds what is needed and returns the work to be timed, so that nobody pays for a
    setting before its turn to warm up. dtype: of the matrix products, or of the weights.
    documented: the peer's documentation shows this setting; false for what we lend it.
    """

    side: str  # OURS or PEER
    name: str  # the settings in words
    dtype: torch.dtype
    compiled: bool
    prepare: Callable[[], Callable[[], object]]
    documented: bool = True


@dataclass
class Result:
    """What a contestant did: tokens per second, a figure a round, or why it could not run."""

    contestant: Contestant
    work: Callable[[], object] | None = None
    output: object = None  # of the work, in its last warm-up
    failed: str | None = None
    speeds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median tokens per second over the rounds; 0 for what failed."""
        return median(self.speeds) if self.speeds else 0.0

    def summary(self) -> dict:
        """The result as plain values, for JSON."""
        who = self.contestant
        facts = {"side": who.side, "setting": who.name, "compiled": who.compiled}
        if self.failed:
            return {**facts, "failed": self.failed}
        low, high = min(self.speeds), max(self.speeds)
        return {**facts, "median": round(self.median), "min": round(low), "max": round(high)}

    def line(self) -> str:
        """The result as a row of the table."""
        head = f"  {self.contestant.side}  {self.contestant.name:<80}"
        if self.failed:
            return f"{head}  failed: {self.failed}"
        spread = f"({min(self.speeds):,.0f} .. {max(self.speeds):,.0f})"
        return f"{head}{self.median:>10,.0f}  {spread}"


def say(line: str) -> None:
    """Tell the person what is going on; standard output is kept for the result."""
    print(line, file=sys.stderr, flush=True)


# ---- the order


def alternating(ours: Sequence[T], peers: Sequence[T]) -> list[T]:
    """Both lists as one, each spread evenly over it: A B A B where they are equally long.

    >>> "".join(alternating("AA", "bbbb"))
    'AbbAbb'
    """
    places = [(i / len(ours), 0, i, item) for i, item in enumerate(ours)]
    places += [(i / len(peers), 1, i, item) for i, item in enumerate(peers)]
    return [item for *_, item in sorted(places, key=lambda place: place[:3])]


def rotated(items: Sequence[T], by: int) -> list[T]:
    """The items in the same order, beginning at another one.

    >>> rotated([1, 2, 3], 4)
    [2, 3, 1]
    """
    first = by % len(items) if items else 0
    return [*items[first:], *items[:first]]


# ---- the contest


def contest(
    contestants: Sequence[Contestant],
    tokens: int,
    rounds: int,
    turn_seconds: float,
    device: torch.device,
) -> list[Result]:
    """Warm all up, then let them take turns; the results, in the order of `contestants`.

    tokens: made or trained on by one call of the work. turn_seconds: a turn repeats the work for
    so long, and at least once. RuntimeError if nothing of ours runs.
    """
    compiled = sum(c.compiled for c in contestants)
    say(
        f"warming up {len(contestants)} settings: seconds for an eager one, some 20 s for each of "
        f"the {compiled} compiled ones on a CPU, less when their code is still in the cache"
    )
    results = [warmed_up(c, device) for c in contestants]
    running = [result for result in results if not result.failed]
    if not any(result.contestant.side == OURS for result in running):
        raise RuntimeError(f"no setting of ours ran; the first one: {results[0].failed}")
    begin = time.perf_counter()
    for number in range(rounds):
        for result in rotated(running, number):
            result.speeds.append(speed(result.work, tokens, turn_seconds, device))
        left = (time.perf_counter() - begin) / (number + 1) * (rounds - number - 1)
        say(f"round {number + 1} of {rounds}, {left:.0f} s left")
    return results


def warmed_up(contestant: Contestant, device: torch.device) -> Result:
    """Build a contestant and run its work twice, uncounted; a failure is kept as its reason."""
    begin = time.perf_counter()
    result = Result(contestant)
    try:
        result.work = contestant.prepare()
        for _ in range(2):
            result.output = result.work()
        synchronize(device)
    except Exception as error:  # whatever a compiler on somebody's machine may raise
        reason = str(error).strip().splitlines() or [""]
        result.failed = f"{type(error).__name__}: {reason[0][:200]}"
    took = time.perf_counter() - begin
    say(f"  {contestant.side}  {contestant.name}: {result.failed or f'ready in {took:.1f} s'}")
    return result


def speed(
    work: Callable[[], object], tokens: int, turn_seconds: float, device: torch.device
) -> float:
    """Tokens per second of one turn, with the queue of a GPU drained."""
    calls, begin = 0, time.perf_counter()
    while True:
        work()
        synchronize(device)
        calls += 1
        took = time.perf_counter() - begin
        if took >= turn_seconds:
            return calls * tokens / took


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# ---- what came of it


def best(
    results: Sequence[Result], side: str, compiled: bool | None = None, documented: bool = False
) -> Result | None:
    """The fastest of a side by its median; of its eager or compiled settings only, if asked."""
    able = [
        result
        for result in results
        if result.speeds
        and result.contestant.side == side
        and compiled in (None, result.contestant.compiled)
        and documented <= result.contestant.documented
    ]
    return max(able, key=lambda result: result.median, default=None)


def ratios(results: Sequence[Result]) -> dict:
    """Our best setting against the peer's best, its best eager, its best compiled (None: none ran).

    `ratio_rounds` is the smallest and largest ratio of a single round: how far rounds agree.
    `ratio_documented` leaves out the settings that the peer's documentation does not know.
    """
    ours, peer = best(results, OURS), best(results, PEER)
    our_eager, eager = best(results, OURS, False), best(results, PEER, False)
    rounds = [a / b for a, b in zip(ours.speeds, peer.speeds, strict=True)] if peer else []
    return {
        "ratio": quotient(ours, peer),
        "ratio_rounds": [round(min(rounds), 2), round(max(rounds), 2)] if rounds else None,
        "ratio_documented": quotient(ours, best(results, PEER, documented=True)),
        "ratio_eager": quotient(ours, eager),
        "ratio_compiled": quotient(ours, best(results, PEER, True)),
        "ratio_eager_to_eager": quotient(our_eager, eager),
    }


def quotient(ours: Result | None, peer: Result | None) -> float | None:
    """How many times as fast ours is; None if one of the two did not run."""
    return round(ours.median / peer.median, 3) if ours and peer else None


def show(results: Sequence[Result]) -> None:
    """Print the table, fastest first within each side."""
    say("tokens/s: median (min .. max)")
    for side in (OURS, PEER):
        of_side = [result for result in results if result.contestant.side == side]
        for result in sorted(of_side, key=lambda result: -result.median):
            say(result.line())
