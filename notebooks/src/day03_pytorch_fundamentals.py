# %% [markdown]
# # Day 3 · PyTorch fundamentals
#
# Today you learn the ten operations that a language model is made of, each in a handful of numbers,
# and then find them at work inside a trained one.
#
# **You build:** the ten operations that language models live on, and a shape X-ray
#
# **At the end you will have**
#
# - ten operations, most held equal to a loop, to NumPy or to a formula
# - the smallest language model that uses all ten, trained before your eyes
# - a shape X-ray of a trained Qwen3, tensor by tensor, and tests that caught two silent bugs
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in a minute
# on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day03_pytorch_fundamentals.ipynb)
#
# Previous: [Day 2 · Linear regression](day02_linear_regression.ipynb) · Next:
# [Day 4 · GPUs](day04_gpus.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds every size of this notebook: change a number, and all follows.
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
import math
from functools import partial
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from helpers import runtime
from helpers.lesson import check, plots, widgets, xray
from helpers.lesson.progress import Bar
from helpers.model import weights
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer

run = runtime.start(day=3)

# %%
size = runtime.pick(
    tiny=dict(many=10_000, orders=50, stories=100, batch=8, time=16, steps=30,
              lengths=(16, 64, 256)),
    cpu=dict(many=100_000, orders=300, stories=3000, batch=32, time=40, steps=300,
             lengths=(16, 64, 256, 512, 1024, 2048)),
    gpu=dict(many=100_000, orders=300, stories=10_000, batch=64, time=96, steps=1000,
             lengths=(16, 64, 256, 512, 1024, 2048, 4096)),
)  # fmt: skip
print(size)

# %% [markdown]
# ## Before you start
#
# Today assumes four habits from NumPy. Put one line in place of each `None`, and run the cell.
#
# | | one line for | if it does not come in five minutes, read |
# |---|---|---|
# | 3.11 | `x` with the mean of each column subtracted from that column | [axes](https://numpy.org/doc/stable/user/absolute_beginners.html) |
# | 3.12 | from row i of `x` the entry in column `columns[i]`, for all rows | [indexing](https://numpy.org/doc/stable/user/basics.indexing.html) |
# | 3.13 | a layer: `x` (batch, inputs), `w` (outputs, inputs), `b` (outputs,) | Day 1, the two-layer network |
# | 3.14 | a copy of `x` with 0 for every negative; `x` itself stays as it is | [copies and views](https://numpy.org/doc/stable/user/basics.copies.html) |
#
# <details><summary>The four lines (after you have tried)</summary>
#
# `x - x.mean(axis=0)` · `x[np.arange(len(x)), columns]` · `x @ w.T + b` · `np.where(x < 0, 0, x)`
#
# </details>


# %%
def my_center(x):
    return None  # TODO: one line


def my_pick(x, columns):
    return None  # TODO: one line


def my_layer(x, w, b):
    return None  # TODO: one line


def my_without_negatives(x):
    return None  # TODO: one line


check.exercise("3.11", my_center)
check.exercise("3.12", my_pick)
check.exercise("3.13", my_layer)
check.exercise("3.14", my_without_negatives)

# %% [markdown]
# ## The idea in small numbers
#
# A language model never sees a letter. A tokenizer cuts the text into pieces, the *tokens*, and
# numbers them. What enters the model is a grid of whole numbers, and from there on all is grids. A grid
# with any number of axes is a **tensor**. You know it as NumPy's array; PyTorch's can do two things
# more: live on a GPU, and remember how it was made.
#
# ### 1 · Create
#
# Beside its numbers a tensor has three facts: its shape, the kind of number (`dtype`), and where it
# lives (`device`). NumPy makes fractions of 64 bits, PyTorch of 32. **Predict** what PyTorch does
# when the two meet in a sum, and in a matrix product.

# %%
ids, x = torch.tensor([[5, 2, 7], [1, 4, 6]]), torch.rand(2, 3)
for t in (ids, x, x.bfloat16(), x > 0.5):
    print(f"{tuple(t.shape)}  {runtime.dtype_name(t.dtype):9} {t.device}  {t.nbytes:2} bytes")
from_numpy = torch.from_numpy(np.ones((2, 3)))
print("sum:    ", (x + from_numpy).dtype)
try:
    print("product:", (x @ from_numpy.T).dtype)
except RuntimeError as error:
    print("product: RuntimeError:", error)

# %% [markdown]
# Six numbers each, in 48, 24, 12 or 6 bytes. Token numbers are `int64`, as they serve as indices.
# Fractions are `float32`, about seven digits; `bfloat16` keeps two or three in half the memory (Day 4).
# A sum widens without a word, a product refuses (`double` is `float64`); the remedy is
# `from_numpy.float()`. `x.to(run.device)` moves a tensor to the GPU, if there is one.
#
# ### 2 · Index and gather
#
# Here is a table in which each number says where it stands: 12 is row 1, column 2.
# **Predict** the shape of each of the three lines, then its numbers.


# %%
def addresses(rows, columns):
    return 10 * torch.arange(rows)[:, None] + torch.arange(columns)


t = addresses(3, 4)
print("t[[0, 2, 2]]            ", t[[0, 2, 2]].tolist())
print("t[[0, 1, 2], [3, 0, 2]] ", t[[0, 1, 2], [3, 0, 2]].tolist())
print("t.gather(1, index)      ", t.gather(1, torch.tensor([[3], [0], [2]])).tolist())

# %% [markdown]
# A list of row numbers takes whole rows, in any order, some twice. The other two take one number out
# of each row; the rule of `gather` is `out[i, j] = t[i, index[i, j]]`. A language model looks up its
# tokens with the first, and needs the last in its loss: of all probabilities, the one of the token
# that came.
#
# ### 3 · View, reshape, transpose
#
# However many axes a tensor has, in memory its numbers lie in one row. Its **strides** say how to
# walk there: how many numbers to step over for the next row, and for the next column. The number at
# row i, column j lies at `begin + i * stride[0] + j * stride[1]`.

