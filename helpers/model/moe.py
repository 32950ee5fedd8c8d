"""Mixture of experts: a router sends each token to a few of many feed-forward nets. Qwen3-MoE.

    model = Qwen3Moe(Qwen3MoeConfig(num_experts=8, num_experts_per_tok=2))
    logits = model(input_ids)
    loss = next_token_loss(model, input_ids, labels) + 0.01 * balance_loss(model)

Shazeer et al. 2017, arXiv:1701.06538, §2; Fedus et al. 2021, arXiv:2101.03961, §2. The names are
those of Hugging Face's Qwen3-MoE, so its weights load as they are.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.model.change import replace_part
from helpers.model.layers import Linear
from helpers.model.qwen3 import Qwen3, Qwen3Config


@dataclass(frozen=True)
class Qwen3MoeConfig(Qwen3Config):
    """The shape of a Qwen3-MoE: every feed-forward net is a mixture of experts.

    ValueError if a token cannot have so many experts.
    """

    num_experts: int = 8
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 192  # width inside one expert
    norm_topk_prob: bool = True  # the weights of a token's experts add up to 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_experts(self.num_experts, self.num_experts_per_tok)


def require_experts(num_experts: int, num_experts_per_tok: int) -> None:
    """ValueError unless each token can have so many different experts."""
    if not 1 <= num_experts_per_tok <= num_experts:
        raise ValueError(
            f"a token cannot have {num_experts_per_tok} of {num_experts} experts: "
            "give num_experts_per_tok from 1 to num_experts"
        )


class Router(Linear):
    """Choose the experts of each token, and their weights: the largest k of a softmax.

    x: (tokens, hidden_size); returns the weights (tokens, k) in x's dtype and the experts
    (tokens, k). It remembers what it did in `probabilities` (tokens, experts), with its gradient,
    and `chosen`, until the next call. The softmax is taken in float32.
    """

    def __init__(
        self,
        hidden_size: int,
        num_experts: int,
        num_experts_per_tok: int,
        norm_topk_prob: bool = True,
    ) -> None:
        super().__init__(hidden_size, num_experts)
        require_experts(num_experts, num_experts_per_tok)
        self.num_experts_per_tok, self.norm_topk_prob = num_experts_per_tok, norm_topk_prob
        self.probabilities = self.chosen = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.probabilities = super().forward(x).softmax(-1, dtype=torch.float32)
        weights, self.chosen = self.probabilities.topk(self.num_experts_per_tok)
        if self.norm_topk_prob:
            weights = weights / weights.sum(-1, keepdim=True)
        return weights.to(x.dtype), self.chosen


class Experts(nn.Module):
    """Many SwiGLU nets in three tensors; each token goes through its own few.

    x: (tokens, hidden_size), weights and chosen: (tokens, k); returns the weighted sum of what the
    chosen experts say, (tokens, hidden_size). Tokens are sorted by expert: each expert multiplies
    all of its tokens at once, and there is no loop over tokens.
    """

    def __init__(self, hidden_size: int, intermediate_size: int, num_experts: int) -> None:
        super().__init__()
        gate_and_up = (num_experts, 2 * intermediate_size, hidden_size)
        self.gate_up_proj = nn.Parameter(torch.empty(gate_and_up))
        self.down_proj = nn.Parameter(torch.empty(num_experts, hidden_size, intermediate_size))

    def forward(self, x: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        order = chosen.flatten().argsort(stable=True)  # (tokens * k,), sorted by expert
        token = order // chosen.shape[1]
        counts = chosen.flatten().bincount(minlength=len(self.down_proj))
        parts = x[token].split(counts.tolist())
        said = torch.cat([self.expert(i, part) for i, part in enumerate(parts)])
        said = said * weights.flatten()[order, None]
        return torch.zeros_like(x).index_add(0, token, said.to(x.dtype))

    def expert(self, i: int, x: Tensor) -> Tensor:
        """One of the nets, as SwiGLU: (its tokens, hidden_size) -> the same shape."""
        gate, up = F.linear(x, self.gate_up_proj[i]).chunk(2, dim=-1)
        return F.linear(F.silu(gate) * up, self.down_proj[i])


class MixtureOfExperts(nn.Module):
    """A feed-forward net of which each token uses a part: (batch, time, hidden_size) -> the same.

    gate is the router, experts are the nets. Arguments as in Router and Experts.
    """

    def __init__(
        self,
        hidden_size: int,
        moe_intermediate_size: int,
        num_experts: int,
        num_experts_per_tok: int,
        norm_topk_prob: bool = True,
    ) -> None:
        super().__init__()
        self.gate = Router(hidden_size, num_experts, num_experts_per_tok, norm_topk_prob)
        self.experts = Experts(hidden_size, moe_intermediate_size, num_experts)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)  # (batch * time, hidden_size)
        return self.experts(tokens, *self.gate(tokens)).view_as(x)


class Qwen3Moe(Qwen3):
    """A Qwen3 with a mixture of experts in every block. Qwen Team 2025, arXiv:2505.09388, §2."""

    def __init__(self, config: Qwen3MoeConfig) -> None:
        super().__init__(config)
        shape = (config.hidden_size, config.moe_intermediate_size, config.num_experts)
        rest = (config.num_experts_per_tok, config.norm_topk_prob)
        replace_part(self, "mlp", lambda layer: MixtureOfExperts(*shape, *rest))

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Experts):
            for weight in module.parameters():
                nn.init.normal_(weight, std=self.config.initializer_range)


def routers(model: nn.Module) -> list[Router]:
    """The routers of a model, first layer first. ValueError if it has none."""
    found = [module for module in model.modules() if isinstance(module, Router)]
    if not found:
        raise ValueError("the model has no experts: there is no Router in it")
    return found


def loads(model: nn.Module) -> Tensor:
    """Each expert's share of the last call's choices: (layers, experts), rows add up to 1."""
    return torch.stack([
        router.chosen.flatten().bincount(minlength=router.out_features) / router.chosen.numel()
        for router in routers(model)
    ])  # fmt: skip


def balance_loss(model: nn.Module) -> Tensor:
    """How unevenly the last call used the experts: k if evenly, up to the number of experts.

    Experts times the sum over them of the share of tokens that one got times the mean
    probability that the router gave it; all layers together. Only probabilities have a gradient.
    Fedus et al. 2021, arXiv:2101.03961, §2.2; for k experts a token as Hugging Face's Qwen3-MoE.
    """
    found = routers(model)
    chosen = torch.cat([router.chosen for router in found])  # (layers * tokens, k)
    probabilities = torch.cat([router.probabilities for router in found])
    counts = chosen.flatten().bincount(minlength=probabilities.shape[1])
    return len(counts) * (counts / len(chosen)) @ probabilities.mean(0)
