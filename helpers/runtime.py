"""The machine we run on: device, dtype and its reason, seed, sizes that fit, safe writing.

    run = runtime.start(day=15)                          one line: what was chosen, and why
    size = runtime.pick(tiny=..., cpu=..., gpu=...)      the sizes for this machine
    runtime.seconds(lambda: x @ x)                       honest timing, on a GPU too
    runtime.atomic_write(path, lambda f: f.write(b"…"))  a whole file or none

The scale is SLM_SCALE if that is set (CI sets it to tiny), else it follows the device.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import BinaryIO

import torch

ROOT = Path(__file__).resolve().parents[1]  # the repository
SCALES = ("tiny", "cpu", "gpu")


@dataclass(frozen=True)
class Run:
    """What `start` decided; notebooks read `run.device`, `run.dtype` and `run.scale`."""

    day: int
    device: torch.device
    threads: int
    dtype: torch.dtype
    why: str
    seed: int
    scale: str

    def __str__(self) -> str:
        device = f"{self.device} x{self.threads}" if self.device.type == "cpu" else self.device
        choice = f"{device} | {dtype_name(self.dtype)}: {self.why}"
        return f"Day {self.day} | {choice} | seed {self.seed} | scale {self.scale}"


def start(day: int, seed: int = 0) -> Run:
    """Choose device, dtype and scale, seed everything, print the decision, return it."""
    device, scale = pick_device(), pick_scale()
    if scale == "tiny":
        torch.set_num_threads(1)  # CI runs two notebooks at once
    dtype, why = pick_dtype(device)
    run = Run(day, device, torch.get_num_threads(), dtype, why, seed, scale)
    seed_everything(seed)
    torch.set_printoptions(precision=4, sci_mode=False)
    print(run)
    if device.type == "cpu" and "google.colab" in sys.modules:
        print("For a GPU: Runtime > Change runtime type > T4 GPU, then run the cells again.")
    return run


def pick_device() -> torch.device:
    """The first CUDA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(device: torch.device) -> tuple[torch.dtype, str]:
    """The fastest safe dtype for `device`, and the reason in words; float16 needs a GradScaler.

    On a GPU the test is the compute capability: torch.cuda.is_bf16_supported() also says yes on
    a T4 (7.5), which only emulates bfloat16, slowly. On a CPU the test is a stopwatch.
    """
    if device.type != "cuda":
        speedup = bfloat16_speedup()
        if speedup > 1.2:
            return torch.bfloat16, f"measured {speedup:.1f} x as fast as float32 on this CPU"
        return torch.float32, f"bfloat16 measured only {speedup:.1f} x as fast on this CPU"
    major, minor = torch.cuda.get_device_capability(device)
    name = f"{torch.cuda.get_device_name(device)} has capability {major}.{minor}"
    if (major, minor) >= (8, 0):
        return torch.bfloat16, f"{name}, bfloat16 is native from 8.0"
    return torch.float16, f"{name}, bfloat16 is emulated below 8.0"


@cache
def bfloat16_speedup() -> float:
    """How many times faster this CPU multiplies bfloat16 matrices than float32 ones.

    The shape is a small model's feed-forward net; the whole measurement takes some 30 ms. Both take
    turns and the best times count, so that another busy program disturbs neither or both.
    """
    a, b = torch.randn(2048, 128), torch.randn(128, 384)
    a16, b16 = a.bfloat16(), b.bfloat16()
    turns = [(seconds(lambda: a @ b, 1), seconds(lambda: a16 @ b16, 1)) for _ in range(15)]
    wide, narrow = (min(times) for times in zip(*turns, strict=True))
    return wide / narrow


def pick_scale() -> str:
    """`tiny`, `cpu` or `gpu`: SLM_SCALE if set, else by device. Unknown names: ValueError."""
    scale = os.environ.get("SLM_SCALE") or ("gpu" if torch.cuda.is_available() else "cpu")
    if scale not in SCALES:
        raise ValueError(f"SLM_SCALE={scale!r} is unknown; use one of {', '.join(SCALES)}")
    return scale


def pick(tiny: dict, cpu: dict, gpu: dict) -> SimpleNamespace:
    """The sizes of the current scale, as attributes: `pick(...).steps`.

    All three must have the same keys, so that no scale is forgotten: ValueError otherwise.
    """
    if not tiny.keys() == cpu.keys() == gpu.keys():
        odd = (tiny.keys() | cpu.keys() | gpu.keys()) - (tiny.keys() & cpu.keys() & gpu.keys())
        raise ValueError(f"give these sizes for every scale: {', '.join(sorted(odd))}")
    return SimpleNamespace(**{"tiny": tiny, "cpu": cpu, "gpu": gpu}[pick_scale()])


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's generators (every device); data and sampling have their own."""
    random.seed(seed)
    torch.manual_seed(seed)


def dtype_name(dtype: torch.dtype) -> str:
    """The short name of a dtype: `bfloat16` for torch.bfloat16."""
    return str(dtype).removeprefix("torch.")


def seconds(work: Callable[[], object], repeats: int = 10) -> float:
    """Median wall time of `work()` in seconds, after one warm-up call, GPU queue drained."""
    sync = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    times = []
    for _ in range(repeats + 1):
        sync()
        begin = time.perf_counter()
        work()
        sync()
        times.append(time.perf_counter() - begin)
    return median(times[1:])


def atomic_write(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write(file)` fill a temporary file, sync it to disk, and rename it to `path`.

    Whoever opens `path`, at any moment and after any crash, finds the old file or the whole new
    one. The temporary file lies in the same folder, and is removed if `write` fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut (a no-op on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
