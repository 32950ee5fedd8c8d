# %% [markdown]
# # Day 16 · Optimizers
#
# A gradient says which way is down. How far to go, and whether to trust it, is left to you: today you
# build the rules that decide, race them fairly, and catch five bugs in the loop around them.
#
# **You build:** SGD with momentum, AdamW and Muon with its Newton-Schulz iteration, the schedule, and
# five probes for a training loop
#
# **At the end you will have**
#
# - three optimizers that take the same steps as PyTorch's own, and a schedule that refuses to rise
# - AdamW against Muon on the running model, both tuned with the same number of tries: per step, per
#   second and per byte of memory
# - five probes that catch five bugs of training loops, some of which make the loss *better*
#
# **Time:** about 110 minutes, and 45 more for the exercises: 155 minutes. The code runs in five
# minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day16_optimizers.ipynb)
#
# Previous: [Day 15 · RMSNorm](day15_rmsnorm.ipynb) · Next:
# [Day 17 · Mixture of experts](day17_mixture_of_experts.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches it
# (on Colab). The third holds the sizes that depend on your machine: change them as you like. `check`
# compares numbers and raises if they differ, `plots` draws, and `runtime` knows your machine: it
# chooses the device and the precision, and prints why.

# %%
import os, pathlib, subprocess, sys

COURSE = "https://github.com/OWNER/slm21 v1.0"  # address and tag
here = pathlib.Path.cwd()
places = [here, *here.parents, here / "slm21"]
root = next((p for p in places if (p / "helpers/runtime.py").is_file()), places[-1])
if not (root / "helpers/runtime.py").is_file():
    url, tag = os.environ.get("COURSE_REPO", COURSE).split()
    subprocess.run(["git", "clone", "-q", "--depth=1", "-b", tag, url, root], check=True)
sys.path.insert(0, str(root))

# %%
import copy
import json
import logging
import math
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from itertools import accumulate, product

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.flop_counter import FlopCounterMode

from helpers import runtime
from helpers.lesson import check, ladder, plots, widgets
from helpers.model.gpt import GPT
from helpers.text.data import IGNORED, Batches, document_rows
from helpers.training import optim, record, rung
from helpers.training.evaluate import next_token_loss

run = runtime.start(day=16)

# %%
size = runtime.pick(
    tiny=dict(
        rates={"SGD": (0.03, 0.3), "AdamW": (0.004, 0.016), "Muon": (0.012, 0.024)},
        tries=5, race=10, seeds=(0, 1, 2), few=(0, 1), warm=2, branch=(5, 10), bad=4, loop=3,
    ),
    cpu=dict(
        rates={"SGD": (0.03, 0.1, 0.3, 1), "AdamW": (0.002, 0.004, 0.008, 0.016),
               "Muon": (0.006, 0.012, 0.024, 0.048)},
        tries=60, race=300, seeds=(0, 1, 2), few=(0, 1), warm=15, branch=(80, 160), bad=30,
        loop=30,
    ),
    gpu=dict(
        rates={"SGD": (0.03, 0.1, 0.3, 1), "AdamW": (0.002, 0.004, 0.008, 0.016),
               "Muon": (0.006, 0.012, 0.024, 0.048)},
        tries=200, race=800, seeds=(0, 1, 2), few=(0, 1, 2), warm=40, branch=(240, 800),
        bad=100, loop=40,
    ),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# Two weights stand at 10 and 1; the best place for both is 0. The loss is (1 · x² + 100 · y²) / 2: a
# long valley, flat along x and steep along y. Plain descent moves each weight by its slope times the
# learning rate. **Predict** the two slopes. Which weight has further to go, and which is moved more?

# %%
steepness = torch.tensor([1.0, 100.0])
start = torch.tensor([10.0, 1.0])
print("slopes", (steepness * start).tolist())
for rate in (0.010, 0.019, 0.021):
    place = start * (1 - rate * steepness) ** 10  # each step takes away rate * slope
    print(f"rate {rate}: after 10 steps {[round(v, 2) for v in place.tolist()]}")

# %% [markdown]
# Slopes 10 and 100: the weight with a tenth of the way to go is moved ten times as far. At 0.021 y
# jumps from wall to wall, each time further. Each step multiplies y by 1 - 100 · rate, and above a
# rate of 2/100 that is below -1. So the steep direction limits the rate, and the flat one is still
# above 8 after ten steps. (Their ratio, 100, is the condition number of Day 2.)
#
# **Momentum** keeps a sum of the past slopes, older ones counted less. Here is the sum for four
# slopes of one sign, and for four that jump from wall to wall. **Predict** the last number of both
# rows.

# %%
for slopes in ([1, 1, 1, 1], [1, -1, 1, -1]):
    total, row = 0.0, []
    for slope in slopes:
        total = 0.5 * total + slope  # half of the old sum is kept
        row.append(total)
    print(slopes, "->", row)

# %% [markdown]
# Steady slopes add up to nearly twice their size; jumping ones shrink to two thirds.
#
# **Adam** takes another road: it divides each weight's mean slope by its usual size, the root of a
# mean of its squares. Both begin at 0. At each step the mean becomes 0.9 of itself plus 0.1 of the
# new slope: 0.1 after one slope of 1, 0.19 after two, 1 - 0.9ᵗ after t. A constant slope of 1 should
# give steps of 1. **Predict:** does it, with 0.9 kept in the mean, and 0.95 or 0.999 in that of the
# squares?

# %%
t = torch.arange(1, 5)
for kept in (0.95, 0.999):
    mean, square = 1 - 0.9**t, 1 - kept**t  # of t slopes of 1, and of their squares
    print(
        f"squares kept {kept}: steps of", [round(v, 2) for v in (mean / square**0.5).tolist()]
    )

# %% [markdown]
# With 0.95 the first steps are too short; with 0.999 they are three to five times too long. The cure
# is to divide each of the two by what it is after t slopes of 1: *bias correction*. Then the very
# first step is slope / √slope², which is its sign.
#
# **Muon** looks at a weight *matrix* as one thing. A matrix turns a circle into an ellipse; the half
# axes of that ellipse are its *singular values*: how strongly it acts along each of its own
# directions. Below is a matrix of slopes, what Adam's first step makes of it (the signs), and what
# Muon does. **Predict** the singular values of the signs.

# %%
slopes = torch.tensor([[3.0, 1.0], [1.0, 3.0]])
u, s, vh = torch.linalg.svd(slopes)  # slopes = u · diagonal(s) · vh
for name, matrix in (("slopes", slopes), ("signs", slopes.sign()), ("Muon", u @ vh)):
    values = [round(v, 2) for v in torch.linalg.svdvals(matrix).abs().tolist()]
    print(f"{name:7}{matrix.abs().round(decimals=2).tolist()}  singular values {values}")

# %% [markdown]
# The slopes act along two directions, with strengths 4 and 2; their signs along one only. Muon keeps
# both and gives them the same strength. That is its idea: **Adam levels the entries, Muon levels the
# directions** ([Jordan, 2024](https://kellerjordan.github.io/posts/muon/)).

# %% [markdown]
# ## Build it
#
# ### SGD and AdamW
#
# A rule moves one weight tensor `p`, given its gradient. What it has to remember stands in `state`,
# its settings in `group`. SGD, stochastic gradient descent, is descent on batches. The marked
# definitions are those of `helpers/training/optim.py`; a test keeps them equal.


# %%
def sgd_update(p, state, group):  # helpers/training/optim.py
    if not state:
        state["momentum"] = torch.zeros_like(p)
    grad = p.grad + group["weight_decay"] * p
    state["momentum"].mul_(group["momentum"]).add_(grad)
    p.sub_(group["lr"] * state["momentum"])


# %% [markdown]
# *Weight decay* pulls every weight a little towards 0 at each step, against the growth that Day 15
# saw. SGD adds it to the gradient. If Adam did, it too would be divided by the usual size of the
# slope, and weights with large slopes would decay less. AdamW (W for weights) keeps it apart ([Kingma
# and Ba, 2014](https://arxiv.org/abs/1412.6980); [Loshchilov and Hutter,
# 2017](https://arxiv.org/abs/1711.05101)). `a.lerp_(b, 0.1)` moves `a` a tenth of the way to `b`: a
# running mean.


# %%
def adamw_update(p, state, group):  # helpers/training/optim.py
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


# %% [markdown]
# ### Muon
#
# To find `u` and `vh` exactly is slow on a GPU. Muon uses a *Newton-Schulz iteration* instead: matrix
# products only. Let X = U S Vᵀ, where U and V hold directions at right angles, so UᵀU = VᵀV = 1, and
# S the singular values. In X Xᵀ X the inner pairs vanish, and U S³ Vᵀ is left: an odd polynomial of
# the matrix is that polynomial of each singular value, and the directions stay. So all it takes is a
# polynomial that brings every number from 0 to 1 near 1 (Jordan found its three numbers by search).
# **Predict** what becomes of 0.001 after five rounds of the one below.

# %%
values = torch.tensor([0.0001, 0.001, 0.01, 0.1, 0.5, 1.0])
for rounds in range(6):
    print(rounds, [f"{v:.4f}" for v in values.tolist()])
    values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5

# %% [markdown]
# Each round multiplies small values by 3.4. Five lift 0.001 to 0.47, and bring everything from 0.01
# to 1 between 0.68 and 1.14: level enough for Muon. The function works in bfloat16, and first divides
# by the length of all entries: its square is the sum of the squared singular values, so none is above
# 1.


# %%
def newton_schulz(matrix, steps=5):  # helpers/training/optim.py
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix.bfloat16() if wide else matrix.bfloat16().mT
    x = x / x.norm().clamp(min=1e-7)  # no singular value is above 1
    for _ in range(steps):
        gram = x @ x.mT
        gram = torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)  # rounded once
        x = torch.addmm(x, gram, x, beta=3.4445)  # 3.4445 x + gram x
    return (x if wide else x.mT).to(matrix.dtype)


