# %% [markdown]
# # Day 11 · Multi-query attention
#
# Today all heads share one set of keys and values, and you measure what that saves in memory, what it
# gains in time, and what it costs in bits.
#
# **You build:** attention with one key/value head, four instruments for its bugs, and a plan for a
# 16 GB card
#
# **At the end you will have**
#
# - `MultiQueryAttention`, equal to PyTorch's and to the course's, with a cache of an eighth of the
#   bytes
# - the time of one query against the length of its past, beside what memory and arithmetic allow
# - the price in bits per byte at equal parameters, over pairs of seeds, and the number of texts that a
#   T4 can write at once
#
# **Time:** about 95 minutes, and 50 more for the exercises: 145 minutes. The code runs in five
# minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day11_multi_query_attention.ipynb)
#
# Previous: [Day 10 · The KV cache](day10_kv_cache.ipynb) · Next:
# [Day 12 · Grouped-query attention](day12_grouped_query_attention.ipynb)

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
from dataclasses import replace
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import grad

from helpers import runtime
from helpers.lesson import check, ladder, plots, widgets
from helpers.model import size as cost
from helpers.model.attention import Attention, attend, attention_weights, causal_mask
from helpers.model.cache import GrowingCache, KVCache
from helpers.model.change import replace_part, to_grouped
from helpers.model.gpt import GPT, GPTConfig
from helpers.model.qwen3 import Qwen3Config
from helpers.model.size import LiveBytes
from helpers.model.weights import count_parameters
from helpers.training import rung, variants

run = runtime.start(day=11)

# %%
size = runtime.pick(
    tiny=dict(pasts=(64, 256, 1024), pool=2**20, moved=2**20, square=256, repeats=3, four=512,
              width=64, heads=4, step_past=128, batches=(1, 4), seeds=(3, 4)),
    cpu=dict(pasts=(1024, 4096, 16_384), pool=2**27, moved=2**25, square=1024, repeats=5,
             four=2048, width=512, heads=16, step_past=1024, batches=(1, 4, 16),
             seeds=(3, 4, 5)),
    gpu=dict(pasts=(4096, 16_384, 65_536), pool=2**28, moved=2**28, square=4096, repeats=20,
             four=16_384, width=1024, heads=16, step_past=2048, batches=(1, 8, 64),
             seeds=(3, 4, 5)),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# Day 10's cache keeps the keys and values of all past tokens, so that nothing is computed twice. But
# what is kept has to be *read*: each new token looks at the whole past, so it needs every key and every
# value, again and again.
#
# A toy model has 800 numbers in its weights. Its attention has 8 heads with keys and values of a single
# number, so a token leaves 2 · 8 = 16 numbers in the cache. To write one token for each of several
# texts (the *batch*), the weights are read once for all of them, and the cache of each text once.
# **Predict:** how long is the past when the model reads as much from its caches as from its weights?
# For one text, and for ten? And if all 8 heads shared one key and one value?

# %%
for kv_heads, batch in product((8, 1), (1, 10)):
    past = 800 / (batch * 2 * kv_heads)
    print(f"{kv_heads} key/value heads, {batch:2} texts: as much after {past:.0f} tokens")

# %% [markdown]
# With ten texts, five tokens are enough. From there on, reading the past takes more than reading the
# model. One key/value head in place of eight puts that point eight times as far away.
#
# Can heads that share their keys and values still look at different things? Take Day 9's sentence, *he
# gave it to her*, with the values 2, 5 and 8. Now all words stand in *one* table of keys: a feature
# for persons, one for things, one for women. Three heads come with three queries. **Predict** what each
# of them fetches.

# %%
keys = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]])
values = torch.tensor([2.0, 0, 5, 0, 8])  # he gave it to her
queries = 99 * torch.eye(3)  # one query for each head; 99 makes a softmax a choice
print(attention_weights(queries, keys) @ values)

# %% [markdown]
# 2, 5 and 8, as with three tables. What is shared is how a token describes itself; each head still asks
# its own question. That is **multi-query attention**, MQA for short: many queries, one key/value head
# ([Shazeer, 2019](https://arxiv.org/abs/1911.02150)). With keys and values of its own for each head,
# attention is called *multi-head*, MHA.
#
# Something must be lost. Make the table narrow: a key is a single number, and *he*, *it* and *her*
# have the keys 1, 2 and 3. **Predict:** which of the three words can a head pick out, with a query of
# its choice?

# %%
keys = torch.tensor([[1.0], [2.0], [3.0]])
for query in (-5.0, -1.0, 0.0, 1.0, 5.0):
    weights = attention_weights(torch.tensor([[query]]), keys)[0]
    print(f"query {query:4.0f}: he {weights[0]:.2f}, it {weights[1]:.2f}, her {weights[2]:.2f}")
middle = attention_weights(torch.linspace(-20, 20, 4001)[:, None], keys)[:, 1]
check.true("no query gives the middle one more than a third", middle.max() < 0.3334)

# %% [markdown]
# A query along one line finds the ends of the line and never the middle. With a table of its own a
# head could put *it* at an end. So the price of sharing is room: all heads have to find what they
# look for in the same few numbers of a token.

# %% [markdown]
# ## Build it
#
# ### One head for keys and values
#
# Against Day 9's attention two matrices shrink: `k_proj` and `v_proj` make one head. `[:, None]` gives
# it an axis of length 1 where the queries have their heads, and broadcasting (Day 3) does the rest.
# (`cache` is Day 10's. The arguments `cos` and `sin` are for the positions of Day 14, and unused.)


