# %% [markdown]
# # Day 2 · Linear regression
#
# Today you fit a straight line in three ways, and the same few lines of code then fit your first
# language model.
#
# **You build:** least squares three ways, and a first language model made of pairs
#
# **At the end you will have**
#
# - the best line through a cloud of points by formula, by descent in NumPy and by PyTorch, all equal
#   to what NumPy's own solver finds
# - a language model that is one table of numbers: its first words, and its bits per byte beside those
#   of a trained Qwen3
# - two instruments, a condition number and a power law, which foretell how long a training takes and
#   what more text will bring
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in half a minute on
# a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day02_linear_regression.ipynb)
#
# Previous: [Day 1 · Neural network foundations](day01_neural_network_foundations.ipynb) · Next: [Day 3 · PyTorch fundamentals](day03_pytorch_fundamentals.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds every size of this notebook: change a number, and all follows.
# `check` compares numbers and raises if they differ, `plots` draws, and `runtime` knows your machine.

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
from bisect import bisect_left
from collections import Counter
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from helpers import runtime
from helpers.lesson import check, plots, widgets
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer

run = runtime.start(day=2)
np.set_printoptions(precision=3, suppress=True)

# %%
size = runtime.pick(
    tiny=dict(stories=600, held=150, steps=300, law=(50, 100, 200, 400), goal=1200),
    cpu=dict(stories=4000, held=500, steps=1000, law=(100, 200, 400, 800, 1600), goal=12_800),
    gpu=dict(stories=4000, held=500, steps=1000, law=(100, 200, 400, 800, 1600), goal=25_600),
)  # fmt: skip
print(size)

# %% [markdown]
# ## Before you start
#
# Four small questions on algebra and Python. Write at each TODO and run the cell: the checker says
# *passed*, or what is wrong. If one takes you longer than five minutes, read up first.
#
# | stuck on | read up | an answer |
# |---|---|---|
# | 2.11 | [two lines](https://en.wikipedia.org/wiki/System_of_linear_equations): where both have the same y | <details><summary>open</summary><code>(d - b) / (a - c)</code></details> |
# | 2.12 | [logarithms](https://en.wikipedia.org/wiki/Logarithm): how many times, as a number | <details><summary>open</summary><code>-math.log2(p)</code></details> |
# | 2.13 | [dictionaries](https://docs.python.org/3/tutorial/datastructures.html#dictionaries), and `zip(text, text[1:])` | <details><summary>open</summary><code>Counter(b for a, b in zip(text, text[1:]) if a == letter)</code></details> |
# | 2.14 | [broadcasting](https://numpy.org/doc/stable/user/basics.broadcasting.html) in NumPy | <details><summary>open</summary><code>table - table.mean(0)</code></details> |
#
# All four come back today.


# %%
def my_crossing(a, b, c, d):
    """The x where the lines y = a x + b and y = c x + d meet."""
    return None  # TODO: write it here


check.exercise("2.11", my_crossing)


# %%
def my_halvings(p):
    """How often 1 must be halved to become p: 3 for 1/8, and 0.415 for 3/4."""
    return None  # TODO: write it here


check.exercise("2.12", my_halvings)


# %%
def my_followers(text, letter):
    """What comes after `letter`, and how often, as a dict: {"n": 2} for "banana" and "a"."""
    return None  # TODO: write it here


check.exercise("2.13", my_followers)


# %%
def my_centered(table):
    """A NumPy array (rows, columns), minus the mean of each column."""
    return None  # TODO: write it here


check.exercise("2.14", my_centered)

# %% [markdown]
# ## The idea in small numbers
#
# Four points, and a line `slope * x + intercept`: yesterday's neuron with one input and no activation.
# What a line misses at a point is the **residual**: the measured y minus the line's. The loss is the
# mean of the squared residuals.
#
# The line y = x goes exactly through two of the four points. **Predict:** is there a line with a
# smaller loss? If so, through how many of the points does the best one go?
#
# In the picture each residual is a real square, so the loss is their mean area. In a live notebook,
# drag the line below it: how low can you get?

# %%
x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])


def squared_loss(slope, intercept):
    residuals = y - (slope * x + intercept)
    return (residuals**2).mean()


print("loss of y = x:", squared_loss(slope=1, intercept=0))


# %%
def draw_line(ax, slope, intercept):
    ax.plot([0, 6], [intercept, 6 * slope + intercept], color=plots.BLUE)
    for left, low, high in zip(x, slope * x + intercept, y):
        right = left + abs(high - low)
        square = [left, right, right, left], [low, low, high, high]
        ax.fill(*square, color=plots.ORANGE, alpha=0.4)
    ax.plot(x, y, "o", color="black", ms=4)
    ax.set(xlim=(0, 6), ylim=(0, 5), aspect="equal", xlabel="x", ylabel="y")
    ax.set_title(f"{slope:.2f} x + {intercept:.2f}\nloss {squared_loss(slope, intercept):.3f}")


lines = [dict(slope=a, intercept=b) for a, b in ((0, 2.5), (1, 0), (0.8, 0.5))]
alt = "Three lines with losses 1.25 (flat), 0.5 (y = x) and 0.45 (the best)."
knobs = dict(slope=(-1.0, 2.0, 0.05), intercept=(-1.0, 4.0, 0.05))
widgets.explore("Three lines and their squares", draw_line, lines, alt=alt, **knobs)

# %% [markdown]
# The line on the right goes through no point and beats the one through two: squares make two large
# misses dearer than four smaller ones. No line gets under 0.45. For if the residuals summed to more or less
# than zero, lifting or lowering the line would help. If their products with x did, tilting would. So at the
# best line both sums are zero. These are two equations for two numbers, and only one line solves them. That
# is the whole method of **least squares**:

# %%
residuals = y - (0.8 * x + 0.5)
print("residuals of 0.8 x + 0.5:", residuals)
check.close("they sum to 0", residuals.sum(), 0.0)
check.close("their products with x sum to 0", (residuals * x).sum(), 0.0)

# %% [markdown]
# ## Build it
#
# ### By formula
#
# Put the inputs into a table `X`: a row for each point, and a second column of ones for the intercept.
# Then `X @ w` is the line at all points, and `X.T @ residuals` (rows and columns of `X` exchanged)
# holds both sums. They vanish where `X.T @ (y - X @ w) = 0`, or `X.T @ X @ w = X.T @ y`. In numbers:
# 30 slope + 10 intercept = 29, and 10 slope + 4 intercept = 10.