def muon_update(p, state, group):  # helpers/training/optim.py
    if not state:
        state["momentum"] = torch.zeros_like(p)
    state["momentum"].lerp_(p.grad, 1 - group["momentum"])
    ahead = p.grad.lerp(state["momentum"], group["momentum"])  # Nesterov's
    step = newton_schulz(ahead) * 0.2 * max(p.shape) ** 0.5
    p.mul_(1 - group["lr"] * group["weight_decay"])
    p.sub_(group["lr"] * step)


RULES = {"sgd": sgd_update, "adamw": adamw_update, "muon": muon_update}

# %% [markdown]
# `torch.addmm(a, b, c, beta=β, alpha=α)` is β a + α b c. *Nesterov's* momentum gives the newest slope
# some extra weight. And 0.2 √(longer side) makes the entries of a step as large as AdamW's usually
# are, so that one decay serves both, and perhaps one rate: we will measure ([Liu et al.,
# 2025](https://arxiv.org/abs/2502.16982)).
#
# ### The optimizer
#
# PyTorch's base class keeps the states and the *groups*: sets of parameters with settings of their own.


# %%
class Optimizer(torch.optim.Optimizer):  # helpers/training/optim.py
    def __init__(
        self,
        params,
        rule="adamw",
        lr=1e-3,
        weight_decay=0.0,
        momentum=0.95,
        betas=(0.9, 0.95),
        eps=1e-8,
    ):
        settings = dict(weight_decay=weight_decay, momentum=momentum, betas=betas, eps=eps)
        super().__init__(params, dict(rule=rule, lr=lr, **settings))
        for group in self.param_groups:
            if group["rule"] not in RULES:
                known = ", ".join(RULES)
                raise ValueError(f"rule={group['rule']!r} is unknown: use one of {known}")
            if group["rule"] == "muon" and any(p.dim() != 2 for p in group["params"]):
                raise ValueError("Muon moves matrices: give the other parameters to adamw")

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    RULES[group["rule"]](p, self.state[p], group)


# %% [markdown]
# A norm's weights are volume knobs of about 1 (Day 15), which decay would turn down for no reason:
# vectors get a group without it. Muon gets the matrices *inside the blocks*. An embedding is a table
# whose rows are looked up one by one, not a map from space to space: it stays with AdamW, and so do
# the vectors (`optim.muon` makes these groups).


# %%
def parameter_groups(model, weight_decay):  # helpers/training/optim.py
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]


# %%
budget = rung.budget()  # of the ladder: model, text, steps, seeds (Day 9)
model = GPT(budget.model).to(run.device)
for group in optim.muon(model, 1e-3, (0.9, 0.98), weight_decay=0.1).param_groups:
    count = sum(p.numel() for p in group["params"])
    print(f"{group['rule']:6}{count:8,} weights, decay {group['weight_decay']}")

# %% [markdown]
# ### Back to the valley
#
# Now the rules can race: 30 steps, from 64 places around the bottom. To see what each idea does there
# is also Adam with nothing `kept` in the mean, which only divides. Each gets the best of 41 rates.
# Then the same in a valley that lies across, turned by 45 degrees. **Predict** who wins, and whom the
# turn hurts.


# %%
def walk(rule, rate, kept=0.9, turned=0, starts=start[None], steps=30):
    """All places on the way: (steps + 1, starts, 2), in the directions of the valley."""
    c, s = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    turn = torch.tensor([[c, s], [-s, c]])  # from the valley's directions to the two weights
    place = nn.Parameter(starts @ turn)
    optimizer = Optimizer([place], rule, lr=rate, momentum=kept, betas=(kept, 0.95))
    seen = [starts]
    for _ in range(steps):
        place.grad = (steepness * (place.detach() @ turn.T)) @ turn
        optimizer.step()
        seen.append(place.detach() @ turn.T)
    return torch.stack(seen)


angle = torch.arange(64) * 2 * math.pi / 64
around = torch.stack([10 * angle.cos(), angle.sin()], dim=1)
WALKERS = {"descent": ("sgd", 0.0), "momentum": ("sgd", 0.9),
           "dividing": ("adamw", 0.0), "Adam": ("adamw", 0.9)}  # fmt: skip
best_rate, left = {}, {}
for (name, (rule, kept)), turned in product(WALKERS.items(), (0, 45)):
    ends = {}
    for rate in torch.logspace(-3, 1, 41).tolist():
        loss = (steepness * walk(rule, rate, kept, turned, around)[-1] ** 2).sum(1).mean() / 2
        ends[rate] = loss.item() if loss.isfinite() else math.inf
    best_rate[name, turned] = min(ends, key=ends.get)
    left[name, turned] = min(ends.values())
    print(f"{name:9} turned by {turned:2}: loss {left[name, turned]:5.2f}", end="")
    print(f" at its best rate {best_rate[name, turned]:.3f}")
