# %% [markdown]
# # Day 15 · RMSNorm
#
# Today you build the smallest layer of a language model, measure what a model does with and without
# it, and catch five bugs that a loss can hide.
#
# **You build:** the smallest layer of the model, five probes for its bugs, and a model without it
#
# **At the end you will have**
#
# - `RMSNorm` in three lines: equal to PyTorch's and to Qwen3's, and safe in half precision
# - the GPT of Day 9 trained with two kinds of norm and with none, a new rung on the ladder, and a
#   trained Qwen3 that you have operated on
# - five probes that catch five norm bugs, each of which a real project has had
#
# **Time:** about 90 minutes, and 45 more for the exercises: 135 minutes. The code runs in about
# four minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day15_rmsnorm.ipynb)
#
# Previous: [Day 14 · Rotary embeddings](day14_rotary_embeddings.ipynb) · Next:
# [Day 16 · Optimizers](day16_optimizers.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds the sizes that depend on your machine: change them as you like.
# `check` compares numbers and raises if they differ, `plots` draws, and `runtime` knows your machine:
# it chooses the device and the precision, and prints why.

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
import math
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers import runtime
from helpers.inference.generate import Sampling, generate_all
from helpers.lesson import check, ladder, plots, widgets
from helpers.lesson.progress import Bar
from helpers.model import layers, weights
from helpers.model.cache import KVCache
from helpers.model.gpt import GPT, Block
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer
from helpers.training import record, rung, variants

run = runtime.start(day=15)