# %%
class ByBroadcast(nn.Module):
    def __init__(self, width, heads, head_dim, layer=0):
        super().__init__()
        self.head_dim, self.layer = head_dim, layer
        self.q_proj = nn.Linear(width, heads * head_dim, bias=False)
        self.k_proj = nn.Linear(width, head_dim, bias=False)
        self.v_proj = nn.Linear(width, head_dim, bias=False)
        self.o_proj = nn.Linear(heads * head_dim, width, bias=False)

    def keys_and_values(self, x):  # (batch, 1, time, head_dim) each
        return self.k_proj(x)[:, None], self.v_proj(x)[:, None]

    def mix(self, queries, keys, values, mask):  # (batch, heads, time, head_dim)
        return attention_weights(queries, keys, mask) @ values

    def forward(self, x, cos=None, sin=None, mask=None, cache=None):
        queries = self.q_proj(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        keys, values = self.keys_and_values(x)
        if cache is not None:
            keys, values = cache.update(self.layer, keys, values)
        if mask is None and x.shape[1] > 1:  # a text from its beginning on
            mask = causal_mask(x.shape[1]).to(x.device)
        return self.o_proj(self.mix(queries, keys, values, mask).transpose(1, 2).flatten(2))


# %% [markdown]
# **Predict** the parameters of such a layer with 8 heads of 16 and a width of 128. In MHA there were
# four matrices of 128 x 128.

# %%
heads, head_dim, width = 8, 16, 128
full = Attention(width, heads, heads, head_dim, qk_norm=False)  # the course's; no norm (Day 15)
print(f"MHA {count_parameters(full):,}, MQA {count_parameters(ByBroadcast(width, 8, 16)):,}")


# %%
def rank_of(layer):  # of the map from a token to what attention makes of it
    one_token_texts = torch.eye(width, dtype=torch.double)[:, None]  # (texts, 1 token, width)
    return torch.linalg.matrix_rank(layer.double()(one_token_texts)[:, 0]).item()


print(f"independent numbers that a token can hand on: MHA {rank_of(full)}, ", end="")
print(f"MQA {rank_of(ByBroadcast(width, heads, head_dim))}")

# %% [markdown]
# A little more than half of the parameters, as k and v have nearly vanished. The second line measures
# the room that got lost. A text of one token has one score, so its softmax is 1 and
# `o_proj(v_proj(x))` is left: one matrix. Its **rank** says how many independent numbers of a token
# that is looked at get through. In MHA all 128 do. In MQA all heads hand on the same 16, and each
# arranges them by its own part of `o_proj`.
#
# ### Is anything copied?
#
# Broadcasting reads well, but does it also *store* one head only? Day 4's `LiveBytes` counts the bytes
# of tensors that are made while it is on; `peak` is the most at any moment. One query from each of 8
# heads looks at a past of 1,024 tokens. **Predict** for one text and for four: how many bytes does
# `mix` make, compared with the keys that it reads?


# %%
def bytes_made(layer, batch, past=1024):  # and the bytes of the keys
    queries = torch.randn(batch, 8, 1, 16)
    keys, values = torch.randn(2, batch, 1, past, 16)
    with LiveBytes() as meter:
        layer.mix(queries, keys, values, None)
    return keys.nbytes, meter.peak


# %%
for batch in (1, 4):
    there, made = bytes_made(ByBroadcast(width, heads, head_dim), batch)
    print(f"{batch} texts: keys {there:9,} bytes, made {made:9,}: {made / there:.1f} times")

# %% [markdown]
# One text: as many bytes as the keys have. These are the scores of 8 · 1,024 pairs, and their
# softmax. Four texts: eight and a half times the keys. PyTorch's `@` wants one list of tables to
# multiply, here of 4 · 8. With one text it can name the same table eight times. With several texts
# memory holds no such list, so it is written out: every key eight times, and later every value. The
# bytes are moved all the same. This is [known](https://github.com/pytorch/pytorch/issues/154128); a
# test with one text does not show it.
#
# ### Heads as a row of queries
#
# The cure needs no trick, only an observation: a query does not know which head it comes from. Its
# weights depend on itself and on the keys. If the keys are the same, eight heads with one query each
# are one head with eight queries. In numbers, for three queries and four keys:

# %%
queries, keys = torch.randn(3, 2), torch.randn(4, 2)
as_heads = attention_weights(queries[:, None], keys[None])[:, 0]  # 3 heads, one query each
as_rows = attention_weights(queries, keys)  # one head, 3 queries
check.close("three heads = three rows", as_heads, as_rows, tol=1e-6)
shuffled = attention_weights(queries[[2, 0, 1]], keys)
check.close("their order does not matter", shuffled, as_rows[[2, 0, 1]], tol=1e-6)

# %% [markdown]
# So we lay the heads behind one another along the axis of time, and every head brings its own copy of
# the mask (which is small). Then each text has one table of queries and one of keys: an ordinary
# product.


# %%
class MultiQueryAttention(ByBroadcast):
    def mix(self, queries, keys, values, mask):
        heads = queries.shape[1]
        rows = queries.flatten(1, 2)[:, None]  # (batch, 1, heads * time, head_dim)
        if mask is not None:
            mask = torch.cat([mask] * heads, dim=-2)  # (..., heads * time, keys)
        mixed = attention_weights(rows, keys, mask) @ values
        return mixed[:, 0].unflatten(1, (heads, -1))


# %%
for batch in (1, 4):
    there, made = bytes_made(MultiQueryAttention(width, heads, head_dim), batch)
    print(f"{batch} texts: keys {there:9,} bytes, made {made:9,}: {made / there:.1f} times")
check.true("no more than the scores and the weights of all pairs", made < 1.05 * there)

# %% [markdown]
# The copies are gone, for four texts as for one. What is left, scores and weights, a fused kernel does
# not store either. The course's attention does both: for one query it hands the heads over as rows to
# PyTorch's kernel. Look at its first `if`:

# %%
check.show(attend)

# %% [markdown]
# ## Check it
#
# Four layers with the same weights: the course's `Attention` with one key/value head; PyTorch's
# kernel, which shares heads by `enable_gqa=True` (*grouped-query* attention: several query heads
# share a key/value head; with a single one it is MQA); multi-head attention whose key and value
# matrices hold the same rows again for each head; and the first
# version above.


# %%
def by_pytorch(mine, x):
    q = mine.q_proj(x).unflatten(-1, (-1, mine.head_dim)).transpose(1, 2)
    k, v = mine.keys_and_values(x)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return mine.o_proj(mixed.transpose(1, 2).flatten(2))


def with_kv_heads(mine, kv_heads, heads, dtype):
    """The course's attention with the weights of `mine`, keys and values once for each head."""
    state = dict(mine.state_dict())
    for name in ("k_proj.weight", "v_proj.weight"):
        state[name] = state[name].repeat(kv_heads, 1)  # the rows again, below one another
    course = Attention(24, heads, kv_heads, mine.head_dim, qk_norm=False).to(dtype)
    course.load_state_dict(state)
    return course


# %%
names = ("the course's", "PyTorch's enable_gqa", "MHA with equal rows", "my first version")
gaps = {name: [] for name in names}
for heads, time, dtype in product((1, 2, 3, 6), (1, 2, 6, 17), (torch.float32, torch.float64)):
    mine, x = MultiQueryAttention(24, heads, 8).to(dtype), torch.randn(3, time, 24, dtype=dtype)
    first = ByBroadcast(24, heads, 8).to(dtype)
    first.load_state_dict(mine.state_dict())
    course, mha = (with_kv_heads(mine, n, heads, dtype) for n in (1, heads))
    for name, other in zip(names, (course(x), by_pytorch(mine, x), mha(x), first(x))):
        gaps[name].append((mine(x) - other).abs().max().item() / torch.finfo(dtype).eps)
for name, found in gaps.items():
    check.close(f"mine = {name}, {len(found)} cases, in roundings", np.max(found), 0.0, tol=20)

# %% [markdown]
# Next, the layer in the running model. `replace_part` puts it into each block of the small GPT; a
# second GPT of the course has `num_key_value_heads=1`. Both must say the same, with the cache and
# without, in one piece, in chunks, and token by token. And the cache must hold what the formula says:
# 2 · layers · key/value heads · head size · tokens · texts · bytes of a number. **Predict** the bytes
# for MHA with 8 heads of 16 in 2 layers, 20 tokens and 3 texts, in float32; and for MQA.

# %%
shape = replace(rung.SHAPE, num_attention_heads=8, num_key_value_heads=8, head_dim=16)
one = replace(shape, num_key_value_heads=1)
ours = replace_part(GPT(one), "self_attn", lambda i: MultiQueryAttention(128, 8, 16, layer=i))
course, ids = GPT(one), torch.randint(2048, (3, 20))
course.load_state_dict(ours.state_dict())
check.close("GPT with my layer = the course's with one head", ours(ids), course(ids), tol=1e-5)

# %%
plain = course(ids)
for name, sizes in {"one piece": [20], "chunks": [7, 5, 8], "token by token": [1] * 20}.items():
    for whose, model in {"mine": ours, "the course's": course}.items():
        cache = KVCache(max_length=20)
        logits = torch.cat([model(part, cache) for part in ids.split(sizes, dim=1)], dim=1)
        check.close(f"cached = uncached, {name}, {whose}", logits, plain, tol=1e-5)

# %%
starts = torch.tensor([0, 3, 9])  # texts of 20, 17 and 11 tokens, padded on the left (Day 10)
for how, sizes in {"one piece": [20], "then token by token": [12] + [1] * 8}.items():
    cache = KVCache(20, starts)
    padded = torch.cat([ours(part, cache) for part in ids.split(sizes, dim=1)], dim=1)
    for row, start in enumerate(starts):
        alone = course(ids[row : row + 1, start:])[0]
        check.close(
            f"text {row} in a batch = alone, {how}", padded[row, start:], alone, tol=1e-5
        )

# %%
GPT(shape)(ids, of_mha := KVCache(max_length=20))
print(f"MHA {of_mha.bytes:,} bytes, MQA {cache.bytes:,} bytes")
check.true("MHA's bytes = the formula", of_mha.bytes == 2 * 2 * 8 * 16 * 20 * 3 * 4)
check.true("MQA's are an eighth", 8 * cache.bytes == of_mha.bytes)
check.true("the course's formula agrees", cache.bytes == cost.cache_bytes(one, 3, 20))

# %% [markdown]
# ## Use it
#
# ### How fast is one query?
#
# Less to read, so less time? First a single layer of the size of a large model: 32 query heads of 128
# numbers, one new token, a long past. Keys and values have 32 heads (MHA), 8 (each for four query
# heads), or 1 (MQA). The arithmetic is the same: 32 heads compare their query with all keys, and mix
# all values.
#
# We put two limits beside the time (Day 4): no program is faster than the bytes divided by the
# **bandwidth**, nor faster than the FLOPs divided by the **peak** of the arithmetic. All of it on one
# core: PyTorch gives each core a text or a head of its own, so for one text a shared head would keep
# one core busy where MHA has them all. (A GPU's kernel, too, must then split the past.)

# %%
cores = torch.get_num_threads()
torch.set_num_threads(1)
with torch.no_grad():
    big = torch.randn(size.moved, device=run.device)
    there, square = torch.empty_like(big), torch.randn(size.square, size.square).to(big)
    turns = range(3)  # the best of three: a neighbor on the machine only slows
    copying = min(runtime.seconds(lambda: there.copy_(big), size.repeats) for _ in turns)
    multiplying = min(runtime.seconds(lambda: square @ square, size.repeats) for _ in turns)
bandwidth, peak = 2 * big.nbytes / copying, 2 * size.square**3 / multiplying
print(f"{bandwidth / 1e9:,.0f} GB/s, {peak / 1e9:,.0f} GFLOP/s: ", end="")
print(f"in balance at {peak / bandwidth:.1f} FLOPs per byte")

# %% [markdown]
# In a real model other layers are read in between, so the keys of this layer do not wait in the
# processor's small fast memory. Therefore each measurement walks through a *pool* of many caches.
# **Predict** for the longest past: MQA reads 32 times fewer bytes than MHA. How many times as fast is
# it?


# %%
@torch.no_grad()
def one_query(kv_heads, past):
    """Seconds for 32 query heads and one token, against a past that comes from memory."""
    shape = 2, 1, kv_heads, past, 128
    pool = [torch.randn(shape, device=run.device)]
    while sum(cache.nbytes for cache in pool) < size.pool:
        pool.append(torch.randn(shape, device=run.device))
    query, groups = torch.randn(1, 32, 1, 128, device=run.device), 32 // kv_heads

    def work():
        for keys, values in pool:
            attend(query, keys, values, None, groups)

    return runtime.seconds(work, size.repeats) / len(pool)


# %%
took = {}
print("kv heads    past         MB   microseconds   limit by bytes   by FLOPs   reached")
for kv_heads, past in product((32, 8, 1), size.pasts):
    took[kv_heads, past] = one_query(kv_heads, past)
    moved, flops = 2 * kv_heads * past * 128 * 4, 2 * 2 * 32 * past * 128
    mine, by_bytes, by_flops = took[kv_heads, past], moved / bandwidth, flops / peak
    print(f"{kv_heads:8} {past:7,} {moved / 1e6:10,.1f} {1e6 * mine:14,.0f}", end=" ")
    print(f"{1e6 * by_bytes:16,.0f} {1e6 * by_flops:10,.0f}", end=" ")
    print(f"{max(by_bytes, by_flops) / mine:9.0%}")

# %%
gain = took[32, size.pasts[-1]] / took[1, size.pasts[-1]]
limits = [max(2 * n * 4 / bandwidth, 2 * 2 * 32 / peak) for n in (32, 1)]  # for each number
print(f"for the longest past MHA takes {gain:.1f} times as long as MQA;", end=" ")
print(f"with both at their limits it would be {limits[0] / limits[1]:.1f}")
print(f"and the kernel comes nearer to its limit by {gain * limits[1] / limits[0]:.1f}")
if run.device.type == "cpu" and run.scale != "tiny":
    check.true("MQA is at least three times as fast at the longest past", gain > 3)

# %%
fig, ax = plots.figure("One query of 32 heads, by number of key/value heads", 5.0, 2.7)
names = {32: "32 (MHA)", 8: "8", 1: "1 (MQA)"}
for kv_heads, color in ((32, plots.ORANGE), (8, plots.BLUE), (1, plots.GREEN)):
    line = [took[kv_heads, past] * 1e6 for past in size.pasts]
    ax.loglog(size.pasts, line, "o-", color=color, label=names[kv_heads])
ax.set(xlabel="tokens in the past", ylabel="microseconds")
ax.set_xticks(size.pasts, [f"{past:,}" for past in size.pasts])
ax.minorticks_off()
plots.name_lines(ax)
plots.show(fig, alt="Three rising lines: 32 key/value heads take longest, one head least.")

# %% [markdown]
# Much faster, but not 32 times. Sharing divides the bytes and leaves the arithmetic as it is: with 32
# tables of keys each number that is read meets one query, with one table it meets 32. The limit *by
# FLOPs* is the same in all rows of one past. Where it is the larger of the two, fewer bytes no longer
# help; on the processor of the stored run one shared head is past that point. A GPU has far more
# arithmetic for each byte, so there the bytes
# decide for longer. Exercise 11.4 computes where the gain ends.
#
# The last column is the larger limit as a share of the measured time. In the stored run MHA reaches a
# smaller share than MQA. So the factor has two parts: what the limits promise, times what this kernel
# does better with 32 queries for a table than with one.
#
# ### The same numbers, four ways
#
# Bytes that are saved in memory need not be saved on the way. Here are four ways to mix with one shared
# head, for four texts at once, and the time of MHA as the measure. **Predict** their order.

# %%
query = torch.randn(4, 32, 1, 128, device=run.device)  # 4 texts, 32 heads
keys, values = torch.randn(2, 4, 1, size.four, 128, device=run.device)

# %%
fused = F.scaled_dot_product_attention
ways = {
    "heads as rows of one table": lambda: attend(query, keys, values, None, 32),
    "enable_gqa": lambda: fused(query, keys, values, enable_gqa=True),
    "a view of 32 heads": lambda: fused(query, *(t.expand(4, 32, -1, -1) for t in pair)),
    "32 copies": lambda: fused(query, *(t.repeat(1, 32, 1, 1) for t in pair)),
}
pair, many = (keys, values), torch.randn(2, 4, 32, size.four, 128, device=run.device)
measure = runtime.seconds(lambda: fused(query, *many), size.repeats)
seconds = {name: runtime.seconds(way, size.repeats) for name, way in ways.items()}

# %%
for name, way in ways.items():
    with LiveBytes() as meter:
        result = way()
    check.close(name, result, attend(query, keys, values, None, 32), tol=1e-5)
    print(f"     {seconds[name] / measure:.2f} of MHA's time, {meter.peak / 1e6:.2f} MB made")
if run.device.type == "cpu" and run.scale != "tiny":
    rows, copies = seconds["heads as rows of one table"], seconds["32 copies"]
    check.true("rows are faster than MHA, copies are slower", 2 * rows < measure < copies)

# %% [markdown]
# The same result within rounding, and times that differ by a large factor. Copying is slower than not
# sharing at all: it writes MHA's keys and values anew for every token. In the stored run the two in
# the middle copy nothing, and are still slower than the first: the kernel probably reads the shared
# table for each head again. So a small cache is half of the work; the other half is a kernel that
# knows that the head is shared.
#
# ### A whole model
#
# Now a small model with random weights, MHA and MQA with equally many parameters. Both write one
# token for a growing number of texts, each with the same past. **Predict:** where is the gain larger,
# with one text or with many?


# %%
def filled(config, batch, past):
    """A cache as it is after `past` tokens, of random numbers, with room for one more."""
    cache, shape = KVCache(past + 1), (batch, config.num_key_value_heads, past, config.head_dim)
    for layer in range(config.num_hidden_layers):
        cache.update(layer, *torch.randn(2, *shape, device=run.device))
    cache.advance(past)
    return cache


@torch.inference_mode()
def one_step(model, batch, past):
    """Seconds of writing one token for each text, and the bytes in the cache."""
    cache = filled(model.config, batch, past)
    ids = torch.zeros(batch, 1, dtype=torch.long, device=run.device)

    def work():
        model(ids, cache)
        cache.length = past  # forget it, so that the next step is the same

    return runtime.seconds(work, size.repeats), cache.bytes


# %%
shape = GPTConfig(hidden_size=size.width, intermediate_size=4 * size.width, num_hidden_layers=2,
                  num_attention_heads=size.heads, head_dim=size.width // size.heads,
                  max_position_embeddings=size.step_past + 1)  # fmt: skip
one = rung.matched(GPT, replace(shape, num_key_value_heads=1), count_parameters(GPT(shape)))
models = {"MHA": GPT(shape).to(run.device), "MQA": GPT(one).to(run.device)}

# %%
speed, in_cache = {}, {}
for batch, _, (name, model) in product(size.batches, range(3), models.items()):
    seconds, in_cache[name, batch] = one_step(model.eval(), batch, size.step_past)
    speed[name, batch] = max(batch / seconds, speed.get((name, batch), 0))  # best of three

# %%
torch.set_num_threads(cores)
print("          texts   MB of weights   MB of cache   tokens/s")
for (name, batch), rate in speed.items():
    numbers = 4 * count_parameters(models[name]) / 1e6, in_cache[name, batch] / 1e6, rate
    print("{:3} {:11} {:15,.1f} {:13,.1f} {:10,.0f}".format(name, batch, *numbers))
gains = [speed["MQA", batch] / speed["MHA", batch] for batch in size.batches]
read = {key: 4 * count_parameters(models[key[0]]) + held for key, held in in_cache.items()}
by_bytes = [read["MHA", batch] / read["MQA", batch] for batch in size.batches]
print("MQA is", ", ".join(f"{gain:.1f}" for gain in gains), "times as fast;", end=" ")
print("by the bytes read", ", ".join(f"{gain:.1f}" for gain in by_bytes))
if run.device.type == "cpu" and run.scale != "tiny":
    check.true("with many texts MQA is faster by a quarter or more", gains[-1] > 1.25)
    check.true("it gains more with many texts than with one", gains[-1] > gains[0])

# %% [markdown]
# The weights are read once for all texts, the caches once for each: with one text a model mostly
# reads its weights, which both have alike. With many, MHA's cache is the larger part of what it
# reads, and there MQA gains most. (Less than by the bytes alone: arithmetic takes its time, too.) It
# pays for those who serve many long texts at once.
#
# ### How many texts fit a T4?
#
# Speed needs many texts, and many texts need room. A T4 has 16 GB; a tenth stays free (Day 4). In
# float16 the weights come first, then a cache for each text. Two shapes: Qwen3-0.6B and Llama-2-7B
# ([Touvron et al., 2023](https://arxiv.org/abs/2307.09288)), each with the key/value heads of MHA,
# with 8, and with 1, and with as many weights as published. **Predict:** how many texts of 4,096
# tokens fit beside the 7B model, for each of the three?

# %%
SMALL = Qwen3Config(vocab_size=151_936, hidden_size=1024, intermediate_size=3072,
                    num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8,
                    head_dim=128)  # fmt: skip
LARGE = Qwen3Config(vocab_size=32_000, hidden_size=4096, intermediate_size=11_008,
                    num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
                    head_dim=128, tie_word_embeddings=False)  # fmt: skip


def room_for(config, kv_heads, context, card):
    """Texts that fit beside the float16 weights, and the bytes that a step then reads."""
    weights = 2 * cost.parameters(config)
    shared = replace(config, num_key_value_heads=kv_heads)
    a_text = cost.cache_bytes(shared, 1, context, torch.float16)
    texts = max(0, int((0.9 * card.memory - weights) // a_text))
    return texts, weights + texts * a_text


# %%
card, fits = cost.CARDS["T4"], {}
for name, config in {"0.6B": SMALL, "7B": LARGE}.items():
    print(f"{name}: weights of {2 * cost.parameters(config) / 1e9:.1f} GB")
    for context, kv_heads in product((2048, 4096), (config.num_attention_heads, 8, 1)):
        texts, read = room_for(config, kv_heads, context, card)
        fits[name, context, kv_heads] = texts
        rate = texts * card.bandwidth / read
        print(f"   {context:,} tokens, {kv_heads:2} kv heads: {texts:3} texts, ", end="")
        print(f"at most {rate:5,.0f} tokens/s")
chosen = [fits["7B", 4096, kv_heads] for kv_heads in (32, 8, 1)]
check.true(
    "7B, 4,096 tokens: none with MHA, one with 8 heads, 13 with one", chosen == [0, 1, 13]
)

# %% [markdown]
# With MHA, which Llama-2-7B has, not one text fits, not even of 2,048 tokens. The
# last column is a limit and no measurement: a step reads all that lies in memory, once, and for a full
# card that takes 45 ms, however many texts there are. So the tokens per second grow with the number of
# texts, and that is what a small cache buys.
#
# Play with it: the memory of the 7B model by key/value heads, against the cards of Day 4. **Predict**
# first: up to which context do 16 texts fit an A100 with 40 GB, with MHA and with MQA?

# %%
SHOWN = ("T4", "A100 40GB", "A100 80GB", "H200")


def draw_memory(ax, context, batch, dtype):
    kind, counts = getattr(torch, dtype), (32, 16, 8, 4, 2, 1)
    shapes = [replace(LARGE, num_key_value_heads=n) for n in counts]
    caches = [cost.cache_bytes(shape, batch, context, kind) for shape in shapes]
    weights = kind.itemsize * cost.parameters(LARGE)
    ax.plot(range(6), [(weights + cache) / 1e9 for cache in caches], "o-", color=plots.BLUE)
    ax.axhline(weights / 1e9, color=plots.GRAY, lw=1)
    for name in SHOWN:
        memory = cost.CARDS[name].memory / 1e9
        ax.axhline(memory, color=plots.ORANGE, lw=1, ls="--")
        ax.text(5.4, memory, name, color=plots.ORANGE, va="bottom", fontsize=7)
    top = max(400, 1.5 * (weights + caches[0]) / 1e9)
    ax.set(yscale="log", xlim=(-0.5, 9), xlabel="key/value heads", ylabel="GB")
    ax.set(title=f"{batch} x {context:,}\ntokens, {dtype}")
    ax.set_xticks(range(6), counts)
    ticks = [5, 10, 20, 50, 100, 200, 1000, 10_000]
    ax.set_yticks(ticks, ticks)
    ax.set_ylim(5, top)
    ax.minorticks_off()


knobs = dict(context=[2**i for i in range(9, 18)], batch=[2**i for i in range(9)])
knobs["dtype"] = ["float16", "float32", "float8_e4m3fn"]
panels = [dict(context=4096, batch=b, dtype="float16") for b in (1, 16, 128)]
alt = "Memory by key/value heads: one text fits every card, 128 texts need few heads."
title = "Memory of a 7B model (blue), of its weights alone (gray)"
widgets.explore(title, draw_memory, panels, alt=alt, height=2.8, **knobs)

# %% [markdown]
# Of the contexts that the knob offers, MHA reaches 2,048 and MQA 65,536. (The lines are all of a
# card.) With 128 texts of 4,096 tokens the caches of MHA hold twenty times what the weights do, and
# no card here is large enough; with one shared head the A100 with 40 GB is.
#
# ### What does it cost?
#
# The price is paid in quality, if there is one. Both models have 8 query heads of 16, the same number
# of parameters, the same texts in the same order for the same seed, and as many tokens. What
# attention saves in MQA, the feed-forward net gets:

# %%
budget, corpus = rung.budget(), rung.read(rung.budget())
makers = {name: variants.of_size(name, budget.model) for name in ("MHA", "MQA")}
for name, make in makers.items():
    model = make()
    print(f"{name}: {count_parameters(model):,} parameters, ", end="")
    print(f"{model.config.intermediate_size} features in the feed-forward net, ", end="")
    print(f"{variants.cache_per_token(model, time=8):.0f} numbers a token in the cache")
counts = [count_parameters(make()) for make in makers.values()]
check.true("equal within 0.02 %", abs(counts[1] / counts[0] - 1) < 2e-4)

# %% [markdown]
# You train both at the ladder's rate, 0.003, with three seeds. A pair is one seed: both models read
# the same stories in the same order. Beside them stands a recorded search with three other seeds, in
# which each model has its own best rate (its first seed chose it, which favors both a little).
# The rule, before any number: we call the difference real if its mean over the pairs is more than 4.3
# times its standard error (the spread of the pairs' differences, divided by the root of their
# number), 2.6 times for six pairs. These factors are Student's: models that do not differ pass them
# in 5 of 100 cases. **Predict:** by how many percent is MQA worse, or better?

# %%
live, climbs = replace(budget, seeds=size.seeds), {}
for name, make in makers.items():
    climbs[name] = rung.climb(make, corpus, live, name)

# %%
record = json.loads((runtime.ROOT / "data/golden_runs/ladder.json").read_text())["models"]
for name in makers:
    print(f"{name}: bits per byte by rate {record[name]['by_rate']}, best {record[name]['lr']}")

# %%
scores = {("live", name): climbs[name].entry["bits_per_byte"] for name in makers}
scores |= {("recorded", name): record[name]["bits_per_byte"] for name in makers}
for (where, name), found in scores.items():
    each = ", ".join(f"{score:.4f}" for score in found)
    print(f"{where:9} {name} {np.mean(found):.4f} ± {np.std(found, ddof=1):.4f}   ({each})")


# %%
def verdict(where):
    """Mean difference of the pairs, its standard error (percent of MHA), and the limit."""
    mha, mqa = (np.concatenate([scores[w, name] for w in where]) for name in ("MHA", "MQA"))
    difference = 100 * (mqa - mha) / mha.mean()
    few = {2: 12.7, 3: 4.3, 5: 2.8, 6: 2.6}[len(difference)]  # Student's t, 5 %
    return difference.mean(), difference.std(ddof=1) / len(difference) ** 0.5, few


# %%
for where in [["recorded"], ["live"]] + [["live", "recorded"]] * (run.scale == "cpu"):
    mean, error, few = verdict(where)
    words = "real" if abs(mean) > few * error else "within the spread"
    print(f"{' and '.join(where):17} MQA costs {mean:+.1f} % ± {error:.1f} %: {words}")
if run.scale == "cpu":
    check.true("over six pairs MQA costs something, and less than 6 %", 0 < mean < 6)

# %%
fig, ax = plots.figure("Each line is a pair with the same stories", 4.4, 2.7)
looks = [("live", plots.BLUE, "o-"), ("recorded", plots.GRAY, "s--")]
for where, color, look in looks if run.scale == "cpu" else looks[:1]:
    pairs = np.array([scores[where, "MHA"], scores[where, "MQA"]])  # (2, seeds)
    ax.plot([0, 1], pairs, look, color=color, lw=1.2)
    ax.plot([], [], look, color=color, lw=1.2, label=where)
ax.set_xticks([0, 1], ["MHA", "MQA"])
ax.set(xlim=(-0.4, 1.4), ylabel="bits per byte (lower is better)")
ax.legend(loc="upper left")
plots.show(fig, alt="Pairs of bits per byte, lines from MHA on the left to MQA on the right.")

# %% [markdown]
# In the stored run MQA is worse in every one of the six pairs, by 2.5 % on average, and over all six
# the rule calls that real. For MQA the best rate was the largest that was tried, 0.0045; at the
# ladder's rate, 0.003, the live pairs say nearly the same. Ours is one small model after a short
# training, on texts of at most 144 tokens. Whether an eighth of the cache is worth two or three
# percent more bits depends on what you are short of.
#
# The rungs of the day come next. Today's MHA has 8 heads of 16, Day 9's GPT 4 heads of 32: that, too,
# makes a difference here, and the price above is that of sharing among eight. In tokens/s, the speed
# of *training*, MQA gains nothing: training reads no cache. It pays off in writing.

# %%
ladder.add("MHA, 8 heads", day=11, **climbs["MHA"].entry)
ladder.add("MQA", day=11, **climbs["MQA"].entry)
alt = "The models so far by bits per byte, with the spread of their seeds."
plots.show(ladder.draw(until=11), alt=alt)
print(ladder.table(until=11))

# %% [markdown]
# ## What can go wrong
#
# Four suspects, each a change of a few lines. Three of them have been in public projects, the fourth is
# made up. **Take two minutes: what is wrong with each?**


# %%
class Suspect1(MultiQueryAttention):
    def keys_and_values(self, x):
        heads = self.q_proj.out_features // self.head_dim
        return [t.repeat_interleave(heads, dim=1) for t in super().keys_and_values(x)]

    def mix(self, queries, keys, values, mask):
        return attention_weights(queries, keys, mask) @ values


class Suspect2(MultiQueryAttention):
    def mix(self, queries, keys, values, mask):
        shape = -1, queries.shape[1], -1, -1
        keys, values = (t.expand(shape).contiguous() for t in (keys, values))
        return attention_weights(queries, keys, mask) @ values


class Suspect3(MultiQueryAttention):
    def mix(self, queries, keys, values, mask):
        shape = *queries.shape[:2], *keys.shape[2:]
        keys, values = (t.repeat(shape[1], 1, 1, 1).view(shape) for t in (keys, values))
        return attention_weights(queries, keys, mask) @ values


class Suspect4(MultiQueryAttention):
    def mix(self, queries, keys, values, mask):
        heads = queries.shape[1]
        rows = queries.flatten(1, 2)[:, None]
        if mask is not None:
            mask = mask.repeat_interleave(heads, dim=-2)
        mixed = attention_weights(rows, keys, mask) @ values
        return mixed[:, 0].unflatten(1, (heads, -1))


# %% [markdown]
# What everybody tries first: load the weights, write one text, compare with a layer that is right.
# With a cache, token by token, as a model writes. **Predict:** which suspects are found out?


# %%
def twin_of(layer, width=32, heads=8, head_dim=64):
    """The course's layer with the same weights."""
    twin = Attention(width, heads, 1, head_dim, qk_norm=False)
    twin.load_state_dict(layer.state_dict())
    return twin


@torch.no_grad()
def writes_one_text(kind):
    layer, x, cache, outputs = kind(32, 8, 64), torch.randn(1, 6, 32), KVCache(6), []
    for token in x.split(1, dim=1):
        outputs.append(layer(token, cache=cache))
        cache.advance(1)
    return torch.allclose(torch.cat(outputs, dim=1), twin_of(layer)(x), atol=1e-5)


# %%
lineup = [Suspect1, Suspect2, Suspect3, Suspect4, MultiQueryAttention]
for kind in lineup:
    print(f"{kind.__name__:20} writes one text right: {writes_one_text(kind)}")
check.true("this finds nobody", all(map(writes_one_text, lineup)))

# %% [markdown]
# Nobody. One text has no neighbors to be mixed up with, one token needs no mask, and a waste of memory
# changes no number. Four instruments look where this test does not: at several texts, at the future, at
# the bytes of the cache, and at the bytes that come and go. **Predict** the board.


# %%
@torch.no_grad()
def texts_are_right(kind):
    layer, x = kind(32, 8, 64), torch.randn(3, 5, 32)
    alone = torch.cat([twin_of(layer)(text) for text in x.split(1)])
    return torch.allclose(layer(x), alone, atol=1e-5)


def future_is_unseen(kind):
    layer, x = kind(32, 8, 64), torch.randn(1, 6, 32, requires_grad=True)
    slopes = [grad(layer(x)[0, t].sum(), x)[0][0, t + 1 :] for t in range(5)]
    return all((slope == 0).all() for slope in slopes)


@torch.no_grad()
def cache_is_small(kind):
    kind(32, 8, 64)(torch.randn(2, 10, 32), cache=(cache := GrowingCache()))
    return (
        cache.bytes == 2 * 1 * 64 * 10 * 2 * 4
    )  # k and v, heads, head_dim, time, batch, bytes


@torch.no_grad()
def nothing_is_copied(kind):  # while four texts get a token each
    layer, cache = kind(32, 8, 64), KVCache(257)
    layer(torch.randn(4, 256, 32), cache=cache)
    cache.advance(256)
    with LiveBytes() as meter:
        layer(torch.randn(4, 1, 32), cache=cache)
    return meter.peak < 4 * 257 * 64 * 4  # the keys of one head


# %%
PROBES = [
    writes_one_text,
    texts_are_right,
    future_is_unseen,
    cache_is_small,
    nothing_is_copied,
]
passed = np.array([[bool(probe(kind)) for probe in PROBES] for kind in lineup])
rows = [*(f"suspect {i}" for i in range(1, 5)), "ours"]
columns = [probe.__name__.replace("_", "\n", 1).replace("_", " ") for probe in PROBES]
fig, ax = plots.figure("Who keeps which promise?", 5.5, 2.4)
plots.board(ax, rows, columns, passed)
plots.show(
    fig, alt="Five layers, five probes: ours passes all, each suspect fails at least one."
)
check.true("ours passes every probe", passed[-1].all())
check.true("each suspect fails one", not passed[:-1].all(1).any())
check.true("each instrument finds one", not passed[:, 1:].all(0).any())

# %% [markdown]
# Suspects 1 and 2 are right in every number, so no test of outputs can find them. Suspect 1 has the
# cache of MHA. Suspect 2 has the small one, and copies it eight times for each new token;
# `cache.bytes` does not see this, `LiveBytes` does. Suspect 3 mixes up texts (and copies besides),
# suspect 4 lets some rows see the future: with one text, token by token, neither shows.
#
# <details><summary>The case files (open after you have decided)</summary>
#
# | suspect | bug | where it has been |
# |---|---|---|
# | 1 | keys and values are repeated *before* they go into the cache | [ThinK](https://github.com/SalesforceAIResearch/ThinK/issues/4), which follows two other projects; [SnapKV](https://github.com/FasterDecoding/SnapKV/issues/16) |
# | 2 | the shared head is written out for each query head inside attention, as in our first version | [torchtitan](https://github.com/pytorch/torchtitan/issues/2224), where the kernel could have shared it; [PyTorch's matmul](https://github.com/pytorch/pytorch/issues/154128) |
# | 3 | `repeat` on the batch axis gives text 0, 1, 2, 0, 1, 2, ... where 0, 0, ..., 1, 1, ... is needed: texts read one another's past | [GCViT](https://github.com/NVlabs/GCVit/issues/10), with shared queries in place of keys |
# | 4 | heads lie behind one another, and the mask has the order of tokens behind one another: some rows see the future, others too little | made up |
#
# </details>

# %% [markdown]
# ## Recap
#
# - A new token reads the weights once for all texts, and the cache of each text once. With many or long
#   texts the cache is most of it.
# - MQA keeps one key/value head: 2 · layers · head size numbers a token. The queries stay many.
# - Bytes shrink, arithmetic stays: the gain ends where the arithmetic takes longer. And it comes only
#   if nothing copies the shared head on its way.
# - The price, at equal parameters and tokens: two or three percent more bits.
#
# | | MHA | MQA |
# |---|---|---|
# | key/value heads | as many as query heads | 1 |
# | parameters of attention | 4 · width · q | 2 · width · q + 2 · width · head size |
# | numbers a token and layer in the cache | 2 · q | 2 · head size |
# | independent numbers that a token hands on | min(q, width) | head size |
#
# (q = heads · head size, in our models the width, in Qwen3-0.6B twice the width.)

# %% [markdown]
# ## Exercises
#
# ### 11.1 What a step of a 7B reads · ●○○ · 5 minutes
#
# How many bytes does a model read to write one token for each of `batch` texts? Its weights are
# `weights` numbers, it has `layers` layers with `heads` query heads and `kv_heads` key/value heads of
# `head_dim`, and each text has `past` tokens in its cache. A number has `number_bytes` bytes.
#
# <details><summary>Hint 1</summary>What is read once for all texts, and what once for each?</details>
# <details><summary>Hint 2</summary>Per token and layer there are two vectors for each key/value head. One of the eight arguments does not matter.</details>


# %%
def my_bytes_read(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes):
    return None  # TODO: your answer


check.exercise("11.1", my_bytes_read)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 11.1
def solution_1(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes):
    return number_bytes * (weights + 2 * layers * kv_heads * head_dim * past * batch)


check.solution("11.1", solution_1)
of_7b = [solution_1(cost.parameters(LARGE), 32, 32, n, 128, 16, 4096, 2) / 1e9 for n in (32, 1)]
print("7B, 16 texts of 4,096 tokens: {:.1f} GB a step with MHA, {:.1f} with MQA".format(*of_7b))

# %% [markdown]
# ### 11.2 Convert · ●●○ · 10 minutes
#
# To turn a trained MHA model into MQA, begin by averaging: the shared key matrix is the mean of the
# key matrices of all heads, and so for the values. `weight` is that of a `k_proj` or `v_proj`, (heads
# · head_dim, width), with the rows of a head side by side as on Day 9. Return the shared one,
# (head_dim, width). (This ruins the model, as the solution shows: no head was trained to share its
# table. It is a place to train on from, and Day 12 does.)
#
# <details><summary>Hint 1</summary>Give the heads an axis of their own first. Which part of an axis of heads · head_dim varies fastest?</details>
# <details><summary>Hint 2</summary>Row 0 of the result is the mean of rows 0, head_dim, 2 · head_dim, and so on.</details>


# %%
def my_shared_head(weight, head_dim):
    return None  # TODO: your answer


check.exercise("11.2", my_shared_head)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 11.2
def solution_2(weight, head_dim):
    return weight.unflatten(0, (-1, head_dim)).mean(0)


check.solution("11.2", solution_2)
trained = climbs["MHA"].model
shared = to_grouped(trained, num_key_value_heads=1)  # the same, for every layer of a model
k_proj = [model.model.layers[0].self_attn.k_proj.weight for model in (trained, shared)]
check.close("to_grouped does this", solution_2(k_proj[0], trained.config.head_dim), k_proj[1])
for name, model in {"trained MHA": trained, "its heads averaged": shared}.items():
    print(f"{name:18} {rung.judge(model, corpus):.3f} bits per byte")

# %% [markdown]
# ### 11.3 Predict the batch · ●●○ · 10 minutes
#
# How many texts of `context` tokens can a card write at once? It has `memory` bytes, of which a tenth
# stays free; the weights take `weight_bytes`. The cache is as in 11.1. Return a whole number; 0 if none
# fits.
#
# <details><summary>Hint 1</summary>A tenth of the whole memory, not of what the weights leave.</details>
# <details><summary>Hint 2</summary>What if the weights alone are too large? Try it with your formula.</details>


# %%
def my_batch(memory, weight_bytes, layers, kv_heads, head_dim, context, number_bytes):
    return None  # TODO: your answer


check.exercise("11.3", my_batch)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 11.3
def solution_3(memory, weight_bytes, layers, kv_heads, head_dim, context, number_bytes):
    a_text = 2 * layers * kv_heads * head_dim * context * number_bytes
    return max(0, int((0.9 * memory - weight_bytes) // a_text))


check.solution("11.3", solution_3)

# %% [markdown]
# ### 11.4 Where the gain ends · ●●● · 25 minutes
#
# How many times as fast is attention when `heads` key/value heads become `kv_heads`, if it always runs
# at its limits? One new token, a long past, `heads` query heads in both cases, numbers of
# `number_bytes` bytes. The machine computes `balance` FLOPs in the time in which it moves one byte.
# Count two FLOPs for each pair of numbers that meet, once for the scores and once for the mixture, and
# leave the softmax aside. Either of the two limits can be the one that holds, before and after.
#
# <details><summary>Hint 1</summary>Choose as unit of time the moving of one byte. How long does the arithmetic take then, and how long the reading?</details>
# <details><summary>Hint 2</summary>The length of the past and the size of a head stand in all terms, so they may be 1. Which of the four terms depends on the key/value heads?</details>
# <details><summary>Hint 3</summary>Time is the larger of two numbers. Make it a function of the key/value heads, and call it twice.</details>


# %%
def my_gain(heads, kv_heads, balance, number_bytes):
    return None  # TODO: your answer


check.exercise("11.4", my_gain)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 11.4
def solution_4(heads, kv_heads, balance, number_bytes):
    def time(kv):  # for one token of the past and one feature of a head
        flops, moved = 2 * 2 * heads, 2 * kv * number_bytes
        return max(flops / balance, moved)

    return time(heads) / time(kv_heads)


check.solution("11.4", solution_4)
print(
    f"with both at their limits, here, in float32: {solution_4(32, 1, peak / bandwidth, 4):.1f}"
)
print(f"with both at their limits, on a T4, in float16: {solution_4(32, 1, 203, 2):.1f}")

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** MQA saved parameters, and we gave them to the feed-forward net. Give them to
# attention: let `head_dim` grow until the model is as large again. What does its cache hold then, and
# does it win back what MQA lost?
#
# **Tomorrow: grouped-query attention.** Between 8 key/value heads and 1 there are 4 and 2. Day 12
# finds out how much of the price they take back, heals what averaging broke, and goes two other roads
# to a small cache.
