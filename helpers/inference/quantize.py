"""Fewer bits for each weight: int8, int4 in groups, NF4; a model that keeps only their codes.

    small = quantize(model, Scheme("absmax", bits=4, group=32))     a copy with packed weights
    weight_bytes(small) / weight_bytes(model)                       about 0.14
    cache = QuantizedCache(bits=8)                                  keys and values in int8

A group of numbers shares one scale: a whole row of a weight (one output channel), or a few of its
columns. Codes are small integers, and a number is read back as code times scale.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.model.cache import GrowingCache
from helpers.model.layers import Linear

# Quantiles of a normal distribution, 8 above zero and 7 below, and zero itself.
# Dettmers et al. 2023, arXiv:2305.14314, appendix E.
NF4 = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
])  # fmt: skip
SMALLEST = 1e-12  # a scale is never 0


@dataclass(frozen=True)
class Scheme:
    """How a weight is stored.

    kind: "absmax" puts the largest magnitude at the last code; "zero-point" the smallest and the
    largest number at the two ends; "nf4" takes the nearest of 16 normal quantiles.
    group: neighbours in a row that share a scale; None: the whole row.
    ValueError for other kinds or bits.
    """

    kind: str = "absmax"
    bits: int = 8
    group: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("absmax", "zero-point", "nf4"):
            raise ValueError(
                f'kind={self.kind!r} is unknown: use "absmax", "zero-point" or "nf4"'
            )
        if not 2 <= self.bits <= 8 or (self.kind == "nf4" and self.bits != 4):
            raise ValueError(f"bits={self.bits}: give 2 to 8, and 4 for nf4")

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """(..., group) numbers -> uint8 codes of that shape, scales (..., 1), zeros (..., 1)."""
        if self.kind == "zero-point":
            return zero_point(x, self.bits)
        if self.kind == "nf4":
            return *nf4(x), None
        codes, scale = absmax(x, self.bits)
        return (codes.int() + 2 ** (self.bits - 1)).to(torch.uint8), scale, None

    def decode(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        """What `encode` made, as numbers again, in the dtype of the scale."""
        if self.kind == "nf4":
            return NF4.to(scale)[codes.int()] * scale
        middle = 2 ** (self.bits - 1) if zero is None else zero.to(scale)
        return (codes.to(scale) - middle) * scale


# ---- from numbers to codes, a scale for each last axis


def absmax(x: Tensor, bits: int = 8) -> tuple[Tensor, Tensor]:
    """Codes from -top to top, where top = 2^(bits - 1) - 1: (..., group) -> int8, scale (..., 1).

    The largest magnitude of a group becomes top, and 0 stays 0. Dettmers et al. 2022,
    arXiv:2208.07339, §2.
    """
    top = 2 ** (bits - 1) - 1
    scale = x.abs().amax(-1, keepdim=True).clamp_min(SMALLEST) / top
    return (x / scale).round().to(torch.int8), scale


def zero_point(x: Tensor, bits: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Codes from 0 to 2^bits - 1 between the smallest and the largest number, 0 among them.

    (..., group) -> uint8 codes, scale (..., 1), zero (..., 1), the code of 0. Jacob et al. 2017,
    arXiv:1712.05877, §2.1.
    """
    top = 2**bits - 1
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
    scale = (high - low).clamp_min(SMALLEST) / top
    zero = (-low / scale).round()
    codes = (x / scale + zero).round().clamp(0, top)
    return codes.to(torch.uint8), scale, zero.to(torch.uint8)