# %%
size = runtime.pick(
    tiny=dict(
        rates=(0.003, 0.01, 0.03), first=(0.05, 0.4), seeds=(0, 1), steps=6, warmup=2,
        rows_each=2, bare=dict(lr=0.0045, first=0.1, seeds=(0, 1)), held_out=2, rows=512,
    ),
    cpu=dict(
        rates=(0.001, 0.003, 0.01, 0.03), first=(0.025, 0.05, 0.1, 0.2, 0.4), seeds=(0, 1, 2),
        steps=100, warmup=20, rows_each=2, bare=dict(lr=0.0045, first=0.1, seeds=(0, 1)),
        held_out=20, rows=8192,
    ),
    gpu=dict(
        rates=(0.001, 0.003, 0.01, 0.03), first=(0.025, 0.05, 0.1, 0.2, 0.4), seeds=(0, 1, 2),
        steps=300, warmup=20, rows_each=4, bare=dict(lr=0.0045, first=0.1, seeds=(0, 1)),
        held_out=50, rows=65536,
    ),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# Four numbers that fit in the head. **Predict** before you run the cell: what are the mean, the
# standard deviation, and the root mean square (square everything, average, take the root)?

# %%
x = torch.tensor([1.0, 7.0, 1.0, 7.0])
mean, std, rms = x.mean(), x.std(correction=0), x.square().mean().sqrt()
print(f"mean {mean:.0f}   std {std:.0f}   rms {rms:.0f}")

# %% [markdown]
# 4, 3, 5: the sides of a right triangle. Every vector is a flat part (its mean, repeated: 4, 4, 4, 4)
# plus a wiggle around it (-3, 3, -3, 3). The two parts are perpendicular, so Pythagoras holds.

# %%
fig, ax = plots.figure("rms² = mean² + std²", width=4.6, height=2.0)
ax.plot([0, 4], [0, 0], color=plots.BLUE, lw=3)
ax.plot([4, 4], [0, 3], color=plots.ORANGE, lw=3)
ax.plot([0, 4], [0, 3], color=plots.GREEN, lw=3)
ax.text(2, -0.2, "mean 4: the flat part", ha="center", va="top", color=plots.BLUE)
ax.text(4.2, 1.3, "std 3: the wiggle", color=plots.ORANGE)
ax.text(1.7, 1.8, "rms 5: everything", ha="right", color=plots.GREEN)
ax.set(xlim=(-2.8, 8), ylim=(-0.8, 3.1), aspect="equal")
ax.axis("off")
plots.show(fig, alt="A right triangle with the legs mean 4 and std 3 and the hypotenuse rms 5.")

# %% [markdown]
# *LayerNorm* removes the flat leg and divides by the wiggle. *RMSNorm* removes nothing and divides by
# the hypotenuse. Now turn the volume knob:

# %%
for volume in (0.001, 1, 1000):
    h = volume * x
    print(f"volume {volume}")
    print("   LayerNorm", (h - h.mean()) / h.std(correction=0))
    print("   RMSNorm  ", h / h.square().mean().sqrt())

# %% [markdown]
# LayerNorm made 1 and 7 opposites; RMSNorm kept their proportion. Both gave the whisper and the shout
# the same answer, and that is the whole job: **direction passes, volume does not.**
#
# ### Why a deep network needs this
#
# In the GPT of Day 9 every layer reads a running sum, the *residual stream*, and adds to it. A norm
# stands at the entrance of each branch; the stream itself is never touched. This is called
# *pre-norm*:
#
# ```text
#             ┌─ norm ─ attention ─┐       ┌─ norm ─ feed-forward ─┐
#    stream ──┴────────────────────+───────┴───────────────────────+── stream of the next layer
# ```
#
# Let us send noise through 24 random layers, and write down the RMS of the stream on the way up and
# of its gradient on the way down. A branch is as loud as what it reads. Being random, it is nearly
# perpendicular to the stream, so their powers (RMS²) add up, as in the triangle. **Predict:** without a
# norm the power doubles at every layer; how loud is the stream after 24? And with a norm, when every
# branch has RMS 1?


# %%
def rms_of(t):
    return t.square().mean().sqrt().item()


def residual_stack(norm, depth=24, dim=256):
    """RMS of the stream, and of its gradient, before and after each random layer."""
    g = torch.Generator().manual_seed(0)
    h = torch.randn(64, dim, generator=g, requires_grad=True)
    stream = [h]
    for _ in range(depth):
        up = torch.randn(dim, dim, generator=g) * (2 / dim) ** 0.5
        down = torch.randn(dim, dim, generator=g) * (1 / dim) ** 0.5
        h = h + torch.relu(norm(h) @ up) @ down  # the branch is as loud as what it reads
        h.retain_grad()
        stream.append(h)
    (h * torch.randn(h.shape, generator=g)).sum().backward()
    return [rms_of(t) for t in stream], [rms_of(t.grad) for t in stream]


stacks = {
    "no norm": residual_stack(lambda h: h),
    "LayerNorm": residual_stack(lambda h: F.layer_norm(h, h.shape[-1:])),
    "RMSNorm": residual_stack(lambda h: F.rms_norm(h, h.shape[-1:])),
}
for name, (stream, gradient) in stacks.items():
    print(f"{name:10} stream after layer 24: {stream[-1]:4.0f}, gradient: {gradient[0]:4.0f}")
check.true("near √(2²⁴) = 4096: within a factor of two", 2048 < stacks["no norm"][0][-1] < 8192)

# %%
LOOK = {
    "no norm": dict(color=plots.ORANGE, ls="--"),
    "LayerNorm": dict(color=plots.BLUE, lw=4, alpha=0.45),
    "RMSNorm": dict(color=plots.GREEN),
}
fig, axes = plots.figure("Noise on its way through 24 layers", 5.5, ncols=2)
for ax, part, title in zip(axes, (0, 1), ("forward: the stream", "backward: its gradient")):
    for name, curves in stacks.items():
        ax.semilogy(curves[part], label=name, **LOOK[name])
    ax.set(title=title, xlabel="layer", ylabel="RMS", xticks=[0, 6, 12, 18, 24])
    plots.name_lines(ax)
axes[0].axhline(256, color=plots.GRAY, ls=":", lw=1)
axes[0].text(0, 300, "256", color=plots.GRAY)
plots.show(fig, alt="RMS per layer: straight up to thousands without a norm, about 5 with one.")

# %% [markdown]
# Without a norm, volume multiplies from layer to layer, in both directions. With one, each branch
# adds the same power: after 24 layers the RMS is near √(1 + 24) = 5, and LayerNorm and RMSNorm lie on
# one another. (On its way down a norm divides the gradient
# by the volume that it took away: the branch of layer k adds 1/k of the power, and 2/1 · 3/2 · ... ·
# 25/24 = 25, whose root is 5.) Above the dotted line, at 256, squares no longer fit into float16.

# %% [markdown]
# ## Build it
#
# First the bare definition. `dim=-1` runs over the features of one token; `keepdim=True` leaves one
# column, which broadcasts.


# %%
def rms_norm_v1(x):
    return x / x.square().mean(-1, keepdim=True).sqrt()  # (tokens, dim) / (tokens, 1)


tokens = torch.randn(256, 512)
print(rms_norm_v1(x))
check.close("every token has RMS 1", rms_norm_v1(tokens).square().mean(-1), torch.ones(256))

# %% [markdown]
# ### Its ancestor
#
# LayerNorm is older: center, scale to standard deviation 1, then a learned weight and bias for each
# feature. (`rsqrt` is 1/√ in one operation. `eps` is a small number that keeps it from dividing by
# zero; more on it soon.)


# %%
def layer_norm(x, weight, bias, eps=1e-5):
    centered = x - x.mean(-1, keepdim=True)
    inv_std = torch.rsqrt(centered.square().mean(-1, keepdim=True) + eps)
    return centered * inv_std * weight + bias


# %%
weight, bias = torch.randn(2, 512)
theirs = F.layer_norm(tokens, (512,), weight, bias)
check.close("my layer_norm = F.layer_norm", layer_norm(tokens, weight, bias), theirs)

# %% [markdown]
# ### Drop the mean
#
# What does centering do to the *geometry*? Three features are few enough to look at: 400 random
# tokens, before and after. **Predict** the two shapes.

# %%
cloud = torch.randn(400, 3)
views = {
    "input": cloud,
    "after LayerNorm": F.layer_norm(cloud, (3,)),
    "after RMSNorm": F.rms_norm(cloud, (3,)),
}
look = dict(ncols=3, subplot_kw=dict(projection="3d"))
fig, axes = plots.figure("400 tokens of three features; color: the first one", 5.5, 2.3, **look)
for ax, (name, points) in zip(axes, views.items()):
    ax.scatter(*points.T, c=cloud[:, 0], cmap="viridis", s=4)
    ax.set(title=name, **dict.fromkeys(("xlim", "ylim", "zlim"), (-2, 2)))
    ax.set(xticks=[], yticks=[], zticks=[])
    ax.set_box_aspect((1, 1, 1), zoom=1.2)
    ax.view_init(elev=12, azim=20)
plots.show(fig, alt="Points in space: LayerNorm puts them on a flat ring, RMSNorm on a sphere.")

# %% [markdown]
# A ring, and a sphere. Centering flattens space along (1, 1, 1); RMSNorm keeps every direction. In
# three dimensions the lost direction is a third of everything; among hundreds it may be next to
# nothing, and we will ask a trained model. [Zhang and Sennrich
# (2019)](https://arxiv.org/abs/1910.07467) left the mean out, and found their models as good as with
# LayerNorm, and faster.
#
# ### A floor for silence
#
# A padding token can be all zeros. **Predict** what `rms_norm_v1` makes of it.

# %%
silence = torch.zeros(1, 4)
print("no eps  ", rms_norm_v1(silence))
print("with eps", silence * torch.rsqrt(silence.square().mean(-1, keepdim=True) + 1e-6))

# %% [markdown]
# 0/0 is `nan`, and one `nan` in a batch turns every weight into `nan` at the next step. A small `eps`
# *inside* the root puts a floor under the volume. What does it do to tokens that are quiet, but not
# silent? On a logarithmic axis a norm is a shift: the whole histogram of the features slides, and its
# shape stays. **Predict** the RMS after the norm for tokens of RMS 100, 0.001 and 0.0001: √eps is
# 0.001.

# %%
features = torch.randn(4096, generator=torch.Generator().manual_seed(0))


def before_and_after(ax, scale, eps):
    x = scale * features
    y, bins = F.rms_norm(x, x.shape, eps=eps), np.linspace(-9, 4, 66)
    ax.hist(x.abs().log10(), bins, color=plots.GRAY, alpha=0.6, label="before")
    ax.hist(y.abs().log10(), bins, color=plots.GREEN, alpha=0.7, label="after")
    ax.set(xlabel="log10 of |feature|", ylabel="features", ylim=(0, 1200))
    ax.set_title(f"scale {scale:.3g}, eps {eps:.3g}\nRMS {rms_of(x):.1g} → {rms_of(y):.1g}")
    ax.legend(loc="upper left", fontsize=7, handlelength=0.8, labelspacing=0.2)


panels = [dict(scale=s, eps=1e-6) for s in (100, 1e-3, 1e-4)]
alt = "Features before and after: loud ones reach RMS 1, those at √eps 0.7, quieter ones 0.1."
knobs = dict(scale=widgets.powers(-5, 3), eps=widgets.powers(-12, 0))
widgets.explore("The same features, three volumes", before_and_after, panels, alt=alt, **knobs)

# %% [markdown]
# 1, 0.7 and 0.1. Far above √eps the volume is forgotten. *At* √eps half of what stands under the root
# is `eps`, so the RMS is 1/√2; far below, quiet stays quiet. In a live notebook move the sliders: with
# an `eps` of 0.01 the floor lies at a scale of 0.1. Keep the 1/√2 in mind.
#
# ### Half precision
#
# float16 ends at 65,504, and RMSNorm squares what it reads. **Predict** 300² in float16, and then
# the output.

# %%
loud = torch.tensor([300.0, -300.0, 150.0, 20.0], dtype=torch.float16)
wide = loud.float()
print("squares       ", loud.square())
print("all in float16", loud * torch.rsqrt(loud.square().mean() + 1e-6))
print("via float32   ", (wide * torch.rsqrt(wide.square().mean() + 1e-6)).to(loud.dtype))

# %% [markdown]
# No crash and no `nan`: zeros. x/√∞ = 0, so the loudest tokens fall silent, and nothing stops. The
# cure is the last line: widen to float32 for the *statistics* (the mean square and its root), narrow
# the result.
#
# How far off are float16 and bfloat16, each with statistics of its own kind or in float32? The
# reference is float64. **Predict:** squares overflow above 256. At which RMS does the first error
# show, for 256 tokens of 512 features?


# %%
def output_error(dtype, statistics, volume):
    """Relative error of the output; input and output in `dtype`, arithmetic in `statistics`."""
    x = (volume * tokens).to(dtype)
    wide, exact = x.to(statistics), F.rms_norm(x.double(), (512,), eps=1e-6)
    y = (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(dtype)
    return ((y.double() - exact).norm() / exact.norm()).item()


volumes = np.logspace(-1, 3, 33)
pairs = product((torch.float16, torch.bfloat16), (None, torch.float32))
errors = {(d, s): [output_error(d, s or d, v) for v in volumes] for d, s in pairs}
narrow = np.array(errors[torch.float16, None])
print(f"float16: first error at RMS {volumes[narrow > 0.01][0]:.0f}, ", end="")
print(f"all is lost at {volumes[narrow > 0.99][0]:.0f}; ", end="")
print(f"the loudest of {tokens.numel():,} features has size {tokens.abs().max():.1f}")

fig, ax = plots.figure("What the output loses, by where the statistics are taken", 5.5)
for (dtype, statistics), values in errors.items():
    color = plots.ORANGE if dtype == torch.float16 else plots.BLUE
    name = f"{runtime.dtype_name(dtype)}, {'float32 statistics' if statistics else 'alone'}"
    ax.loglog(volumes, values, ls="-" if statistics else "--", color=color, label=name)
ax.set(xlabel="RMS of the input", ylabel="relative error of the output")
plots.name_lines(ax)
plots.show(fig, alt="float16 alone climbs to an error of 1 near RMS 100; the others are flat.")

# %% [markdown]
# The cliff begins where the loudest feature reaches 256: at an RMS of 256 / 4.6 = 56. One such
# feature is enough to silence its token. bfloat16 has the range of float32 and never falls; it is
# coarse everywhere. With float32 statistics both come down to what rounding the output costs anyway.
#
# ### The layer
#
# Three lines of arithmetic, one weight per feature. `promote_types` means "at least float32": half
# precision is widened, float64 stays float64. Later days import it.


# %%
class RMSNorm(nn.Module):  # helpers/model/layers.py
    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):  # (..., dim) -> (..., dim)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight.to(x.dtype) * wide.to(x.dtype)


# %% [markdown]
# ## Check it
#
# A norm that is slightly wrong raises no error. So we ask two authorities, PyTorch and the layer
# inside the published Qwen3, and compare with the course's own copy. The weights are random, `eps` is
# large enough to matter, and the eight tokens go from a whisper to a shout. `check.same` copies the
# weights by name, so this also shows that real checkpoints will load. (Versions of `transformers` may
# round the last bit of a bfloat16 otherwise: 0.03 for numbers around 4.)
#
# The real Qwen3-0.6B is 1,024 wide, has 28 layers, and norms the stream twice in each. Queries and
# keys (128 numbers per head) get a norm of their own, *QK-norm*, and one more ends the model.
# **Predict** the share of its 596,049,920 parameters that sits in norms.

# %%
mine, x = RMSNorm(64, eps=0.01), torch.randn(8, 64) * torch.logspace(-2, 3, 8)[:, None]
for dtype, tol in ((torch.float32, 1e-5), (torch.float16, 1e-2), (torch.bfloat16, 1e-1)):
    check.same(mine.to(dtype), nn.RMSNorm(64, eps=0.01, dtype=dtype), x.to(dtype), tol)
check.same(mine.float(), layers.RMSNorm(64, eps=0.01), x, tol=0)
try:
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm
except ImportError:
    print("skipped: pip install transformers, to compare with Qwen3's own layer")
else:
    check.same(mine.bfloat16(), Qwen3RMSNorm(64, eps=0.01).bfloat16(), x.bfloat16(), tol=0.04)
in_norms = 28 * (2 * 1024 + 2 * 128) + 1024
print(f"Qwen3-0.6B: {in_norms:,} weights in {28 * 4 + 1} norms, {in_norms / 596_049_920:.3%}")

# %% [markdown]
# One weight in nine thousand. Now the mathematics, which holds for *any* correct RMSNorm: unit RMS, no
# trace of the volume, and LayerNorm is RMSNorm after centering.

# %%
norm, x = RMSNorm(64), torch.randn(8, 64)
check.close("the output has RMS 1", norm(x).square().mean(-1), torch.ones(8))
check.close("a million times louder, the same", norm(1e6 * x), norm(x))
theirs = F.layer_norm(x, (64,), eps=1e-6)
check.close("LayerNorm = RMSNorm after centering", norm(x - x.mean(-1, keepdim=True)), theirs)

# %% [markdown]
# Last, the gradient. `gradcheck` compares it with finite differences, as you did on Day 1; it needs
# float64, which is why the layer does not call `.float()`. **Predict:** if making x longer never
# changes the output (but for `eps`), which direction can the gradient not have?

# %%
x = torch.randn(8, 64, dtype=torch.float64, requires_grad=True)
norm = RMSNorm(64).double()
check.true("the gradient is right (gradcheck)", torch.autograd.gradcheck(norm, x))
(dx,) = torch.autograd.grad(norm(x).sin().sum(), x)  # any loss will do
check.close("the gradient is perpendicular to x", (dx * x).sum(-1), torch.zeros(8), tol=1e-4)
W = torch.randn(64, 64, dtype=torch.float64, requires_grad=True)
(dW,) = torch.autograd.grad(norm(x @ W.T).sin().sum(), W)
check.close("and so is that of weights before a norm", (dW * W).sum(), 0.0, tol=1e-4)

# %% [markdown]
# It has no part along x, since a step along x changes nothing (`eps` leaves a trace). The same holds
# for weights whose outputs go through a norm: longer weights give the same answer.

# %% [markdown]
# ## Use it
#
# ### What does it cost?
#
# For each feature RMSNorm does about four operations, and moves at least eight bytes: a float32 in, a
# float32 out. On the roofline of Day 4 that is far to the left: memory sets the pace, and the price is
# the number of *passes*, a pass being one read or one write of the whole array. The floor is a copy:
# two passes.
#
# Our lines can be counted. `square` reads and writes, two passes; `mean` reads, one; the scaling and
# the weight take two each: seven, or 3.5 copies. **Predict** the same for `layer_norm` above. PyTorch
# offers each as one call. Where that is one *fused* kernel (Day 4), the numbers in between never go to
# memory, and two passes are enough. The table will tell whether it is.

# %%
x = torch.randn(size.rows, 1024, device=run.device)
ones, zeros = torch.ones_like(x[0]), torch.zeros_like(x[0])
mine = RMSNorm(1024).to(run.device)
works = {  # name: (work, predicted passes over memory)
    "a copy": (x.clone, 2),
    "F.layer_norm": (lambda: F.layer_norm(x, (1024,), ones, zeros), 2),
    "F.rms_norm": (lambda: F.rms_norm(x, (1024,), ones), 2),
    "my RMSNorm": (lambda: mine(x), 7),
    "my layer_norm": (lambda: layer_norm(x, ones, zeros), 12),
}
with torch.no_grad():
    times = [runtime.seconds(work, repeats=7) for work, _ in works.values()]
print(f"{size.rows:,} x 1,024 float32 numbers    in copies   by passes")
for (name, (_, passes)), seconds in zip(works.items(), times):
    copies = seconds / times[0]
    print(f"{name:16} {seconds * 1e3:8.2f} ms {copies:18.1f} {passes / 2:11.1f}")

# %% [markdown]
# For `layer_norm`: mean 1, subtract 2, square 2, mean 1, scale 2, weight 2, bias 2, makes twelve. For
# the lines written by hand, counting passes gives the order and roughly the size. Where `F.rms_norm`
# takes as long as our three lines, as in the stored run on a CPU, it is not fused on that device.
#
# ### Take the norms out
#
# Does a model train better with norms, and does it matter which? The model
# is the GPT of Day 9, and here is one of its layers. `exchange` copies a model and puts
# something else in the place of every norm; the other weights stay. The LayerNorm of this GPT has no
# bias, so it differs from RMSNorm in the mean alone.

# %%
check.show(Block.forward)


# %%
def exchange(model, new):
    """A copy of `model` with new(norm) in the place of each norm."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LayerNorm | layers.RMSNorm):
                setattr(module, name, new(child))
    return model


NEW = {
    "no norm": lambda norm: nn.Identity(),
    "LayerNorm": lambda norm: norm,  # what the GPT has
    "RMSNorm": lambda norm: RMSNorm(len(norm.weight), norm.eps),
}

budget = rung.budget()  # of the ladder: model, text, steps, seeds (Day 9)
torch.manual_seed(0)
gpt = GPT(budget.model)
for name, new in NEW.items():
    print(f"{name:10} {weights.count_parameters(exchange(gpt, new)):,} parameters")

# %%
ids = torch.randint(budget.model.vocab_size, (2, 30))
mine = exchange(gpt, NEW["RMSNorm"])(ids)
torch.manual_seed(0)  # the same first weights
theirs = variants.of_size("RMSNorm", budget.model)()(ids)
check.close("with RMSNorm it is the course's own variant", mine, theirs)
check.true("and not the GPT", (mine - gpt(ids)).abs().max() > 1e-4)

# %% [markdown]
# The training is the ladder's: AdamW with a warm-up, a rate that comes down at the end, and gradients
# that are cut to length 1 (Day 16). That tames trainings that run away: a good chance for
# a model without norms.
#
# One learning rate for all would prove nothing, as it might suit one of them. So we sweep: every
# norm, every rate, several seeds. Runs with the same seed have the same first weights and batches.
# They are short: in the stored run a hundred steps of two rows. A blind guess costs log₂(2,048) = 11
# bits a token; a run that ends above that, or at nan, counts as dead. **Predict:** which of the three
# learns best at the *smallest* rate? Which dies first as the rate grows? And each at its own best
# rate, which one wins?

# %%
corpus, usual = rung.read(budget), budget.model.initializer_range
brief = replace(budget, steps=size.steps, warmup=size.warmup, batch_size=size.rows_each)
judged = corpus.validation.input_ids[1:]
blind = 11 * len(judged) / corpus.validation.raw_bytes()


def short_run(name, lr, first, seeds):
    """Bits per byte on unseen stories, by seed; `first` is the std of the first weights."""
    shape = replace(budget.model, initializer_range=first)
    short = replace(brief, lr=lr, seeds=seeds)
    # an empty name hides the bars of the single runs: ours counts them all
    climb = rung.climb(lambda: exchange(GPT(shape), NEW[name]), corpus, short, name="")
    bits = np.array(climb.entry["bits_per_byte"])
    return np.where(bits < blind, bits, np.nan)


found, settings = {}, list(product(NEW, size.rates))
bar = Bar(len(settings), "training")
for name, lr in settings:
    found[name, lr, usual] = short_run(name, lr, usual, size.seeds)
    bar.update(len(found), f"{name}, rate {lr}")
final = {n: np.stack([found[n, lr, usual] for lr in size.rates], axis=1) for n in NEW}


# %%
def best_of(losses):
    """The column of (seeds, settings) with the lowest mean where every seed lives."""
    return np.where(np.isfinite(losses).all(0), losses.mean(0), np.inf).argmin()


fig, ax = plots.figure("Loss after a short training, by learning rate", 5.2, 2.8)
ax.set(xscale="log", xlabel="learning rate", ylabel="bits per byte, unseen", ylim=(1, 3))
for name, losses in final.items():
    plots.band(ax, losses, name, steps=size.rates, **LOOK[name])
often = np.bincount(corpus.train.input_ids, minlength=budget.model.vocab_size) + 1
counts = -np.log2(often / often.sum())[judged].sum() / corpus.validation.raw_bytes()
ax.axhline(counts, color=plots.GRAY, ls=":", label="token counts")
ax.legend(loc="upper left", fontsize=8)
plots.show(fig, alt="Loss against learning rate, with the spread over seeds, for three norms.")

for name, losses in final.items():
    alive, best = np.isfinite(losses).all(0).sum(), best_of(losses)
    mean, spread = losses[:, best].mean(), losses[:, best].std(ddof=1)
    print(f"{name:10} lives at {alive} of {len(size.rates)} rates; ", end="")
    print(f"best at {size.rates[best]}: {mean:.2f} ± {spread:.2f} bits per byte")
for lr, gap in zip(size.rates, (final["LayerNorm"] - final["RMSNorm"]).T):
    print(f"rate {lr:<5}  LayerNorm - RMSNorm  {gap.mean():+.3f} ± {gap.std(ddof=1):.3f}")

# %%
if run.scale == "cpu" and size.rates == (0.001, 0.003, 0.01, 0.03):
    bare, both = final["no norm"], np.stack([final["LayerNorm"], final["RMSNorm"]])
    check.true("every run with a norm lives at every rate", np.isfinite(both))
    check.true("no run without one lives at the top rate", np.isnan(bare[:, -1]))
    check.true("at the smallest rate both norms lead, seed by seed", both[..., 0] < bare[:, 0])
    check.true("at 0.01 both norms trail, seed by seed", both[..., 2] > bare[:, 2])

# %% [markdown]
# In the stored run both norms are ahead at the smallest rate. At 0.01 the model *without* one is, and
# in so short a training its best loss is no worse than theirs. At 0.03 all its runs are dead (the
# cross). Those with a norm live, but know little more than how often each token comes (the dotted
# line). LayerNorm and RMSNorm lie on one another. The printed differences are taken seed by seed; in
# the stored run none is clearly beyond its spread (±), and the sign changes: three seeds cannot tell
# whether the mean matters.
#
# All these runs began with weights of standard deviation 0.05; perhaps the model without norms needs
# others. We sweep those too, and let each choose the better of two rates. **Predict** the two curves.

# %%
pair, rates = ("no norm", "RMSNorm"), (0.003, 0.01)
settings = list(product(pair, rates, size.first))
bar = Bar(len(settings), "training")
for done, key in enumerate(settings, start=1):
    if key not in found:
        found[key] = short_run(*key, size.seeds[:2])
    bar.update(done, f"{key[0]}, first weights {key[2]}")
every = {(n, f): np.stack([found[n, lr, f][:2] for lr in rates], 1) for n, _, f in settings}
by_first = {setting: losses[:, best_of(losses)] for setting, losses in every.items()}

fig, ax = plots.figure("Loss after a short training, by first weights", 5.2, 2.6)
ax.set(xscale="log", xlabel="std of the first weights", ylim=(1, 3))
ax.set(ylabel="bits per byte, unseen")
for name in pair:
    curves = np.array([by_first[name, first] for first in size.first]).T  # (seeds, sizes)
    plots.band(ax, curves, name, steps=size.first, **LOOK[name])
ax.set_xticks(size.first, size.first)
ax.minorticks_off()
ax.legend(loc="upper left", fontsize=8)
plots.show(fig, alt="Loss against the size of the first weights, with RMSNorm and without.")


# %%
@torch.no_grad()
def first_logits(name, first):
    """Their spread before any training."""
    torch.manual_seed(0)
    model = GPT(replace(budget.model, initializer_range=first))
    return exchange(model, NEW[name])(ids).std().item()


for name in pair:
    row = "  ".join(f"{first}: {first_logits(name, first):<8.3g}" for first in size.first)
    print(f"spread of the first logits, {name:7}  {row}")

# %%
if run.scale == "cpu":
    by_size = {name: np.array([by_first[name, first] for first in size.first]) for name in pair}
    check.true("every run with RMSNorm lives", np.isfinite(by_size["RMSNorm"]))
    check.true("no run without norms lives at 0.4", np.isnan(every["no norm", 0.4]))
    ahead = by_size["no norm"][size.first.index(0.1)].max() < by_size["RMSNorm"].min()
    check.true("without norms 0.1 beats RMSNorm with any of them", ahead)

# %% [markdown]
# First weights of 0.1 suit the model without norms better, so well that it leads. Then its loss
# climbs, and with the largest no run comes below a blind guess. With RMSNorm it rises slowly, at 0.4
# to about what token counts alone give. Look at the printed spreads: without a norm every matrix on
# the way multiplies: the embedding, two in each of four branches, the head, ten in all. So twice the
# weights can make the logits about 2¹⁰ = 1,024 times as loud, once the branches drown the stream.
# With norms only the head, behind the last one, adds volume: eight times the weights, eight times the
# logits.
#
# ### The rung
#
# Does that lead last, with the ladder's whole budget? RMSNorm is today's rung, at the ladder's rate
# and first weights; the GPT itself, with LayerNorm, was Day 9's. For the model without norms both
# were searched beforehand, with seed 0: of fourteen pairs a rate of 0.0045 and first weights of 0.1
# were best (at cpu scale, not shown). **Predict** the order.

# %%
print(f"{budget.tokens / brief.tokens:.0f} times the tokens of the short trainings")
climb = rung.climb(variants.of_size("RMSNorm", budget.model), corpus, budget, "RMSNorm")
ladder.add("RMSNorm", day=15, **climb.entry)
shape = replace(budget.model, initializer_range=size.bare["first"])
alone = replace(budget, lr=size.bare["lr"], seeds=size.bare["seeds"])
bare = rung.climb(lambda: exchange(GPT(shape), NEW["no norm"]), corpus, alone, "no norm")
day9 = [asdict(r) for r in ladder.rungs() if r.name == "GPT"]  # trained now if it is not there
day9 = day9[0] if day9 else rung.climb(lambda: GPT(budget.model), corpus, budget, "GPT").entry

table = {"GPT": day9 | {"lr": budget.lr}, "RMSNorm": climb.entry | {"lr": budget.lr}}
table["no norm"] = bare.entry | {"lr": size.bare["lr"]}
print(record.table(table))
scores = {name: np.array(model["bits_per_byte"]) for name, model in table.items()}
if run.scale == "cpu":
    with_one = np.concatenate([scores["GPT"], scores["RMSNorm"]])
    behind = scores["no norm"].min() > with_one.max()
    check.true("every training without norms ends behind every one with", behind)
    apart = abs(scores["GPT"].mean() / scores["RMSNorm"].mean() - 1)
    check.true("LayerNorm and RMSNorm are less than 5 % apart", apart < 0.05)

# %%
path = runtime.ROOT / "data/golden_runs/ladder.json"  # recorded: best of several rates for each
models = json.loads(path.read_text(encoding="utf-8"))["models"] if path.exists() else {}
models = {name: models[name] for name in ("GPT", "RMSNorm") if name in models}
print(record.table(models) if models else "no record here: python -m helpers ladder makes one")

# %% [markdown]
# The order has turned: in the stored run the model without norms is 9 % behind, although its settings
# were searched for. A training of 18 times the tokens, with larger batches, is no copy of a short
# one. RMSNorm is within the spread of the GPT, also in the course's record (second table: three
# seeds, each at the best of several rates). Dropping the mean cost nothing that these seeds can show.
#
# That is what norms were worth in a model of two layers (deeper ones we have not trained without): a
# better model in the end and, in the short trainings, a wider range of rates and first weights that
# do not kill it. Other things would do: with first weights made for the purpose, deep networks train
# without a norm ([Zhang, Dauphin and Ma, 2019](https://arxiv.org/abs/1901.09321)).
#
# ### Inside a trained model
#
# The course's reference checkpoint is a Qwen3 (Day 21) that has read the stories for twelve minutes
# and writes whole ones. We listen at the entrance of each norm of its stream: how loud is a token
# there, and what does its mean hold? **Predict:** noise of this width, 192, keeps one part in 192 in
# its mean. More or less, after training?

# %%
folder = runtime.ROOT / "checkpoints" / "reference"
tokenizer, trained = Tokenizer.load(folder), weights.load(folder, run.device)
texts = [stories.write(stories.VALIDATION_SEEDS + i).text for i in range(size.held_out)]
rows = [[tokenizer.end_of_text_id, *tokenizer.encode(text)] for text in texts]
rows = [torch.tensor([row], device=run.device) for row in rows]


@torch.no_grad()
def listen(model, ids):
    """What each norm of the stream reads, in the order of the forward pass: (time, width)."""
    heard = []

    def note(module, args):  # a hook: called before the module is, with its arguments
        heard.append(args[0][0])

    norms = [m for m in model.modules() if isinstance(m, layers.RMSNorm)]
    norms = [m for m in norms if len(m.weight) == model.config.hidden_size]  # not the heads'
    hooks = [m.register_forward_pre_hook(note) for m in norms]
    model(ids)
    for hook in hooks:
        hook.remove()
    return heard


# %%
heard = [torch.cat(parts).cpu() for parts in zip(*(listen(trained, row) for row in rows))]
width = trained.config.hidden_size
held = np.mean([(h.mean(-1).square() / h.square().mean(-1)).mean() for h in heard])
print(f"the mean holds {held:.2%} of the power; 1/{width} is {1 / width:.2%}")
check.true("that is no more than twice what noise would put there", held < 2 / width)

# %%
loudness = torch.stack([h.square().mean(-1).sqrt() for h in heard])  # (norms, tokens)
words = [tokenizer.decode([i]) for i in torch.cat(rows, dim=1)[0].tolist()]
for k in range(len(heard)):
    order = loudness[k].argsort(descending=True).tolist()
    print(f"loudest at norm {k}:", [words[i] or "end of text" for i in order[:3]])
print(f"the largest feature of all: {max(h.abs().max().item() for h in heard):.0f}")

# %%
fig, ax = plots.figure("Volume of the tokens in a trained model", 5.2, 2.5)
for name, q in (("loudest", 1.0), ("median", 0.5), ("quietest", 0.0)):
    ax.semilogy(loudness.quantile(q, dim=1), "o-", label=name)
ax.set(xlabel="norm of the stream, from first to last", ylabel="RMS of what it reads")
plots.name_lines(ax)
plots.show(fig, alt="RMS of the loudest, the median and the quietest token at each norm.")

# %% [markdown]
# The mean holds about what chance would leave there. The volumes grow with depth, and from the third
# norm on the loudest token has six to ten times the volume of the median. At norms 2 to 7 of the
# stored run it is always the end-of-text at the head of a story. Large language models have such
# tokens too, and theirs are far louder ([Sun et al., 2024](https://arxiv.org/abs/2402.17762)). Note
# the largest feature of all, at the last norm: above 256 its square is too much for float16.
#
# Then the operation: the trained weights stay, only what the norms do is changed. **Predict** the
# order of damage: the mean removed too (as LayerNorm does); every learned weight of a norm set to 1;
# no division at all.


# %%
class Operated(nn.Module):
    """A trained norm whose arithmetic, f(x, eps), is replaced; its weight stays."""

    def __init__(self, norm, f):
        super().__init__()
        self.weight, self.eps, self.f = norm.weight, norm.eps, f

    def forward(self, x):
        return self.weight * self.f(x, self.eps)


def with_norm(f):
    return exchange(trained, lambda norm: Operated(norm, f))


@torch.no_grad()
def price(model, one_by_one=False):
    """Bits per byte of the held-out stories, each read in one pass or token by token."""
    nats = 0.0
    for ids in rows:
        cache = KVCache(ids.shape[1])
        parts = ids.split(1, dim=1) if one_by_one else [ids]
        logits = torch.cat([model(part, cache) for part in parts], dim=1).float()
        nats += F.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum").item()
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)


# %%
operations = {
    "as it was": trained,
    "mean removed too": with_norm(lambda x, eps: F.layer_norm(x, x.shape[-1:], eps=eps)),
    "weights set to 1": exchange(trained, lambda norm: RMSNorm(len(norm.weight), norm.eps)),
    "no division": with_norm(lambda x, eps: x),
}

# %%
cost, opening = {}, [tokenizer.end_of_text_id, *tokenizer.encode("One day,")]
for name, model in operations.items():
    (new,) = generate_all(model.to(run.device), [opening], 22, sampling=Sampling(temperature=0))
    cost[name] = price(model)
    print(f"{name:17} {cost[name]:7.4g} bits per byte: One day,{tokenizer.decode(new)}")
check.close(
    "removing the mean costs next to nothing",
    cost["mean removed too"],
    cost["as it was"],
    tol=0.002,
)

# %% [markdown]
# Nothing works without the division, and the learned weights matter. The mean can go: the loss hardly
# moves. (A story may take another turn all the same, at a word where two choices were nearly equal.)

# %% [markdown]
# ## What can go wrong
#
# A line-up. Each suspect has one bug, and each bug has been in a real repository. All five pass the
# test that everybody writes: feed random numbers, look at the RMS. **Take two minutes: which bug is
# in which?**


# %%
def mean_square(x, dim=-1):
    return x.float().square().mean(dim, keepdim=True)


def suspect_1(x, eps=1e-6):
    return (x / (mean_square(x).sqrt() + eps)).to(x.dtype)


def suspect_2(x, eps=1e-6):
    return (x / torch.rsqrt(mean_square(x) + eps)).to(x.dtype)


def suspect_3(x, eps=1e-6):
    return (x * torch.rsqrt(mean_square(x, dim=(-2, -1)) + eps)).to(x.dtype)


def suspect_4(x, eps=1e-6):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


def suspect_5(x, eps=1e-6):
    return (x * torch.rsqrt(mean_square(x) + 1e-5)).to(x.dtype)


SUSPECTS = [suspect_1, suspect_2, suspect_3, suspect_4, suspect_5]
x = torch.randn(2, 16, 4096)
print("RMS of the output:", [f"{rms_of(suspect(x)):.2f}" for suspect in SUSPECTS])

# %% [markdown]
# Does a trained model notice? Each suspect takes the place of all norms in the reference checkpoint,
# which then reads the held-out stories in three ways: in one pass, as in training; token by token
# with a cache, as when it writes (Day 10); and in one pass with everything in float16. **Predict**
# which of the fifteen numbers differ from those of the model itself.

# %%
found = {}
print("bits per byte   one pass   token by token   float16")
for f in (lambda x, eps: F.rms_norm(x, x.shape[-1:], eps=eps), *SUSPECTS):
    model, name = with_norm(f), f.__name__ if f in SUSPECTS else "RMSNorm"
    found[name] = price(model), price(model, one_by_one=True), price(model.half())
    print("{:15} {:8.4f} {:16.4f} {:9.4f}".format(name, *found[name]))

# %%
own = found["RMSNorm"]
check.true("suspect 2 shows everywhere", min(found["suspect_2"]) > 2 * own[0])
check.true("suspect 3 fails in one pass", found["suspect_3"][0] > 2 * own[0])
check.close("and not token by token", found["suspect_3"][1], own[1], tol=1e-4)
check.true("suspect 4 shows in float16", found["suspect_4"][2] > 1.2 * own[2])
check.close("1 and 5 hide", [found["suspect_1"], found["suspect_5"]], [own, own], tol=1e-3)

# %% [markdown]
# Only suspect 2 shows everywhere. Suspect 3 ruins every pass over a whole story, and token by token
# it is *right*: a single token has no neighbors to be averaged with.  Suspect 4 shows in float16
# alone, as a higher loss and without a word of warning. Suspects 1 and 5 show nowhere: `eps` matters
# to tokens about as quiet as √eps, here 0.001 and 0.003, and the quietest in the figure above is far
# louder (so are the heads' queries and keys).
#
# So a loss is a poor detective. Here are five better instruments, one for each promise of the layer.
# The line-up gets one more suspect, a norm that ignores what it reads and always answers 1.


# %%
def volume_is_lost(norm):
    x = torch.randn(1, 4, 64)
    return torch.allclose(norm(10 * x), norm(x), atol=1e-3)


def silence_is_safe(norm):
    x = torch.zeros(1, 4, 64, requires_grad=True)
    norm(x).sum().backward()
    return x.grad.isfinite().all()


def token_is_alone(norm):  # what stands beside it, or in another text, does not matter
    x = torch.randn(2, 4, 64) * torch.arange(1.0, 9.0).view(2, 4, 1)
    return torch.allclose(norm(x)[1, 2], norm(x[1:, 2:3])[0, 0])


def half_may_be_loud(norm):
    x = (1000 * torch.randn(1, 4, 64)).half()
    y = norm(x)
    return y.dtype == x.dtype and torch.allclose(y.float(), norm(x.float()), atol=0.01)


def floor_is_eps(norm):  # a token as loud as √eps keeps its direction, and gets RMS 1/√2
    x = F.rms_norm(torch.randn(1, 4, 64), (64,))
    ways = [norm(eps**0.5 * x, eps) for eps in (1e-6, 1e-2)]
    return all(torch.allclose(y, 0.5**0.5 * x, atol=0.01) for y in ways)


# %%
PROBES = [volume_is_lost, silence_is_safe, token_is_alone, half_may_be_loud, floor_is_eps]
lineup = {suspect.__name__.replace("_", " "): suspect for suspect in SUSPECTS}
lineup["always 1"] = lambda x, eps=1e-6: x * 0 + 1
lineup["RMSNorm"] = lambda x, eps=1e-6: RMSNorm(64, eps)(x)
passed = np.array([[bool(probe(norm)) for probe in PROBES] for norm in lineup.values()])
promises = [probe.__name__.replace("_", "\n", 1).replace("_", " ") for probe in PROBES]
fig, ax = plots.figure("Who keeps which promise", 5.5, 3.2)
plots.board(ax, list(lineup), promises, passed)
plots.show(fig, alt="Seven norms, five probes: only RMSNorm passes all, the others fail some.")
check.true("RMSNorm passes every probe", passed[-1].all())
check.true("each impostor fails one", not passed[:-1].all(1).any())
check.true("each probe catches one", not passed.all(0).any())

# %% [markdown]
# <details><summary>The case files (open after you have decided)</summary>
#
# | suspect | bug | where it has been |
# |---|---|---|
# | 1 | `eps` outside the root: the floor lies elsewhere, and the root's slope at 0 is infinite, so silence gives `nan` gradients | [OLMo's norm](https://github.com/allenai/OLMo/issues/281); the `nan` in [an image loss](https://github.com/Project-MONAI/MONAI/pull/8982) |
# | 2 | divides by 1/rms: the volume is squared instead of forgotten | [llm-foundry](https://github.com/mosaicml/llm-foundry/issues/371), where the loss diverged |
# | 3 | one mean over tokens *and* features: a model trained with it hears the volume of later tokens, and misses it when it writes | [llama-from-scratch](https://github.com/bkitano/llama-from-scratch/issues/4) |
# | 4 | statistics in the input's dtype: float16 overflows | [PyTorch's own, in 2024](https://github.com/pytorch/pytorch/pull/133085): wrong answers of a Llama in float16 |
# | 5 | `eps` hard-coded: the argument is ignored | [a kernel in CUTLASS](https://github.com/NVIDIA/cutlass/pull/1112) |
#
# </details>

# %% [markdown]
# ## Recap
#
# A residual stream grows with depth, so every branch begins by forgetting the volume of what it
# reads. RMSNorm does that with one statistic and one weight per feature. What LayerNorm removes
# besides, the mean, held about what chance would leave there. In our sweeps a norm widened the
# range of rates and first weights that a run survives; at the full budget it was ahead, and the two
# norms were within each other's spread. The bugs are quiet ones: take the statistics in float32, over
# the last dimension of each token alone, with the `eps` that was asked for inside the root.
#
# | | LayerNorm | RMSNorm |
# |---|---|---|
# | statistics per token | mean, variance | mean square |
# | parameters | 2 · dim (weight, bias) | dim (weight) |
# | passes over memory, fused / by hand | 2 / 12 | 2 / 7 |
# | what it forgets | volume and mean | volume |
# | who uses it | GPT-2, BERT | Llama, Mistral, DeepSeek-V3, Qwen3, Gemma (as 1 + weight) |

# %% [markdown]
# ## Exercises
#
# The checker never raises, and it knows the usual mistakes. Try it with a suspect: hand in
# `lambda x, weight, eps: suspect_1(x, eps) * weight` as 15.1.
#
# ### 15.1 From memory · ●○○ · 5 minutes
#
# Without looking up: RMSNorm as a function. `x` has any shape (..., dim), in float16, bfloat16 or
# float32, and may be loud; `weight` has shape (dim,) and the same dtype. So has the result.
#
# <details><summary>Hint 1</summary>Square, mean over the last dimension, add eps, root: in this order.</details>
# <details><summary>Hint 2</summary>Which dtype must the squares have if x is float16, and which the result?</details>


# %%
def my_rms_norm(x, weight, eps):
    return None  # TODO: your answer


check.exercise("15.1", my_rms_norm)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 15.1
def solution_1(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return weight.to(x.dtype) * wide.to(x.dtype)


check.solution("15.1", solution_1)

# %% [markdown]
# ### 15.2 QK-norm · ●●○ · 10 minutes
#
# Two of the four norms in a Qwen3 layer sit inside attention: every head's queries and keys are
# normalized before the dot product, so the size of a score no longer depends on the length of a
# query. Write it for `q` of shape (B, T, n_head · head_dim) and one `weight` of shape (head_dim,)
# that all heads share. The result has the shape and dtype of `q`, and loud float16 must be safe.
#
# <details><summary>Hint 1</summary>Split the last dimension with <code>q.unflatten(-1, (n_head, -1))</code>.</details>
# <details><summary>Hint 2</summary>After the split, every line of 15.1 is right as it stands. Then flatten back.</details>


# %%
def my_qk_norm(q, weight, n_head, eps):
    return None  # TODO: your answer


check.exercise("15.2", my_qk_norm)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 15.2
def solution_2(q, weight, n_head, eps):
    heads = q.unflatten(-1, (n_head, -1))  # (B, T, n_head, head_dim)
    return solution_1(heads, weight, eps).flatten(-2)


check.solution("15.2", solution_2)

# %% [markdown]
# ### 15.3 Make the weight disappear · ●●○ · 10 minutes
#
# After the norm comes a linear layer with a matrix `W` of shape (out, dim), so the model computes
# `(x_hat * weight) @ W.T`, where `x_hat` is x divided by its RMS. Once training is over, the weight
# can be folded into `W`: return a new matrix, in the dtype of `W`, so that `x_hat @ fold(weight,
# W).T` gives the same.
#
# <details><summary>Hint 1</summary>Write out one output number as a sum over features. Which entries of W meet weight[j]?</details>
# <details><summary>Hint 2</summary>Feature j is column j of W.</details>


# %%
def my_fold(weight, W):
    return None  # TODO: your answer


check.exercise("15.3", my_fold)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 15.3
def solution_3(weight, W):
    return W * weight  # broadcasts over the rows: column j is scaled by weight[j]


check.solution("15.3", solution_3)

# %% [markdown]
# ### 15.4 The backward pass by hand · ●●● · 20 minutes
#
# Autograd keeps several arrays of the size of `x` for the backward pass of our norm; a fused kernel
# keeps `x` and one number per token, and takes the gradient from a formula. Find it: given `dy`, the
# gradient of the output, return the gradient of `x`. All are float32 here.
#
# <details><summary>Hint 1</summary>With r = 1/√(mean square + eps), x_hat = x · r and g = dy · weight: y = weight · x · r, and r depends on every x.</details>
# <details><summary>Hint 2</summary>dr/dx_j = −r³ x_j / dim. Collect what multiplies x_hat.</details>
# <details><summary>Hint 3</summary>With eps = 0 the result is perpendicular to x: g minus its part along x_hat, times r. With eps, x_hat is a little shorter than RMS 1, so do not divide by its length.</details>


# %%
def my_backward(dy, x, weight, eps):
    return None  # TODO: your answer


check.exercise("15.4", my_backward)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 15.4
def solution_4(dy, x, weight, eps):
    inv_rms = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    x_hat, g = x * inv_rms, dy * weight
    return inv_rms * (g - x_hat * (g * x_hat).mean(-1, keepdim=True))


check.solution("15.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Feed your layer `x = torch.full((1, 64), 1e25)`: now the square overflows *float32*.
# Write a norm that survives this without float64, passes all five probes, and still equals
# `F.rms_norm` on ordinary, quiet and silent tokens.
#
# **Tomorrow: optimizers.** A gradient that comes back through a norm is perpendicular to the norm's
# input, and to weights whose output is normalized right away.
# A plain gradient step at a right angle can only make them *longer*, and the longer they are, the less
# each step turns them. Something must hold the length in check. Day 16 builds it: momentum, Adam, and
# AdamW's weight decay.
