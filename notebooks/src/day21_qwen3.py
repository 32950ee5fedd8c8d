# %% [markdown]
# # Day 21 · Qwen3
#
# Today everything comes together: you build Qwen3, train it from random numbers until it writes
# stories, pull the plug in the middle, and let a parser grade what it wrote.
#
# **You build:** the whole model, trained, killed and resumed, sampled, graded
#
# **At the end you will have**
#
# - Qwen3 in fifty lines, equal to Hugging Face's to five digits, with every parameter counted
# - a model of your own, its loss on the way down to a floor that is known, and a run that
#   survived `kill -9` without losing a bit
# - a fast generator, a grade for its stories, and instruments that show two real bugs of a published script
#
# **Time:** about two hours with the exercises: 120 minutes. The code runs in five minutes on a laptop; no GPU
# needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day21_qwen3.ipynb)
#
# Previous: [Day 20 · Activation functions](day20_activation_functions.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds the sizes that depend on your machine: change them as you like.
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
import bz2
import copy
import json
import math
import re
import shutil
import signal
import tempfile
import time
from dataclasses import asdict, replace
from functools import partial
from itertools import accumulate, pairwise

import torch
import torch.nn.functional as F
from torch import nn

from helpers import runtime
from helpers.inference.generate import Sampling, filter_logits, generate_all
from helpers.lesson import check, plots, widgets
from helpers.model import qwen3, weights
from helpers.model.attention import Attention
from helpers.model.cache import KVCache, positions_and_mask
from helpers.model.layers import Linear, RMSNorm, SwiGLU, rotary_angles
from helpers.model.qwen3 import Qwen3Config
from helpers.text import stories
from helpers.text.tokenizer import Tokenizer
from helpers.training import evaluate, initialize, report, trainer
from helpers.training.config import preset
from helpers.training.optim import adamw

run = runtime.start(day=21)
trainer.say = print  # it talks on standard error, which a notebook paints red

