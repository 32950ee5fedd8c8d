"""SGD, AdamW and Muon, decay on matrices only, and the learning rate as a formula of the step.

    optimizer = Optimizer(model.parameters(), "adamw", lr=1e-3)      written out, to be read
    optimizer = adamw(model, 1e-3, (0.9, 0.95), weight_decay=0.1)    the same rule, fused by torch
    optimizer = muon(model, 1e-3, (0.9, 0.95), weight_decay=0.1)     Muon for the blocks' matrices

A rate that is computed from the step, and not by a scheduler object, has no state to lose: a run
that resumes at step 700 has the rate of step 700.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# ---- the rules: how one tensor moves, given its gradient


def sgd_update(p: Tensor, state: dict, group: dict) -> None:
    """Downhill, with a memory: the momentum is a sum of past gradients, older ones counted less.

    Polyak 1964; as torch.optim.SGD writes it. A momentum of 0 is plain gradient descent.
    """
    if not state:
        state["momentum"] = torch.zeros_like(p)
    grad = p.grad + group["weight_decay"] * p
    state["momentum"].mul_(group["momentum"]).add_(grad)
    p.sub_(group["lr"] * state["momentum"])


def adamw_update(p: Tensor, state: dict, group: dict) -> None:
    """The mean of the gradients over the root of the mean of their squares; decay apart from it.

    Both means begin at 0, and are corrected for that. Kingma and Ba 2014, arXiv:1412.6980,
    Algorithm 1; Loshchilov and Hutter 2017, arXiv:1711.05101, Algorithm 2.
    """
    if not state:
        state.update(step=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
    beta1, beta2 = group["betas"]
    state["step"] += 1
    state["mean"].lerp_(p.grad, 1 - beta1)
    state["square"].lerp_(p.grad.square(), 1 - beta2)
    mean = state["mean"] / (1 - beta1 ** state["step"])
    square = state["square"] / (1 - beta2 ** state["step"])
    p.mul_(1 - group["lr"] * group["weight_decay"])
    p.sub_(group["lr"] * mean / (square.sqrt() + group["eps"]))


def muon_update(p: Tensor, state: dict, group: dict) -> None:
    """Momentum, with all its singular values made about 1; for matrices only.

    0.2 √(longer side) gives the step about the root mean square that AdamW's has, so that one decay
    serves both; the best learning rates still differ (Day 16). Jordan 2024,
    kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982, §2.2.
    """
    if not state:
        state["momentum"] = torch.zeros_like(p)
    state["momentum"].lerp_(p.grad, 1 - group["momentum"])
    ahead = p.grad.lerp(state["momentum"], group["momentum"])  # Nesterov's
    step = newton_schulz(ahead) * 0.2 * max(p.shape) ** 0.5
    p.mul_(1 - group["lr"] * group["weight_decay"])
    p.sub_(group["lr"] * step)


def newton_schulz(matrix: Tensor, steps: int = 5) -> Tensor:
    """U Vᵀ of the matrix U S Vᵀ, nearly, and without an SVD: singular values level off.

    Beside a norm of 1, those from 0.01 on come to between 0.68 and 1.14; smaller ones stay below.
    (rows, columns) -> the same shape and dtype, worked in bfloat16. Each step puts every singular
    value s through 3.4445 s - 4.775 s³ + 2.0315 s⁵, which is steep at 0. Jordan 2024, as above.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix.bfloat16() if wide else matrix.bfloat16().mT
    x = x / x.norm().clamp(min=1e-7)  # no singular value is above 1
    for _ in range(steps):
        gram = x @ x.mT
        gram = torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)  # rounded once
        x = torch.addmm(x, gram, x, beta=3.4445)  # 3.4445 x + gram x
    return (x if wide else x.mT).to(matrix.dtype)


RULES = {"sgd": sgd_update, "adamw": adamw_update, "muon": muon_update}