# %%
def least_squares(X, y):
    """The weights whose residuals have nothing left in common with any column of X."""
    return np.linalg.solve(X.T @ X, X.T @ y)


X = np.stack([x, np.ones(4)], axis=1)  # (points, weights)
print(X.T @ X, X.T @ y, sep="\n")
print("slope and intercept:", least_squares(X, y))

# %% [markdown]
# This is called a **closed form**. And nothing in it says two columns: here is a real table.
#
# The course has its own text: a program writes short stories by making choices whose probabilities
# are known. So we know how much *information* each story holds. The unit is the **bit**: a toss of a
# coin is one bit, and a choice that had probability p is worth -log₂ p of them (question 2.12).
#
# Can four counts tell how many bits a story holds? We fit on some stories and judge on others, **held
# out** from the fit (yesterday's validation). **Predict:** which of the counts alone says most?

# %%
story = stories.write(seed=4)
print(story.text)
print(f"\n{len(story.text)} characters, {story.bits:.1f} bits")

# %%
COLUMNS = {
    "characters": len,
    "sentences": lambda text: len(re.findall("[.!?]", text)),
    "commas": lambda text: text.count(","),
    "capitals": lambda text: sum(map(str.isupper, text)),
}


def table_of(told):
    return np.array([[f(story.text) for f in COLUMNS.values()] for story in told], dtype=float)


first = stories.VALIDATION_SEEDS  # seeds from here on are never trained on
train = [stories.write(seed) for seed in range(size.stories)]
held_out = [stories.write(seed) for seed in range(first, first + size.held)]
table, table_held = table_of(train), table_of(held_out)
bits, bits_held = (np.array([story.bits for story in told]) for told in (train, held_out))


def add_ones(table):
    """A last column of ones: its weight is the intercept."""
    return np.hstack([table, np.ones((len(table), 1))])


def typical_miss(residuals):
    """The root of the mean square, so in the unit of y."""
    return np.sqrt(np.mean(residuals**2))


for columns in ([], [0], [1], [2], [3], [0, 1, 2, 3]):
    w = least_squares(add_ones(table[:, columns]), bits)
    missed = bits_held - add_ones(table_held[:, columns]) @ w
    names = ", ".join(list(COLUMNS)[i] for i in columns) or "none: the mean"
    print(f"misses by {typical_miss(missed):.2f} bits with {names}")

# %% [markdown]
# Length says little, the number of sentences most. All four together beat each, and three quarters of the
# squared miss remain (4.89² of 5.66²). So what is in the residuals? The program writes about some twenty
# things: a lost toy, a race, snow. Here is what the last line misses, by what the story is about.

# %%
kinds = sorted({story.facts["plot"] for story in train})
of_kind = {k: [m for m, s in zip(missed, held_out) if s.facts["plot"] == k] for k in kinds}
order = sorted(kinds, key=lambda kind: np.mean(of_kind[kind] or 0))
fig, ax = plots.figure("Residuals on held-out stories, by kind", 5.5, 2.6)
for place, kind in enumerate(order):
    ax.plot([place] * len(of_kind[kind]), of_kind[kind], ".", color=plots.BLUE, ms=3)
ax.axhline(0, color="black", lw=1)
ax.set(ylabel="residual (bits)", xlabel="kinds of story, sorted by their mean")
ax.set_xticks([0, len(order) - 1], [order[0], order[-1]])
plots.show(fig, alt="Residuals by kind of story: left mostly below zero, right mostly above.")

# %% [markdown]
# Residuals without a message would scatter around zero everywhere. Sorting alone tilts such a picture a
# little, but here whole kinds lie on one side. The next columns hide there. A word is no number, but it can be a column for each kind, 1
# in its own and 0 elsewhere: **one-hot**. (Together they always make 1, so they replace the ones.)


# %%
def one_hot(told):
    return np.array([[float(story.facts["plot"] == kind) for kind in kinds] for story in told])


w = least_squares(np.hstack([table, one_hot(train)]), bits)
miss = typical_miss(bits_held - np.hstack([table_held, one_hot(held_out)]) @ w)
print(f"with the kind: misses by {miss:.2f} bits")
check.true("the residuals knew", miss < 0.8 * typical_miss(missed))

# %% [markdown]
# ### Downhill
#
# Most models have no closed form, a Qwen3 least of all. What always works is yesterday's descent. The
# gradient of the mean square is -2/n · `X.T @ residuals`: the same two sums. (The residual is truth minus
# prediction, hence the minus.) Where they are zero, descent stops. **Predict:** four learning rates, 500 steps each. Which arrive at 0.8 and 0.5?


# %%
def line_gradient(w, X, y):
    return -2 / len(y) * X.T @ (y - X @ w)


def descend(gradient, start, data, rate, steps):
    """A walk downhill: the start, and where each step leads, as one array."""
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1], *data))
    return np.array(path)


for rate in (0.10, 0.11, 0.12, 0.13):
    end = descend(line_gradient, np.zeros(2), (X, y), rate, steps=500)[-1]
    print(f"rate {rate:.2f}: slope {end[0]:.4g}, intercept {end[1]:.4g}")

# %% [markdown]
# A sharp border, between 0.11 and 0.12. The loss is a bowl, steep along one axis and flat along another.
# Yesterday's w² has slope 2w. With slope c · w (loss c/2 · w²), c is the **curvature**, and a step
# multiplies the distance to the bottom by 1 - rate · c. Above rate · c = 2 it lands further away than it
# was. So the steep axis limits the rate, and the flat axis then takes its time; at the best rate,
# 2 / (low + high), both shrink equally fast. High over low curvature is the **condition number**. (For the
# mean square the curvatures are the *eigenvalues* of 2/n · `X.T @ X`; NumPy finds them.)
#
# Now subtract from every x its mean, 2.5 (question 2.14). The cloud is the same;
# only the origin has moved. Before, descent takes 193 steps at its best rate. **Predict:** and now, about
# 100, 20, or fewer than 10?


# %%
def curvatures(X):
    low, *_, high = np.linalg.eigvalsh(2 / len(X) * X.T @ X)
    return low, high


def walk(X, y, start=0.0, gap=1e-6):
    """Descent at the best rate, until the loss has made all but `gap` of its way down."""
    best, rate = least_squares(X, y), 2 / sum(curvatures(X))
    path = [start + np.zeros(X.shape[1])]
    while np.sum((X @ (path[-1] - best)) ** 2) > gap * np.sum((X @ (path[0] - best)) ** 2):
        path.append(path[-1] - rate * line_gradient(path[-1], X, y))
    return np.array(path)


