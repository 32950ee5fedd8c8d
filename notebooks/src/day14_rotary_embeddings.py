# %% [markdown]
# # Day 14 · Rotary embeddings
#
# Today you turn queries and keys like the hands of a clock, so that a score depends on the distance of
# two words and on nothing else; then you find out whether that is enough to read longer texts.
#
# **You build:** RoPE by complex numbers, interleaved and half-split; attention with it; three ways to
# stretch it
#
# **At the end you will have**
#
# - a rotation equal to Hugging Face's to the last bit, and a proof that its two layouts are one
# - the loss at one, two and four times the trained length: as it is, stretched in three ways, after a
#   short fine-tuning, and beside ALiBi
# - a line-up of four wrong rotations, and the probes that convict them
#
# **Time:** about 95 minutes, and 40 more for the exercises: 135 minutes. The code runs in about four
# minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day14_rotary_embeddings.ipynb)
#
# Previous: [Day 13 · Positional encodings](day13_positional_encodings.ipynb) · Next:
# [Day 15 · RMSNorm](day15_rmsnorm.ipynb)

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
import cmath
import copy
import json
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from helpers import runtime
from helpers.inference.generate import left_padded
from helpers.lesson import check, ladder, plots, widgets
from helpers.model import attention, weights
from helpers.model.attention import Attention
from helpers.model.cache import GrowingCache
from helpers.model.change import lengthen
from helpers.training import record, rung, variants
from helpers.training.evaluate import evaluate

run = runtime.start(day=14)

# %%
size = runtime.pick(
    tiny=dict(short=6, tuned=4, old=8, seeds=(0, 1), bases=(1e2, 1e6), rows=4),
    cpu=dict(short=300, tuned=30, old=600, seeds=(0, 1, 2), bases=(1e2, 1e3, 1e6), rows=34),
    gpu=dict(short=300, tuned=30, old=1200, seeds=(0, 1, 2), bases=(1e2, 1e3, 1e6), rows=16),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# Yesterday the products of waves depended on the distance only, until learned matrices came after
# them. So today the waves come *after* the matrices: each query and each key is turned, by an angle
# that grows with its place.
#
# A pair of numbers is an arrow: (2, 1) points two to the right and one up. Written as one complex
# number it is 2 + 1i (in Python 2 + 1j), and to multiply it by i turns it a quarter turn to the left.
# The dot product of two arrows is the real part of one times the other's *conjugate*, which is its
# mirror image, with the sign of i flipped: for 2 + 1i and 3 + 1i it is 2 · 3 + 1 · 1 = 7. Now turn
# each word once for every place: by i at place 1, by i² = -1 at place 2, and so on. **Predict:** the
# score is 7 where query and key stand at place 0. What is it at 5 and 5? And at 1 and 0, at 7 and 6?

# %%
query, key = 2 + 1j, 3 + 1j
for m, n in ((0, 0), (5, 5), (1, 0), (7, 6), (2, 0), (9, 7)):
    score = (query * 1j**m * (key * 1j**n).conjugate()).real
    print(f"query at {m}, key at {n}: score {score:2.0f}")

# %% [markdown]
# 7, -1, -7, for the distances 0, 1, 2, wherever the two stand. One line says why. Turned by m and by
# n quarters, the product is q · iᵐ times the conjugate of k · iⁿ, and that is q · conj(k) · iᵐ⁻ⁿ:
# only the difference m - n is left.
#
# The angle per place is free. Move both words, then one of them: **predict** in which of the three
# pictures the angle *between* the arrows has changed.


# %%
def draw_turn(ax, degrees, query_at, key_at):
    both = {"query": (2 + 1j, query_at, plots.BLUE), "key": (3 + 1j, key_at, plots.ORANGE)}
    turned = []
    for name, (arrow, place, color) in both.items():
        turned += [arrow * cmath.rect(1, math.radians(degrees * place))]
        tip = turned[-1]
        ax.plot([0, arrow.real], [0, arrow.imag], color=color, lw=1, ls=":")
        ax.plot([0, tip.real], [0, tip.imag], color=color, lw=2.5)
        ax.text(1.4 * tip.real, 1.4 * tip.imag, name, color=color, ha="center", va="center")
    score = (turned[0] * turned[1].conjugate()).real
    ax.set(xlim=(-4.8, 4.8), ylim=(-4.8, 4.8), aspect="equal")
    ax.axis("off")
    ax.set_title(f"query at {query_at}, key at {key_at}\nscore {score:.2f}")


panels = [dict(degrees=25, query_at=q, key_at=k) for q, k in ((3, 1), (9, 7), (9, 1))]
alt = (
    "Arrows for a query and a key: moved together they keep their angle and the score of 3.73."
)
knobs = dict(degrees=range(0, 91), query_at=range(0, 31), key_at=range(0, 31))
widgets.explore(
    "25 degrees per place; dotted: before turning", draw_turn, panels, alt=alt, **knobs
)

# %% [markdown]
# In the first two the words stand two places apart: the same angle between them, and the score 3.73
# both times. In a live notebook, set the degrees to 0: then no place matters at all. Set them to 90 and
# move one word by 4: nothing changes, as with yesterday's fast hand. So one pair is not enough. A head
# of 32 numbers has 16 pairs, and each gets its own speed.

# %% [markdown]
# ## Build it
#
# ### By complex numbers
#
# [Su et al. (2021)](https://arxiv.org/abs/2104.09864) call it **RoPE**, rotary position embedding. The
# speeds are yesterday's: pair i turns by θ^(-2i / head_dim) radians at each place. θ (*theta*) is
# called the **base**, and 10000 is its usual value. **Predict** for head_dim 32: after how many
# places has the fastest pair made a full turn, and after how many the slowest?


# %%
def rotary_frequencies(head_dim, theta, device=None):  # helpers/model/layers.py
    pair = torch.arange(0, head_dim, 2, device=device).float()
    return 1.0 / theta ** (pair / head_dim)


# %%
wavelength = 2 * math.pi / rotary_frequencies(32, 10_000.0)
print("places for a full turn:", [round(w, 1) for w in wavelength.tolist()])
for length in (36, 72, 144):
    full = int((wavelength <= length - 1).sum())  # the farthest distance
    print(f"within {length} tokens {full} of 16 pairs make a full turn")

# %% [markdown]
# From 6.3 to 35,333 places. Keep the counts in mind: in a text of 36 tokens only 3 of the 16 pairs
# make a full turn. A pair that does not move compares two words as if there were no places.
#
# In code: take neighbors in the vector as real and imaginary part, and multiply. `torch.polar(1,
# angle)` is the complex number of length 1 at that angle.


# %%
def turn(x, positions, theta=10_000.0):  # x (..., time, head_dim)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))  # (..., time, head_dim / 2)
    angles = positions[:, None].to(x.dtype) * rotary_frequencies(x.shape[-1], theta).to(x.dtype)
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2)


