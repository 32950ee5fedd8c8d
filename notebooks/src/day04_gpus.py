# %% [markdown]
# # Day 4 · GPUs
#
# Today you measure two speeds of your machine, predict from them what a model costs, and find out why
# training gets slower.
#
# **You build:** a roofline of your machine, a memory budget that is right within 10 %, and a timer
# that waits
#
# **At the end you will have**
#
# - a picture of what each operation of a model waits for: arithmetic or memory
# - the parameters, FLOPs and bytes of a Qwen3 from its config alone, each held against a measurement
# - four reasons why training is slow, or gets slower: each made, measured, and cured
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in a minute on a laptop; no GPU
# needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day04_gpus.ipynb)
#
# Previous: [Day 3 · PyTorch fundamentals](day03_pytorch_fundamentals.ipynb) · Next: [Day 5 ·
# Data](day05_data.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches it
# (on Colab). The third holds every size of this notebook: change a number, and all follows. `check`
# compares numbers and raises if they differ, `plots` draws, and `runtime` knows your machine.
#
# A GPU is a second computer inside yours, with thousands of arithmetic units and its own memory. The
# stored run of this page had none, so it measures a CPU; where there is a GPU, some cells measure
# more. Figures of GPUs in the text are their maker's, not measured here.

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
import random
import shutil
import time
import weakref
from collections import Counter, deque
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from statistics import mean, median

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from helpers import runtime
from helpers.lesson import check, plots, widgets
from helpers.model import layers, weights
from helpers.model import size as cost
from helpers.model.cache import KVCache
from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.model.size import activation_bytes, working_bytes
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer

run = runtime.start(day=4)

