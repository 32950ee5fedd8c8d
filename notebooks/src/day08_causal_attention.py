# %% [markdown]
# # Day 8 · Causal attention
#
# Today you hide the future from attention, train your first language model that looks back, and
# convict another one that looks ahead.
#
# **You build:** attention that cannot see the future, a first language model with it, and a test that finds leaks
#
# **At the end you will have**
#
# - `causal_mask` and `attention_weights`, equal to PyTorch's attention, and a measure of what the mask
#   is worth
# - an attention language model, trained beside one that sees the future: two losses, two kinds of
#   stories
# - a gradient test that finds a leak before any training, and a line-up of mask bugs from real projects
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in two minutes
# on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day08_causal_attention.ipynb)
#
# Previous: [Day 7 · Self-attention](day07_self_attention.ipynb) · Next:
# [Day 9 · Multi-head attention](day09_multi_head_attention.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds every size of this notebook: change a number, and all follows.
# `check` compares numbers and raises if they differ, `plots` and `widgets` draw, and `runtime` knows your
# machine: it chooses the device, and prints why.

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
import math
import re
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import grad

from helpers import runtime
from helpers.lesson import check, plots, widgets
from helpers.lesson.progress import Bar
from helpers.model import weights
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer
from helpers.training.optim import set_lr

run = runtime.start(day=8)

# %%
size = runtime.pick(
    tiny=dict(
        stories=600, unseen=150, vocab=320, width=16, context=16, batch=8, steps=24, seeds=2,
        few=10, rates=(0.01, 0.02), pair_rates=(0.2,), drops=(0.0, 0.2), samples=8, places=64,
    ),
    cpu=dict(
        stories=8000, unseen=700, vocab=512, width=64, context=48, batch=16, steps=250, seeds=3,
        few=20, rates=(0.003, 0.01, 0.03), pair_rates=(0.05, 0.2, 0.5), drops=(0.0, 0.1, 0.3),
        samples=40, places=256,
    ),
    gpu=dict(
        stories=8000, unseen=700, vocab=512, width=64, context=48, batch=16, steps=250, seeds=6,
        few=20, rates=(0.001, 0.003, 0.01, 0.03), pair_rates=(0.05, 0.2),
        drops=(0.0, 0.1, 0.2, 0.3, 0.4), samples=60, places=1024,
    ),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# A language model answers one question: what comes next? A text of four words holds three such
# questions, each with its answer:
#
# ```text
# place 0    One            -> day
# place 1    One day        -> Leo
# place 2    One day Leo    -> laughed
# ```
#
# Day 7's attention cannot be asked these questions. There every place takes from all places, so
# place 0 takes from place 1, too, where its answer stands. A place may look at itself and at what came
# before, and at nothing else.
#
# Take four values, 8, 4, 6 and 2, and let all scores be equal, so that attention is a plain mean.
# **Predict** the four results when each place takes the mean of all four values, and when each takes
# the mean of the values so far.

# %%
values, scores = torch.tensor([8.0, 4, 6, 2]), torch.zeros(4, 4)
so_far = torch.ones(4, 4, dtype=torch.bool).tril()  # row t is true up to column t
masked = scores.masked_fill(~so_far, -torch.inf)  # ~ means not
print(so_far.int(), "\n")
print("mean of all   ", scores.softmax(-1) @ values)
print("mean so far   ", masked.softmax(-1) @ values)

# %% [markdown]
# 8, then (8 + 4) / 2 = 6, then 18 / 3 = 6, then 20 / 4 = 5. The table of true and false is the **mask**:
# rows look, columns are looked at. Attention that is masked like this is called **causal**, because nothing
# is influenced by what comes after it.
#
# Now the last value becomes 10. **Predict:** which of these eight results move?

# %%
values[3] = 10.0
print("mean of all   ", scores.softmax(-1) @ values)
print("mean so far   ", masked.softmax(-1) @ values)

# %% [markdown]
# All four in the first line, and only the last one in the second. Keep this: **change something late,
# and see whether anything early moves.** It is the test that will convict a model today.
#
# Why -∞? The mask has to change the *scores*, before the softmax, because the softmax divides by the sum of all
# that it is given. **Predict** the first row of weights, if the forbidden scores become 0, -5 or -∞.

# %%
for hidden in (0.0, -5.0, -torch.inf):
    print(f"{hidden:5}", scores.masked_fill(~so_far, hidden).softmax(-1)[0])

# %% [markdown]
# The softmax takes e to the power of each score. e⁰ is 1, so a score of 0 hides nothing. e⁻⁵ still leaves a
# little under 1 % for each. Only e to the -∞ is exactly 0, and then the rest sums to 1 by itself
# ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3.2.3).

# %% [markdown]
# ## Build it
#
# ### The mask and the weights
#
# A test keeps both functions equal to those in `helpers/model/attention.py`. The scores to be filled are those where a query may
# *not* look, hence `~mask`.


# %%
def causal_mask(time):  # helpers/model/attention.py
    return torch.ones(time, time, dtype=torch.bool).tril()


# %%
def attention_weights(queries, keys, mask=None):  # helpers/model/attention.py
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)


# %% [markdown]
# ### What the mask is worth
#
# Could we do without it? Yes: give attention the text up to place 0, then up to place 1, and so on. Nothing
# later is there, so nothing has to be hidden; but it takes one pass for each question. **Predict** how
# the results differ from those of a single masked pass, and how much longer they take.


# %%
def one_by_one(q, k, v):  # queries, keys and values, (time, width) each
    ends = range(1, len(q) + 1)  # the last place of a text of n tokens, for each n
    return torch.cat([attention_weights(q[n - 1 : n], k[:n]) @ v[:n] for n in ends])


def at_once(q, k, v):
    return attention_weights(q, k, causal_mask(len(q))) @ v


# %%
three = torch.randn(3, size.places, 32)
check.close(f"1 pass = {size.places} passes", at_once(*three), one_by_one(*three))
slow, fast = (runtime.seconds(partial(way, *three), repeats=5) for way in (one_by_one, at_once))
print(f"{size.places} passes take {slow / fast:.0f} times as long as one")
check.true("more than three times as long", slow > 3 * fast)

