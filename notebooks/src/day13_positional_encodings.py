# %% [markdown]
# # Day 13 · Positional encodings
#
# Today you find out how a model knows what came first: you take its positions away, give them back in
# three ways, and let each read texts four times as long as any that it was trained on.
#
# **You build:** no positions, sines and cosines, ALiBi, and a function that makes a trained model
# longer
#
# **At the end you will have**
#
# - four kinds of positions, equal to the course's
# - the loss of each at once, twice and four times the trained length, and the place where it breaks
# - two instruments that catch wrong positions: one for packed texts, one for ALiBi
#
# **Time:** about 95 minutes, and 35 more for the exercises: 130 minutes. The code runs in about four
# minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day13_positional_encodings.ipynb)
#
# Previous: [Day 12 · Grouped-query attention](day12_grouped_query_attention.ipynb) · Next:
# [Day 14 · Rotary embeddings](day14_rotary_embeddings.ipynb)

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
import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers import runtime
from helpers.inference.generate import left_padded
from helpers.lesson import check, ladder, plots, widgets
from helpers.model import attention, change, layers
from helpers.model.attention import Attention, causal_mask
from helpers.model.cache import GrowingCache
from helpers.model.layers import rotary_frequencies
from helpers.text.data import IGNORED, document_rows
from helpers.training import record, rung, variants
from helpers.training.evaluate import evaluate

run = runtime.start(day=13)

# %%
size = runtime.pick(
    tiny=dict(short=10, seeds=(0, 1), waves=5),
    cpu=dict(short=300, seeds=(0, 1, 2), waves=60),
    gpu=dict(short=600, seeds=(0, 1, 2), waves=100),
)
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# *Dog bites man* and *man bites dog*: the same three words, another story. Let each word be one number:
# dog 1, bites 2, man 3. Attention makes a mixture of them. With equal weights it is their mean, so
# it is the same for both orders.
#
# So tell it the order: add 10 to the first word, 20 to the second, 30 to the third. **Predict** the two
# mixtures now, again with equal weights.

# %%
dog_first, man_first = torch.tensor([1.0, 2, 3]), torch.tensor([3.0, 2, 1])
place = torch.tensor([10.0, 20, 30])
for words in (dog_first, man_first):
    print("words", words.mean().item(), "  words with places", (words + place).mean().item())

# %% [markdown]
# Still equal: to *add* a place to each word does nothing as long as the weights are the same. The
# places have to reach the **weights**: the scores. Let the score grow by 1 from place to place, so
# that later words weigh more. **Predict:** which story gets the larger number?

# %%
weights = torch.tensor([0.0, 1, 2]).softmax(0)
print("weights", weights)
for words in (dog_first, man_first):
    print(words.tolist(), "->", round((weights @ words).item(), 2))

# %% [markdown]
# 2.58 and 1.42: the mixture now leans to the last word, and the two stories differ. There are two roads
# for a place to reach a score:
#
# - **into the embedding**: add a vector for the place to the vector of the token; queries and keys are
#   made of the sum, so the score can depend on it (learned positions, sines)
# - **into the score itself**: subtract a price for distance (ALiBi), or turn queries and keys
#   (tomorrow)
#
# The vector for a place should be different for each place, and never large, or the word drowns.
# Think of a clock: one hand that makes a full turn in 4 steps, and one that needs 16. **Predict:**
# which places does the fast hand confuse? And what is the dot product of its positions at places 1
# and 2, 5 and 6, 2 and 4?

# %%
steps = torch.arange(7)
fast, slow = (2 * math.pi / turn * steps for turn in (4, 16))
hands = torch.stack([fast.sin(), fast.cos(), slow.sin(), slow.cos()], dim=1)
print(hands.round(decimals=2) + 0.0)  # + 0.0 and + 1e-6: no -0
for a, b in ((1, 2), (5, 6), (2, 4)):
    print(f"fast hand, places {a} and {b}: {hands[a, :2] @ hands[b, :2] + 1e-6:.0f}")

# %% [markdown]
# Places 0 and 4 look the same to the fast hand; the slow one tells them apart. And the product at 1 and
# 2 is that at 5 and 6: it depends on the *distance* only, since
# sin a · sin b + cos a · cos b = cos(a - b). Keep this in mind.

# %% [markdown]
# ## Build it
#
# ### No positions
#
# First take them away. The model of Day 9 adds `embed_positions(positions)` to the embedding of each
# token; this adds 0.


# %%
class NoPositions(nn.Module):  # helpers/model/layers.py
    def forward(self, positions):
        return 0.0


# %% [markdown]
# On Day 7 attention without a mask did not notice any order. With the causal mask? Swap the third and
# the sixth token of a random text, and look at the logits after the *last* one. **Predict** how far
# they move in a model of one layer, and in one of two.

# %%
budget = rung.budget()  # of the ladder: model, text, steps, seeds (Day 9)


def last_logits(text, blocks):  # of a model with random weights, large, so that changes show
    torch.manual_seed(1)
    shape = replace(budget.model, num_hidden_layers=blocks, initializer_range=0.2)
    return variants.with_positions(shape, NoPositions())(text)[0, -1].detach()


text = torch.randperm(budget.model.vocab_size)[None, :12]
swapped = text[:, [0, 1, 5, 3, 4, 2, *range(6, 12)]]
one, two = ((last_logits(text, n) - last_logits(swapped, n)).abs().max() for n in (1, 2))
print(f"the last logits move by {one:.1e} with one layer, by {two:.1e} with two")
check.true("one layer sees a bag of words, two layers do not", one < 1e-3 < 1e-1 < two)

# %% [markdown]
# One layer takes its past as a **bag of words**: what is in it counts, the order does not. Two layers
# know more, because of the mask: in the first layer the third token has heard two others, and the
# sixth five. [Kazemnejad et al. (2023)](https://arxiv.org/abs/2305.19466) call such a model *NoPE*,
# and prove that it can count: let a head look evenly at everything so far, and let only the first
# token say 1 (it needs a mark, such as the end-of-text token that our texts begin with). Then the
# tokens hear 1, 1/2, 1/3, 1/4, ...: their place, in another form.
#
# ### Learned positions
#
# These are Day 9's: a table with a row for each place, random at first, trained like the table of
# tokens. The price is a last row: a longer text is refused (`require_room`), unless the table gets
# more rows. `lengthen` makes them in one of two ways: random, as first weights are, or stretched from
# the old ones, first row to first and last to last, so that old rows move, too (`interpolate`).
# Positions that are computed need nothing.


