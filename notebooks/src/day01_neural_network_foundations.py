# %% [markdown]
# # Day 1 · Neural network foundations
#
# Today you build a neural network out of additions and multiplications, let it find its own numbers,
# and catch it learning by heart.
#
# **You build:** a network in NumPy with its backward pass, and a small autograd engine, which works out slopes by itself
#
# **At the end you will have**
#
# - a network in NumPy whose gradient you worked out by hand; PyTorch, the library that most networks
#   are built with, agrees to twelve decimals
# - `Value`, a gradient engine in fifty lines, with a picture of what it computes
# - a boundary that bends while it learns, a measured answer to "which learning rate?", and two real
#   bugs caught by instruments of your own
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in less than a
# minute on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day01_neural_network_foundations.ipynb)
#
# Next: [Day 2 · Linear regression](day02_linear_regression.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds every size of this notebook: change a number, and all follows.
# `check` compares numbers and raises if they differ, `plots` draws, and `runtime` knows your machine (number formats: see Day 3). NumPy, here `np`, computes with whole tables
# of numbers at once.

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

import numpy as np
import torch
import torch.nn.functional as F

from helpers import runtime
from helpers.lesson import autograd, check, plots, widgets

np.set_printoptions(precision=3, suppress=True)
np.seterr(over="ignore")  # e^1000 is infinite, and 1 / infinite is 0: both are what we want
run = runtime.start(day=1)

# %%
size = runtime.pick(
    tiny=dict(starts=10, lamp_steps=400, steps=1000, seeds=3, sweep=300, long=4000, graphs=100),
    cpu=dict(starts=20, lamp_steps=800, steps=2000, seeds=7, sweep=500, long=6000, graphs=500),
    gpu=dict(starts=20, lamp_steps=800, steps=2000, seeds=9, sweep=500, long=6000, graphs=500),
)
print(size)

# %% [markdown]
# ## Before you start
#
# Five questions of school mathematics. Write each answer in place of `None` and run the cell: a checker
# says *to do*, *passed*, or what went wrong. If all five pass, you know enough for this day.
#
# - **1.11** The height at `x` of a straight line that begins at height `start` and rises by `slope` for
#   every 1 to the right. If in doubt, read [Linear equation](https://en.wikipedia.org/wiki/Linear_equation).
# - **1.12** The slope of the line through two points. Read [Slope](https://en.wikipedia.org/wiki/Slope).
# - **1.13** Each value times its own weight, all added up; both are lists of the same length. Read
#   [Dot product](https://en.wikipedia.org/wiki/Dot_product).
# - **1.14** The `x` for which e to the power of `x` is `y`. Read
#   [Natural logarithm](https://en.wikipedia.org/wiki/Natural_logarithm).
# - **1.15** The slope of f(x) = (a·x + b)² at `x`: how many times as fast as `x` does f grow there? Read
#   [Chain rule](https://en.wikipedia.org/wiki/Chain_rule).
#
# <details><summary>The five answers</summary>
#
# `slope * x + start` · `(y2 - y1) / (x2 - x1)` · `sum(v * w for v, w in zip(values, weights))` ·
# `math.log(y)` · `2 * (a * x + b) * a`
#
# </details>


# %%
def my_line(x, slope, start):
    return None  # TODO: one line each


def my_slope(x1, y1, x2, y2):
    return None


def my_weighted_sum(values, weights):
    return None


def my_solve_exp(y):
    return None


def my_slope_of_square(a, b, x):
    return None


answers = (my_line, my_slope, my_weighted_sum, my_solve_exp, my_slope_of_square)
for number, answer in enumerate(answers, start=11):
    check.exercise(f"1.{number}", answer)

# %% [markdown]
# ## The idea in small numbers
#
# Ten words carry this field. They come in order today, each with code.
#
# ### 1 · Neuron
#
# A neuron is a small vote. Each input is multiplied with a number of its own, the products are added up,
# and one more number is added. The result is a **score**. Here two switches vote on a lamp:


# %%
def neuron(x, weights, bias):
    return sum(value * weight for value, weight in zip(x, weights)) + bias


CASES = [(0, 0), (0, 1), (1, 0), (1, 1)]  # two switches: 0 is down, 1 is up
for x in CASES:
    print("switches", x, "score", neuron(x, weights=(1, 1), bias=-0.5))

# %% [markdown]
# Let the lamp be on where the score is above 0. Then it is on if at least one switch is up.
#
# ### 2 · Weights and bias
#
# A **weight** says how much its input counts, and in which direction. The **bias** says how easily the
# neuron says yes. Together they are the neuron's **parameters**, and they are all that it can learn.
#
# **Predict:** when is the lamp on with weights (1, 1) and bias -1.5? And with (1, -1) and -0.5? (A triangle
# means on; orange is where the score is above 0, blue where it is below, deeper beyond 3.)


# %%
# These functions only draw. What is drawn stands at the end of the cell.
def shade(ax, function):
    """Orange where the score is above 0, blue where below; deeper where it is beyond 3."""
    x1, x2 = np.meshgrid(np.linspace(*ax.get_xlim(), 150), np.linspace(*ax.get_ylim(), 150))
    score = function(np.stack([x1.ravel(), x2.ravel()], axis=1)).reshape(x1.shape)
    colors = [plots.BLUE + "70", plots.BLUE + "30", plots.ORANGE + "30", plots.ORANGE + "70"]
    ax.contourf(x1, x2, score, levels=[-np.inf, -3, 0, 3, np.inf], colors=colors)


def dots(ax, X, y, area=8):
    for label, color, marker in ((0, plots.BLUE, "o"), (1, plots.ORANGE, "^")):
        ax.scatter(*X[y == label].T, s=area, c=color, marker=marker, lw=0)


def views(title, functions, X, y, alt, height, area, **look):
    """A panel for each named score function; y=None marks the points by their score."""
    fig, axes = plots.figure(title, 5.5, height, ncols=len(functions))
    for ax, (name, function) in zip(axes, functions.items()):
        ax.set(title=name, aspect="equal", **look)
        ax.label_outer()
        shade(ax, function)
        dots(ax, X, function(X) > 0 if y is None else y, area)
    plots.show(fig, alt=alt)