# %% [markdown]
# The same numbers: the mask takes nothing from attention that it would have when it writes. What it gives is speed.
# All questions of a text are answered in one pass, each as if the text ended there, and in this way language
# models of the GPT kind are trained.
#
# ### Other masks
#
# Two more are in use. A **window** lets a place see itself and the few before it, so that the cost of a token
# does not grow with the text ([Mistral 7B, 2023](https://arxiv.org/abs/2310.06825); Day 12). A **prefix** is a
# question that is there before the answer begins: its places may look at all of it, also ahead ([T5,
# 2019](https://arxiv.org/abs/1910.10683), section 3.2). **Predict:** at which sizes are the two nothing but the
# causal mask?


# %%
def seen_from(t, shape, size):
    """The places that place t may look at, of a text of eight."""
    return {"causal": range(t + 1), "window": range(max(0, t - size + 1), t + 1),
            "prefix": range(max(t + 1, size))}[shape]  # fmt: skip


TOKENS = "One day Leo lost his red kite .".split()


def draw_mask(ax, shape, size):
    allowed = [[s in seen_from(t, shape, size) for s in range(8)] for t in range(8)]
    ax.pcolormesh(allowed, cmap="Blues", vmin=-0.1, vmax=1.5, edgecolors="white")
    ax.set(title=shape if shape == "causal" else f"{shape} of {size}")
    ax.set(aspect="equal", ylim=(8, 0))
    ax.set_xticks(np.arange(8) + 0.5, TOKENS, rotation=90)
    ax.set_yticks(np.arange(8) + 0.5, TOKENS)
    ax.grid(False)


panels = [dict(shape=s, size=n) for s, n in (("causal", 3), ("window", 3), ("prefix", 4))]
alt = "Three 8 x 8 masks: a triangle, a band of three, a triangle with a full 4 x 4 corner."
knobs = dict(shape=["causal", "window", "prefix"], size=range(1, 9))
widgets.explore("Who (row) may look at whom (column)", draw_mask, panels, alt=alt, **knobs)

# %% [markdown]
# A window of 8, as long as the text, and a prefix of 1: the first place sees itself anyway.
#
# ### Dropout
#
# A model that sees few texts learns them by heart (Day 1). An old remedy is **dropout** ([Srivastava et al.,
# 2014](https://jmlr.org/papers/v15/srivastava14a.html)): at every training step, a random part `p` of the
# numbers is set to 0, so that nothing can rely on any one of them, and the rest is divided by 1 - p.
# **Predict** for ten thousand ones and p = 0.2: which numbers come out, and what is their mean?


# %%
def dropout(x, p, training=True):
    if not training:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - p)  # 1 with probability 1 - p, else 0
    return x * kept / (1 - p)


# %%
ones = torch.ones(10_000)
dropped = dropout(ones, p=0.2)
print(f"numbers {dropped.unique().tolist()}, mean {dropped.mean():.3f}")
print(f"in use: {dropout(ones, p=0.2, training=False).unique().tolist()}")

# %%
x, by_seed = torch.randn(1000), []
for way in (dropout, F.dropout):
    torch.manual_seed(1)
    by_seed.append(way(x, p=0.2))
check.close("my dropout = F.dropout", *by_seed)

# %% [markdown]
# 0 and 1.25, with a mean near 1: what is left grows by as much as is lost, so the next layer finds the size
# that it is used to. Dropout is for training only. As a module it is `nn.Dropout`, and the switch is the model's:
# `model.train()` turns it on, `model.eval()` off.
#
# ### The first attention language model
#
# Now the parts come together:
#
# ```text
#               ┌─ look: attention ─┐        ┌─ think: a network as on Day 1 ─┐
#    tokens  ───┴───────────────────+────────┴────────────────────────────────+─── ... ─── head: logits
#    + places
# ```
#
# - A token becomes a row of numbers (Day 6), and so does its *place*, from a second table that is learned, too.
#   Attention that sees all does not know what stands where (Day 7). The mask alone tells two layers something,
#   as place 5 sees more than place 2; the table tells it outright. Day 13 does this well.
# - *Look* mixes the rows of a text by `weigh`, a function that we will exchange. *Think* works on each place
#   alone. Both *add* what they find, so that a place keeps what it had. Then the same again: two layers.
# - A **batch** is many texts at once, (batch, time, width). The mask, (time, time), is broadcast (Day 3) over
#   all of them. Texts never look at one another.


# %%
class OneHead(nn.Module):
    def __init__(self, width, weigh, p=0.0):
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.weigh, self.dropout = weigh, nn.Dropout(p)

    def forward(self, x):  # (batch, time, width) -> (batch, time, width)
        shares = self.weigh(self.query(x), self.key(x))  # (batch, time, time)
        return self.dropout(shares) @ self.value(x)


def causal(queries, keys):
    return attention_weights(queries, keys, causal_mask(keys.shape[-2]).to(keys.device))


def sees_all(queries, keys):
    return attention_weights(queries, keys)


# %%
class TinyLM(nn.Module):
    def __init__(self, weigh, p=0.0, layers=2):
        super().__init__()
        width = size.width
        self.tokens, self.places = nn.Embedding(vocab, width), nn.Embedding(size.context, width)
        self.look = nn.ModuleList(OneHead(width, weigh, p) for _ in range(layers))
        self.think = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
            for _ in range(layers)
        )
        self.head, self.dropout = nn.Linear(width, vocab, bias=False), nn.Dropout(p)

    def embed(self, ids):  # (batch, time) -> (batch, time, width)
        return self.tokens(ids) + self.places.weight[: ids.shape[1]]

    def read(self, x):  # (batch, time, width) -> (batch, time, vocab)
        x = self.dropout(x)
        for look, think in zip(self.look, self.think):
            x = x + self.dropout(look(x))
            x = x + self.dropout(think(x))
        return self.head(x)

    def forward(self, ids):
        return self.read(self.embed(ids))