# %%
size = runtime.pick(
    tiny=dict(
        train=dict(vocab_size=600, documents=400, steps=30, batch_size=4, context=128, lr=4e-3,
                   hidden_size=64, intermediate_size=128, num_hidden_layers=2, head_dim=16,
                   validation_documents=20, warmup=5, log_every=5, save_every=15),
        rerun=dict(steps=24, save_every=8), suspect_steps=30, stories=4,
        lengths=(16, 48, 96),
    ),
    cpu=dict(
        train=dict(vocab_size=2048, documents=20_000, steps=1800, validation_documents=100,
                   log_every=10, save_every=600),
        rerun=dict(steps=60, save_every=16), suspect_steps=150, stories=40,
        lengths=(32, 128, 256, 480),
    ),
    gpu=dict(
        train=dict(vocab_size=2048, documents=45_000, steps=3600, validation_documents=300,
                   log_every=20, save_every=1200),
        rerun=dict(steps=60, save_every=16), suspect_steps=300, stories=100,
        lengths=(32, 64, 128, 256, 480),
    ),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# A Qwen3 is a recipe and a dozen numbers. You have built every part of the recipe; today they meet.
# These are the numbers of the smallest real one, under the names that its `config.json` uses:

# %%
REAL = Qwen3Config(
    vocab_size=151_936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
    num_attention_heads=16, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
    max_position_embeddings=40_960, rope_theta=1_000_000.0, rms_norm_eps=1e-6,
)  # fmt: skip
print("all heads side by side:", REAL.num_attention_heads * REAL.head_dim, "numbers")

# %% [markdown]
# | field | Qwen3-0.6B | what it is | day |
# |---|---|---|---|
# | `vocab_size` | 151,936 | rows of the embedding table | 6 |
# | `hidden_size` | 1,024 | width of the residual stream | 19 |
# | `intermediate_size` | 3,072 | width inside the feed-forward net | 20 |
# | `num_hidden_layers` | 28 | blocks, one on the other | 19 |
# | `num_attention_heads` | 16 | heads that ask | 9 |
# | `num_key_value_heads` | 8 | heads that answer; two queries share each | 12 |
# | `head_dim` | 128 | width of a head | 9 |
# | `max_position_embeddings` | 40,960 | the longest text it is made for | 14 |
# | `rope_theta` | 1,000,000 | how slowly the slowest pair turns | 14 |
# | `rms_norm_eps` | 0.000001 | the floor under the volume | 15 |
# | `tie_word_embeddings` | true | the output head *is* the embedding table | 6 |
#
# The heads together are twice as wide as the stream. Older models had `head_dim` = `hidden_size` /
# heads, and code that still assumes it cannot load this model.
#
# ### Count with your fingers
#
# Now a Qwen3 that fits in the head: stream 4 wide, one layer, two query heads and one key/value
# head of width 4, feed-forward 6, ten tokens, tied. **Predict** its number of parameters, part by
# part, with paper and pencil.

# %%
vocabulary = 10 * 4  # one row of 4 for each token; tied, so there is no second table
attention = 4 * 8 + 4 * 4 + 4 * 4 + 8 * 4  # queries, keys, values, output
feed_forward = 4 * 6 + 4 * 6 + 6 * 4  # gate, up, down
norms = 4 + 4 + 4 + 4 + 4  # before attention, of a query, of a key, before feed-forward, last
print(vocabulary, attention, feed_forward, norms, vocabulary + attention + feed_forward + norms)

# %% [markdown]
# 228. The same sums with letters work for every Qwen3:


# %%
def count(c):
    """Parameters of each part of a Qwen3 with config `c`."""
    queries, keys = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
    tables = 1 if c.tie_word_embeddings else 2
    norms_of_a_layer = 2 * c.hidden_size + 2 * c.head_dim
    return {
        "vocabulary": tables * c.vocab_size * c.hidden_size,
        "attention": c.num_hidden_layers * 2 * c.hidden_size * (queries + keys),
        "feed-forward": c.num_hidden_layers * 3 * c.hidden_size * c.intermediate_size,
        "norms": c.num_hidden_layers * norms_of_a_layer + c.hidden_size,
    }


SMALL = Qwen3Config(
    vocab_size=10, hidden_size=4, intermediate_size=6, num_hidden_layers=1,
    num_attention_heads=2, num_key_value_heads=1, head_dim=4,
)  # fmt: skip
check.true("by hand: 228", sum(count(SMALL).values()) == 228)
check.true("Qwen3-0.6B: 596,049,920", sum(count(REAL).values()) == 596_049_920)

# %% [markdown]
# **Predict:** of those 596 million, which part is the largest? And in a model of 283 million with
# nearly the same vocabulary, but *two* tables, as
# [a well-known script](https://github.com/ideaweaver-ai/Building-Small-Language-Model-from-Scratch-A-Practical-Guide-Book/blob/5ba2f9a77965dcb76f225f887205576957c082d0/qwen3-283M-model.py)
# makes it?

# %%
SCRIPT = Qwen3Config(
    vocab_size=151_646, hidden_size=640, intermediate_size=2048, num_hidden_layers=18,
    num_attention_heads=4, num_key_value_heads=1, head_dim=160, tie_word_embeddings=False,
)  # fmt: skip
OURS = preset("cpu", **size.train).model
for name, config in {"Qwen3-0.6B": REAL, "283M script": SCRIPT, "ours, today": OURS}.items():
    parts = count(config)
    total = sum(parts.values())
    shares = "  ".join(f"{part} {n / total:5.1%}" for part, n in parts.items())
    print(f"{name:11} {total:>11,}   {shares}")

# %% [markdown]
# In the script two thirds of all parameters are rows for tokens. But a row of the input table is
# looked up, not multiplied, and work is multiplications. For one new token each matrix is used once,
# and attention also compares with every token of the past. **Predict:** after how many tokens is
# looking back the larger half of the work?


# %%
def work(c, past):
    """Multiplications for one token after `past` others."""
    attended = c.num_hidden_layers * 2 * past * c.num_attention_heads * c.head_dim
    parts = count(c) | {"vocabulary": c.vocab_size * c.hidden_size}  # the head alone
    return parts | {"looking back": attended}


half = sum(work(REAL, 0).values()) // work(REAL, 1)["looking back"]
print(f"Qwen3-0.6B: looking back is half of the work after {half:,} tokens")
rows = {
    "0.6B: parameters": count(REAL),
    "0.6B: work after 1,000": work(REAL, 1000),
    "0.6B: work after 40,000": work(REAL, 40_000),
    "283M: parameters": count(SCRIPT),
    "283M: work after 1,000": work(SCRIPT, 1000),
}
COLORS = dict(zip(work(REAL, 1), (plots.ORANGE, plots.BLUE, plots.GREEN, "black", plots.PINK)))
fig, ax = plots.figure("After a long text, the work is looking back", 5.5, 2.7)
for row, parts in rows.items():
    left = 0
    for part, n in parts.items():
        share = n / sum(parts.values())
        ax.barh(row, share, left=left, color=COLORS[part], label=part)
        left += share
ax.invert_yaxis()
ax.set(xlabel="share", xlim=(0, 1))
names = dict(zip(*reversed(ax.get_legend_handles_labels())))
fig.legend(names.values(), names, loc="outside lower center", ncols=5, fontsize=8)
plots.show(fig, alt="Looking back is a small share of the work at 1,000, most of it at 40,000.")

# %% [markdown]
# Three bills, then: memory for parameters, multiplications for matrices, and a third one that grows with
# the text. Long texts are expensive because of the past, not because of the model.

# %% [markdown]
# ## Build it
#
# One layer first. Norm, attention, add; norm, feed-forward, add: both branches read a norm of the
# stream (Day 15) and add to it (Day 19). The attention is the one of Day 12, with a norm on queries
# and keys and with RoPE; read its forward pass once more.

# %%
check.show(Attention.forward)


# %%
class Block(nn.Module):  # helpers/model/qwen3.py
    def __init__(self, config, layer):
        super().__init__()
        self.self_attn = Attention(
            config.hidden_size,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            layer,
            config.rms_norm_eps,
        )
        self.mlp = SwiGLU(config.hidden_size, config.intermediate_size)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, cos, sin, mask, cache):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


# %% [markdown]
# The names are not ours: `self_attn.q_proj`, `post_attention_layernorm` and the rest are the names
# in the files that Qwen publishes, so real weights load without a table of translations.
#
# Then the stack: a row of the table for each token, the angles of the positions once for all
# layers, the blocks, a last norm. With a cache (Day 10) the positions go on where the past ended.


# %%
class Qwen3Model(nn.Module):  # helpers/model/qwen3.py
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, input_ids, cache=None):  # (batch, time) -> (batch, time, hidden_size)
        batch, time = input_ids.shape
        positions, mask = positions_and_mask(batch, time, input_ids.device, cache)
        cos, sin = rotary_angles(
            positions[:, None], self.config.head_dim, self.config.rope_theta
        )
        x = self.embed_tokens(input_ids)
        for block in self.layers:
            x = block(x, cos, sin, mask, cache)
        if cache is not None:
            cache.advance(time)
        return self.norm(x)