views = {"x as it is": X, "x minus its mean": np.stack([x - x.mean(), np.ones(4)], axis=1)}
for name, view in views.items():
    low, high = curvatures(view)
    print(f"{name:16}  curvatures {low:.2f} and {high:.2f}, condition number {high / low:.2f}")
    print(
        f"{'':16}  highest rate {2 / high:.4f}; at the best rate {len(walk(view, y)) - 1} steps"
    )

# %%
fig, axes = plots.figure("The loss from above, and the way", 5.5, 2.8, ncols=2, sharey=True)
slopes, heights = np.meshgrid(np.linspace(-1.7, 2.5, 80), np.linspace(-1, 4, 80))
for ax, (name, view) in zip(axes, views.items()):
    lines = view @ np.stack([slopes.ravel(), heights.ravel()])  # (points, places)
    loss = ((y[:, None] - lines) ** 2).mean(0).reshape(slopes.shape)
    levels, path = 0.45 + np.geomspace(0.01, 100, 13), walk(view, y, start=(1.5, 3.5))
    ax.contour(slopes, heights, loss, levels, colors=plots.GRAY, linewidths=0.6)
    ax.plot(*path.T, ".-", color=plots.ORANGE, lw=0.8, ms=3)
    ax.set(title=name, xlabel="weight of x")
axes[0].set_ylabel("weight of the ones")
plots.show(fig, alt="Left, a narrow slanted valley crossed in a zigzag; right, a round bowl.")

# %% [markdown]
# Left, a valley: the walk bounces between its walls. Right, a bowl: nearly
# straight to the bottom. What does the shape cost in general? We stretch one column more and more, let
# descent use its best rate each time, and count.

# %%
stretches = np.geomspace(2, 30, 8)
plain = np.stack([(x - x.mean()) / x.std(), np.ones(4)], axis=1)  # condition number 1
kappa = stretches**2
needed = np.array([len(walk(plain * [stretch, 1], y)) - 1 for stretch in stretches])
exponent, offset = least_squares(add_ones(np.log(kappa)[:, None]), np.log(needed))

fig, ax = plots.figure("Steps needed, by the shape of the bowl", 4.6, 2.5)
ax.loglog(kappa, needed, "o", color=plots.BLUE)
ax.loglog(kappa, np.exp(offset) * kappa**exponent, color=plots.ORANGE)
ax.set(xlabel="condition number", ylabel="steps")
plots.show(fig, alt="Steps against condition number, log-log: eight points on one line.")
print(f"steps = {math.exp(offset):.2f} · condition number ^ {exponent:.2f}")
check.true("the exponent is 1", abs(exponent - 1) < 0.05)

# %% [markdown]
# Both axes count powers of ten, and there the points lie on a line: a regression again. A line in
# **log-log** is a **power law**, y = a · xᵇ, with the slope as exponent b. Here b is 1: twice the
# condition number, twice the steps.
#
# ### Feature scaling
#
# The story table counts characters by the hundred and commas by the handful. **Predict** its condition
# number. The cure is to subtract from each column its mean and to divide by its spread (the standard
# deviation), both measured on training rows.


# %%
def steps_needed(X, y, gap=1e-6):
    """The length of `walk`, without walking: each axis shrinks by its own factor."""
    curvature, axes = np.linalg.eigh(2 / len(X) * X.T @ X)
    shrink = 1 - 2 / (curvature[0] + curvature[-1]) * curvature
    share = axes.T @ least_squares(X, y)  # of the way, along each axis

    def left(t):
        return (curvature * share**2 * shrink ** (2 * t)).sum()

    return bisect_left(range(10**10), True, key=lambda t: bool(left(t) <= gap * left(0)))


scaled = add_ones((table - table.mean(0)) / table.std(0))
for name, inputs in {"as counted": add_ones(table), "scaled": scaled}.items():
    low, high = curvatures(inputs)
    guess = math.exp(offset) * (high / low) ** exponent
    print(f"{name:10}  condition number {high / low:>12,.1f}")
    print(f"{'':10}  steps: foretold {guess:,.0f}, needed {steps_needed(inputs, bits):,}")
print(f"really walked, scaled: {len(walk(scaled, bits)) - 1} steps")

# %% [markdown]
# Scaling changes no prediction that a line can make, and takes 13 steps in place of a quarter of a billion.
# (The law was measured where the start lies badly; for round bowls it foretells too many.)
#
# ### By PyTorch
#
# A torch tensor is a NumPy array that can remember how it was computed, so `backward` finds the
# gradient: yesterday's scalar engine, on whole arrays. The optimizer takes the step, and nothing else
# changes.

# %%
inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for _ in range(1000):
    loss = F.mse_loss(inputs @ w, targets)
    optimizer.zero_grad()  # or this gradient would be added to the last
    loss.backward()
    optimizer.step()
by_hand = descend(line_gradient, np.zeros(2), (X, y), rate=0.1, steps=1000)[-1]
check.close("1,000 steps of torch = 1,000 by hand", w, by_hand, tol=1e-12)
check.close("and both end where the formula does", by_hand, least_squares(X, y), tol=1e-9)

# %% [markdown]
# ### Yes or no
#
# A question with two answers: does a story hold more bits than half of them do? We want a
# probability, and a line, followed far enough, leaves 0 to 1. So bend it with yesterday's sigmoid, and
# take yesterday's loss, cross-entropy: the mean **surprise**, which is -ln of the probability given to
# the truth (in bits -log₂, a fixed factor more). One neuron with its activation is **logistic regression**, and its gradient is once
# more the inputs times the residual.
#
# Four numbers first: something happened, happened, happened, did not, and the model is one score.
# **Predict** the probability at which descent ends. After that the stories, with the number of
# sentences as the only input.


# %%
def yes_gradient(w, X, y):
    return -1 / len(y) * X.T @ (y - 1 / (1 + np.exp(-X @ w)))


ones, happened = np.ones((4, 1)), np.array([1.0, 1, 1, 0])
score = descend(yes_gradient, np.zeros(1), (ones, happened), rate=2, steps=100)[-1]
print("score", score, "ln 3 =", f"{math.log(3):.3f}", "probability", 1 / (1 + np.exp(-score)))