check.true("momentum is far ahead of descent", 10 * left["momentum", 0] < left["descent", 0])
hurt = {name: left[name, 45] / left[name, 0] for name in WALKERS}
check.true("the turn hurts who divides", min(hurt["dividing"], hurt["Adam"]) > 2)
check.true("and nobody else", max(hurt["descent"], hurt["momentum"]) < 1.01)

# %%
x, y = np.meshgrid(np.linspace(-6, 11, 80), np.linspace(-1.6, 1.6, 80))


def draw_walk(ax, rule, rate, kept, turned):
    levels = np.logspace(-1, 2.3, 9)
    ax.contour(x, y, (x**2 + 100 * y**2) / 2, levels, colors=plots.GRAY, linewidths=0.5)
    places = walk(rule, rate, kept, turned)[:, 0]
    ax.plot(*places.T, "o-", color=plots.BLUE, ms=2, lw=1)
    ax.set(xlabel="flat direction", ylabel="steep direction", xlim=(-6, 11), ylim=(-1.6, 1.6))
    ax.set_title(f"{rule}, kept {kept:.2g}\nrate {rate:.2g}, turned {turned}")


panels = [dict(rule=WALKERS[name][0], rate=best_rate[name, turned], kept=0.9, turned=turned)
          for name, turned in (("momentum", 0), ("Adam", 0), ("Adam", 45))]  # fmt: skip
alt = "Paths in a valley: momentum swings and arrives, Adam hardly swings, turned it does."
knobs = dict(rule=["sgd", "adamw"], rate=widgets.powers(-3, 1), kept=(0.0, 0.99, 0.01),
             turned=[0, 15, 30, 45])  # fmt: skip
widgets.explore("30 steps down the valley, from the right", draw_walk, panels, alt=alt, **knobs)

# %% [markdown]
# Momentum swings, arrives and wins; descent is far behind. Dividing helps as long as the steep
# direction is *one of the weights*. Turned (drawn in the valley's directions), both weights feel the
# steep wall, and dividing weight by weight cannot tell the directions apart. The others do not notice.
#
# ### The schedule
#
# One rate for a whole training is seldom the best. At the start Adam's means know little; at the end,
# small steps settle what large ones jump over. So the rate rises for some steps (*warm-up*), and
# comes down later (we measure both below): along half a cosine ([Loshchilov and Hutter,
# 2016](https://arxiv.org/abs/1608.03983)), or after a stable phase ([Hu et al.,
# 2024](https://arxiv.org/abs/2404.06395)).


# %%
@dataclass(frozen=True)
class Schedule:  # helpers/training/optim.py
    kind: str
    lr: float
    min_lr: float
    warmup: int  # steps
    steps: int
    decay: float = 0.3  # the share of the steps in which a "stable" rate comes down

    def __post_init__(self):
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

    def lr_at(self, step):
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        begin = self.warmup
        if self.kind == "stable":
            begin = max(begin, self.steps - math.ceil(self.steps * self.decay))
        share = (step + 1 - begin) / (self.steps - begin)
        done = min(1.0, max(0.0, share))  # 0 .. 1 along the way down, and 1 after the end
        left = (1 + math.cos(math.pi * done)) / 2 if self.kind == "cosine" else 1 - done
        return self.min_lr + (self.lr - self.min_lr) * left


try:
    Schedule("cosine", lr=1e-4, min_lr=5e-4, warmup=10, steps=100)
except ValueError as error:
    print(error)

# %%
fig, ax = plots.figure("Two ways up and down", 5.0, 1.9)
for kind, look in (("cosine", "-"), ("stable", "--")):
    ax.plot([Schedule(kind, 1, 0.1, 10, 100).lr_at(t) for t in range(100)], look, label=kind)
ax.set(xlabel="step", ylabel="rate", ylim=(0, 1.1))
ax.legend(loc="lower center")
plots.show(fig, alt="The rate over 100 steps: both rise, one falls as a cosine, one late.")

# %% [markdown]
# ## Check it
#
# An optimizer that is slightly wrong still learns. So we hold every rule against PyTorch's own, on
# the same random gradients, over 30 steps. Would that see a wrong rule? The fourth pair must *not*
# agree: AdamW, and Adam whose decay goes through the division.


# %%
def largest_gap(rule, settings, other, their_settings, steps=30):
    """Largest difference of weights after any step of my rule and of the `other` optimizer."""
    g = torch.Generator().manual_seed(0)
    shapes = [(7, 5), (5, 7), (6, 6)] + [(9,)] * (rule != "muon")
    mine = [nn.Parameter(torch.randn(shape, generator=g)) for shape in shapes]
    theirs = [nn.Parameter(p.detach().clone()) for p in mine]
    pair = Optimizer(mine, rule, **settings), other(theirs, **their_settings)
    worst = 0.0
    for step in range(steps):
        for p, q in zip(mine, theirs):
            p.grad = torch.randn(p.shape, generator=g)
            q.grad = p.grad.clone()
        for optimizer in pair:
            optim.set_lr(optimizer, 0.02 * (1 - step / steps))
            optimizer.step()
        worst = max([worst, *((p - q).abs().max().item() for p, q in zip(mine, theirs))])
    return worst


# %%
sgd, adam = dict(momentum=0.9, weight_decay=0.1), dict(betas=(0.9, 0.98), weight_decay=0.1)
found = largest_gap("sgd", sgd, torch.optim.SGD, sgd)
check.close("SGD = torch.optim.SGD, 30 steps", found, 0.0, tol=1e-6)
found = largest_gap("adamw", adam, torch.optim.AdamW, adam)
check.close("AdamW = torch.optim.AdamW", found, 0.0, tol=1e-6)
if hasattr(torch.optim, "Muon"):  # from 2.9 on
    muon = dict(momentum=0.95, weight_decay=0.1)
    like = muon | dict(adjust_lr_fn="match_rms_adamw")
    found = largest_gap("muon", muon, torch.optim.Muon, like)
    check.close("Muon = torch.optim.Muon", found, 0.0, tol=1e-6)
found = largest_gap("adamw", adam, torch.optim.Adam, adam)
check.true("AdamW and Adam with decay part by more than 0.001", found > 1e-3)
one = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.01)
counter, theirs = torch.optim.lr_scheduler.CosineAnnealingLR(one, 50, eta_min=1e-3), []
for _ in range(50):
    one.step(), counter.step()
    theirs.append(counter.get_last_lr()[0])
ours = [Schedule("cosine", 0.01, 1e-3, warmup=0, steps=50).lr_at(step) for step in range(50)]
check.close("my cosine = torch's, one step later", np.array(ours), np.array(theirs), tol=1e-9)

# %% [markdown]
# ### A big batch in small parts
#
# Where memory is short, a batch is read in *micro-batches*: each adds its gradient to `p.grad`, and
# the optimizer moves once at the end. This *accumulation* should give the big batch's gradient.
# Below, three stories make four parts: one was a token too long for a row, and its end-of-text got a
# row of its own. `next_token_loss` gives the *mean* over the tokens of a part. So add up four means
# and divide by four? **Predict** how far off that is.

