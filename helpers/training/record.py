"""The ladder, trained: each variant at its own best rate, with several seeds, in a file.

    python -m helpers ladder --out data/golden_runs/ladder.json

Every model gets the same text, the same tokens and the same search: all rates with the first seed,
further ones while the best lies at an end, then the best rate with the other seeds. The file is
written after each model, and a run that was stopped goes on where the file ends. What differs is
called better only outside of the spread.
"""

import json
import math
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev

import torch
from torch import nn

from helpers import runtime
from helpers.lesson import ladder, plots
from helpers.text.corpus import Corpus
from helpers.training import rung, variants

STEP = 1.5  # between a rate at the end of a search and the one beyond it
FURTHER = 4  # as many rates beyond the given ones at most


def record(
    models: Sequence[str],
    path: str | Path,
    rates: Sequence[float],
    seeds: Sequence[int],
    steps: int | None = None,
) -> dict:
    """Train the named variants and write what came of them to `path`; return it.

    rates: where the search begins; a single one is taken as it is.
    steps: of each training; None takes the ladder's. ValueError for a file of another budget, an
    unknown model, no rates or no seeds.
    """
    if not rates or not seeds:
        raise ValueError("give at least one rate and one seed")
    budget = rung.budget()
    budget = replace(budget, steps=steps or budget.steps, seeds=tuple(seeds))
    makers = {name: variants.of_size(name, budget.model) for name in models}
    found = begin(Path(path), budget, rates)
    corpus = rung.read(budget)
    for name in models:
        if name not in found["models"]:
            found["models"][name] = best_of(name, makers[name], corpus, budget, rates)
            text = json.dumps(found, indent=1) + "\n"
            runtime.atomic_write(path, lambda file, text=text: file.write(text.encode()))
    return found


def begin(path: Path, budget: rung.Budget, rates: Sequence[float]) -> dict:
    """What the file has so far, or its head. ValueError if it was made with other settings."""
    facts = asdict(budget) | {"rates": list(rates), "seeds": list(budget.seeds)}
    facts["tokens"] = budget.tokens
    del facts["lr"]  # each model has its own
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["budget"] != facts:
            raise ValueError(f"{path} was recorded with another budget: give another --out")
        return found
    return {
        "command": " ".join(["python -m helpers", *sys.argv[1:]]),
        "machine": f"{platform.machine()} {runtime.pick_device()}, torch {torch.__version__}",
        "budget": facts,
        "models": {},
    }


def best_of(
    name: str,
    make: Callable[[], nn.Module],
    corpus: Corpus,
    budget: rung.Budget,
    rates: Sequence[float],
) -> dict:
    """Bits per byte of one model: each rate with the first seed, the best rate with all seeds."""
    first, *others = budget.seeds

    def climb(lr: float, seeds: Sequence[int]) -> list[float]:
        at_rate = replace(budget, lr=lr, seeds=tuple(seeds))
        run = rung.climb(make, corpus, at_rate, name, variants.optimizer_of(name))
        return run.entry["bits_per_byte"]

    scores = search(lambda lr: climb(lr, [first])[0], rates)
    best = lowest(scores)
    rest = climb(best, others) if others else []
    model = make()
    return {
        "parameters": rung.count_parameters(model),
        "cache_per_token": variants.cache_per_token(model, budget.context),
        "by_rate": {f"{lr:g}": round(score, 4) for lr, score in sorted(scores.items())},
        "lr": best,
        "bits_per_byte": [round(score, 4) for score in [scores[best], *rest]],
    }


def search(score: Callable[[float], float], rates: Sequence[float]) -> dict[float, float]:
    """Score each rate, and further ones while the lowest score lies at an end: {rate: score}."""
    scores = {lr: score(lr) for lr in rates}
    for _ in range(FURTHER if len(scores) > 1 else 0):
        best = lowest(scores)
        if min(scores) < best < max(scores):
            break
        beyond = best * STEP if best == max(scores) else best / STEP
        beyond = float(f"{beyond:.3g}")
        scores[beyond] = score(beyond)
    return scores


def lowest(scores: Mapping[float, float]) -> float:
    """The rate with the lowest score; one whose training died (nan) is never it."""
    return min(scores, key=lambda lr: math.inf if math.isnan(scores[lr]) else scores[lr])


# ---- reading it


def verdict(scores: Sequence[float], others: Sequence[float]) -> str:
    """How the bits per byte of one model stand to another's: better, worse, or within the spread.

    They differ if their means lie further apart than both standard deviations together (ddof=1).
    A single seed has no spread, so nothing can be said: ValueError.
    """
    if min(len(scores), len(others)) < 2:
        raise ValueError("one seed has no spread: give two or more, better three")
    gain = fmean(others) - fmean(scores)
    if abs(gain) <= stdev(scores) + stdev(others):
        return "within the spread of"
    return "better than" if gain > 0 else "worse than"


def compared(models: Mapping[str, dict]) -> dict[str, str]:
    """What may be said of each model beside its baseline; of some, nothing."""
    said = {}
    for name, model in models.items():
        scores, other = model["bits_per_byte"], variants.beside(name)
        if name == other:
            said[name] = "the baseline"
        elif other in models and len(scores) > 1:
            said[name] = f"{verdict(scores, models[other]['bits_per_byte'])} {other}"
        else:
            said[name] = ""
    return said


def table(models: Mapping[str, dict]) -> str:
    """A line for each model: size, rate, mean and spread, and what may be said of it."""
    lines = [f"{'model':13} {'parameters':>11} {'rate':>7} {'bits per byte':>16}  seeds"]
    for name, said in compared(models).items():
        model = models[name]
        scores = model["bits_per_byte"]
        lines.append(
            f"{name:13} {model['parameters']:11,} {model['lr']:7g} {fmean(scores):7.4f} ± "
            f"{spread(scores):.4f} {len(scores):6}  {said}"
        )
    return "\n".join(lines)


def spread(scores: Sequence[float]) -> float:
    """Standard deviation over the seeds (ddof=1); 0 for a single one."""
    return stdev(scores) if len(scores) > 1 else 0.0


def draw(models: Mapping[str, dict]) -> ladder.Figure:
    """All models with mean and spread: baselines blue, what beats them green, what loses orange."""
    colors = {"the ": plots.BLUE, "bett": plots.GREEN, "wors": plots.ORANGE}
    rows = []
    for name, said in compared(models).items():
        scores = models[name]["bits_per_byte"]
        rows.append((fmean(scores), spread(scores), name, colors.get(said[:4], plots.GRAY)))
    title = "Green: better than the baseline beyond the spread; orange: worse"
    return ladder.draw_rows(rows, {}, title, min(plots.MAX_HEIGHT, 1.1 + 0.22 * len(rows)))