# %% [markdown]
# The text: a short training learns more from one plot of the story world than from all, so we keep the plot
# of the first story. Tokens stand in one long row, with an end-of-text between the stories. A batch cuts
# excerpts out of it at random. At each place of an excerpt the answer is the token to the right.


# %%
def pack(tokenizer, texts):
    encoded = tokenizer.encode_batch(texts)
    return torch.tensor([0, *(i for ids in encoded for i in [*ids, 0])])  # 0: end of text


written = [stories.write(seed) for seed in range(size.stories)]
heard = [stories.write(stories.VALIDATION_SEEDS + i) for i in range(size.unseen)]
plot = written[0].facts["plot"]
told, unseen = ([s for s in all_ if s.facts["plot"] == plot] for all_ in (written, heard))
tokenizer = Tokenizer.train([story.text for story in told], size.vocab)
vocab = tokenizer.vocab_size
data = pack(tokenizer, [story.text for story in told])
print(f"{len(told)} stories of the plot {plot!r}, {len(data):,} tokens of {vocab} kinds")


def batch(data):
    starts = torch.randint(len(data) - size.context, (size.batch, 1))
    rows = data[starts + torch.arange(size.context + 1)].to(run.device)
    return rows[:, :-1], rows[:, 1:]  # questions and answers, both (batch, time)


torch.manual_seed(0)
inputs, answers = batch(data)
model = TinyLM(causal).to(run.device)
check.shape("logits", model(inputs), (size.batch, size.context, vocab))
print(f"{weights.count_parameters(model):,} parameters")
print(repr(tokenizer.decode(inputs[0, :12].tolist())), "->", end=" ")
print(repr(tokenizer.decode(answers[0, 11:12].tolist())))

# %% [markdown]
# ## Check it
#
# First against PyTorch's own attention, whose `is_causal=True` stands for the same mask. Its `attn_mask`
# takes booleans like ours, true where a query *may* look. (`nn.MultiheadAttention` wants them the other way
# round. [Llama 4 in transformers](https://github.com/huggingface/transformers/pull/38094)
# once had its mask turned around.)
#
# Then the promise of the mask, for the whole model: the logits at place t of a text in a batch are those of
# a text alone that ends there.

# %%
for shape in ((7, 16), (2, 5, 8), (3, 4, 9, 6)):  # (..., time, width)
    q, k, v = torch.randn(3, *shape)
    mine = attention_weights(q, k, mask := causal_mask(shape[-2])) @ v
    for how in (dict(is_causal=True), dict(attn_mask=mask)):
        theirs = F.scaled_dot_product_attention(q, k, v, **how)
        check.close(f"{shape} = PyTorch, {', '.join(how)}", mine, theirs, tol=1e-6)

# %%
with torch.no_grad():
    whole = model.eval()(inputs)
    for t in (0, size.context // 2, size.context - 1):
        alone = model(inputs[:1, : t + 1])[0, -1]
        check.close(f"place {t} = the end of a shorter text", whole[0, t], alone, tol=1e-4)

# %% [markdown]
# Last, the test of today. "Does output t depend on input s?" is a question for the gradient (Day 1): the slope
# of output t in input s is exactly 0 if no way leads from one to the other. For each output, autograd gives the
# slopes in all inputs; the length of each is one number of a table. (A token number has no slope, so the input
# is what `embed` makes of it. `mix` weighs an output's numbers at random, so that slopes of opposite sign do not
# cancel.)
#
# Nothing is trained yet. **Predict:** among twelve tokens, how many pairs of an output and a *later* input are
# there, and for how many is the slope exactly 0?


# %%
def influence(function, x):  # row t, column s: how much output t moves with row s of x
    x = x.detach().requires_grad_()
    outputs = function(x)  # (time, width) -> (time, anything)
    mix = torch.randn(outputs.shape[1:], device=x.device)
    slopes = [grad((out * mix).sum(), x, retain_graph=True)[0] for out in outputs]
    return torch.stack(slopes).norm(dim=-1).cpu()  # (outputs, inputs)


# %%
def influence_in(model, ids):  # the same for a language model and the ids of one text
    x = model.eval().embed(ids[None])[0]
    return influence(lambda x: model.read(x[None])[0], x)


# %%
later = torch.ones(12, 12, dtype=torch.bool).triu(1)  # above the diagonal: the input is later
table = influence_in(model, inputs[0, :12])
print(f"{(table[later] == 0).sum()} of {later.sum()} slopes from the future are exactly 0")
check.true("the future has no way in", (table[later] == 0).all())
check.true("past and present have", (table[~later] > 0).all())
wild = attention_weights(300 * q, 300 * k, mask)  # however large the scores
check.true("no weight on the future", (wild.triu(1) == 0).all())

# %% [markdown]
# All of them, and exactly. The test needs no data, no training and less than a second: run it before you train.
# A slope above 0 proves a leak. Slopes of 0 prove none only where the model is smooth: a hard choice (a largest
# one, a rounding) hides from the gradient; there, change a token and compare (exercise 8.4).

# %% [markdown]
# ## Use it
#
# ### Perplexity, and bits per byte
#
# A model pays -log p for each token, where p is the probability that it gave to the token that came. The mean
# can be said in three ways: in *nats* (natural logarithm; what `F.cross_entropy` gives), in *bits* (base 2;
# a nat is 1 / ln 2 = 1.44 bits), or as **perplexity**, which is e to the mean in nats, or 2 to the mean in bits.
# Four tokens came, with p = 1/2, 1/4, 1/8 and 1/4. **Predict** the bits of each, their mean, and the perplexity.

# %%
p = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 4])
bits, nats = -p.log2(), -p.log().mean()
print(f"bits {bits.tolist()}, mean {bits.mean():.0f}, perplexity {2 ** bits.mean():.0f}")
check.close("e to the nats = 2 to the bits", nats.exp(), 2 ** bits.mean())

