"""A shape X-ray: one forward pass as a table of what every module hands on.

    rows = xray(model, input_ids)      a Row for each tensor, in the order in which they are made
    print(table(rows))                 name, shape, dtype, bytes, FLOPs, aligned

Hooks on the modules see the tensors. Matrix products are counted where each of them must pass,
whoever asks for it: `@`, einsum, nn.Linear, attention. A product belongs to the innermost module
that is running, so the FLOPs of all rows add up to those of the whole pass.

Not counted: convolutions, and what works number by number (sums, norms, softmax).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.runtime import dtype_name


@dataclass(frozen=True)
class Row:
    """One tensor that a module handed on, and the matrix products done for it."""

    name: str  # as in model.named_modules(), such as "layers.0.mlp"; "" is the model
    kind: str  # the module's class
    shape: tuple[int, ...]
    dtype: torch.dtype
    bytes: int
    flops: int  # the module's own, without those of the modules inside it


class Products(TorchDispatchMode):
    """While it is on, adds the FLOPs of every matrix product to the last number of `running`."""

    def __init__(self, running: list[int]) -> None:
        super().__init__()
        self.running = running

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> object:
        output = func(*args, **(kwargs or {}))
        self.running[-1] += flops(func.overloadpacket.__name__, args, output)
        return output


def flops(name: str, args: tuple, output: object) -> int:
    """2 FLOPs, multiply and add, for each pair of numbers that a matrix product brings together.

    >>> flops("mm", (torch.ones(3, 5), torch.ones(5, 4)), torch.ones(3, 4))
    120
    """
    if name in ("mm", "bmm", "mv", "dot"):  # each number that comes out is a sum along a row
        return 2 * output.numel() * args[0].shape[-1]
    if name in ("addmm", "baddbmm", "addmv"):  # the same; first comes what is added
        return 2 * output.numel() * args[1].shape[-1]
    if name.startswith("_scaled_dot_product") and "backward" not in name:
        queries, keys, values = args[:3]  # masked pairs count too, as if they were computed
        pairs = queries.shape[:-1].numel() * keys.shape[-2]
        return 2 * pairs * (keys.shape[-1] + values.shape[-1])
    return 0


def xray(model: nn.Module, *inputs: object) -> list[Row]:
    """Run `model(*inputs)` once, without gradients; a row for each tensor that is handed on.

    A module that is called twice has two rows. The hooks are removed, whatever happens.
    """
    rows: list[Row] = []
    hooks = []
    running = [0]  # FLOPs of each module that has begun and not yet ended, the outermost first

    def begin(module: nn.Module, args: tuple) -> None:
        running.append(0)

    def end(name: str, module: nn.Module, args: tuple, output: object) -> None:
        own = running.pop()
        for tensor in tensors_in(output):
            kind, shape = type(module).__name__, tuple(tensor.shape)
            rows.append(Row(name, kind, shape, tensor.dtype, tensor.nbytes, own))
            own = 0  # of several tensors, the first one bears the cost

    try:
        for name, module in model.named_modules():
            hooks.append(module.register_forward_pre_hook(begin))
            hooks.append(module.register_forward_hook(partial(end, name)))
        # Inference mode would hand on whole layers, and Products could not look into them.
        with torch.inference_mode(False), torch.no_grad(), Products(running):
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return rows


def tensors_in(output: object) -> Iterator[Tensor]:
    """The tensors in what a module returns, also inside tuples, lists and dicts."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict | tuple | list):
        for part in output.values() if isinstance(output, dict) else output:
            yield from tensors_in(part)


def table(rows: list[Row]) -> str:
    """The rows as aligned text, under a head; the last line has the sum of the FLOPs."""
    lines = [("name", "shape", "dtype", "bytes", "FLOPs")]
    for row in rows:
        shape, dtype = " x ".join(map(str, row.shape)), dtype_name(row.dtype)
        lines.append(
            (row.name or "(the model)", shape, dtype, f"{row.bytes:,}", f"{row.flops:,}")
        )
    lines.append(("sum", "", "", "", f"{sum(row.flops for row in rows):,}"))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    form = "  ".join(f"{{:{side}{n}}}" for side, n in zip("<<<>>", widths, strict=True))
    return "\n".join(form.format(*line).rstrip() for line in lines)