# %% [markdown]
# And the head, which turns each position into one score per token of the vocabulary. Tied means one
# line: both modules hold the same tensor.


# %%
class Qwen3(nn.Module):  # helpers/model/qwen3.py
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Qwen3Model(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size)
        self.apply(self._init_weights)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def _init_weights(self, module):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)

    def forward(self, input_ids, cache=None):  # (batch, time) -> (batch, time, vocab_size)
        return self.lm_head(self.model(input_ids, cache))


# %% [markdown]
# That is Qwen3. **Predict:** it knows nothing yet. What is its loss on random tokens, in nats?

# %%
model = Qwen3(OURS)
input_ids = torch.randint(OURS.vocab_size, (4, 65))
logits = model(input_ids[:, :-1])
check.shape("(batch, time, vocab)", logits, (4, 64, OURS.vocab_size))
loss = F.cross_entropy(logits.flatten(0, 1), input_ids[:, 1:].flatten()).item()
print(f"loss {loss:.3f}, and ln({OURS.vocab_size}) = {math.log(OURS.vocab_size):.3f}")

# %% [markdown]
# A fair guess among all tokens costs ln(vocabulary). First weights that are not tiny already guess a
# little, at random, and pay for it: half the variance of the logits. A first loss far above that means
# that the weights are too loud; far below, that the answer leaks into the input.

# %% [markdown]
# ## Check it
#
# First the count. PyTorch can build a model on the device `meta`: shapes without memory. So the real
# one fits, too.

# %%
for config in (SMALL, OURS, REAL, SCRIPT):
    with torch.device("meta"):
        built = sum(p.numel() for p in Qwen3(config).parameters())
    check.true(
        f"{built:>11,} parameters, by hand = by code", built == sum(count(config).values())
    )

# %% [markdown]
# Then the numbers: first against the course's own copy, then against `transformers`, the code that
# runs the published models. Same weights in, same logits out? The shape is awkward, so that no dimension can stand in for another, and every
# weight is moved off its starting value: norms that are all ones would hide a norm that is missing.

# %%
ODD = Qwen3Config(
    vocab_size=97, hidden_size=24, intermediate_size=40, num_hidden_layers=3,
    num_attention_heads=6, num_key_value_heads=2, head_dim=10, rope_theta=1_000_000.0,
)  # fmt: skip
odd, input_ids = Qwen3(ODD), torch.randint(97, (2, 50))
check.same(odd, qwen3.Qwen3(ODD), input_ids, tol=0)
with torch.no_grad():
    for weight in odd.parameters():
        weight += 0.2 * torch.randn_like(weight)
    whole = odd(input_ids)
try:
    from transformers import Qwen3Config as TheirConfig, Qwen3ForCausalLM
except ImportError:
    print("skipped: pip install transformers, to compare with the published model's own code")
else:
    theirs = Qwen3ForCausalLM(TheirConfig(**asdict(ODD))).eval()
    theirs.load_state_dict(odd.state_dict())
    check.close("my logits = transformers' logits", whole, theirs(input_ids).logits)

# %% [markdown]
# Two promises remain. A token must not see what comes after it. And a text that is fed in pieces,
# with a cache, must give the logits of the text in one piece. **Predict:** the last token changes;
# at how many of the 50 positions may the logits move?

# %%
changed, cache = (input_ids + (torch.arange(50) == 49)) % 97, KVCache(max_length=50)
with torch.no_grad():
    moved = (odd(changed) != whole).any(-1).sum(1).tolist()
    pieces = torch.cat([odd(piece, cache) for piece in input_ids.split([20, 1, 1, 28], 1)], 1)
check.true(f"positions that moved in the two texts: {moved}", moved == [1, 1])
check.close("in four pieces = in one", pieces, whole)

# %% [markdown]
# ## Use it
#
# ### A text whose entropy is a fact
#
# The course's stories come from a program that makes choices: which name, which toy, what goes
# wrong. Every choice has a known probability, and the text gives the choices back, so the information
# in a story can be *counted*.

# %%
story = stories.write(seed=4)
print(story.text)
print(f"\n{len(story.text)} bytes, {len(story.choices)} choices, {story.bits:.1f} bits")

# %% [markdown]
# **Predict:** how many bits per byte does a compressor need for such stories (plain text has 8), and
# how many are really in there?

# %%
text = "\n".join(stories.write(seed).text for seed in range(500)).encode()
floor = stories.entropy(500)
print(f"bz2 at its best      {8 * len(bz2.compress(text)) / len(text):.3f} bits per byte")
print(
    f"really in the text   {floor.bits_per_byte:.3f}, standard error {floor.standard_error:.3f}"
)

# %% [markdown]
# That second number is the **floor**: no model of these stories can have a lower loss on average, whatever
# its size. A loss curve usually comes down to nobody knows where. This one has a ground to land on.
#
# ### Train
#
# `Trainer` holds the corpus, the model, the optimizer and the position in the data. One step of it
# fits on a screen; you know every line from Day 16.

# %%
check.show(trainer.Trainer.training_step)