# %%
rich = (bits > np.median(bits)).astype(float)
column = scaled[:, [1, -1]]  # sentences, ones
bent = descend(yes_gradient, np.zeros(2), (column, rich), rate=2, steps=300)[-1]
straight = least_squares(column, rich)
sentences, places = np.unique(table[:, 1]), np.arange(4, 23)
scores = add_ones(((places - table[:, 1].mean()) / table[:, 1].std())[:, None])

fig, ax = plots.figure("How often is a story rich in bits?", 5.0, 2.5)
dots = [rich[table[:, 1] == n].mean() for n in sentences]
often = [(table[:, 1] == n).sum() / 15 for n in sentences]
ax.scatter(sentences, dots, often, color="black")
ax.plot(places, scores @ straight, color=plots.ORANGE, label="line")
ax.plot(places, 1 / (1 + np.exp(-scores @ bent)), color=plots.BLUE, label="logistic")
ax.set(xlabel="sentences in the story", ylabel="probability", xticks=range(4, 23, 3))
plots.name_lines(ax)
plots.show(
    fig, alt="Counted shares rise; beyond them the line leaves 0 to 1, the bent one not."
)
print(f"the data reach from {sentences[0]:.0f} to {sentences[-1]:.0f} sentences")

# %% [markdown]
# Descent on four numbers ends at the **share that was counted**, 3 of 4; remember this for the language
# model. The dots are counted shares, too, larger where there are more stories. Beyond them the straight line
# promises less than 0 and more than 1; the bent one cannot.
#
# ### Which of many
#
# A language model answers one question: what comes next? With V possible answers take V scores, raise
# e to each, divide by their sum: that is **softmax**. (For two answers it is the sigmoid of their
# difference.) The simplest such model looks at the current character only, and is called a **bigram**
# model.
#
# By hand first, on a text of one word. The dot stands for the end of a text; one stands in front, too.
# **Predict** with paper and pencil: if every character is guessed with its counted share, how many bits
# does the word cost?

# %%
pairs, starts = Counter(pairwise("·banana·")), Counter("·banana")
price = {pair: math.log2(starts[pair[0]] / times) for pair, times in pairs.items()}
for (now, after), times in pairs.items():
    print(f"{now}{after}  {times} of {starts[now]}: {times} x {price[now, after]:.3f} bits")
paid = sum(times * price[pair] for pair, times in pairs.items())
print(f"{paid:.3f} bits for 6 bytes: {paid / 6:.3f} bits per byte")

# %% [markdown]
# Only the a leaves a doubt, and the dearest guess, 1.58 bits, is the last: that the word is over. A model
# that is never asked for the end does not learn to stop. So the end is something to predict, but no byte
# of the text. Divided by the bytes, losses can be compared even if two models cut the text into
# different pieces. The course judges all its models in **bits per byte**.
#
# As a regression: the current character is one-hot, a row of V numbers, and the weights are a table `W`
# of V rows and V columns. A one-hot row times `W` picks a row of `W`. All places with the same current
# character get the same guess, so we may count them once, and the gradient is a table: how often each
# pair should have come by the guess, minus how often it came.

# %%
letters = sorted({letter for story in train for letter in story.text})
id_of = {letter: i for i, letter in enumerate(letters, start=1)}  # 0: the end of a text
V = len(letters) + 1


def pack(encoded):
    """All texts in a row, with 0, the end of a text, before, between and after them."""
    return np.array([0] + [i for ids in encoded for i in [*ids, 0]])


ids = pack([id_of[letter] for letter in story.text] for story in train)
W = np.random.default_rng(0).normal(size=(V, V))
check.close("one-hot rows @ W = rows of W", np.eye(V)[ids[:9]] @ W, W[ids[:9]], tol=0)
print(f"{len(ids):,} characters of {V} kinds, {V * V:,} weights")


def count_pairs(ids, vocab_size):
    """Row i, column j: how often token j came after token i."""
    pairs = ids[:-1] * vocab_size + ids[1:]
    return np.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size)


def softmax(scores):
    powers = np.exp(scores - scores.max(-1, keepdims=True))  # e^1000 would be infinite
    return powers / powers.sum(-1, keepdims=True)


def bigram_gradient(W, counts, divide_by=1):
    seen = counts.sum(1, keepdims=True)  # how often each token was the current one
    return (seen * softmax(W) - counts) / counts.sum() / divide_by


# %% [markdown]
# Where is the bottom? Where `seen * softmax(W) = counts`: the probabilities are the **counted shares**,
# as with three of four. Counting is the closed form of this regression.
#
# Does descent get there? In these stories nothing but u ever follows q. **Predict:** how many steps
# until the model gives u more than 90 %?
#
# A row moves in proportion to its share of the text, and the space is hundreds of times as frequent as
# q: the condition number again. Scaling would divide the gradient of each row by that share. So we let
# two walks compete, each with the best of three rates.

# %%
counts = count_pairs(ids, V)
counted = counts / counts.sum(1, keepdims=True)
share = counts.sum(1, keepdims=True) / counts.sum()


def paid_per_character(P):
    """Bits per character of the training text under the probabilities P."""
    met = counts > 0
    return -(counts[met] * np.log2(P[met])).sum() / counts.sum()


def best_walk(divide_by, rates):
    start, data = np.zeros((V, V)), (counts, divide_by)
    paths = [descend(bigram_gradient, start, data, rate, size.steps) for rate in rates]
    return min(paths, key=lambda path: paid_per_character(softmax(path[-1])))


check.true("nothing but u follows q", counted[id_of["q"], id_of["u"]] == 1)
walks = {"one rate": best_walk(1, (40, 80, 160)), "own rates": best_walk(share, (2, 4, 6))}
print(f"{share[id_of[' '], 0] / share[id_of['q'], 0]:.0f} spaces come on each q")

# %%
fig, axes = plots.figure("Descent on the table of pairs", 5.5, 2.6, ncols=2)
marks = np.unique(np.geomspace(1, size.steps, 30).astype(int))
for (name, path), color in zip(walks.items(), (plots.ORANGE, plots.BLUE)):
    excess = [paid_per_character(softmax(path[t])) - paid_per_character(counted) for t in marks]
    knows_u = softmax(path[:, id_of["q"]])[:, id_of["u"]]
    axes[0].loglog(marks, excess, color=color, label=name)
    axes[1].semilogx(marks, knows_u[marks], color=color, label=name)
    print(f"{name:9} ends {excess[-1]:.4f} bits above counting; ", end="")
    print(f"u after q below 90 % for {(knows_u[1:] < 0.9).sum()} of {size.steps} steps")