# %%
corpus = rung.read(budget)
big = next(iter(document_rows(corpus.validation, budget.context, limit=3, batch_size=4)))
big = tuple(t.to(run.device) for t in big)
parts = list(zip(*(t.split(1) for t in big)))
count = (big[1] != IGNORED).sum()
print("tokens of each part:", [int((labels != IGNORED).sum()) for _, labels in parts])


# %%
def gradient(model, batches, loss_of=next_token_loss):
    """The gradient of all parameters as one vector, summed over the batches."""
    model.zero_grad()
    for batch in batches:
        loss_of(model, *batch).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


# %%
whole = gradient(model, [big])
right = gradient(model, parts, lambda *args: next_token_loss(*args, count=count))
wrong = gradient(model, parts, lambda *args: next_token_loss(*args) / len(parts))
check.close("each sum divided by the count of all", right, whole, tol=1e-6)
off = ((wrong - whole).norm() / whole.norm()).item()
check.true(f"the mean of means is off by {off:.0%} of the gradient's length", off > 0.5)

# %% [markdown]
# The lone token counts as much as a whole story. The cure: divide each part's *sum* by the tokens of
# the *whole* step, counted before the first backward pass. That is why `next_token_loss` takes a
# `count`.
#
# ### Clipping
#
# One strange batch can have a gradient that is many times too long. *Clipping* shortens the gradient of
# all parameters together if its length is above a limit, and keeps its direction ([Pascanu et al.,
# 2012](https://arxiv.org/abs/1211.5063)). **Predict** what a limit of 1 makes of the slopes 3 and 4.

# %%
for limit in (1.0, 10.0):
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    length = clip_grad_norm_([weight], limit)  # times min(1, limit / length)
    clipped = [round(v, 3) for v in weight.grad.tolist()]
    print(f"length {length:.0f}, limit {limit:.0f}: {clipped}")

# %% [markdown]
# ## Use it
#
# ### What Muon does to a real gradient
#
# The gradient of one matrix of the running model, before the first step: the one that opens the
# feed-forward net of the first block. **Predict:** how many times stronger is its strongest direction
# than its median one? And that of its signs?

# %%
batch = Batches(corpus.train, budget.batch_size, budget.context, seed=0).next()
batch = tuple(t.to(run.device) for t in batch)
gradient(model, [batch])
slopes = model.model.layers[0].mlp.up_proj.weight.grad.cpu()
m, n = sorted(slopes.shape)
views = {"slopes": slopes, "their signs": slopes.sign(), "Newton-Schulz": newton_schulz(slopes)}
strengths = {name: torch.linalg.svdvals(matrix) for name, matrix in views.items()}
above = {name: (s[0] / s.median()).item() for name, s in strengths.items()}
print({name: round(times, 1) for name, times in above.items()})
level = above.pop("Newton-Schulz")
check.true("Newton-Schulz is the most level, by far", 1.5 * level < above["their signs"])
u, s, vh = torch.linalg.svd(slopes, full_matrices=False)
alike = nn.functional.cosine_similarity((u @ vh).flatten(), views["Newton-Schulz"].flatten(), 0)
check.true("its cosine with the exact U Vᵀ is above 0.9", alike > 0.9)

fig, ax = plots.figure("How strong is each direction of one gradient?", 5.2, 2.5)
for (name, s), color in zip(strengths.items(), (plots.GRAY, plots.ORANGE, plots.GREEN)):
    ax.semilogy(np.arange(1, m), s[:-1] / s[0], color=color, label=name)  # all but the last
ax.set(xlabel="direction, from strongest to weakest", ylabel="strength (strongest: 1)")
ax.set_ylim(5e-3, 1.5)
plots.name_lines(ax)
plots.show(
    fig, alt="Singular values: slopes fall steeply, signs less, Newton-Schulz stays flat."
)

# %% [markdown]
# A few directions dominate the slopes, and their signs too. After Newton-Schulz nearly all have the
# same strength. (The last direction, not drawn, has no slope at all: LayerNorm takes the mean out.)
#
# What does it cost? For a matrix of m rows and n columns, m ≤ n, a product with its transpose takes 2
# m² n operations. Each round has two of these and one of 2 m³. The forward and backward pass through
# that matrix take 6 m n for each token of the batch. **Predict** which is more, for our 576 tokens
# and for half a million.

# %%
work = 5 * (4 * m**2 * n + 2 * m**3)
with FlopCounterMode(display=False) as counted:
    newton_schulz(slopes)
check.close("operations by formula = counted", work, counted.get_total_flops(), tol=0)
for tokens in (budget.batch_size * budget.context, 500_000):
    print(f"{tokens:7,} tokens: {work / (6 * m * n * tokens):.2%} of forward and backward")


def passes():
    model.zero_grad()
    with rung.autocast(run.device):
        loss = next_token_loss(model, *batch)
    loss.backward()


took = {"passes": runtime.seconds(passes, repeats=15)}  # forward and backward
for name, make in (("AdamW", optim.adamw), ("Muon", optim.muon)):
    optimizer = make(model, 1e-4, (0.9, 0.98), weight_decay=0.1)
    took[name] = runtime.seconds(optimizer.step, repeats=15)
for name, seconds in took.items():
    print(f"{name:7}{seconds * 1e3:5.1f} ms")
share = (took["passes"] + took["AdamW"]) / (took["passes"] + took["Muon"])
print(f"Muon takes {100 * share:.0f} steps in the time of 100 of AdamW's")

# %% [markdown]
# With our few tokens a step Newton-Schulz does nearly as much arithmetic as the passes through the
# matrix; with half a million, a thousandth. (AdamW is PyTorch's fused form here; Muon is our loop.)
# So *per second* a small batch judges Muon harshly.
#
# ### Tune all with the same budget
#
# A comparison at one rate would compare the rates. So SGD with momentum 0.9, AdamW and Muon get as
# many short trainings each of the running model (Day 9's GPT, with the ladder's schedule and
# clipping). Longer trainings tend to want lower rates: for AdamW and Muon the three lower ones get a
# second round, as long as the race that follows. **Predict** the order, and how far apart the best
# rates are.


# %%
def sgd_with_momentum(model, lr, betas, weight_decay):
    return Optimizer(optim.parameter_groups(model, 0.0), "sgd", lr=lr, momentum=0.9)


MAKE = {"SGD": sgd_with_momentum, "AdamW": optim.adamw, "Muon": optim.muon}
LOOK = {"SGD": plots.GRAY, "AdamW": plots.BLUE, "Muon": plots.GREEN}


@cache  # what was trained once is not trained again
def climb(name, lr, steps, seeds, warmup):
    """Train and judge the running model as the ladder does, by this optimizer at this rate."""
    changed = replace(budget, lr=lr, seeds=seeds, steps=steps, warmup=warmup)
    what = "" if steps == size.tries else f"{name} {lr:g}"  # no bars for the many short runs
    return rung.climb(lambda: GPT(budget.model), corpus, changed, what, MAKE[name])