# %% [markdown]
# One decision at the start helps a model this small. The first weights of attention are not noise:
# like [Trockman and Kolter (2023)](https://arxiv.org/abs/2305.09828) we start near what attention
# becomes. Each head begins by looking at tokens like its own and bringing them back: it copies. These
# are the lines for one head; what they are worth is measured below.
#
# **Predict:** what will it have learned after 1 % of the training, after 10 %, after 30 %? Letters,
# words, sentences, a plot? At each of these moments it writes a sample, always with the same random
# numbers.

# %%
check.show(initialize.mimic_head)

# %%
trainer.Qwen3 = Qwen3  # train the one that you have written
folder = runtime.ROOT / "checkpoints" / f"day21-{run.scale}"
shutil.rmtree(folder, ignore_errors=True)  # begin anew
mine = trainer.Trainer(preset("cpu", **size.train), folder)
untrained = copy.deepcopy(mine.model)
mine.run()

# %%
log = report.read(folder / "metrics.jsonl")
held_out = evaluate.evaluate(mine.model, mine.corpus.validation).bits_per_byte
print(f"held out {held_out:.3f}, floor {mine.corpus.floor:.3f} bits per byte: ", end="")
print(f"{held_out / mine.corpus.floor:.2f} times the floor")
fig, ax = plots.figure("On the way down to the floor", 5.2, 2.8)
ax.plot([r["step"] for r in log], [r["bits_per_byte"] for r in log], label="training")
ax.plot(log[-1]["step"], held_out, "o", color=plots.ORANGE, label="held out")
ax.axhline(mine.corpus.floor, ls="--", color=plots.GREEN, label="floor")
ax.set(xlabel="step", ylabel="bits per byte", yscale="log")
plots.name_lines(ax)
plots.show(fig, alt="Bits per byte fall steeply, then slowly, towards the floor.")

# %% [markdown]
# The dashed line is the floor of the held-out stories, the dot is the model on them, and their distance is
# everything that it does not know yet. The curve ends above the dot because a training window goes on
# with the beginning of another story, and beginnings are dear: nobody can know a name. The very first
# sample is empty: weights that copy repeat the end-of-text that they stand on. No model gets below the
# floor on average; if yours does, look for a leak from the future, or miscounted bytes.
#
# What are copying weights worth? A whole `make train` is twice as long as this run. We recorded it
# on two CPU cores, with copying weights and with `--set mimetic=0`, which leaves them to chance; seed,
# stories and their order are the same in each pair. **Predict:** when do the two part?

# %%
recorded = json.loads((runtime.ROOT / "data/golden_runs/first_weights.json").read_text())
fig, ax = plots.figure("The same run from two kinds of first weights", 5.2, 2.8)
for name, color in (("chance", plots.GRAY), ("copying", plots.BLUE)):
    curves = [record["bits_per_byte"] for record in recorded["runs"][name]]
    for seed, curve in enumerate(curves):
        label = name if seed == 0 else None
        ax.plot(recorded["steps"], curve, color=color, lw=1.2, label=label)
ax.axhline(recorded["floor"], ls="--", color=plots.GREEN, label="floor")
ax.set(xlabel="step", ylabel="bits per byte", yscale="log", ylim=(0.09, 0.4))
plots.name_lines(ax)
plots.show(
    fig, alt="Equal for some hundred steps; then runs with copying weights come down faster."
)
for name, records in recorded["runs"].items():
    ratios = ", ".join(f"{record['held_out'] / recorded['floor']:.2f}" for record in records)
    passed = ", ".join(f"{record['grade_pass']:.0%}" for record in records)
    print(f"{name:8} held out {ratios} times the floor; stories that pass {passed} (two seeds)")
held = {name: [r["held_out"] for r in records] for name, records in recorded["runs"].items()}
check.true("every copying run beats every other", max(held["copying"]) < min(held["chance"]))

# %% [markdown]
# For some hundred steps both come down alike. Then the gray runs stay behind, and hardly one of their
# stories keeps its hero's name to the end. (Two seeds, one setting, with a rate that was chosen for the blue
# runs: this shows that copying weights help here, not what is best for the others.)
#
# ### Pull the plug
#
# Colab disconnects, laptops sleep, disks fill up. So we start a run in a process of its own and kill
# it in the middle with SIGKILL, which no program can catch: no last words, no clean-up.


# %%
settings = dict(vocab_size=600, documents=400, log_every=1, dtype="float32", **size.rerun)
scratch = pathlib.Path(tempfile.mkdtemp())
killed, untouched = scratch / "killed", scratch / "untouched"


def losses_in(folder):
    return [r["loss"] for r in report.read(folder / "metrics.jsonl") if "loss" in r]


# %%
command = [sys.executable, "-m", "helpers", "train", "--preset=tiny", f"--out={killed}"]
command += [f"--set={name}={value}" for name, value in settings.items()]
os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # sums in the same order
silent = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
process = subprocess.Popen(command, cwd=runtime.ROOT, **silent)
while process.poll() is None and len(losses_in(killed)) < 0.6 * settings["steps"]:
    time.sleep(0.02)
process.kill()
by_kill, before = process.wait() == -signal.SIGKILL, losses_in(killed)
check.true(f"killed after step {len(before)}", by_kill and len(before) < settings["steps"])
print("what is left:", sorted(path.name for path in killed.iterdir()))

# %% [markdown]
# The last checkpoint is some steps old. **Predict:** the run resumes there, in another process. Will
# the losses be close to those of a run that was never touched, or equal? To how many digits?