# %%
size = runtime.pick(
    tiny=dict(copies=range(12, 22), squares=(32, 64, 128, 256), rows=512, places=128,
              emulated=64, batch=2, time=60, repeats=3, steps=16, losses=10, seeds=3),
    cpu=dict(copies=range(12, 28), squares=(16, 32, 64, 128, 256, 512), rows=512, places=1024,
             emulated=256, batch=8, time=128, repeats=11, steps=40, losses=40, seeds=10),
    gpu=dict(copies=range(12, 31), squares=(64, 256, 1024, 4096, 8192), rows=65536, places=4096,
             emulated=2048, batch=32, time=256, repeats=10, steps=40, losses=40, seeds=10),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# ### Two speeds
#
# In each tick, a small machine computes 8 FLOPs (additions or
# multiplications), and in the same tick it moves 4 bytes between its memory and its arithmetic. A
# number has 4 bytes; a product of two n × n matrices takes 2n³ FLOPs (Day 3); inputs are read once,
# results written once. **Predict** for three works which of the two the machine waits for.

# %%
works = {"64 + 64 numbers": (64, 3 * 64 * 4), "8 x 8 product": (2 * 8**3, 3 * 8**2 * 4)}
works["64 x 64 product"] = 2 * 64**3, 3 * 64**2 * 4  # FLOPs, bytes
for name, (flops, moved) in works.items():
    ticks = f"computes {flops / 8:6,.0f} ticks, moves {moved / 4:6,.0f}"
    print(f"{name:15} {ticks}; {flops / moved:5.2f} FLOPs per byte")

# %% [markdown]
# The sum moves for 192 ticks and computes for 8: it waits for memory. The large product waits for
# arithmetic. What decides is the last column, the **arithmetic intensity**. This machine is in
# balance at 8 / 4 = 2 FLOPs per byte: below that, faster arithmetic would not help; above it, faster
# memory would not. To be faster, do more with each byte, or spend fewer bytes on a number.
#
# ### A number is a row of bits
#
# A floating-point number has a sign bit s, an exponent field of E bits that holds e, and a mantissa
# field of M bits that holds m. Its value is (-1)ˢ · 2^(e - bias) · (1 + m / 2ᴹ), with bias =
# 2^(E-1)-1. (Two values of e are special: with e = 0 numbers fade to 0, as 2^(1 - bias) · m / 2ᴹ, and the largest is
# kept for infinity.) Here is 5 = 2² · (1 + 1/4) in six formats. (tf32 is no dtype: newer NVIDIA GPUs can
# multiply float32 matrices by their first 19 bits.)

# %%
FORMATS = {"float32": (torch.float32, 8, 23), "tf32": (torch.float32, 8, 10),  # dtype, E, M
           "bfloat16": (torch.bfloat16, 8, 7), "float16": (torch.float16, 5, 10),
           "float8 e5m2": (torch.float8_e5m2, 5, 2),
           "float8 e4m3": (torch.float8_e4m3fn, 4, 3)}  # fmt: skip


def bits(value, name):
    """Sign, exponent and mantissa of a number, as text."""
    dtype, exponent, mantissa = FORMATS[name]
    memory = torch.tensor([value]).to(dtype).view(torch.uint8).tolist()  # the last byte first
    pattern = "".join(f"{byte:08b}" for byte in reversed(memory))
    fields = pattern[0], pattern[1 : 1 + exponent], pattern[1 + exponent :][:mantissa]
    return " | ".join(fields)


for name, (dtype, _, mantissa) in FORMATS.items():
    ends = f"up to {torch.finfo(dtype).max:7.3g}, after 1 comes 1 + {2.0**-mantissa:6.2g}"
    print(f"{name:12} {ends}   5 = {bits(5.0, name)}")

# %% [markdown]
# bfloat16 is the first half of float32: the same exponent, so the same reach, and a short mantissa.
# float16 spends its bits the other way. **Predict** for bfloat16: what is 4096 + 1? And where do you
# arrive if you begin at 0 and add 1, 4,096 times?


# %%
def draw(title, alt, *panels, height=2.3):
    """A figure of panels; each is named curves, (x, y) or (x, y, style), and axis settings."""
    fig, axes = plots.figure(title, 5.5, height, ncols=len(panels), sharey=len(panels) > 2)
    for ax, (curves, settings) in zip(np.atleast_1d(axes), panels):
        for name, curve in curves.items():
            ax.plot(*curve, label=name)
        ax.set(**settings)
        ax.xaxis.set_minor_formatter("")
        plots.name_lines(ax)
    plots.show(fig, alt=alt)


def reach_of(name):
    """log10 of the smallest number, the smallest with all its digits, and the largest."""
    dtype, _, mantissa = FORMATS[name]
    facts, digits = torch.finfo(dtype), (mantissa + 1) * math.log10(2)
    ends = np.log10([facts.smallest_normal / 2**mantissa, facts.smallest_normal, facts.max])
    return ends, [math.log10(2), digits, digits], "--" if name == "tf32" else "-"


# %%
axis = dict(xlabel="log10 of the number's size", ylabel="decimal digits", ylim=(0, 8))
alt = "float32, tf32 and bfloat16 reach equally far; float16 ends at 65,504."
draw("Reach and precision", alt, ({name: reach_of(name) for name in FORMATS}, axis))

# %%
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    one, total = torch.ones((), dtype=dtype), torch.zeros((), dtype=dtype)
    for _ in range(4096):
        total += one
    sums = f"4096 + 1 = {4096 * one + one:.0f}, counting arrives at {total:.0f}"
    print(f"{runtime.dtype_name(dtype):9} {sums}, 1 + 0.001 = {one + 0.001:.4f}")

# %% [markdown]
# After 256 the next bfloat16 is 258, and 257 is rounded back. So sums are kept in float32: losses,
# means, gradients of many batches. And weights too: in bfloat16 a weight of 1 never feels a step of
# 0.001.
#
# ### A gradient that vanishes
#
# float16 is finer, but below 2⁻²⁴, some 6e-8, it has only 0. Here are the gradients of one story in
# the course's reference checkpoint, a small trained Qwen3. The remedy is a *loss scale*: multiply the
# loss by a number, and by the chain rule every gradient is multiplied too; divide again, in float32,
# before the step. **Predict** which scales lose nothing, neither to 0 nor to infinity.

# %%
folder = runtime.ROOT / "checkpoints" / "reference"
tokenizer, reference = Tokenizer.load(folder), weights.load(folder, run.device)
story = stories.write(seed=stories.VALIDATION_SEEDS).text
ids = torch.tensor([tokenizer.encode(story)], device=run.device)
F.cross_entropy(reference(ids)[0, :-1], ids[0, 1:]).backward()
gradient = torch.cat([p.grad.flatten() for p in reference.parameters()]).cpu()

# %%
powers = np.arange(0, 33, 2)
narrowed = [(gradient * 2.0**power).half() for power in powers]
lost = np.array([((g == 0) & (gradient != 0)).float().mean() for g in narrowed])
over = np.array([g.isinf().float().mean() for g in narrowed])
print(f"lost without a scale: {lost[0]:.1%}; at 2^16: {lost[8]:.1%}, overflow {over[8]:.1%}")
check.true("2^16 saves nearly all", lost[0] > 0.01 > 100 * lost[8] and over[8] == 0)
axis = dict(xlabel="log2 of the loss scale", ylabel="share of the gradients", yscale="log")
alt = "Fewer and fewer gradients become 0 up to 2^12; from 2^20 on more and more overflow."
curves = {"zero": (powers[lost > 0], lost[lost > 0], "o-")}
curves["infinite"] = powers[over > 0], over[over > 0], "o-"
draw("Gradients that are lost in float16", alt, (curves, axis))

# %% [markdown]
# Without a scale some 6 % of the weights get no gradient; from 2¹² to 2²⁰ next to nothing is lost.
# `torch.amp.GradScaler` begins at 2¹⁶, halves the scale and skips the step when something overflows,
# and doubles it after 2,000 steps without. bfloat16 reaches as far as float32 and needs none of this.

# %% [markdown]
# ## Build it
#
# ### A timer that waits
#
# Work for a GPU goes into a queue: the call that *launches* it returns before the work is done. Here
# is such a device in small, with a clock of its own: to work n seconds it moves that clock by n. **Predict** for works of 10 to 80 ms: after how long is the caller back, and when is the
# work done?


# %%
class Device:
    """A GPU in small, with a clock of its own: nobody sleeps, so every run shows the same."""

    def __init__(self):
        self.now = self.free_at = self.busy = 0.0  # seconds

    def host(self, seconds):  # the caller works; the device goes on meanwhile
        self.now += seconds

    def launch(self, seconds):
        self.host(1e-5)  # a launch costs the caller 10 µs
        self.free_at = max(self.free_at, self.now) + seconds
        self.busy += seconds

    def synchronize(self):  # wait until all is done
        self.now = max(self.now, self.free_at)


def nothing():
    pass


def clock(work, before=nothing, after=nothing, now=time.perf_counter):
    before()
    begin = now()
    work()
    after()
    return now() - begin


device, UNIT = Device(), 0.01  # seconds
device_clock = partial(clock, now=lambda: device.now)


# %%
for units in (1, 2, 4, 8):
    work, ready = partial(device.launch, units * UNIT), device.synchronize
    back, done = device_clock(work, ready) * 1e3, device_clock(work, ready, ready) * 1e3
    print(f"{units * 10} ms: back after {back:.3f} ms, done after {done:.1f} ms")

# %% [markdown]
# A clock that does not wait shows the launch, whatever was launched. On a real GPU
# `torch.cuda.synchronize()` waits; so do `.item()`, `.cpu()` and `print` of a tensor, as they need
# its numbers.
#
# Two more traps. The first call of an operation prepares what later calls find ready. And now and
# then something else gets the processor, so that one call takes long. **Predict** for 50 calls: how
# much longer is the first? Which moves more with one slow call, the mean or the median? ("Unwaited"
# is the launch alone on a GPU; a CPU works at once.)

# %%
grid = torch.randn(256, 256, device=run.device)
wait = torch.cuda.synchronize if run.device.type == "cuda" else nothing
for name in ("erf", "exp", "inverse"):
    first, *rest = [clock(getattr(grid, name), wait, wait) * 1e6 for _ in range(50)]
    print(f"{name:7} first {first:5.0f} µs, mean {mean(rest):5.0f}", end=", ")
    print(f"median {median(rest):5.0f}, unwaited {clock(getattr(grid, name), wait) * 1e6:5.0f}")

# %% [markdown]
# So an honest timer makes one call that does not count, waits before each start and each stop of the
# clock, repeats, and takes the median. `runtime.seconds(work)` does that; in exercise 4.4 you write
# it. Where the machine is busy all calls are slow, so trust ratios, not seconds.
#
# ### The two speeds of your machine
#
# Memory: copy arrays of all sizes, and count each byte twice, as it is read and written. Arithmetic:
# multiply square matrices. **Predict** the two shapes: is a large copy faster, byte for byte, than a
# small one?


# %%
def copy_speed(length):
    """Bytes per second that a copy of `length` bytes moves, reading and writing."""
    source = torch.ones(length // 4, device=run.device)
    target, again = torch.empty_like(source), max(1, 2**18 // length)  # short ones many times

    def work():
        for _ in range(again):
            target.copy_(source)

    return 2 * length * again / runtime.seconds(work)


def product_speed(n, dtype):
    """FLOP per second in a product of two n x n matrices."""
    a, b = torch.randn(2, n, n, device=run.device).to(dtype)
    return 2 * n**3 / runtime.seconds(lambda: a @ b, repeats=5)


lengths, dtypes = [2**k for k in size.copies], dict.fromkeys((torch.float32, run.dtype))
copies = np.array([copy_speed(length) for length in lengths])
products = {d: np.array([product_speed(n, d) for n in size.squares]) for d in dtypes}
print(f"copies: {copies.max() / 1e9:.0f} GB/s at best, the largest {copies[-1] / 1e9:.0f} GB/s")
print({runtime.dtype_name(d): f"{s.max() / 1e9:,.0f} GFLOP/s" for d, s in products.items()})
left = dict(xscale="log", xlabel="bytes copied", ylabel="GB/s", ylim=(0, None))
right = dict(yscale="log", xlabel="log2 of n, for n x n matrices", ylabel="GFLOP/s")
n = np.log2(size.squares)
curves = {runtime.dtype_name(d): (n, s / 1e9, "o-") for d, s in products.items()}
memory = {"": (lengths, copies / 1e9, "o-")}
alt = "Left: GB/s rise, then fall in steps. Right: GFLOP/s rise and level off."
draw("Memory, and arithmetic", alt, (memory, left), (curves, right))

# %% [markdown]
# Small works are slow on both sides: a call takes a microsecond or so, however little there is to do.
# Then the copy falls, in steps where nothing disturbs it. Between memory and arithmetic lie *caches*, small fast memories that
# keep what was used last: 48 kB, 1 MB and 32 MB in the processor of the stored run, and both arrays
# have to fit. The last points are the main memory. The product rises until all arithmetic units are
# busy.
#
# ### The roofline
#
# An operation does at most `peak` FLOPs per second, and at most intensity · bandwidth. Drawn against
# the intensity, the two make a roof ([Williams, Waterman and Patterson,
# 2009](https://doi.org/10.1145/1498765.1498785)). For operations of a model we count FLOPs, and the
# bytes that *must* move. (*Attention* lets tokens look at each other, in several *heads*; Day 7. Roughly, softmax takes five FLOPs a number; RMSNorm, which brings each
# token's numbers to one size, four.) **Predict** which of them wait for memory.

# %%
kind = torch.float32 if run.device.type == "cpu" else run.dtype
x, y, table = torch.randn(3, size.rows, 1024, device=run.device).to(kind)
q, k, v = torch.randn(3, 1, 8, size.places, 64, device=run.device).to(kind)
ids, norm = torch.randint(len(x), (len(x),), device=run.device), layers.RMSNorm(1024).to(x)
two_products = 2 * 2 * 8 * size.places**2 * 64  # of 8 heads: scores, and mixture
works = {  # name: work, FLOPs, bytes that must move
    "addition": (lambda: x + y, x.numel(), 3 * x.nbytes),
    "RMSNorm": (lambda: norm(x), 4 * x.numel(), 2 * x.nbytes),
    "softmax": (lambda: x.softmax(-1), 5 * x.numel(), 2 * x.nbytes),
    "lookup": (lambda: F.embedding(ids, table), 0, 2 * x.nbytes),
    "attention": (lambda: F.scaled_dot_product_attention(q, k, v), two_products, 4 * q.nbytes),
    "by hand": (lambda: (q @ k.mT / 8).softmax(-1) @ v, two_products, 4 * q.nbytes),
}
for m in (1, 4, 16, 64, 256):  # m tokens, each multiplied with the whole table
    moved = table.nbytes + m * (1024 + len(x)) * x.itemsize
    works[f"{m} tokens"] = lambda m=m: x[:m] @ table.T, 2 * m * x.numel(), moved

bandwidth = max(copy_speed(x.nbytes) for _ in range(3))  # of arrays as large as these
peak, reached = max(*products[kind], product_speed(size.squares[-1], kind)), {}
print(f"balance: {peak / bandwidth:.1f} FLOPs per byte")
with torch.no_grad():
    for name, (work, flops, moved) in works.items():
        least = cost.predicted_seconds(flops, moved, peak, bandwidth)
        seconds = runtime.seconds(work, repeats=size.repeats)
        reached[name] = flops / moved, flops / seconds / 1e9
        print(f"{name:10} {flops / moved:7.2f} FLOPs per byte,", end=" ")
        print(f"predicted {least * 1e3:7.3f} ms, measured {seconds * 1e3:7.3f} ms")
if run.scale != "tiny":  # there all is small, and a neighbor on the machine decides
    ratio = reached["256 tokens"][1] / reached["addition"][1]
    check.true("the product does more than 2 x the FLOP/s of the addition", ratio > 2)

# %%
fig, ax = plots.figure("FLOP/s under the roof", 5.5, 3.0)
intensity = np.logspace(-1.6, 3.2, 200)
ax.loglog(intensity, np.minimum(peak, intensity * bandwidth) / 1e9, color=plots.GRAY)
path = np.array([spot for name, spot in reached.items() if "token" in name])
ax.plot(*path.T, "o-", color=plots.BLUE, ms=4, label="a product with 1, 4, 16, 64, 256 tokens")
for name in ("addition", "RMSNorm", "softmax", "attention", "by hand"):
    ax.plot(*reached[name], "o", color=plots.ORANGE)
    side = dict(ha="right", xytext=(-6, -3)) if name == "RMSNorm" else dict(xytext=(6, -8))
    side |= dict(xytext=(7, -3)) if name == "attention" else {}
    ax.annotate(name, reached[name], textcoords="offset points", fontsize=8, **side)
ax.axvline(peak / bandwidth, color=plots.GRAY, ls=":", lw=1)
ax.set(xlabel="FLOPs per byte", ylabel="GFLOP/s")
ax.legend(loc="lower right", fontsize=8)
plots.show(fig, alt="A sloping and then flat roof with the points of ten operations near it.")

# %% [markdown]
# Left of the dotted line even a
# perfect program would wait for memory, and the addition does: it takes what was predicted. The distance to the
# roof says that something else holds an operation up. Our RMSNorm makes seven passes over memory where two must
# be; softmax has exponentials, many steps each. (These arrays fit a cache, so this bandwidth is the cache's.) Attention by hand writes all its
# scores to memory, which the *fused* one, all in one program, never does.
#
# The blue line is *one* table, multiplied with 1 to 256 tokens. It is moved in any case; the more
# tokens share it, the more FLOPs for each byte. One token at a time, as when a model writes, wastes
# the arithmetic; a large batch, as in training, uses it.
#
# ### What a model costs: parameters and FLOPs
#
# Now count before you build. (Days 7 to 10 explain the names; here they are sizes. In a layer, *attention* makes
# three things of each token, by `q_proj`, `k_proj` and `v_proj`, for several *attention heads* of the width
# head_dim, and ends with `o_proj`; the *feed-forward* net has `gate`, `up` and `down`. The *output head* gives a
# score for each word.) The next cell lists the tables of the reference model, and one of its
# four layers. A token is multiplied with every matrix: `q_proj` and `o_proj` (hidden by heads ·
# head_dim), `k_proj` and `v_proj` (fewer heads), `gate`, `up` and `down`, and with the output head, which
# here is the embedding table once more (*tied*). For each number of a matrix that is one
# multiplication and one addition. Then come scores and mixture, for each pair of places in each head.


# %%
def matrix_weights(config):  # helpers/model/size.py
    heads = config.num_attention_heads + config.num_key_value_heads
    attention = 2 * config.hidden_size * config.head_dim * heads  # q and o, k and v
    feed_forward = 3 * config.hidden_size * config.intermediate_size  # gate, up, down
    head = config.vocab_size * config.hidden_size
    return config.num_hidden_layers * (attention + feed_forward) + head


def parameters(config):  # helpers/model/size.py
    norms = config.num_hidden_layers * 2 * (config.hidden_size + config.head_dim)
    norms += config.hidden_size  # the last one
    table = 0 if config.tie_word_embeddings else config.vocab_size * config.hidden_size
    return matrix_weights(config) + norms + table


def forward_flops(config, batch, time, past=0):  # helpers/model/size.py
    tables = batch * time * matrix_weights(config)
    pairs = batch * time * (past + time) * config.num_attention_heads  # past: a cache, Day 10
    scores_and_mixture = config.num_hidden_layers * pairs * 2 * config.head_dim
    return 2 * (tables + scores_and_mixture)


config = reference.config
for name, p in reference.named_parameters():
    if "layers." not in name or "layers.0." in name:
        print(f"{name:47} {' x '.join(map(str, p.shape)):>10} = {p.numel():>7,}")
numbers = parameters(config)
check.true(f"{numbers:,} parameters", numbers == weights.count_parameters(reference))

# %% [markdown]
# The backward pass needs the gradients of both factors of each product: two products more. So a
# training step costs three forward passes, `cost.training_flops`.
#
# ### What a model costs: memory
#
# In memory lie the weights, a gradient for each, and two more numbers for each in the optimizer Adam
# (Day 16): 16 bytes a parameter. And whatever the backward pass will need. For that we build a meter.
# Every operation of PyTorch passes a *dispatcher*, and a `TorchDispatchMode` sees each result on its
# way out. The memory behind a tensor, its storage (Day 3), counts once, until it is freed.
# **Predict** for one training step: when is most memory in use? At the end of the forward pass, at
# the end of the backward pass, or when the optimizer moves the weights?


# %%
class LiveBytes(TorchDispatchMode):  # helpers/model/size.py
    def __init__(self):
        super().__init__()
        self.now, self.peak, self.trace = 0, 0, []
        self.alive = weakref.WeakSet()  # it keeps nothing alive itself

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        for storage in self.storages(output) - self.storages((args, kwargs)):
            if storage not in self.alive:
                self.alive.add(storage)
                self.add(storage.nbytes())
                weakref.finalize(storage, self.add, -storage.nbytes())  # when it is freed
        self.trace.append(self.now)
        return output

    def add(self, change):
        self.now += change
        self.peak = max(self.peak, self.now)

    def storages(self, tree):  # of all tensors in nested tuples, lists and dicts
        return {t.untyped_storage() for t in tree_leaves(tree) if isinstance(t, torch.Tensor)}


# %%
def loss_of(model, ids, dtype=torch.float32):
    """The loss of a batch; products in `dtype` (by autocast), all else in float32."""
    narrow = torch.autocast(run.device.type, dtype) if dtype != torch.float32 else nullcontext()
    with narrow:
        logits = model(ids[:, :-1]).float()
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def metered_step(config, ids, dtype=torch.float32):
    """The meter of a second training step, and where in its trace the passes end."""
    with LiveBytes() as meter:
        model = Qwen3(config).to(run.device)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        for _ in range(2):  # the first makes Adam's numbers
            meter.peak, meter.trace, ends = 0, [], []
            loss = loss_of(model, ids, dtype)
            ends.append(len(meter.trace))
            loss.backward()
            ends.append(len(meter.trace))
            optimizer.step()
            optimizer.zero_grad()
    return meter, ends


def some_ids(config, batch=size.batch, time=size.time):
    return torch.randint(config.vocab_size, (batch, time + 1), device=run.device)


# %%
meter, ends = metered_step(config, some_ids(config))
trace, at = np.array(meter.trace) / 1e6, int(np.argmax(meter.trace))
check.true("most at the beginning of the backward pass", ends[0] <= at < ends[0] + 20)
passes = zip(("forward", "backward", "step"), (0, *ends), (*ends, len(trace)))
curves = {name: (range(a, b), trace[a:b]) for name, a, b in passes}
for n in (12, 16):
    curves[f"{n} bytes a parameter"] = [0, len(trace)], [n * numbers / 1e6] * 2, ":"
alt = "Memory climbs in the forward pass, jumps, and falls in the backward pass."
axis = dict(xlabel="operation", ylabel="MB", ylim=(0, None))
draw("Bytes alive during one training step", alt, (curves, axis), height=2.7)

# %% [markdown]
# Forward begins at 12 bytes a parameter, weights and Adam, and climbs: autograd keeps what it will
# need. Backward frees it, while gradients appear, up to 16. The jump between them is the loss: its
# backward pass makes two gradients as large as the logits.
#
# What is kept? A hook on each tensor that autograd saves will tell. This model has one layer, and all
# its widths differ, so that the numbers per token tell what a tensor is.


# %%
def kept_by_autograd(model, ids, dtype=torch.float32):
    """Shape and bytes of each storage that autograd saves, weights left out."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = tuple(tensor.shape), storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss_of(model, ids, dtype)
    return list(kept.values())


widths = dict(vocab_size=300, hidden_size=48, intermediate_size=160, head_dim=16)
odd = Qwen3Config(**widths, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2)
odd_ids = some_ids(odd, batch=2, time=50)  # 100 tokens

# %%
kept = kept_by_autograd(Qwen3(odd).to(run.device), odd_ids)
often = Counter(in_bytes // 400 for _, in_bytes in kept)  # numbers per token: 4 bytes each
counted = {n: often[n] for n in (48, 64, 32, 160, 300)}
print(counted, sum(s[-2:] == (50, 50) for s, _ in kept))
if run.device.type == "cpu":  # where attention is fused
    check.true("as told below", list(counted.values()) == [9, 5, 4, 4, 1])

# %% [markdown]
# In the stored run a token keeps nine times the model's width, 48: six times in the layer, three at
# the end. Five times 4 heads · 16, four times 2 heads · 16, four times the feed-forward width, and
# once its 300 log-probabilities. The last number: no scores, 50 × 50. Fused attention computes them
# again in the backward pass. (Where it is not fused they stay. If heads share keys, a GPU fuses by
# flash attention alone, says
# [PyTorch](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html);
# a T4 has none, nor has float32.) **Predict:** if autocast does the products in bfloat16, does a step
# keep half the bytes?

# %%
width, q, kv, inner = 192, 6 * 32, 2 * 32, 512  # of the reference model, in 4 layers
mine = 4 * (4 * (6 * width + 5 * q + 4 * kv + 4 * inner) + 3 * width + 2048)  # a token
wide, narrow = (activation_bytes(config, 8, 128, d) for d in (torch.float32, torch.bfloat16))
check.true("by hand = helpers, within 5 %", abs(mine * 8 * 128 / wide - 1) < 0.05)
print(f"float32 {wide / 1e6:.1f} MB, bfloat16 {narrow / 1e6:.1f} MB: {narrow / wide:.0%}")

# %% [markdown]
# No. For safety the norms, and what runs from layer to layer, stay in float32, and every product
# makes its own narrow copy of what it reads, weights included; `activation_bytes` counts all that.
#
# Now the whole budget. Gradients appear while activations go, so the peak is at one end of the
# backward pass: at its beginning there are all activations and the two gradients of the loss
# (`working`), at its end all weights' gradients. (A tied table then has two, and their sum.)


# %%
@dataclass(frozen=True)
class TrainingMemory:  # helpers/model/size.py
    weights: int
    moments: int  # Adam's two running means
    gradients: int
    activations: int  # kept for the backward pass
    working: int  # comes and goes while the backward pass begins
    tables: int  # gradients of a tied table, before they are added at the end of it

    @property
    def peak(self):
        begins, ends = self.activations + self.working, self.gradients + self.tables
        return self.weights + self.moments + max(begins, ends)

    @property
    def peak_accumulating(self):  # gradients of an earlier batch wait to be added to
        most = max(self.activations + self.working, self.tables)
        return self.weights + self.moments + self.gradients + most


def training_memory(  # helpers/model/size.py
    config, batch, time, dtype=torch.float32, scores=False
):
    numbers, table = parameters(config), config.vocab_size * config.hidden_size
    return TrainingMemory(
        weights=4 * numbers,
        moments=8 * numbers,
        gradients=4 * numbers,
        activations=activation_bytes(config, batch, time, dtype, scores),
        working=working_bytes(config, batch, time, dtype, scores),
        tables=2 * 4 * table if config.tie_word_embeddings else 0,
    )


# %% [markdown]
# ## Check it
#
# Four shapes, in float32 and in half precision, with a large batch (most at the beginning of
# the backward pass) and a tiny one (most at its end); the peak is the meter's. **Predict** the largest error.

# %%
CONFIGS = {
    "reference": config,
    "untied": replace(config, tie_word_embeddings=False, num_hidden_layers=2),
    "deep and thin": replace(config, hidden_size=64, num_hidden_layers=8),
    "one key/value head": replace(config, num_key_value_heads=1, vocab_size=500),
}
half, errors = run.dtype if run.device.type == "cuda" else torch.bfloat16, []
shapes = (size.batch, size.time), (1, 8)
for (name, c), dtype, (batch, time_) in product(CONFIGS.items(), (torch.float32, half), shapes):
    ids = some_ids(c, batch, time_)
    kept = kept_by_autograd(Qwen3(c).to(run.device), ids, dtype)
    scores = any(shape[-2:] == (time_, time_) for shape, _ in kept)
    predicted = training_memory(c, batch, time_, dtype, scores).peak
    measured = metered_step(c, ids, dtype)[0].peak
    errors.append(predicted / measured - 1)
    shape, kind_ = f"{batch:2} x {time_:3}", runtime.dtype_name(dtype)
    print(f"{name:18} {kind_:8} {shape} {measured / 1e6:6.1f} MB, {errors[-1]:+.2%}")
limit = 0.1 if run.device.type == "cuda" else 0.02
check.true(f"every error is below {limit:.0%}", np.abs(errors) < limit)
if run.device.type == "cuda":  # the allocator's own count, work space of libraries included
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    metered_step(config, some_ids(config), half)
    print(f"allocated {(torch.cuda.max_memory_allocated() - before) / 1e6:.1f} MB")

# %% [markdown]
# Now time. A step has three forward passes of FLOPs; and it moves some 40 bytes a parameter (weights,
# gradients, Adam, in and out) and each activation twice. **Predict** how near the roof it comes.
#
# And a model that does not fit on your machine? On the device `meta` tensors have a shape and no
# numbers. So the published Qwen3-0.6B can be built and counted in no memory at all.

# %%
model, ids = Qwen3(config).to(run.device), some_ids(config)
optimizer = torch.optim.AdamW(model.parameters(), fused=True)


def step():
    loss_of(model, ids).backward()
    optimizer.step()
    optimizer.zero_grad()


flops = cost.training_flops(config, size.batch, size.time)
moved = 40 * numbers + 2 * activation_bytes(config, size.batch, size.time)
least = cost.predicted_seconds(flops, moved, products[torch.float32].max(), copies[-1])
seconds = runtime.seconds(step, repeats=size.repeats)
print(f"at least {least * 1e3:.0f} ms, measured {seconds * 1e3:.0f} ms: {least / seconds:.0%}")
cache = KVCache(max_length=64)  # keys and values of the past, for a model that writes: Day 10
with torch.no_grad():
    model(ids[:2, :32], cache)
check.true("bytes of a cache", cost.cache_bytes(config, 2, 64) == cache.bytes)

# %%
shape = dict(hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, head_dim=128)
REAL = Qwen3Config(151_936, **shape, num_attention_heads=16, num_key_value_heads=8)
with torch.device("meta"), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as f:
    Qwen3(REAL)(torch.zeros(1, 512, dtype=torch.long))
check.true(f"{parameters(REAL):,}, as published", parameters(REAL) == 596_049_920)
check.true("FLOPs of 512 tokens", forward_flops(REAL, 1, 512) == f.get_total_flops())

# %% [markdown]
# ## Use it
#
# What is missing to 100 %: products too small for full speed, operations left of the dotted line,
# neighbors on the machine.
#
# ### Which card, and what fits?
#
# Five cards by NVIDIA's data sheets, for dense matrices, and your machine as measured, in the dtype
# of `runtime`. Two bounds for Qwen3-0.6B follow: training, if the arithmetic never waited; and
# writing one text, where each token needs all weights once, if memory never waited. (The printed
# columns: memory, bandwidth, peak, balance, tokens per second.) **Predict:** the H200 has the
# arithmetic of the H100. Which bound is higher on it?

# %%
here = cost.Card(math.nan, copies[-1], (0, 0), {"float16": products[run.dtype].max()})
for name, card in {**cost.CARDS, "here": here}.items():
    fast, slow = card.peak["float16"], card.bandwidth
    trains, writes = fast / cost.training_flops(REAL, 1, 512) * 512, slow / 2 / parameters(REAL)
    facts = f"{card.memory / 1e9:3.0f} GB, {slow / 1e9:5,.0f} GB/s, {fast / 1e12:5.1f} TFLOP/s"
    print(f"{name:9} {facts}, {fast / slow:3.0f}; trains {trains:7,.0f}, writes {writes:5,.0f}")

# %% [markdown]
# In half precision a softmax has about one FLOP a byte, and the balance of these cards lies between
# 150 and 300: there nearly all arithmetic would stand idle. The H200 has the training bound of the
# H100, but writes faster.
#
# Now the peak of a training step, as a share of a card's memory; the dashed line leaves a tenth to
# CUDA. **Predict** for Qwen3-0.6B on a T4, with texts of 512 tokens: the largest batch?

# %%
MODELS = {"reference": config, "0.6B": REAL,
          "1.7B": replace(REAL, hidden_size=2048, intermediate_size=6144),
          "8B": replace(REAL, hidden_size=4096, intermediate_size=12_288, num_hidden_layers=36,
                        num_attention_heads=32, tie_word_embeddings=False)}  # fmt: skip


def draw_fit(ax, model, card, context, dtype):
    facts, kind = cost.CARDS[card], getattr(torch, dtype)
    ax.axhline(0.9, color=plots.GRAY, ls="--", lw=1)
    ax.set(title=f"{model} on {card}\n{context} x {dtype}", xlabel="batch", ylim=(0, 2))
    ax.set(ylabel="share of the memory", xticks=range(7), xticklabels=[2**i for i in range(7)])
    for i in range(7) if dtype in facts.peak else ():
        scores = facts.keeps_scores(kind)
        share = training_memory(MODELS[model], 2**i, context, kind, scores).peak / facts.memory
        ax.bar(i, share, color=plots.GREEN if share < 0.9 else plots.ORANGE)


knobs = dict(model=list(MODELS), card=list(cost.CARDS), context=[128, 512, 2048, 8192])
knobs["dtype"] = ["float32", "float16", "bfloat16"]
chosen = ("0.6B", "T4", 512, "float16"), ("0.6B", "A100 80GB", 2048, "bfloat16")
panels = [dict(zip(knobs, panel)) for panel in (*chosen, ("8B", "H200", 2048, "bfloat16"))]
alt = "0.6B fits a T4 with a batch of 2, an A100 with 4; 8B does not fit an H200."
widgets.explore("Green fits the card", draw_fit, panels, alt=alt, **knobs)

# %% [markdown]
# Two. And no batch makes the 8B model fit an H200 with a tenth kept free: of 141 GB that leaves 127, and at the
# end of a backward pass the model has 16 bytes a parameter, 131 GB. Play: what does the T4 gain from a context of 128? (No bars: the card has
# no such arithmetic.)
#
# ### Why does training get slower?
#
# Four causes: how each comes about, what shows it, what cures it. Two cost time at once (2 and 3); two fill the
# memory (1 and 4), and cost time when the card is full. The first with a real model, the others with small
# stand-ins.
#
# ### Cause 1: what you keep
#
# `losses.append(loss)` appends a tensor, and behind a loss hangs a graph (Day 1). Three loops keep
# theirs: training; measuring on held-out texts, without `backward`; training with a running mean,
# `average = 0.9 * average + 0.1 * loss`. **Predict** for each: how much memory does a step add?


# %%
def losses_loop(keep, train=True):
    """Bytes alive, (steps, MB), their growth a step, and the last loss of keep(kept, loss)."""
    torch.manual_seed(0)
    model, kept, alive = Qwen3(odd).to(run.device), [], []
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    with LiveBytes() as meter:
        for _ in range(size.losses):
            loss = loss_of(model, odd_ids)
            if train:
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            kept = keep(kept, loss)
            alive.append(meter.now)
    growth = (alive[-1] - alive[1]) / (size.losses - 2)
    return (range(size.losses), np.array(alive) / 1e6), growth, kept[-1]


def graph_size(loss):
    """Operations in the graph behind a loss."""
    seen, todo = set(), [loss.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [parent for parent, _ in node.next_functions]
    return len(seen)


# %%
loops = {
    "training": losses_loop(lambda kept, loss: [*kept, loss]),
    "running mean": losses_loop(lambda kept, loss: [0.9 * (kept or [0])[0] + 0.1 * loss]),
    "held-out": losses_loop(lambda kept, loss: [*kept, loss], train=False),
    "held-out, detach": losses_loop(lambda kept, loss: [*kept, loss.detach()], train=False),
}

# %%
for name, (_, growth, last) in loops.items():
    print(f"{name:16} {growth:8,.0f} bytes a step; graph: {graph_size(last):5,} operations")
curves = {name: loop[0] for name, loop in loops.items()}, dict(xlabel="step", ylabel="MB")
draw("Tensors alive", "Held-out losses kept as they are fill the memory.", curves, height=2.0)
growth = {name: loop[1] for name, loop in loops.items()}
check.true("one loop keeps all", growth.pop("held-out") > 1000 * max(growth.values()))

# %% [markdown]
# Only the held-out loop keeps its tensors, 737,208 bytes a step in the stored run: no `backward` came
# to free them. After `backward` they are gone, and four bytes of loss remain. But the graph remains
# too, as bookkeeping in the CPU's memory, where no GPU tool looks; in the running mean the graphs of
# all steps hang in one chain, as once in
# [gflownet](https://github.com/alexhernandezgarcia/gflownet/pull/133). Cure: `torch.no_grad()` where nothing is learned,
# `.detach()` or `.item()` for what is kept.
#
# ### Cause 2: a wait in every step
#
# `.item()` waits for the device. Meanwhile the host, your CPU, could have prepared the next step.
# **Predict** the time of a step if the host needs h and the device d: with a wait in each step, and
# without.


# %%
def train_with(steps, prepare, launch, synchronize, wait_each, now=time.perf_counter):
    """Seconds per step."""
    begin = now()
    for _ in range(steps):
        prepare()
        launch()
        if wait_each:
            synchronize()  # what loss.item() does
    synchronize()
    return (now() - begin) / steps


def small_device(host, wait_each):
    """Units per step, and the share of the time in which the device works."""
    work = partial(device.host, host * UNIT), partial(device.launch, UNIT), device.synchronize
    device.busy = 0.0
    seconds = train_with(size.steps, *work, wait_each, now=lambda: device.now)
    return seconds / UNIT, device.busy / (seconds * size.steps)


# %%
spent = {key: small_device(*key) for key in product((0.25, 0.5, 1, 2), (True, False))}
for (h, waits), (units, busy) in spent.items():
    print(f"h = {h:4}, d = 1, waits: {waits!s:5} {units:.2f} units a step", end=", ")
    print(f"device busy {busy:4.0%} {'#' * round(20 * busy)}")
law = [abs(u - (h + 1 if waits else max(h, 1))) < 0.1 for (h, waits), (u, _) in spent.items()]
check.true("h + d with a wait, else the longer of the two", law)

# %%
for wait_each in (True, False) if run.device.type == "cuda" else ():
    seconds = train_with(50, nothing, step, torch.cuda.synchronize, wait_each)
    print(f"the reference model, a wait in each step: {wait_each}, {seconds * 1e3:.1f} ms")

# %% [markdown]
# With a wait h + d, without it the longer of the two. So a wait costs the *shorter* one: much where
# host and device have equally much to do, little where one of them rules.
# [torchtune](https://github.com/meta-pytorch/torchtune/pull/522) found 40 to 50 ms of waiting in each
# step; [LANfactory](https://github.com/lnccbrown/LANfactory/pull/120) found 4 %.
# What shows it: gaps in the device's work; `torch.profiler` draws them. Cure:
# `losses.append(loss.detach())`, and `torch.stack(losses).tolist()` every 50 steps.
#
# ### Cause 3: a hungry device
#
# The first files of a data set may still lie in the computer's memory, from the last run; later ones
# come from the disk. This loader needs 0.3 units a batch, and from the middle on 1.6; the device
# needs 1. The instrument: clock *waiting* for a batch and *computing* apart. **Predict** a late step:
# without a worker, with one that loads ahead, with two.


# %%
def load_seconds(batch):
    return (0.3 if batch < size.steps / 2 else 1.6) * UNIT


def not_ahead():
    for i in range(size.steps):
        device.host(load_seconds(i))
        yield


def prefetched(workers):
    """Each batch in its order; workers load up to 2 * workers ahead of need."""
    free_at, ahead, todo = [device.now] * workers, deque(), iter(range(size.steps))
    for _ in range(size.steps):
        for i in todo:
            w = free_at.index(min(free_at))
            free_at[w] = max(free_at[w], device.now) + load_seconds(i)
            ahead.append(free_at[w])
            if len(ahead) > 2 * workers:
                break
        device.now = max(device.now, ahead.popleft())
        yield


def waiting_and_computing(batches):
    clocks = []
    for _ in range(size.steps):
        waited = device_clock(lambda: next(batches))
        worked = device_clock(lambda: device.launch(UNIT), after=device.synchronize)
        clocks.append((waited / UNIT, worked / UNIT))
    return np.array(clocks).T  # (2, steps)


# %%
loaders = {"no worker": not_ahead()}
loaders |= {"one worker": prefetched(1), "two workers": prefetched(2)}
clocks = {name: waiting_and_computing(batches) for name, batches in loaders.items()}
late = {name: pair[:, size.steps * 3 // 4 :].sum(0).mean() for name, pair in clocks.items()}
print("units a late step:", {name: f"{units:.2f}" for name, units in late.items()})
check.true("2.6, 1.6 and 1 unit", np.allclose(list(late.values()), [2.6, 1.6, 1.0], atol=0.01))

# %%
panels, x = [], range(size.steps)
for name, (waited, worked) in clocks.items():
    curves = {"waits": (x, waited, "C1"), "computes": (x, worked, "C0")}
    panels.append((curves, dict(title=name, xlabel="step", ylim=(0, 3))))
alt = "Waiting jumps in the middle: to 1.6 without a worker, to 0.6 with one, not with two."
draw("Each step, in units: waiting and computing", alt, *panels, height=1.9)

# %% [markdown]
# Without a worker the late step is 1.6 + 1. One worker loads while the device computes, so the longer
# counts; two have a batch ready in time. Cure:
# `DataLoader(num_workers=..., pin_memory=True)`, or do the slow work once, before training (Day 5).
#
# ### Cause 4: memory in pieces
#
# Asking the GPU's driver for memory is slow. So PyTorch keeps what is freed and cuts the next tensors
# out of it: a *caching allocator*. *Used* is what tensors hold; *reserved* is all that was asked for.
# This small one takes the smallest free block that is long enough, cuts off the rest and joins free
# neighbors; where nothing fits it reserves a new segment. A batch is as long as its longest text,
# between 100 and 1,000. **Predict:** how much is reserved in the end, in multiples of the most that
# was ever used? Does the order matter?


# %%
class CachingAllocator:
    def __init__(self):
        self.segments = []  # each a list of blocks [length, free], side by side

    def lengths(self, states=(True, False)):
        return sum(n for segment in self.segments for n, free in segment if free in states)

    def allocate(self, n):
        fits = [(block[0], s, b) for s, segment in enumerate(self.segments)
                for b, block in enumerate(segment) if block[1] and block[0] >= n]  # fmt: skip
        if not fits:
            self.segments.append([[n, True]])
            fits = [(n, len(self.segments) - 1, 0)]
        length, s, b = min(fits)
        block, rest = [n, False], [[length - n, True]] if length > n else []
        self.segments[s][b : b + 1] = [block, *rest]
        return self.segments[s], block

    def free(self, segment, block):
        block[1] = True
        for i in reversed(range(len(segment) - 1)):
            if segment[i][1] and segment[i + 1][1]:
                segment[i][0] += segment.pop(i + 1)[0]


def in_use_and_reserved(lengths):
    """A step makes three tensors in each of 8 layers and frees them backward: (2, steps)."""
    allocator, rows = CachingAllocator(), []
    for length in lengths:
        held = [allocator.allocate(width * length) for _ in range(8) for width in (2, 2, 6)]
        rows.append((allocator.lengths(states=(False,)), allocator.lengths()))
        for segment, block in reversed(held):
            allocator.free(segment, block)
    return np.array(rows).T


def wasted(lengths):
    used, reserved = in_use_and_reserved(lengths)
    return reserved[-1] / used.max()


# %%
texts = [random.Random(seed).choices(range(100, 1001), k=60) for seed in range(size.seeds)]
PLANS = {"as they come": list, "shortest first": sorted, "all padded": lambda t: [1000] * 60}
PLANS["one of 1,000 first"] = lambda t: [1000, *t]
ratios = {name: [wasted(plan(t)) for t in texts] for name, plan in PLANS.items()}
print({name: f"{min(each):.2f} to {max(each):.2f}" for name, each in ratios.items()})
check.true("two plans waste", [median(r) > 1.5 for r in ratios.values()] == [1, 1, 0, 0])

# %%
panels = []
for name in ("as they come", "one of 1,000 first"):
    used, reserved = in_use_and_reserved(PLANS[name](texts[0])) / 1000
    curves = dict(reserved=(range(len(used)), reserved, "C1"), used=(range(len(used)), used))
    panels.append((curves, dict(title=name, xlabel="step", ylim=(0, None))))
draw(
    "Reserved and used (thousands)",
    "As they come, reserved memory climbs far above use.",
    *panels,
)

# %% [markdown]
# Each new longest batch finds only pieces that are a little too short, and reserves afresh; the old
# ones stay. Where the card ends, PyTorch hands all
# free segments back and asks anew, which waits for the device.
# What shows it: `torch.cuda.memory_reserved()` beside `memory_allocated()`. Cure: one step with the longest
# batch first, fixed shapes, or `PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True`
# ([notes](https://docs.pytorch.org/docs/stable/notes/cuda.html)).
#
# **Or heat.** A card that is too hot lowers its clock. The instrument is a control: one fixed
# product, timed now and then. If it gets slower, look at the machine (heat, neighbors); if not, at
# your program.

# %%
now = product_speed(size.squares[-1], torch.float32)
print(f"{products[torch.float32][-1] / 1e9:,.0f} GFLOP/s before, {now / 1e9:,.0f} now")
if shutil.which("nvidia-smi"):
    facts = "--query-gpu=clocks.sm,clocks.max.sm,temperature.gpu,power.draw"
    smi = subprocess.run(["nvidia-smi", facts, "--format=csv"], capture_output=True, text=True)
    print(smi.stdout)

# %% [markdown]
# ## What can go wrong
#
# ### Four clocks
#
# Four timers for our small device, as they stand in many benchmarks. **Take a minute: what is wrong
# with each?** Below them stand four instruments, one for each promise of a timer: twice the work
# takes longer; what others have put into the queue does not count; nor does a slow first call; nor
# one slow call among many. **Predict** the FAILs.


# %%
def timer_1(work):
    work()
    return median(device_clock(work, device.synchronize) for _ in range(5))


def timer_2(work):
    return device_clock(work, after=device.synchronize)


def timer_3(work):
    device_clock(work, device.synchronize, device.synchronize)
    return mean(device_clock(work, device.synchronize, device.synchronize) for _ in range(5))


def timer_4(work):
    return device_clock(work, device.synchronize, device.synchronize)


def works_of(*units):
    """Calls that launch these works, one after the other; the last one again and again."""
    left = deque(units)
    return lambda: device.launch((left.popleft() if len(left) > 1 else left[0]) * UNIT)


def grows_with_work(timer):
    return timer(works_of(2)) - timer(works_of(1)) > 0.5 * UNIT


def ignores_the_queue(timer):
    device.launch(8 * UNIT)
    return timer(works_of(1)) < 3 * UNIT


def ignores_the_first(timer):
    return timer(works_of(8, 1)) < 3 * UNIT


def ignores_an_outlier(timer):
    return timer(works_of(1, 1, 20, 1)) < 3 * UNIT


PROMISES = (grows_with_work, ignores_the_queue, ignores_the_first, ignores_an_outlier)
names = [promise.__name__.replace("_", "\n", 1).replace("_", " ") for promise in PROMISES]


def verdicts(timer):
    kept = []
    for promise in PROMISES:
        device.synchronize()  # what the timer before has left
        kept.append(promise(timer))
    return kept


# %%
kept = np.array([verdicts(timer) for timer in (timer_1, timer_2, timer_3, timer_4)])
fig, ax = plots.figure("Which promise is kept?", 5.2, 2.2)
plots.board(ax, ["timer 1", "timer 2", "timer 3", "timer 4"], names, kept)
plots.show(fig, alt="Timer 1 fails growth, 2 queue and first call, 3 outlier, 4 first call.")
broken = [[0, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 0], [1, 1, 0, 1]]
check.true("each timer breaks its own promises", kept.astype(int).tolist() == broken)

# %% [markdown]
# Timer 1 clocks the launch, and `grows_with_work` says so without a better clock. In
# [mlx-benchmark](https://github.com/TristanBilot/mlx-benchmark/pull/21) results were too fast: a product is
# listed with 0.03 without the wait, and 1.36 with it. A timer that keeps all four promises is exercise 4.4.
#
# ### Supported
#
# A T4 is asked by `torch.cuda.is_bf16_supported()`, and PyTorch answers yes; [a trainer believed
# it](https://github.com/MakazhanAlpamys/Soup/issues/387). A T4 has no bfloat16 arithmetic. The answer
# means that it can be worked out in float32,
# [slowly](https://github.com/pytorch/pytorch/pull/148322). Ask your CPU the same. **Predict:** which
# of these runs on it, and how fast, beside float32?

# %%
base = product_speed(size.emulated, torch.float32)
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    speed = product_speed(size.emulated, dtype) / base
    print(f"{runtime.dtype_name(dtype):9} runs, {speed:6.2f} x as fast as float32")
for name, card in cost.CARDS.items():
    print(f"{name:9} compute capability {card.capability}: {', '.join(card.peak)}")

# %% [markdown]
# All three run, without a warning. The CPU of the stored run multiplies bfloat16 several times as
# fast as float32, and float16 tens of times slower: it has instructions for the first and none for
# the second. So do not ask whether a type is supported; ask how fast it is. `runtime.start` did, on a
# CPU with a stopwatch, on a GPU by compute capability (8.0 and above has bfloat16).

# %% [markdown]
# ## Recap
#
# - An operation waits for memory if it has fewer FLOPs per byte than the machine's balance, else for
#   arithmetic. Its time is at least max(FLOPs / peak, bytes / bandwidth).
# - A timer waits, warms up, repeats, takes the median.
# - Parameters and FLOPs follow exactly from the config; a training step is three forward passes. Its
#   memory is 12 bytes a parameter, and then the activations or the gradients, whichever is more.

# %% [markdown]
# ## Exercises
#
# ### 4.1 Intensity of a product · ●○○ · 10 minutes
#
# A matrix of m × k is multiplied with one of k × n. A number takes `number_bytes` bytes. Return the
# FLOPs per byte, if both factors are read once and the result is written once.
#
# <details><summary>Hint 1</summary>How many numbers come out, and how many multiplications and additions does each take?</details>
# <details><summary>Hint 2</summary>Three matrices are moved.</details>


# %%
def my_intensity(m, k, n, number_bytes):
    return None  # TODO: your answer


check.exercise("4.1", my_intensity)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 4.1
def solution_1(m, k, n, number_bytes):
    return 2 * m * k * n / (number_bytes * (m * k + k * n + m * n))


check.solution("4.1", solution_1)

# %% [markdown]
# ### 4.2 Predict, then measure · ●●○ · 15 minutes
#
# A program does several operations, one after the other. `operations` is a list of pairs, FLOPs and
# bytes. Return two things: the seconds that it takes at least, on a machine with `peak` FLOP/s and
# `bandwidth` bytes/s, and the share of that time in operations that wait for memory.
#
# <details><summary>Hint 1</summary>Within one operation moving and computing overlap. Between operations nothing does.</details>
# <details><summary>Hint 2</summary>For each operation the longer of two times. It waits for memory if its bytes take longer than its FLOPs.</details>


# %%
def my_seconds(operations, peak, bandwidth):
    return None  # TODO: your answer


check.exercise("4.2", my_seconds)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 4.2
def solution_2(operations, peak, bandwidth):
    times = [(flops / peak, moved / bandwidth) for flops, moved in operations]
    total = sum(max(pair) for pair in times)
    return total, sum(moving for computing, moving in times if moving > computing) / total


check.solution("4.2", solution_2)

# %%
stream, inner, outer = torch.randn(2048, 192, device=run.device), 2048 * 512, 2048 * 192
works = [(2 * outer * 512, 4 * (outer + 192 * 512 + inner))] * 3  # gate, up, down
works += [(4 * inner, 8 * inner), (inner, 12 * inner)]  # silu, gate times up
least, share = solution_2(works, products[torch.float32].max(), copies[-1])
seconds = runtime.seconds(lambda: reference.model.layers[0].mlp(stream))
print(f"at least {least * 1e3:.1f} ms, {share:.0%} moving; measured {seconds * 1e3:.1f} ms")

# %% [markdown]
# ### 4.3 Plan a T4 · ●●○ · 15 minutes
#
# `bytes_for(batch)` says what a training step with this batch needs at its peak. Return the largest
# batch that a card of `card_bytes` can train if a share `free` of it stays free, and 0 if not even
# one text fits. A larger batch never needs less.
#
# <details><summary>Hint 1</summary>Double the batch until it does not fit. Then the answer lies between the last two.</details>
# <details><summary>Hint 2</summary>Keep one number that fits (call 0 one) and one that does not, and try the middle, until they are neighbors.</details>


# %%
def my_largest_batch(bytes_for, card_bytes, free):
    return None  # TODO: your answer


check.exercise("4.3", my_largest_batch)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 4.3
def solution_3(bytes_for, card_bytes, free):
    fits, too_large = 0, 1
    while bytes_for(too_large) <= card_bytes * (1 - free):
        fits, too_large = too_large, 2 * too_large
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        if bytes_for(middle) <= card_bytes * (1 - free):
            fits = middle
        else:
            too_large = middle
    return fits


check.solution("4.3", solution_3)

# %%
on_t4 = dict(time=512, dtype=torch.float16, scores=True)
for name, c in MODELS.items():
    batch = solution_3(lambda n, c=c: training_memory(c, n, **on_t4).peak, 16e9, free=0.1)
    print(f"{name}, 512 tokens, on a T4: batch {batch}")

# %% [markdown]
# ### 4.4 A timer that keeps its promises · ●●● · 20 minutes
#
# `work()` launches something on a device, `synchronize()` waits until the device has nothing left to
# do, and `now()` is a clock in seconds. Return the median of the seconds that one `work` takes, measured
# `repeats` times, so that all four promises above hold.
#
# <details><summary>Hint 1</summary>Where can time hide that is not yours: before you start, after you stop, in the first call?</details>
# <details><summary>Hint 2</summary>One call that does not count. Then, in a loop: wait, start the clock, work, wait, stop the clock. And then?</details>


# %%
def my_timer(work, synchronize, now, repeats):
    return None  # TODO: your answer


check.exercise("4.4", my_timer)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 4.4
def solution_4(work, synchronize, now, repeats):
    work()
    times = []
    for _ in range(repeats):
        synchronize()
        begin = now()
        work()
        synchronize()
        times.append(now() - begin)
    return median(times)


check.solution("4.4", solution_4)
mine = verdicts(
    lambda work: solution_4(work, device.synchronize, lambda: device.now, repeats=5)
)
check.true("it keeps all four promises", all(mine))

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** `torch.utils.checkpoint.checkpoint(block, ..., use_reentrant=False)` keeps only what
# a layer reads, and computes the rest again in the backward pass. Predict the peak and the time of a
# step in which every layer of the reference model is wrapped in it. Then measure both.
#
# **Tomorrow: data.** You know how many tokens your machine can train on in a minute. Tomorrow you
# decide which.
