"""The layers that language models are made of: Linear, RMSNorm, positions, SwiGLU.

Each is a few lines; the names of parameters are those of Hugging Face's Qwen3. Positions come in
three ways: as vectors added to the embedding (NoPositions, SinusoidalPositions, or nn.Embedding for
learned ones), as a bias of the scores (alibi_slopes), or by turning queries and keys (RoPE).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Linear(nn.Linear):
    """x weightᵀ, without a bias: (..., in_features) -> (..., out_features).

    A single token needs one dot product for each row, and no matrix kernel: compiled for a CPU,
    these are written out, and a compiler fuses them with what stands around them.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        single = x.numel() == self.in_features and x.device.type == "cpu"
        if single and torch.compiler.is_compiling() and not torch.is_grad_enabled():
            return (self.weight * x.flatten()).sum(-1).view(*x.shape[:-1], self.out_features)
        return F.linear(x, self.weight)


class RMSNorm(nn.Module):
    """Divide each vector by its root mean square, then scale each feature.

    x: (..., dim), any floating dtype; returns the same shape and dtype. The statistics are taken
    in float32, because squares overflow float16. Zhang and Sennrich 2019, arXiv:1910.07467, §3.
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight.to(x.dtype) * wide.to(x.dtype)


# ---- positions that are added


class NoPositions(nn.Module):
    """Nothing to add: (batch, time) positions -> 0, so order is known from the causal mask alone.

    Kazemnejad et al. 2023, arXiv:2305.19466, §2 ("NoPE").
    """

    def forward(self, positions: Tensor) -> float:
        return 0.0


class SinusoidalPositions(nn.Module):
    """Waves of growing length: (batch, time) positions -> (batch, time, dim), nothing learned.

    Feature 2i is sin(position / 10000^(2i / dim)), feature 2i + 1 its cosine. They are scaled, as
    the embeddings that they join are. Vaswani et al. 2017, arXiv:1706.03762, §3.5.
    """

    def __init__(self, dim: int, scale: float = 1.0, theta: float = 10_000.0) -> None:
        super().__init__()
        self.dim, self.scale, self.theta = dim, scale, theta

    def forward(self, positions: Tensor) -> Tensor:
        frequency = rotary_frequencies(self.dim, self.theta, positions.device)
        angles = positions[..., None].float() * frequency
        return self.scale * torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


# ---- positions as a bias of the scores


def alibi_slopes(heads: int) -> Tensor:
    """How much each head's scores fall for every token of distance: (heads,) float32.

    2^(-8/n), 2^(-16/n), ... for n heads, a power of two (Press et al. 2021, arXiv:2108.12409, §3);
    for other numbers, as in the authors' code, those of the power below and every second one of the
    power above.
    """
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-8 * (i + 0.5) / power) for i in range(power)]
    return torch.tensor(slopes + between[: heads - power])


# ---- positions by turning: RoPE


@dataclass(frozen=True)
class RopeScaling:
    """How RoPE reads texts that are `factor` times longer than those it was trained on.

    kind: "linear" divides all positions (Chen et al. 2023, arXiv:2306.15595, §2.3); "ntk" raises
    theta, so that the fast pairs stay and the slowest is divided (Peng et al. 2023,
    arXiv:2309.00071, §3.1); "yarn" divides according to the turns that a pair made in the trained
    length: slow ones wholly, fast ones not at all (the same, §3.2 and §3.4).
    original_max_position_embeddings: the trained length, in tokens. ValueError for other kinds, or
    a factor below 1.
    """

    kind: str
    factor: float
    original_max_position_embeddings: int
    beta_fast: float = 32.0  # turns from which on a pair is left alone
    beta_slow: float = 1.0  # turns below which it is divided wholly

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "ntk", "yarn"):
            raise ValueError(f'kind={self.kind!r} is unknown: use "linear", "ntk" or "yarn"')
        if self.factor < 1:
            raise ValueError(f"factor={self.factor}: give 1 or more, as in 4 times the length")

    @property
    def attention_factor(self) -> float:
        """What queries and keys are multiplied by: YaRN sharpens the softmax over more tokens."""
        return 0.1 * math.log(self.factor) + 1.0 if self.kind == "yarn" else 1.0

    def frequencies(
        self, head_dim: int, theta: float, device: torch.device | None = None
    ) -> Tensor:
        """Radians a position for each pair, (head_dim / 2,) float32."""
        if self.kind == "ntk":
            theta = theta * self.factor ** (head_dim / (head_dim - 2))
        pair = torch.arange(0, head_dim, 2, device=device).float()
        wave = theta ** (pair / head_dim)  # positions a radian
        if self.kind != "yarn":
            return 1.0 / wave / (self.factor if self.kind == "linear" else 1.0)
        kept = self.share_kept(head_dim, theta).to(wave.device)
        return 1.0 / (self.factor * wave) * (1 - kept) + 1.0 / wave * kept

    def share_kept(self, head_dim: int, theta: float) -> Tensor:
        """YaRN's ramp over the pairs: 1 for those that turn often, 0 for those that hardly do."""

        def pair_with(turns: float) -> float:
            wave = self.original_max_position_embeddings / (turns * 2 * math.pi)
            return head_dim * math.log(wave) / (2 * math.log(theta))

        low = max(math.floor(pair_with(self.beta_fast)), 0)
        high = min(math.ceil(pair_with(self.beta_slow)), head_dim - 1)
        if low == high:
            high += 0.001  # a step instead of a ramp
        pair = torch.arange(head_dim // 2, dtype=torch.float32)
        return 1 - ((pair - low) / (high - low)).clamp(0, 1)


def rotary_frequencies(
    head_dim: int, theta: float, device: torch.device | None = None
) -> Tensor:
    """Radians that each pair turns by at every position, (head_dim / 2,) float32.

    Pair i has theta^(-2i / head_dim). Su et al. 2021, arXiv:2104.09864, §3.2.2.
    """
    pair = torch.arange(0, head_dim, 2, device=device).float()
    return 1.0 / theta ** (pair / head_dim)


def rotary_angles(
    positions: Tensor, head_dim: int, theta: float, scaling: RopeScaling | None = None
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every pair's angle at every position, times YaRN's factor if there is one.

    positions: (..., time) integers; returns two float32 tensors (..., time, head_dim / 2).
    """
    frequencies = rotary_frequencies if scaling is None else scaling.frequencies
    angles = positions[..., None].float() * frequencies(head_dim, theta, positions.device)
    if scaling is None:
        return angles.cos(), angles.sin()
    return angles.cos() * scaling.attention_factor, angles.sin() * scaling.attention_factor


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + head_dim / 2]) by their angles: RoPE, half-split as in Qwen3.

    x: (batch, heads, time, head_dim); cos, sin: (batch or 1, 1, time, head_dim / 2). The dot
    product of two rotated vectors depends on the distance of their positions only.
    """
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def rotate_interleaved(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """The same with pairs of neighbours (x[2i], x[2i + 1]), as in the paper and the first Llama.

    Equal to `rotate` after `half_split` of the input, up to the same reordering of the output.
    """
    first, second = x[..., ::2], x[..., 1::2]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    turned = torch.stack((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.flatten(-2)


def half_split(x: Tensor) -> Tensor:
    """Reorder the last axis from neighbours (a0 b0 a1 b1) to halves (a0 a1 b0 b1).

    For the rows of a q_proj or k_proj weight, apply it to each head's axis: then weights of
    interleaved code run in half-split code.
    """
    return torch.cat((x[..., ::2], x[..., 1::2]), dim=-1)


class SwiGLU(nn.Module):
    """The feed-forward net: down(silu(gate(x)) * up(x)), without biases.

    (..., hidden_size) -> (..., hidden_size). Shazeer 2020, arXiv:2002.05202, §2.
    """

    def __init__(self, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        self.gate_proj = Linear(hidden_size, intermediate_size)
        self.up_proj = Linear(hidden_size, intermediate_size)
        self.down_proj = Linear(intermediate_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