# %%
def lengthen(model, length, interpolate=False):  # helpers/model/change.py
    old = model.config.max_position_embeddings
    if length <= old:
        raise ValueError(f"the model takes {old} tokens already: give more than that")
    longer = copy.deepcopy(model)
    longer.config = longer.model.config = replace(model.config, max_position_embeddings=length)
    table = getattr(longer.model, "embed_positions", None)
    if isinstance(table, nn.Embedding):
        rows = nn.Embedding(length, table.embedding_dim).to(table.weight)
        nn.init.normal_(rows.weight, std=model.config.initializer_range)
        stretched = F.interpolate(
            table.weight.detach().mT[None], length, mode="linear", align_corners=True
        )
        rows.weight.data[:old] = table.weight.data
        if interpolate:
            rows.weight.data = stretched[0].mT.contiguous()
        longer.model.embed_positions = rows
    return longer


# %% [markdown]
# ### Sines and cosines
#
# [Vaswani et al. (2017)](https://arxiv.org/abs/1706.03762), section 3.5, take the clock with many
# hands; such positions are called *sinusoidal*. Each pair of features is one hand, and the hands get
# slower by a constant factor:
#
# $$\text{feature } 2i = \sin(\text{place} \cdot f_i), \qquad
# \text{feature } 2i + 1 = \cos(\text{place} \cdot f_i), \qquad f_i = 10000^{-2i / \text{dim}}$$
#
# The **wavelength** of a hand is the number of places that it needs for a full turn, 2π / f. Nothing
# is learned, and every place has a row, however far. (`rotary_frequencies` is that formula for f; the
# name is tomorrow's.) **Predict** the shortest and the longest wavelength for 128 features.


# %%
class SinusoidalPositions(nn.Module):  # helpers/model/layers.py
    def __init__(self, dim, scale=1.0, theta=10_000.0):
        super().__init__()
        self.dim, self.scale, self.theta = dim, scale, theta

    def forward(self, positions):
        frequency = rotary_frequencies(self.dim, self.theta, positions.device)
        angles = positions[..., None].float() * frequency
        return self.scale * torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


turn = 2 * math.pi / rotary_frequencies(128, 10_000.0)
print(
    f"wavelengths: {turn[0]:.2f}, {turn[1]:.2f}, ..., {turn[-2]:,.0f}, {turn[-1]:,.0f} places"
)

# %%
waves = SinusoidalPositions(128)(torch.arange(144))
fig, axes = plots.figure("Each row is a place", 5.5, 2.5, ncols=2, width_ratios=(1.1, 1))
parts = [(waves[:, ::2], "sines of 64 hands", "hand")]
parts += [(waves @ waves.T / 64, "products", "place")]
for ax, (table, title, across) in zip(axes, parts):
    image = ax.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    ax.set(title=title, xlabel=across, ylabel="place")
    ax.grid(False)
fig.colorbar(image)
alt = "Left: fast ripples for the first hands, none for the last. Right: a bright diagonal."
plots.show(fig, alt=alt)

# %% [markdown]
# On the left the hands: fast ones at the left edge, and at the right edge some that hardly move
# within 144 places. On the right the product of every two places, divided by 64, so that a place with
# itself is 1: the same along every diagonal, so it depends on the distance only.
#
# How does it fall with the distance? **Predict** the curve for 2 features, which is one hand. Then for
# 16 features with the 10000 replaced by 10: when do far places look near?


# %%
def draw_products(ax, dim, theta):
    places = SinusoidalPositions(dim, theta=theta)(torch.arange(111))
    ax.plot(places @ places[0] / (dim / 2), color=plots.BLUE)
    ax.axhline(0, color=plots.GRAY, lw=0.8)
    ax.set(title=f"{dim} features\ntheta {theta:,.0f}", xlabel="distance", ylim=(-1.05, 1.1))
    ax.set_ylabel("product of two places")


panels = [dict(dim=d, theta=t) for d, t in ((128, 1e4), (2, 1e4), (16, 10.0))]
alt = "Three curves over distance: one falls slowly, one is a cosine, one comes back far away."
knobs = dict(dim=[2, 4, 8, 16, 32, 64, 128], theta=widgets.powers(1, 6))
title = "How alike two places are, by distance"
widgets.explore(title, draw_products, panels, alt=alt, **knobs)

# %% [markdown]
# One hand comes back after every 2π places. Eight hands with wavelengths between 6 and 47 come back,
# too, at distance 101. The 128 features fall slowly, and do not return. In a live notebook, take 16
# features: which theta keeps distances beyond 50 least alike? (About 100.)
#
# And their *size*? A wave has an RMS (root mean square) of 1/√2, the
# first embeddings of our model one of 0.05: 14 times less. The course scales the waves down to the
# words (`scale`); Vaswani et al. multiply the embeddings by √dim instead. What does loudness cost? A
# very short training with four volumes, one of them silence. **Predict** the order.

# %%
corpus = rung.read(budget)
shape = replace(budget.model, max_position_embeddings=36)
short = replace(budget, model=shape, context=36, batch_size=4 * budget.batch_size)
brief, volumes = replace(short, steps=size.waves, seeds=size.seeds), {}
for times in (0, 0.25, 1, 14):
    waves = SinusoidalPositions(shape.hidden_size, times * 2**0.5 * shape.initializer_range)
    make = partial(variants.with_positions, shape, waves)
    climb = rung.climb(make, corpus, brief, f"waves x {times}")
    volumes[times] = found = np.array(climb.entry["bits_per_byte"])
    print(
        f"{times:5} times as loud: {found.mean():.2f} ± {found.std(ddof=1):.2f} bits per byte"
    )
if run.scale == "cpu":
    check.true("the loudest are worst, every time", volumes[14].min() > volumes[1].max())

# %% [markdown]
# After so few steps places are of little use yet, so this shows what loudness costs and not what
# places are worth. The course takes *equally loud* (1); below, a quarter of that stands beside it.
#
# ### ALiBi
#
# [Press et al. (2021)](https://arxiv.org/abs/2108.12409) leave the embeddings alone. From each score
# they subtract a price, slope times distance: 0 for the token itself, 1 for the one before it, 2 for
# the next (*attention with linear biases*). The slope is fixed, and each head has its own. Four
# tokens with equal scores and a slope of 1: **predict** the weights, from the farthest to the
# nearest. (e is about 2.7.)