def curves(title, functions, alt):
    fig, ax = plots.figure(title, 4.6, 1.9)
    scores = np.linspace(-3, 3, 601)
    for function in functions:
        ax.plot(scores, function(scores), label=function.__name__)
    ax.set(xlabel="score", ylabel="passed on", ylim=(-0.1, 2.1))
    plots.name_lines(ax)
    plots.show(fig, alt=alt)


X4 = np.array(CASES, dtype=float)  # (4 cases, 2 inputs)
SWITCHES = dict(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), xticks=[0, 1], yticks=[0, 1])
SWITCHES |= dict(xlabel="switch 1", ylabel="switch 2")
NEURONS = [((1, 1), -0.5), ((1, 1), -1.5), ((1, -1), -0.5)]  # weights and bias
scores = {f"{n[0]}, {n[1]}": lambda points, n=n: neuron(points.T, *n) for n in NEURONS}
alt = "Three planes with four corners, each cut by a straight line; one side is on."
views("Three neurons", scores, X4, None, alt, 2.0, 50, **SWITCHES)

# %% [markdown]
# "Both" and "the first without the second". Another bias moves the line, other weights turn it; but every
# neuron cuts the plane along a straight line.
#
# Now the lamp of a long corridor, with a switch at each end: it is on when *exactly one* switch is up.
# **Predict:** which three numbers make a neuron do that? We try all combinations of -5, -4.5, ..., 5.

# %%
LAMP = np.array([0, 1, 1, 0])
w1, w2, bias = np.meshgrid(*[np.linspace(-5, 5, 21)] * 3)  # all combinations
right = sum((neuron(x, (w1, w2), bias) > 0) == on for x, on in zip(CASES, LAMP))
print(f"{right.size:,} neurons; the best is right in {right.max()} of 4 cases")

# %% [markdown]
# None. Finer steps will not help: the corners that should be on lie diagonally across from each other, and
# no straight line has these two on one side and the other two on the other.
#
# ### 3 · Activation
#
# On or off hides how sure a neuron is. So the score is passed through a curve, the **activation**. Two will do
# today: the **sigmoid** turns any score into a probability between 0 and 1, and **ReLU** (rectified linear
# unit) keeps what is above 0.


# %%
def sigmoid(score):
    return 1 / (1 + np.exp(-score))  # np.exp(s) is e to the power of s


def relu(score):
    return np.maximum(0, score)


print("sigmoid of -2, 0, 2 and 5:", sigmoid(np.array([-2.0, 0.0, 2.0, 5.0])))
curves("Two ways to bend", [sigmoid, relu], "Sigmoid: an S from 0 to 1. ReLU: flat, then up.")

# %% [markdown]
# A score of 0 becomes 0.5: no idea. A score of 5 becomes 0.993. On or off has one more fault: a slightly
# better weight changes nothing, so nothing shows where better lies.
#
# ### 4 · Layer
#
# Several neurons that read the same inputs are a **layer**. Their weights make a table, `W1`: a row for
# each input, a column for each neuron. `X @ W1` computes the weighted sums of all cases and all neurons at
# once: the case (1, 1) and the column (1, 1) give 1 · 1 + 1 · 1 = 2. Then come the biases and the ReLU. Our first neuron counts the switches that are up, the second says
# "both". A last neuron reads these two, and `W2` counts the second twice, *against*:

# %%
W1, b1 = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([0.0, -1.0])  # 2 inputs, 2 neurons
W2, b2 = np.array([1.0, -2.0]), np.array([-0.5])
hidden = relu(X4 @ W1 + b1)  # (4 cases, 2 neurons)
print(f"hidden\n{hidden}\nscores {hidden @ W2 + b2}")
check.true("the corridor lamp: 4 of 4 cases", (hidden @ W2 + b2 > 0) == LAMP)
fig, axes = plots.figure("The layer moves the corners: now one line will do", 5.5, 2.2, ncols=2)
wider = dict(xlabel="hidden neuron 1", ylabel="hidden neuron 2", xlim=(-0.5, 2.5))
axes[0].set(aspect="equal", **SWITCHES)
axes[1].set(aspect="equal", **SWITCHES | wider | dict(xticks=[0, 1, 2]))
shade(axes[1], lambda points: points @ W2 + b2)
dots(axes[0], X4, LAMP, area=60)
dots(axes[1], hidden, LAMP, area=60)
plots.show(fig, alt="Left the four corners; right three points that one line separates.")

# %% [markdown]
# Two corners fell together, and a line fits between. What lies between input and output is called
# **hidden**. **Predict:** leave the ReLU out, and give the hidden layer eight neurons instead. Can this
# larger network do what one neuron cannot?

# %%
random = np.random.default_rng(0)
A, a, B, b = (random.normal(size=shape) for shape in ((2, 8), 8, 8, 1))
two_layers = (X4 @ A + a) @ B + b
one_neuron = X4 @ (A @ B) + (a @ B + b)
check.close("two layers without activation = one neuron", two_layers, one_neuron)

# %% [markdown]
# It *is* one neuron, with weights `A @ B`. Layers are worth nothing without a bend between them.
#
# ### 5 · Forward
#
# From the inputs to the score and its probability: that way is the **forward** pass. A network is now a
# `dict` of four tables. **Predict** the shapes of `hidden` and of `score` for our four cases.


# %%
def forward(X, net):
    hidden = relu(X @ net["W1"] + net["b1"])  # a row per case, a column per neuron
    return hidden, hidden @ net["W2"] + net["b2"]  # a score per case, be it 4 or 4 million


hidden, score = forward(X4, {"W1": W1, "b1": b1, "W2": W2, "b2": b2})
print("hidden", hidden.shape, "  score", score.shape, "  probabilities", sigmoid(score))

# %% [markdown]
# ## Build it
#
# Four cases can be solved by hand. These points cannot: two moons, blurred by noise. Given the coordinates
# of a new point, on which moon does it lie?


