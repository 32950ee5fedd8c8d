"""Kill a training run at random moments, again and again, and compare what it becomes.

    python tests/kill_training.py --kills 200

Each try starts the real command and kills it (SIGKILL) after a random time, which often falls into
a save: the run saves after every step. The next try resumes. When the run ends, its losses must
equal those of a run that nobody disturbed, bit for bit; then a new run begins.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    "steps": 40, "warmup": 4, "log_every": 1, "save_every": 1, "documents": 200, "samples": 1,
    "validation_documents": 2, "batch_size": 4, "context": 64, "hidden_size": 32,
    "intermediate_size": 64, "vocab_size": 512, "dtype": "float32",
}  # fmt: skip


def start(folder: Path) -> subprocess.Popen:
    """The command line of a very small run in `folder`."""
    command = [
        sys.executable,
        "-m",
        "helpers",
        "train",
        "--preset",
        "tiny",
        "--out",
        str(folder),
    ]
    for key, value in SETTINGS.items():
        command += ["--set", f"{key}={value}"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def lines(folder: Path) -> list[dict]:
    """The records of metrics.jsonl that stand there so far."""
    path = folder / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def losses(folder: Path) -> list[tuple[int, float, float]]:
    """(step, loss, norm of the gradient) of every step, as Python prints them: all bits."""
    return [(r["step"], r["loss"], r["grad_norm"]) for r in lines(folder) if "loss" in r]


def kill_once(folder: Path, patience: float, randomness: random.Random) -> bool:
    """Start, wait for the first new step, kill after up to `patience` seconds; True if killed.

    A run that has come to its last step by then is left to end by itself.
    """
    before, process = len(lines(folder)), start(folder)
    begin = time.monotonic()
    while process.poll() is None and len(lines(folder)) <= before:
        if time.monotonic() - begin > 300:
            raise RuntimeError("the run does not get under way within five minutes")
        time.sleep(0.01)
    time.sleep(randomness.uniform(0, patience))
    if len(losses(folder)) < SETTINGS["steps"]:
        process.kill()
    talk = process.communicate()[1]
    if process.returncode not in (0, -9):
        raise RuntimeError(f"the run failed by itself:\n{talk}")
    return process.returncode == -9


def main(kills: int, seed: int = 0) -> int:
    """Kill `kills` times; print the count of runs that came out equal; 1 if any did not."""
    randomness = random.Random(seed)
    done = equal = during_saves = 0
    with tempfile.TemporaryDirectory() as name:
        undisturbed = Path(name) / "undisturbed"
        process = start(undisturbed)
        talk = process.communicate()[1]
        if process.returncode:
            raise RuntimeError(talk)
        want = losses(undisturbed)
        records = [r for r in lines(undisturbed) if "loss" in r]
        patience = 0.5 * (records[-1]["seconds"] - records[0]["seconds"])
        run = 0
        while done < kills:
            run += 1
            folder = Path(name) / f"run-{run}"
            while kill_once(folder, patience, randomness):
                done += 1
                during_saves += bool(list(folder.glob(".step-*.tmp")))
                if done >= kills:
                    start(folder).communicate()
                    break
            if losses(folder) != want:
                print(f"run {run} differs after {done} kills: {losses(folder)}\nwanted: {want}")
                return 1
            equal += 1
            print(f"{done} kills, {during_saves} in the middle of a save; {equal} runs equal")
    return 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    sys.exit(main(**vars(options.parse_args())))