# %%
memory = torch.arange(6)
t = memory.reshape(2, 3)
views = {"t": t, "t.T": t.T, "t[:, 1:]": t[:, 1:]}


def draw_grid(ax, numbers, title, shade):
    """A table as cells with its numbers in them; `shade` says how dark, 0 to 1."""
    ax.imshow(shade, cmap="Blues", vmin=0, vmax=1.6)
    for i, j in product(*map(range, numbers.shape)):
        ax.text(j, i, f"{numbers[i, j]:.2g}", ha="center", va="center")
    ax.set_title(title)
    ax.axis("off")


message = "One row of six numbers, and its strides in three views"
fig, axes = plots.figure(message, 5.5, 1.6, ncols=4, width_ratios=[6, 3, 2, 2])
for ax, (name, v) in zip(axes, {"memory": memory[None], **views}.items()):
    draw_grid(ax, v, f"{name}\n{v.stride() if name in views else ''}", v / 6)
plots.show(fig, alt="Six numbers in a row; t, its transpose and a slice show the same six.")


# %%
def read(memory, view):
    (down, right), (rows, columns) = view.stride(), map(range, view.shape)
    begin = view.storage_offset()
    return [[memory[begin + i * down + j * right] for j in columns] for i in rows]


for name, v in {**views, "t[:, ::2]": t[:, ::2]}.items():
    check.true(f"{name} read by hand", read(memory.tolist(), v) == v.tolist())

# %% [markdown]
# A transpose exchanges two strides, and moves no number. Such a new way to read the same memory is a
# **view**; who writes into one writes into all. A *copy* is on its own. **Predict** which of these six
# are views of `t`.

# %%
for code in ("t[0]", "t[[0]]", "t.T", "t.reshape(3, 2)", "t.T.reshape(6)", "t + 0"):
    v = eval(code)  # runs a text as Python
    shared = v.untyped_storage().data_ptr() == t.untyped_storage().data_ptr()
    print(f"{code:16} {v.tolist()!s:26} {'view' if shared else 'copy'}")

# %% [markdown]
# `t[0]` is a view and `t[[0]]` a copy. And `reshape` is both: a view if some strides can say it, else
# a copy, without telling you. `view` is its honest twin, and refuses:

# %%
try:
    t.T.view(6)
except RuntimeError as error:
    print("RuntimeError:", error)
print("\nt.T             ", t.T.tolist())
print("t.reshape(3, 2) ", t.reshape(3, 2).tolist())

# %% [markdown]
# **The last two have the shape (3, 2), and their numbers differ.** A transpose
# exchanges axes, a reshape cuts the row of memory anew. Remember its advice: it comes back in *What can go wrong*.
#
# ### 4 · Broadcast
#
# A column of three plus a row of four. **Predict** the shape.

# %%
column, row = torch.tensor([[0], [10], [20]]), torch.tensor([1, 2, 3, 4])
print(column + row)
print("strides of the column, stretched to (3, 4):", column.expand(3, 4).stride())

# %% [markdown]
# Both are stretched to (3, 4), without a copy: with stride 0 a step to the right stays on the same
# number. The rule: write the shapes one under the other, flush right. Two sizes fit if they are equal,
# or if one is 1 or missing; that one is stretched.


# %%
def broadcast_shape(a, b):
    longest = max(len(a), len(b))
    a, b = ((1,) * (longest - len(shape)) + shape for shape in (a, b))
    fits = all(m == n or 1 in (m, n) for m, n in zip(a, b))
    return tuple(n if m == 1 else m for m, n in zip(a, b)) if fits else None


# %% [markdown]
# The dangerous case is the one that fits by accident. Four targets come as a column, and the model
# answers with a row of four numbers, all exactly right. **Predict** its mean squared error.

# %%
targets = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
errors = targets.flatten() - targets  # what the model says, minus what is right
print("mean squared error", errors.square().mean().item(), "of the shape", tuple(errors.shape))

# %% [markdown]
# Every prediction was compared with every target, and nothing raises. (PyTorch's own loss
# [warns](https://github.com/pytorch/pytorch/pull/18349), a minus sign cannot.) Now play: pale squares are
# stretched. **Predict:** to which sizes can a (3, 2) be added?


# %%
def draw_sum(ax, rows, columns, rows_2, columns_2):
    a, b = (rows, columns), (rows_2, columns_2)
    result = broadcast_shape(a, b)
    top = 0
    for shape, color in ((a, plots.BLUE), (b, plots.ORANGE)):
        for i, j in product(*map(range, result or shape)):
            stretched = i >= shape[0] or j >= shape[1]
            ax.plot(j, -top - i, "s", ms=9, color=color, alpha=0.25 if stretched else 1)
        top += (result or shape)[0] + 0.6
    ax.set_title(f"{a} + {b}\n{result or 'do not fit'}")
    ax.set(xlim=(-0.7, 6), ylim=(-top, 0.7))
    ax.axis("off")


names = ("rows", "columns", "rows_2", "columns_2")
panels = [dict(zip(names, four)) for four in ((3, 1, 1, 6), (3, 2, 1, 1), (3, 2, 3, 6))]
alt = "(3, 1) and (1, 6) stretch to (3, 6), (1, 1) to (3, 2); (3, 2), (3, 6) do not fit."
knobs = dict.fromkeys(names, range(1, 7))
widgets.explore("Equal, stretched or refused", draw_sum, panels, alt=alt, **knobs)

# %% [markdown]
# A (3, 2) takes rows of 1 or 3 and columns of 1 or 2: four shapes with two axes.