axes[0].set(xlabel="step", ylabel="bits above counting")
axes[1].set(xlabel="step", ylabel="probability of u after q")
for ax in axes:
    plots.name_lines(ax)
plots.show(fig, alt="Both walks near the counted loss; own rates learn q-u at once.")

# %% [markdown]
# With one rate for all, what is rare is learned late, though the loss hardly shows it; and most words of
# a language are rare (Day 5). On Day 16 an optimizer gives each weight a rate of its own.
#
# And neither walk arrives. In log-log the way down is nearly a line, so each halving takes twice the
# steps: a pair that never came wants probability 0, a score of minus infinity.

# %% [markdown]
# ## Check it
#
# Outside judges: NumPy's and PyTorch's own solvers for the line, PyTorch's autograd for the other two
# gradients. Then counting beside descent.

# %%
full = add_ones(table)
mine, theirs = least_squares(full, bits), np.linalg.lstsq(full, bits, rcond=None)[0]
check.close("my line = NumPy's", mine, theirs, tol=1e-6)
theirs = torch.linalg.lstsq(torch.from_numpy(full), torch.from_numpy(bits)[:, None]).solution
check.close("my line = PyTorch's", mine, theirs[:, 0], tol=1e-6)

# %%
w = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
guesses, answers = torch.from_numpy(column) @ w, torch.from_numpy(rich)
F.binary_cross_entropy_with_logits(guesses, answers).backward()
check.close("logistic gradient", yes_gradient(w.detach().numpy(), column, rich), w.grad, 1e-9)

# %%
some, scores = ids[:20_000], torch.from_numpy(W).requires_grad_()
F.cross_entropy(scores[some[:-1]], torch.from_numpy(some[1:])).backward()
check.close("bigram gradient", bigram_gradient(W, count_pairs(some, V)), scores.grad, 1e-9)

# %%
names, descended = "·_abcdefghijklmnopqrstuvwxyz", softmax(walks["own rates"][-1])
shown = [0, id_of[" "], *(id_of[letter] for letter in names[2:])]
fig, axes = plots.figure("What follows what", 5.5, 2.9, ncols=2, sharey=True)
for ax, (name, P) in zip(axes, {"counting": counted, "descent": descended}.items()):
    ax.imshow(np.sqrt(P[np.ix_(shown, shown)]), cmap="Blues", vmin=0, vmax=1)
    ax.set(title=name, xlabel="next", ylabel="current")
    ax.set_xticks(range(len(names)), names, fontsize=5)
    ax.set_yticks(range(len(names)), names, fontsize=5)
    ax.label_outer()
    ax.grid(False)
plots.show(fig, alt="Two tables of letter pairs, current by next, that look the same.")
gap = np.abs(descended - counted).max()
check.true(f"no probability differs by 0.05 (the most is {gap:.4f})", gap < 0.05)

# %% [markdown]
# ## Use it
#
# ### First words
#
# To write, begin at the end of a text, draw the next character from its row, go on from there, and stop
# when the end is drawn.


# %%
def write(P, decode, seed=0, longest=120):
    rng, token, said = np.random.default_rng(seed), 0, []
    while len(said) < longest:
        token = rng.choice(len(P), p=P[token])
        if token == 0:
            break
        said.append(token)
    return decode(said)


def read(ids):
    return "".join(letters[i - 1] for i in ids)


path = walks["one rate"]
for name, P in {"step 0": path[0], "step 10": path[10], "the end": path[-1]}.items():
    print(f"{name:8} {write(softmax(P), read, seed=4)!r}")

# %% [markdown]
# From noise to something with spaces and endings, as far as a memory of one character reaches. One remedy
# is larger pieces. A **token** is a piece of text, from a single byte to a whole word; the course's
# `Tokenizer` (built on Day 6) cuts text into as many kinds as we ask for. The model stays the same, a
# table of pairs, and we judge it on held-out stories. **Predict:** what does a pair cost that was never
# seen in training?


# %%
def bits_per_byte(counts, ids, texts, alpha):
    """What `ids` cost per byte of text, ends included; alpha is added to each pair's count."""
    now, after = ids[:-1], ids[1:]
    seen = np.maximum(counts.sum(1)[now], 1e-9)  # 0 of nothing shall be 0
    p = (counts[now, after] + alpha) / (seen + alpha * len(counts))
    with np.errstate(divide="ignore"):  # the surprise at probability 0 is infinite
        return -np.log2(p).sum() / sum(len(text.encode()) for text in texts)


def best_bits(counts, ids, texts):
    """Bits per byte, each half of the texts with the alpha that the other half prefers."""
    half, alphas = len(texts) // 2, (0.03, 0.01, 0.003, 0.001, 0.0003)
    cut = np.flatnonzero(ids == 0)[half]  # where the last text of the first half ends
    halves = (ids[: cut + 1], texts[:half]), (ids[cut:], texts[half:])
    tried = np.array([[bits_per_byte(counts, *part, a) for part in halves] for a in alphas])
    judged = tried[tried.argmin(0)[::-1], [0, 1]]  # [::-1]: each takes the other's choice
    return np.average(judged, weights=[len("".join(part).encode()) for _, part in halves])


texts, texts_held = ([story.text for story in told] for told in (train, held_out))
held = pack([id_of[letter] for letter in text] for text in texts_held)
models = {"characters": (counts, held, read)}
for vocab_size in (512, 2048):
    tokenizer = Tokenizer.train(texts, vocab_size)
    learned = count_pairs(pack(tokenizer.encode_batch(texts)), vocab_size)
    held = pack(tokenizer.encode_batch(texts_held))
    models[f"{vocab_size} tokens"] = learned, held, tokenizer.decode
for name, (learned, held, _) in models.items():
    unseen = (learned[held[:-1], held[1:]] == 0).mean()
    loss = bits_per_byte(learned, held, texts_held, alpha=0)
    print(f"{name:11} {learned.size:>9,} weights, {unseen:.3%} of pairs never seen: {loss:.3f}")

# %% [markdown]
# One pair with probability 0 is enough, and the loss of all stories is infinite. So add `alpha`, say 0.01,
# to the count of every pair, also of those never seen. `best_bits` tries
# five values, and each half of the held-out stories is judged with the value that is best for the *other*
# half: who chooses on the stories that judge, cheats a little.