# %%
word = torch.tensor([[2.0, 1.0, 3.0, 1.0]])
for place in (0, 1):
    print(f"place {place}:", turn(word, torch.tensor([place])))

# %% [markdown]
# At place 0 nothing happens. At place 1 the first pair has turned by 1 radian, about 57 degrees, and
# the second by 0.01, hardly at all.
#
# Now a head of 32 random numbers: the score of one query with one key for all pairs of places.
# **Predict** the picture, and how it will look with base 10.

# %%
torch.manual_seed(0)
query, key = torch.randn(2, 1, 32, dtype=torch.float64)
fig, axes = plots.figure("Score of one query and one key, by their places", 5.5, 2.4, ncols=2)
for ax, theta in zip(axes, (10_000.0, 10.0)):
    at = torch.arange(60)
    table = turn(query.expand(60, -1), at, theta) @ turn(key.expand(60, -1), at, theta).T
    image = ax.imshow(table, cmap="RdBu", vmin=-20, vmax=20)
    ax.set(title=f"base {theta:,.0f}", xlabel="place of the key", ylabel="place of the query")
    ax.grid(False)
    gaps = [table.diagonal(d).max() - table.diagonal(d).min() for d in range(-59, 60)]
    check.true(f"base {theta:,.0f}: equal along diagonals to 1e-6", max(gaps) < 1e-6)
fig.colorbar(image, ax=list(axes))
plots.show(fig, alt="Two maps of scores with stripes along the diagonals, finer for base 10.")

# %% [markdown]
# Stripes along the diagonals: along each one the distance is the same, and so is the score, to a
# millionth. (This was in float64. What float32 makes of it, you will see below.) With base 10 all
# pairs turn fast, once in 54 places or less: the stripes are stronger, and the sign changes within a
# few places.
#
# ### Without complex numbers: neighbors
#
# Graphics cards and half precision do not like complex numbers, so real code writes the product out.
# (a + bi)(cos + i sin) is a · cos - b · sin, and b · cos + a · sin. Cosine and sine of all angles are
# computed once for each text, and used by all heads. `scaling` comes later today.


# %%
def rotary_angles(positions, head_dim, theta, scaling=None):  # helpers/model/layers.py
    frequencies = rotary_frequencies if scaling is None else scaling.frequencies
    angles = positions[..., None].float() * frequencies(head_dim, theta, positions.device)
    if scaling is None:
        return angles.cos(), angles.sin()
    return angles.cos() * scaling.attention_factor, angles.sin() * scaling.attention_factor