# %%
def moons(points, noise, seed):
    """(points, 2) coordinates of two half rings, and their labels, 0 or 1."""
    random = np.random.default_rng(seed)
    y = np.arange(points) % 2
    angle = random.uniform(0, np.pi, points)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X[y == 1] = [1.0, 0.5] - X[y == 1]  # the other moon: turned around, and moved
    return X + noise * random.normal(size=X.shape), y


X, y = moons(200, noise=0.2, seed=0)
fig, ax = plots.figure("200 points; a triangle is a 1", 3.6, 2.3)
dots(ax, X, y, area=14)
ax.set(xlabel="first input", ylabel="second input", aspect="equal")
plots.show(fig, alt="Two interleaved half rings of blue circles and orange triangles.")

# %% [markdown]
# ### 6 · Loss
#
# To make a network better we need one number that says how bad it is: the **loss**. Take the probability
# that the network gave to what was really true, charge -ln of it, and average over all points. Whoever has no
# opinion gives 0.5 and pays ln 2 = 0.693. (It is called *cross-entropy*; language models have the same loss.)
#
# In code we go from the score s directly: -ln sigmoid(s) is ln(1 + e⁻ˢ). The network's probability is that of
# a 1. A 0 has the rest, and 1 - sigmoid(s) = sigmoid(-s), so for label 0 we put in -s. `np.logaddexp(0, z)` is ln(1 + eᶻ) without overflow. **Predict:** what does it cost to give 0.99 to the
# truth, and what to give 0.01? And what is the loss of a new network, whose weights are random numbers?


# %%
def cost(y, score):
    return np.logaddexp(0, np.where(y == 1, -score, score)).mean()


def score_of(net):
    return lambda X: forward(X, net)[1]


def loss_of(X, y, net):
    return cost(y, score_of(net)(X))


def new_net(hidden, seed):
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, hidden)), 0.1 * random.normal(size=hidden)
    return {"W1": first, "b1": np.zeros(hidden), "W2": second, "b2": np.zeros(1)}


# %%
print({p: round(-math.log(p), 3) for p in (0.99, 0.9, 0.5, 0.1, 0.01)})
first = np.array([loss_of(X, y, new_net(8, seed)) for seed in range(20)])
print(f"20 new networks: loss {first.min():.3f} to {first.max():.3f}; ln 2 = {math.log(2):.3f}")
check.true("on average they cost what no opinion does", abs(first.mean() - math.log(2)) < 0.05)

# %% [markdown]
# Being wrong and sure is dear. And the first loss is the first instrument of this course: on average it is
# near ln 2. Far above, a network begins with loud opinions; far below, something is miscounted, or the network
# is not new.
#
# ### 7 · Gradient
#
# The loss depends on every parameter. Raise one a little and see how the loss moves: change of loss over
# change of parameter is a **slope**, as in question 1.12. The slopes of all parameters together are the
# **gradient**. The plainest way is to nudge, up and down:


# %%
def slope_by_nudging(X, y, net, name, spot, nudge=1e-5):
    losses = []
    for change in (nudge, -nudge):
        nudged = {key: table.copy() for key, table in net.items()}
        nudged[name][spot] += change
        losses.append(loss_of(X, y, nudged))
    return (losses[0] - losses[1]) / (2 * nudge)


net = new_net(8, seed=1)
for name, spot in (("W1", (0, 0)), ("W1", (1, 0)), ("W2", 0), ("b2", 0)):
    print(f"{name}[{spot}]: slope {slope_by_nudging(X, y, net, name, spot):+.4f}")

# %% [markdown]
# To lower the loss, a parameter with a positive slope must go down, and one with a negative slope up. But
# nudging takes two forward passes *for each parameter*: 66 for this network, more than a billion for a small
# Qwen3, a language model. There is a better way.
#
# ### 8 · Backpropagation
#
# `score = w * x + b` with w = 2, x = 3, b = -1. We want a score of 1, so
# `miss = score - 1` is 4, and `loss = miss * miss` is 16. How much does the loss move with w?
#
# Each operation has slopes of its own, and they are easy. A sum moves as much as either part: 1. `w * x`
# moves x times as much as w. `miss * miss` contains miss twice, and each is multiplied with the other. Along a
# path the slopes *multiply*, as gears do: that is the chain rule. Where several paths lead to the loss, they
# *add up* ([Rumelhart, Hinton and Williams, 1986](https://doi.org/10.1038/323533a0)).
#
# An engine can do this. Every operation makes a `Value` that remembers its parents and its slope for each.
# `backward` starts at the end with slope 1 and hands slopes down. A value may be used in several places, and
# each sends it a part of its slope. Only when *all* parts have come is the sum right, and may be handed on to
# its parents. So `in_order` lists parents first, and we walk its list from the end. (A test keeps this code equal to the file named behind it. Read
# `__mul__` first, which Python calls for `a * b`.)
#
# **Predict** with a pencil: the slopes of the loss in w, in x and in b.


# %%
def as_value(x):  # helpers/lesson/autograd.py
    return x if isinstance(x, Value) else Value(x)


def in_order(end):  # helpers/lesson/autograd.py
    order, seen, todo = [], set(), [(end, False)]
    while todo:  # a list of things to do, not recursion: a long sum is a deep graph
        value, parents_done = todo.pop()
        if parents_done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            todo.append((value, True))
            todo += [(parent, False) for parent in reversed(value.parents)]
    return order


# %%
class Value:  # helpers/lesson/autograd.py
    def __init__(self, data, parents=(), slopes=(), name=""):
        self.data, self.grad, self.name = float(data), 0.0, name
        self.parents, self.slopes = parents, slopes

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0), "−")

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data), "×")

    def __truediv__(self, other):
        other = as_value(other)
        slopes = (1 / other.data, -self.data / other.data**2)
        return Value(self.data / other.data, (self, other), slopes, "/")

    __radd__, __rmul__ = __add__, __mul__  # 2 + v and 2 * v

    def __rsub__(self, other):
        return as_value(other) - self

    def __rtruediv__(self, other):
        return as_value(other) / self

    def __neg__(self):
        return 0.0 - self

    def exp(self):
        result = math.exp(self.data)
        return Value(result, (self,), (result,), "exp")

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,), "ln")

    def relu(self):
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),), "relu")

    def backward(self):
        order = in_order(self)
        effect = dict.fromkeys(order, 0.0)  # by how much the end moves with each value
        effect[self] = 1.0
        for value in reversed(order):  # all who use a value come before it
            value.grad += effect[value]
            for parent, slope in zip(value.parents, value.slopes, strict=True):
                effect[parent] += slope * effect[value]