# %% [markdown]
# ## Build it
#
# ### 5 · Matrix product and einsum
#
# A matrix product multiplies the rows of the left with the columns of the right, number by number,
# and sums. With more axes it gets hard to say which meets which. `einsum` lets you say it: give every
# axis a letter; a letter that is missing after the arrow is summed over. As a program it is one loop for
# each letter. `w,w->` of 1 2 3 and 4 5 6 is 4 + 10 + 18.


# %%
def slow_einsum(equation, a, b):
    left, right, out = equation.replace("->", ",").split(",")
    sizes = dict(zip(left + right, (*a.shape, *b.shape)))  # letter -> size
    result = torch.zeros([sizes[letter] for letter in out])
    for place in product(*map(range, sizes.values())):
        at = dict(zip(sizes, place))  # letter -> where its loop stands
        i, j, k = (tuple(at[letter] for letter in letters) for letters in (left, right, out))
        result[k] += a[i] * b[j]
    return result


print("w,w->", slow_einsum("w,w->", torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6])))
# b: text of the batch; t, q, k: places in it; w: width, the numbers of one token; v: outputs
x, y, w, mix = (torch.rand(shape) for shape in ((2, 3, 4), (2, 6, 4), (5, 4), (2, 3, 6)))
for equation, a, b, usual in (
    ("btw,vw->btv", x, w, x @ w.T),  # a layer: each token with each row of w
    ("bqw,bkw->bqk", x, y, x @ y.mT),  # each token of x with each of y, text by text
    ("bqk,bkw->bqw", mix, y, mix @ y),  # for each token of x a mixture of tokens of y
):
    mine, theirs = slow_einsum(equation, a, b), torch.einsum(equation, a, b)
    check.close(f"{equation:12}  my loops = @", mine, usual)
    check.close(f"{equation:12}  PyTorch = NumPy", theirs, np.einsum(equation, a, b))
heads = x.unflatten(-1, (2, 2)).transpose(1, 2)  # (batch, heads, time, width)
check.close("head 1 is the second half of the width", heads[:, 1], x[..., 2:], tol=0)

# %%
try:
    from einops import rearrange

    check.close("einops agrees", rearrange(x, "b t (h w) -> b h t w", h=2), heads, tol=0)
except ImportError:
    print(tuple(heads.shape), "| comparison skipped: pip install einops")

# %% [markdown]
# (`.mT` exchanges the last two axes.) The loops also show the price: each round is a multiplication
# and an addition, two *floating-point operations* or FLOPs. Keep the rule: **2 × the product of all
# sizes**, for the first 2 × (b 2 · t 3 · w 4 · v 5) = 240.
#
# [einops](https://einops.rocks) does for reshapes what einsum does for products; the course does not
# need it. A token of width 4 becomes two *heads* of width 2.
#
# ### 6 · Softmax and its logarithm
#
# Softmax turns scores into probabilities (Day 2): exponentials, divided by their sum. **Predict:** what
# happens to the probabilities if you add 100 to each score? And the logarithm of a probability,
# which training needs: what is it for the second of the scores 0 and -200?


# %%
def naive_softmax(x):
    return x.exp() / x.exp().sum(-1, keepdim=True)


def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


scores, far = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, -200.0])
print("naive, scores      ", naive_softmax(scores))
print("naive, scores + 100", naive_softmax(scores + 100))
print("mine,  scores + 100", softmax(scores + 100))
print("log(softmax(far))  ", softmax(far).log())
print("far - logsumexp    ", far - far.logsumexp(-1))

# %% [markdown]
# Adding 100 should change nothing: e¹⁰⁰ stands above and below the line. But `float32` ends at 3.4e38,
# before e⁸⁹, and infinity over infinity is `nan`. So subtract the largest score first: that changes
# nothing either, and the largest exponential is 1.
#
# At the other end e⁻²⁰⁰ becomes 0 in `float32`, and its logarithm is lost. The last line never leaves the
# logarithms: log(eˣ / sum) = x - log(sum). `logsumexp` is log(sum), computed safely: exercise 3.1.
#
# ### 7 · Cross-entropy
#
# The loss of every language model: the mean of -log p, where p is the probability that it gave to the
# token that came. Operations 6 and 2. Scores that go into a softmax are called **logits**. **Predict**
# the loss of a model that has no idea (four logits of 0), and of one that is sure and wrong.


# %%
def cross_entropy(logits, targets):  # (tokens, vocab), (tokens,)
    log_p = logits - logits.logsumexp(-1, keepdim=True)
    return -log_p.gather(-1, targets[:, None]).mean()


targets = torch.tensor([2, 0, 3])
for name, sure in {"no idea": 0.0, "sure and right": 9.0, "sure and wrong": -9.0}.items():
    print(f"{name:15} {cross_entropy(sure * F.one_hot(targets, 4), targets):.4f}")

# %% [markdown]
# 1.3863 is ln 4, a fair guess among four. Being sure and wrong costs more, without a limit.
#
# ### 8 · Embedding
#
# The first step in every language model: token number 7 becomes row 7 of a table. It is also a matrix
# product, with a *one-hot* row that is 1 at place 7 and 0 elsewhere. **Predict** how much the detour
# costs.

# %%
table, ids = torch.rand(2048, 192), torch.randint(2048, (512,))
one_hot = F.one_hot(ids, 2048).float()
check.close("table[ids] = one_hot @ table", table[ids], one_hot @ table, tol=0)
look_up, multiply = (runtime.seconds(f) for f in (lambda: table[ids], lambda: one_hot @ table))
print(f"lookup {look_up * 1e6:,.0f} µs, product {multiply * 1e6:,.0f} µs")
print(f"ids {ids.nbytes:,} bytes, one_hot {one_hot.nbytes:,} bytes")