# %%
def rotate_interleaved(x, cos, sin):  # helpers/model/layers.py
    first, second = x[..., ::2], x[..., 1::2]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    turned = torch.stack((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.flatten(-2)


# %% [markdown]
# ### Half-split
#
# To take every second number is awkward for hardware. So most code today, Qwen3's too, pairs number i
# with number i + head_dim / 2: the first half of the vector holds all real parts, the second half all
# imaginary parts. **Predict:** the same vector (2, 1, 3, 1) at place 1. Which pairs turn now?


# %%
def rotate(x, cos, sin):  # helpers/model/layers.py
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


# %%
cos, sin = rotary_angles(torch.tensor([1]), 4, 10_000.0)
print("interleaved", rotate_interleaved(word, cos, sin))
print("half-split ", rotate(word, cos, sin))

# %% [markdown]
# Other numbers: (2, 3) turn fast and (1, 1) slowly. Which is right? Both. The numbers of a query have
# no order of their own; the rows of `q_proj` make them, and training fills these rows. Whoever
# reorders the rows of `q_proj` and `k_proj` in the same way has the same scores. This is the
# reordering:


# %%
def half_split(x):  # helpers/model/layers.py
    return torch.cat((x[..., ::2], x[..., 1::2]), dim=-1)


print("new order:", half_split(torch.arange(8)).tolist())
print("reordered, half-split:", rotate(half_split(word), cos, sin))
print("interleaved, reordered:", half_split(rotate_interleaved(word, cos, sin)))

# %% [markdown]
# Equal. But trained weights know one layout, and the code must use that one.
#
# ### In the attention, with the cache's offset
#
# RoPE needs nothing but the places, so it fits between the projections and the scores. A cache (Day
# 10) holds keys that were turned when they came; a new token must know how many there are: its
# **offset**, `past`. Values are not turned: what a word says does not depend on its place.
# (`Attention` calls `rotate` where it is given cosines and sines. Our GPT gives none, so this class
# makes them.)


# %%
class RotaryAttention(Attention):  # helpers/model/attention.py
    def __init__(self, *args, theta=10_000.0, scaling=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.theta, self.scaling = theta, scaling

    def queries_and_keys(self, x, cos, sin, past=0):
        positions = torch.arange(past, past + x.shape[1], device=x.device)
        cos, sin = rotary_angles(positions, self.head_dim, self.theta, self.scaling)
        return super().queries_and_keys(x, cos, sin)


# %% [markdown]
# ### Slower clocks for longer texts
#
# A model that was trained on 36 tokens has never seen a slow pair turned far. Read 144 tokens, and 13
# of 16 pairs point where they never pointed before. That is the theory of why RoPE should break
# beyond its trained length. Three cures, for a text `factor` times as long:
#
# - **linear** ([Chen et al., 2023](https://arxiv.org/abs/2306.15595), *position interpolation*):
#   divide all frequencies by the factor. Place 144 is then turned as place 36 was; but neighbors
#   stand a quarter of a place apart.
# - **NTK** ([Peng et al., 2023](https://arxiv.org/abs/2309.00071), section 3.1): raise the base, so
#   that the slowest pair is divided by the factor and the fastest not at all.
# - **YaRN** (the same, 3.2 and 3.4): count the turns that a pair makes in the trained length. Less
#   than one: divide by the factor. More than 32: leave it alone. Between them: a mixture. In addition
#   all cosines and sines are multiplied by 0.1 ln(factor) + 1. Query and key both carry it, so for a
#   factor of 4 all scores grow by 30 %: there are more tokens to choose from.


# %%
@dataclass(frozen=True)
class RopeScaling:  # helpers/model/layers.py
    kind: str
    factor: float
    original_max_position_embeddings: int
    beta_fast: float = 32.0  # turns from which on a pair is left alone
    beta_slow: float = 1.0  # turns below which it is divided wholly

    def __post_init__(self):
        if self.kind not in ("linear", "ntk", "yarn"):
            raise ValueError(f'kind={self.kind!r} is unknown: use "linear", "ntk" or "yarn"')
        if self.factor < 1:
            raise ValueError(f"factor={self.factor}: give 1 or more, as in 4 times the length")

    @property
    def attention_factor(self):
        return 0.1 * math.log(self.factor) + 1.0 if self.kind == "yarn" else 1.0

    def frequencies(self, head_dim, theta, device=None):
        if self.kind == "ntk":
            theta = theta * self.factor ** (head_dim / (head_dim - 2))
        pair = torch.arange(0, head_dim, 2, device=device).float()
        wave = theta ** (pair / head_dim)  # positions a radian
        if self.kind != "yarn":
            return 1.0 / wave / (self.factor if self.kind == "linear" else 1.0)
        kept = self.share_kept(head_dim, theta).to(wave.device)
        return 1.0 / (self.factor * wave) * (1 - kept) + 1.0 / wave * kept

    def share_kept(self, head_dim, theta):
        def pair_with(turns):
            wave = self.original_max_position_embeddings / (turns * 2 * math.pi)
            return head_dim * math.log(wave) / (2 * math.log(theta))

        low = max(math.floor(pair_with(self.beta_fast)), 0)
        high = min(math.ceil(pair_with(self.beta_slow)), head_dim - 1)
        if low == high:
            high += 0.001  # a step instead of a ramp
        pair = torch.arange(head_dim // 2, dtype=torch.float32)
        return 1 - ((pair - low) / (high - low)).clamp(0, 1)


# %%
CURES = {"linear": plots.ORANGE, "ntk": plots.PINK, "yarn": plots.BLUE}
SPOTS = {"linear": (12, 4.1), "ntk": (11.5, 2.4), "yarn": (1.6, 2.4)}  # of the names
fig, ax = plots.figure("How much slower each pair turns, for 4 times 36 tokens", 5.0, 2.4)
for kind, color in CURES.items():
    slower = rotary_frequencies(32, 1e4) / RopeScaling(kind, 4, 36).frequencies(32, 1e4)
    ax.plot(slower, "o-", ms=3, color=color)
    ax.text(*SPOTS[kind], kind, color=color)
ax.set(xlabel="pair, from fast to slow", ylabel="divided by", ylim=(0.8, 4.5))
alt = "Linear divides all pairs by 4, ntk from 1 slowly up to 4, yarn from 1 to 4 in 4 pairs."
plots.show(fig, alt=alt)

# %% [markdown]
# The paper lets the share kept grow with the *turns*. Its authors' code, and Hugging Face's, lets it
# fall evenly with the pair's *number*, from the pair of 32 turns to that of one turn;
# `pair_with(turns)` finds them. In 36 tokens even the fastest pair makes only 5.7 turns, so the ramp
# begins at pair 0, which is left alone. (The paper's rule would divide it, too: exercise 14.4.)

# %% [markdown]
# ## Check it
#
# First Hugging Face's, to the last bit (`tol=0`): the angles, the rotation, and the frequencies of
# all three cures. (What we call ntk, they call *dynamic*: there the factor grows with the text.)

# %%
try:
    from transformers import Qwen3Config, __version__
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
    from transformers.models.qwen3 import modeling_qwen3 as hub
except ImportError:
    hub = None
    print("skipped: pip install transformers, to compare with Hugging Face's")
if hub:
    places, x = torch.arange(5000)[None], torch.randn(1, 2, 5000, 128)
    new = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}
    named = {"rope_theta": 1e6} if __version__.startswith("4.") else new
    theirs = hub.Qwen3RotaryEmbedding(Qwen3Config(head_dim=128, **named))(x, places)
    cos, sin = rotary_angles(places, 128, 1e6)
    check.close("cosines = Hugging Face's", torch.cat([cos, cos], -1), theirs[0], tol=0)
    peer, _ = hub.apply_rotary_pos_emb(x, x, *theirs)
    check.close("rotation = Hugging Face's", rotate(x, cos, sin), peer, tol=0)
if hub and not __version__.startswith("4."):
    for kind, name in (("linear", "linear"), ("ntk", "dynamic"), ("yarn", "yarn")):
        rope = {"rope_type": name, "rope_theta": 1e4, "factor": 1.0 if kind == "ntk" else 4.0}
        rope |= {"original_max_position_embeddings": 512} if kind == "yarn" else {}
        config = Qwen3Config(head_dim=32, max_position_embeddings=512, rope_parameters=rope)
        theirs, factor = ROPE_INIT_FUNCTIONS[name](config, torch.device("cpu"), seq_len=2048)
        scaling, angles = RopeScaling(kind, 4.0, 512), torch.arange(9.0)[:, None] * theirs
        check.close(f"{kind}: frequencies", scaling.frequencies(32, 1e4), theirs, tol=0)
        right = torch.stack([angles.cos(), angles.sin()]) * factor
        mine = torch.stack(rotary_angles(torch.arange(9), 32, 1e4, scaling))
        check.close(f"{kind}: cosines and sines", mine, right, tol=0)

# %% [markdown]
# Then the three ways to write RoPE against one another, and what a rotation must not change: lengths.
# And half-split must equal interleaved after the reordering, again to the last bit.

# %%
x, at = torch.randn(2, 3, 50, 32), torch.arange(50)
cos, sin = rotary_angles(at, 32, 1e4)
halves, by_pairs = rotate(x, cos, sin), rotate_interleaved(x, cos, sin)
reordered = rotate(half_split(x), cos, sin)
check.close("half-split = interleaved, reordered", reordered, half_split(by_pairs), tol=0)
check.true("without the reordering they differ", (halves - by_pairs).abs().max() > 1)
check.close("interleaved = complex", by_pairs, turn(x, at))
check.close("lengths stay", by_pairs.norm(dim=-1), x.norm(dim=-1))
settings = dict(theta=50.0, scaling=RopeScaling("yarn", 4.0, 36))
mine, theirs = (
    kind(32, 4, 2, 8, **settings) for kind in (RotaryAttention, attention.RotaryAttention)
)
check.same(mine, theirs, x[0])

# %% [markdown]
# Does the score depend on the distance only, however far out? A query three places after its key,
# moved further and further, in float64 and in float32. **Predict** where float32, which keeps about
# seven digits, is off by more than a thousandth.


# %%
def moved_by(dtype, start):  # how much the score changes when both move to `start`
    def score(at):
        q, k = turn(query.to(dtype), at + 3), turn(key.to(dtype), at)
        return (q * k).sum()

    return (score(torch.tensor([start])) - score(torch.tensor([0]))).abs().item()


STARTS = (10, 1000, 100_000, 10_000_000)
exact, float32 = ([moved_by(d, at) for at in STARTS] for d in (torch.float64, torch.float32))
for at, a, b in zip(STARTS, exact, float32):
    print(f"key at {at:10,}: the score moves by {a:.0e} in float64, {b:.0e} in float32")
check.true("float64: less than 1e-6 everywhere", max(exact) < 1e-6)
check.true("float32: off by a thousandth from 100,000 on", float32[1] < 1e-3 < float32[2])

# %% [markdown]
# The formula is exact; its arithmetic is not. At place 10,000,000 the second pair stands at an angle
# of 5.6 million radians, and there float32 knows only multiples of a half: what is left after whole
# turns is rough. In this course's lengths it does not matter. bfloat16 keeps two to three digits:
# remember that.
#
# Last, the cache, by yesterday's instrument: all must give the logits of no cache. With unequal
# prompts the shorter row is padded on its left, so its first word stands at place 25 instead of 0.
# **Predict:** is that a mistake?

# %%
WAYS = {"prompt, then steps": ((60, 60), [50] + [1] * 10), "chunks": ((60, 60), 7),
        "unequal prompts": ((60, 35), [50] + [1] * 10)}  # fmt: skip


@torch.no_grad()
def gap(model, lengths, cuts):
    """Largest difference of logits through a cache from logits without one."""
    ids = torch.randint(2048, (2, 60), generator=torch.Generator().manual_seed(0)).tolist()
    rows = [row[:n] for row, n in zip(ids, lengths)]
    padded, starts = left_padded(rows)
    cache = GrowingCache(starts)
    logits = torch.cat([model(part, cache) for part in padded.split(cuts, dim=1)], dim=1)
    alone = [model(torch.tensor([row]))[0] for row in rows]
    return max((a[-len(b) :] - b).abs().max().item() for a, b in zip(logits, alone))


torch.manual_seed(0)
loud = replace(rung.BUDGETS["tiny"].model, initializer_range=0.15)
model = variants.with_attention(loud, RotaryAttention).eval()
for name, way in WAYS.items():
    check.close(name, gap(model, *way), 0.0)
print("No mistake: whoever knows distances only may begin to count anywhere.")

# %% [markdown]
# ## Use it
#
# ### Longer than trained
#
# Yesterday's question, by yesterday's rules: rows of 36 tokens, cut anywhere from the text; the same
# steps, the same seeds, the same rate; then whole held-out stories in pieces of 36, 72 and 144 tokens.
# ALiBi is trained again beside RoPE. Yesterday, from 36 to 144 tokens, learned positions lost over a
# quarter, and ALiBi nothing. **Predict** for RoPE as it is: is it one or the other?

# %%
budget = rung.budget()
corpus, LENGTHS = rung.read(budget), (36, 72, 144)
shape = replace(budget.model, max_position_embeddings=36)
short = replace(budget, model=shape, context=36, batch_size=4 * budget.batch_size)
one_text = replace(corpus.train, starts=corpus.train.starts[[0, -1]])  # as if one document
stream = replace(corpus, train=one_text)


def trained(kind, seed, steps=size.short, theta=1e4):
    def make():
        model = variants.of_size(kind, shape)()
        for block in model.model.layers:
            block.self_attn.theta = theta  # of RoPE; ALiBi does not read it
        return model

    one_seed = replace(short, seeds=(seed,), steps=steps)
    return rung.climb(make, stream, one_seed, f"{kind}, {steps} steps").model.cpu()


models = {kind: [trained(kind, seed) for seed in size.seeds] for kind in ("RoPE", "ALiBi")}


# %%
def stretched(model, kind, length):  # a copy for longer texts; kind: one of CURES, or none
    longer = lengthen(model, length)
    for block in longer.model.layers:
        if kind in CURES:
            block.self_attn.scaling = RopeScaling(kind, length / 36, 36)
    return longer


# %%
def bits(model, length):  # per byte of the held-out stories, in pieces of this length
    return evaluate(model, corpus.validation, context=length).bits_per_byte


def tell(name, length, found, other):
    more = found - other  # seed by seed: it is the same model
    said = f"against 36: {more.mean():+.3f} ± {more.std(ddof=1):.3f}" if length > 36 else ""
    print(f"{name:8} {length:3} tokens: {found.mean():.3f} ± {found.std(ddof=1):.3f}  {said}")


# %%
scores = {}
for kind in models:
    for n in LENGTHS:
        readers = [stretched(m, "as it is", n) if n > 36 else m for m in models[kind]]
        scores[kind, n] = np.array([bits(model, n) for model in readers])
        tell(kind, n, scores[kind, n], scores[kind, 36])

# %%
if run.scale == "cpu":
    rise = scores["RoPE", 144] / scores["RoPE", 36]
    ahead = [scores["ALiBi", n].max() < scores["RoPE", n].min() for n in LENGTHS]
    check.true("RoPE loses over a tenth at 144, with every seed", rise > 1.1)
    check.true("ALiBi leads at every length", ahead)

# %% [markdown]
# Nearer to the table than to ALiBi. Twice the length costs RoPE little, four times about a fifth.
# ALiBi leads at each length, at the trained one too (after so few steps, at one rate).
#
# Now the cures, without any further training. By the theory they should help. **Predict** the order
# at 144 tokens: as it is, linear, ntk, yarn.

# %%
for kind in CURES:
    for n in LENGTHS[1:]:
        scores[kind, n] = np.array([bits(stretched(m, kind, n), n) for m in models["RoPE"]])
        tell(kind, n, scores[kind, n], scores["RoPE", 36])
    scores[kind, 36] = scores["RoPE", 36]

# %%
fig, ax = plots.figure("Trained on 36 tokens, read in longer pieces", 5.2, 2.8)
LOOK = {"RoPE": plots.GRAY, "ALiBi": plots.GREEN} | CURES
for kind, color in LOOK.items():
    runs = np.array([scores[kind, n] for n in LENGTHS]).T  # (seeds, lengths)
    name = "RoPE as it is" if kind == "RoPE" else kind
    plots.band(ax, runs, name, steps=LENGTHS, color=color, marker="o", ms=4)
ax.set(xlabel="tokens in a piece", ylabel="bits per byte", xticks=LENGTHS, ylim=(0, None))
plots.name_lines(ax)
alt = "Loss by length: linear rises steeply, three lie close to one another, ALiBi is lowest."
plots.show(fig, alt=alt)
if run.scale == "cpu":
    plain, linear, ntk = (scores[kind, 144] for kind in ("RoPE", "linear", "ntk"))
    check.true("linear is the worst, with every seed", linear > 1.2 * plain)
    check.true("ntk and RoPE as it is: within 6 %", abs(ntk.mean() / plain.mean() - 1) < 0.06)

# %% [markdown]
# The cures do not cure. Linear interpolation is far worse than nothing; ntk gains a little at 72 and
# is level at 144; yarn is a little behind.
#
# Two controls. Is it the longer text, or the slower clock? Read pieces of 36 tokens with the clocks
# slowed down for 144: no pair points anywhere new. And the other way round: 144 tokens, the clock as
# it is, through a window of 36 (Day 12): no distance is new. **Predict** both.


# %%
@torch.no_grad()
def through_a_window(model):
    narrow = lengthen(model, 144)
    for block in narrow.model.layers:
        block.self_attn.window = 36
    return bits(narrow, 144)


as_trained, window = scores["RoPE", 36], np.array([through_a_window(m) for m in models["RoPE"]])
slowed = {k: np.array([bits(stretched(m, k, 144), 36) for m in models["RoPE"]]) for k in CURES}
print(f"as trained, 36 tokens        {as_trained.mean():.3f}")
print(f"144 through a window of 36   {window.mean():.3f}")
for kind, found in slowed.items():
    print(f"36 tokens, clock of {kind:8} {found.mean():.3f}")
if run.scale == "cpu":
    check.true("the window is ahead of 36 tokens, every seed", window < as_trained)
    check.true("linear alone costs a third, every seed", slowed["linear"] > 1.33 * as_trained)
    check.true("yarn costs something, every seed", slowed["yarn"] > 1.05 * as_trained)
    check.true("ntk costs less, every seed", slowed["ntk"] < slowed["yarn"])

# %% [markdown]
# The slow clock does its damage on short pieces already: linear moves *every* word, the near ones
# too. And through a window RoPE reads 144 tokens better than 36, with nothing changed. (Nearly every
# token now has 35 before it, instead of 18 on average. So the fair standard for 144 is this, and RoPE
# loses over a quarter.) So what lies beyond 36 does hurt: new distances, or more tokens in sight, as
# the window takes both away. But the cures cost as much as they help.
#
# ### A short fine-tuning
#
# The papers go on training at the new length for a little. So do we: a tenth of the steps, on rows of
# 144 tokens, at a third of the rate, as many tokens per step as before; and ALiBi gets the same.
# **Predict:** which start is best now?


# %%
def tuned(model, seed):
    model = copy.deepcopy(model).to(run.device)
    few = replace(budget, steps=size.tuned, lr=budget.lr / 3, warmup=3)
    rung.train(model, stream, few, seed, what="")  # without fifteen short progress bars
    return bits(model.cpu(), 144)


# %%
after = {}
for kind in LOOK:
    start = models["ALiBi" if kind == "ALiBi" else "RoPE"]
    longer = [stretched(model, kind, 144) for model in start]
    after[kind] = found = np.array([tuned(*both) for both in zip(longer, size.seeds)])
    was = f"144 tokens, before {scores[kind, 144].mean():.3f}, after {found.mean():.3f}"
    print(f"{kind:8} {was} ± {found.std(ddof=1):.3f}")
said = {kind: record.verdict(after[kind], after["RoPE"]) for kind in CURES}
for kind in CURES:
    print(f"then {kind} is {said[kind]} RoPE as it is")

# %%
if run.scale == "cpu":
    rotary = np.array([after[kind] for kind in ("RoPE", *CURES)])
    before = np.array([scores[kind, 144] for kind in ("RoPE", *CURES)])
    check.true("all four clocks gain, with every seed", rotary < before)
    check.true("no cure is clearly ahead of RoPE as it is", "better than" not in said.values())
    check.true("ALiBi is ahead of all four, seed by seed", after["ALiBi"] < rotary)

# %% [markdown]
# A few steps at the new length heal most of it, and no cure is ahead of the clock as it was: these
# models get used to new angles as well as to slowed ones. Linear has not caught up, and none is as
# good as the untrained window. ALiBi hardly needed it.
#
# ### Trained for longer
#
# Those were young models. Twice the steps, two seeds. **Predict:** does RoPE as it is
# lose more or less at 144 now?

# %%
older = [trained("RoPE", seed, size.old) for seed in size.seeds[:2]]
old = {("RoPE", 36): np.array([bits(model, 36) for model in older])}
for kind in ("RoPE", *CURES):
    for n in LENGTHS[1:]:
        old[kind, n] = np.array([bits(stretched(m, kind, n), n) for m in older])
for (kind, n), found in list(old.items())[1:]:
    times, before = found / old["RoPE", 36], (scores[kind, n] / scores["RoPE", 36])[:2]
    print(
        f"{kind:8} {n:3} tokens: {found.round(3)}, {times.mean():.2f} times its loss ", end=""
    )
    print(f"at 36; trained half as long {before.mean():.2f}")

# %%
if run.scale == "cpu":
    rise = scores["RoPE", 144] / scores["RoPE", 36], old["RoPE", 144] / old["RoPE", 36]
    check.true("RoPE breaks more than before, every seed", rise[1].min() > rise[0].max())
    check.true("ntk is ahead at 72, both seeds", old["ntk", 72] < old["RoPE", 72])
    check.true("and at 144 on average", old["ntk", 144].mean() < old["RoPE", 144].mean())

# %% [markdown]
# It breaks more: the loss at 144 is now half above that at 36. And ntk is ahead of it: at 72, where
# it loses almost nothing, with both seeds, and at 144 on average. Yarn is about level with RoPE as it
# is, linear far behind. The published cures were made for models that have read far more than ours.
# The course's own reference comes below.
#
# ### The base
#
# 10000 came from yesterday's sinusoids. Would another base suit our 16 pairs and 36 tokens better?
# The same short training with others, two seeds. **Predict** the best at 36 and at 144: a small base
# (fast clocks) or a large one?

# %%
bases = {base: [trained("RoPE", s, theta=base) for s in size.seeds[:2]] for base in size.bases}
bases = dict(sorted((bases | {1e4: models["RoPE"][:2]}).items()))
by_base = {}
for base, both in bases.items():
    full = int((2 * math.pi / rotary_frequencies(32, base) <= 35).sum())
    found = [[bits(m, 36), bits(stretched(m, "as it is", 144), 144)] for m in both]
    by_base[base] = short_pieces, long_pieces = np.array(found).T.round(3)
    print(
        f"base {base:9,.0f}, {full} pairs turn fully in 36 tokens:  36: {short_pieces}", end=""
    )
    print(f"  144: {long_pieces}, times {(long_pieces / short_pieces).round(2)}")
if run.scale == "cpu":
    small, usual, large = (by_base[base][1] for base in (1e2, 1e4, 1e6))
    check.true("at 144 base 100 is ahead of 10,000, each seed", small < usual)
    rise = {
        base: long_pieces / short_pieces
        for base, (short_pieces, long_pieces) in by_base.items()
    }
    check.true(
        "1,000,000 loses the most from 36 to 144",
        rise[1e6].min() > max(rise[1e2].max(), rise[1e4].max()),
    )

# %% [markdown]
# Base 100 is ahead of 10,000 with both seeds, at 36 and at 144, by about as much as the seeds differ;
# from 36 to 144 it loses as many times its own loss. The large base loses more. That a small base
# reads *longer* texts better is not shown. Models for long texts take large ones: with Qwen3's
# 1,000,000, 24 of its 64 pairs make no full turn in 32,768 tokens. A base belongs to a length.
#
# ### The ladder
#
# RoPE with the ladder's full budget, on rows of 144: no longer than trained. **Predict:** on which side
# of Day 9's learned table?

# %%
climb = rung.climb(variants.of_size("RoPE", budget.model), corpus, budget, "RoPE")
ladder.add("RoPE", day=14, **climb.entry)
found = climb.entry["bits_per_byte"]
print(f"RoPE {np.mean(found):.4f} bits per byte, by seed {np.round(found, 4)}")
gpt = [r.bits_per_byte for r in ladder.rungs() if r.name == "GPT"]  # Day 9's, if it is there
if gpt:
    print(f"GPT  {np.mean(gpt[0]):.4f} bits per byte: RoPE is", end=" ")
    print(record.verdict(found, gpt[0]), "it")

# %%
path = runtime.ROOT / "data/golden_runs/ladder.json"  # recorded: each at its own best rate
known = json.loads(path.read_text(encoding="utf-8"))["models"]
print(record.table({name: known[name] for name in ("GPT", "ALiBi", "RoPE")}))

# %% [markdown]
# In the stored run RoPE is ahead of the learned table by six in a hundred, with both seeds. In the
# course's record ALiBi stays ahead of it.
#
# ### The reference checkpoint
#
# The course's reference, a Qwen3, was trained for 9,000 steps, on rows of 144 tokens. (Its config
# allows 512.) Give it 576 tokens of stories, one after the other, and look at the loss by place. A
# story never needs the one before it. **Predict** six curves: as it is, through a window of 144, the
# three cures, and yarn's larger scores without its clock.

# %%
reference = weights.load(runtime.ROOT / "checkpoints/reference").eval()
text = torch.from_numpy(np.asarray(corpus.validation.input_ids).astype(np.int64))
rows = text[: (len(text) - 1) // 576 * 576 + 1].unfold(0, 577, 576)[: size.rows]


class Louder(RopeScaling):  # yarn's factor for the scores alone: no clock is touched
    def frequencies(self, head_dim, theta, device=None):
        return rotary_frequencies(head_dim, theta, device)


@torch.no_grad()
def by_place(scaling=None, window=None):  # nats per token, mean of groups of 48 places
    cos, sin = rotary_angles(torch.arange(576)[None, None], 32, 1e4, scaling)
    x = reference.model.embed_tokens(rows[:, :-1])
    for block in reference.model.layers:
        block.self_attn.window = window
        x = block(x, cos, sin, None, None)
    logits = reference.lm_head(reference.model.norm(x))
    nats = F.cross_entropy(logits.mT, rows[:, 1:], reduction="none")
    return nats.mean(0).view(-1, 48).mean(1)


# %%
curves = {"as it is": by_place(), "window of 144": by_place(window=144)}
curves |= {"scores + 30 %": by_place(Louder("yarn", 4, 144))}
curves |= {kind: by_place(RopeScaling(kind, 4, 144)) for kind in CURES}
colors = (plots.GRAY, plots.GREEN, "black", *CURES.values())
fig, ax = plots.figure("A trained model beyond its 144 tokens (dotted line)", 5.2, 2.7)
for (name, curve), color in zip(curves.items(), colors):
    ax.plot(24 + 48 * np.arange(12), curve, label=name, color=color)
ax.axvline(144, color=plots.GRAY, ls=":", lw=1)
ax.set(xlabel="place", ylabel="nats per token", xticks=range(0, 577, 144), ylim=(0, None))
plots.name_lines(ax)
alt = "Loss by place: as it is climbs after 144, louder half as much; the window stays low."
plots.show(fig, alt=alt)
end = {name: curve[-3:].mean().item() for name, curve in curves.items()}
for name, curve in curves.items():
    print(f"{name:14} last 144 places {end[name]:.2f}, all {curve.mean():.2f} nats per token")
inside = curves["as it is"][1:3].mean().item()  # places 48 to 143
check.true("as it is: over three times its loss inside", end["as it is"] > 3 * inside)
check.true("window: under one and a half times", end["window of 144"] < 1.5 * inside)
check.true("linear is the worst at the end", end["linear"] == max(end.values()))
if run.scale == "cpu":
    check.true("yarn is ahead of it as it is, at the end", end["yarn"] < end["as it is"])
    check.true(
        "louder scores are ahead of all cures",
        end["scores + 30 %"] < min(end[k] for k in CURES),
    )

# %% [markdown]
# As it is, the loss climbs steadily beyond 144. Yarn and ntk are ahead of it at the far end, and have
# paid for that from the first place on: over all places ntk is level, yarn behind. Linear fails
# everywhere. The black curve touches no clock and makes all scores 30 % larger, as yarn does: that
# alone takes away nearly half of the loss at the end. So a good part of the trouble is the *crowd*,
# more tokens to choose from, and not the angles. The window, which forgets what is far, takes away
# both. (No story needs anything from before its beginning.)
#
# So the answer to the question of the day: RoPE makes scores depend on distance only, and that is *not*
# enough to read longer texts. Distances and crowds have to be seen in training, or kept out of sight.

# %% [markdown]
# ## What can go wrong
#
# Four suspects beside ours: each turns queries or keys `x` (batch, heads, time, head_dim), before
# which `past` others came. Each is a mistake of public code; all shapes are right. **Take two
# minutes: what is wrong in each, and when does it show?**


# %%
def angles_at(places, dim, theta=10_000.0):
    return rotary_angles(places, dim, theta)


def ours(x, past):
    return rotate(x, *angles_at(torch.arange(past, past + x.shape[2]), x.shape[3]))


def suspect_1(x, past):
    return rotate(x, *angles_at(torch.arange(x.shape[2]), x.shape[3]))


def suspect_2(x, past):
    return rotate_interleaved(x, *angles_at(torch.arange(past, past + x.shape[2]), x.shape[3]))


def suspect_3(x, past, table=64):
    places = torch.arange(past, past + x.shape[2])
    turned = rotate(x, *angles_at(places.clamp(max=table - 1), x.shape[3]))
    return turned.where(places[:, None] < table, x)  # no row: hand x through


def suspect_4(x, past):
    places = torch.arange(past, past + x.shape[2]).bfloat16()
    angles = places[:, None] * rotary_frequencies(x.shape[3], 10_000.0).bfloat16()
    return rotate(x, angles.cos(), angles.sin())


# %% [markdown]
# Six probes. The first five need a rotation only. The last one needs trained weights: does the
# reference, with this rotation in the place of its own, read stories as well as before? **Predict** the
# board: which probe convicts whom, and who passes the first five?


# %%
def score_of(f, at, distance, dim=32):  # of a query `distance` places after its key
    g = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 4, 1, dim, generator=g)
    return (f(q, at + distance) * f(k, at)).sum(-1)


def length_stays(f):
    x = torch.randn(1, 4, 9, 32, generator=torch.Generator().manual_seed(1))
    return torch.allclose(f(x, 100).norm(dim=-1), x.norm(dim=-1), rtol=1e-2)


def distance_matters(f):
    return bool((score_of(f, 5, 3) - score_of(f, 5, 8)).abs().min() > 1e-2)


def only_distance_matters(f):
    return torch.allclose(score_of(f, 2, 3), score_of(f, 22, 3), atol=1e-3)


def the_same_far_out(f):
    return torch.allclose(score_of(f, 2, 3), score_of(f, 402, 3), atol=1e-3)


def steps_are_equal(f):
    x = torch.randn(1, 4, 9, 32, generator=torch.Generator().manual_seed(1))
    return torch.allclose(f(x, 0)[:, :, 6:], f(x[:, :, 6:], 6), atol=1e-5)


# %%
ends = corpus.validation.end_of_text_id
stories = [corpus.validation.document(i) for i in range(len(corpus.validation))]
stories = [[ends, *map(int, story[:119])] for story in stories if len(story) >= 119]
stories = torch.tensor(stories[: size.rows])
for block in reference.model.layers:
    block.self_attn.window = None


def with_turn(f):  # the reference, turned by f
    model = copy.deepcopy(reference)
    for block in model.model.layers:

        def queries_and_keys(x, cos, sin, past=0, layer=block.self_attn):
            q, k = Attention.queries_and_keys(layer, x, None, None)
            return f(q, past), f(k, past)

        block.self_attn.queries_and_keys = queries_and_keys
    return model


@torch.no_grad()
def loss_of(model, cuts):  # nats per token, after the first 30, through a cache
    cache = GrowingCache()
    logits = torch.cat([model(part, cache) for part in stories.split(cuts, dim=1)], dim=1)
    return F.cross_entropy(logits[:, 30:-1].mT, stories[:, 31:]).item()


own = loss_of(reference, stories.shape[1])


def fits_the_weights(f):
    return loss_of(with_turn(f), stories.shape[1]) < 1.02 * own


# %%
PROBES = [length_stays, distance_matters, only_distance_matters, the_same_far_out]
PROBES += [steps_are_equal, fits_the_weights]
lineup, names = [suspect_1, suspect_2, suspect_3, suspect_4, ours], ["1", "2", "3", "4", "ours"]
passed = np.array([[bool(probe(f)) for probe in PROBES] for f in lineup])
columns = [probe.__name__.replace("_", "\n") for probe in PROBES]
fig, ax = plots.figure("Who keeps which promise?", 5.5, 2.6)
plots.board(ax, names, columns, passed)
plots.show(
    fig, alt="Five rotations, six probes: ours passes all; each suspect fails at least one."
)
check.true("ours passes all, every suspect fails", passed.all(1) == np.array([0, 0, 0, 0, 1]))
check.true("lengths convict nobody", passed[:, 0])
check.true("only the weights convict suspect 2", passed[1].tolist() == [True] * 5 + [False])

# %% [markdown]
# Suspect 2 is a flawless RoPE: with weights of its own it would train as well as ours. With weights
# that know the other layout it is wrong, and no test of the rotation alone can see it.
#
# What does each cost? The reference reads held-out stories, whole, and then as it would write them: a
# prompt of 30 tokens, then token by token. **Predict** who is fine whole and wrong by steps.

# %%
steps, costs = [30] + [1] * (stories.shape[1] - 30), {}
for name, f in zip(names, lineup):
    costs[name] = [loss_of(with_turn(f), cuts) for cuts in (stories.shape[1], steps)]
    print(f"{name:5} whole {costs[name][0]:.2f}   by steps {costs[name][1]:.2f} nats per token")
check.close("ours, whole = the reference", costs["ours"][0], own, tol=1e-3)
check.true("1 is fine whole", costs["1"][0] < 1.02 * own)
check.true("1 is over three times as bad by steps", costs["1"][1] > 3 * own)
check.true("2 is that bad both ways", np.array(costs["2"]) > 3 * own)
check.true("4 costs next to nothing, so near", np.array(costs["4"]) < 1.05 * own)

# %% [markdown]
# Suspect 1 is fine as long as nobody writes: its training and its evaluation look perfect. Suspect 3
# leaves all from place 64 on unturned, as if at place 0. And suspect 4 costs nothing at 120 tokens;
# it waits for longer ones.
#
# <details><summary>The case files (open after you have decided)</summary>
#
# | suspect | what it is | where it has been |
# |---|---|---|
# | 1 | the offset is forgotten: each new token stands at place 0 | [rotary-embedding-torch](https://github.com/lucidrains/rotary-embedding-torch/issues/11): the first offset came back for all; a proposed fix for [executorch](https://github.com/pytorch/executorch/pull/2010) |
# | 2 | interleaved code with half-split weights | [TinyLlama in llama.cpp](https://github.com/jzhang38/TinyLlama/issues/24): gibberish: the reordering with the wrong number of heads for grouped keys; [llama2.c](https://github.com/karpathy/llama2.c/pull/286): fine at first, gibberish after some 20 tokens |
# | 3 | the table is too short, and what lies beyond is handed through unturned | [onnxruntime](https://github.com/microsoft/onnxruntime/pull/27597): it used to read beyond the table; since then its GPU code hands through, its CPU code refuses |
# | 4 | places and angles in bfloat16, where 257 is 256 | [GPT-NeoX](https://github.com/EleutherAI/gpt-neox/pull/1041), [transformers](https://github.com/huggingface/transformers/pull/29285) |
#
# </details>

# %% [markdown]
# ## Recap
#
# | | |
# |---|---|
# | RoPE | turns each pair of a query and a key by place · θ^(-2i / head_dim) |
# | therefore | the score depends on the distance only, exactly; float32 loses digits far out |
# | layouts | interleaved and half-split are equal up to the order of the rows of `q_proj` and `k_proj` |
# | cache | keys are turned when they come; new tokens count from `past` |
# | longer texts | as it is, it degrades, the more so the longer it was trained; cures cost near words; training at the new length, or a window, helps |
#
# - Nothing is learned, and nothing is added: lengths stay, values stay.
# - A pair that makes no full turn in training points to new angles in a longer text.
# - Cures were worth little here: ntk gained a little at twice the length, and at four times for older
#   models.

# %% [markdown]
# ## Exercises
#
# ### 14.1 Turn by hand · ●○○ · 5 minutes
#
# Turn one vector, in the half-split layout: `vector` is a list of an even number of numbers, `place`
# its place. Return the turned vector as a list. No library for it: sines and cosines will do.
#
# <details><summary>Hint 1</summary>For 4 numbers the pairs are numbers 0 and 2, and numbers 1 and 3. Pair i turns by place · theta^(-2i / dim).</details>
# <details><summary>Hint 2</summary>(a, b) becomes (a cos - b sin, b cos + a sin). First all a's, then all b's.</details>


# %%
def my_turn(vector, place, theta):
    return None  # TODO: your answer


check.exercise("14.1", my_turn)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 14.1
def solution_1(vector, place, theta):
    half = len(vector) // 2
    angles = [place * theta ** (-i / half) for i in range(half)]
    pairs = [(vector[i], vector[i + half], angle) for i, angle in enumerate(angles)]
    first = [a * math.cos(t) - b * math.sin(t) for a, b, t in pairs]
    return first + [b * math.cos(t) + a * math.sin(t) for a, b, t in pairs]


check.solution("14.1", solution_1)

# %% [markdown]
# ### 14.2 Choose the base · ●●○ · 5 minutes
#
# For which base does the slowest pair of a head make exactly one full turn in `length` tokens? (With
# a smaller base it comes round before the end: then two distances look alike even to the slowest
# pair.) (It is the least base that keeps *one* pair from coming round; models for long texts take far
# larger ones.) Return the base as a number; `head_dim` is even and at least 4.
#
# <details><summary>Hint 1</summary>The slowest pair is the last: i = head_dim / 2 - 1. Write down its wavelength.</details>
# <details><summary>Hint 2</summary>2π · theta^((head_dim - 2) / head_dim) = length. Solve it for theta.</details>


# %%
def my_base(head_dim, length):
    return None  # TODO: your answer


check.exercise("14.2", my_base)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 14.2
def solution_2(head_dim, length):
    return (length / (2 * math.pi)) ** (head_dim / (head_dim - 2))


check.solution("14.2", solution_2)
print("head_dim 32, 144 tokens:", round(solution_2(32, 144), 1))
print(f"head_dim 128, 32,768 tokens: {solution_2(128, 32_768):,.0f}")

# %% [markdown]
# ### 14.3 Convert a checkpoint · ●●○ · 10 minutes
#
# A `q_proj.weight` (heads · head_dim, hidden) was trained with interleaved code. Reorder its rows, so
# that half-split code gives the same scores. Each head is reordered by itself. Return a new tensor of
# the same shape and dtype. (Qwen3 has a norm between projection and RoPE: its weights would have to
# follow.)
#
# <details><summary>Hint 1</summary>Split the rows into heads first, with <code>unflatten</code> or <code>view</code>.</details>
# <details><summary>Hint 2</summary>Within a head first the rows 0, 2, 4, ..., then 1, 3, 5, ...: the rows are now axis 1.</details>


# %%
def my_rows(weight, heads):
    return None  # TODO: your answer


check.exercise("14.3", my_rows)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 14.3
def solution_3(weight, heads):
    rows = weight.unflatten(0, (heads, -1))  # (heads, head_dim, hidden)
    return torch.cat((rows[:, ::2], rows[:, 1::2]), dim=1).flatten(0, 1)


check.solution("14.3", solution_3)

# %% [markdown]
# ### 14.4 Extend the context · ●●● · 20 minutes
#
# YaRN's paper has its ramp over *turns* (the authors' code, and so the course's, over the pair's
# number). Write the paper's. `frequencies` are the radians per place of each pair. A pair that makes
# at most `slow` full turns in `trained` tokens is divided by `factor`; one that makes at least `fast`
# is left alone; between them the share that is left alone grows evenly with the turns, and the new
# frequency is the mixture of both frequencies. Return a tensor of the same shape and dtype.
#
# <details><summary>Hint 1</summary>Turns in the trained length: trained · frequency / 2π. The share is 0 at slow turns and 1 at fast turns: a straight line, cut off at both ends.</details>
# <details><summary>Hint 2</summary><code>clamp(0, 1)</code> cuts. New frequency: share · frequency + (1 - share) · frequency / factor.</details>


# %%
def my_yarn(frequencies, factor, trained, slow, fast):
    return None  # TODO: your answer


check.exercise("14.4", my_yarn)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 14.4
def solution_4(frequencies, factor, trained, slow, fast):
    turns = trained * frequencies / (2 * math.pi)
    share = ((turns - slow) / (fast - slow)).clamp(0, 1)
    return share * frequencies + (1 - share) * frequencies / factor


check.solution("14.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Qwen3's heads turn all their pairs, and the slow ones hardly move. Leave them alone:
# write a `RotaryAttention` that turns only the first quarter of the pairs (*partial rotary*), give it
# another base, and train it as above. What does it lose at 36 tokens, and does it read 144 any better?
#
# **Tomorrow: RMSNorm.** A rotation changes directions and no lengths. Day 15 does the opposite: it
# changes the length of a vector, and (but for a learned weight) no direction. What does a deep network
# gain from that?