# %%
trainer.say = lambda line: None  # from here on we look at numbers
forgetful = scratch / "forgetful"
shutil.copytree(killed, forgetful)  # for the next question
resumed = trainer.Trainer(preset("tiny", **settings), killed)
first = resumed.step
resumed.run()
whole = trainer.Trainer(preset("tiny", **settings), untouched)
whole.run()
after, never_killed = losses_in(killed), losses_in(untouched)
gaps = [abs(a - b) for a, b in zip(after, never_killed, strict=True)]
print(f"resumed after step {first}; {len(gaps)} losses, largest difference {max(gaps)}")
pairs = zip(resumed.model.parameters(), whole.model.parameters(), strict=True)
equal = max(gaps) == 0 and all(torch.equal(a, b) for a, b in pairs)
check.true("killed and resumed = never touched, every loss and weight", equal)

# %% [markdown]
# Equal, in every bit. Many scripts save the weights and nothing else. **Predict:** what does a run lose
# that goes on from the same checkpoint, but with AdamW's two moments and its count of steps forgotten?

# %%
careless = trainer.Trainer(preset("tiny", **settings), forgetful)
careless.optimizer.state.clear()
careless.run()
without = losses_in(forgetful)
off = max(abs(a - b) for a, b in zip(without, never_killed, strict=True))
check.true(f"without the moments, a loss is off by up to {off:.3f} nats", off > 0)
axes = dict(xlabel="step", ylabel="loss (nats per token)")
fig, ax = plots.figure("One run was killed; where?", 5.2, 2.6, subplot_kw=axes)
ax.plot(never_killed, color=plots.BLUE, lw=6, alpha=0.35, label="never touched")
ax.plot(before, color=plots.ORANGE, lw=1.5, label="until the kill")
ax.plot(range(first, len(after)), after[first:], "k--", lw=1.2, label="resumed")
ax.plot(range(first, len(after)), without[first:], color=plots.PINK, label="moments forgotten")
ax.legend()
plots.show(fig, alt="Untouched and resumed lie on one another; without moments the loss jumps.")

# %% [markdown]
# The loss jumps, and takes dozens of steps to come back. A checkpoint is more than weights: the moments of
# the optimizer, the position in the shuffled data, the settings. The random generators are kept too: they matter
# as soon as something draws from them, such as dropout.
#
# ### Write
#
# From here on we use the course's reference checkpoint if it is there: the same code and the same
# world, a wider model, more stories, longer training. Otherwise, the model you have trained.

# %%
reference = runtime.ROOT / "checkpoints" / "reference"
author, tokenizer = mine.model, mine.tokenizer
if (reference / "config.json").is_file():
    author, tokenizer = weights.load(reference, run.device), Tokenizer.load(reference)
by_hand, loaded = sum(count(author.config).values()), weights.count_parameters(author)
check.true(f"{loaded:,} parameters were loaded, as counted by hand", loaded == by_hand)

# %% [markdown]
# The naive way to write reads the whole text again for every token. With the cache (Day 10) each
# token is read once. **Predict:** at which length does the cache begin to pay, and by how much at the
# end?


# %%
@torch.inference_mode()
def naive(model, ids, new):
    for _ in range(new):
        logits = model(torch.tensor([ids], device=run.device))
        ids = [*ids, logits[0, -1].argmax().item()]
    return ids


def cached(model, ids, new):
    return ids + generate_all(model, [ids], new, sampling=Sampling(temperature=0))[0]


start, longest = [tokenizer.end_of_text_id], size.lengths[-1]
check.true("same tokens", naive(author, start, longest) == cached(author, start, longest))

# %%
speed = {naive: [], cached: []}
for length in size.lengths:
    for write, found in speed.items():
        seconds = runtime.seconds(partial(write, author, start, length), repeats=3)
        found.append(length / seconds)
    print(
        f"{length:4} tokens: naive {speed[naive][-1]:5.0f}/s, cached {speed[cached][-1]:5.0f}/s"
    )
fig, ax = plots.figure("Speed of writing, by the length of the text", 5.0, 2.6)
ax.plot(size.lengths, speed[naive], "o-", color=plots.ORANGE, label="naive")
ax.plot(size.lengths, speed[cached], "o-", color=plots.BLUE, label="with the cache")
ax.set(xlabel="tokens written", ylabel="tokens per second", ylim=(0, None))
plots.name_lines(ax)
plots.show(fig, alt="Speed of writing: level with the cache, falling with length without it.")

# %% [markdown]
# The naive loop slows down as the text grows: to write n tokens it reads 1 + 2 + ... + n, for 480 of
# them 115,440. With the cache it reads 480. That is 240 times less, and yet not 240 times faster: a call
# that reads many tokens costs little more than a call that reads one.
#
# ### Where is it unsure?
#
# For each word of a held-out story the model *pays* -log₂ of the probability that it gave to it, in bits
# (for a word of several tokens, their sum). The program that wrote the story can say what the word is
# *worth*: what one would pay who knows the world by heart. **Predict:** are most words cheap or dear,
# and where will the two differ?

# %%
text = stories.write(stories.VALIDATION_SEEDS + 1).text
ids = tokenizer.encode(text)
words = [tokenizer.decode([i]) for i in ids]
with torch.inference_mode():
    logits = author(torch.tensor([start + ids], device=run.device))[0, :-1].float().cpu()
