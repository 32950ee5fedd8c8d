# %% [markdown]
# # Day 9 · Multi-head attention
#
# Today attention learns to look at several things at once, the parts so far become a small GPT that
# you train, and you ask a trained model what each of its heads is for.
#
# **You build:** multi-head attention as one reshape, and the small GPT that the next eleven days
# improve
#
# **At the end you will have**
#
# - multi-head attention twice, as a loop and as one reshape, equal to PyTorch's and to GPT-2's
# - a GPT that you trained, stories that it wrote, and the first rung of a ladder that grows until Day
#   21
# - a picture of what 24 heads of a trained model look at, and the price of removing each
#
# **Time:** about 110 minutes, and 55 more for the exercises: 165 minutes. The code runs in about four
# minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day09_multi_head_attention.ipynb)
#
# Previous: [Day 8 · Causal attention](day08_causal_attention.ipynb) · Next:
# [Day 10 · KV cache](day10_kv_cache.ipynb)

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
import json
import math
import re
from contextlib import ExitStack
from dataclasses import replace
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from helpers import runtime
from helpers.inference.generate import Sampling, generate_all
from helpers.lesson import check, explorer, ladder, plots, widgets
from helpers.model import gpt, weights
from helpers.model.attention import Attention, attention_weights, causal_mask
from helpers.model.cache import positions_and_mask
from helpers.model.gpt import require_room
from helpers.model.inspect import attention_maps, without_head
from helpers.model.layers import Linear
from helpers.text import stories
from helpers.training import rung
from helpers.training.evaluate import grade_stories, write_stories

run = runtime.start(day=9)

# %%
size = runtime.pick(
    tiny=dict(seeds=2, fetch_steps=150, written=4, depths=((1, 2), (2, 2)), stories=8,
              suspect_steps=20, one_by_one=1),
    cpu=dict(seeds=3, fetch_steps=250, written=20, depths=((1, 5), (2, 4), (4, 3)), stories=30,
             suspect_steps=120, one_by_one=2),
    gpu=dict(seeds=5, fetch_steps=250, written=100, depths=((1, 5), (2, 4), (4, 3)),
             stories=100, suspect_steps=300, one_by_one=5),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# Yesterday's attention makes one mixture at each place. To go on after "he gave it to her" one has to
# know who he is, what it is, and who she is. Let each word have one number to say: *he* 2, *it* 5,
# *her* 8, and the others 0. The weights of a softmax sum to 1, so here each of the three gets a
# third. **Predict** the mixture. Which other texts would give the same?

# %%
said = torch.tensor([2.0, 0, 5, 0, 8])  # he gave it to her
one = torch.tensor([1, 0, 1, 0, 1]) / 3  # one softmax that looks at all three
three = torch.eye(5)[[0, 2, 4]]  # three that look at one word each
print("one mixture   ", (one @ said).item())
print("three mixtures", (three @ said).tolist())

# %% [markdown]
# 5 is also what *it* says alone, and what 4, 5 and 6 give: the mean of three numbers does not tell
# the three. (More numbers for each word do not help: all words go through one value matrix, and the
# mixture adds them up.) Three softmaxes tell them, as each has weights of its own. Such a part of
# attention, with its own queries, keys and values, is called a **head**.
#
# Several heads need not cost more than one. The numbers of a token are shared out: with 4 numbers and
# 2 heads, each head works on 2. In the table below, 23 is token 2, feature 3. **Predict** what the
# second head gets.

# %%
token, feature = torch.arange(1, 4)[:, None], torch.arange(1, 5)
side_by_side = 10 * token + feature  # (3 tokens, 4 features)
heads = side_by_side.unflatten(-1, (2, 2)).transpose(0, 1)  # (2 heads, 3 tokens, 2 features)
print(side_by_side, "\n", heads)
check.close("and back again", heads.transpose(0, 1).flatten(1), side_by_side, tol=0)

# %% [markdown]
# The last two features of *every* token. Two steps: `unflatten` cuts the last axis into (heads,
# features of a head), and `transpose` brings the heads to the front, so that each is a table of
# tokens. On the way back the same two steps, in reverse.

# %% [markdown]
# ## Build it
#
# ### One head after another
#
# First the plain way: each head is yesterday's attention, only narrower, with three matrices of its
# own. What the heads say is put side by side, and one more matrix, the **output projection**
# `o_proj`, brings it back to the width of a token. (`attention_weights` and `causal_mask` are
# yesterday's.)


# %%
class HeadByHead(nn.Module):
    def __init__(self, width, heads, head_dim):
        super().__init__()
        self.heads = nn.ModuleList()
        for _ in range(heads):
            three = (nn.Linear(width, head_dim, bias=False) for _ in range(3))
            self.heads.append(nn.ModuleList(three))
        self.o_proj = nn.Linear(heads * head_dim, width, bias=False)

    def said(self, x):  # what each head says: a list of (batch, time, head_dim)
        mask = causal_mask(x.shape[1])
        return [attention_weights(q(x), k(x), mask) @ v(x) for q, k, v in self.heads]

    def forward(self, x):  # (batch, time, width) -> (batch, time, width)
        return self.o_proj(torch.cat(self.said(x), dim=-1))


# %% [markdown]
# Why the last matrix? Side by side, each head could write only into its own few features of the
# token. Cut `o_proj` by columns, and it is one matrix for each head, from what the head says to all
# features:

# %%
layer, x = HeadByHead(width=32, heads=4, head_dim=8), torch.randn(2, 6, 32)
parts = layer.o_proj.weight.split(8, dim=1)  # four matrices of shape (32, 8)
adds = [said @ W.T for said, W in zip(layer.said(x), parts)]
check.close("side by side, then o_proj = the sum over heads", layer(x), sum(adds), tol=1e-6)

# %% [markdown]
# So the heads do not form a chain. Each **adds** something of its own, and could be left out of the
# sum.
#
# ### All heads at once
#
# The loop makes many small products, and all read the same x. Put the query matrices of all heads on
# top of one another, and one large product gives all queries, side by side. Then cut them apart as in
# the small example. What follows works on the last two axes, however many stand in front.
# **Predict:** how many times as fast is it with sixteen heads?


# %%
class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads, head_dim):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.q_proj = nn.Linear(width, heads * head_dim, bias=False)
        self.k_proj = nn.Linear(width, heads * head_dim, bias=False)
        self.v_proj = nn.Linear(width, heads * head_dim, bias=False)
        self.o_proj = nn.Linear(heads * head_dim, width, bias=False)

    def split(self, x):  # (batch, time, heads * head_dim) -> (batch, heads, time, head_dim)
        return x.unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2)

    def merge(self, said):  # and back
        return said.transpose(1, 2).flatten(2)

    def forward(self, x, *rest):  # the GPT below hands over more, which is not needed here
        q, k, v = (self.split(proj(x)) for proj in (self.q_proj, self.k_proj, self.v_proj))
        mask = causal_mask(x.shape[1]).to(x.device)
        return self.o_proj(self.merge(attention_weights(q, k, mask) @ v))