# %%
w, x, b = Value(2, name="w"), Value(3, name="x"), Value(-1, name="b")
miss = w * x + b - Value(1, name="wanted")
loss = miss * miss
loss.backward()
print("slopes: w", w.grad, " x", x.grad, " b", b.grad)


# %%
# These, too, only draw.
def places_of(end):
    """(column, row) of each value: parents to the left, given numbers below one another."""
    place = {}
    for value in in_order(end):
        at = [place[parent] for parent in value.parents]
        given = 0, -sum(not other.parents for other in place)
        made = 1 + max([x for x, _ in at], default=0), np.mean([y for _, y in at] or 0)
        place[value] = made if at else given
    return place


def draw_graph(ax, end):
    """Boxes: name, number, grad. Arrows: from each parent, with its slope."""
    place, text = places_of(end), dict(fontsize=8, ha="center", va="center")
    rows = [row for _, row in place.values()]
    ax.set(xlim=(-0.4, place[end][0] + 0.4), ylim=(min(rows) - 0.7, max(rows) + 0.7))
    ax.axis("off")
    ax.figure.draw_without_rendering()  # settles the layout
    for value, at in place.items():
        twice = len(set(value.parents)) < len(value.parents)  # both arrows from one box
        for side, parent, slope in zip((0.3, -0.3), value.parents, value.slopes):
            start, line = place[parent], tuple(zip(place[parent], at))
            passed = [xy for xy in place.values() if start[0] < xy[0] < at[0]]
            blocked = any(abs(np.interp(x, *line) - y) < 0.4 for x, y in passed)
            bend = side if twice else -0.35 * blocked
            arrow = dict(arrowstyle="-|>", shrinkA=16, shrinkB=18, color=plots.GRAY)
            arrow["connectionstyle"] = f"arc3,rad={bend}"
            ax.annotate("", at, start, arrowprops=arrow)
            (x0, y0), (x1, y1) = ax.transData.transform([start, at])
            middle = (x0 + x1 + bend * (y1 - y0)) / 2, (y0 + y1 - bend * (x1 - x0)) / 2
            middle, box = ax.transData.inverted().transform(middle), dict(fc="white", ec="none")
            ax.text(
                *middle, f"{slope:.3g}", color=plots.ORANGE, bbox=box | dict(pad=0.5), **text
            )
        label = f"{value.name}\n{value.data:.4g}\n{value.grad:+.4g}"
        box = dict(boxstyle="round", fc="white", ec=plots.GRAY if value.parents else plots.BLUE)
        ax.text(*at, label, bbox=box, **text)


fig, ax = plots.figure("What was computed, and how much each part moves the end", 5.5, 2.8)
draw_graph(ax, loss)
plots.show(fig, alt="Graph from w, x, b and wanted to a loss of 16; slopes 24, 16, 8.")

# %% [markdown]
# In each box: name or operation, number, and the slope of the end in it. The last × is the loss, − is the miss.
# On the arrows: slopes of single operations. Follow one path backward: 8 at − (4 by each arrow), 8 at +, 8 at
# the first ×, times 3: 24 at w.
#
# Now a longer formula: the sigmoid, then our loss. **Predict:** is the slope of the loss in the score as ugly
# as the formula?

# %%
for number, label in ((0.7, 1), (-2.0, 1), (0.7, 0)):
    score = Value(number)
    chance = 1 / (1 + (-score).exp())
    loss = -(chance if label else 1 - chance).log()
    loss.backward()
    print(f"label {label}: probability {chance.data:.4f}, slope {score.grad:+.4f}")

# %% [markdown]
# **Prediction minus truth**: 0.6682 - 1, 0.1192 - 1, 0.6682 - 0. It is always so: the slope of
# ln(1 + e⁻ˢ) is p - 1 and that of ln(1 + eˢ) is p, where p is sigmoid(s). With that, the backward pass of our
# network, for all points at once. `d_score` stands for "slope of the loss in `score`", `.T` swaps rows and
# columns, and `outer` multiplies each number of one list with each of another. In reverse order:
#
# | forward | backward | because |
# |---|---|---|
# | mean loss of `score` | `d_score = (p - y) / n` | prediction minus truth, of a mean over n points |
# | `hidden @ W2 + b2` | `W2: hidden.T @ d_score` | the slope of input · weight in the weight is the input; all points share the weight, so they add up |
# | | `d_hidden = outer(d_score, W2)` | the slope in an input is its weight |
# | `relu` | `* (hidden > 0)` | ReLU has slope 1 where it passes, else 0 |
# | `X @ W1 + b1` | `W1: X.T @ d_hidden` | the same as above, one layer down |


# %%
def gradient(X, y, net):
    hidden, score = forward(X, net)
    d_score = (sigmoid(score) - y) / len(y)  # (points,)
    d_hidden = np.outer(d_score, net["W2"]) * (hidden > 0)  # (points, hidden)
    return {
        "W1": X.T @ d_hidden,
        "b1": d_hidden.sum(axis=0),
        "W2": hidden.T @ d_score,
        "b2": d_score.sum(keepdims=True),
    }


# %% [markdown]
# ### 9 · Descent and the learning rate
#
# Each parameter goes against its slope by a small multiple of it: **gradient descent**. The multiple is the
# **learning rate**. The smallest example has one parameter w and the loss w², whose slope is 2w. We start at
# w = 4. **Predict** the paths for these four rates.

# %%
for rate in (0.1, 0.5, 0.9, 1.1):
    path = [4.0]
    for _ in range(6):
        path.append(path[-1] - rate * 2 * path[-1])
    print(f"rate {rate}:", np.array(path))


# %% [markdown]
# Slowly down; there in one step; across the valley and back, and still down; across and *up*, further at
# every step. The same rule for a whole network:


# %%
def train(net, X, y, rate, steps):
    history = [net]  # all networks on the way
    for _ in range(steps):
        slopes = gradient(X, y, history[-1])
        history.append({name: history[-1][name] - rate * slopes[name] for name in net})
    return history


# %% [markdown]
# ## Check it
#
# A network may learn with a wrong gradient, too, as you will see. So we ask three authorities: nudging, the
# engine, PyTorch. And we plant a mistake: a check that cannot fail is worth nothing. **Predict** the price: how
# many forward passes does one call of `gradient` take, with 33 parameters and with 4,001?

# %%
net, mine = new_net(8, seed=1), gradient(X, y, new_net(8, seed=1))
for name, table in net.items():
    nudged = [slope_by_nudging(X, y, net, name, spot) for spot in np.ndindex(table.shape)]
    check.close(f"{name}: by hand = by nudging", mine[name].ravel(), np.array(nudged), tol=1e-8)

# %%
hidden, score = forward(X, net)
forgetful = X.T @ np.outer((sigmoid(score) - y) / len(y), net["W2"])
try:
    check.close("W1 without ReLU's slope", forgetful, mine["W1"], tol=1e-8)
except AssertionError as failure:
    print("caught:", failure)

# %%
for hidden in (8, 1000):
    wide = new_net(hidden, seed=0)
    forward_time = runtime.seconds(partial(loss_of, X, y, wide))
    ratio = runtime.seconds(partial(gradient, X, y, wide)) / forward_time
    print(f"{4 * hidden + 1} parameters: gradient takes {ratio:.1f} forward passes")

# %% [markdown]
# All slopes for a few forward passes: without this there would be no large networks.
#
# Now the engine. `neuron` takes `Value`s unchanged, because they add and multiply like numbers. So this is the
# whole network, point by point:

# %%
as_values = np.vectorize(Value, otypes="O")  # a table of numbers -> a table of Values
grads = np.vectorize(lambda value: value.grad)


def engine_loss(X, y, net):
    total = 0
    for x, label in zip(X.tolist(), y):
        hidden = [neuron(x, w, b).relu() for w, b in zip(net["W1"].T, net["b1"])]
        chance = 1 / (1 + (-neuron(hidden, net["W2"], net["b2"][0])).exp())
        total = total - (chance if label else 1 - chance).log()
    return total / len(y)


theirs = {name: as_values(table) for name, table in net.items()}
engine_loss(X, y, theirs).backward()
for name in net:
    check.close(f"{name}: by hand = my engine", mine[name], grads(theirs[name]), tol=1e-12)

# %%
theirs = {name: torch.tensor(table, requires_grad=True) for name, table in net.items()}
hidden = (torch.tensor(X) @ theirs["W1"] + theirs["b1"]).relu()
score = hidden @ theirs["W2"] + theirs["b2"]
F.binary_cross_entropy_with_logits(score, torch.tensor(y).double()).backward()
for name in net:
    check.close(f"{name}: by hand = PyTorch", mine[name], theirs[name].grad, tol=1e-12)

# %%
one, other = Value(0.3), autograd.Value(0.3)
for v in (one, other):
    ((v * v + 1).log() / v - v.exp().relu()).backward()
check.close("my Value = the course's", np.float64(one.grad), np.float64(other.grad), tol=0)

# %% [markdown]
# ## Use it
#
# Train it on the moons. **Predict:** what shape has the boundary at the start, and how does it change?

# %%
MOONS = dict(xlim=(-1.8, 2.8), ylim=(-1.4, 1.9), xticks=[], yticks=[])
history = train(new_net(8, seed=1), X, y, rate=1.0, steps=size.steps)
stages = {f"step {i}": score_of(history[i]) for i in (0, 10, 100, size.steps)}
alt = "Four boundaries: cut at random, one straight line, one corner, a bend between the moons."
views("The boundary as it learns", stages, X, y, alt, 1.5, 3, **MOONS)
print("loss:", np.array([loss_of(X, y, history[i]) for i in (0, 10, 100, size.steps)]))

# %% [markdown]
# At step 0 the plane is cut at random, without an opinion anywhere. Ten steps later the boundary is a
# straight line; then it finds corners. Each hidden neuron can bend it, where its
# ReLU begins to pass. (Deep color: more than 95 % sure.)
#
# Back to the corridor lamp. Two hidden neurons are enough: you have seen the numbers. **Predict:** from how
# many random starts does descent find such numbers? And with four or eight hidden neurons?


# %%
def solves(hidden, seed):
    net = train(new_net(hidden, seed), X4, LAMP, rate=1.0, steps=size.lamp_steps)[-1]
    return bool(((score_of(net)(X4) > 0) == LAMP).all())


solved = [sum(solves(hidden, seed) for seed in range(size.starts)) for hidden in (2, 4, 8)]
print(f"of {size.starts} starts, networks with 2, 4 and 8 hidden neurons solve it from", solved)
check.true("more neurons than needed find it more often", solved[0] < solved[1] <= solved[2])

# %% [markdown]
# A solution exists, but descent only looks at the slope under its feet; the wider networks found one more
# often.
#
# ### How large a learning rate?
#
# The moons again, one start. **Predict** the three curves.

# %%
fig, ax = plots.figure("The same network and start, three learning rates", 5.0, 2.4)
for rate in (0.01, 1.0, 30.0):
    history = train(new_net(16, seed=0), X, y, rate, size.sweep)
    ax.plot([loss_of(X, y, net) for net in history], label=f"rate {rate:g}", lw=1.2)
ax.set(xlabel="step", ylabel="loss", yscale="log")
plots.name_lines(ax)
plots.show(fig, alt="Rate 0.01 falls slowly, rate 1 lower, rate 30 jumps far above the start.")

# %% [markdown]
# Too small: wasted steps. Too large: it leaps across the valley and lands higher. What is best takes a
# **sweep**: many rates, several starts each, equal steps.
# **Predict** where the lowest point lies, and how far it is from the rates that fail.

# %%
sweep = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
ends = np.zeros((size.seeds, len(sweep)))
for seed in range(size.seeds):
    for i, rate in enumerate(sweep):
        ends[seed, i] = loss_of(X, y, train(new_net(16, seed), X, y, rate, size.sweep)[-1])