# %% [markdown]
# 1, 2, 3 and 2 bits, 2 on average, perplexity 4: as unsure as somebody who guesses among four tokens. That
# is easy to picture, and hard to compare: "per token" depends on how long the tokens are. **Bits per byte**
# divide the same bits by the bytes of the text (Day 2). Here are three tables of pairs, counted on the same
# stories and judged on the same unseen ones; only their vocabularies differ. **Predict:** which one has the
# lowest perplexity, and which one the fewest bits per byte?


# %%
def pair_nats(data, ids, vocab, alpha=0.01):
    """What each token of ids costs a table of pairs counted in `data`, in nats (Day 2)."""
    counts = torch.bincount(data[:-1] * vocab + data[1:], minlength=vocab**2).double()
    counts, now, after = counts.view(vocab, vocab), ids[:-1], ids[1:]
    p = (counts[now, after] + alpha) / (counts.sum(1)[now] + alpha * vocab)
    return -p.log()


texts, texts_unseen = ([story.text for story in all_[:2000]] for all_ in (written, heard))
total, prices = sum(len(text.encode()) for text in texts_unseen), []
for kinds in (257, 512, 2048):
    coder = Tokenizer.train(texts, kinds)
    nats = pair_nats(pack(coder, texts), pack(coder, texts_unseen), coder.vocab_size)
    prices.append((nats.mean().exp(), nats.sum() / math.log(2) / total))
    print("{:4} kinds: perplexity {:5.1f}, bits per byte {:.2f}".format(kinds, *prices[-1]))
check.true("bytes have the lowest perplexity", prices[0][0] == min(p for p, _ in prices))
check.true("and the most bits per byte", prices[0][1] == max(b for _, b in prices))

# %% [markdown]
# The table of single bytes (256, and the end) has the lowest perplexity and pays by far the most for the text: its
# questions are easier, but it has to answer more of them. So perplexity compares models that share a tokenizer; bits per byte
# compares any two.
#
# ### Three models, one text
#
# A table of pairs, a causal model, and one that sees all; the last two are twins, but for the mask. All are
# trained on windows of the same text, and judged on unseen stories of the same plot.


# %%
def windows(ids):
    """Neighbors, (windows, context + 1): each token but the first is an answer once."""
    end = (len(ids) - 1) // size.context * size.context + 1
    return ids[:end].unfold(0, size.context + 1, size.context).to(run.device)


# %%
ids = pack(tokenizer, [story.text for story in unseen])
rows = windows(ids)
bytes_of = torch.tensor([len(tokenizer.token_bytes(i)) for i in range(vocab)])


def loss_of(model, inputs, answers, **how):
    return F.cross_entropy(model(inputs).flatten(0, 1), answers.flatten(), **how)


# %%
def per_byte(nats, rows):
    return nats / math.log(2) / bytes_of[rows[:, 1:].cpu()].sum().item()


@torch.no_grad()
def price(model, rows=rows):  # bits per byte, all places of a window asked at once
    model.eval()
    return per_byte(loss_of(model, rows[:, :-1], rows[:, 1:], reduction="sum").item(), rows)


# %%
def train(new, lr, seed, data=data):
    """A trained model, and its price at each of MARKS."""
    torch.manual_seed(seed)
    model, prices = new().to(run.device), []
    optimizer = torch.optim.Adam(model.parameters(), lr)  # Day 16
    for step in range(size.steps):
        model.train()
        set_lr(optimizer, lr * (1 - step / size.steps))  # smaller and smaller steps: Day 16
        loss = loss_of(model, *batch(data))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 in MARKS:
            prices.append(price(model))
    return model, prices


MARKS = [round(size.steps * part / 12) for part in range(1, 13)]

# %% [markdown]
# Three numbers to judge them by. *Pairs, counted* is what a table of pairs comes to
# without any training (Day 2). The *Qwen3* is the course's reference model: two million weights, twelve minutes of
# training on all plots. The *floor* is the information in the stories: whoever knows a text up to a place, and
# no more, cannot pay less on average. (Our models know the plot, so its choice is not counted; the Qwen3 has to
# guess it. It reads whole stories, ours windows that mostly begin in mid-story: expect them well above it.)

# %%
unseen_bytes = sum(len(story.text.encode()) for story in unseen)
plot_bits = math.log2(len(stories.WORLD.grammar.options))
floor = sum(story.bits - plot_bits for story in unseen) / unseen_bytes
counted = pair_nats(data, ids, vocab).sum().item() / math.log(2) / unseen_bytes

folder = runtime.ROOT / "checkpoints" / "reference"
coder, qwen3 = Tokenizer.load(folder), weights.load(folder, run.device)
nats = 0.0
with torch.no_grad():
    for story in unseen:
        row = torch.tensor([[0, *coder.encode(story.text), 0]], device=run.device)
        nats += loss_of(qwen3, row[:, :-1], row[:, 1:], reduction="sum").item()
reference = nats / math.log(2) / unseen_bytes
lines = {"pairs, counted": counted, "Qwen3": reference, "floor": floor}
print("   ".join(f"{name}: {bits:.3f}" for name, bits in lines.items()))

# %% [markdown]
# Each model takes the best of the rates tried (chosen with seed 0), and is then trained with several seeds. **Predict** the
# three curves: which one ends lowest, near which of these numbers, and when does it learn most?

# %%
CONTESTANTS = {
    "pairs": (partial(nn.Embedding, vocab, vocab), size.pair_rates),  # a row of logits each
    "causal": (partial(TinyLM, causal), size.rates),
    "sees all": (partial(TinyLM, sees_all), size.rates),
}
runs, rate_of = {}, {}
jobs = sum(len(rates) + size.seeds - 1 for _, rates in CONTESTANTS.values())
bar, done = Bar(jobs, "training"), 0
for name, (new, rates) in CONTESTANTS.items():
    tried = {}
    for lr in rates:
        tried[lr] = train(new, lr, seed=0)
        bar.update(done := done + 1, f"{name}, rate {lr}")
    ends = {lr: np.nan_to_num(prices[-1], nan=np.inf) for lr, (_, prices) in tried.items()}
    rate_of[name] = min(ends, key=ends.get)
    runs[name] = [tried[rate_of[name]]]
    for seed in range(1, size.seeds):
        runs[name].append(train(new, rate_of[name], seed))
        bar.update(done := done + 1, f"{name}, seed {seed}")
    print(f"{name:8} by rate:", ",  ".join(f"{lr}: {end:.3f}" for lr, end in ends.items()))