log_p = logits.log_softmax(-1)  # (tokens, vocab)
token_bits = -log_p[range(len(ids)), ids] / math.log(2)
said = re.findall(r"\S+\s*", text)  # words, each with the space after it
borders, starts = [0, *accumulate(map(len, said))], [0, *accumulate(map(len, words))]
spots = [
    a + len(w) - len(w.lstrip()) for a, w in zip(starts, words)
]  # where a token says something
word_of = torch.bucketize(torch.tensor(spots), torch.tensor(borders[1:-1]), right=True)
paid = torch.zeros(len(said)).index_add(0, word_of, token_bits)
true_bits = stories.surprisal(text)
worth = torch.tensor([sum(true_bits[a:b]) for a, b in pairwise(borders)])
print(f"{(worth < 0.1).float().mean():.0%} of the words are worth less than 0.1 bits")
print(f"the story is worth {worth.sum():.1f} bits, the model pays {paid.sum():.1f}")
fig, ax = plots.figure("What each word costs, and what it is worth", 5.5, 2.6)
ax.bar(range(len(said)), paid, color=plots.BLUE, width=1, label="paid by the model")
ax.plot(worth, "o", color=plots.ORANGE, ms=2.5, label="worth in this world")
for i in worth.topk(5).indices.tolist():
    ax.text(i, worth[i], said[i].strip(), ha="center", va="bottom", fontsize=7)
ax.set(xlabel="word of the story", ylabel="bits")
ax.legend()
plots.show(
    fig, alt="Bits paid are near zero at most words; dots of worth lie on the tall bars."
)
for i in (paid - worth).topk(3).indices.tolist():
    before, word = "".join(said[max(0, i - 8) : i]), said[i].strip()
    print(f"{paid[i]:.1f} bits paid, {worth[i]:.1f} worth: ...{before}[{word}]")

# %% [markdown]
# Long quiet stretches, and spikes. Where a dot sits on its bar, the model pays the true price: a name
# that comes for the first time cannot be known by anybody. A bar that rises above its dot is a choice that
# the model thought too unlikely, and one below is the reverse: it pays for that at the other choices. Only
# on average nobody pays less than the worth. The *same* name later is worth nothing, and should cost nothing.
#
# Sampling settings matter only where there is a choice. So take the token before which the model
# hesitates most (its distribution has the highest entropy) and turn two knobs: `temperature` divides
# the scores, `top_p` keeps the likeliest tokens that together reach that probability. **Predict** how
# many candidates each setting leaves.


# %%
def candidates(ax, temperature, top_p):
    sampling = Sampling(temperature=temperature, top_p=top_p)
    p = filter_logits(logits[spot], sampling).softmax(-1)
    best = logits[spot].topk(10).indices.tolist()
    ax.barh([repr(tokenizer.decode([i])) for i in best], p[best], color=plots.BLUE)
    ax.invert_yaxis()
    left = int((p > 0.001).sum())
    ax.set(
        xlabel="probability", title=f"temp. {temperature:.2g}, top-p {top_p:.2g}\n{left} left"
    )


# %%
spot = (log_p.exp() * log_p).sum(-1).argmin().item()  # the highest entropy
print(repr("".join(words[:spot])[-60:]), "... and then?")
panels = [dict(temperature=t, top_p=p) for t, p in ((1, 1), (0.3, 1), (1, 0.5))]
alt = "Ten candidates; temperature 0.3 favors the first ones, top-p 0.5 removes the last ones."
knobs = dict(temperature=widgets.powers(-1, 1), top_p=(0.05, 1.0, 0.05))
widgets.explore("The ten likeliest next tokens", candidates, panels, alt=alt, **knobs)

# %% [markdown]
# The titles count candidates above one in a thousand. A low temperature does not make the model
# better, only more certain of what it likes best already. For these stories the honest setting is 1:
# the corpus has true randomness, and a model that has learned it should reproduce it. There is a third
# knob, `min_p`: with 0.1, what is ten times less likely than the likeliest is never drawn.
#
# ### Grade
#
# Loss is an average over tokens; a reader wants whole stories. The parser that knows this world
# reads each one and gives five verdicts: grammatical, same hero, right pronoun, same thing, ending
# follows. A story passes if all are yes. Where it fails, we also ask how far the parser got.
# **Predict** both for an untrained model and for yours.


# %%
def share_read(text):
    verdict = stories.grade(text).grammatical
    return 1.0 if text and verdict.yes else (verdict.place or 0) / max(1, len(text))


authors = {"untrained": (untrained, mine.tokenizer), "my model": (mine.model, mine.tokenizer)}
if author is not mine.model:
    authors["the reference"] = (author, tokenizer)

# %%
written, read = {}, {}
for name, (model, its_tokenizer) in authors.items():
    for sampling in (Sampling(), Sampling(min_p=0.1)):
        texts = evaluate.write_stories(model, its_tokenizer, size.stories, sampling)
        grades = evaluate.grade_stories(texts)
        error = math.sqrt(grades.passed * (1 - grades.passed) / size.stories)
        print(f"{name:13}  min_p {sampling.min_p}: {grades.passed:4.0%} ± {error:.0%} pass")
        written.setdefault(name, texts)  # without min_p
    read[name] = sorted(map(share_read, written[name]))

# %%
fig, ax = plots.figure("How far the parser gets, without min_p", 5.2, 2.5)
for name, color in zip(read, (plots.GRAY, plots.ORANGE, plots.BLUE)):
    ax.plot(read[name], color=color, label=name)
ax.set(xlabel="stories, the worst first", ylabel="share that was read", ylim=(-0.05, 1.05))
plots.name_lines(ax)
plots.show(fig, alt="Share of each story that the parser could read, for each model, sorted.")