# %%
b = np.array([0, 1, 2, 3, 2, 3, 2, 0])  # ·banana·, and its price by hand
check.close("banana", bits_per_byte(count_pairs(b, 4), b, ["banana"], alpha=0), paid / 6)
scores = {name: best_bits(*model[:2], texts_held) for name, model in models.items()}
for name, score in scores.items():
    print(f"pairs of {name:11} {score:.3f} bits per byte")

# %%
learned, _, decode = models["2048 tokens"]
P = learned / np.maximum(learned.sum(1, keepdims=True), 1)  # the counted shares
for seed in range(3):
    print(write(P, decode, seed, longest=60), "\n")

# %% [markdown]
# The bigger the pieces, the better the bigram; these are words, most of them. These stories have a
# **floor**: the chances of all choices are known, so the information in a story is, and no model can
# need less on average. And the course has a trained Qwen3, the model that you will have built by Day 21.
# **Predict:** how many times the floor do bigrams pay, and how many times does the Qwen3?

# %%
floor = stories.entropy(size.stories).bits_per_byte
qwen3 = json.loads((runtime.ROOT / "checkpoints/reference/metrics.json").read_text())
held, single = models["characters"][1], np.tile(counts.sum(0), (V, 1))
ladder = {
    "no idea": bits_per_byte(np.zeros((V, V)), held, texts_held, alpha=1),
    "how often each character": bits_per_byte(single, held, texts_held, alpha=0.01),
    **{f"pairs of {name}": score for name, score in scores.items()},
}
times = {name: score / floor for name, score in ladder.items()}
times["a trained Qwen3"] = qwen3["val_bpb"] / qwen3["floor_bpb"]
fig, ax = plots.figure("How many times the floor each model pays", 5.5, 2.4)
for place, (name, value) in enumerate(times.items()):
    ax.plot(value, place, "o", color=plots.ORANGE if "Qwen3" in name else plots.BLUE)
    ax.text(value * 1.12, place, f"{value:.3g}", va="center", fontsize=8)
ax.axvline(1, color=plots.GREEN, ls="--")
ax.set_yticks(range(len(times)), times)
ax.set(xscale="log", xlabel="bits per byte, in floors", xlim=(0.9, 120), ylim=(5.5, -0.5))
plots.show(fig, alt="From no idea at about 60 floors, through bigrams, to a Qwen3 near 1.")
print(f"floor {floor:.4f} bits per byte, in the Qwen3's own test {qwen3['floor_bpb']:.4f}")
print(f"weights of the last bigram {2048**2:,}, of the Qwen3 {qwen3['parameters']:,}")

# %% [markdown]
# With twice the weights of the Qwen3, the largest bigram pays many times as much.
# Does it lack text, or something that no text can give?
#
# ### What more text would bring
#
# We measure for growing training sets, three different ones of each size, and foretell a far larger one
# **before** we measure it.

# %%
encoded = tokenizer.encode_batch([stories.write(seed).text for seed in range(size.goal)])


def loss_after(first, n):
    """Held-out bits per byte of a bigram that saw n stories, from number `first` on."""
    counts = count_pairs(pack(encoded[first : first + n]), 2048)
    return best_bits(counts, models["2048 tokens"][1], texts_held)


n = np.array(size.law)
losses = np.array([[loss_after(i * k, k) for k in n] for i in range(3)])  # (sets, sizes)
for k, mean, spread in zip(n, losses.mean(0), losses.std(0, ddof=1)):
    print(f"{k:5} stories: {mean:.4f} ± {spread:.4f} bits per byte")

# %% [markdown]
# Is this a power law, a line in log-log? It flattens: a bigram that had read everything would still be a
# bigram. So let the law have a floor of its own: loss = E + a / storiesᵇ. For a given E that is a line
# again, and least squares finds it. We try many E and keep the one with the straightest line: the one that
# misses the smallest share of what there is to explain.
# **Predict:** is the foretold loss nearer to the truth with E, or without?


# %%
def fit_law(n, losses, E):
    """How crooked log(losses - E) is over log n, then E, a and b of E + a / n**b."""
    X, logs = add_ones(np.log(n)[:, None]), np.log(losses - E)
    w = least_squares(X, logs)
    return np.mean((logs - X @ w) ** 2) / logs.var(), E, math.exp(w[1]), -w[0]


def best_law(n, losses):
    return min(fit_law(n, losses, E) for E in np.linspace(0, losses[-1], 2000, endpoint=False))


mean = losses.mean(0)
_, _, a0, b0 = fit_law(n, mean, E=0)
_, E, a, b = best_law(n, mean)
alone = [
    E_1 + a_1 / size.goal**b_1 for _, E_1, a_1, b_1 in (best_law(n, one) for one in losses)
]
print(f"without E: {a0:.2f} / n^{b0:.3f}, foretells {a0 / size.goal**b0:.4f}")
print(f"with E: {E:.4f} + {a:.1f} / n^{b:.3f}, foretells {E + a / size.goal**b:.4f}")
print("each of the three sets alone foretells", np.array(alone))
truth = loss_after(0, size.goal)
print(f"measured after {size.goal:,} stories: {truth:.4f}; E alone is {E / floor:.1f} floors")
print(f"above E: foretold {a / size.goal**b:.4f}, measured {truth - E:.4f}")
miss0, miss = abs(a0 / size.goal**b0 / truth - 1), abs((E + a / size.goal**b) / truth - 1)
check.true(f"off by {miss:.1%} with E, by {miss0:.1%} without", miss < 0.05 and miss < miss0)

# %%
far = np.geomspace(n[0], size.goal, 50)
fig, ax = plots.figure("Held-out loss, by number of training stories", 5.5, 2.9)
ax.loglog(far, a0 / far**b0, color=plots.GRAY, ls=":", label="without E")
ax.loglog(far, E + a / far**b, color=plots.BLUE, label="with E")
ax.loglog(far, a / far**b, color=plots.ORANGE, label="its part above E")
ax.loglog(n, mean, "o", color=plots.BLUE, ms=4)
ax.loglog(n, mean - E, "o", color=plots.ORANGE, ms=4)
ax.loglog([size.goal] * 2, [truth, truth - E], "*", color="black", ms=9)
ax.set(xlabel="training stories", ylabel="bits per byte")
plots.name_lines(ax)
plots.show(fig, alt="The loss settles, its part above E is a line; the star is on the curve.")