# %%
print(torch.tensor([-3.0, -2, -1, 0]).softmax(0))

# %% [markdown]
# Each step back divides the weight by e; with a slope of 1/2, by √e. So a slope says how far a head
# looks, softly, where a window (Day 12) cuts. For n heads the slopes are 2^(-8/n), 2^(-16/n), ...,
# down to 2^(-8): a constant factor again. (For other n, see the code.) **Predict** for our four
# heads: on how many of the nearest tokens does a head lay nine tenths of its weight, if all scores
# are equal and the text is long?


# %%
def alibi_slopes(heads):  # helpers/model/layers.py
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-8 * (i + 0.5) / power) for i in range(power)]
    return torch.tensor(slopes + between[: heads - power])


print("1 /", (1 / alibi_slopes(4)).tolist(), "  1 /", (1 / alibi_slopes(6)).tolist())

# %%
far = torch.arange(5000)
fig, ax = plots.figure("Weight by distance, when all scores are equal", 5.0, 2.4)
for slope in alibi_slopes(4):
    weight = (-slope * far).softmax(0)
    most = int((weight.cumsum(0) < 0.9).sum()) + 1
    ax.plot(far[:80], weight[:80] / weight[0], label=f"slope 1/{1 / slope:.0f}")
    print(f"slope 1/{1 / slope:3.0f}: nine tenths lie on the {most} nearest")
ax.set(xlabel="distance in tokens", ylabel="weight, itself = 1", ylim=(0, 1.05))
plots.name_lines(ax)
plots.show(
    fig, alt="Four falling curves: slope 1/4 is gone after 20 tokens, 1/256 hardly falls."
)

# %% [markdown]
# 10, 37, 148, 590: from the last words to the whole story. In code: `ahead` is 0
# for the token itself and -1 for the one before; the *last* queries belong to the last keys, so that
# a cache works. The course's `Attention` asks its method `visible` for a mask; here the mask becomes
# numbers to add, and what is hidden gets minus infinity.


# %%
class AlibiAttention(Attention):  # helpers/model/attention.py
    def visible(self, mask, queries, keys):
        mask = super().visible(mask, queries, keys)
        heads, time, device = queries.shape[1], queries.shape[2], queries.device
        column = torch.arange(keys.shape[2], device=device)
        ahead = column - column[-time:, None]  # (time, keys): 0 for itself, -1 one before
        bias = alibi_slopes(heads).to(queries).view(1, -1, 1, 1) * ahead
        return bias.where(ahead <= 0 if mask is None else mask, -torch.inf)


nothing = torch.zeros(1, 4, 5, 8)  # queries and keys of four heads, five tokens
print(AlibiAttention(32, 4, 4, 8).visible(None, nothing, nothing)[0, 0])

# %% [markdown]
# ## Check it
#
# The formulas against plain Python and against BLOOM, a large model with ALiBi. Then the attention:
# against PyTorch's kernel, with the price written out, and against the course's, with the same
# weights. Then other settings, and new queries with the keys of a cache. And each of the course's
# kinds through a cache: a prompt and then token by token, chunks of seven, and two prompts of unequal
# length (Day 10) must give the logits of no cache.