middle = np.median(ends, axis=0)
best = sweep[middle.argmin()]
check.true(f"the best rate, {best:g}, lies inside the sweep", sweep[0] < best < sweep[-1])
check.true("at rate 100 every start ends worse than no opinion", ends[:, -1] > math.log(2))

fig, ax = plots.figure(f"{size.seeds} starts at each rate", 5.0, 2.4)
ax.plot(sweep, ends.T, ".", color=plots.GRAY, ms=5)
ax.plot(sweep, middle, color=plots.BLUE, label="median")
ax.axhline(math.log(2), color=plots.ORANGE, ls=":", label="no opinion")
ax.set(xlabel="learning rate", ylabel=f"loss, step {size.sweep}", xscale="log", yscale="log")
plots.name_lines(ax)
plots.show(fig, alt="Final loss against rate: falls to a low near 3, then rises steeply.")

# %% [markdown]
# A long slope on the left, a steep wall on the right: the best rates stand close to those that fail.
#
# ### Play
#
# More neurons, or a better rate? **Predict** which of these three is right most often. In a live notebook,
# the sliders below the picture are yours.


# %%
def boundary_for(ax, hidden, rate):
    net = train(new_net(hidden, seed=1), X, y, rate, size.steps)[-1]
    accuracy = ((forward(X, net)[1] > 0) == y).mean()
    ax.set(title=f"{hidden} hidden, rate {rate:.2g}\n{accuracy:.1%} right", **MOONS)
    shade(ax, score_of(net))
    dots(ax, X, y, area=4)


panels = [dict(hidden=2, rate=1), dict(hidden=32, rate=0.003), dict(hidden=32, rate=1)]
alt = "Two neurons, or a slow rate: all but straight; 32 at rate 1 bend around the moons."
knobs = dict(hidden=range(1, 65), rate=widgets.powers(-3, 1))
widgets.explore("Hidden neurons and learning rate", boundary_for, panels, alt=alt, **knobs)

# %% [markdown]
# From this start, thirty-two neurons that learn too slowly draw no better boundary than two.
#
# ### 10 · Generalization
#
# The loss so far was that of the points it learned from, the **training** points. What counts is new points.
# So we keep some that are never learned from, the **validation** points. We know how the moons are made, so
# we can compute the best prediction there is. They overlap, so even that pays something: the **floor**.
#
# Then a network with 100 hidden neurons learns from only 50 points. **Predict** both its losses, training and
# validation, after a few thousand steps: above or below the floor?


# %%
def perfect_score(X, noise):
    """ln of how many times more often a 1 than a 0 appears at these points."""
    angle = np.linspace(0, np.pi, 200)
    arc = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    often = []
    for moon in (arc, [1.0, 0.5] - arc):
        squares = ((X[:, None] - moon) ** 2).sum(axis=2)  # (points, 200) squared distances
        often.append(np.exp(-squares / (2 * noise**2)).mean(axis=1))
    return np.log(often[1] / often[0])


NOISE = 0.3
X_new, y_new = moons(2000, NOISE, seed=10_000)
perfect = perfect_score(X_new, NOISE)
floor = cost(y_new, perfect)
print(f"knowing everything: loss {floor:.3f}, {((perfect > 0) == y_new).mean():.1%} right")

# %%
checks = sorted({round(step) for step in np.logspace(0, math.log10(size.long), 40)})
falls, rises, known, runs = [], [], [], []
for seed in range(size.seeds):
    few, labels = moons(50, NOISE, seed)
    history = train(new_net(100, seed), few, labels, rate=0.2, steps=size.long)
    falls.append([loss_of(few, labels, history[step]) for step in checks])
    rises.append([loss_of(X_new, y_new, history[step]) for step in checks])
    known.append(cost(labels, perfect_score(few, NOISE)))
    runs = runs or [few, labels, history]  # the first is drawn below
    print(f"training {falls[-1][-1]:.3f} (knowing everything {known[-1]:.3f}),", end=" ")
    print(f"validation {min(rises[-1]):.2f}, at the end {rises[-1][-1]:.2f}")
falls, rises = np.array(falls), np.array(rises)
check.true("all ended far below what can be known", falls[:, -1] < 0.7 * np.array(known))
check.true("each validation loss turned", rises[:, -1] > 1.1 * rises.min(axis=1))

fig, ax = plots.figure("Training and validation loss, step by step", 5.2, 2.6)
for name, losses, color in (("training", falls, "C0"), ("validation", rises, "C1")):
    ax.plot(checks, losses.T, color=color, lw=0.7, alpha=0.5)
    ax.plot(checks, np.median(losses, axis=0), color=color, label=name)
ax.axhline(floor, color=plots.GREEN, ls="--", label="floor")
ax.set(xlabel="step", ylabel="loss", xscale="log", ylim=(0, 1.2))
plots.name_lines(ax)
plots.show(fig, alt="Training loss falls toward 0; validation loss falls, turns and climbs.")

# %% [markdown]
# The training loss went far below what somebody who knows everything would pay for the same points. That
# takes remembering: the network has learned these 50 points **by heart**, noise included. It is called
# **over-fitting**, and the training loss alone does not show it. **Predict** how its boundary differs from the
# best there is: in shape, or in how sure it is?

# %%
stages = {f"step {i}": score_of(runs[2][i]) for i in (checks[rises[0].argmin()], size.long)}
stages["knowing everything"] = partial(perfect_score, noise=NOISE)
alt = "Pale and smooth at the turn, deep almost everywhere at the end; the best is in between."
views("At the turn, at the end, the best", stages, *runs[:2], alt, 1.9, 10, **MOONS)
for name, s in {name: f(X_new) for name, f in stages.items()}.items():
    print(f"{name:18} {((s > 0) == y_new).mean():.0%} right, sure of {np.mean(abs(s) > 3):.0%}")

# %% [markdown]
# In how sure it is ("sure" means more than 95 % for one side). At the end this network is right more often
# than at the turn, and its loss is far higher all the same: it is sure of too many points, and being wrong
# and sure is dear. If you need honest probabilities, keep the network of the turn: exercise 1.2. More data
# cures both: the challenge at the end.