def try_out(name, rates, steps, seed=0):
    all_of = {lr: climb(name, lr, steps, (seed,), size.warm).entry for lr in rates}
    found = {lr: entry["bits_per_byte"][0] for lr, entry in all_of.items()}
    print(f"{name:6}{steps} steps  ", "  ".join(f"{lr:g}: {s:.3f}" for lr, s in found.items()))
    return found


tuned = {name: try_out(name, size.rates[name], size.tries) for name in MAKE}
best = {name: min(scores, key=scores.get) for name, scores in tuned.items()}
for name in ("AdamW", "Muon"):  # a second round
    found = try_out(name, size.rates[name][:3], size.race)
    best[name] = min(found, key=found.get)
print("best:", best)
if run.scale == "cpu":
    low = [min(scores.values()) for scores in tuned.values()]
    check.true("SGD is last, and Muon first", low[0] > low[1] > low[2])

# %%
fig, ax = plots.figure(f"After {size.tries} steps, by rate", 5.2, 2.6)
for name, scores in tuned.items():
    ax.plot(list(scores), list(scores.values()), "o-", ms=4, color=LOOK[name], label=name)
ax.set(xscale="log", xlabel="learning rate", ylabel="bits per byte, unseen")
plots.name_lines(ax)
plots.show(fig, alt="Loss by rate, a valley for each: SGD's far to the right and much higher.")

# %% [markdown]
# SGD, the winner of the valley, is far behind: what two weights showed does not carry over. Muon's
# worst try is below AdamW's best. In the second round each has a worse rate on both sides of its best
# one. The best rates are not equal, so one for both would have been unfair.
#
# ### The race
#
# Each runs at the best rate of its second round, with three seeds. Muon's steps take longer, so it runs
# twice: for as many steps as AdamW, and for as many as fit into AdamW's time. **Predict:** is it ahead
# after equal *steps*? After equal *seconds*?

# %%
fewer = max(size.warm + 1, round(share * size.race))  # as many as fit into AdamW's time
RACERS = {"AdamW": ("AdamW", size.race), "Muon": ("Muon", size.race), "time": ("Muon", fewer)}
race = {}
for who, (name, steps) in RACERS.items():
    race[who] = [climb(name, best[name], steps, (seed,), size.warm) for seed in size.seeds]

# %%
scores = {who: [c.entry["bits_per_byte"][0] for c in found] for who, found in race.items()}
for who, (name, steps) in RACERS.items():
    found = scores[who]
    print(f"{name:6}{steps} steps  {np.mean(found):.3f} ± {np.std(found, ddof=1):.3f}", end="")
    tokens = [c.entry["tokens"] / c.entry["tokens_per_second"] for c in race[who]]
    print(f"  {np.mean(tokens):.0f} s", end="")
    print("" if name == "AdamW" else f"  {record.verdict(found, scores['AdamW'])} AdamW")
if run.scale == "cpu":
    said = record.verdict(scores["Muon"], scores["AdamW"])
    check.true("after equal steps Muon is better, beyond the spread", said == "better than")

fig, axes = plots.figure("The race by steps and by seconds", 5.5, 2.7, ncols=2, sharey=True)
for (ax, who, unit), rule in product(
    ((axes[0], "Muon", "steps"), (axes[1], "time", "seconds")), ("AdamW", "Muon")
):
    losses = np.array([c.losses[0] for c in race["AdamW" if rule == "AdamW" else who]])
    parts = np.array_split(losses, min(20, losses.shape[1]), axis=1)
    at = (np.arange(len(parts)) + 0.5) * losses.shape[1] / len(parts)
    at = at * (1 if unit == "steps" else took["passes"] + took[rule])
    plots.band(ax, np.stack([p.mean(1) for p in parts], 1), rule, at, color=LOOK[rule])
    ax.set(yscale="log", xlabel=unit + " (steps x time of one)" * (unit == "seconds"))
    ax.set_yticks([1, 2, 5], [1, 2, 5])
    ax.minorticks_off()
axes[0].set_ylabel("nats per token (training)")
axes[1].legend(loc="upper right")
plots.show(fig, alt="Training loss of AdamW and Muon, against steps and against seconds.")

# %%
known = json.loads((runtime.ROOT / "data/golden_runs/ladder.json").read_text())["models"]
rate = known["Muon"]["lr"] if run.scale == "cpu" else best["Muon"]  # of so long a training
result = climb("Muon", rate, budget.steps, budget.seeds, budget.warmup)
ladder.add("Muon", day=16, **result.entry)
print(f"here, {budget.steps} steps:", np.round(result.entry["bits_per_byte"], 4))
print(record.table({name: known[name] for name in ("GPT", "Muon")}))

# %% [markdown]
# Muon is better beyond the spread after as many steps and, in the stored run, also after about as
# many seconds. But the lead depends on the length. After 300 steps its loss is lower by more than a
# third; after the ladder's 900, in the record, by 6 %, still beyond the spread, and at a rate of
# 0.0045, far below that of the short trainings. So tune at the length that you mean. By seconds we
# did not race that far. The limits: one small model, one text, small batches, only the rates tuned,
# on one seed. And in Muon's run the embeddings, which AdamW moves, get Muon's rate: some of the lead
# may be theirs.
#
# ### What it has to remember
#
# The third price is memory. **Predict** the bytes of state for each weight: a float32 takes four.

# %%
for name, make in MAKE.items():
    fresh = copy.deepcopy(model)
    optimizer = make(fresh, 1e-3, betas=(0.9, 0.98), weight_decay=0.1)
    count = len(gradient(fresh, [batch]))
    optimizer.step()
    print(f"{name:6}{optim.state_bytes(optimizer) / count:.2f} bytes of state for each weight")
matrices = sum(p.numel() for p in model.model.layers.parameters() if p.dim() == 2)
kept = 4 * matrices + 8 * (count - matrices)
check.close("Muon: 4 bytes in the blocks, 8 elsewhere", optim.state_bytes(optimizer), kept, 0)
if find_spec("bitsandbytes"):
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells what it does not find
    from bitsandbytes.optim import AdamW8bit

    eight = AdamW8bit(fresh.parameters(), lr=1e-3)
    eight.step()
    print(f"8-bit {optim.state_bytes(eight) / count:.2f} bytes, by bitsandbytes")

# %% [markdown]
# Muon remembers one number where AdamW remembers two. Smaller still is *8-bit Adam* ([Dettmers et
# al., 2021](https://arxiv.org/abs/2110.02861)) of the library bitsandbytes: two bytes, and a float32
# scale for each block of 256. By formula, 2 · (1 + 4/256) = 2.03 bytes a weight, and a table for each
# tensor; measured above if the library is there.
#
# ### Warm-up
#
# AdamW at half, once and twice its best rate, with warm-up (first number) and without, two seeds
# each, for as many steps as in the first round. **Predict** where it helps.


# %%
def bits(lr, warmup):
    trained = [climb("AdamW", lr, size.tries, (seed,), warmup) for seed in size.few]
    return [done.entry["bits_per_byte"][0] for done in trained]


for lr in (0.5 * best["AdamW"], best["AdamW"], 2 * best["AdamW"]):  # with, and without
    warm, cold = bits(lr, size.warm), bits(lr, 0)
    print(lr, np.mean(warm).round(3), "is", record.verdict(warm, cold), np.mean(cold).round(3))