# %% [markdown]
# A story has more than a hundred tokens, and one that is drawn from the long tail of unlikely ones spoils it:
# each rare slip is cheap for the loss and fatal for the story. `min_p` cuts the tail off, which is why the
# two lines of a model differ so much. With it, these rules are still broken, each at its first place:

# %%
texts = evaluate.write_stories(mine.model, mine.tokenizer, size.stories, Sampling(min_p=0.1))
for name, share in evaluate.grade_stories(texts).by_verdict.items():
    print(f"\n{name}: {share:.0%} of the stories keep it")
    verdicts = ((getattr(stories.grade(text), name), text) for text in texts)
    for (_, place, reason), text in [pair for pair in verdicts if not pair[0].yes][:1]:
        print(f"    ...{text[max(0, place - 60) : place + 20]!r}\n    {reason[:200]}")

# %% [markdown]
# ## What can go wrong
#
# The 283M script runs to its end, and crashes only when it loads its result. We plant two of its faults,
# small, and build an instrument for each. **Take a minute before each one: what would you look at?**
#
# ### Suspect 1: the cosine
#
# The script sets `learning_rate = 1e-4` and `min_lr = 5e-4`, and hands both to a correct cosine
# schedule. The first instrument is to plot what you set, here beside a run with `min_lr = 1e-5`.


# %%
def cosine(step, lr, min_lr, warmup=31, steps=4688):
    done = max(0, step - warmup) / (steps - warmup)
    return min(1, step / warmup) * (min_lr + (lr - min_lr) * (1 + math.cos(math.pi * done)) / 2)


fig, ax = plots.figure("What was set, step by step", 5.0, 2.4)
for label, min_lr, color in (("run A", 1e-5, plots.BLUE), ("run B", 5e-4, plots.ORANGE)):
    rates = [cosine(step, 1e-4, min_lr) for step in range(4688)]
    ax.plot(rates, color=color, label=label)
ax.set(xlabel="step", ylabel="learning rate")
plots.name_lines(ax)
plots.show(fig, alt="Run A warms up and falls; run B climbs to five times the rate.")

# %% [markdown]
# Run B *climbs*, to five times the rate that was asked for. The script even prints its rate, step by step.
# Nobody reads a column of numbers; everybody sees a curve that climbs. A check at the start costs nothing: `Schedule` in `helpers` refuses such a
# pair, and in exercise 21.2 so will yours.
#
# ### Suspect 2: the endless story
#
# Two small models, the same stories, the same steps. In the second corpus something is missing.
# **Predict** which loss is lower.

# %%
end = mine.tokenizer.end_of_text_id
stream = torch.from_numpy(mine.corpus.train.input_ids.astype("int64"))
corpora = {"run A": stream, "run B": stream[stream != end]}


def quick_run(ids):
    torch.manual_seed(0)
    model = Qwen3(replace(OURS, hidden_size=64, intermediate_size=128, num_hidden_layers=2))
    model = model.to(run.device)
    optimizer = adamw(model, 8e-3, (0.9, 0.95), 0.1)
    losses = []
    for _ in range(size.suspect_steps):
        rows = ids[torch.randint(len(ids) - 129, (8, 1)) + torch.arange(129)].to(run.device)
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, sum(losses[-10:]) / 10


quick = {label: quick_run(ids) for label, ids in corpora.items()}
for label, (_, loss) in quick.items():
    print(f"{label}: loss {loss:.3f} (mean of the last ten steps)")

# %% [markdown]
# Whichever is lower proves nothing, as the two runs predict different tokens; neither looks like a
# bug. Run B has no end-of-text between its stories: one line was left out
# when the corpus was packed. The instrument asks the one question that the loss averages away: after
# a whole story, how likely is the end?


# %%
@torch.inference_mode()
def chance_of_the_end(model, seed):
    ids = [end, *mine.tokenizer.encode(stories.write(seed).text)]
    logits = model(torch.tensor([ids[-500:]], device=run.device))[0, -1]
    return logits.softmax(-1)[end].item()


# %%
seeds = range(stories.VALIDATION_SEEDS, stories.VALIDATION_SEEDS + 20)
models = {"run A": quick["run A"][0], "run B": quick["run B"][0], "my model": mine.model}
chance = {name: sum(chance_of_the_end(m, s) for s in seeds) / 20 for name, m in models.items()}
for name, p in chance.items():
    print(f"{name:8} after a whole story, the end has probability {p:.6f}")
check.true("run B cannot stop", chance["run B"] < 0.1 * chance["run A"])

# %% [markdown]
# Such a model writes on until it is cut off, and wherever a training window crosses a border, nothing
# tells it that the story has changed. The script packs its corpus in this way.

# %% [markdown]
# ## Recap
#
# Qwen3 is the parts of twenty days, wired together in fifty lines: embedding, blocks of attention and SwiGLU behind
# norms, a tied head. Its parameters can be counted by hand, its logits compared with the published
# code, its loss measured against a floor. Training is one step, repeated, and a checkpoint that holds
# *everything* the next step depends on.
#
# | promise | instrument |
# |---|---|
# | the architecture is Qwen3 | same weights, same logits as `transformers` |
# | it starts ignorant | first loss a little above ln(vocabulary) |
# | it cannot see the future | change the last token: one position moves |
# | the cache changes nothing | in pieces = in one |
# | it learns the corpus | bits per byte against the floor |
# | nothing is lost | kill, resume, compare bit for bit |
# | the rate comes down | plot it; refuse `min_lr` ≥ `lr` |
# | it can stop | probability of end-of-text after a story |
# | the stories hold together | the parser's grade |