# %% [markdown]
# ## What can go wrong
#
# Two bugs. Neither crashes, and each passes a check of today. **Before each one: what would you look at?**
#
# ### Suspect 1: the same gradient, another curve
#
# The corridor lamp once more. Run A trains with `gradient`, run B with the engine: same start, same rate, and
# "Check it" has shown that both compute the same slopes.


# %%
def engine_step(parts, rate):
    loss = engine_loss(X4, LAMP, parts)
    loss.backward()
    for table in parts.values():
        for value in table.flat:
            value.data -= rate * value.grad
    return loss.data


start, steps = new_net(8, seed=0), 120
run_a = [loss_of(X4, LAMP, net) for net in train(start, X4, LAMP, rate=0.3, steps=steps)][:-1]
parts = {name: as_values(table) for name, table in start.items()}
run_b = [engine_step(parts, rate=0.3) for _ in range(steps)]
print("first losses of A", np.array(run_a[:4]), " and of B", np.array(run_b[:4]))

fig, ax = plots.figure("One network, one start, one rate, two runs", 4.8, 2.3)
ax.plot(run_a, label="run A")
ax.plot(run_b, label="run B")
ax.set(xlabel="step", ylabel="loss")
plots.name_lines(ax)
plots.show(fig, alt="Run A falls smoothly; run B falls faster, then swings up and down.")

# %% [markdown]
# B even leads at first. The first two losses are equal, so the first step was right. The instrument is the
# gradient check, made at *every* step: what the engine stored, beside what is true at that moment. (The cell
# after it mends the bug.)

# %%
numbers = np.vectorize(lambda value: value.data)
parts, so_far = {name: as_values(table) for name, table in start.items()}, 0
for step in range(4):
    now = {name: numbers(table) for name, table in parts.items()}
    true_slope = gradient(X4, LAMP, now)["W2"][0]
    so_far += true_slope
    engine_step(parts, rate=0.3)
    stored = np.float64(parts["W2"][0].grad)
    print(f"step {step}: stored {stored:+.4f}, true {true_slope:+.4f}, sum {so_far:+.4f}")
check.close("what is stored is the sum of all steps so far", stored, so_far, tol=1e-12)

# %%
parts, mended = {name: as_values(table) for name, table in start.items()}, []
for _ in range(steps):
    for value in np.concatenate([table.ravel() for table in parts.values()]):
        value.grad = 0.0
    mended.append(engine_step(parts, rate=0.3))
check.close("with grads cleared, run B is run A", np.array(mended), np.array(run_a), tol=1e-9)

# %% [markdown]
# `backward` *adds* to `grad`, and nobody set it back to 0 between the steps. So every step of
# run B went by the sum of all slopes so far: faster at first, then too far, and back. In PyTorch it is the same, and the missing line is `optimizer.zero_grad()`;
# [a trainer at Meta](https://github.com/meta-pytorch/torchforge/pull/71) went without it for a while.
#
# ### Suspect 2: a shorter backward
#
# Why make a list first? Here is a `backward` that walks from the end, parents in the order in which they
# turn up. **Predict:** does it pass on the whole network?


# %%
def short_backward(end):
    end.grad, line = 1.0, [end]
    for value in line:  # the line grows while we walk along it
        for parent, slope in zip(value.parents, value.slopes):
            parent.grad += slope * value.grad
            if parent not in line:
                line.append(parent)


parts, mine = {name: as_values(start[name]) for name in start}, gradient(X4, LAMP, start)
short_backward(engine_loss(X4, LAMP, parts))
for name in start:
    check.close(f"{name}: short = by hand", grads(parts[name]), mine[name], tol=1e-12)

# %% [markdown]
# It does. Before you believe it, build an instrument: make up formulas at random, stranger than any network,
# and compare with nudging. This is **fuzzing**, and it hands you the smallest case that fails. **Predict:**
# how often will one fail, and what is special about those?


# %%
def formula(numbers, seed):
    """Sums and products of earlier results, chosen at random."""
    random = np.random.default_rng(seed)
    made = list(numbers)
    for _ in range(4):
        one, other = made[random.integers(len(made))], made[random.integers(len(made))]
        made.append(one * other if random.random() < 0.5 else one + other)
    return made[-1]


def is_wrong(backward, seed):
    a, b = Value(1.1, name="a"), Value(-0.7, name="b")
    backward(formula((a, b), seed))
    e = 1e-6  # the nudge
    da = formula((1.1 + e, -0.7), seed) - formula((1.1 - e, -0.7), seed)
    db = formula((1.1, -0.7 + e), seed) - formula((1.1, -0.7 - e), seed)
    off = [abs(a.grad - da / (2 * e)), abs(b.grad - db / (2 * e))]
    return max(off) > 1e-6 * max(1, abs(a.grad), abs(b.grad))


wrong = [seed for seed in range(size.graphs) if is_wrong(short_backward, seed)]
print(f"short_backward is wrong on {len(wrong)} of {size.graphs} formulas")
wrong_too = [seed for seed in range(size.graphs) if is_wrong(Value.backward, seed)]
check.true("most formulas show nothing, some do", 0 < len(wrong) < size.graphs / 2)
check.true("Value.backward is never wrong", not wrong_too)

# %%
leaves = Value(1.1, name="a"), Value(-0.7, name="b")
end = min((formula(leaves, seed) for seed in wrong), key=lambda end: len(in_order(end)))
short_backward(end)
fig, ax = plots.figure("The smallest formula that it gets wrong", 5.0, 2.4)
draw_graph(ax, end)
plots.show(fig, alt="A small graph in which one inner value is used at two different depths.")

# %% [markdown]
# One value in the middle is used twice, at different distances from the end. It hands on after the first
# part has come, and what the second brings never reaches its parents. (In the smallest
# of 500 formulas, both arrows bring b -0.7 · 1.98, so -2.8; its box says -1.4.) Our networks have no such value;
# the skip connections of Day 19 have exactly this shape. Another small engine
# [has this bug](https://github.com/lucasdelimanogueira/PyNorch/issues/90).

