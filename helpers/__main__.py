"""The one front door: python -m helpers train | ladder | generate | evaluate | export | doctor.

Progress and talk go to standard error; the last line of standard output is JSON. A user's mistake
is one line that says what is wrong and what to do, and exit status 2.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

REFERENCE = "checkpoints/reference"
INTERRUPTED = 130  # what shells report after Ctrl-C


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that names the defaults worth naming."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        plain = action.default in (None, False, "", [])
        return action.help if plain else super()._get_help_string(action)


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m helpers", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (add_train, add_ladder, add_generate, add_evaluate, add_export, add_doctor):
        add(commands)
    return top


def add_command(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=text,
        description=text,
        formatter_class=Help,
    )
    command.set_defaults(run=run)
    return command


# ---- train


def add_train(commands) -> None:
    command = add_command(
        commands,
        "train",
        train,
        "Train a Qwen3 from nothing on stories or on your text; run it again to go on.",
    )
    add = command.add_argument
    add("--preset", default="cpu", help="sizes for a machine: tiny, cpu, reference, t4, a100")
    add(
        "--data",
        help="stories, tinystories, or a .txt, .jsonl, .parquet file (default: the preset's)",
    )
    add("--out", help="folder of the run (default: checkpoints/<data>-<preset>)")
    add("--fresh", action="store_true", help="forget the run that is in the folder")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of the preset, such as steps=500 or hidden_size=96; repeatable",
    )


def train(args: argparse.Namespace) -> dict:
    """Train as the options say; the result of trainer.train."""
    from helpers.training import trainer
    from helpers.training.config import preset

    pairs = [setting.partition("=") for setting in args.set]
    for key, equals, _ in pairs:
        if not equals:
            raise ValueError(f"--set {key}: write it as KEY=VALUE, such as --set steps=500")
    settings = {key: value for key, _, value in pairs}
    if args.data:
        settings["data"] = os.path.expanduser(args.data)
    config = preset(args.preset, **settings)
    out = args.out or f"checkpoints/{Path(config.data).stem}-{args.preset}"
    return trainer.train(config, out, fresh=args.fresh)


# ---- ladder


def add_ladder(commands) -> None:
    command = add_command(
        commands,
        "ladder",
        ladder,
        "Train variants of the running model alike, each at its own best rate; record and draw.",
    )
    add = command.add_argument
    add("--models", nargs="+", default=["all"], help="names of variants, or all")
    add(
        "--out",
        default="checkpoints/ladder-recorded.json",
        help="the file to write, and a .png beside it; one that exists is gone on with",
    )
    add("--rates", nargs="+", type=float, default=[2e-3, 3e-3, 4.5e-3], help="to begin with")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="the first one tries all rates")
    add("--steps", type=int, help="of each training (default: the ladder's, by scale)")


def ladder(args: argparse.Namespace) -> dict:
    """Mean bits per byte by model; everything else is in the file and in its picture."""
    from statistics import fmean

    from helpers.lesson import plots
    from helpers.training import record, variants

    models = variants.LADDER if args.models == ["all"] else args.models
    found = record.record(models, args.out, args.rates, args.seeds, args.steps)["models"]
    picture = str(Path(args.out).with_suffix(".png"))
    plots.save(record.draw(found), picture)
    print(record.table(found), file=sys.stderr)
    means = {name: round(fmean(model["bits_per_byte"]), 4) for name, model in found.items()}
    return {"out": args.out, "picture": picture, "bits_per_byte": means}


# ---- generate


def add_generate(commands) -> None:
    command = add_command(
        commands, "generate", generate, "Let a trained model write, token by token."
    )
    add = command.add_argument
    add("--model", default=REFERENCE, help="folder of a model or of a checkpoint")
    add("--prompt", default="", help="the text to go on from; empty begins a new one")
    add("--count", type=int, default=1, help="how many texts, with seeds in a row")
    add("--max-new-tokens", type=int, default=400, help="stop after so many tokens")
    add("--temperature", type=float, default=1.0, help="0 takes the likeliest token always")
    add("--top-k", type=int, default=0, help="choose among the k likeliest; 0 is all")
    add(
        "--top-p",
        type=float,
        default=1.0,
        help="choose among the likeliest that reach p together",
    )
    add(
        "--min-p",
        type=float,
        default=0.0,
        help="choose among those with min_p of the likeliest",
    )
    add("--repetition-penalty", type=float, default=1.0, help="above 1 repeats itself less")
    add("--stop", action="append", default=[], help="end before this text; repeatable")
    add(
        "--seed",
        type=int,
        default=0,
        help="of the random numbers; the same seed, the same text",
    )
    add(
        "--compile",
        action="store_true",
        help="compile the model first: 20 s, then twice as fast",
    )


def generate(args: argparse.Namespace) -> dict:
    """Print texts as they come; tokens and speed of all."""
    from helpers.inference.generate import Sampling, compile_decode, stream_text

    model, tokenizer = load(args.model)
    sampling = Sampling(
        args.temperature, args.top_k, args.top_p, args.min_p, args.repetition_penalty
    )
    decode = compile_decode(model) if args.compile else None
    texts, begin = [], time.perf_counter()
    for seed in range(args.seed, args.seed + args.count):
        pieces = []
        print(args.prompt, end="", flush=True)
        for piece in stream_text(
            model, tokenizer, args.prompt, args.max_new_tokens, args.stop,
            sampling=sampling, seed=seed, decode=decode,
        ):  # fmt: skip
            print(piece, end="", flush=True)
            pieces.append(piece)
        print("\n")
        texts.append("".join(pieces))
    tokens = sum(len(tokenizer.encode(text)) for text in texts)
    speed = tokens / (time.perf_counter() - begin)
    return {"texts": texts, "tokens": tokens, "tokens_per_s": round(speed)}


# ---- evaluate


def add_evaluate(commands) -> None:
    command = add_command(
        commands,
        "evaluate",
        evaluate,
        "Bits per byte on held-out text, and the grade of stories.",
    )
    add = command.add_argument
    add("--model", default=REFERENCE, help="folder of a model or of a checkpoint")
    add(
        "--data",
        default="stories",
        help="stories, tinystories, or a .txt, .jsonl, .parquet file",
    )
    add("--documents", type=int, default=300, help="how many held-out documents")
    add(
        "--samples", type=int, default=100, help="how many stories to write and grade (stories)"
    )
    add("--temperature", type=float, default=1.0, help="of the stories that are graded")
    add("--min-p", type=float, default=0.1, help="of the stories that are graded; 0 keeps all")
    add("--seed", type=int, default=0, help="of the stories that are graded")


def evaluate(args: argparse.Namespace) -> dict:
    """Held-out loss of a model, the floor where it is known, and the grade of its stories."""
    from helpers.inference.generate import Sampling
    from helpers.text.corpus import held_out
    from helpers.training import evaluate as measure

    model, tokenizer = load(args.model)
    token_map, floor = held_out(args.data, tokenizer, args.documents)
    found = measure.evaluate(model, token_map)
    result = {
        "val_bpb": round(found.bits_per_byte, 4),
        "floor_bpb": round(floor, 4) if floor else None,
        "loss": round(found.loss, 4),
        "documents": len(token_map),
        "text_bytes": found.text_bytes,
    }
    if args.data == "stories" and args.samples:
        sampling = Sampling(args.temperature, min_p=args.min_p)
        texts = measure.write_stories(model, tokenizer, args.samples, sampling, args.seed)
        grades = measure.grade_stories(texts)
        result |= {"grade_pass": grades.passed, "grades": grades.by_verdict}
    return result


# ---- export


def add_export(commands) -> None:
    command = add_command(
        commands, "export", export, "Write a model folder in the Hugging Face layout."
    )
    add = command.add_argument
    add("--model", default=REFERENCE, help="folder of a model or of a checkpoint")
    add("--out", required=True, help="the folder to write")
    add(
        "--dtype",
        default="bfloat16",
        choices=["float32", "bfloat16", "float16"],
        help="of the weights",
    )


def export(args: argparse.Namespace) -> dict:
    """Weights in one dtype, config and tokenizer, without the state of the training."""
    import torch

    from helpers.model import weights

    model, tokenizer = load(args.model)
    weights.save(model, args.out, tokenizer, dtype=getattr(torch, args.dtype))
    size = sum(file.stat().st_size for file in Path(args.out).iterdir())
    return {"out": args.out, "dtype": args.dtype, "bytes": size}


# ---- doctor


def add_doctor(commands) -> None:
    add_command(
        commands, "doctor", doctor, "What this machine is, and what the course does on it."
    )


def doctor(args: argparse.Namespace) -> dict:
    """Versions, device, precision with its reason, compiler, disk, trained models at hand."""
    import torch

    from helpers import runtime

    device = runtime.pick_device()
    dtype, why = runtime.pick_dtype(device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": str(device),
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "dtype": runtime.dtype_name(dtype),
        "dtype_reason": why,
        "compiler": next((c for c in ("g++", "clang++", "cl") if shutil.which(c)), None),
        "disk_free_gb": round(shutil.disk_usage(".").free / 1e9, 1),
        "reference_model": (runtime.ROOT / REFERENCE).is_dir(),
        "scale": runtime.pick_scale(),
    }
    for name, value in facts.items():
        print(f"{name:16} {value}", file=sys.stderr)
    if facts["compiler"] is None:
        print("no C++ compiler: training runs without torch.compile, slower", file=sys.stderr)
    return facts


# ---- shared


def load(folder: str):
    """A model ready to generate, and its tokenizer."""
    from helpers import runtime
    from helpers.model import weights
    from helpers.text.tokenizer import Tokenizer

    path = Path(folder)
    if not path.exists() and not path.is_absolute():
        path = runtime.ROOT / folder
    model = weights.load(path, runtime.pick_device())
    return model.eval(), Tokenizer.load(path)


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    args = parser().parse_args(argv)
    # Read when torch is loaded: threads that wait asleep cost little alone, and beside another
    # busy program they are many times faster than threads that wait by spinning.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from helpers.training.checkpoint import TrainingStopped

    try:
        result = args.run(args)
    except ValueError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (TrainingStopped, OSError) as error:
        print(f"stopped: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