# %% [markdown]
# At half the best rate it costs (it takes a quarter of this short training), at the best rate nothing
# can be said, and at twice that it gains. So what it buys here is not a lower loss, but a rate that
# need not be exact.
#
# ### Coming down
#
# Does it pay to lower the rate at the end? A stable rate makes the test cheap: from one *trunk* at a
# constant rate a copy branches off and comes down, over the last 40 % of a shorter and of a longer
# training. Beside the longer branch, a cosine of the same length. All with Muon at its best rate.
# **Predict** which branch ends ahead of its trunk.


# %%
def begin(seed, name):
    torch.manual_seed(seed)
    model = GPT(budget.model).to(run.device)
    optimizer = MAKE[name](model, 1.0, betas=(0.9, 0.98), weight_decay=0.1)
    return model, optimizer, Batches(corpus.train, budget.batch_size, budget.context, seed)


def go_on(state, rates, limit=1.0, spoiled=None):
    """One step for each rate; the loss of step `spoiled` is multiplied by 1,000."""
    (model, optimizer, batches), losses = state, []
    for step, rate in enumerate(rates):
        optim.set_lr(optimizer, rate)
        with rung.autocast(run.device):
            loss = next_token_loss(model, *(t.to(run.device) for t in batches.next()))
        optimizer.zero_grad()
        (1000 * loss if step == spoiled else loss).backward()
        clip_grad_norm_(model.parameters(), limit)
        optimizer.step()
        losses.append(loss.item())
    return losses


def rates_of(kind, lr, steps):
    if kind == "constant":
        return [lr * min(1.0, (step + 1) / size.warm) for step in range(steps)]
    schedule = Schedule(kind, lr, 0.0, size.warm, steps, decay=0.4)
    return [schedule.lr_at(step) for step in range(steps)]


# %%
def trunk_and_branches(seed):
    """Bits per byte of the trunk and of its branches, where each branch ends."""
    trunk, done, found = begin(seed, "Muon"), 0, {}
    for steps in size.branch:
        constant = rates_of("constant", best["Muon"], steps)
        fork = steps - math.ceil(0.4 * steps)
        go_on(trunk, constant[done:fork])
        branch = copy.deepcopy(trunk)
        go_on(branch, rates_of("stable", best["Muon"], steps)[fork:])
        go_on(trunk, constant[fork:])
        done, found[steps, "trunk"] = steps, rung.judge(trunk[0], corpus)
        found[steps, "branch"] = rung.judge(branch[0], corpus)
    cosine = begin(seed, "Muon")
    go_on(cosine, rates_of("cosine", best["Muon"], steps))
    return found | {(steps, "cosine"): rung.judge(cosine[0], corpus)}


down = [trunk_and_branches(seed) for seed in size.few]
for steps, kind in down[0]:
    found = [result[steps, kind] for result in down]
    print(f"{steps:3} steps, {kind:6} {np.mean(found):.3f} ± {np.std(found, ddof=1):.3f}")
if run.scale == "cpu":
    ahead = [result[steps, "trunk"] - result[steps, "branch"] for result in down]
    check.true("the longer branch ends ahead of its trunk, every time", np.array(ahead) > 0)

# %% [markdown]
# After 80 steps trunk and branch lie within the spread; after 160 the branch is ahead. The cosine is
# not, but at one rate that is no verdict. What is certain: a trunk can go on from any fork, and a
# cosine must know its end beforehand.
#
# ### One bad batch
#
# In the middle of a training one batch has a loss that is 1,000 times too large, as after a division
# by the wrong count. With clipping and without, with the bad batch and without it, at the best rates.
# AdamW divides by the usual size of the slope anyway. **Predict:** does it need clipping?

# %%
bad = {}
for name, limit, spoiled in product(("SGD", "AdamW"), (1.0, math.inf), (None, size.bad)):
    rates = rates_of("constant", best[name], 2 * size.bad)
    bad[name, limit, spoiled] = go_on(begin(0, name), rates, limit, spoiled)

fig, axes = plots.figure("Step by step around one bad batch", 5.5, 2.6, ncols=2, sharey=True)
WAYS = {(1.0, None): ("clipped, no bad batch", plots.GRAY, "-"),
        (1.0, size.bad): ("clipped", plots.GREEN, "--"),
        (math.inf, None): ("not clipped, no bad batch", plots.PINK, "-"),
        (math.inf, size.bad): ("not clipped", plots.ORANGE, "-")}  # fmt: skip
for ax, name in zip(axes, ("SGD", "AdamW")):
    for (limit, spoiled), (words, color, style) in WAYS.items():
        losses = np.nan_to_num(bad[name, limit, spoiled], nan=99.0)
        ax.plot(losses, style, color=color, label=words, lw=3 if color == plots.GRAY else 1.2)
    ax.set(title=name, xlabel="step", ylim=(3, 11))
