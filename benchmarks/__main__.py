"""The command line: `python -m benchmarks train` and `python -m benchmarks decode`.

Talk goes to standard error, the last line of standard output is JSON. A user's mistake gets one
line and exit code 2.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import torch

from benchmarks import decoding, training
from benchmarks.contest import ratios, say, show
from benchmarks.peer import require_transformers
from helpers import runtime
from helpers.training.config import preset, with_settings

QUICK = {  # --quick: a model and a batch for tests
    "vocab_size": 256,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists all options)\n")


def parser() -> Parser:
    """All commands and their options."""
    top = Parser(prog="python -m benchmarks", description=sys.modules["benchmarks"].__doc__)
    top.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = top.add_subparsers(dest="command", required=True, metavar="train | decode")

    train = commands.add_parser("train", help="speed of training", description=training.__doc__)
    train.add_argument("--batch", type=int, default=16, help="rows of a batch (default 16)")
    train.add_argument("--context", type=int, default=256, help="tokens of a row (default 256)")

    decode = commands.add_parser(
        "decode", help="speed of generating text", description=decoding.__doc__
    )
    decode.add_argument(
        "--prompt", type=int, default=16, help="tokens of the prompt (default 16)"
    )
    decode.add_argument("--tokens", type=int, default=200, help="tokens to write (default 200)")
    decode.add_argument(
        "--model",
        type=Path,
        help="folder of a checkpoint (default: checkpoints/reference if there is one, "
        "else random weights in the shape of the preset cpu)",
    )
    for command, threads in ((train, None), (decode, 1)):
        common_options(command, threads)
    return top


def common_options(command: Parser, threads: int | None) -> None:
    """The options that both commands have."""
    command.add_argument("--rounds", type=int, help="turns of every setting (default 7)")
    command.add_argument(
        "--threads",
        type=int,
        default=threads,
        help=f"of torch, for both sides (default: {threads or 'all cores'})",
    )
    command.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: a GPU if there is one"
    )
    command.add_argument(
        "--no-compile", action="store_true", help="eager settings only: seconds"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another shape, as in `python -m helpers train`: --set hidden_size=256",
    )
    command.add_argument(
        "--quick", action="store_true", help="a tiny model, two rounds, no compile: for tests"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        print(json.dumps(run(options)), flush=True)
    except ValueError as error:
        say(f"python -m benchmarks: {error}")
        return 2
    return 0


def run(options: argparse.Namespace) -> dict:
    """Do what the options say; everything that came of it, as plain values."""
    versions = {"torch": torch.__version__, "transformers": require_transformers()}
    device, settings = pick_device(options.device), read_settings(options)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(options.threads or threads_before)
    # One forward is compiled for many models here, and each takes a place of its own.
    torch._dynamo.config.cache_size_limit = 64
    how = {
        "rounds": options.rounds or (2 if options.quick else 7),
        "turn_seconds": 0.0 if options.quick else 0.5,
        "compile_too": not (options.no_compile or options.quick),
    }
    try:
        about = machine(device)
        say(f"{options.command}: {about['cpu']}, {about['threads']} threads, {about['device']}")
        bench = bench_train if options.command == "train" else bench_decode
        shape, results, facts = bench(options, settings, device, how)
    finally:
        torch.set_num_threads(threads_before)
    show(results)
    ratio = ratios(results)
    say("  ".join(f"{name} {value}" for name, value in ratio.items()))
    return {
        "benchmark": options.command,
        **ratio,
        **facts,
        "settings": [result.summary() for result in results],
        "model": asdict(shape),
        "machine": about,
        "versions": versions,
    }


def bench_train(options: argparse.Namespace, settings: dict, device, how: dict) -> tuple:
    """The benchmark of training: shape, results, facts."""
    batch, context = (2, 32) if options.quick else (options.batch, options.context)
    sizes = {"batch_size": batch, "context": context}
    config = with_settings(preset("cpu"), {**settings, **sizes})
    return config.model, *training.bench(config, device, **how)


def bench_decode(options: argparse.Namespace, settings: dict, device, how: dict) -> tuple:
    """The benchmark of decoding: shape, results, facts."""
    prompt, tokens = (4, 12) if options.quick else (options.prompt, options.tokens)
    for name, value in (("prompt", prompt), ("tokens", tokens)):
        if value < 1:
            raise ValueError(f"--{name} is {value}: it must be at least 1")
    folder = options.model
    if folder is not None and settings:
        raise ValueError(
            "--set and --quick change the shape, which --model fixes: leave one out"
        )
    if folder is None and not settings and decoding.REFERENCE.is_dir():
        folder = decoding.REFERENCE
    model = decoding.pick_model(with_settings(preset("cpu"), settings).model, folder, device)
    limit = model.config.max_position_embeddings
    if prompt + tokens > limit:
        raise ValueError(f"{prompt} + {tokens} tokens do not fit the model's {limit} positions")
    return model.config, *decoding.bench(model, prompt, tokens, **how)


# ---- what is asked, and where it runs


def read_settings(options: argparse.Namespace) -> dict:
    """The settings of --quick and --set; ValueError for one that is not KEY=VALUE."""
    settings: dict = dict(QUICK) if options.quick else {}
    for item in options.set:
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"--set {item}: write it as KEY=VALUE")
        settings[name] = value
    for name in ("rounds", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} is {value}: it must be at least 1")
    return settings


def pick_device(name: str | None) -> torch.device:
    """The device that was asked for; ValueError if this machine has none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch sees no GPU here; leave the option out")
    return torch.device(name) if name else runtime.pick_device()


def machine(device: torch.device) -> dict:
    """What it ran on, without a name of the host."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "device": gpu or "no GPU",
        "python": platform.python_version(),
        "system": platform.system(),
    }


def cpu_name() -> str:
    """The processor's model, as well as the system knows it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