# %% [markdown]
# ## Exercises
#
# The checker never raises, and it knows the usual mistakes.
#
# ### 21.1 The price of memory · ●○○ · 5 minutes
#
# How many bytes does the KV cache take for `batch` texts of `tokens` tokens each, when a number has
# `bytes_per_number` bytes? `config` has the fields of the table above.
#
# <details><summary>Hint 1</summary>What is kept for a token, in every layer? Two vectors per ... head.</details>
# <details><summary>Hint 2</summary>keys and values · layers · batch · key/value heads · tokens · head_dim · bytes</details>


# %%
def my_cache_bytes(config, batch, tokens, bytes_per_number):
    return None  # TODO: your answer


check.exercise("21.1", my_cache_bytes)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 21.1
def solution_1(config, batch, tokens, bytes_per_number):
    per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return batch * tokens * per_token * bytes_per_number


check.solution("21.1", solution_1)
print(f"Qwen3-0.6B, 40,960 tokens in bfloat16: {solution_1(REAL, 1, 40_960, 2) / 1e9:.1f} GB")

# %% [markdown]
# ### 21.2 A rate that comes down · ●●○ · 10 minutes
#
# Write the schedule that suspect 1 should have had: the learning rate of update number `step`,
# counted from 0. Over the first `warmup` updates it rises in equal parts, from `lr / warmup` to the
# full `lr`. Then it comes down along half a cosine: the update after the warm-up is already a little
# lower, and update number `steps - 1` has exactly `min_lr`. A `min_lr` that is not below `lr` is a
# `ValueError`.
#
# <details><summary>Hint 1</summary>The first update must not have rate 0: it would be wasted. So (step + 1) / warmup.</details>
# <details><summary>Hint 2</summary>Let done run from a little above 0 to 1 over the updates after the warm-up; (1 + cos(π · done)) / 2 runs from 1 to 0.</details>


# %%
def my_learning_rate(step, lr, min_lr, warmup, steps):
    return None  # TODO: your answer


check.exercise("21.2", my_learning_rate)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 21.2
def solution_2(step, lr, min_lr, warmup, steps):
    if min_lr >= lr:
        raise ValueError(f"min_lr={min_lr} must lie below lr={lr}")
    if step < warmup:
        return lr * (step + 1) / warmup
    done = (step + 1 - warmup) / (steps - warmup)
    return min_lr + (lr - min_lr) * (1 + math.cos(math.pi * done)) / 2


check.solution("21.2", solution_2)

# %% [markdown]
# ### 21.3 One batch in pieces · ●●○ · 10 minutes
#
# A batch that does not fit in memory is cut into micro-batches, and their gradients are added up.
# What must the loss be, so that the result equals the whole batch's? You get a list of pairs:
# `logits` (batch, time, vocab) and `labels` (batch, time), where the label -100 means "not to be
# predicted". Return the mean loss over all labels that count, in nats. (A famous library
# [had this wrong](https://huggingface.co/blog/gradient_accumulation) for years.)
#
# <details><summary>Hint 1</summary>Two micro-batches, with 2 and with 10 labels that count. What does the mean of their means do to the first?</details>
# <details><summary>Hint 2</summary><code>F.cross_entropy(..., reduction="sum")</code> leaves -100 out; divide once, at the end.</details>


# %%
def my_batch_loss(micro_batches):
    return None  # TODO: your answer


check.exercise("21.3", my_batch_loss)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 21.3
def solution_3(micro_batches):
    summed = partial(F.cross_entropy, reduction="sum")  # leaves -100 out
    total = sum(summed(x.flatten(0, 1), labels.flatten()) for x, labels in micro_batches)
    return total / sum((labels != -100).sum() for _, labels in micro_batches)


check.solution("21.3", solution_3)

# %% [markdown]
# ### 21.4 Resume from a number · ●●● · 20 minutes
#
# Part of an exact resume is the position in the shuffled data. The neatest state is none: the step
# number alone decides which rows come. Epoch e (0, 1, 2, ...) shows all `rows` once, in the order
# `torch.randperm(rows, generator=torch.Generator().manual_seed(seed + e)).tolist()`. The epochs
# follow one another without a gap, and each step takes the next `batch_size` rows of that endless
# sequence. Return the rows of one step, a list of ints.
#
# <details><summary>Hint 1</summary>Number the places of the endless sequence. Which places does step s take?</details>
# <details><summary>Hint 2</summary>Place p lies in epoch p // rows, at index p % rows. A step may reach across the border.</details>


# %%
def my_rows_of_step(step, rows, batch_size, seed):
    return None  # TODO: your answer


check.exercise("21.4", my_rows_of_step)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 21.4
def solution_4(step, rows, batch_size, seed):
    def row_at(place):
        generator = torch.Generator().manual_seed(seed + place // rows)
        return torch.randperm(rows, generator=generator).tolist()[place % rows]

    return [row_at(place) for place in range(step * batch_size, (step + 1) * batch_size)]


check.solution("21.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** A floppy disk held 1.44 million bytes. Choose a config whose weights in bfloat16 fit
# on one, tokenizer included, and train it with `python -m helpers train --set ...`. How near to the
# floor can you get in ten minutes? (Count before you train; the vocabulary is your most expensive
# choice.)
#
# **Tomorrow** there is no Day 22. Your own text is a good next step: `make train DATA=my.txt` trains
# this model on any text file, and every instrument above works there but two: nobody knows the floor,
# and no parser can grade.