# %%
LOOK = {"pairs": plots.GRAY, "causal": plots.BLUE, "sees all": plots.ORANGE}
fig, ax = plots.figure("What unseen stories cost, by training step", 5.2, 3.0)
ax.set(yscale="log", xlabel="training step", ylabel="bits per byte")
ax.yaxis.set_major_formatter("{x:g}")
for name, trained in runs.items():
    plots.band(ax, [prices for _, prices in trained], name, steps=MARKS, color=LOOK[name])
ax.axhline(floor, color=plots.GREEN, ls="--", label="floor")
ax.axhline(reference, color=plots.PINK, ls=":", label="Qwen3")
plots.name_lines(ax)
plots.show(fig, alt="Pairs stay flat, causal falls slowly, sees all drops far below the floor.")

# %%
last = {name: np.array([prices[-1] for _, prices in trained]) for name, trained in runs.items()}
per_token = bytes_of[rows[:, 1:].cpu()].float().mean().item()
for name, ends in last.items():
    print(f"{name:8} {ends.mean():.3f} ± {ends.std(ddof=1):.3f} bits per byte", end="")
    print(f", perplexity {2 ** (ends.mean() * per_token):.2f}")
if run.scale != "tiny":
    check.true("looking back saves more than a third", last["causal"].max() < 0.67 * counted)
    check.true("sees all ends below half the floor", last["sees all"].max() < floor / 2)

# %% [markdown]
# The causal model leaves the pairs far behind: it looks back. The model that sees all starts like its twin, and
# then falls *through* the floor. It has not learned these stories by heart, they are unseen; held-out text is no help
# here. But **below the floor is impossible**: something is wrong. For real text nobody knows the floor, and a loss
# that is too beautiful is the only sign. Somebody whose tiny model got 98 % of the words right, while its
# translations were nonsense, [read it as one](https://github.com/jadore801120/attention-is-all-you-need-pytorch/issues/19).
#
# ### Their stories
#
# Let all three write: begin after an end-of-text, draw the next token, append it, and ask again, until a window is
# full. **Predict** which one writes best, and which one worst.


# %%
@torch.no_grad()
def write(model, count, length=size.context, seed=0):
    """Texts that the model draws, each from an end-of-text token on."""
    model.eval()
    random = torch.Generator(run.device).manual_seed(seed)
    ids = torch.zeros(count, 1, dtype=torch.long, device=run.device)
    for _ in range(length):
        p = model(ids[:, -size.context :])[:, -1].softmax(-1)
        ids = torch.cat([ids, p.multinomial(1, generator=random)], dim=1)
    return [tokenizer.decode(row) for row in ids.tolist()]


said = {name: write(trained[0][0], size.samples) for name, trained in runs.items()}
for name, texts in said.items():
    print(f"{name}:\n    {texts[0]!r}\n    {texts[1]!r}\n")
(longer,) = write(runs["causal"][0][0], count=1, length=3 * size.context, seed=1)
print("causal, three windows long:\n   ", longer)

# %% [markdown]
# The lowest loss writes the worst stories. How bad are they, in numbers? Cut the texts into words, take every
# run of n words, and ask whether it occurs anywhere in the training stories. Unseen real stories show what can
# be reached.


# %%
def word_runs(texts, n):
    split = [re.findall(r"\w+|[^\w\s]", text) for text in texts]
    return [tuple(words[i : i + n]) for words in split for i in range(len(words) - n + 1)]


def known_share(texts):
    known = [set(word_runs([story.text for story in told], n)) for n in range(1, 7)]
    return [np.mean([r in known[n - 1] for r in word_runs(texts, n)]) for n in range(1, 7)]


shares = {"real": known_share([story.text for story in unseen])}
shares |= {name: known_share(texts) for name, texts in said.items()}
fig, ax = plots.figure("Runs of words that real stories have", 4.8, 2.6)
for name, share in shares.items():
    ax.plot(range(1, 7), share, "o-", color=LOOK.get(name, plots.GREEN), label=name)
ax.set(xlabel="words in a row", ylabel="share that is known", ylim=(-0.03, 1.03))
plots.name_lines(ax)
plots.show(fig, alt="Real stories stay high, causal follows, pairs and sees all fall to 0.")
if run.scale != "tiny":
    check.true("two words: sees all is below pairs", shares["sees all"][1] < shares["pairs"][1])
    check.true("four words: causal is far above", shares["causal"][3] > 2 * shares["pairs"][3])

# %% [markdown]
# By this measure the model that sees all writes worse than a table of pairs. When it writes, the answer to
# the right does not exist yet. It has learned to look there, and little else.
#
# ### The price as it will be used
#
# So let us judge both as they will be used: one pass for each place, over the text up to there, which is the
# naive way of the beginning. **Predict** two prices for each model: in one pass over a window, and as used.


# %%
@torch.no_grad()
def price_as_used(model):
    """Bits per byte of the unseen windows, each place asked before the next token is there."""
    model.eval()
    nats = 0.0
    for t in range(size.context):
        logits = model(rows[:, : t + 1])[:, -1]
        nats += F.cross_entropy(logits, rows[:, t + 1], reduction="sum").item()
    return per_byte(nats, rows)


def both_prices(name, models):
    """Prints mean and spread; returns (models, 2): in one pass, and as used."""
    both = np.array([(price(model), price_as_used(model)) for model in models])
    (one, used), (s, u) = both.mean(0), both.std(0, ddof=1)
    print(f"{name:16} in one pass {one:.3f} ± {s:.3f}, as used {used:.3f} ± {u:.3f}")
    return both


