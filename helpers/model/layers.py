"""The layers that a modern language model is made of: Linear, RMSNorm, RoPE, SwiGLU.

Each is a few lines; the names of parameters are those of Hugging Face's Qwen3.
"""

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


def rotary_angles(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every pair's angle at every position.

    positions: (..., time) integers; returns two float32 tensors (..., time, head_dim / 2). Pair i
    turns by theta^(-2i / head_dim) a position. Su et al. 2021, arXiv:2104.09864, §3.4.2.
    """
    pair = torch.arange(0, head_dim, 2, device=positions.device).float()
    frequency = 1.0 / theta ** (pair / head_dim)
    angles = positions[..., None].float() * frequency
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + head_dim / 2]) by their angles: RoPE, half-split as in Qwen3.

    x: (batch, heads, time, head_dim); cos, sin: (batch or 1, 1, time, head_dim / 2). The dot
    product of two rotated vectors depends on the distance of their positions only.
    """
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


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