# %% [markdown]
# ## Recap
#
# | word | in one line |
# |---|---|
# | neuron | a weighted sum of its inputs, plus a number |
# | weights, bias | they turn and move the line that it draws |
# | activation | the bend after the sum; without it two layers are one neuron |
# | layer | neurons that read the same inputs: `X @ W + b` |
# | forward | from inputs to scores |
# | loss | -ln of the probability given to the truth; ln 2 before anything is learned |
# | gradient | the slope of the loss in every parameter; nudging is the last authority |
# | backpropagation | multiply slopes along paths, add them where paths meet |
# | descent, learning rate | go against the slope; how far: a valley with a steep wall |
# | generalization | what holds for points never seen; two losses, and a floor |
#
# That a network learns proves little: run B learned, too. Check slopes at more than one step, and sweep the rate.

# %% [markdown]
# ## Exercises
#
# The checker knows the usual mistakes.
#
# ### 1.1 Another activation · ●○○ · 10 minutes
#
# Many networks use tanh in place of ReLU: an S from -1 to 1. Its backward pass gets `hidden`, which is
# tanh(score), and `d_hidden`, the slope of the loss in `hidden`. Return the slope of the loss in the score.
# Both are NumPy arrays of one shape, and so is the answer.
#
# <details><summary>Hint 1</summary>Nudge it: what is (tanh(s + 0.001) - tanh(s - 0.001)) / 0.002 for s = 0, 1, 2? Compare with tanh(s).</details>
# <details><summary>Hint 2</summary>The slope of tanh at s is 1 - tanh(s)². Then the chain rule.</details>


# %%
def my_tanh_backward(hidden, d_hidden):
    return None  # TODO: your answer


check.exercise("1.1", my_tanh_backward)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 1.1
def solution_1(hidden, d_hidden):
    return d_hidden * (1 - hidden**2)


check.solution("1.1", solution_1)

# %% [markdown]
# ### 1.2 Stop in time · ●●○ · 15 minutes
#
# `losses` is a list of validation losses, in the order in which training made them. Stop as soon as `patience`
# losses in a row were not below the lowest so far, and return the position (from 0) of that lowest one: the
# network to keep. If it never comes to that, return the position of the lowest of all.
#
# <details><summary>Hint 1</summary>Walk through the list and remember the position of the lowest loss so far.</details>
# <details><summary>Hint 2</summary>How many losses came since then? That is a difference of two positions.</details>


# %%
def my_best_step(losses, patience):
    return None  # TODO: your answer


check.exercise("1.2", my_best_step)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 1.2
def solution_2(losses, patience):
    best = 0
    for step, loss in enumerate(losses):
        if loss < losses[best]:
            best = step
        if step - best == patience:
            break
    return best


check.solution("1.2", solution_2)
kept = [checks[solution_2(rise, patience=5)] for rise in rises]
print("our runs would keep the network of step", kept)

# %% [markdown]
# ### 1.3 Name the curve · ●●○ · 10 minutes
#
# Two lists, `train` and `validation`: the losses of one run, first to last. Return the first of these names
# that fits:
#
# - `"explodes"`: the training loss ends above where it began, or is not a number (`nan`) at the end
# - `"does not learn"`: from first to last, the training loss fell by less than a tenth of the first
# - `"learns by heart"`: the last validation loss is more than a tenth above the lowest
# - `"learns"`: none of these
#
# <details><summary>Hint 1</summary>Four lines with if, in this order.</details>
# <details><summary>Hint 2</summary>Every comparison with nan is False. So do not ask whether it is above; ask whether it is <code>not</code> at or below.</details>


# %%
def my_verdict(train, validation):
    return None  # TODO: your answer


check.exercise("1.3", my_verdict)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 1.3
def solution_3(train, validation):
    if not train[-1] <= train[0]:
        return "explodes"
    if train[-1] > 0.9 * train[0]:
        return "does not learn"
    return "learns by heart" if validation[-1] > 1.1 * min(validation) else "learns"


check.solution("1.3", solution_3)
print("our runs above:", [solution_3(a, b) for a, b in zip(falls, rises)])

# %% [markdown]
# ### 1.4 A deeper network · ●●● · 30 minutes
#
# `layers` is a list of pairs `(W, b)`. ReLU follows each layer but the last, whose `W` has one column: the
# score. `X` has shape (points, inputs), `y` holds the labels 0 and 1, shape (points,). The
# loss is today's. Return its gradient: a list of pairs in the order of `layers`, each with the shapes of its
# `(W, b)`.
#
# <details><summary>Hint 1</summary>On the way forward, keep what every layer reads: X, then the hidden arrays.</details>
# <details><summary>Hint 2</summary>Start with <code>d = (sigmoid(score) - y[:, None]) / len(y)</code>, a column. For each layer, from the last: its W gets <code>input.T @ d</code>, its b the sum of d over the points.</details>
# <details><summary>Hint 3</summary>Before the next layer: <code>d = (d @ W.T) * (input > 0)</code>.</details>


# %%
def my_deep_gradient(X, y, layers):
    return None  # TODO: your answer


check.exercise("1.4", my_deep_gradient)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 1.4
def solution_4(X, y, layers):
    reads = [X]  # what each layer reads
    for W, b in layers[:-1]:
        reads.append(relu(reads[-1] @ W + b))
    W, b = layers[-1]
    d = (sigmoid(reads[-1] @ W + b) - y[:, None]) / len(y)
    found = []
    for (W, _), read in zip(reversed(layers), reversed(reads)):
        found.append((read.T @ d, d.sum(axis=0)))
        d = (d @ W.T) * (read > 0)
    return found[::-1]


check.solution("1.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** The other cure of over-fitting is more data. Train the network of part 10 on 20, 40, 80, ...,
# 640 points, several seeds, and plot both losses against the number of points. Predict first: which of the two
# moves, and where do they meet?
#
# **Tomorrow: linear regression.** We take away everything but one neuron without an activation. Its loss
# becomes a bowl, and the bottom of a bowl can be computed without a single step. Then many
# such neurons learn which word follows which: your first language model.
