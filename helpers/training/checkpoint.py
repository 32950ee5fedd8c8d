"""Checkpoints that are whole or not there, with everything that an exact resume needs.

    runs/step-00000500/     a model folder in the hub's layout (config, safetensors, tokenizer) and
                            training_state.pt: optimizer, scaler, random states, data position

A checkpoint is filled under a temporary name, synced, and renamed: a run killed in the middle of
a save leaves the checkpoint before it, and a temporary folder that the next save removes.
"""

import os
import pickle
import re
import shutil
from pathlib import Path

import torch
from torch import nn

from helpers import runtime
from helpers.model import weights
from helpers.text.tokenizer import Tokenizer

STATE = "training_state.pt"
NAME = re.compile(r"step-(\d{8})")


class TrainingStopped(RuntimeError):
    """A run cannot go on, or was asked to stop; the message says what to do."""


def save(
    folder: Path, step: int, model: nn.Module, tokenizer: Tokenizer, state: dict, keep: int
) -> Path:
    """Write the checkpoint of `step` under `folder`, remove all but the last `keep`; its path.

    state: tensors, numbers, strings, lists and dicts only, so that it loads with weights_only.
    """
    final = folder / f"step-{step:08d}"
    temporary = folder / f".{final.name}.tmp"
    remove_temporaries(folder)
    weights.save(model, temporary, tokenizer)
    runtime.atomic_write(temporary / STATE, lambda file: torch.save(state, file))
    runtime.sync_folder(temporary)
    if final.exists():  # an older run's: a folder cannot be renamed onto a full one
        shutil.rmtree(final)
    os.replace(temporary, final)
    runtime.sync_folder(folder)
    for old in all_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def all_checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints under `folder`, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))


def latest(folder: Path) -> Path | None:
    """The newest checkpoint under `folder`, or None."""
    found = all_checkpoints(folder)
    return found[-1] if found else None


def load_state(checkpoint: Path) -> dict:
    """The training state of a checkpoint. ValueError if it is missing, cut short or foreign."""
    path = checkpoint / STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path} is missing or damaged ({type(error).__name__}): delete the folder "
            f"{checkpoint} to resume from the checkpoint before it"
        ) from None
    if not isinstance(state, dict) or "step" not in state:
        raise ValueError(f"{path} is not a training state of this project: remove it")
    return state


def random_states() -> dict:
    """The states of torch's generators, CPU and GPU."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_states(states: dict) -> None:
    """Put the generators back to `random_states()` of another time."""
    torch.set_rng_state(states["cpu"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


def remove_temporaries(folder: Path) -> None:
    """Delete what saves that were cut short have left under `folder`."""
    for path in folder.glob(".step-*.tmp"):
        shutil.rmtree(path)