# %%
def by_hand(place, dim):
    turns = [place / 10_000 ** (2 * i / dim) for i in range(dim // 2)]
    return [wave(turn) for turn in turns for wave in (math.sin, math.cos)]


table = torch.tensor([by_hand(p, 32) for p in range(144)])
check.close("144 places by hand", SinusoidalPositions(32)(torch.arange(144)), table)
check.close("16 slopes by hand", alibi_slopes(16), [2 ** -(i / 2) for i in range(1, 17)], tol=0)
table = SinusoidalPositions(128)(torch.arange(1000))
found = (table[10:] * table[:-10]).sum(-1) / 64
check.close("places 10 apart: one product for all", found, torch.full_like(found, found[0]))
theirs = layers.SinusoidalPositions(128)(torch.arange(1000))
check.close("my waves = the course's", table, theirs, tol=0)

# %%
try:
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor
except ImportError:
    print("skipped: pip install transformers, to compare with BLOOM's slopes")
else:
    for heads in (1, 4, 12, 16, 112):
        theirs = build_alibi_tensor(torch.ones(1, 9), heads, torch.float32).view(heads, 9)
        check.close(
            f"slopes of {heads} heads = BLOOM's", alibi_slopes(heads), theirs[:, 1], 1e-6
        )

# %%
layer, x = AlibiAttention(32, 4, 4, 8, qk_norm=False), torch.randn(2, 9, 32)
away = (torch.arange(9)[:, None] - torch.arange(9)).float()
price = torch.where(away < 0, -torch.inf, -away / 4 ** torch.arange(1, 5).view(4, 1, 1))
q, k = layer.queries_and_keys(x, None, None)  # no cos, no sin: tomorrow's
blend = F.scaled_dot_product_attention(q, k, layer.heads(layer.v_proj(x)), price)
check.close("mine = PyTorch's kernel", layer(x), layer.o_proj(blend.transpose(1, 2).flatten(2)))
# %%
theirs, new, old = (
    attention.AlibiAttention(32, 4, 4, 8, qk_norm=False),
    *torch.zeros(2, 2, 4, 9, 8),
)
check.same(layer, theirs, x)
layer.window = theirs.window = 5  # four new queries, nine keys, the first one is padding
padded = (causal_mask(9)[-4:] & (torch.arange(9) > 0))[None, None]
for mask in (None, padded):
    mine, other = (part.visible(mask, new[:, :, -4:], old) for part in (layer, theirs))
    check.close("queries of a cache: my price = the course's", mine, other, tol=0)
check.close("nothing is added", NoPositions()(torch.arange(9)), 0.0, tol=0)
mine, other = (
    kind(16, 0.3, 50.0) for kind in (SinusoidalPositions, layers.SinusoidalPositions)
)
check.close("another scale and theta", mine(torch.arange(9)), other(torch.arange(9)), tol=0)
small = variants.of_size("learned", rung.BUDGETS["tiny"].model)()
room, tables = small.config.max_position_embeddings, {}
for how in (False, True):
    for make in (lengthen, change.lengthen):
        torch.manual_seed(0)
        tables[make] = make(small, 2 * room, how).model.embed_positions.weight
    check.close("my lengthen = the course's", *tables.values(), tol=0)
check.true("the short model is as it was", small.config.max_position_embeddings == room)

# %%
KINDS = ("no positions", "learned", "sinusoidal", "ALiBi")
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


for kind in KINDS:
    torch.manual_seed(0)
    loud = replace(rung.BUDGETS["tiny"].model, initializer_range=0.15)
    model = variants.of_size(kind, loud)().eval()
    worst = max(gap(model, *way) for way in WAYS.values())
    check.close(f"{kind}: three ways through a cache", worst, 0.0)

# %% [markdown]
# ## Use it
#
# ### Longer than trained
#
# Now the question of the day. Each kind, and *quiet waves* as a fifth (a quarter as loud), is trained
# on rows of 36 tokens, about a quarter of a story: several seeds, equal parameters, equal tokens, one
# learning rate. The text is read as one long string and cut every 36 tokens, so a row may begin
# anywhere in a story. (Cut from the beginning of each story, the place in a row would tell the place
# in the story.)
#
# Then all read whole stories that they have not seen, in pieces of 36, 72 and 144 tokens. The stories
# are the same, so bits per byte compare. In a longer piece there is more to see: a name that was 60
# tokens ago is in sight. For each seed we take the difference to its own 36. **Predict** for each
# kind: does it gain from longer pieces, stay, or break?

# %%
one_text = replace(corpus.train, starts=corpus.train.starts[[0, -1]])  # as if one document
stream, short = replace(corpus, train=one_text), replace(short, steps=size.short)


def quiet_waves():
    waves = SinusoidalPositions(shape.hidden_size, 0.25 * 2**0.5 * shape.initializer_range)
    return variants.with_positions(shape, waves)


def trained(kind, seed):
    make = quiet_waves if kind == "quiet waves" else variants.of_size(kind, shape)
    return rung.climb(make, stream, replace(short, seeds=(seed,)), kind).model.cpu()


FIVE = (*KINDS[:3], "quiet waves", "ALiBi")
models = {kind: [trained(kind, seed) for seed in size.seeds] for kind in FIVE}


# %%
def at_length(model, length, interpolate=False):
    """Bits per byte of the held-out stories, read in pieces of this length."""
    longer = model if length == 36 else lengthen(model, length, interpolate)
    return evaluate(longer, corpus.validation, context=length).bits_per_byte


# %%
torch.manual_seed(0)  # for new rows
LENGTHS, scores = (36, 72, 144), {}
for kind in FIVE:
    scores[kind] = {n: np.array([at_length(m, n) for m in models[kind]]) for n in LENGTHS}

# %%
for kind in FIVE:
    for n, found in scores[kind].items():
        print(f"{kind:12} {n:3} tokens: {found.mean():.3f} ± {found.std(ddof=1):.3f}", end="")
        more = found - scores[kind][36]
        print(f"   against 36: {more.mean():+.3f} ± {more.std(ddof=1):.3f}" if n > 36 else "")

# %%
fig, ax = plots.figure("Trained on 36 tokens, read in longer pieces", 5.2, 2.7)
LOOK = dict(zip(FIVE, (plots.GRAY, plots.BLUE, plots.ORANGE, plots.PINK, plots.GREEN)))
for kind in FIVE:
    runs = np.array(list(scores[kind].values())).T  # (seeds, lengths)
    plots.band(ax, runs, kind, steps=LENGTHS, color=LOOK[kind], marker="o", ms=4)
ax.set(xlabel="tokens in a piece", ylabel="bits per byte", xticks=LENGTHS, ylim=(0, None))
plots.name_lines(ax)
alt = "Loss over length: sinusoidal, learned rise steeply, quiet, none a little, ALiBi not."
plots.show(fig, alt=alt)
if run.scale == "cpu":
    ratio = {kind: scores[kind][144] / scores[kind][36] for kind in FIVE}
    sharp = np.concatenate([ratio["learned"], ratio["sinusoidal"]])
    check.true("learned and sinusoidal lose over a quarter with every seed", sharp > 1.25)
    slow = np.concatenate([ratio["no positions"], ratio["quiet waves"]])
    check.true("no positions and quiet waves lose, too, with every seed", slow > 1.05)
    check.true("ALiBi stays within 6 %", np.abs(ratio["ALiBi"] - 1) < 0.06)
    check.true("its 72 beat its 36, seed by seed", scores["ALiBi"][72] < scores["ALiBi"][36])

# %% [markdown]
# Learned positions break, as they must: nobody trained the new rows. And the sinusoids, which have a
# row for every place, with products that depend on the distance only, break, too: badly where they
# are as loud as the words, and bit by bit where they are quiet, like no positions. ALiBi alone comes
# out even. (That the kinds differ at 36, too, is no verdict: one rate for all, and so few steps that
# loud waves are still more noise than help.)
#
# ### Where it breaks
#
# The same models, pieces of 144 tokens, loss by place in the story (mean of 12 places). Later places
# hold other words, so here is a yardstick: the dashed line is ALiBi on the same words, read in short
# pieces. **Predict:** at which place does each curve bend? And where does the dashed one jump?


# %%
@torch.no_grad()
def loss_by_place(model, piece=144):
    """Nats per token for groups of 12 places of a story, read in pieces."""
    longer, total, count = lengthen(model, 144), torch.zeros(144), torch.zeros(144)
    for ids, labels in document_rows(corpus.validation, 144):
        logits = torch.cat([longer(part) for part in ids.split(piece, dim=1)], dim=1)
        nats = F.cross_entropy(logits.mT, labels, ignore_index=IGNORED, reduction="none")
        total[: ids.shape[1]] += nats.sum(0)
        count[: ids.shape[1]] += (labels != IGNORED).sum(0)
    return (total.view(-1, 12).sum(1) / count.view(-1, 12).sum(1)).numpy()


losses = {kind: np.array([loss_by_place(model) for model in models[kind]]) for kind in FIVE}
fresh = np.array([loss_by_place(model, piece=36) for model in models["ALiBi"]])
# %%
fig, ax = plots.figure("Loss by place; trained up to the dotted line", 5.2, 2.7)
places = 6 + 12 * np.arange(12)
for kind in FIVE:
    plots.band(ax, losses[kind], kind, steps=places, color=LOOK[kind])
ax.plot(places, fresh.mean(0), color=plots.GREEN, ls="--", lw=1)
ax.axvline(36, color=plots.GRAY, ls=":", lw=1)
ax.set(xlabel="place in the story", ylabel="nats per token", xticks=range(0, 145, 36))
ax.set_ylim(0, None)
plots.name_lines(ax)
alt = (
    "Loss by place: learned and sinusoidal jump at 36; none and quiet climb; ALiBi hardly does."
)
plots.show(fig, alt=alt)
if run.scale == "cpu":
    jumps = {kind: (losses[kind][:, 3] - losses[kind][:, 2]).min() for kind in KINDS}
    check.true("table and loud waves jump", min(jumps["learned"], jumps["sinusoidal"]) > 0.6)
    gain = losses["ALiBi"] - fresh  # (seeds, groups): below 0, the long piece is better
    print("ALiBi, pieces of 144 against 36:", gain.mean(0).round(2))
# %% [markdown]
# Table and loud waves break at the first place that the training never saw; the others go wrong bit by
# bit. The dashed line jumps at 36, 72 and 108: a new piece begins without a past, and that is dear. In
# between it lies *below* the green one. So ALiBi is even out of two parts: it saves the beginnings, and
# loses a little where more than 36 tokens are in sight.
#
# Why break at all? For the table it is clear: nobody trained its new rows. But the waves? Their
# products are the same everywhere. A head, however, multiplies a query with a key, and these come out
# of learned matrices. Take this morning's clock, and put any matrix between two of its places:

# %%
between = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
for a, b in ((1, 2), (3, 4), (5, 6)):
    raw, learned = hands[a] @ hands[b], hands[a] @ between @ hands[b]
    print(f"places {a} and {b}: product {raw:.2f}, through a matrix {learned:.2f}")

# %% [markdown]
# One distance, one product; through the matrix it is another each time. So ask the first layer of the
# trained models where it looks in held-out text: which share of its weight falls on the 8 nearest
# tokens? The dashed line is an even look at everything so far. **Predict** both curves.


# %%
texts = torch.from_numpy(np.asarray(corpus.validation.input_ids[: 10 * 144], dtype=np.int64))
texts = texts.view(10, 144)
no_price = torch.zeros(144, 144).masked_fill(~causal_mask(144), -torch.inf)


@torch.no_grad()
def looks(model):  # share of the 8 nearest by place, mean of texts and heads
    inner = lengthen(model, 144).model
    layer, places = inner.layers[0], torch.arange(144)[None]
    x = layer.input_layernorm(inner.embed_tokens(texts) + inner.embed_positions(places))
    q, k = layer.self_attn.queries_and_keys(x, None, None)
    price = layer.self_attn.visible(None, q, k)
    scores = q @ k.mT / q.shape[-1] ** 0.5 + (no_price if price is None else price)
    return scores.softmax(-1).triu(-7).sum(-1).mean((0, 1)).numpy()


curves = {kind: np.array([looks(model) for model in models[kind]]) for kind in FIVE[2::2]}
even = np.array([min(1, 8 / (place + 1)) for place in range(144)])
fig, ax = plots.figure("Weight on the 8 nearest tokens, first layer", 5.0, 2.4)
for name, runs in curves.items():
    plots.band(ax, runs[:, 8:], name, steps=range(8, 144), color=LOOK[name])
ax.plot(range(8, 144), even[8:], color=plots.GRAY, ls="--", lw=1)
ax.axvline(36, color=plots.GRAY, ls=":", lw=1)
ax.set(xlabel="place", ylabel="share of the weight", xticks=range(0, 145, 36), ylim=(0, 1.05))
plots.name_lines(ax)
alt = "Loud waves: a high share up to 36, then a fall to an even look. ALiBi falls slowly."
plots.show(fig, alt=alt)
if run.scale == "cpu":
    seen, unseen = (
        curves["sinusoidal"][:, part].mean(1) for part in (slice(20, 36), slice(72, 144))
    )
    check.true(
        "up to 36 they look nearer than evenly, every seed", seen > 1.25 * even[20:36].mean()
    )
    check.true("beyond, less than a third of that is left", unseen < seen / 3)

# %% [markdown]
# Within the places of the training, loud waves find the neighbors; beyond, the look is nearly even.
# *Depends on the distance only* holds for the raw waves, and nothing obliges a learned matrix to keep
# it. ALiBi's price comes after the matrices, where they cannot touch it.
#
# A longer text has new places, and *more* to look at. Three controls. New places without much more:
# four times the length, but in each layer a window of 36 (Day 12).
# Without anything more: pieces of 36 whose waves begin at place 36. And for the table: rows stretched
# from the old ones. **Predict** who is healed by which.


# %%
@torch.no_grad()
def through_a_window(model):
    narrow = lengthen(model, 144)
    for block in narrow.model.layers:
        block.self_attn.window = 36
    return evaluate(narrow, corpus.validation).bits_per_byte


class Later(nn.Module):  # the same waves, but each place is 36 further
    def __init__(self, waves):
        super().__init__()
        self.waves = waves

    def forward(self, positions):
        return self.waves(positions + 36)


def begun_later(model):
    moved = copy.deepcopy(model)
    moved.model.embed_positions = Later(moved.model.embed_positions)
    return at_length(moved, 36)


# %%
window = {kind: np.array([through_a_window(m) for m in models[kind]]) for kind in FIVE}
later = {kind: np.array([begun_later(m) for m in models[kind]]) for kind in FIVE[2:4]}
stretched = np.array([at_length(model, 144, interpolate=True) for model in models["learned"]])
for kind in FIVE:
    short_piece, long_piece = scores[kind][36].mean(), scores[kind][144].mean()
    print(f"{kind:12} 36: {short_piece:.3f}   144: {long_piece:.3f}", end="")
    print(f"   144 through a window: {window[kind].mean():.3f}")
for kind, found in later.items():
    print(f"{kind}, 36 tokens begun at place 36: {found.mean():.3f}")
print(f"learned, 144 with stretched rows: {stretched.mean():.3f}")
if run.scale == "cpu":
    for kind in ("no positions", "ALiBi"):
        check.true(f"a window helps {kind}, every seed", window[kind] < scores[kind][144])
    check.true("ALiBi in a window is ahead of 36 tokens", window["ALiBi"] < scores["ALiBi"][36])
    broken = [window[k] / scores[k][36] for k in ("learned", "sinusoidal")]
    check.true("it does not heal the other two", np.concatenate(broken) > 1.2)
    check.true("stretched is better than untrained", stretched < scores["learned"][144])
    only_places = later["sinusoidal"] - scores["sinusoidal"][36]
    whole_break = scores["sinusoidal"][144] - scores["sinusoidal"][36]
    check.true(
        "new places alone: most of the break of loud waves", only_places > 0.5 * whole_break
    )

# %% [markdown]
# The window gives "no positions" most of its loss back: an even look at 144 tokens is not one at 36.
# ALiBi keeps the saved beginnings, and loses nothing to far tokens: now it gains. Table and loud
# waves stay broken, and 36 tokens at new places break the waves as badly, without a longer text: it
# is the places. The stretched table is much better than untrained rows, and no better than no
# positions at all.
#
# ### What the table has learned
#
# Does a trained table know which places are near? The cosine (Day 6) of every two rows. **Predict**
# the three pictures.

# %%
torch.manual_seed(0)
untrained = torch.randn(36, shape.hidden_size)
learned = models["learned"][0].model.embed_positions.weight.detach()
waves = SinusoidalPositions(shape.hidden_size)(torch.arange(36))
tables = {"untrained": untrained, "trained": learned, "waves": waves}
fig, axes = plots.figure("Cosine of the rows of two places", 5.5, 2.2, ncols=3)
for ax, (name, rows) in zip(axes, tables.items()):
    unit = F.normalize(rows, dim=-1)
    image = ax.imshow(unit @ unit.T, cmap="RdBu", vmin=-1, vmax=1)
    ax.set(title=name, xlabel="place", xticks=[0, 18, 35], yticks=[0, 18, 35])
    ax.grid(False)
fig.colorbar(image, ax=list(axes))
alt = "Three maps of cosines: noise; a band that widens with the place; the even band of waves."
plots.show(fig, alt=alt)
close = []
for model in models["learned"]:
    rows = model.model.embed_positions.weight.detach()
    close.append(F.cosine_similarity(rows[1:], rows[:-1]).mean().item())
print("mean cosine of trained neighbors, by seed:", np.round(close, 2))
if run.scale == "cpu":
    check.true("trained neighbors are alike, with every seed", min(close) > 0.2)

# %% [markdown]
# The training has found out that places have neighbors, from the text alone: its rows began as noise.
# In the stored run the band widens with the place.
#
# ### The ladder
#
# Back to rows of 144 and the ladder's full budget (far more steps: do not compare with the numbers
# above). What is each kind worth where nothing is longer than trained? ALiBi is today's rung, trained
# here; beside it stands the course's record, each kind at its own best rate, three seeds (`python -m
# helpers ladder`). **Predict:** how much does a model lose that is told nothing of places?

# %%
climb = rung.climb(variants.of_size("ALiBi", budget.model), corpus, budget, "ALiBi")
ladder.add("ALiBi", day=13, **climb.entry)
print("ALiBi, here:", np.round(climb.entry["bits_per_byte"], 4), "bits per byte, by seed")
known = json.loads((runtime.ROOT / "data/golden_runs/ladder.json").read_text())["models"]
print(record.table({name: known[name] for name in ("GPT", *KINDS) if name in known}))

# %% [markdown]
# In the record ALiBi is almost a tenth ahead of the GPT with its learned table, sines are within the
# table's spread, and the model that nobody tells where its words stand is a tenth behind.

# %% [markdown]
# ## What can go wrong
#
# ### Packed texts
#
# To fill its rows, a training packs several texts into one. Does the second one begin at place 0
# again, or where the first one ended? And may it look at the first? The instrument: read the second
# text **alone**, then packed behind another; are its logits the same? **Predict** the board for our
# four kinds.


# %%
@torch.no_grad()
def placed(model, ids, positions, mask):  # logits, with positions and mask of your choice
    x = model.model.embed_tokens(ids) + model.model.embed_positions(positions[None])
    slopes = alibi_slopes(model.config.num_attention_heads)[:, None, None]
    price = slopes * (positions - positions[:, None])
    for block in model.model.layers:
        if isinstance(block.self_attn, attention.AlibiAttention):  # it counts columns by itself
            block.self_attn.visible = lambda *_: price.masked_fill(~mask, -torch.inf)
        x = block(x, mask[None, None], None)
    return model.lm_head(model.model.norm(x))


# %%
half, ends = 18, corpus.validation.end_of_text_id  # 18 tokens of two stories: 36, as trained
held = [corpus.validation.document(i) for i in range(len(corpus.validation) // 2 * 2)]
starts = [[ends, *map(int, d[: half - 1])] for d in held]
# a row: end-of-text, 17 tokens of story A, end-of-text, 17 of story B
packed = torch.tensor([a + b for a, b in zip(starts[::2], starts[1::2])])
labels = torch.tensor([[int(i) for i in d[:half]] for d in held[1::2]])

# %%
column, both = torch.arange(2 * half), causal_mask(2 * half)
own_text = both & (column[:, None] // half == column // half)
restart, go_on = column % half, column
PACKINGS = {"restart,\nown text": (restart, own_text), "go on,\nown text": (go_on, own_text)}
PACKINGS |= {"go on,\nboth": (go_on, both), "restart,\nboth": (restart, both)}
same, costs = {}, {kind: [] for kind in KINDS}

# %%
for kind in KINDS:
    for model in models[kind]:
        alone = placed(model, packed[:, half:], column[:half], causal_mask(half))
        logits = [placed(model, packed, *way)[:, half:] for way in PACKINGS.values()]
        same[kind] = [bool((out - alone).abs().max() < 1e-4) for out in logits]
        costs[kind] += [[F.cross_entropy(out.mT, labels).item() for out in (alone, *logits)]]

# %%
fig, ax = plots.figure("Are the logits those of the text alone?", 5.2, 2.5)
plots.board(ax, list(same), list(PACKINGS), list(same.values()))
alt = "Four kinds of positions, four ways to pack: only the first is right for all kinds."
plots.show(fig, alt=alt)
check.true("right for 2, 1, 1, 2 ways", [sum(row) for row in same.values()] == [2, 1, 1, 2])

# %% [markdown]
# To restart *and* to hide the other text is right for all. Who knows distances only, or nothing at
# all, may as well go on counting. Learned positions and sines may not.
#
# Our models have only seen "go on, both" in training, where to differ from *alone* is no fault. What
# does each way cost them? **Predict** the worst.

# %%
print(" " * 12, *(f"{way:>17}" for way in ["alone", *(w.replace("\n", " ") for w in PACKINGS)]))
for kind, rows in costs.items():
    print(f"{kind:12}", *(f"{value:17.2f}" for value in np.mean(rows, axis=0)))
if run.scale == "cpu":
    rows = np.concatenate([costs[kind] for kind in KINDS[1:]])  # all that have places
    check.true("restart, both: a quarter above go on, both", rows[:, 4] > 1.25 * rows[:, 3])

# %% [markdown]
# The last column: positions restart, and both texts are in sight. Two tokens claim the same place, and
# tokens of the first text claim places that are still to come, for which ALiBi *pays*. Nothing stops,
# and all shapes are right. Only a model without positions cannot tell. So: **what you count and what
# you hide must agree**, in training and after it. The column before it has a price, too, where no place
# tells the other text apart: a sixth for no positions, in the stored run.
#
# ### ALiBi
#
# Four suspects beside the right one, as functions of queries (batch, heads, time, head_dim) and of
# keys and values, of which a cache holds more. Each stands in public code. **Take two minutes: which
# are wrong?** One is innocent.


# %%
def mixed(scores, v):  # hide the future, then softmax, then the mixture; new queries stand last
    time, keys = scores.shape[-2:]
    return scores.masked_fill(~causal_mask(keys)[-time:], -torch.inf).softmax(-1) @ v


def price_of(q, distance):  # (heads, time, keys)
    return alibi_slopes(q.shape[1]).to(q)[:, None, None] * distance


def alibi(q, k, v):
    column = torch.arange(k.shape[2])
    ahead = column - column[-q.shape[2] :, None]
    return mixed(q @ k.mT / q.shape[-1] ** 0.5 + price_of(q, ahead), v)


def suspect_1(q, k, v):
    column = torch.arange(k.shape[2])
    behind = column[-q.shape[2] :, None] - column
    return mixed(q @ k.mT / q.shape[-1] ** 0.5 + price_of(q, behind), v)


def suspect_2(q, k, v):
    column = torch.arange(k.shape[2])[None]
    return mixed(q @ k.mT / q.shape[-1] ** 0.5 + price_of(q, column), v)


def suspect_3(q, k, v):
    column = torch.arange(k.shape[2])
    ahead = column - column[-q.shape[2] :, None]
    return mixed((q @ k.mT + price_of(q, ahead)) / q.shape[-1] ** 0.5, v)


def suspect_4(q, k, v):
    new = torch.arange(q.shape[2])
    return mixed(q @ k.mT / q.shape[-1] ** 0.5 + price_of(q, new - new[:, None]), v)


# %% [markdown]
# Four probes. Two use queries of 0 and values that name their token, so that the output *is* the
# weights. **Predict** the board.


# %%
def random_heads(time=8):
    g = torch.Generator().manual_seed(0)
    return (torch.randn(2, 4, time, 16, generator=g) for _ in range(3))


def weights_of(f, time=8):  # of the last token for each token, when all scores are equal
    q = torch.zeros(1, 4, time, 16)
    return f(q, q, torch.eye(time).expand(1, 4, -1, -1))[0, :, -1]  # (heads, time)


# %%
def past_ignores_future(f):
    q, k, v = random_heads()
    later = (torch.cat([t[:, :, :5], t[:, :, 5:] + 1], dim=2) for t in (k, v))
    return torch.allclose(f(q, k, v)[:, :, :5], f(q, *later)[:, :, :5], atol=1e-5)


def nearer_weighs_more(f):
    return bool((weights_of(f).diff(dim=1) > 0).all())


def ratio_is_the_slope(f):
    return torch.allclose(weights_of(f).log().diff(dim=1), alibi_slopes(4)[:, None], atol=1e-4)


def steps_are_equal(f):  # the last token alone, with the keys and values of a cache
    q, k, v = random_heads()
    return torch.allclose(f(q, k, v)[:, :, -1:], f(q[:, :, -1:], k, v), atol=1e-5)


PROBES = [past_ignores_future, nearer_weighs_more, ratio_is_the_slope, steps_are_equal]

# %%
rows = ["suspect 1", "suspect 2", "suspect 3", "suspect 4", "ours"]
lineup = [suspect_1, suspect_2, suspect_3, suspect_4, alibi]
passed = np.array([[bool(probe(f)) for probe in PROBES] for f in lineup])
columns = [probe.__name__.replace("_", "\n", 1).replace("_", " ") for probe in PROBES]
fig, ax = plots.figure("Who keeps which promise?", 5.4, 2.4)
plots.board(ax, rows, columns, passed)
plots.show(
    fig, alt="Five functions, four probes: ours and suspect 2 pass all, the others fail some."
)
guilty = (~passed.all(1)).tolist()
check.true(
    "1, 3 and 4 are convicted; 2 and ours are not", guilty == [True, False, True, True, False]
)
check.true("hiding the future convicts nobody", passed[:, 0].all())

# %% [markdown]
# Suspect 2 counts keys from the first token and forgets the query. But in one row all prices then
# differ from the right ones by the same number, which a softmax does not see: on paper it is
# innocent. **Predict:** what does bfloat16 say, which keeps 8 bits of a number, after 2,000 tokens?

# %%
q, k, v = random_heads(2000)
right, halves = alibi(q, k, v), [t.bfloat16() for t in (q, k, v)]
errors = [(f(*halves).float() - right).norm() / right.norm() for f in (alibi, suspect_2)]
check.close("float32: suspect 2 = ours", suspect_2(q, k, v), right, tol=1e-3)
print(f"bfloat16: relative error of ours {errors[0]:.0e}, of suspect 2 {errors[1]:.0e}")
check.true("over five times the error", errors[1] > 5 * errors[0])

# %% [markdown]
# The steepest slope is 1/4, so its price near the end is 500, and there bfloat16 knows multiples of 2
# alone: neighbors get one price. Ours is exact near the token itself.
#
# <details><summary>The case files (open after you have decided)</summary>
#
# | case | what it is | where it has been |
# |---|---|---|
# | packed: restart, both | places restart, the other text stays in sight | [nanoVLM](https://github.com/huggingface/nanoVLM/pull/204) measures that restarting alone does not separate the texts |
# | packed: go on, own text | the other text is hidden, places go on | [LlamaFactory](https://github.com/hiyouga/LlamaFactory/pull/7318), which now restarts them |
# | suspect 1 | the sign: distance is rewarded | [attention-gym](https://github.com/meta-pytorch/attention-gym/pull/86), in an example |
# | suspect 2 | none, in enough precision | [the authors' own code](https://github.com/ofirpress/attention_with_linear_biases/issues/9), and many who asked whether it is wrong |
# | suspect 3 | the price is divided by √head_dim, too. The small Falcons are trained so: right there, wrong elsewhere | [a converter of NVIDIA's](https://github.com/NVIDIA/TensorRT-Model-Connect/pull/32) had ours for a Falcon |
# | suspect 4 | the price is made for the new tokens alone; a single one gets 0 | [keras-hub](https://github.com/keras-team/keras-hub/pull/2977): no ALiBi while writing |
#
# </details>

# %% [markdown]
# ## Recap
#
# | | where it acts | learned | past the trained length, here |
# |---|---|---|---|
# | none | nowhere; the mask tells two layers and more | - | wrong bit by bit: more tokens in sight |
# | learned | added to the embedding | a row for each place | breaks at once: untrained rows |
# | sinusoidal | added to the embedding | nothing | loud: breaks at once; quiet: bit by bit |
# | ALiBi | added to the scores | nothing | comes out even; in a window it gains |
#
# - One layer with a causal mask takes its past as a bag of words; two layers can know the order.
# - Products of waves depend on the distance only; what a model makes of them need not.
# - A longer text has new places *and* more tokens: change one at a time.
# - When texts are packed, what you count and what you hide must agree.

# %% [markdown]
# ## Exercises
#
# ### 13.1 One place by hand · ●○○ · 5 minutes
#
# Return the sinusoidal vector of one place as a list of `dim` numbers (`dim` is even): for each hand
# its sine, then its cosine, the fastest hand first. `theta` takes the place of 10000.
#
# <details><summary>Hint 1</summary>There are dim / 2 hands. Which power of theta belongs to hand i?</details>
# <details><summary>Hint 2</summary>Hand i stands at the angle place / theta^(2i / dim), in radians.</details>


# %%
def my_wave(place, dim, theta):
    return None  # TODO: your answer


check.exercise("13.1", my_wave)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 13.1
def solution_1(place, dim, theta):
    angles = [place / theta ** (2 * i / dim) for i in range(dim // 2)]
    return [wave(angle) for angle in angles for wave in (math.sin, math.cos)]


check.solution("13.1", solution_1)

# %% [markdown]
# ### 13.2 Out of sight · ●●○ · 5 minutes
#
# At which distance has an ALiBi head forgotten a token? Return the smallest whole distance at which a
# token weighs less than `share` of what the token itself (distance 0) weighs, when all scores are
# equal before the price is subtracted. 0.01 is a hundredth; `share` is at most 1.
#
# <details><summary>Hint 1</summary>A softmax turns a difference of scores into a ratio of weights. Which one?</details>
# <details><summary>Hint 2</summary>The ratio at distance d is exp(-slope · d). You may count upwards until it is small enough.</details>


# %%
def my_sight(slope, share):
    return None  # TODO: your answer


check.exercise("13.2", my_sight)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 13.2
def solution_2(slope, share):
    return math.floor(-math.log(share) / slope) + 1


check.solution("13.2", solution_2)
print("our four heads:", [solution_2(slope, 0.01) for slope in alibi_slopes(4).tolist()])

# %% [markdown]
# ### 13.3 Slopes to measure · ●●○ · 10 minutes
#
# Choose slopes for your own texts. The weight of a token (scores equal, itself = 1) shall have come
# down to exactly `share` at the distance `near` for the first head and at the distance `far` for the
# last one; from head to head this distance grows by a constant factor. Return a list of `heads`
# slopes, as positive numbers; `heads` is at least 2.
#
# <details><summary>Hint 1</summary>First find the distance of each head, then its slope.</details>
# <details><summary>Hint 2</summary>From near to far there are heads - 1 equal factors. And exp(-slope · distance) = share: solve it for the slope.</details>


# %%
def my_slopes(heads, near, far, share):
    return None  # TODO: your answer


check.exercise("13.3", my_slopes)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 13.3
def solution_3(heads, near, far, share):
    factor = (far / near) ** (1 / (heads - 1))
    return [-math.log(share) / (near * factor**i) for i in range(heads)]


check.solution("13.3", solution_3)

# %% [markdown]
# ### 13.4 Stretch the table · ●●● · 15 minutes
#
# Make a table of learned positions `factor` times as long, without training ([Chen et al.,
# 2023](https://arxiv.org/abs/2306.15595), do so for tomorrow's kind). Row p of the new table is read
# at place p / factor of the old one. Between two old rows, mix them in proportion: at place 2.25 take
# three quarters of row 2 and one quarter of row 3. (Not from end to end, as `lengthen` does.) Beyond
# the last old row, stay at the last row. `table` is a tensor (places, dim); return a tensor (factor ·
# places, dim) of its dtype.
#
# <details><summary>Hint 1</summary>For each new row: which old row lies below its place, which above, and how far along the way is it?</details>
# <details><summary>Hint 2</summary><code>floor</code> gives the row below. The row above is one further, but never beyond the last (<code>clamp</code>). A weight of shape (rows, 1) broadcasts.</details>


# %%
def my_stretch(table, factor):
    return None  # TODO: your answer


check.exercise("13.4", my_stretch)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 13.4
def solution_4(table, factor):
    where = torch.arange(factor * len(table)) / factor
    below, above = where.floor().long(), where.ceil().long().clamp(max=len(table) - 1)
    return torch.lerp(table[below], table[above], (where - below)[:, None].to(table))


check.solution("13.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Learned and sinusoidal positions broke because 36 places were all that the training
# ever saw. Let it see more, without longer rows: begin each training row at a random place between 0
# and 108 (wrap `embed_positions`, as `Later` does), and read 144 tokens. What does it cost at 36?
#
# **Tomorrow: rotary embeddings.** Learned matrices spoil the waves, because they come after them.
# What if the waves came after the matrices? Day 14 turns queries and keys like the hands of a clock,
# and asks whether that is enough to read longer texts.