# %%
loop, mine, x = HeadByHead(128, 16, 8), MultiHeadAttention(128, 16, 8), torch.randn(4, 64, 128)
state = {"o_proj.weight": loop.o_proj.weight}
for i, name in enumerate(("q_proj", "k_proj", "v_proj")):
    state[f"{name}.weight"] = torch.cat([head[i].weight for head in loop.heads])
mine.load_state_dict(state)
check.close("one reshape = the loop", mine(x), loop(x), tol=1e-6)

# %%
with torch.no_grad():
    slow, fast = (runtime.seconds(lambda way=way: way(x), repeats=20) for way in (loop, mine))
print(f"the loop takes {slow / fast:.1f} times as long")
check.true("the loop is slower", slow > 1.1 * fast)

# %% [markdown]
# The same numbers, sooner: the arithmetic is the same, but it comes in a few large pieces (Day 4).
#
# What do more heads cost? **Predict** the parameters of one layer of width 128 with 1, 4 and 16 heads
# that share the width. And how many weights does it make for a text of 144 tokens?

# %%
for heads in (1, 4, 16):
    layer = MultiHeadAttention(128, heads, 128 // heads)
    count = weights.count_parameters(layer)
    print(
        f"{heads:2} x {128 // heads:3} wide: {count:,} parameters, {heads * 144**2:7,} weights"
    )

# %% [markdown]
# Always 4 · 128²: more heads are narrower heads. What grows are the tables of weights, one for each
# head. The price is hidden: a head of width 8 compares tokens by 8 numbers, and fetches 8.
#
# ### What one mixture cannot carry
#
# Now measured. Texts of four tokens, each with four random numbers, its *facts*, and a mark for its
# place. The last token has to report the facts of the first *and* of the second token. An error of 0
# is a perfect report, and always saying 0 has an error of 1. With one mixture whose weights depend on
# places alone, nothing below 0.5 is possible: what it gains for one token, it loses for the other.
# All layers have equally many parameters, and each takes the better of two learning rates.
# **Predict** the errors of 1, 2 and 4 heads.


# %%
def fetch_two(heads, lr, seed, width=16):
    """Mean squared error of reporting the facts of two tokens, after training."""
    torch.manual_seed(seed)
    layer = MultiHeadAttention(width, heads, width // heads)
    optimizer, errors = torch.optim.Adam(layer.parameters(), lr), []
    marks = F.pad(3 * torch.eye(4), (0, width - 8)).expand(64, -1, -1)
    for _ in range(size.fetch_steps):
        facts = torch.randn(64, 4, 4)
        report = layer(torch.cat([facts, marks], dim=-1))[:, -1, :8]
        loss = F.mse_loss(report, facts[:, :2].flatten(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    return np.mean(errors[-25:])


errors = {}
for heads in (1, 2, 4):
    tried = [[fetch_two(heads, lr, s) for s in range(size.seeds)] for lr in (0.01, 0.03)]
    errors[heads] = np.array(min(tried, key=np.mean))
    mean, spread = errors[heads].mean(), errors[heads].std(ddof=1)
    print(f"{heads} heads: error {mean:.4f} ± {spread:.4f} over {size.seeds} seeds")
check.true("one head loses a quarter or more, every time", errors[1] > 0.25)
check.true("two heads lose less than a tenth of that", errors[2] < 0.1 * errors[1].min())

# %% [markdown]
# One head stays near 0.39 with every seed (its weights may depend on the facts too, which helps a
# little). Two heads report everything, and more heads than things to look at bring nothing here.
# "With a single attention head, averaging inhibits this", say [Vaswani et al.
# (2017)](https://arxiv.org/abs/1706.03762), section 3.2.2.
#
# ### The block
#
# Yesterday's model looked, thought, and added both to what a token had. A **block** does the same,
# with three changes:
#
# ```text
#             ┌─ norm ─ look: attention ─┐       ┌─ norm ─ think: feed-forward ─┐
#    stream ──┴──────────────────────────+───────┴──────────────────────────────+── stream
# ```
#
# - The row of numbers that runs through all blocks is the *stream*. Both branches read a **norm** of
#   it: *LayerNorm* brings each token to mean 0 and standard deviation 1, then scales every feature by
#   a learned weight. Day 15 takes it apart.
# - In the feed-forward net GELU takes the place of ReLU: the same bend, without a corner (Day 20).
# - The attention is the course's, `Attention`: ours (we check that soon), which can also share keys
#   and values (`num_key_value_heads`, Day 12), use a `cache` (Day 10), and norm and turn queries and
#   keys (Day 14; `qk_norm=False` and the two `None` say no). Dropout is 0 here.
#
# The comments promise, as ever: a test keeps these classes equal to those in that file.


# %%
class FeedForward(nn.Module):  # helpers/model/gpt.py
    def __init__(self, hidden_size, intermediate_size):
        super().__init__()
        self.up_proj = Linear(hidden_size, intermediate_size)
        self.down_proj = Linear(intermediate_size, hidden_size)

    def forward(self, x):
        return self.down_proj(F.gelu(self.up_proj(x)))


class Block(nn.Module):  # helpers/model/gpt.py
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self.input_layernorm = nn.LayerNorm(width, eps, bias=False)
        self.self_attn = Attention(
            width,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            layer,
            qk_norm=False,
        )
        self.post_attention_layernorm = nn.LayerNorm(width, eps, bias=False)
        self.mlp = FeedForward(width, config.intermediate_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, mask, cache):
        heard = self.self_attn(self.input_layernorm(x), None, None, mask, cache)
        x = x + self.dropout(heard)
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


# %% [markdown]
# ### The model
#
# A row for the token plus a row for its place goes in, blocks follow, and a last norm ends it.
# `positions_and_mask` knows where tokens stand, also when a cache holds those before them;
# `require_room` refuses a text that is longer than the table of places. Then the *output* head makes
# a logit for each token. It is **tied**: its table *is* the table of tokens, so a logit is the dot
# product of a token's row with what the blocks have made.


# %%
class GPTModel(nn.Module):  # helpers/model/gpt.py
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps, bias=False)

    def forward(self, input_ids, cache=None):
        batch, time = input_ids.shape
        require_room(self.config, time, cache)
        positions, mask = positions_and_mask(batch, time, input_ids.device, cache)
        positions = positions.clamp(max=self.config.max_position_embeddings - 1)
        x = self.dropout(self.embed_tokens(input_ids) + self.embed_positions(positions))
        for block in self.layers:
            x = block(x, mask, cache)
        if cache is not None:
            cache.advance(time)
        return self.norm(x)


class GPT(nn.Module):  # helpers/model/gpt.py
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = GPTModel(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size)
        self.apply(self._init_weights)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def _init_weights(self, module):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)

    def forward(self, input_ids, cache=None):
        return self.lm_head(self.model(input_ids, cache))


# %% [markdown]
# With the exact GELU, this is GPT-2 ([Radford et al.,
# 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf),
# section 2.3) without biases, far smaller, and with the same spread of first weights everywhere
# (GPT-2 starts the last matrix of each branch smaller). Here are its sizes:

# %%
budget = rung.budget()  # the same for all models of the ladder: see "Use it"
c, w, blocks = budget.model, budget.model.hidden_size, budget.model.num_hidden_layers
print(f"{c.vocab_size} tokens, {c.max_position_embeddings} places, {blocks} blocks, ", end="")
print(f"width {w}, in the feed-forward net {c.intermediate_size}")

# %%
parts = {"tokens": c.vocab_size * w, "places": c.max_position_embeddings * w}
parts |= {"attention": blocks * 4 * w**2, "feed-forward": blocks * 2 * w * c.intermediate_size}
parts |= {"norms": (2 * blocks + 1) * w}
total = weights.count_parameters(GPT(c))
check.true(f"by hand = by code: {total:,} parameters", sum(parts.values()) == total)
print({name: f"{count:,}" for name, count in parts.items()})

# %% [markdown]
# ## Check it
#
# Four authorities for the attention, with the same weights: PyTorch's module, its fused kernel, the
# course's `Attention`, and Hugging Face's GPT-2. For several numbers of heads, lengths and dtypes,
# because a mistake in a reshape hides where two sizes are equal.


# %%
def theirs_of(mine, x):
    """What PyTorch's module makes of x, with the weights of `mine`."""
    module = nn.MultiheadAttention(x.shape[-1], mine.heads, False, batch_first=True).to(x.dtype)
    three = [proj.weight for proj in (mine.q_proj, mine.k_proj, mine.v_proj)]
    module.load_state_dict(
        {"in_proj_weight": torch.cat(three), "out_proj.weight": mine.o_proj.weight},
        strict=False,
    )
    module.out_proj.bias = None
    return module(x, x, x, attn_mask=~causal_mask(x.shape[1]))[0]


def fused(mine, x):
    q, k, v = (mine.split(p(x)) for p in (mine.q_proj, mine.k_proj, mine.v_proj))
    return mine.o_proj(mine.merge(F.scaled_dot_product_attention(q, k, v, is_causal=True)))


gaps = {"PyTorch's module": [], "PyTorch's fused kernel": [], "the course's": []}
for heads, time, dtype in product((1, 2, 3, 6), (1, 2, 6, 17), (torch.float32, torch.float64)):
    mine = MultiHeadAttention(24, heads, 24 // heads).to(dtype)
    course = Attention(24, heads, heads, 24 // heads, qk_norm=False).to(dtype)
    course.load_state_dict(mine.state_dict())
    x = torch.randn(3, time, 24, dtype=dtype)
    for name, other in zip(gaps, (theirs_of(mine, x), fused(mine, x), course(x))):
        gaps[name].append((mine(x) - other).abs().max().item() / torch.finfo(dtype).eps)
for name, found in gaps.items():
    check.close(f"{len(found)} times mine = {name}, in roundings", np.max(found), 0.0, tol=20)

# %%
try:
    from transformers import GPT2Config
    from transformers.models.gpt2.modeling_gpt2 import GPT2Attention
except ImportError:
    print("skipped: pip install transformers, to compare with GPT-2's own layer")
else:
    settings = GPT2Config(n_embd=24, n_head=6, attn_pdrop=0.0, resid_pdrop=0.0)
    settings._attn_implementation = "sdpa"
    hub, mine = GPT2Attention(settings, layer_idx=0).eval(), MultiHeadAttention(24, 6, 4)
    three = [proj.weight for proj in (mine.q_proj, mine.k_proj, mine.v_proj)]
    with torch.no_grad():
        hub.c_attn.weight.copy_(torch.cat(three).T)  # theirs is stored the other way round
        hub.c_proj.weight.copy_(mine.o_proj.weight.T)
        x = torch.randn(2, 9, 24)
        check.close("mine = Hugging Face's GPT-2", mine(x), hub(x)[0], tol=1e-6)

# %% [markdown]
# Then the whole model against the course's (whose own test holds it equal to Hugging Face's
# `GPT2LMHeadModel`), and the first loss, which should be near that of a fair guess.

# %%
small = replace(c, hidden_size=24, num_attention_heads=6, num_key_value_heads=6, head_dim=4)
ids = torch.randint(c.vocab_size, (4, 12))
check.same(GPT(small), gpt.GPT(small), ids, tol=0)
loss = F.cross_entropy(GPT(c)(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
check.close("first loss = a fair guess, ln(2048)", loss, math.log(c.vocab_size), tol=0.5)

# %% [markdown]
# ## Use it
#
# ### Train it
#
# From here to Day 20 each day changes one thing of this model, and trains the result on the same
# stories, in the same tokens (the 2,048 of the reference checkpoint), as long, with the same
# optimizer (Day 16) and the same seeds. All of that stands in one file, `helpers/training/rung.py`,
# so that what differs is the idea. This is its loop (the schedule, AdamW, `autocast` for fewer bits
# and the cap on the slopes wait for Day 16; the rest is that of Day 3):

# %%
check.show(rung.train)

# %%
corpus = rung.read(budget)
print(f"{len(corpus.train):,} stories to learn from, {len(corpus.validation)} to be judged by")
print(f"each seed reads {budget.tokens:,} tokens; the floor: {corpus.floor:.4f} bits per byte")
first = rung.climb(lambda: GPT(budget.model), corpus, budget, "GPT")
scores = np.array(first.entry["bits_per_byte"])
print(f"bits per byte {scores.mean():.4f} ± {scores.std(ddof=1):.4f}")

# %% [markdown]
# Is that good? Beside it put the best that a table of pairs can do (Day 2), counted on the same
# stories, the trained Qwen3 of the course, and the floor. `ladder.add` writes our rung into a small
# file on your disk, which later days continue. **Predict:** how many times the floor does the GPT
# cost, and the pairs?


# %%
def pairs_per_byte(alpha):  # of a table of pairs, counted on the training stories
    maps = corpus.train, corpus.validation
    seen, held = (torch.tensor(packed.input_ids[:].astype(int)) for packed in maps)
    counts = torch.bincount(seen[:-1] * 2048 + seen[1:], minlength=2048**2).view(2048, 2048)
    p = (counts[held[:-1], held[1:]] + alpha) / (counts.sum(1)[held[:-1]] + alpha * 2048)
    return -p.log2().sum().item() / corpus.validation.text_bytes


# %%
reference = runtime.ROOT / "checkpoints/reference"
metrics = json.loads((reference / "metrics.json").read_text())
beside = {"pairs of tokens": min(pairs_per_byte(alpha) for alpha in (0.001, 0.01, 0.1))}
beside |= {"a trained Qwen3": metrics["val_bpb"], "the floor": corpus.floor}
if run.scale != "tiny":  # twenty steps teach little
    check.true("every seed beats the pairs", scores.max() < beside["pairs of tokens"])

# %%
ladder.add("GPT", day=9, **first.entry)
alt = "Bits per byte: pairs of tokens far to the right, the GPT between, Qwen3 at the floor."
plots.show(ladder.draw(beside), alt=alt)
print(ladder.table())

# %% [markdown]
# Twice the floor, where pairs pay nine times. What does such a model write? The parser of the story
# world grades it; each verdict is the share of stories without that kind of fault.

# %%
texts = write_stories(first.model, corpus.tokenizer, size.written)
grades = grade_stories(texts)
print(texts[0], "\n")
print(f"{grades.count} stories, {grades.passed:.0%} pass all: {grades.by_verdict}")

# %% [markdown]
# It sounds like a story, but the people in it change their names: in more than half of the stories
# the parser finds a wrong hero. Who remembers names, in a model that can, comes after one question more:
#
# ### Deeper or wider?
#
# Two blocks: why not one that is wider, or four that are narrower? Three models with as many
# parameters as ours get the same tokens. **Predict** the three learning curves: which is lowest
# early, and which at the end?


# %%
def climb_of_depth(layers, heads):
    """A climb with other depth and width, and as many parameters as ours."""
    width = heads * c.head_dim
    for_blocks = total - (c.vocab_size + c.max_position_embeddings + 1) * width
    inner = round((for_blocks / layers - 4 * width**2 - 2 * width) / (2 * width))
    shape = dict(num_hidden_layers=layers, hidden_size=width, intermediate_size=inner)
    shape |= dict(num_attention_heads=heads, num_key_value_heads=heads)
    name = f"depth {layers}"
    return rung.climb(lambda: GPT(replace(c, **shape)), corpus, budget, name)


climbs = {
    layers: first if layers == c.num_hidden_layers else climb_of_depth(layers, heads)
    for layers, heads in size.depths
}

# %%
fig, ax = plots.figure("Loss while learning, by depth, at equal parameters", 5.2, 2.7)
ax.set(yscale="log", xlabel="thousand tokens read", ylabel="nats per token (training)")
ax.set_yticks([0.5, 1, 2, 5], [0.5, 1, 2, 5])
ax.minorticks_off()
for (layers, climb), color in zip(climbs.items(), (plots.ORANGE, plots.BLUE, plots.GREEN)):
    smooth = np.array(climb.losses).reshape(len(climb.losses), 20, -1).mean(-1)
    read = (np.arange(20) + 0.5) * budget.tokens / 20_000
    plots.band(ax, smooth, f"{layers} deep", steps=read, color=color)
plots.name_lines(ax)
plots.show(
    fig, alt="Falling training loss of models one, two and four blocks deep, over tokens."
)
for layers, climb in climbs.items():
    found, count = np.array(climb.entry["bits_per_byte"]), climb.entry["parameters"]
    print(f"{layers} deep: {count:,} parameters, {found.mean():.4f} ± {found.std(ddof=1):.4f}")
    check.true("parameters equal within 1 %", abs(count / total - 1) < 0.01)
if run.scale == "cpu":
    ends = {depth: climb.entry["bits_per_byte"] for depth, climb in climbs.items()}
    check.true("four deep ends behind one and two", min(ends[4]) > max(ends[1] + ends[2]))

# %% [markdown]
# Early, the shallower the better, and so it stays: one block ends a percent ahead of two in the
# stored run, and four are behind with every seed. (The learning rate is 0.003 for all; half of it and
# twice of it were worse for one block and for four.) So at this size, after so few tokens, depth buys
# nothing. We keep two: some things need a second layer (*The head that is missing*, below).
#
# ### What do heads look at?
#
# For this we need a model that remembers: the course's reference checkpoint, a Qwen3 with 4 layers of
# 6 heads (both counted from 0). Among 24 maps you see what you hope for. So first write down what a
# head with some habit *would* look at, as a table of true and false; then measure the share of each
# head's weight that falls there.
#
# - **itself**: row t, column t, and **previous** token: row t, column t - 1
# - **hero's name**: the row is the token *before* the name is said again, where a model has to guess
#   it; the columns are the earlier mentions of the name
# - **induction**: the row's token has occurred before; the columns are what came *right after* it
#   then. Such a head can continue any repetition ([Olsson et al.,
#   2022](https://arxiv.org/abs/2209.11895)).
#
# Each score comes with its chance level: that of a head that looks at all tokens so far alike.
# **Predict:** in which layers will you find the four?

# %%
qwen3, tokenizer = weights.load(reference, run.device).eval(), corpus.tokenizer
told = [stories.write(stories.VALIDATION_SEEDS + i) for i in range(size.stories)]
encoded = [[tokenizer.end_of_text_id, *tokenizer.encode(story.text)] for story in told]


def name_places(story, ids):
    """For each mention of the hero's name, the place of its first token."""
    ends = np.cumsum([len(tokenizer.token_bytes(i)) for i in ids])  # in bytes of the text
    begins = [m.start() for m in re.finditer(rf"\b{story.facts['hero']}\b", story.text)]
    return np.searchsorted(ends, begins, side="right").tolist()


names = [name_places(*pair) for pair in zip(told, encoded)]
print(told[0].text.split("\n")[0], "\n")
print("its hero:", [tokenizer.decode(encoded[0][at - 2 : at + 1]) for at in names[0]])
print(
    f"the reference has read {metrics['tokens'] / budget.tokens:.0f} times as much as our GPT"
)


# %%
def habits(ids, names):
    """Habit -> a (time, time) table: true where a head with this habit would look."""
    ids, seen = torch.tensor(ids), causal_mask(len(ids))
    itself, previous, name = torch.zeros(3, *seen.shape, dtype=torch.bool)
    itself.fill_diagonal_(True)
    previous.diagonal(-1).fill_(True)
    for at in names[1:]:
        name[at - 1, [early for early in names if early < at]] = True
    again = (ids[:, None] == ids) & seen.tril(-1)  # the same token, earlier
    behind = F.pad(again, (1, 0))[:, :-1] & seen  # what came right after it
    return {"itself": itself, "previous": previous, "hero's name": name, "induction": behind}


def share(maps, table):
    """The weight that falls on the table, averaged over its rows that are not empty."""
    return (maps * table).sum(-1)[..., table.any(-1)].mean(-1)


def even(time):  # a head that looks at all tokens so far alike
    return causal_mask(time) / torch.arange(1, time + 1)[:, None]


scores, chance = {}, {}
for ids, places in zip(encoded, names):
    maps = attention_maps(qwen3, torch.tensor([ids], device=run.device))
    for habit, table in habits(ids, places).items():
        scores.setdefault(habit, []).append(share(maps, table))
        chance.setdefault(habit, []).append(share(even(len(ids)), table))
scores = {habit: torch.stack(found).nanmean(0).numpy() for habit, found in scores.items()}
chance = {habit: torch.stack(found).nanmean().item() for habit, found in chance.items()}
best = {habit: divmod(int(found.argmax()), 6) for habit, found in scores.items()}


# %%
def draw_heads(ax, numbers, title, most):
    """A table of layers x heads with its numbers, the darker the nearer to `most`."""
    ax.imshow(numbers, cmap="Blues", vmin=0, vmax=1.5 * most, aspect="auto")
    for i, j in product(*map(range, numbers.shape)):
        text = f"{round(numbers[i, j], 2) + 0:.2f}".replace("0.", ".", 1)
        ax.text(j, i, text, ha="center", va="center", fontsize=7)
    ax.set(title=title, xlabel="head", ylabel="layer", xticks=range(6), yticks=range(4))
    ax.grid(False)
    ax.label_outer()


fig, axes = plots.figure("Share of a head's weight, by habit", 5.5, 2.1, ncols=4, sharey=True)
for ax, habit in zip(axes, scores):
    draw_heads(ax, scores[habit], f"{habit}\n(chance .{100 * chance[habit]:02.0f})", 0.99)
plots.show(fig, alt="Four tables of 4 x 6 heads: layer 0 looks at itself, layer 3 at the name.")
for habit, (layer, head) in best.items():
    times = scores[habit][layer, head] / chance[habit]
    print(f"{habit}: layer {layer}, head {head}, {times:.0f} times chance")
bar = {habit: found.max() / chance[habit] for habit, found in scores.items()}
check.true("heads of layer 0 look at themselves", scores["itself"][0] > 0.25)
check.true("a head reads the previous token", bar["previous"] > 5)
check.true("all heads of layer 3 follow the name", scores["hero's name"][3] > 0.8)
check.true("and no head below does", scores["hero's name"][:3] < 0.3)
check.true("induction is near chance everywhere", bar["induction"] < 3)

# %% [markdown]
# Layer 0 looks at itself, with a third to a half of its weight and more. The best previous-token
# head, layer 2 head 1, gives a quarter of its weight to the token before, seven times chance. In
# layer 3, where the hero's name is due, *all six* heads give it nine tenths of their weight.
# Induction is nowhere far above chance. The best of the name heads, at such a place:

# %%
at = names[0][1]  # the second mention: the row before it has to guess the name
words = [tokenizer.token_bytes(i) for i in encoded[0][:at]]
maps = attention_maps(qwen3, torch.tensor([encoded[0][:at]], device=run.device))
alt = "A head of layer 3: the last token gives nearly all of its weight to the hero's name."
explorer.show(words, maps, *best["hero's name"], alt)

# %% [markdown]
# After *said* comes a name. Which one, the last few words do not say: the head fetches it from the
# second sentence. Now with a sentence of your own. **Predict:** two people are in the one below. Whom
# will the head find? And if the two change places? And if the hero is called Greta, a name that is
# not in the story world?


# %%
def draw_map(ax, text, layer, head):
    ids = [tokenizer.end_of_text_id, *tokenizer.encode(text)][:24]
    maps = attention_maps(qwen3, torch.tensor([ids], device=run.device))
    labels = ["(start)", *(tokenizer.decode([i]).strip() or "↵" for i in ids[1:])]
    ax.imshow(maps[layer, head].sqrt(), cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(len(ids)), labels, rotation=90, fontsize=6)
    ax.set_yticks(range(len(ids)), labels, fontsize=6)
    ax.set_title(f"layer {layer}, head {head}")
    ax.grid(False)


text = 'One day, Mia met Zoe. "What is it?" asked'
panels = [dict(text=text, layer=i, head=j) for i, j in (best["previous"], best["hero's name"])]
alt = "Two maps of one sentence: a band below the diagonal; the last row on the name Mia."
knobs = dict(text=str, layer=range(4), head=range(6))
widgets.explore("Who (row) looks at whom (column)", draw_map, panels, alt=alt, **knobs)

# %%
for a, b in (("Mia", "Zoe"), ("Zoe", "Mia"), ("Greta", "Zoe")):
    words = f'One day, {a} met {b}. "What is it?" asked'
    ids = torch.tensor([[0, *tokenizer.encode(words)]], device=run.device)
    on, i = attention_maps(qwen3, ids)[3, best["hero's name"][1], -1].max(0)
    next_word = tokenizer.decode([qwen3(ids)[0, -1].argmax()])
    print(f"{words}: {on:.2f} on{tokenizer.decode([ids[0, i]])}, says{next_word}")

# %%
HEROES, FRIENDS = (list(map(str, stories.WORLD.lexicons[k].items)) for k in ("child", "friend"))
hits = np.zeros(2)
for (hero, friend), turned in product(zip(HEROES[::3], FRIENDS[::3]), (0, 1)):
    a, b = (friend, hero) if turned else (hero, friend)
    ids = [0, *tokenizer.encode(f'One day, {a} met {b}. "What is it?" asked')]
    maps = attention_maps(qwen3, torch.tensor([ids], device=run.device))
    at = maps[3, best["hero's name"][1], -1].argmax().item()
    hits[turned] += tokenizer.decode([ids[at]]).strip() in hero
shares = hits / len(HEROES[::3])
print("on the hero's name: {:.0%} where it is first, {:.0%} where it is second".format(*shares))
check.true("mostly, in both orders", shares > 0.6)

# %% [markdown]
# Mia, wherever she stands: also in "Zoe met Mia". In our stories heroes and friends have names from
# two lists, and the head has learned the list, not the role. Greta is on neither, so it takes the
# only name that it knows. (Not in every sentence: try *walked with Zoe to the woods. "Look!" said*.)
#
# ### What is a head worth?
#
# Where a head looks is not yet what it is good for. So silence it: its numbers become 0 before
# `o_proj`, and all else stays. The price is how much more the model pays for held-out stories, and
# for the hero's name when it is said again. Beside it stands the price of a *first* mention, where
# nobody can look back. **Predict:** what does silencing the best name head cost?

# %%
inputs = pad_sequence([torch.tensor(ids) for ids in encoded], batch_first=True).to(run.device)
labels = F.pad(inputs[:, 1:], (0, 1))  # 0, the end of text, behind each story
first_time, again = torch.zeros(2, *inputs.shape, dtype=torch.bool)
for row, places in enumerate(names):
    first_time[row, places[0] - 1] = True
    again[row, [at - 1 for at in places[1:]]] = True
inside = torch.arange(inputs.shape[1]) < torch.tensor([[len(ids)] for ids in encoded])
text_bytes = sum(len(story.text.encode()) for story in told)


def silence(pairs):
    stack = ExitStack()  # many `with` in one
    for layer, head in pairs:
        stack.enter_context(without_head(qwen3, layer, head))
    return stack


@torch.no_grad()
def prices(pairs=()):
    """Bits per byte, per repeated name and per first one, without these (layer, head) pairs."""
    with silence(pairs):
        logits = qwen3(inputs).flatten(0, 1)
    nats = F.cross_entropy(logits, labels.flatten(), reduction="none").view(inputs.shape).cpu()
    per = nats[inside].sum() / text_bytes, nats[again].mean(), nats[first_time].mean()
    return np.array(per) / math.log(2)


whole = prices()
alone = np.array([[prices([(i, j)]) - whole for j in range(6)] for i in range(4)])
print("all heads: {:.4f} bits per byte, repeated name {:.2f}, first {:.2f} bits".format(*whole))

# %%
fig, axes = plots.figure("What one silent head costs", 5.5, 2.1, ncols=2, sharey=True)
draw_heads(axes[0], alone[..., 0], "more bits per byte", alone[..., 0].max())
draw_heads(axes[1], alone[..., 1], "more bits per repeated name", alone[..., 1].max())
plots.show(fig, alt="Two tables of 4 x 6 heads: only the heads of layer 0 cost much.")
check.true("a head of layers 1 to 3 costs less than 2 %", alone[1:, :, 0] < 0.02 * whole[0])

# %% [markdown]
# Next to nothing. Without the best name head a name costs 0.06 bits more in the stored run, where a
# first mention costs 5.5, and the previous-token head could be left out. Taken one by one, only heads
# of layer 0 have a price. But all six heads of layer 3 look at the name. **Predict** the price of
# silencing two, four, and all six. Does it matter which?

# %%
layers = np.array([prices((i, j) for j in range(6)) - whole for i in range(4)])
for i, (_, repeated, first_one) in enumerate(layers):
    print(
        f"layer {i} silent: a repeated name {repeated:+.2f} bits, a first one {first_one:+.2f}"
    )
orders = {"head 0 first": [0, 1, 2, 3, 4, 5], "head 5 first": [5, 4, 3, 2, 1, 0]}
fig, ax = plots.figure("Price of a repeated name, by silent heads of layer 3", 5.2, 2.6)
for (name, order), color in zip(orders.items(), (plots.BLUE, plots.ORANGE)):
    found = [prices((3, j) for j in order[:n])[1] for n in range(7)]
    ax.plot(range(7), found, "o-", color=color, label=name)
ax.axhline(whole[2], color=plots.GRAY, ls=":")
ax.text(0, whole[2] + 0.1, "a first mention", va="bottom", color=plots.GRAY)
ax.set(xlabel="silent heads of layer 3", ylabel="bits per repeated name", ylim=(0, 7))
ax.legend(loc="center left")
plots.show(
    fig, alt="Bits per name stay near 0 for the first silent heads, then climb above five."
)
six, single = layers[3, 1], alone[3, :, 1]
print(f"one: {single.min():.2f} to {single.max():.2f} bits more; all six: {six:.2f} more")
check.true("six cost over five times the sum of each alone", six > 5 * single.sum())
two_groups = [prices((3, j) for j in group)[1] for group in ((0, 1, 2), (3, 4, 5))]
check.true(
    "without 0 to 2 it costs more than without 3 to 5", two_groups[0] > 2 * two_groups[1]
)
as_first = (whole[1] + six) / whole[2]
check.true("without all six it costs about what a first mention does", abs(as_first - 1) < 0.2)

# %%
opening = [tokenizer.end_of_text_id, *tokenizer.encode("One day, Mia")]
for pairs in ([], [best["hero's name"]], [(3, j) for j in range(6)]):
    with silence(pairs):
        (new,) = generate_all(qwen3, [opening], 58, sampling=Sampling(temperature=0))
    print(f"{len(pairs)} silent: One day, Mia{tokenizer.decode(new)}\n")

# %% [markdown]
# Together they are worth 5.4 bits: a repeated name then costs as much as one never heard (and a first
# mention no more than before: these heads only look back), and the hero changes her name in
# mid-story. But look at the two curves. Heads 0 to 2 can do without 3 to 5, and not the other way
# round: the work overlaps and is not the same. (Heads 0 to 2 share one set of keys and values, heads
# 3 to 5 another: Day 12.) Any one can be spared *as long as the others are there*. Silencing one head
# measures what the others cannot replace, and not what it does. In much larger models, too, most
# heads can be taken out one by one ([Michel et al., 2019](https://arxiv.org/abs/1905.10650)). So
# silence groups as well.
#
# ### The head that is missing
#
# No head follows the induction pattern. Is it difficult? By hand it takes two heads, one after the
# other, and one-hot rows. The first looks one place back: its query is its own place, and a key is
# the place *after* it. (99 makes the softmax as good as a maximum.) The second asks: who has my token
# *before* it? A single layer cannot ask this, because what stands before a token is not in its row
# until an earlier layer has brought it there. **Predict** what comes after 5 2 8 1 5 2 8 1 5.

# %%
ids = torch.tensor([0, 5, 2, 8, 1, 5, 2, 8, 1, 5])  # and then?
token, place, seen = F.one_hot(ids).float(), torch.eye(10), causal_mask(10)
before = attention_weights(99 * place, place.roll(-1, 0), seen) @ token  # the first head
found = attention_weights(99 * token, before, seen)  # the second
print("what stands before each place:", before.argmax(-1).tolist())
print(found[-1].round(decimals=2).tolist(), "->", (found[-1] @ token).argmax().item())

# %% [markdown]
# Half of the weight on each 2 that stands behind a 5: two steps in succession, which is what depth is
# for. Has the Qwen3 such heads, and our score missed them? Then look at what they would do: 40
# different tokens in random order, then the same again. A model with induction heads pays far less in
# the second round. **Predict.**


# %%
@torch.no_grad()
def two_rounds(seed):
    """Bits per token of 40 different tokens in a random order, and of the same again."""
    known = torch.cat([torch.tensor(ids[1:]) for ids in encoded]).unique()
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))[:40]
    ids = F.pad(known[order].repeat(2), (1, 0)).to(run.device)  # from the end of a text on
    nats = F.cross_entropy(qwen3(ids[None])[0, :-1], ids[1:], reduction="none").cpu()
    return nats.view(2, 40).mean(1) / math.log(2)


rounds = torch.stack([two_rounds(seed) for seed in range(20)])
print("bits per token: first round {:.1f}, second {:.1f}".format(*rounds.mean(0)))
check.true("the second round is no cheaper", rounds[:, 1].mean() > 0.95 * rounds[:, 0].mean())

# %% [markdown]
# It does not notice the repetition: score and behavior agree. Models that have read all kinds of text
# do have such heads. In our stories what comes back are names and things, and layer 3 finds those.

# %% [markdown]
# ## What can go wrong
#
# Four suspects. Each changes a few lines of `MultiHeadAttention`, and each has been in a public
# repository. **Take two minutes: what is wrong with each?**


# %%
class Suspect1(MultiHeadAttention):
    def merge(self, said):
        batch, heads, time, head_dim = said.shape
        return said.reshape(batch, time, heads * head_dim)


class Suspect2(Suspect1):
    def split(self, x):
        batch, time, _ = x.shape
        return x.reshape(batch, self.heads, time, self.head_dim)


class Suspect3(MultiHeadAttention):
    def __init__(self, width, heads, head_dim):
        super().__init__(width, heads, head_dim)
        three = (nn.Linear(head_dim, head_dim, bias=False) for _ in range(3))
        self.q_proj, self.k_proj, self.v_proj = three

    def forward(self, x, *rest):
        q, k, v = (proj(self.split(x)) for proj in (self.q_proj, self.k_proj, self.v_proj))
        mask = causal_mask(x.shape[1]).to(x.device)
        return self.o_proj(self.merge(attention_weights(q, k, mask) @ v))


class Suspect4(MultiHeadAttention):
    def __init__(self, width, heads, head_dim):
        super().__init__(width, heads, head_dim)
        self.o_proj = nn.Identity()


# %% [markdown]
# All four return the right shape. Do they learn? Each takes the place of the attention in a GPT of
# two blocks, which is trained for a short time, and judged on held-out stories: in one pass, and
# token by token, as when it writes. **Predict:** which losses are higher than that of the right one,
# and which suspects are judged differently in the two ways?


# %%
@torch.no_grad()
def both_ways(model):
    """Bits per byte of the first held-out stories, in one pass and token by token."""
    one_pass, by_token = 0.0, 0.0
    for i in range(size.one_by_one):
        text = corpus.validation.document(i).astype(int)
        ids = torch.tensor([[0, *text]], device=run.device)
        growing = [model(ids[:, : n + 1])[:, -1] for n in range(ids.shape[1] - 1)]
        one_pass += F.cross_entropy(model(ids)[0, :-1], ids[0, 1:], reduction="sum").item()
        by_token += F.cross_entropy(torch.cat(growing), ids[0, 1:], reduction="sum").item()
    scale = math.log(2) * corpus.validation.raw_bytes(size.one_by_one)
    return one_pass / scale, by_token / scale


def with_attention(kind):
    shape = replace(c, hidden_size=64, intermediate_size=256, num_hidden_layers=2)
    model = GPT(shape)
    for block in model.model.layers:
        block.self_attn = kind(64, 4, 16)
        for weight in block.self_attn.parameters():
            nn.init.normal_(weight, std=0.05)
    return model.to(run.device)


# %%
short = replace(budget, steps=size.suspect_steps, lr=6e-3)
judged = {}
for kind in (MultiHeadAttention, Suspect1, Suspect2, Suspect3, Suspect4):
    torch.manual_seed(0)
    model, name = with_attention(kind), kind.__name__
    rung.train(model, corpus, short, seed=0, what=name)
    judged[name] = rung.judge(model, corpus), *both_ways(model)
print("bits per byte        held out   a few: one pass   token by token")
for name, found in judged.items():
    print("{:18} {:10.3f} {:17.3f} {:16.3f}".format(name, *found))
for name, (_, one_pass, by_token) in judged.items():
    moved = abs(one_pass - by_token) > 1e-4
    check.true(f"{name}: {'moves' if moved else 'stays'}", moved == (name[-1] in "12"))

# %% [markdown]
# All five are still worse than pairs of tokens (0.93 above): so early, hardly any of the loss depends
# on attention, right or wrong, and with one seed the order means nothing. So the bug hides: the loss
# falls as it should. The author of [one program](https://github.com/xieenze/Trans2Seg/issues/4),
# asked about a missing transpose, answered that it trains and tests well. But suspects 1 and 2 are
# judged otherwise when they write: a token depends on what stands *behind* it, or on how long the
# text is. Four probes, each a few lines. **Predict** the board.


# %%
def shape_is_kept(kind):
    return kind(32, 4, 8)(torch.randn(2, 6, 32)).shape == (2, 6, 32)


def past_ignores_future(kind):
    layer, x = kind(32, 4, 8), torch.randn(1, 6, 32, requires_grad=True)
    slopes = [torch.autograd.grad(layer(x)[0, t].sum(), x)[0][0, t + 1 :] for t in range(5)]
    return all((slope == 0).all() for slope in slopes)


def start_ignores_length(kind):
    layer, x = kind(32, 4, 8), torch.randn(1, 6, 32)
    return torch.allclose(layer(x)[:, :4], layer(x[:, :4]), atol=1e-5)


def size_is_4_squares(kind):
    return weights.count_parameters(kind(32, 4, 8)) == 4 * 32**2


PROBES = [shape_is_kept, past_ignores_future, start_ignores_length, size_is_4_squares]
lineup = [Suspect1, Suspect2, Suspect3, Suspect4, MultiHeadAttention]
passed = np.array([[bool(probe(kind)) for probe in PROBES] for kind in lineup])
rows = [*(f"suspect {i}" for i in range(1, 5)), "ours"]
columns = [probe.__name__.replace("_", "\n", 1).replace("_", " ") for probe in PROBES]
fig, ax = plots.figure("Who keeps which promise?", 5.2, 2.4)
plots.board(ax, rows, columns, passed)
plots.show(
    fig, alt="Five layers, four probes: only ours passes all; the shape convicts nobody."
)
check.true("ours passes every probe", passed[-1].all())
check.true("each suspect fails one", not passed[:-1].all(1).any())
check.true("the shape convicts nobody", passed[:, 0].all())

# %% [markdown]
# <details><summary>The case files (open after you have decided)</summary>
#
# | suspect | bug | where it has been |
# |---|---|---|
# | 1 | no transpose on the way back: the numbers of a head's *neighboring tokens* are glued together, later ones among them | [transformer-from-scratch](https://github.com/jsbaan/transformer-from-scratch/issues/4) |
# | 2 | no transpose on either way: each "head" is a stretch of the text, attended by itself. Nothing leaks, but a token sees its own stretch alone | [FuxiCTR](https://github.com/reczoo/FuxiCTR/issues/30), in three of its models, copied from a blog |
# | 3 | the token is cut before the projections: all heads share one small matrix, and each reads its own few features | [former](https://github.com/pbloem/former/issues/13) |
# | 4 | no output projection: a head can write into its own features only | [transformer](https://github.com/Kyubyong/transformer/issues/117); [translob](https://github.com/jwallbridge/translob/issues/4) |
#
# </details>

# %% [markdown]
# ## Recap
#
# - One softmax makes one mixture. Heads have softmaxes of their own and share the width: parameters
#   and arithmetic stay, the tables of weights multiply.
# - Heads are a reshape: `unflatten`, `transpose`, attention, `transpose`, `flatten`. By `o_proj` each
#   head adds to all features.
# - What a head looks at: a score beside its chance level. What it is worth: silence it, alone *and*
#   together with those that look at the same.
# - Wrong reshapes lower the loss, too. Promises catch them: the past ignores the future, the start
#   ignores the length, the size is 4 · width².

# %% [markdown]
# ## Exercises
#
# ### 9.1 Count · ●○○ · 5 minutes
#
# How many parameters has a GPT like ours? No biases, tied head, a learned table of `positions`,
# feed-forward nets of `inner` features, and `heads` that share the `width`. Return a whole number.
#
# <details><summary>Hint 1</summary>Tables, blocks, and what stands behind the last block. In a block: which matrices, and which norms?</details>
# <details><summary>Hint 2</summary>One of the six arguments does not matter.</details>


# %%
def my_parameters(vocab, positions, width, inner, layers, heads):
    return None  # TODO: your answer


check.exercise("9.1", my_parameters)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 9.1
def solution_1(vocab, positions, width, inner, layers, heads):
    block = 4 * width**2 + 2 * width * inner + 2 * width
    return (vocab + positions) * width + layers * block + width


check.solution("9.1", solution_1)
print(f"the smallest GPT-2, but for biases: {solution_1(50_257, 1024, 768, 3072, 12, 12):,}")

# %% [markdown]
# ### 9.2 Silence a head, gently · ●●○ · 10 minutes
#
# Gentler than 0 is what the head says *on average*. `mixed` (batch, time, heads · head_dim) holds
# what the heads say, side by side, and `W` (width, heads · head_dim) is the weight of `o_proj`.
# Replace the numbers of head number `head` (from 0), feature by feature, by their mean over all texts
# and places, and return what `o_proj` makes of it, (batch, time, width).
#
# <details><summary>Hint 1</summary>The head's numbers are a slice of the last axis. Where does it begin, and how long is it? Copy before you write.</details>
# <details><summary>Hint 2</summary>A mean over two axes at once: <code>.mean((0, 1))</code>. And a linear layer is <code>x @ W.T</code>.</details>


# %%
def my_silenced(mixed, W, heads, head):
    return None  # TODO: your answer


check.exercise("9.2", my_silenced)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 9.2
def solution_2(mixed, W, heads, head):
    each = mixed.unflatten(-1, (heads, -1)).clone()  # (batch, time, heads, head_dim)
    each[:, :, head] = each[:, :, head].mean((0, 1))
    return each.flatten(2) @ W.T


check.solution("9.2", solution_2)

# %% [markdown]
# ### 9.3 Find the induction head · ●●○ · 15 minutes
#
# `maps` (layers, heads, time, time) are the weights for one text, `ids` (time,) its tokens. Return
# the induction score of each head, (layers, heads): for every token that has occurred before, the
# weight that falls on the tokens that came right after its earlier occurrences, summed over these;
# then the mean over such tokens. (A token right after an earlier one may be the token itself, as in
# "very very".)
#
# <details><summary>Hint 1</summary><code>ids[:, None] == ids</code> is a table. Which half of it is about the past, and by how much must it be moved?</details>
# <details><summary>Hint 2</summary>Two loops, over t and over s &lt; t, will do. Where in the map is the token after s, and which t count in the mean?</details>


# %%
def my_induction_scores(maps, ids):
    return None  # TODO: your answer


check.exercise("9.3", my_induction_scores)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 9.3
def solution_3(maps, ids):
    again = torch.ones(len(ids), len(ids)).tril(-1).bool() & (ids[:, None] == ids)
    behind = F.pad(again, (1, 0))[:, :-1]  # one column to the right
    return (maps * behind).sum(-1)[:, :, behind.any(-1)].mean(-1)


check.solution("9.3", solution_3)

# %% [markdown]
# ### 9.4 One more layer · ●●● · 20 minutes
#
# Make a trained GPT one layer deeper without changing anything that it says, so that training can go
# on from there. You get its `state`, a dictionary from name to tensor, and its number of `layers`.
# Return a new one with all that is in it, and one more layer on top: a copy of the last layer, in
# which the *last* matrix of each branch is zero. Which two? The names of layer i begin with
# `model.layers.i.`, for example `model.layers.3.self_attn.q_proj.weight`; the classes above have the
# rest.
#
# <details><summary>Hint 1</summary>A block adds twice. Which matrix is the last one in each of the two branches?</details>
# <details><summary>Hint 2</summary>Layers are counted from 0: the last one is <code>layers - 1</code>, the new one <code>layers</code>. All else is copied.</details>


# %%
def my_deeper(state, layers):
    return None  # TODO: your answer


check.exercise("9.4", my_deeper)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 9.4
def solution_4(state, layers):
    result = dict(state)
    for name, tensor in state.items():
        if name.startswith(f"model.layers.{layers - 1}."):
            silent = name.endswith(("o_proj.weight", "down_proj.weight"))
            new = name.replace(f".{layers - 1}.", f".{layers}.", 1)
            result[new] = torch.zeros_like(tensor) if silent else tensor.clone()
    return result


check.solution("9.4", solution_4)
deeper = GPT(replace(c, num_hidden_layers=c.num_hidden_layers + 1)).to(run.device).eval()
deeper.load_state_dict(solution_4(first.model.state_dict(), c.num_hidden_layers))
ids = inputs[:2, :50]
check.close("one layer more, the same logits", deeper(ids), first.model(ids), tol=1e-4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Give a model a reason to have induction heads: train our GPT on texts in which each
# first sentence comes twice. Follow the score of 9.3 and the loss of the second telling. Do they move
# at the same time? And with one block?
#
# **Tomorrow: the KV cache.** To judge the suspects token by token we ran the model once for each
# token, over the whole text each time. All but the last row of that work had been done before. Day 10
# keeps keys and values, and measures what that saves.