axes[0].set_ylabel("nats per token (training)")
axes[1].legend(fontsize=7, loc="upper right")
plots.show(
    fig, alt="Training loss of SGD and AdamW around a bad batch, with and without clipping."
)
for name, limit in product(("SGD", "AdamW"), (1.0, math.inf)):
    ends = [np.mean(bad[name, limit, at][-size.bad // 2 :]) for at in (None, size.bad)]
    print(f"{name:6}limit {limit}: later {ends[0]:.2f}, after a bad batch {ends[1]:.2f}")
    if limit == 1.0:
        check.true(f"{name}, clipped: it hardly matters", abs(ends[1] - ends[0]) < 0.3)
    else:
        check.true(f"{name}, not clipped: it does", not ends[1] < ends[0] + 0.1)

# %% [markdown]
# One step destroys SGD, and AdamW is thrown far back. What stays in its state? Take a single weight
# whose slope is 1 at every step, and -1,000 once. **Predict** for how long its steps are not 1.

# %%
mean = square = 1.0
for step in range(701):
    slope = -1000.0 if step == 0 else 1.0
    mean, square = 0.9 * mean + 0.1 * slope, 0.98 * square + 0.02 * slope**2
    if step in (0, 20, 40, 100, 400, 700):
        print(f"{step:3} steps after: a step of {mean / square**0.5:.2f}")

# %% [markdown]
# For some 40 steps the mean points the wrong way, and for hundreds the mean of squares keeps the
# steps short. Clipped, both trainings run as if nothing had been. And clipping helped without any bad
# batch, too, in this one run.

# %% [markdown]
# ## What can go wrong
#
# ### A scale for float16
#
# Where bfloat16 is slow (a T4, Day 4), training runs in float16, whose smallest number is 6 · 10⁻⁸:
# what is below half of that becomes 0. So the *loss* is multiplied by a large scale before the
# backward pass, and every gradient divided by it afterwards (PyTorch's `GradScaler`). **Predict** which
# share of our model's slopes is lost without a scale.

# %%
g = gradient(model, [batch])
for scale in (1, 2**8, 2**16):
    narrow = (scale * g).half()
    lost = ((narrow == 0) & (g != 0)).float().mean().item()
    print(f"scale {scale:6,}: {lost:.4%} lost, largest {narrow.abs().max().item():.3g}")

# %% [markdown]
# Little is lost in this small model. `GradScaler` begins at 65,536, and halves it after an overflow.
#
# ### A line-up of loops
#
# Here is a right loop with all of today: micro-batches, a scale, clipping, a schedule, groups. Below it
# stand five suspects, each of which changes one thing. **Take two minutes: what is wrong with each?**


# %%
def norm_of(parameters):  # the length of all gradients as one vector
    return torch.stack([p.grad.norm() for p in parameters]).norm()


class Loop:
    lr, min_lr, warmup, updates, limit, scale = 0.001, 0.0001, 4, 20, 1.0, 2.0**16

    def groups(self, model):
        return parameter_groups(model, weight_decay=0.1)

    def rate(self, update, micro):  # both counted from 0: updates, and micro-batches
        if update < self.warmup:
            return self.lr * (update + 1) / self.warmup
        done = (update + 1 - self.warmup) / (self.updates - self.warmup)
        return self.min_lr + (self.lr - self.min_lr) * (1 + math.cos(math.pi * done)) / 2

    def loss(self, model, ids, labels, count, parts):
        return next_token_loss(model, ids, labels, count)

    def finish(self, parameters):
        for p in parameters:
            p.grad /= self.scale
        clip_grad_norm_(parameters, self.limit)

    def run(self, model, steps):  # steps: a list of micro-batches for each update
        optimizer, parameters = Optimizer(self.groups(model)), list(model.parameters())
        seen = []
        for update, batches in enumerate(steps):
            optimizer.zero_grad()
            count = sum((labels != IGNORED).sum() for _, labels in batches)
            for i, (ids, labels) in enumerate(batches):
                rate = self.rate(update, update * len(batches) + i)
                with rung.autocast(run.device):
                    loss = self.loss(model, ids, labels, count, len(batches))
                (self.scale * loss).backward()
            self.finish(parameters)
            optim.set_lr(optimizer, rate)
            handed = {group["lr"] for group in optimizer.param_groups}
            seen.append(
                (handed.pop() if len(handed) == 1 else math.nan, norm_of(parameters).item())
            )
            optimizer.step()
        return seen


# %%
class Suspect1(Loop):
    min_lr = 0.005


class Suspect2(Loop):
    def rate(self, update, micro):
        return super().rate(micro, micro)


class Suspect3(Loop):
    def finish(self, parameters):
        clip_grad_norm_(parameters, self.limit)
        for p in parameters:
            p.grad /= self.scale


class Suspect4(Loop):
    def groups(self, model):
        return [{"params": list(model.parameters()), "weight_decay": 0.1}]


class Suspect5(Loop):
    def loss(self, model, ids, labels, count, parts):
        return next_token_loss(model, ids, labels) / parts


# %% [markdown]
# Does the loss notice? Each loop trains the running model on the same stories, four micro-batches of
# one story to an update. **Predict** who ends lower than the right loop, and who higher.

# %%
LOOPS = [Loop, Suspect1, Suspect2, Suspect3, Suspect4, Suspect5]


def outcome(kind, seed):
    count = 4 * size.loop
    rows = list(document_rows(corpus.train, budget.context, count, batch_size=1))
    order = np.random.default_rng(seed).permutation(len(rows))
    rows = [tuple(t.to(run.device) for t in rows[i]) for i in order]
    torch.manual_seed(seed)
    model, loop = GPT(budget.model).to(run.device), kind()
    loop.updates, loop.warmup = size.loop, max(1, size.loop // 10)
    seen = loop.run(model, [rows[i : i + 4] for i in range(0, count, 4)])
    return rung.judge(model, corpus), np.mean([rate for rate, _ in seen])


found = {kind: np.array([outcome(kind, seed) for seed in size.few]) for kind in LOOPS}
for kind, rows in found.items():
    beside = np.round(rows[:, 0] - found[Loop][:, 0], 3).tolist()
    print(f"{kind.__name__:9}mean rate {rows[0, 1]:.5f}; bits per byte ", end="")
    print(f"{rows[:, 0].mean():.3f}, beside the right loop {beside}")
if run.scale == "cpu":
    lower = found[Suspect1][:, 0] < found[Loop][:, 0]
    check.true("suspect 1 ends lower than the right loop", lower)
plan = Schedule("stable", budget.lr, 0.0, budget.warmup, budget.steps, budget.decay)
left = math.prod(1 - 0.1 * plan.lr_at(step) for step in range(budget.steps))
print(f"decay alone, over the ladder's {budget.steps} steps, leaves {left:.0%} of a weight")

# %% [markdown]
# Suspects 1 and 2 end *lower*, though the second's mean rate is hardly higher: it skips the warm-up.
# 0.001 is low for so few updates (in the sweep 0.002 lost already). The loss would keep them. Suspect
# 3 hands over slopes 65,536 times too small and ends only a little behind, since AdamW divides by the
# usual size. Suspects 4 and 5 hide: these stories are of similar length, and what decay alone would
# do to a norm's weight, the last line says.
#
# So here are five probes, one for each promise of a loop. They read what reaches the optimizer, rate
# and length of the gradient, on a tiny model and parts of unequal length.


# %%
def tiny():
    torch.manual_seed(0)
    model = GPT(rung.BUDGETS["tiny"].model)
    return model, [tuple(torch.randint(2048, (2, 1, n))) for n in (3, 40, 3, 3)]


def tiny_run(loop, **settings):
    """What a loop hands to its optimizer, and the model after it."""
    for name, value in settings.items():
        setattr(loop, name, value)
    model, parts = tiny()
    return loop.run(model, [parts] * loop.updates), model


def warm_up_lasts(loop):
    rates = [rate for rate, _ in tiny_run(loop)[0]][: loop.warmup]
    return np.allclose(rates, loop.lr * (np.arange(loop.warmup) + 1) / loop.warmup)


def then_it_falls(loop):
    rates = [rate for rate, _ in tiny_run(loop)[0]][loop.warmup - 1 :]
    return np.diff(rates).max() <= 0 and rates[-1] < rates[0]


def limit_is_kept(loop):
    norms = [norm for _, norm in tiny_run(loop, updates=5, limit=1e-3)[0]]
    return np.allclose(norms, 1e-3, rtol=0.01)


def parts_are_whole(loop):
    still = dict(updates=5, limit=math.inf, lr=0.0, min_lr=0.0, scale=1.0)
    norms = [norm for _, norm in tiny_run(loop, **still)[0]]
    model, parts = tiny()
    with rung.autocast(run.device):
        total = sum(next_token_loss(model, *part) * part[1].numel() for part in parts)
    (total / 49).backward()  # 3 + 40 + 3 + 3 tokens
    return np.allclose(norms, norm_of(list(model.parameters())).item(), rtol=0.01)


def silence_is_kept(loop):  # all gradients are cut to 0: matrices decay, a norm's weight stays
    before, _ = tiny()
    pairs = zip(tiny_run(loop, updates=5, limit=0.0)[1].parameters(), before.parameters())
    return all((p == 1).all() if p.dim() == 1 else p.norm() < q.norm() for p, q in pairs)


# %%
PROBES = [warm_up_lasts, then_it_falls, limit_is_kept, parts_are_whole, silence_is_kept]
passed = np.array([[bool(probe(kind())) for probe in PROBES] for kind in LOOPS])
columns = ["warm-up\nlasts", "then the\nrate falls", "the limit\nis kept",
           "parts make\nthe whole", "silence moves\nno norm"]  # fmt: skip
rows = ["the right one", *(f"suspect {i}" for i in range(1, 6))]
fig, ax = plots.figure("Who keeps which promise?", 5.5, 2.7)
plots.board(ax, rows, columns, passed)
plots.show(
    fig, alt="Six loops, five probes: the right one passes all, each suspect fails one or two."
)
check.true("the right loop passes every probe", passed[0].all())
check.true("each suspect fails one", not passed[1:].all(1).any())
check.true("each probe convicts somebody", not passed.all(0).any())

# %% [markdown]
# <details><summary>The case files (open after you have decided)</summary>
#
# | suspect | bug | where it has been |
# |---|---|---|
# | 1 | the minimum lies above the maximum: the cosine *rises* to five times the rate | the 283M script of Day 21 (0.0001 and 0.0005); [MiniGPT-4](https://github.com/Vision-CAIR/MiniGPT-4/issues/444), noticed by the rising rate |
# | 2 | the schedule is asked once for each micro-batch: warm-up and decay are over four times too early, and the cosine comes up again | [starVLA](https://github.com/starVLA/starVLA/pull/210); [Lightning](https://github.com/Lightning-AI/pytorch-lightning/issues/1476), where a warm-up of 16,000 steps lasted 1,000 |
# | 3 | clipped before the scale is taken out: every gradient is cut, to 1/65,536 of the limit | [Lightning](https://github.com/Lightning-AI/pytorch-lightning/issues/9330), noticed by the norm of the gradient |
# | 4 | decay on the norms' weights | [Fast-LLM](https://github.com/ServiceNow/Fast-LLM/pull/545), after a refactoring |
# | 5 | the mean of means: a token of a short story counts more | [transformers](https://github.com/huggingface/transformers/issues/24725) |
#
# </details>

# %% [markdown]
# ## Recap
#
# | | what it levels | state for each weight | its price |
# |---|---|---|---|
# | SGD, momentum | nothing; steady directions add up | 4 bytes | one rate for all weights |
# | AdamW | each entry, by its usual size | 8 | depends on the axes |
# | Muon | each direction of a matrix | 4 (others: 8) | matrix products at each step |
#
# - Compare optimizers each at its own best rate, with as many tries, and several seeds.
#   Here Muon beat AdamW, by a lot in a short training and by 6 % in a longer one.
# - Divide by the tokens of the whole step; take the scale out before you clip; ask the schedule once
#   an update.
# - Bugs of the loop can lower the loss: look at what reaches the optimizer, rate and length of the
#   gradient.

# %% [markdown]
# ## Exercises
#
# ### 16.1 An honest mean · ●○○ · 5 minutes
#
# Given a list of `values` and `beta`, return the list of corrected running means: after each value,
# the mean that begins at 0 and moves towards the value by a share of 1 - beta, with the bias
# correction.
#
# <details><summary>Hint 1</summary>Two lines of adamw_update, for one number. What is the mean after the first value?</details>
# <details><summary>Hint 2</summary>Divide a copy: the mean that is carried on stays uncorrected. Which power belongs to the first value?</details>


# %%
def my_means(values, beta):
    return None  # TODO: your answer


check.exercise("16.1", my_means)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 16.1
def solution_1(values, beta):
    raw = accumulate(values, lambda mean, new: beta * mean + (1 - beta) * new, initial=0.0)
    return [mean / (1 - beta**t) for t, mean in enumerate(raw) if t > 0]


check.solution("16.1", solution_1)

# %% [markdown]
# ### 16.2 Another way down · ●●○ · 10 minutes
#
# Hägele et al. ([2024](https://arxiv.org/abs/2405.18392)) let a stable rate fall by a root. Return
# the rate of update `step`, counted from 0. In the first `warmup` updates it rises evenly, and the
# last of them has `lr`. In the last `decay` updates (a number, not a share) it is lr · (1 - √done),
# where `done` is 1/decay for the first of them and 1 for the last. In between it is `lr`.
#
# <details><summary>Hint 1</summary>Three cases, as in lr_at. In which updates does each begin?</details>
# <details><summary>Hint 2</summary>How many updates of the way down are done after this one?</details>


# %%
def my_rate(step, lr, warmup, steps, decay):
    return None  # TODO: your answer


check.exercise("16.2", my_rate)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 16.2
def solution_2(step, lr, warmup, steps, decay):
    done = max(0, step + 1 - (steps - decay)) / decay
    return lr * (1 - done**0.5 if step >= warmup else (step + 1) / warmup)


check.solution("16.2", solution_2)

# %% [markdown]
# ### 16.3 Put the parts together · ●●○ · 10 minutes
#
# Each micro-batch gives you the gradient of its *mean* loss, one of `gradients`, and its `labels`, a
# tensor in which -100 marks places that do not count. Return the gradient of the mean over all tokens
# that count. A micro-batch may have none: its mean is 0/0, and its gradient is nan.
#
# <details><summary>Hint 1</summary>The sum of a micro-batch is its mean times the tokens that it counted.</details>
# <details><summary>Hint 2</summary>nan times 0 is nan. Which micro-batches should not be touched at all?</details>


# %%
def my_accumulation(gradients, labels):
    return None  # TODO: your answer


check.exercise("16.3", my_accumulation)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 16.3
def solution_3(gradients, labels):
    counts = [int((part != -100).sum()) for part in labels]
    sums = [g * count for g, count in zip(gradients, counts) if count]
    return sum(sums) / sum(counts)


check.solution("16.3", solution_3)

# %% [markdown]
# ### 16.4 Tune on a budget · ●●● · 20 minutes
#
# Most rates of a sweep look bad after a few steps. *Successive halving* ([Jamieson and Talwalkar,
# 2015](https://arxiv.org/abs/1502.07944)): train all `rates` for `steps` steps, keep the better half
# (of an odd number, the larger half), train those from the start for twice as many, and so on, until
# one is left, which is not trained again. `loss_of(rate, steps)` trains and returns the loss, nan for
# a rate that died. Return the rate that is left, and the number of steps spent in all.
#
# <details><summary>Hint 1</summary>A while loop over the rates that are left. What do you add to the steps spent in each round?</details>
# <details><summary>Hint 2</summary>Sorting with nan in the list goes wrong silently. What loss should a dead rate have?</details>


# %%
def my_search(rates, steps, loss_of):
    return None  # TODO: your answer


check.exercise("16.4", my_search)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 16.4
def solution_4(rates, steps, loss_of):
    left, spent = list(rates), 0
    while len(left) > 1:
        losses = {rate: loss_of(rate, steps) for rate in left}
        spent += steps * len(left)
        left.sort(key=lambda rate: math.inf if math.isnan(losses[rate]) else losses[rate])
        left, steps = left[: (len(left) + 1) // 2], 2 * steps
    return left[0], spent


check.solution("16.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Race by seconds at the ladder's length: give Muon `round(share * 900)` steps at
# 0.0045, with `climb`, and compare with Day 9's 0.212. Then write *Lion* ([Chen et al.,
# 2023](https://arxiv.org/abs/2302.06675)) as a rule for `Optimizer`: the sign of a blend of momentum
# and slope.
#
# **Tomorrow: mixture of experts.** Day 17 gives the model more weights than any token uses: a small
# router sends each token to a few experts.