honest = both_prices("causal", [model for model, _ in runs["causal"]])
cheat = both_prices("sees all", [model for model, _ in runs["sees all"]])
check.close("causal: the same price", honest[:, 0], honest[:, 1], tol=1e-4)
if run.scale != "tiny":
    check.true("sees all pays more than pairs do", cheat[:, 1].min() > counted)

# %% [markdown]
# The honest model has one price. The other has two, and the one that counts is far above that of the pairs.
# But this test takes a trained model, and as many passes as there are places. The gradient needs neither.
#
# ### The conviction
#
# `influence_in` for both models, on the first twelve tokens of an unseen story. Darker is more, white is an exact
# zero. Below the figure stands the mean by distance: +1 is one place to the right. **Predict** the two tables.

# %%
story = torch.tensor([0, *tokenizer.encode(unseen[0].text)[:11]], device=run.device)
names = [tokenizer.decode([i]).strip() or "·" for i in story.tolist()]
tables = {name: influence_in(runs[name][0][0], story) for name in ("causal", "sees all")}
fig, axes = plots.figure("How much each output (row) moves with each input", 5.5, 3.2, ncols=2)
for ax, (name, table) in zip(axes, tables.items()):
    shade = np.ma.masked_equal(table.sqrt(), 0)
    ax.imshow(shade, cmap="Blues", vmin=-0.15 * shade.max())
    ax.set_title(name)
    ax.set_xticks(range(12), names, rotation=90, fontsize=7)
    ax.set_yticks(range(12), names, fontsize=7)
    ax.grid(False)
plots.show(fig, alt="Causal: a lower triangle. Sees all: a line one right of the diagonal.")
for name, table in tables.items():
    steps = {s: table.diagonal(s).mean().item() for s in (-2, -1, 0, 1, 2)}
    print(f"{name:8}", "   ".join(f"{s:+d}: {mean:5.1f}" for s, mean in steps.items()))
check.true("causal: exactly 0 in all of the future", (tables["causal"][later] == 0).all())
check.true("sees all: nothing is 0 there", (tables["sees all"][later] > 0).all())
if run.scale != "tiny":
    others = [mean for s, mean in steps.items() if s not in (0, 1)]
    check.true("no other neighbor moves it as the answer does", steps[1] > max(others))

# %% [markdown]
# Convicted. Apart from the token itself, nothing moves this model as much as the token to the right, its
# own answer. For the causal twin that number is exactly 0.
#
# ### Is dropout worth it?
#
# We train the causal model on a few stories, read again and again, with several `p`; then on all of them. The
# learning rate is the one that was best above. **Predict:** where does dropout help, and where does it cost?

# %%
few, lr = pack(tokenizer, [story.text for story in told[: size.few]]), rate_of["causal"]
settings = [(few, p) for p in size.drops] + [(data, size.drops[1])]
bar, dropped = Bar(len(settings) * size.seeds, "dropout"), {}
for ids_read, p in settings:
    found = dropped.setdefault((len(ids_read), p), [])
    for seed in range(size.seeds):
        found.append(train(partial(TinyLM, causal, p), lr, seed, ids_read))
        bar.update(sum(map(len, dropped.values())), f"p {p}")
dropped[len(data), 0.0] = runs["causal"]

# %%
fig, axes = plots.figure("Unseen stories, with and without dropout", 5.5, 2.9, ncols=2)
titles = {
    len(few): f"trained on {size.few} stories",
    len(data): f"trained on {len(told)} stories",
}
for ax, (length, title) in zip(axes, titles.items()):
    ax.set(title=title, xlabel="training step", ylabel="bits per byte")
    for (read, p), found in sorted(dropped.items()):
        if read == length:
            plots.band(ax, [prices for _, prices in found], f"p = {p:g}", steps=MARKS)
    ax.legend(loc="upper right")
plots.show(fig, alt="Few stories: the curve without dropout ends highest. All: it is lowest.")
lowest = {}
for (length, p), found in sorted(dropped.items()):
    lowest[length, p] = np.array([min(prices) for _, prices in found])
    own = windows(few if length == len(few) else data)
    learned = np.mean([price(model, own) for model, _ in found])
    mean, spread = lowest[length, p].mean(), lowest[length, p].std(ddof=1)
    print(f"{titles[length]:21} p {p:3g}: unseen, at best {mean:.3f} ± {spread:.3f}", end="")
    ends = np.mean([prices[-1] for _, prices in found])
    print(f"; at the end {ends:.3f}, its own stories {learned:.3f}")
if run.scale != "tiny":
    with_it, without = lowest[len(few), size.drops[1]], lowest[len(few), 0.0]
    check.true("few stories: every seed is better with dropout", (with_it < without).all())
    with_it, without = lowest[len(data), size.drops[1]], lowest[len(data), 0.0]
    check.true("all stories: every seed is worse", (with_it > without).all())

# %% [markdown]
# Judged at their lowest points (which flatters each run a little), a little dropout helps on few stories, by more
# than the spread of the seeds, at this learning rate and in these steps; with p = 0.3 the curve is still falling.
# Without it the model pays little for its own stories in the end, and much for others: it has learned them by
# heart. On all stories that gap is small, there is little to cure, and dropout costs. Large models read most of their text once, and do without:
# [PaLM (2022)](https://arxiv.org/abs/2204.02311), section 5.

# %% [markdown]
# ## What can go wrong
#
# ### Suspect 0: dropout left on
#
# A model that was trained with dropout is judged twice in each mode, and nothing changes in between. **Predict**
# what differs.

# %%
model = dropped[len(few), size.drops[1]][0][0]
for mode in (model.train, model.eval):
    mode()
    one, two = (loss_of(model, rows[:, :-1], rows[:, 1:]).item() for _ in range(2))
    print(f"model.{mode.__name__}():  {one:.4f}  {two:.4f} nats per token")
    check.true("the same" if one == two else "different", (one == two) == (mode == model.eval))