# %% [markdown]
# The upper star is the measurement, far to the right of all that went into the fit, and where the law
# said. The part above E it misses by more: E is extrapolated, too, and known to about 0.01 only.
# With all the stories of this world the bigram would pay about E. What it lacks is not text but memory: a
# name, a promise, a lost boat, all further back than one token.
#
# This is what is meant by **scaling laws**. For transformers on real text,
# [Kaplan et al. (2020)](https://arxiv.org/abs/2001.08361) found an exponent of about 0.1 for data;
# [Hoffmann et al. (2022)](https://arxiv.org/abs/2203.15556), who gave the law an E, 0.28 for data and
# 0.34 for the size of the model. Such a fit says what a large run is worth; it holds for one kind of
# model and of text.

# %% [markdown]
# ## What can go wrong
#
# Two runs, each beside a healthy one. **Take a minute before each instrument: where would you look?**
#
# ### Suspect 1: one more column
#
# The scaled story table, rate 0.1. In run B somebody has appended a column, the number of different
# words. The gradient is right; you have checked it.

# %%
different = np.array([len(set(text.lower().split())) for text in texts])
runs = {"run A": scaled, "run B": np.column_stack([scaled, different])}
for name, inputs in runs.items():
    path = descend(line_gradient, np.zeros(inputs.shape[1]), (inputs, bits), 0.1, steps=6)
    print(name, "loss:", "  ".join(f"{np.mean((bits - inputs @ w) ** 2):.3g}" for w in path))


# %%
def highest_rate(X, names):
    (low, high), own = curvatures(X), (X**2).mean(0)
    times = own.max() / np.median(own)
    worst = f"{names[np.argmax(own)]}, {times:,.0f} times the median"
    worst = worst if times > 1.5 else "none, all alike"
    print(f"condition number {high / low:,.0f}, rate up to {2 / high:.2g}, steepest: {worst}")
    return 2 / high


names = [*COLUMNS, "ones", "different words"]
cured = np.column_stack([scaled, (different - different.mean()) / different.std()])
limits = [highest_rate(inputs, names) for inputs in (*runs.values(), cured)]
check.true("A and the cure allow 0.1, B does not", limits[1] < 0.1 < min(limits[0], limits[2]))

# %% [markdown]
# The new column came after the scaling, as counted. A reader of TensorFlow's first tutorial met the same
# thing after changing its x from 0 ... 1 to 0 ... 99: w and b
# [became nan](https://github.com/tensorflow/tensorflow/issues/3148).
#
# ### Suspect 2: a great discovery
#
# Run B has another new column: how many bits stories that begin with the same five words usually hold.
# It was made for the whole table, which was then split into training and held-out rows. Last come new
# stories: their column is looked up among the known. **Predict** the third number.


# %%
def opening(text):
    return " ".join(text.split()[:5])


def usual_bits(texts, answers):
    """For each text the mean answer of the texts that open with the same five words."""
    groups = {}
    for text, answer in zip(texts, answers):
        groups.setdefault(opening(text), []).append(answer)
    return np.array([np.mean(groups[opening(text)]) for text in texts])


def look_up(texts, known, answers):
    found = dict(zip(map(opening, known), usual_bits(known, answers)))
    return [found.get(opening(text), answers.mean()) for text in texts]


known, answers = texts + texts_held, np.concatenate([bits, bits_held])
usual, later = usual_bits(known, answers), first + size.held
fresh = [stories.write(seed) for seed in range(later, later + size.stories)]
texts_new = [story.text for story in fresh]
inputs = add_ones(np.concatenate([table, table_held, table_of(fresh)]))
targets = np.concatenate([answers, [story.bits for story in fresh]])
column = np.append(usual, look_up(texts_new, known, answers))
parts = np.split(np.arange(len(inputs)), [len(texts), len(known)])


def misses(X_run):
    """Typical misses of a line fitted on the training rows: there, held out, on new stories."""
    w = least_squares(X_run[parts[0]], bits)
    return np.array([typical_miss(targets[rows] - X_run[rows] @ w) for rows in parts])


print("run A misses in training, held out, new:", misses(inputs))
print("run B misses in training, held out, new:", misses(np.column_stack([inputs, column])))
_, held, new = misses(np.column_stack([inputs, column]))
shared = Counter(map(opening, known))
alone = sum(times == 1 for times in shared.values()) / len(known)
print(f"{len(known):,} stories, {len(shared):,} openings; {alone:.0%} are alone with theirs")
check.true("B does not keep what it promised", new > 1.4 * held)

# %% [markdown]
# Held out, B halves the error; on new stories most of that gain is gone. A third of the
# stories or more are alone with their opening: their mean is over one story, the row itself, so the
# column *is* the answer. This is **leakage of the
# target**. The instrument: change nothing but the answer of one row. If its inputs move,
# they know it.


# %%
def knows_its_answer(make_column, texts, answers, row=0):
    changed = answers.copy()
    changed[row] += 1000
    return bool(make_column(texts, changed)[row] != make_column(texts, answers)[row])


check.true("usual bits move", knows_its_answer(usual_bits, known, answers))
check.true("lengths do not", not knows_its_answer(lambda t, _: [*map(len, t)], known, answers))

# %%
h = len(texts) // 2  # the cure: each half asks the other, all other rows ask the training rows
halves = look_up(texts[:h], texts[h:], bits[h:]) + look_up(texts[h:], texts[:h], bits[:h])
honest = halves + look_up(texts_held + texts_new, texts, bits)
print("cured, in training, held out, new:", misses(np.column_stack([inputs, honest])))

# %% [markdown]
# No row sees its own answer any more, nor that of a held-out story. The column promises less, keeps it, and
# is of use after all. The same bug was
# [reported](https://github.com/jeongyoonlee/Kaggler/issues/35) in the encoder of a library for
# competitions, and [Kapoor and Narayanan (2022)](https://arxiv.org/abs/2207.07048) found leaks of many
# kinds in papers from 17 fields of science.
#
# In a language model the answer is the next token, and the shortest leak is a forgotten shift: each
# token guesses itself. Here the loss alone gives it away, because we know the floor.

# %%
learned, held, _ = models["2048 tokens"]
seen = learned.sum(1)[held]  # a table in which every token follows itself
surprise = -np.log2((seen + 0.001) / (seen + 0.001 * 2048))
too_good = surprise.sum() / sum(len(text.encode()) for text in texts_held)
print(f"shift forgotten: {too_good:.4f} bits per byte; the floor: {floor:.4f}")
check.true("below the floor: no talent, a leak", too_good < floor)