# %% [markdown]
# Equal to the last bit, as all products but one are 0. The lookup does no arithmetic; but because
# it *is* a product, it has a gradient like one, and the table can learn.
#
# ### 9 · Mask
#
# A model that is to predict the next token must not look at it. So where a place would look at a later
# one, the score is replaced by -∞ before the softmax. **Predict** the first row of weights.

# %%
scores = torch.tensor([[1.0, 2, 0, 1], [0, 1, 2, 0], [2, 0, 1, 3], [1, 1, 1, 1]])
future = torch.ones(4, 4, dtype=torch.bool).triu(1)  # true above the diagonal
masked = scores.masked_fill(future, -torch.inf)
alone = [F.pad(softmax(row[: i + 1]), (0, 3 - i)) for i, row in enumerate(scores)]
check.close("each row: softmax of what it may see", softmax(masked), torch.stack(alone))
fig, axes = plots.figure("Each row looks at the columns", 5.5, 2.1, ncols=3)
for ax, name in zip(axes, ("scores", "masked", "weights")):
    grid = dict(scores=scores, masked=masked, weights=softmax(masked))[name]
    draw_grid(ax, grid, name, grid if name == "weights" else 0.3 * ~future)
plots.show(fig, alt="Scores; -inf above their diagonal; weights, whose rows sum to 1.")

# %% [markdown]
# The first place may look at itself alone, so its weight is 1. The exponential of -∞ is exactly 0, and
# the rest of each row sums to 1. (Only a row with nothing left has no answer: `nan`.)
#
# ### 10 · Autograd and the training step
#
# On Day 1 you built an engine that remembers operations and walks back through them. PyTorch has the
# same engine for tensors: `requires_grad` switches the memory on, `backward()` walks. **Predict** the
# gradient of cross-entropy for four logits of 0, when token 2 came.

# %%
logits, target = torch.zeros(1, 4, requires_grad=True), torch.tensor([2])
cross_entropy(logits, target).backward()
print(logits.grad)
by_hand = softmax(logits.detach()) - F.one_hot(target, 4)
check.close("gradient = probabilities - one-hot", logits.grad, by_hand)

# %% [markdown]
# The slope of a wrong token is its probability, that of the right one its probability minus 1. Now
# the step against the slope. `logits` is a *leaf*: a tensor that you made, not one that was computed.
# **Predict** which of these three is a training step.

# %%
try:
    logits -= 0.5 * logits.grad
except RuntimeError as error:
    print("1.", error)
print("2. a leaf:", (logits - 0.5 * logits.grad).is_leaf)
with torch.no_grad():
    logits -= 0.5 * logits.grad
print("3. a leaf:", logits.is_leaf, logits.tolist())

# %% [markdown]
# The first would have to be remembered too, as one more operation on the leaf, so the engine refuses; a
# language model among PyTorch's own examples [ran into it](https://github.com/pytorch/examples/pull/779).
# The second is the mend that comes to mind: it runs, but its result is no leaf, and the next `backward()`
# leaves its `grad` empty. The third is right: the engine looks away while the numbers change. That is what
# an optimizer does inside.
#
# ### All ten at once
#
# Day 2's bigram model saw one token; here its table is written as a product of two thin ones. `Smallest`
# also looks back: every token is compared with all up to itself, and the scores become weights of a
# mixture. (That is *attention* in its barest form; Days 7 to 9 make it good.)
#
# An `nn.Module` is a function that keeps its own tensors; `nn.Linear` is one, a product with a table
# that learns. A score sums `width` products. With mixed signs it spreads like the root of `width`; dividing
# by it keeps softmax from choosing one token alone (Day 7). The mixture is *added*, so that a place also keeps its own
# token. In `batch`, starts plus places make a grid of indices (operations 4 and 2). **Predict:** is looking back
# worth anything?


# %%
class Smallest(nn.Module):
    def __init__(self, vocab, width, dim=-1, hidden=-torch.inf):
        super().__init__()
        self.table = nn.Embedding(vocab, width)
        nn.init.normal_(self.table.weight, std=0.1)  # small: at first all tokens look alike
        self.mix = nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, vocab, bias=False)
        self.dim, self.hidden = dim, hidden  # leave these two alone for now

    def weights(self, x):  # (batch, time, width) -> (batch, time, time)
        scores = torch.einsum("bqw,bkw->bqk", x, x) / x.shape[-1] ** 0.5  # 5
        future = torch.ones_like(scores[0], dtype=torch.bool).triu(1)  # 1
        return scores.masked_fill(future, self.hidden).softmax(self.dim)  # 9, 4, 6

    def forward(self, ids):  # (batch, time) -> (batch, time, vocab)
        x = self.table(ids)  # 8
        return self.head(x + self.mix(torch.einsum("bqk,bkw->bqw", self.weights(x), x)))


# %%
reference = runtime.ROOT / "checkpoints" / "reference"
tokenizer = Tokenizer.load(reference)
vocab = tokenizer.vocab_size
corpus = "\n".join(stories.write(seed).text for seed in range(size.stories))
corpus = torch.tensor(tokenizer.encode(corpus))
print(f"{len(corpus):,} tokens of {vocab:,} kinds: {corpus[:6].tolist()} ...")


# %%
def batch():
    starts = torch.randint(len(corpus) - size.time, (size.batch, 1))
    return corpus[starts + torch.arange(size.time + 1)].to(run.device)  # (batch, time + 1)