# %% [markdown]
# Left on, dropout makes the loss worse, and another one each time: two evaluations that differ are its sign.
# Modules follow `eval()`, functions do not. `F.scaled_dot_product_attention(..., dropout_p=0.1)` drops whenever
# it is called, and so [nanoGPT](https://github.com/karpathy/nanoGPT/pull/240) was for a while judged with
# dropout on.
#
# ### A line-up of masks
#
# Six more, each with one bug. **Take two minutes: what is wrong in which, and which of them would a loss give
# away?** (`nan_to_num` replaces `nan` by 0.)


# %%
def plain_scores(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


def past(k, diagonal=0):
    ones = torch.ones(k.shape[-2], k.shape[-2], device=k.device)
    return ones.tril(diagonal).bool()


def suspect_1(q, k):
    return plain_scores(q, k).masked_fill(~past(k), 0.0).softmax(-1)


def suspect_2(q, k):
    return plain_scores(q, k).softmax(-1) * past(k)


def suspect_3(q, k):
    return attention_weights(q, k, past(k, diagonal=1))


def suspect_4(q, k):
    return attention_weights(q, k, past(k, diagonal=-1)).nan_to_num()


def suspect_5(q, k):
    return plain_scores(q, k).masked_fill(~past(k), -10_000.0).softmax(-1)


def suspect_6(q, k):
    return F.dropout(attention_weights(q, k, past(k)), 0.1)


# %% [markdown]
# Three of them are trained, as the causal model was, with two seeds each. **Predict** for each of the three
# whether its price in one pass looks suspicious, and whether the price as used is another.

# %%
trained, bar = {}, Bar(3 * 2, "training")
for weigh in (suspect_1, suspect_2, suspect_4):
    models = []
    for seed in (0, 1):
        models.append(train(partial(TinyLM, weigh), lr, seed)[0])
        bar.update(2 * len(trained) + seed + 1, weigh.__name__)
    trained[weigh.__name__] = models
same_seeds = both_prices("causal", [m for m, _ in runs["causal"][:2]])
found = {name: both_prices(name, models) for name, models in trained.items()}
if run.scale != "tiny":
    for name, limit in (("suspect_1", 1.2), ("suspect_2", 1.1)):
        one, used = found[name].T
        check.true(f"{name}, as used, pays over {limit} times as much", used > limit * one)
    ones = found["suspect_1"][:, 0].mean(), same_seeds[:, 0].mean()
    check.true("suspect 1, in one pass, is at most a tenth above", ones[0] < 1.1 * ones[1])
check.close("suspect 4: the same price", *found["suspect_4"].T, tol=1e-4)
swap = TinyLM(suspect_4).to(run.device)
swap.load_state_dict(runs["causal"][0][0].state_dict())
print(f"honest weights under the mask of suspect 4: {price(swap):.3f}")

# %% [markdown]
# Suspect 1 is the worst kind: in one pass its price is as good as the honest one's, and as used it pays far more.
# It gives every later place the weight e⁰ / sum, a blur of the values to come, with which it cannot point at the
# answer; when it writes, blur and weights are gone. Suspect 2 takes no value from the future: the future is only
# in the sum that it divides by, and even that leaks. So a leak need not make a loss beautiful. Suspect 4, whose
# tokens cannot see themselves, pays no more than the causal model, since `x + look(x)` keeps a token anyway. Its
# own price never shows the bug; honest weights under its mask do, in the last line.
#
# So the loss is a poor detective. Here are five instruments; two of them ask about the future, once with ordinary
# scores and once with very large ones.


# %%
def pair(scale=1):  # queries and keys of 64 texts
    return scale * torch.randn(2, 64, 6, 8, generator=torch.Generator().manual_seed(0))


def rows_sum_to_one(weigh):
    sums = weigh(*pair()).sum(-1)
    return torch.allclose(sums, torch.ones_like(sums))


def the_future_is_silent(weigh):
    layer = OneHead(8, weigh).eval()
    return (influence(lambda x: layer(x[None])[0], pair()[0][0]).triu(1) == 0).all()


def also_if_scores_are_large(weigh):
    return (weigh(*pair(scale=300)).triu(1) == 0).all()


def each_sees_itself(weigh):
    return (weigh(*pair()).mean(0).diagonal() > 0).all()


def twice_the_same(weigh):
    return torch.equal(weigh(*pair()), weigh(*pair()))


# %%
INSTRUMENTS = [rows_sum_to_one, the_future_is_silent, also_if_scores_are_large,
               each_sees_itself, twice_the_same]  # fmt: skip
LINEUP = [suspect_1, suspect_2, suspect_3, suspect_4, suspect_5, suspect_6, causal]
passed = np.array([[bool(test(weigh)) for test in INSTRUMENTS] for weigh in LINEUP])
promises = [test.__name__.replace("_", "\n", 1).replace("_", " ") for test in INSTRUMENTS]
fig, ax = plots.figure("Who keeps which promise", 5.5, 3.2)
plots.board(ax, [weigh.__name__.replace("_", " ") for weigh in LINEUP], promises, passed)
plots.show(fig, alt="Seven masks, five tests: only causal passes all; each suspect fails some.")
check.true("causal passes every test", passed[-1].all())
check.true("each suspect fails one", not passed[:-1].all(1).any())
check.true("each test catches one", not passed.all(0).any())

# %% [markdown]
# Suspect 5 passes the gradient test: at ordinary scores e to the -10,000 is rounded to 0. So ask twice.
#
# <details><summary>The case files (open after you have decided)</summary>
#
# | suspect | bug | where it has been |
# |---|---|---|
# | 1 | forbidden scores become 0, and e⁰ is 1 | [a reader of microscope slides](https://github.com/georg-wolflein/good-features/pull/1), by `scores * mask` |
# | 2 | the mask after the softmax | [timm's EVA](https://github.com/huggingface/pytorch-image-models/pull/2236): "weird, wonder how that happened" |
# | 3 | one too far: a token sees its own answer | the same slip at the other edge, windows one too long, in [four models of Megatron-Bridge](https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/2656) |
# | 4 | one too short: no token sees itself, and the first sees nobody, which is `nan` | |
# | 5 | -10,000 hides a place only while other scores are larger | [GPT-2 in transformers](https://github.com/karpathy/minGPT/issues/75): a training drove its scores lower, and its loss to almost 0 |
# | 6 | dropout by a function that does not know `eval()` | nanoGPT, above |
# | sees all | no mask | [RoFormer, BigBird and two more in transformers](https://github.com/huggingface/transformers/issues/48745), since version 5.9.0, found in September 2026 |
#
# </details>

# %% [markdown]
# ## Recap
#
# A mask says who may look at whom. The causal one makes every place of a text a question of its own, all
# answered in one pass, each as if the text ended there. Without it a model reads its answers, and its loss falls
# below what is possible; when it writes, there are none to read.
#
# | | in one pass | as used | gradient from the future |
# |---|---|---|---|
# | causal | its price | the same | exactly 0 |
# | sees all | below the floor | more than a table of pairs | large at the answer |
# | score 0 in place of -∞ | here as if honest | far more | not 0 |
#
# Before any training: change something late, and see whether anything early moves.

# %% [markdown]
# ## Exercises
#
# A mask may be a tensor, an array or a list of lists, of true ("may look") and false; 0 and 1 are refused.
#
# ### 8.1 A window · ●○○ · 5 minutes
#
# Return the (time, time) mask of a window: place t sees itself and the window - 1 places before it, and nothing
# later. With a window of 1 it sees itself alone.
#
# <details><summary>Hint 1</summary>The causal mask has one edge, a diagonal. How many has a window, and where is the other?</details>
# <details><summary>Hint 2</summary><code>tril</code> cuts off one side of a table, <code>triu</code> the other; both take the number of a diagonal. Or compare two aranges, one as a column, one as a row.</details>


# %%
def my_window_mask(time, window):
    return None  # TODO: your answer


check.exercise("8.1", my_window_mask)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 8.1
def solution_1(time, window):
    return causal_mask(time).triu(1 - window)


check.solution("8.1", solution_1)

# %% [markdown]
# ### 8.2 Prefixes · ●●○ · 10 minutes
#
# In a batch, text b begins with a question of `prefixes[b]` tokens; prefixes is a tensor (batch,). The places of the
# question look at all of the question. Everything else is causal. Return (batch, time, time).
#
# <details><summary>Hint 1</summary>Which columns does the prefix make visible to everybody? And what is visible anyway?</details>
# <details><summary>Hint 2</summary>An "or" of two masks. To get a batch axis in front: <code>prefixes[:, None, None]</code>.</details>


# %%
def my_prefix_mask(time, prefixes):
    return None  # TODO: your answer


check.exercise("8.2", my_prefix_mask)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 8.2
def solution_2(time, prefixes):
    return causal_mask(time) | (torch.arange(time) < prefixes[:, None, None])


check.solution("8.2", solution_2)

# %% [markdown]
# ### 8.3 Texts of unequal length · ●●○ · 15 minutes
#
# A batch needs rows of one length, so short texts are filled up. When a model writes, all texts have to *end* at
# the same place, so the padding stands on the left (Day 10): text b begins at place `starts[b]`; starts is a tensor
# (batch,). A token looks at its own text only, causally. A padding place looks at itself alone, since a row
# without any true is `nan`. Return (batch, time, time).
#
# <details><summary>Hint 1</summary>Hide columns, not rows: nobody may look at a place before starts[b].</details>
# <details><summary>Hint 2</summary>What is left of the rows of padding? What could be added to every row, without changing those of the text?</details>


# %%
def my_padded_mask(starts, time):
    return None  # TODO: your answer


check.exercise("8.3", my_padded_mask)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 8.3
def solution_3(starts, time):
    text = torch.arange(time) >= starts[:, None, None]
    return causal_mask(time) & text | torch.eye(time, dtype=torch.bool)


check.solution("8.3", solution_3)

# %% [markdown]
# ### 8.4 Find the leak · ●●● · 25 minutes
#
# A model is given as a function: `model(ids)` takes a tensor (time,) of token numbers and returns logits, (time,
# vocab). You cannot look inside, and there is no gradient. Return all pairs (t, s), s later than t, for which
# output t changes when token s of `ids`, and no other, is replaced by some other of the `vocab` tokens: a sorted
# list. Some models leak through a single token, one has logits of -∞, in one the sum of the logits stays.
#
# <details><summary>Hint 1</summary>Three loops: the place s, every token that could stand there, and the outputs before s. Change a <code>clone()</code>.</details>
# <details><summary>Hint 2</summary>Compare whole rows by <code>torch.equal</code>: -∞ minus -∞ is nan, and nan is neither above 0 nor below.</details>


# %%
def my_leaks(model, ids, vocab):
    return None  # TODO: your answer


check.exercise("8.4", my_leaks)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 8.4
def solution_4(model, ids, vocab):
    before, pairs = model(ids), set()
    for s in range(len(ids)):
        for token in range(vocab):
            changed = ids.clone()
            changed[s] = token
            after = model(changed)
            pairs |= {(t, s) for t in range(s) if not torch.equal(before[t], after[t])}
    return sorted(pairs)


def one_text(model, ids):
    return model.eval()(ids[None])[0]


check.solution("8.4", solution_4)

# %%
with torch.no_grad():
    for name, (model, *_) in trained.items():
        print(name, solution_4(partial(one_text, model), story[:4], vocab=20))

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Give `TinyLM` a window of 8 in place of the causal mask. How far back does an output look?
# Predict for one, two and three layers, and ask `influence_in`.
#
# **Tomorrow: multi-head attention.** Our attention makes *one* mixture at each place. Before "he gave it to her"
# is finished, a place has to know who he is, what it is, and who she is, and one softmax can only blend the three.
# Day 9 looks several times at once, and asks of a trained model what each of its heads looks at.