# %% [markdown]
# ## Recap
#
# Three regressions, one gradient: inputs times residual. The line and the table of pairs have closed
# forms. Descent finds the line, at a pace set by the condition number, which scaling mends; to the table it
# comes ever nearer. A bigram is softmax regression on one-hot tokens, and its bottom is the table of counted shares.
#
# | | line | logistic | bigram |
# |---|---|---|---|
# | output | w · x | sigmoid(w · x) | softmax(row of W) |
# | loss | mean square | surprise | surprise |
# | gradient | inputs × (guess - answer) | the same | the same |
# | closed form | XᵀX w = Xᵀy | none (a share, for a lone score) | counted shares |
#
# | promise | instrument |
# |---|---|
# | the fit is the best | residuals have nothing in common with any column |
# | no column is missing | plot the residuals against what you left out |
# | the rate is safe | 2 over the largest curvature |
# | it arrives in time | condition number |
# | more data will help | a law with a floor, fitted before the money is spent |
# | no input is computed from its own answer | change the answer: no input moves; no loss below the floor |

# %% [markdown]
# ## Exercises
#
# ### 2.1 Ridge · ●○○ · 10 minutes
#
# When two columns say nearly the same, least squares may give them large weights of opposite
# signs, which cancel.
# **Ridge** regression makes large weights expensive: it minimizes the *sum* of the squared residuals
# plus `strength` times the sum of the squared weights. The last column of `X` is the ones; its weight,
# the intercept, stays free. Return the weights.
#
# <details><summary>Hint 1</summary>The gradient of strength · w² is 2 · strength · w. Set the whole gradient to zero and collect what multiplies w.</details>
# <details><summary>Hint 2</summary>X.T @ X gets <code>strength</code> added on its diagonal, but for the last place.</details>


# %%
def my_ridge(X, y, strength):
    return None  # TODO: your answer


check.exercise("2.1", my_ridge)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 2.1
def solution_1(X, y, strength):
    penalty = strength * np.eye(X.shape[1])
    penalty[-1, -1] = 0
    return np.linalg.solve(X.T @ X + penalty, X.T @ y)


check.solution("2.1", solution_1)

# %% [markdown]
# ### 2.2 Mini-batches · ●●○ · 10 minutes
#
# A corpus does not fit into one step, so training takes a few rows at a time. Write one **epoch**, a
# pass over all rows: visit them in the given `order` (a list of row numbers), `batch_size` at a time;
# the last batch may be shorter. After each batch take one step of `rate` against the gradient of *its
# own* mean squared error. Return the weights at the end; leave the `w` that you were given as it is.
#
# <details><summary>Hint 1</summary><code>range(0, len(order), batch_size)</code> gives the start of each batch, and slices may reach over the end.</details>
# <details><summary>Hint 2</summary><code>line_gradient</code> of the page does the rest, for the rows of one batch. <code>w = w - ...</code> makes a new array, <code>w -= ...</code> does not.</details>


# %%
def my_epoch(X, y, w, rate, order, batch_size):
    return None  # TODO: your answer


check.exercise("2.2", my_epoch)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 2.2
def solution_2(X, y, w, rate, order, batch_size):
    for rows in (order[i : i + batch_size] for i in range(0, len(order), batch_size)):
        w = w - rate * line_gradient(w, X[rows], y[rows])
    return w


check.solution("2.2", solution_2)

# %% [markdown]
# ### 2.3 Trigram · ●●○ · 15 minutes
#
# Look back at two tokens. From a row of `ids` (0 to `vocab_size` - 1) make an array `P` of shape
# (vocab_size, vocab_size, vocab_size): `P[a, b, c]` is the probability of c after a and then b, where
# `alpha` is added to the count of every triple, seen or not.
#
# <details><summary>Hint 1</summary>The triples are <code>zip(ids, ids[1:], ids[2:])</code>. A loop with <code>counts[a, b, c] += 1</code> is a right answer.</details>
# <details><summary>Hint 2</summary>For every pair a, b the probabilities of c sum to 1: divide by the sum over the last axis, with <code>keepdims=True</code>.</details>


# %%
def my_trigram(ids, vocab_size, alpha):
    return None  # TODO: your answer


check.exercise("2.3", my_trigram)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 2.3
def solution_3(ids, vocab_size, alpha):
    counts = np.full((vocab_size, vocab_size, vocab_size), float(alpha))
    np.add.at(counts, (ids[:-2], ids[1:-1], ids[2:]), 1)
    return counts / counts.sum(-1, keepdims=True)


check.solution("2.3", solution_3)
P, held = solution_3(ids, V, 0.01), np.concatenate([[0], models["characters"][1]])
paid = -np.log2(P[held[:-2], held[1:-1], held[2:]]).sum() / len("".join(texts_held).encode())
print(f"characters: pairs {scores['characters']:.3f}, triples {paid:.3f} bits per byte")

# %% [markdown]
# ### 2.4 Fit an exponent · ●●● · 20 minutes
#
# Somebody measured a loss at several `sizes` of the training set and knows the floor E. Assume the law
# loss = E + a / sizeᵇ, fit a and b by least squares in log-log (the loss from the size, as on the page),
# and answer the question that costs money: how large must the training set be to reach `target`?
# Return `math.inf` if no size will do.
#
# <details><summary>Hint 1</summary>log(loss - E) = log a - b · log size: a line with slope -b and intercept log a.</details>
# <details><summary>Hint 2</summary>Solve the same equation for the size, with the target as the loss. Below or at E there is nothing to solve.</details>


# %%
def my_size_needed(sizes, losses, E, target):
    return None  # TODO: your answer


check.exercise("2.4", my_size_needed)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 2.4
def solution_4(sizes, losses, E, target):
    if target <= E:
        return math.inf
    X = add_ones(np.log(sizes)[:, None])
    slope, log_a = least_squares(X, np.log(np.asarray(losses) - E))
    return math.exp((math.log(target - E) - log_a) / slope)


check.solution("2.4", solution_4)
for above in (0.01, 0.001):
    print(f"{above} bits above E after {solution_4(n, mean, E, E + above):,.0f} stories")

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** A trigram needs V³ weights. Give softmax regression two one-hot tokens instead, the
# current and the one before, with one table of V² each, whose rows are added before the softmax. No
# counting solves this one; descent must. How much of what the trigram gained on characters does it
# keep?
#
# **Tomorrow: PyTorch.** From tomorrow on autograd does the work, and Day 3 takes up the ten operations that language models live on.
