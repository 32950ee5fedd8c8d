"""What a run leaves behind for people: metrics.jsonl, samples.jsonl, loss.png."""

import json
from pathlib import Path

from helpers import runtime
from helpers.lesson import plots


def append(path: Path, record: dict) -> None:
    """Add one line of JSON to `path`, whole in one write."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read(path: Path) -> list[dict]:
    """The records of a JSON-lines file; a last line that was cut short is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def forget_after(path: Path, step: int) -> None:
    """Drop the records of steps after `step`: a run that resumes there writes them again."""
    kept = [record for record in read(path) if record["step"] <= step]
    text = "".join(json.dumps(record) + "\n" for record in kept)
    runtime.atomic_write(path, lambda file: file.write(text.encode()))


def draw_loss(folder: Path, floor: float | None) -> Path:
    """Draw metrics.jsonl as loss.png: bits per byte against steps, and the floor where known."""
    records = read(folder / "metrics.jsonl")
    train = [(r["step"], r["bits_per_byte"]) for r in records if "loss" in r]
    held_out = [(r["step"], r["val_bpb"]) for r in records if "val_bpb" in r]
    fig, ax = plots.figure("Bits per byte as it learns")
    ax.plot(*zip(*train, strict=True), label="training", color=plots.BLUE)
    if held_out:
        ax.plot(*zip(*held_out, strict=True), "o", label="held out", color=plots.ORANGE)
    if floor:
        ax.axhline(floor, ls="--", color=plots.GREEN, label="floor of the corpus")
    ax.set(xlabel="step", ylabel="bits per byte", yscale="log")
    ax.legend()
    path = folder / "loss.png"
    plots.save(fig, path)
    return path
