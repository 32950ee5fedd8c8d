"""AdamW with decay on matrices only, and the learning rate as a formula of the step.

A rate that is computed from the step, and not by a scheduler object, has no state to lose: a run
that resumes at step 700 has the rate of step 700.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn


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
        """The learning rate of the update number `step`, counted from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        begin = self.warmup
        if self.kind == "stable":
            begin = max(begin, self.steps - math.ceil(self.steps * self.decay))
        done = max(0.0, (step + 1 - begin) / (self.steps - begin))  # 0 .. 1 along the way down
        left = (1 + math.cos(math.pi * done)) / 2 if self.kind == "cosine" else 1 - done
        return self.min_lr + (self.lr - self.min_lr) * left