def nf4(x: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest of 16 normal quantiles: (..., group) -> uint8 codes, scale (..., 1).

    Dettmers et al. 2023, arXiv:2305.14314, §3.
    """
    scale = x.abs().amax(-1, keepdim=True).clamp_min(SMALLEST)
    levels = NF4.to(x)
    between = (levels[1:] + levels[:-1]) / 2
    return torch.bucketize(x / scale, between).to(torch.uint8), scale


def pack(codes: Tensor, bits: int = 4) -> Tensor:
    """Two codes of up to 4 bits in a byte, the first above; wider ones stay as they are.

    (..., even) uint8 -> (..., half) uint8.
    """
    return codes if bits > 4 else codes[..., ::2] << 4 | codes[..., 1::2]


def unpack(packed: Tensor, bits: int = 4) -> Tensor:
    """The codes of `pack` again: (..., half) uint8 -> (..., 2 * half) uint8."""
    return packed if bits > 4 else torch.stack((packed >> 4, packed & 15), -1).flatten(-2)


# ---- weights


class PackedWeight(nn.Module):
    """A weight (rows, columns) as codes, scales and zeros, and what it reads back as.

    Scales are kept in float16, so that a group of 32 pays half a bit a weight for its own. Codes of
    up to 4 bits share bytes. ValueError if the groups do not fill a row.
    """

    def __init__(self, weight: Tensor, scheme: Scheme) -> None:
        super().__init__()
        self.scheme, self.dtype = scheme, weight.dtype
        group = scheme.group or weight.shape[1]
        if weight.shape[1] % group or (scheme.bits <= 4 and group % 2):
            raise ValueError(
                f"{weight.shape[1]} columns cannot be cut into groups of {group}: "
                "give a divisor, an even one for 4 bits or less"
            )
        codes, scale, zero = scheme.encode(weight.detach().float().unflatten(1, (-1, group)))
        self.register_buffer("codes", pack(codes, scheme.bits))
        self.register_buffer("scale", scale.half())
        self.register_buffer("zero", zero)

    def rows(self, ids: Tensor | None = None) -> Tensor:
        """These rows (all without ids) as numbers: (..., columns), in the first weight's dtype."""
        parts = (self.codes, self.scale, self.zero)
        codes, scale, zero = (t if ids is None or t is None else t[ids] for t in parts)
        codes = unpack(codes, self.scheme.bits)
        return self.scheme.decode(codes, scale.to(self.dtype), zero).flatten(-2)


class PackedLinear(nn.Module):
    """A Linear layer that reads its weight back at each call: (..., in) -> (..., out)."""

    def __init__(self, packed: PackedWeight) -> None:
        super().__init__()
        self.packed = packed

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.packed.rows().to(x.dtype))


class PackedEmbedding(nn.Module):
    """A table of which only the rows that are asked for are read back: ids -> (..., columns)."""

    def __init__(self, packed: PackedWeight) -> None:
        super().__init__()
        self.packed = packed

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.packed.rows(input_ids)


PACKED = {Linear: PackedLinear, nn.Embedding: PackedEmbedding}


def quantize(model: nn.Module, scheme: Scheme, spare: tuple[str, ...] = ()) -> nn.Module:
    """A copy whose Linear layers and embeddings keep codes only; norms and routers stay whole.

    spare: names (or parts of names) of layers that keep their weights. A weight that two layers
    share stays shared.
    """
    small, done = copy.deepcopy(model), {}
    for name, layer in list(small.named_modules()):
        kind = PACKED.get(type(layer))
        if kind is None or any(part in name for part in spare):
            continue
        key = id(layer.weight)
        done[key] = done.get(key) or PackedWeight(layer.weight, scheme)
        parent, _, attribute = name.rpartition(".")
        setattr(small.get_submodule(parent), attribute, kind(done[key]))
    return small


def weight_bytes(model: nn.Module) -> int:
    """Bytes of all weights, codes and scales; what layers share counts once."""
    tensors = {id(t): t for t in (*model.parameters(), *model.buffers())}
    return sum(t.numel() * t.element_size() for t in tensors.values())


# ---- the cache, and training


class QuantizedCache(GrowingCache):
    """A cache that keeps codes: one scale for each token and head, read back at each update.

    The new states themselves are used unrounded in the call that brings them.
    bits: 8 or 4. starts: as in GrowingCache.
    """

    def __init__(self, bits: int = 8, starts: Tensor | None = None) -> None:
        super().__init__(starts)
        self.scheme = Scheme("absmax", bits)

    def update(self, layer: int, *new: Tensor) -> tuple[Tensor, ...]:
        """As in GrowingCache; what comes back of the past is rounded."""
        joined = super().update(layer, *(part for t in new for part in self.encode(t)))
        past = [part[:, :, : self.length] for part in joined]
        triples = zip(past[::2], past[1::2], new, strict=True)
        return tuple(torch.cat((self.decode(*old).to(t), t), dim=2) for *old, t in triples)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, heads, time, width) -> codes and half-precision scales."""
        codes, scale, _ = self.scheme.encode(x)
        return pack(codes, self.scheme.bits), scale.half()

    def decode(self, codes: Tensor, scale: Tensor) -> Tensor:
        """The states again, float32."""
        return self.scheme.decode(unpack(codes, self.scheme.bits), scale.float(), None)


def straight_through(x: Tensor, scheme: Scheme) -> Tensor:
    """x as it will be read back, with the gradient of x: for training that knows of the rounding.

    Bengio et al. 2013, arXiv:1308.3432, §4.
    """
    return x + (scheme.decode(*scheme.encode(x.detach())) - x.detach())