class Optimizer(torch.optim.Optimizer):
    """Moves every parameter by the rule that its group names: "sgd", "adamw" or "muon".

    params: parameters, or groups of them, which may set any of the other arguments for themselves.
    ValueError for an unknown rule, or for Muon on something other than a matrix.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict],
        rule: str = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        settings = dict(weight_decay=weight_decay, momentum=momentum, betas=betas, eps=eps)
        super().__init__(params, dict(rule=rule, lr=lr, **settings))
        for group in self.param_groups:
            if group["rule"] not in RULES:
                known = ", ".join(RULES)
                raise ValueError(f"rule={group['rule']!r} is unknown: use one of {known}")
            if group["rule"] == "muon" and any(p.dim() != 2 for p in group["params"]):
                raise ValueError("Muon moves matrices: give the other parameters to adamw")

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    RULES[group["rule"]](p, self.state[p], group)


# ---- who gets which rule


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Two groups: matrices decay, vectors (the norms' weights) do not.

    A norm's weight is a volume knob: decay would turn it down for no reason.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]


def adamw(
    model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW in its fused form: one pass over the memory of all weights and moments.

    Loshchilov and Hutter 2017, arXiv:1711.05101, Algorithm 2.
    """
    groups = parameter_groups(model, weight_decay)
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=1e-8, fused=True)


def muon(
    model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float
) -> Optimizer:
    """Muon for the matrices of the blocks, AdamW for embeddings, head and vectors.

    An embedding's rows are looked up one by one: it is a table, and not a map from space to space.
    """
    inside = {p for p in model.model.layers.parameters() if p.dim() == 2}
    matrices = [p for p in model.parameters() if p in inside and p.requires_grad]
    others = [
        {**group, "params": [p for p in group["params"] if p not in inside], "rule": "adamw"}
        for group in parameter_groups(model, weight_decay)
    ]
    groups = [{"params": matrices, "rule": "muon", "weight_decay": weight_decay}, *others]
    return Optimizer(groups, lr=lr, betas=betas)


OPTIMIZERS = {"adamw": adamw, "muon": muon}


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of the tensors that the optimizer keeps from step to step."""
    kept = [t for state in optimizer.state.values() for t in state.values()]
    return sum(t.nbytes for t in kept if isinstance(t, Tensor))


# ---- the learning rate


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every parameter group the learning rate `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr


@dataclass(frozen=True)
class Schedule:
    """Warm-up, then "cosine" down to min_lr, or "stable" at lr with a linear decay at the end.

    ValueError where min_lr is not below lr (the rate would rise), where the steps do not suffice,
    or for an unknown kind. Cosine: Loshchilov and Hutter 2016, arXiv:1608.03983, §3; stable and
    decay: Hu et al. 2024, arXiv:2404.06395, §4.
    """

    kind: str
    lr: float
    min_lr: float
    warmup: int  # steps
    steps: int
    decay: float = 0.3  # the share of the steps in which a "stable" rate comes down

    def __post_init__(self) -> None:
        if self.kind not in ("cosine", "stable"):
            raise ValueError(f'schedule={self.kind!r} is unknown: use "cosine" or "stable"')
        if not 0 <= self.min_lr < self.lr:
            raise ValueError(
                f"min_lr={self.min_lr} must lie below lr={self.lr}, or the rate rises as "
                "training goes on: lower min_lr"
            )
        if not 0 <= self.warmup < self.steps:
            raise ValueError(
                f"warmup={self.warmup} must be shorter than steps={self.steps}: lower warmup"
            )
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay={self.decay} is a share of the steps: 0 < decay <= 1")

    def lr_at(self, step: int) -> float:
        """The learning rate of the update number `step`, counted from 0; min_lr after the last."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        begin = self.warmup
        if self.kind == "stable":
            begin = max(begin, self.steps - math.ceil(self.steps * self.decay))
        share = (step + 1 - begin) / (self.steps - begin)
        done = min(1.0, max(0.0, share))  # 0 .. 1 along the way down, and 1 after the end
        left = (1 + math.cos(math.pi * done)) / 2 if self.kind == "cosine" else 1 - done
        return self.min_lr + (self.lr - self.min_lr) * left