def next_token_loss(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


# %%
def train(model, loss_of, what):
    """The loss of each step. The same seed for everybody, so the same batches."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)  # a step with a memory: Day 16
    bar, losses = Bar(size.steps, what), []
    for step in range(size.steps):
        loss = loss_of(model, batch())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.update(step + 1, f"loss {losses[-1]:.2f}")
    print(f"{what}: loss {losses[0]:.2f} -> {np.mean(losses[-10:]):.2f}")
    return losses


def bigram():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Embedding(vocab, 64), nn.Linear(64, vocab))
    nn.init.normal_(model[0].weight, std=0.1)  # as in Smallest
    return model.to(run.device)


bigram_losses = train(bigram(), next_token_loss, "bigram")
smallest = Smallest(vocab, 64).to(run.device)
losses = train(smallest, next_token_loss, "smallest")
gain = np.mean(bigram_losses[-10:]) - np.mean(losses[-10:])
print(
    f"a fair guess costs ln({vocab}) = {math.log(vocab):.2f}; looking back lowers by {gain:.2f}"
)
pairs, often = torch.unique(corpus[:-1] * vocab + corpus[1:], return_counts=True)
first = torch.bincount(corpus[:-1])[pairs // vocab]  # how often the first of a pair occurs
floor = -(often * (often / first).log()).sum().item() / (len(corpus) - 1)
print(f"the best that any bigram can do on this text, by counting pairs: {floor:.3f}")


# %%
ids = torch.tensor([tokenizer.encode("One day,")], device=run.device)
with torch.no_grad():
    for _ in range(60):
        chances = smallest(ids)[:, -1].softmax(-1)  # of the token after the last
        ids = torch.cat([ids, chances.multinomial(1)], dim=1)
print(tokenizer.decode(ids[0].tolist()))

# %% [markdown]
# The bigram has not reached the best of its kind, so the gap between the two is not what looking back is
# worth: neither is trained to its end. But in the stored run `smallest` gets below that floor, which no
# bigram can do. (Losses on the training text; one run each.) It knows which words go together, and not what
# it is talking about.
#
# ### The shape X-ray
#
# A real model calls these operations hundreds of times. To see them, hang a *hook* on each module: a
# function that PyTorch calls whenever the module has finished, with what went in and what came out.
# The price of a linear layer is operation 5's: each number that comes out is a sum over `in_features`.


# %%
def first_xray(model, *inputs):
    rows = []

    def look(name, module, args, output):
        inner = module.in_features if isinstance(module, nn.Linear) else 0
        rows.append((name, tuple(output.shape), output.nbytes, 2 * output.numel() * inner))

    hooks = [m.register_forward_hook(partial(look, name)) for name, m in model.named_modules()]
    with torch.no_grad():
        model(*inputs)
    for hook in hooks:
        hook.remove()
    return rows


ids = batch()[:, :-1]
for name, shape, size_in_bytes, flops in first_xray(smallest, ids):
    print(f"{name or 'the model':9} {shape!s:16} {size_in_bytes:>12,} bytes {flops:>14,} FLOPs")

# %% [markdown]
# ## Check it
#
# Most of the ten were checked where they stood. Here are the rest, broadcasting by brute force: every
# pair of shapes with up to three axes of size 0 to 3.

# %%
shapes = [shape for axes in range(4) for shape in product(range(4), repeat=axes)]


def numpy_shape(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


agree = [broadcast_shape(a, b) == numpy_shape(a, b) for a, b in product(shapes, shapes)]
check.true(f"broadcasting as NumPy: {sum(agree):,} of {len(agree):,} pairs", all(agree))
x, came = 100 * torch.randn(5, 7), torch.randint(7, (5, 1))
by_rule = torch.stack(
    [row[index] for row, index in zip(x, came)]
)  # out[i, j] = t[i, index[i, j]]
check.close("gather by its rule", x.gather(1, came), by_rule, tol=0)
check.close("softmax", softmax(x), x.softmax(-1))
mine, theirs = cross_entropy(x, came[:, 0]), F.cross_entropy(x, came[:, 0])
check.close("cross-entropy", mine, theirs, tol=1e-4)

# %% [markdown]
# ### Why "largest difference", and not "equal"?
#
# `check.close` allows a little. **Predict** two sums: of twenty million ones in `float32`, one added
# after the other; and of a list of numbers between 0 and 1, in many orders. How many different sums come out?

# %%
ones = np.ones(20_000_000, dtype=np.float32)
print(f"one by one {ones.cumsum()[-1]:,.0f}, torch.sum {torch.from_numpy(ones).sum():,.0f}")
rng = np.random.default_rng(0)
numbers = rng.random(size.many, dtype=np.float32)
orders = [rng.permutation(numbers) for _ in range(size.orders)]
exact = math.fsum(numbers)
off = {
    "one by one": [float(order.cumsum()[-1]) - exact for order in orders],
    "torch.sum": [torch.from_numpy(order).sum().item() - exact for order in orders],
}
for name, found in off.items():
    print(f"{name}: {len(set(found))} different sums, off by up to {max(map(abs, found)):.4f}")
fig, ax = plots.figure(f"The same numbers, added in {size.orders} orders", 5.2, 2.4)
colors, filled = (plots.ORANGE, plots.BLUE), dict(histtype="stepfilled", alpha=0.7)
ax.hist(list(off.values()), 40, color=colors, label=list(off), **filled)
ax.set(xlabel=f"sum - exact sum ({exact:,.0f})", ylabel="orders")
ax.legend()
plots.show(fig, alt="Sums of one list: wide spread one by one, narrow with torch.sum.")

# %% [markdown]
# Counting stops at 16,777,216 = 2²⁴. From there on `float32` has no odd numbers, and 2²⁴ + 1 is
# rounded back. `torch.sum` adds in groups, so that small meets small, but it depends on the order too.
# NumPy, a GPU and your loop add in different orders, so *right* programs differ in their last digits.
#
# ### The X-ray against PyTorch's own counter
#
# PyTorch can count FLOPs, too. **Predict:** will it agree with `first_xray`?


# %%
def counted_by_torch(model, *inputs):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs)
    return counter.get_total_flops()


mine = sum(flops for *_, flops in first_xray(smallest, ids))
theirs = counted_by_torch(smallest, ids)
print(f"first_xray {mine:,}, PyTorch {theirs:,}: {theirs - mine:,} more")
check.true("more by the two einsums", theirs - mine == 2 * (2 * ids.numel() * size.time * 64))

# %% [markdown]
# A hook sees modules, and two products happen *between* them: the scores, and the mixture. The course's
# `xray` counts deeper down, where every matrix product must pass. Here is its price list; then it goes
# over `smallest`, and over the course's reference model.

# %%
check.show(xray.flops)
model = weights.load(reference, run.device)


# %%
def counted(model, ids):
    return sum(row.flops for row in xray.xray(model, ids))


check.true("smallest: xray = PyTorch", counted(smallest, ids) == theirs)
with sdpa_kernel(SDPBackend.MATH):  # attention written out as single products
    check.true("reference: xray = PyTorch", counted(model, ids) == counted_by_torch(model, ids))
print(f"without MATH: xray {counted(model, ids):,}, PyTorch {counted_by_torch(model, ids):,}")

# %% [markdown]
# In the last line of the stored run (a CPU) PyTorch's counter finds less: it does not know the CPU's
# *fused* attention, one operation for scores, mask, softmax and mixture. A second instrument, built
# differently, shows what the first is blind to.

# %% [markdown]
# ## Use it
#
# The reference model is a trained Qwen3 of four layers, all alike. Here is its pass over one story: the
# first layer, the end, and the sum with all four. **Predict:** which tensor is the largest, and which of
# four parts does most of the work?

# %%
PARTS = {"feed-forward": "mlp.", "q, k, v, o": "_proj",
         "scores, mixture": "self_attn", "head": "lm_head"}  # fmt: skip


def work(rows):
    """FLOPs of each part; a row belongs to the first part whose sign is in its name."""
    sums = dict.fromkeys([*PARTS, "rest"], 0)
    for row in rows:
        sums[next((part for part, sign in PARTS.items() if sign in row.name), "rest")] += (
            row.flops
        )
    return sums


story = stories.write(seed=stories.VALIDATION_SEEDS).text
rows = xray.xray(model, torch.tensor([tokenizer.encode(story)], device=run.device))
lines = xray.table(rows).splitlines()
print("\n".join(line for line in lines if "layers." not in line or "layers.0" in line), "\n")
print(
    *(f"{name}: {n / sum(work(rows).values()):.0%}" for name, n in work(rows).items()),
    sep="   ",
)
largest = max(rows, key=lambda row: row.bytes).name
check.true(f"the largest tensor comes from {largest}", largest == "lm_head")

# %% [markdown]
# `embed_tokens` makes a row of each token (operation 8). Products (5) make of it what a token seeks (`q_proj`),
# what it is found by (`k_proj`), and what it hands on (`v_proj`); `o_proj` joins what came in. A view and
# a transpose split `q` into 6 *heads*, each looking on its own; `k` and `v` have 2, shared (3). A norm
# brings each token's numbers to a common size. `self_attn` has FLOPs of its own, for its two products,
# scores and mixture. `mlp`, the feed-forward part, works on each token alone, in three larger products.
# `lm_head` makes the logits, `vocab` at every place.
#
# How does the work *per token* grow with the text? **Predict** which of the four lines are flat.

# %%
grown = {name: [] for name in PARTS}
for length in size.lengths:
    found = work(xray.xray(model, corpus[None, :length].to(run.device)))
    for name in PARTS:
        grown[name].append(found[name] / length / 1e6)
fig, ax = plots.figure("Work for one token, by the length of the text", 5.4, 2.6)
looks = (plots.GREEN, "-"), (plots.BLUE, "-"), (plots.ORANGE, "-"), ("black", ":")
for name, (color, style) in zip(PARTS, looks):
    ax.plot(size.lengths, grown[name], style, color=color, label=name)
ax.set(xlabel="length of the text (tokens)", ylabel="million FLOPs per token", ylim=(0, None))
plots.name_lines(ax)
plots.show(fig, alt="Three lines are flat; the one of scores and mixture rises straight.")
flat = [name for name in PARTS if math.isclose(grown[name][0], grown[name][-1])]
check.true(f"flat: {'; '.join(flat)}", flat == ["feed-forward", "q, k, v, o", "head"])

# %% [markdown]
# A matrix costs the same for every token, wherever it stands. Only scores and mixture look at all the
# others: over a whole text they grow as its length squared. (Masked pairs are counted too. In this model
# two of the flat lines fall together.)

# %% [markdown]
# ## What can go wrong
#
# PyTorch is strict about shapes, and knows nothing of meaning. Two suspects: in both, all shapes
# are right, nothing raises, and the loss falls.
#
# ### Suspect 1: the advice in the error message
#
# Some layers of PyTorch want time as the *first* axis.
# So somebody turns the inputs, and the targets must be turned alike. `.view` refuses, its message says "Use .reshape(...) instead", and
# they do. The model is the bigram from above.


# %%
def time_first(ids):
    inputs, targets = ids[:, :-1].T, ids[:, 1:]
    return inputs, targets.reshape(inputs.shape)  # both (time, batch)


def time_first_loss(model, ids):
    inputs, targets = time_first(ids)
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


suspect = train(bigram(), time_first_loss, "suspect 1")

# %% [markdown]
# An instrument: send *addresses* through the same lines in place of tokens. 12 is text 1, place 2. Its
# target must be its neighbor to the right, 13, and so must what lies below it. **Predict** what you will see.


# %%
def turned(ids):
    return ids[:, :-1].T, ids[:, 1:].T


def follows(pairs):
    inputs, targets = pairs(addresses(5, 8))
    good = (targets == inputs + 1).all() and (inputs[1:] == inputs[:-1] + 1).all()
    return bool(good)


for name, places in zip(("inputs ", "targets"), time_first(addresses(3, 5))):
    print(name, places.flatten().tolist())
check.true("suspect 1 asks for the wrong tokens", not follows(time_first))
check.true("with .T every target follows its input", follows(turned))

# %% [markdown]
# Place 10, in text 1, is asked for a word of text 0. `reshape` had the right shape to offer, in the wrong
# order (operation 3). What did the model learn, then? Compare it with the bigram from above, whose pairs
# were right, and with the best that can be done *without* looking: give each token its frequency.


# %%
p = torch.bincount(corpus) / len(corpus)
blind = -(p * p.log()).nansum().item()
fig, ax = plots.figure("Both losses fall", 5.2, 2.4)
ax.plot(suspect, color=plots.ORANGE, label="reshape")
ax.plot(bigram_losses, color=plots.BLUE, label="transpose")
ax.axhline(blind, color=plots.GRAY, ls="--", label=f"blind: {blind:.2f}")
ax.set(xlabel="step", ylabel="loss (nats per token)")
plots.name_lines(ax)
plots.show(fig, alt="With reshape the loss falls to just above a blind model's, and stays.")

# %% [markdown]
# In the stored run the suspect has not even reached what token frequencies alone would give. The same mix-up, with `view`, is in an answer meant to help:
# [video-classification #42](https://github.com/HHTseng/video-classification/issues/42).
#
# ### Suspect 2: one digit
#
# `Smallest` has an argument `dim`, the axis of its softmax. Its scores are (batch, queries, keys): in
# which text, which place looks, at which. Here are three runs with `dim` 0, 1 and 2, shuffled. They mask
# with -1e9, as some scripts do. **Predict** from the losses which one is right.

# %%
lineup = {}
for name, dim in zip(("run A", "run B", "run C"), np.random.default_rng(5).permutation(3)):
    torch.manual_seed(1)
    lineup[name] = Smallest(vocab, 64, int(dim), hidden=-1e9).to(run.device)
    train(lineup[name], next_token_loss, name)

# %% [markdown]
# Three instruments, one for each promise: the weights of a place sum to 1; a text gets the same answer
# alone and in a batch; a new token, at any place, changes nothing before it. They work in `float64`, so
# that rounding stays out of it. **Predict** who fails where.


# %%
def rows_sum_to_one(model, ids):
    sums = model.weights(model.table(ids)).sum(-1)
    return torch.allclose(sums, torch.ones_like(sums))


def alone_as_in_a_batch(model, ids):
    return torch.allclose(model(ids[:1]), model(ids)[:1])


def past_ignores_the_future(model, ids):
    before, same = model(ids), []
    for place in range(1, ids.shape[1]):
        changed = ids.clone()
        changed[:, place] = (changed[:, place] + 1) % vocab
        same.append(torch.allclose(before[:, :place], model(changed)[:, :place]))
    return all(same)


TESTS = {"rows\nsum to 1": rows_sum_to_one, "alone =\nin a batch": alone_as_in_a_batch,
         "past ignores\nthe future": past_ignores_the_future}  # fmt: skip
with torch.no_grad():
    passed = [[test(m.double(), ids) for test in TESTS.values()] for m in lineup.values()]
    later = torch.ones(size.time, size.time, dtype=torch.bool).triu(1)
    on_future = [m.weights(m.table(ids))[:, later].mean(1) for m in lineup.values()]
fig, ax = plots.figure("Which promise is kept?", 5.2, 2.1)
plots.board(ax, list(lineup), list(TESTS), passed)
plots.show(fig, alt="Board of three runs and three tests: run B alone passes all three.")
print("dim:", [m.dim for m in lineup.values()])
for name, each in zip(lineup, on_future):  # one number for each text
    print(f"{name}: weight on a later token, by text: {each.min():.5f} to {each.max():.5f}")
kept = [all(row) for row in passed]
check.true("dim 2 alone keeps all three", kept == [m.dim == 2 for m in lineup.values()])
loud = next_token_loss(Smallest(vocab, 64, dim=0).to(run.device), ids).item()
check.true(f"dim 0 with -inf in place of -1e9: loss {loud}", math.isnan(loud))

# %% [markdown]
# In the stored run the lowest loss belongs to the worst bug. Run C's softmax goes over the batch. A masked
# place has -1e9 in every text, so each of the 32 texts (stored run) gets 1/32: every later token gets into the input,
# the next one among them. With -∞ the same line is `nan` at once: prefer the mask that fails loudly.
#
# Run A's loss is close to the right one. Its softmax goes over the queries, so a weight depends on
# who else will look, later. A softmax over the batch has really shipped, in
# [a library for language](https://github.com/PetrochukM/PyTorch-NLP/issues/2); somebody noticed who fed a
# batch of one, and found all weights to be 1.

# %% [markdown]
# ## Recap
#
# | operation | in PyTorch | watch out for |
# |---|---|---|
# | 1 · create | `torch.tensor`, `.to`, `.float` | `float64` from NumPy |
# | 2 · index, gather | `t[ids]`, `t.gather(-1, ids)` | lists copy, slices do not |
# | 3 · view, transpose | `.view`, `.flatten`, `.mT` | a reshape is no transpose |
# | 4 · broadcast | `a + b` | (n,) with (n, 1) is (n, n) |
# | 5 · product | `@`, `torch.einsum` | its price: 2 × all sizes |
# | 6 · softmax | `.softmax(dim)`, `.logsumexp(dim)` | overflow; the wrong `dim` |
# | 7 · cross-entropy | `F.cross_entropy` | pairs that do not belong together |
# | 8 · embedding | `table[ids]`, `nn.Embedding` | a product without its price |
# | 9 · mask | `.masked_fill(future, -torch.inf)` | -1e9 hides mistakes |
# | 10 · autograd, step | `.backward()`, `torch.no_grad()` | a step that makes a new tensor |
#
# Keep the X-ray for shapes and cost, addresses for order, a changed token, at each place in turn, for what depends on what.

# %% [markdown]
# ## Exercises
#
# ### 3.1 A logarithm that holds · ●○○ · 10 minutes
#
# Write log(sum(eˣ)) along the axis `dim`, which goes away. It must hold for numbers near 1000, for rows
# of unlike size, and for a row that is masked whole: log(0 + 0) is -∞, not `nan`. (PyTorch has it ready;
# use `exp`, `sum`, `log`, `amax`.)
#
# <details><summary>Hint 1</summary>log(sum(eˣ)) = m + log(sum(eˣ⁻ᵐ)) for any m. Take the largest number of each row, with <code>keepdim=True</code>.</details>
# <details><summary>Hint 2</summary>In a row that is masked whole, m is -∞, and -∞ - (-∞) is nan. Use 0 for m there: <code>m.masked_fill(m == -torch.inf, 0)</code>.</details>


# %%
def my_logsumexp(x, dim):
    return None  # TODO: your answer


check.exercise("3.1", my_logsumexp)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 3.1
def solution_1(x, dim):
    m = x.amax(dim, keepdim=True)
    m = m.masked_fill(m == -torch.inf, 0)
    return (x - m).exp().sum(dim).log() + m.squeeze(dim)


check.solution("3.1", solution_1)

# %% [markdown]
# ### 3.2 How likely is this answer? · ●●○ · 10 minutes
#
# Each text holds a question and an answer. Return (batch,), for each text the log-probability of its
# answer in nats: the sum over its tokens. `logits` are (batch, time, vocab), `input_ids` (batch, time), and
# `is_answer` (batch, time) is true where a token belongs to the answer. The logits at a place predict
# the token at the *next* place, so the first token of a text has no prediction and never counts.
#
# <details><summary>Hint 1</summary>Leave out the last logits, the first token and the first entry of is_answer: then they belong together.</details>
# <details><summary>Hint 2</summary><code>log_softmax(-1)</code>, then <code>gather(-1, ids[..., None])</code>, then the mask, then the sum.</details>


# %%
def my_answer_log_prob(logits, input_ids, is_answer):
    return None  # TODO: your answer


check.exercise("3.2", my_answer_log_prob)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 3.2
def solution_2(logits, input_ids, is_answer):
    log_p = logits[:, :-1].log_softmax(-1)
    tokens = log_p.gather(-1, input_ids[:, 1:, None]).squeeze(-1)
    return tokens.masked_fill(~is_answer[:, 1:], 0).sum(1)  # 0 times -inf would be nan


check.solution("3.2", solution_2)

# %% [markdown]
# ### 3.3 Attention without a transpose · ●●○ · 15 minutes
#
# In real models queries `q`, keys `k` and values `v` are (batch, time, heads, width); `v` may have a
# width of its own. For each head: scores q·k of every query with every key, divided by the root of the
# width of `q`; later keys masked; softmax over the keys; the weighted sum of the values. Return (batch,
# time, heads · width of `v`). Two `einsum`s do it without a transpose.
#
# <details><summary>Hint 1</summary>"bqhw,bkhw->bhqk": which letter disappears, and why may h stand on all three sides?</details>
# <details><summary>Hint 2</summary>"bhqk,bkhw->bqhw" puts the heads beside their width again, so <code>flatten(2)</code> merges them.</details>


# %%
def my_attention(q, k, v):
    return None  # TODO: your answer


check.exercise("3.3", my_attention)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 3.3
def solution_3(q, k, v):
    scores = torch.einsum("bqhw,bkhw->bhqk", q, k) / q.shape[-1] ** 0.5
    scores += torch.full_like(scores[0, 0], -torch.inf).triu(1)
    return torch.einsum("bhqk,bkhw->bqhw", scores.softmax(-1), v).flatten(2)


check.solution("3.3", solution_3)

# %% [markdown]
# ### 3.4 A gradient by hand · ●●● · 20 minutes
#
# Day 2's bigram model is one table: row i holds the logits of the token after i. Its loss is the mean
# cross-entropy over all pairs of neighbors in `input_ids` (batch, time). Return its gradient with respect
# to `table` (vocab, vocab), without autograd. Mind a token that comes twice.
#
# <details><summary>Hint 1</summary>For one pair the slope is softmax(table[now]) - one_hot(next), and it belongs in row now.</details>
# <details><summary>Hint 2</summary><code>gradient[now] += slopes</code> writes a repeated row once. <code>gradient.index_add(0, now, slopes)</code> adds; so does one_hot(now)ᵀ @ slopes, for a lookup is a product.</details>


# %%
def my_bigram_gradient(table, input_ids):
    return None  # TODO: your answer


check.exercise("3.4", my_bigram_gradient)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 3.4
def solution_4(table, input_ids):
    now, after = input_ids[:, :-1].flatten(), input_ids[:, 1:].flatten()
    slopes = table[now].softmax(-1) - F.one_hot(after, len(table))
    return torch.zeros_like(table).index_add(0, now, slopes) / len(now)


check.solution("3.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** `torch.as_strided(memory, size, stride)` makes a view with any strides. Make one of a
# text of n tokens whose row i is tokens i to i + 7: all its windows of eight, no number copied. Which two
# strides? And what does `.reshape(-1)` do to it?
#
# **Tomorrow: GPUs.** The X-ray says nothing of time. Tomorrow you measure how many bytes and how many
# FLOPs *your* machine manages in a second, and predict from the two what each operation waits for.
