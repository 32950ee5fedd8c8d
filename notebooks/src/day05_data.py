# %% [markdown]
# # Day 5 · Data
#
# Today you turn raw text into batches, count what every step finds and what it misses, and measure
# what bad data costs a model.
#
# **You build:** a text cleaner that finds near-copies, a packed memory map, and a loader that resumes
#
# **At the end you will have**
#
# - a cleaner that repairs text, drops junk with its reason, and finds copies that were changed;
#   each step counted against a known truth
# - a memory map and a loader that goes on exactly where it was killed, equal to the course's own
# - four learning curves of one model on clean, noisy, duplicated and small data, and three silent
#   bugs caught
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in two to four
# minutes on a laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day05_data.ipynb)
#
# Previous: [Day 4 · GPUs](day04_gpus.ipynb) · Next: [Day 6 · Tokenization](day06_tokenization.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches
# it (on Colab). The third holds every size of this notebook: change a number, and all follows.
# `check` compares numbers and raises if they differ, `plots` draws, and `runtime` knows your
# machine.

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
import re
import tempfile
import textwrap
import time
from collections import Counter, defaultdict
from importlib.metadata import distributions
from itertools import permutations
from pathlib import Path
from pydoc_data.topics import topics  # Python's own manual: real text on every machine
from zlib import crc32

import datasets
import numpy as np
import torch
import torch.nn.functional as F

from helpers import runtime
from helpers.inference.generate import Sampling, generate_all
from helpers.lesson import check, plots, widgets
from helpers.lesson.progress import Bar
from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.text import clean, data, duplicates, planted, stories
from helpers.text.clean import drop_markup, plain_signs, tidy, unwrap
from helpers.text.sources import documents
from helpers.text.tokenizer import Tokenizer
from helpers.training.evaluate import evaluate
from helpers.training.optim import adamw, set_lr

run = runtime.start(day=5)

# %%
size = runtime.pick(
    tiny=dict(good=150, each=12, seeds=2, stream=200, words=400, stories=120, few=20,
              held_out=8, batch=2, context=64, steps=10, width=16, rates=(0.006,), samples=3),
    cpu=dict(good=1000, each=50, seeds=3, stream=2000, words=4000, stories=1600, few=40,
             held_out=40, batch=4, context=128, steps=300, width=48, rates=(0.005, 0.01, 0.02),
             samples=20),
    gpu=dict(good=3000, each=100, seeds=3, stream=20_000, words=20_000, stories=8000, few=200,
             held_out=100, batch=16, context=128, steps=600, width=96,
             rates=(0.003, 0.006, 0.012), samples=50),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# ### One quotation mark
#
# Text is stored as bytes, mostly in UTF-8, where “ takes three. A program that believes in the
# older Windows-1252 shows each byte as a sign of its own. **Predict:** how many signs do you see,
# and how many if the mistake is made twice?

# %%
mark = "“"
once = mark.encode("utf-8").decode("cp1252")
twice = once.encode("utf-8").decode("cp1252")
print(list(mark.encode()), "->", once, "->", twice, f"({len(once)} and {len(twice)} signs)")
print("and back:", once.encode("cp1252").decode("utf-8"))

# %% [markdown]
# Three, then seven. Such damage is called *mojibake*, and here nothing is lost: the same two steps,
# turned around, repair it.
#
# ### How alike are two texts?
#
# Take the set of words of each. The share of all words that both have is their **Jaccard
# similarity**: 1 for equal sets, 0 where nothing is shared. Here it is 3 of 5. Now shuffle the five
# words, and let each text name the first of *its* words in the shuffled order. **Predict:** in how
# many of all 120 orders do the two texts name the same word?

# %%
a, b = set("the cat sat down".split()), set("the cat ran down".split())
orders = list(permutations(sorted(a | b)))
firsts = [[next(w for w in order if w in text) for text in (a, b)] for order in orders]
same = sum(one == other for one, other in firsts)
print(f"shared: {len(a & b)} of {len(a | b)} words; same first: {same} of {len(orders)} orders")

# %% [markdown]
# 72 of 120 is 3 of 5, and that is no accident. Each of the five words is as often the first of all
# as any other. If it is one of the three shared words, both texts name it; if not, they name
# different ones. So the similarity of two long texts can be *estimated* with a few shuffles: under
# each, note the first word of either text, and count how often they agree. This is **MinHash**
# ([Broder, 1997](https://doi.org/10.1109/SEQUEN.1997.666900)), and 128 noted words can stand for a
# text of any length.

# %% [markdown]
# ## Build it
#
# ### 1 · A corpus whose defects are known
#
# To count what a cleaner misses, one must know the truth. `planted.plant` takes stories and spoils
# some of them on purpose, in ways that real corpora are spoiled: *damage*, which can be repaired;
# *junk*, which should go; and *copies* of the first stories, changed a little. Each row has its
# kind, its text and its true story.

# %%
kinds, raw, truth = zip(*planted.plant(seed=0, good=size.good, each=size.each))
rows_of = {kind: [i for i, k in enumerate(kinds) if k == kind] for kind in dict.fromkeys(kinds)}
junk = np.array([story is None for story in truth])
for kind, rows in rows_of.items():
    print(f"{kind:13} {len(rows):4}  {raw[rows[1]][:70]!r}")

# %% [markdown]
# ### 2 · Repair
#
# The way back from mojibake is known, but a text is rarely damaged as a whole: one sign that was
# right is enough to make the way back impossible. So we go sign by sign. Make the mistake for each
# sign that Windows-1252 knows, and note what comes out: that is a table from wrong to right. (Five
# bytes mean nothing in Windows-1252. Some programs keep them as an invisible sign, hence `or chr(byte)`,
# others drop them: then a ” is `â€` alone.)

# %%
SIGN = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]


def misread(text):  # helpers/text/clean.py
    return "".join(SIGN[byte] for byte in text.encode())


RIGHT = {misread(sign): sign for sign in SIGN[128:]} | {"â€": "”"}
MISREAD = re.compile("|".join(sorted(RIGHT, key=len, reverse=True)))  # longest first


def fix_mojibake(text):  # helpers/text/clean.py
    while (fixed := MISREAD.sub(lambda match: RIGHT[match[0]], text)) != text:
        text = fixed
    return text


mixed = "“Right” and â€œwrongâ€ and Ã¢â‚¬Å“wrong twiceâ€, CAFÉ…"
try:
    print("as a whole:  ", mixed.encode("cp1252").decode("utf-8"))
except UnicodeError as error:
    print("as a whole:  ", error)
print("sign by sign:", fix_mojibake(mixed))

# %% [markdown]
# The loop repairs what was misread more than once. Four more steps, a few lines each, stand in
# `helpers/text/clean.py`:
#
# - `drop_markup` takes out `<p>` and turns `&amp;` into &.
# - `plain_signs` gives each sign one spelling: “ becomes ", because a small model should not have
#   to learn two signs for one thing; é can be one character or two (e and an accent), which look
#   alike and are not equal. What cannot be seen, such as control characters, goes.
# - `unwrap` joins lines that a printer broke. It knows them by this: the next word had no room. A
#   poet's lines have room left, and stay.
# - `tidy` is for spaces and empty lines.
#
# **Predict** which of the planted kinds come back, letter for letter.


# %%
def repair(text):  # helpers/text/clean.py
    for step in (fix_mojibake, drop_markup, plain_signs, unwrap, tidy):
        text = step(text)
    return text


repaired = [repair(text) for text in raw]
for kind in ("good", *planted.DAMAGE):
    right = [sum(texts[i] == truth[i] for i in rows_of[kind]) for texts in (raw, repaired)]
    claim = f"{kind:13} right before: {right[0]:4}, after: {right[1]:4} of {len(rows_of[kind])}"
    check.true(claim, right[1] == len(rows_of[kind]))

# %% [markdown]
# All, and the good ones were left alone. (The table knows the signs of Windows-1252 only: a misread 日本
# stays broken, and a text *about* mojibake would be changed.) But planted defects are those that we thought of.
# Here is a page that nobody planted, from a book of [Project
# Gutenberg](https://www.gutenberg.org/ebooks/2591), shortened.

# %%
book = "\ufeff" + """\
This eBook is for the use of anyone anywhere at no cost and with
almost no restrictions whatsoever.

*** START OF THIS PROJECT GUTENBERG EBOOK GRIMMS’ FAIRY TALES ***

 ‘Shake, shake, hazel-tree,
  Gold and silver over me!’

Then her kind friend the bird brought a dress still finer than the
former one, and slippers which were all of gold: so that when she came
to the feast no one knew what to say, for wonder at her beauty: and the
king’s son danced with nobody but her; and when anyone else asked her to
dance, he said, ‘This lady is _my_ partner, sir.’
"""  # fmt: skip
for line in repair(clean.strip_gutenberg(book)).split("\n"):
    print(textwrap.fill(line, 90, subsequent_indent="    "))

# %% [markdown]
# Three lines, each a verse or a paragraph (indented where the page is too narrow). The licence, the
# printer's breaks, the curly quotes and the underscores of the italics are gone; the words are all
# there.
#
# ### 3 · Copies
#
# Why drop copies? The tenth copy of a text teaches little that is new, and costs as much as the
# first. And a copy that lands among the texts we judge by is a question whose answer was shown
# before.
#
# Exact copies are easy: remember a fingerprint of each text (a *hash*: equal texts have equal
# ones). But one other letter makes another hash. So we also compare contents, as above, with runs
# of three words in place of single words, since they hold some of the order. They are called
# **shingles**; `crc32` makes a number of 32 bits out of each. **Predict** how long it takes to
# compare a million texts, each with each.


# %%
def shingles(text, width=3):  # helpers/text/duplicates.py
    words = re.findall(r"\w+", text.lower())
    runs = zip(*(words[start:] for start in range(width)), strict=False)
    numbers = [crc32(" ".join(run).encode("utf-8", "surrogatepass")) for run in runs]
    return np.unique(np.array(numbers or [crc32(" ".join(words).encode())], np.uint32))


# %%
def jaccard(a, b):  # helpers/text/duplicates.py
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


# %%
sets = [shingles(text) for text in repaired[: size.good]]
begin = time.perf_counter()
alike = [jaccard(one, other) for one in sets[:20] for other in sets]
per_pair = (time.perf_counter() - begin) / len(alike)
days = per_pair * 5e11 / 86_400  # of 500 billion pairs
print(f"all pairs of a million texts: {days:,.0f} days; of a billion: {days * 2740:,.0f} years")

# %% [markdown]
# The number of pairs grows with the square of the number of texts; a large corpus is out of reach.
#
# ### 4 · MinHash
#
# In place of shuffling all shingles we take a formula that scatters their numbers, `a * x + b` with
# random `a` and `b`. (uint64 drops what exceeds 64 bits, and `>> 32` keeps the upper half.) The
# shingle with the *smallest* result is "the first in the shuffled order". 128 formulas make a
# **signature** of 128 numbers.


# %%
class MinHash:  # helpers/text/duplicates.py
    def __init__(self, bands=32, rows=4, seed=0):
        if bands < 1 or rows < 1:
            raise ValueError(f"bands={bands} and rows={rows} must be at least 1")
        random = np.random.default_rng(seed)
        size = (2, bands * rows, 1)
        self.bands = bands
        self.a, self.b = random.integers(0, 2**64, size, dtype=np.uint64)

    def signature(self, shingles):  # (n,) -> (bands * rows,) uint32
        mapped = self.a * shingles.astype(np.uint64) + self.b  # (bands * rows, n), modulo 2^64
        return (mapped >> np.uint64(32)).min(axis=1).astype(np.uint32)

    def keys(self, signature):
        rows = signature.reshape(self.bands, -1)
        return [(band, row.tobytes()) for band, row in enumerate(rows)]


pair = [shingles(repaired[i]) for i in (0, rows_of["three typos"][0])]
signatures = [MinHash().signature(text) for text in pair]
agree = np.mean(signatures[0] == signatures[1])
print(f"a story and its copy with typos: Jaccard {jaccard(*pair):.3f}, signatures {agree:.3f}")

# %% [markdown]
# Signatures are short, but their pairs are as many. The trick is in `keys`: cut the 128 numbers
# into 32 **bands** of 4 rows, and put texts into buckets by each band. Only texts that meet in a
# bucket, with all 4 numbers of a band equal, are compared at all. With similarity s, one number
# agrees with probability s, four with s⁴, and at least one of 32 bands with 1 − (1 − s⁴)³².
# **Predict** the shape of this curve, and which way it moves with 2 or 8 rows in a band.

# %%
words, s = repaired[0].split(), np.linspace(0, 1, 101)
cuts = [shingles(" ".join(words[cut:])) for cut in range(0, 95, 6)]  # less and less of it
likes = [jaccard(cuts[0], cut) for cut in cuts]
fig, ax = plots.figure("Chance that two texts meet in a bucket", 5.2, 2.4)
for bands, rows, color in ((64, 2, plots.BLUE), (32, 4, plots.GREEN), (16, 8, plots.ORANGE)):
    many = MinHash(200 * bands, rows)
    tries = [many.signature(cut).reshape(200, bands, rows) for cut in cuts]
    met = [(tries[0] == other).all(2).any(1).mean() for other in tries]
    ax.plot(s, 1 - (1 - s**rows) ** bands, color=color)
    ax.plot(likes, met, "o", color=color, ms=4)
    middle = (1 - 0.5 ** (1 / bands)) ** (1 / rows)
    ax.text(middle + 0.03, 0.4, f"{bands} bands of {rows}", color=color)
ax.set(xlabel="Jaccard similarity", ylabel="share of 200 tries")
plots.show(fig, alt="Three S-curves with measured points: longer bands lie further right.")

# %% [markdown]
# An S, and the measured points lie on it: a net whose mesh you choose. With 32 bands of 4, texts at
# 0.6 meet almost always, texts at 0.3 one time in four. The latter costs a comparison and no more,
# because whoever meets is compared exactly. All together, in one pass over the texts:


# %%
def near_copies(texts, threshold=0.6, minhash=None):  # helpers/text/duplicates.py
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold={threshold} is a share: above 0, at most 1")
    minhash = minhash or MinHash()
    kept, buckets, copy_of = {}, defaultdict(list), []
    for position, text in enumerate(texts):
        mine = shingles(text)
        keys = minhash.keys(minhash.signature(mine))
        rivals = sorted({rival for key in keys for rival in buckets.get(key, ())})
        alike = (rival for rival in rivals if jaccard(mine, kept[rival]) >= threshold)
        copy_of.append(next(alike, None))
        if copy_of[-1] is None:
            kept[position] = mine
            for key in keys:
                buckets[key].append(position)
    return copy_of


some = [i for i, story in enumerate(truth) if story]  # all but junk
begin = time.perf_counter()
near = near_copies([repaired[i] for i in some])
took = time.perf_counter() - begin
megabytes, all_pairs = sum(len(repaired[i]) for i in some) / 1e6, per_pair * len(some) ** 2 / 2
print(f"{megabytes / took:.1f} MB a second, {all_pairs / took:.0f} times as fast as all pairs;")
print(f"at this speed, a million texts take {took / len(some) * 1e6 / 60:.0f} minutes")
exact = duplicates.exact_copies([repaired[i] for i in some])
for kind in ("good", *planted.COPIES):
    rows = [some.index(i) for i in rows_of[kind]]
    found = [sum(copy_of[row] is not None for row in rows) for copy_of in (exact, near)]
    print(f"{kind:13} of {len(rows):4}: {found[0]:3} by the hash, {found[1]:3} by MinHash")

# %% [markdown]
# The hash finds two kinds, MinHash all eight; only "end gone" not always, since without its last
# two sentences a story can fall below 0.6. And two good stories are taken for copies: they tell the same plot
# in nearly the same words. Is 0.6 a good border? We plant other corpora and count:
# copies found, and *false alarms*, texts that were taken for copies. **Predict** what a lower
# border gains, and what it costs.

# %%
borders, found = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8), []
for seed in range(1, 1 + size.seeds):
    rows = [row for row in planted.plant(seed, size.good, size.each) if row[2]]  # without junk
    texts, copies = [repair(row[1]) for row in rows], [row[0] in planted.COPIES for row in rows]
    flags = [[copy is not None for copy in near_copies(texts, border)] for border in borders]
    flags, copies = np.array(flags), np.array(copies)  # (borders, texts), (texts,)
    found.append((flags[:, copies].mean(1), flags[:, ~copies].mean(1)))
recall, alarms = np.array(found).transpose(1, 2, 0)  # both (borders, seeds)
for border, found, false in zip(borders, recall.mean(1), alarms.mean(1)):
    print(f"{border}: copies found {found:6.1%}, false alarms {false:5.1%}")
check.true("0.6, every seed: at least 95 % found, at most 1 % false alarms",
           [recall[3].min() >= 0.95, alarms[3].max() <= 0.01])  # fmt: skip

# %% [markdown]
# Lower, and good stories are thrown away (originals, too); higher, and copies stay. For other texts the best border
# is another one: plant copies in *your* corpus and look.
#
# ### 5 · Filters that say why
#
# Junk is dropped. The usual filters ([C4's, 2019](https://arxiv.org/abs/1910.10683), [Gopher's,
# 2021](https://arxiv.org/abs/2112.11446)) measure a text and set limits. Ours give their reasons: a
# filter that drops in silence will one day drop what you wanted, and nobody will know. ("Small
# words" are the, and, to, of and the like; "lost" counts � and mojibake that is left.) **Predict** which kind
# of junk gets through.

# %%
SMALL_WORDS, ENDINGS, LIMITS = clean.SMALL_WORDS, clean.ENDINGS, clean.LIMITS
print("what is kept:", LIMITS)


def measures(text):  # helpers/text/clean.py
    words = re.findall(r"\w+", text.lower())
    runs = Counter(zip(words, words[1:], words[2:], strict=False))
    return {
        "words": len(words),
        "letters": sum(c.isalpha() or c.isspace() for c in text) / max(1, len(text)),
        "small words": sum(word in SMALL_WORDS for word in words) / max(1, len(words)),
        "word length": sum(map(len, words)) / max(1, len(words)),
        "repetition": 1 - len(runs) / max(1, runs.total()) if runs else 0.0,
        "ending": float(text.rstrip().lower().endswith(ENDINGS)),
        "lost": text.count("\ufffd") + len(MISREAD.findall(text)),
    }


# %%
def reasons(text, limits=LIMITS):  # helpers/text/clean.py
    found = measures(text)
    if unknown := limits.keys() - found.keys():
        raise ValueError(f"no measure {min(unknown)!r}; there are {', '.join(found)}")
    outside = [name for name, (low, high) in limits.items() if not low <= found[name] <= high]
    return [f"{name} {found[name]:.3g} not in {limits[name]}" for name in outside]


# %%
dropped = np.array([bool(reasons(text)) for text in repaired])
for kind in planted.JUNK:
    first, found = rows_of[kind][1], dropped[rows_of[kind]].sum()
    print(f"{kind:13} {found:3} of {size.each}:", *reasons(repaired[first])[:2], sep="  ")
precision, recall = junk[dropped].mean(), dropped[junk].mean()
check.true(f"precision {precision:.1%}, recall {recall:.1%}", min(precision, recall) > 0.9)

# %% [markdown]
# (*Precision* is the share of the dropped texts that are junk, *recall* the share of the junk that
# was dropped.) A story that was cut off exactly at the end of a sentence looks like a whole one.
#
# ### Play: strict or lenient
#
# What is kept of each kind, as the limits move? **Predict** which good texts a strict filter drops.


# %%
def kept_by(ax, letters, small_words, repetition):
    limits = dict(letters=(letters, 1), repetition=(0, repetition))
    limits["small words"] = (small_words, 1)
    for kind in ("good", "wrapped", "in a frame", *planted.JUNK):
        kept = [not reasons(repaired[i], limits) for i in rows_of[kind][: size.each]]
        color = plots.ORANGE if kind in planted.JUNK else plots.BLUE
        ax.barh(kind, 100 * np.mean(kept), color=color)
    ax.set(xlim=(0, 100), xlabel="kept (%)")
    title = f"letters ≥ {letters:.2f}\nsmall words ≥ {small_words:.2f}"
    ax.set_title(f"{title}\nrepetition ≤ {repetition:.2f}")
    ax.invert_yaxis()


good = [measures(repaired[i]) for i in rows_of["good"]]
strict = {"letters": (0.93, 1), "small words": (0.25, 1), "repetition": (0, 0.01)}
for name, (low, high) in strict.items():
    alone = np.mean([not low <= m[name] <= high for m in good])
    print(f"{name} alone drops {alone:.0%} of the good texts")
names = ("letters", "small_words", "repetition")
panels = [dict(zip(names, three)) for three in ((0, 0, 1), (0.8, 0.1, 0.3), (0.93, 0.25, 0.01))]
alt = "Bars of what is kept: no limits keep all junk, strict ones drop many good stories too."
knobs = dict.fromkeys(names, (0.0, 1.0, 0.01))
widgets.explore("Kept: good texts (blue), junk (orange)", kept_by, panels, alt=alt, **knobs)

# %% [markdown]
# Each of the strict limits drops good stories: those with few small words, those that say a phrase twice, and
# those with much dialogue (quotation marks are no letters). A filter decides what your model will never see.
#
# ### 6 · A split without leakage
#
# Some texts are *held out*: never trained on, only used to judge. If a copy of one is among the
# training texts, the judge is bribed. This is **leakage**. Three ways to hold out one text in ten
# of our corpus with its copies: by chance; by a hash of the text; by a hash of its original.
# **Predict** how many held-out texts have a copy in training, for each.


# %%
def one_in_ten(text):
    return crc32(text.encode()) % 10 == 0


texts, stories_of = [repaired[i] for i in some], [truth[i] for i in some]
by_original = [one_in_ten(texts[i if c is None else c]) for i, c in enumerate(near)]
by_chance = np.random.default_rng(0).random(len(texts)) < 0.1
splits = {"by chance": by_chance, "by its text": [one_in_ten(text) for text in texts]}
leaks = {}
for name, held in (splits | {"by its original": by_original}).items():
    learned = {story for story, out in zip(stories_of, held) if not out}
    leaks[name] = sum(story in learned for story, out in zip(stories_of, held) if out)
    print(f"{name:16} {sum(held):4} held out, {leaks[name]:3} of them with a copy in training")
check.true("a third at most by its original", leaks["by its original"] < leaks["by chance"] / 3)

# %% [markdown]
# A hash of the text keeps exact copies together, but tears changed ones apart. The hash of the
# original keeps together whatever was *found* to be a copy; where MinHash missed one copy of a story, all
# its family may leak.
# (To drop the copies before the split comes to the same.)
#
# ### 7 · One stream on disk
#
# A tokenizer cuts text into pieces, *tokens*, and numbers them; tomorrow you build one, today we
# take the course's. A model reads rows of equal length, and texts are not of equal length. The
# first idea is **padding**: fill up with a number that means nothing. The second is **packing**:
# write all texts one after another, with a token *end-of-text* before, between and after, and cut
# the stream into windows. **Predict** how much of what a model reads is padding: for our stories,
# and for the pages of Python's manual, whose lengths differ more.
#
# The stream then goes to a file, two bytes a token, since there are fewer than 65,536 kinds.
# `np.memmap` opens a file as if it were an array: the operating system fetches a part when it is
# touched. So a corpus may be larger than the memory.


# %%
def pack(lists, end):
    stream, starts = [end], [1]  # where each text starts, and where the next one would
    for ids in lists:
        stream += [*ids, end]
        starts.append(len(stream))
    return np.array(stream, np.uint16), np.array(starts)


# %%
print(*pack([[5, 6, 7], [8], [9, 9]], end=0))
tokenizer = Tokenizer.load(runtime.ROOT / "checkpoints" / "reference")
end, cleaned = tokenizer.end_of_text_id, clean.clean(raw)
manual = [repair(page) for page in dict.fromkeys(topics.values())]  # some have two names

# %%
for name, texts in (("manual", manual), ("stories", cleaned.texts)):
    ids, starts = pack(tokenizer.encode_batch(texts), end)
    windows = data.window_starts(starts, size.context)
    padded, packed = len(texts) * np.diff(starts).max(), len(windows) * size.context
    padding, twice = 1 - len(ids) / padded, 1 - len(ids) / packed
    print(f"{name}: {padding:.0%} padding; by the course's windows {twice:.0%} read twice")

# %%
folder = Path(tempfile.mkdtemp())
ids.tofile(folder / "mine.bin")
mapped = np.memmap(folder / "mine.bin", dtype=np.uint16, mode="r")
print(f"{len(mapped):,} tokens, {mapped.nbytes:,} bytes; text 7, read from the disk:")
print(tokenizer.decode(mapped[starts[7] : starts[8] - 1].tolist())[:90], "...")

# %% [markdown]
# Most of what a model reads of the manual would be padding. Our stories are short and alike, so there it would
# cost little. Packing into plain windows has none, but most of them begin in the middle of a text. The
# course's windows (`data.window_starts`) begin where a text begins, so a text that a window cuts off is begun
# anew in the next. The price: its beginning is learned twice.
#
# ### 8 · A loader that resumes
#
# Training reads the windows in a new random order in each *epoch* (one pass over all). A run that
# is killed must go on with the very next batch, or it sees some texts twice and others never. The
# trick is to need almost no memory: the order follows from the seed and the epoch, so *how many
# windows were read* is the whole state. We take ten batches across the border of an epoch; then we
# throw the loader away, as if the process had died. **Predict** what a new loader gives that is told where the old one was, and one that
# starts over.


# %%
class Loader:
    def __init__(self, ids, windows, batch_size, context, seed, done=0):
        self.ids, self.windows, self.seed = ids, windows, seed
        self.batch_size, self.context = batch_size, context
        self.done = done  # windows read so far

    def start(self, number):  # simple, not fast: makes the order of the epoch each time
        epoch, place = divmod(number, len(self.windows))
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.windows))
        return self.windows[order[place]]

    def next(self):  # -> inputs and labels, both (batch_size, context)
        starts = [self.start(self.done + row) for row in range(self.batch_size)]
        self.done += self.batch_size
        places = np.array(starts)[:, None] + np.arange(-1, self.context)  # from the end before
        block = self.ids[np.minimum(places, len(self.ids) - 1)].astype(np.int64)
        return torch.from_numpy(block[:, :-1]), torch.from_numpy(block[:, 1:])


# %%
settings = (mapped, windows, 4, size.context, 0)
loader = Loader(*settings)
for _ in range(len(windows) // 4 - 5):
    loader.next()
told = loader.done  # all that is saved
due = [loader.next()[0] for _ in range(10)]  # across the border of the epoch
cases = {"resumed": (Loader(*settings, told), 10), "started over": (Loader(*settings), 0)}
for name, (new, expected) in cases.items():
    same = sum(torch.equal(new.next()[0], batch) for batch in due)
    check.true(f"{name}: {same} of 10 batches are those that were due", same == expected)

# %% [markdown]
# ## Check it
#
# The course's own code reads a file, packs it into a map that it keeps, and refuses maps that are
# broken or foreign; its `Batches` are what every later day trains with. Both must give the numbers
# that you got. The third authority is `datasets`, the library that most corpora are published with:
# its `map` and `filter` must come to the same texts. And what was kept and what was dropped must
# add up.


# %%
def prepared(name, texts):  # prepare holds out one text in twenty, by its hash
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return data.prepare(path, tokenizer, folder / name)


# %%
theirs = prepared("mine", cleaned.texts)
texts = list(documents(folder / "mine.jsonl", "train"))
ids, starts = pack(tokenizer.encode_batch(texts), end)
check.close("my stream = the course's", ids.astype(int), theirs.input_ids.astype(int), tol=0)
check.close("my starts = the course's", starts, theirs.starts, tol=0)

# %%
batches = data.Batches(theirs, 4, size.context, seed=0)
mine = Loader(ids, data.window_starts(starts, size.context), 4, size.context, seed=0)
pairs = [(mine.next(), batches.next()) for _ in range(len(batches.windows) // 2)]  # two epochs
equal = [torch.equal(my[0], its[0]) for my, its in pairs]
equal += [torch.equal(my[1][its[1] >= 0], its[1][its[1] >= 0]) for my, its in pairs]
check.true("my loader = the course's, in inputs and labels", equal)  # -100 stands for no label

# %%
datasets.disable_progress_bars()
table = datasets.Dataset.from_dict({"text": list(raw)})
table = table.map(lambda row: {"text": clean.repair(row["text"])})
table = table.filter(lambda row: not clean.reasons(row["text"]))
check.true("datasets agrees", list(table["text"]) == [t for t in repaired if not reasons(t)])

# %%
why = Counter(re.match(r"[a-z ]*[a-z]", reason)[0] for reason in cleaned.dropped.values())
print(f"of {len(raw):,} texts kept {len(cleaned.texts):,}; dropped: {dict(why)}")

theirs, true = duplicates.near_copies([repaired[i] for i in some]), set(truth) - {None}
check.true("my near copies = the course's", near == theirs)
back = len(true & set(cleaned.texts)) / len(true)
check.true(f"{back:.1%} of the true stories are there, letter for letter", back > 0.95)

# %% [markdown]
# ## Use it
#
# ### Real stories, real copies
#
# [TinyStories](https://arxiv.org/abs/2305.07759) are some two million short stories that language
# models wrote. `documents("tinystories")` *streams* them: they come while we read, and nothing is
# downloaded first. Without a network the cell says so, and all else goes on.
#
# Real near-copies you have on your own disk: every package of Python comes with its licence, and
# there are few licences, with other names and years in them. **Predict:** of all these files, how
# many are different, and how many if near-copies count once?

# %%
real = []
try:
    dropped = clean.clean(real := list(documents("tinystories", limit=size.stream))).dropped
    print(len(real), "real stories; dropped:", Counter(w.split()[0] for w in dropped.values()))
except ValueError as error:  # no network, for example
    print(str(error).split(";")[0])

# %%
is_licence = re.compile(r"(licen[cs]e|copying)(\.(txt|md|rst))?", re.I).fullmatch
files = {p.name: f for p in distributions() for f in p.files or [] if is_licence(f.name)}
paths = [path for path in (Path(file.locate()) for file in files.values()) if path.is_file()]
found = [repair(path.read_text(encoding="utf-8", errors="replace")) for path in paths]
copy_of, different = near_copies(found), len(set(found))
left = copy_of.count(None)
print(f"{len(found)} files, {different} different, {left} once near-copies are dropped")
for original, times in Counter(c for c in copy_of if c is not None).most_common(3):
    print(f"{times + 1:3} x {' '.join(found[original].split())[:60]} ...")
check.true("fewer without near-copies", left < different)

# %% [markdown]
# In the stored run the three largest kinds are the BSD, the MIT and the Apache licence. A corpus
# from the web looks like this too: [Lee et al. (2021)](https://arxiv.org/abs/2107.06499) found many
# near-copies in the corpora that everybody used, and some of the held-out texts among the training
# texts.
#
# ### Zipf's line
#
# Count the words of a corpus and sort them by how often they occur. On Day 2 a straight line in
# log-log was a power law. **Predict** the slope: how much rarer is the 100th word than the 10th?

# %%
sources = {"stories": [stories.write(i).text for i in range(size.words)], "manual": manual}
fig, ax = plots.figure("Words, from the most frequent to the rarest", 5.2, 2.6)
for name, texts in (sources | ({"TinyStories": real} if real else {})).items():
    words = Counter(word for text in texts for word in re.findall(r"[a-z']+", text.lower()))
    often = np.array(sorted(words.values(), reverse=True))
    rank = np.arange(1, len(often) + 1)
    at = np.unique(np.geomspace(10, min(1000, len(often)), 30).astype(int)) - 1
    slope = np.polyfit(np.log(rank[at]), np.log(often[at]), 1)[0]  # each factor counts alike
    rarer = often[9] / often[99], often[99] / often[min(999, len(often) - 1)]
    ax.loglog(rank, often / often.sum(), label=name)
    print(
        f"{name}: {len(often):,} words, {np.mean(often == 1):.0%} come once, slope {slope:.2f}"
    )
    print("   the 100th is {:.1f} times as rare as the 10th, the 1000th {:.0f}".format(*rarer))
ax.set(xlabel="rank", ylabel="share of all words")
plots.name_lines(ax)
plots.show(fig, alt="Falling lines in log-log; that of the stories breaks off at its end.")

# %% [markdown]
# The fitted slope is near −1: ten times the rank, about a tenth of the frequency. This is **Zipf's law**, a
# rule of thumb: here the 100th word is six to eight times as rare as the 10th, and from there on the line is
# steeper. Human text, here a manual, keeps to it far down, with many words that occur only once. The story
# world has a fixed list of words, so its line breaks off.
#
# ### How data shapes a model
#
# The question of the day. One small language model (the one that you build in the coming days;
# today it is a black box that learns to give the next token a high probability) is trained on four
# corpora, with the same number of steps and tokens. The judge is one for all: clean stories, held
# out, in bits per byte, beside the floor that no model can beat (Day 2).
#
# - *noisy*: of many stories every second is damaged or made junk. These take more tokens than a good story,
#   so only about a third of the tokens are good text
# - *clean*: what our cleaner makes of that noisy corpus
# - *duplicated*: every second text is a copy, mostly changed, of one of 20 stories
# - *small*: a few stories, read again and again
#
# Each corpus may choose the best of its learning rates, and has several seeds. **Predict** the
# order of the four, and the shape of *small*.

# %%
fresh = [stories.write(500_000_000 + i).text for i in range(size.stories)]
few, copies = fresh[: size.few], [*planted.COPIES.values()]
spoil = [*planted.DAMAGE.values(), *planted.JUNK.values()]
noisy = [spoil[i // 2 % len(spoil)](text) if i % 2 else text for i, text in enumerate(fresh)]
doubled = [copies[i // 2 % 8](few[i // 16 % 20]) if i % 2 else t for i, t in enumerate(fresh)]
corpora = dict(clean=clean.clean(noisy).texts, noisy=noisy, duplicated=doubled, small=few)

# %%
CONFIG = Qwen3Config(hidden_size=size.width, intermediate_size=2 * size.width, head_dim=24,
                     num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                     vocab_size=tokenizer.vocab_size, initializer_range=0.05)  # fmt: skip
MARKS = [size.steps * part // 5 for part in range(1, 6)]


def train(batches, lr, seed, judges):
    """The model, its bits per byte by each judge at five marks, and its training losses."""
    torch.manual_seed(seed)
    model, marks, losses = Qwen3(CONFIG).to(run.device), [], []
    optimizer = adamw(model, lr, betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(size.steps):
        inputs, labels = (tensor.to(run.device) for tensor in batches.next())
        set_lr(optimizer, lr * (1 - step / size.steps))  # smaller and smaller steps: Day 16
        loss = F.cross_entropy(model(inputs).flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step + 1 in MARKS:
            marks.append([evaluate(model, judge).bits_per_byte for judge in judges])
    return model, np.array(marks).T, losses  # marks: (judges, 5)


# %%
honest = data.prepare("stories", tokenizer, folder, split="validation", limit=size.held_out)
maps = {name: prepared(name, texts) for name, texts in corpora.items()}
curves = np.zeros((len(corpora), len(size.rates), size.seeds, len(MARKS)))
bar = Bar(curves[..., 0].size, "training")
for done, (k, j, seed) in enumerate(np.ndindex(curves.shape[:3]), start=1):
    batches = data.Batches(list(maps.values())[k], size.batch, size.context, seed)
    curves[k, j, seed] = train(batches, size.rates[j], seed, [honest])[1]
    bar.update(done, f"{list(maps)[k]}, rate {size.rates[j]}")

# %%
chosen = curves[..., -1].mean(2).argmin(1)  # of each corpus, the rate that ends lowest
best = {name: curves[k, chosen[k]] for k, name in enumerate(corpora)}
seen = np.array(MARKS) * size.batch * size.context / 1000
held = [stories.write(stories.VALIDATION_SEEDS + i) for i in range(size.held_out)]
honest_texts = [story.text for story in held]
fig, ax = plots.figure("Four corpora, one judge", 5.2, 2.9)
for name, found in best.items():
    plots.band(ax, found, name, steps=seen)
ax.axhline(stories.floor_of(held).bits_per_byte, color=plots.GRAY, ls=":", label="floor")
ax.set(xlabel="thousand tokens read", ylabel="bits per byte, clean stories", ylim=(0, None))
plots.name_lines(ax)
plots.show(fig, alt="Clean ends lowest, then duplicated, then noisy; small turns and rises.")

# %%
last = {name: found[:, -1] for name, found in best.items()}
for k, (name, bits) in enumerate(last.items()):
    low, rate = curves[k].mean(1).min(), size.rates[chosen[k]]
    print(
        f"{name:11} {bits.mean():.2f} ± {bits.std(ddof=1):.2f}, rate {rate}; lowest {low:.2f}"
    )
gap = min(last[name].min() for name in last if name != "clean") - last["clean"].max()
check.true(f"every clean run is {gap:.2f} below any other", run.scale == "tiny" or gap > 0)

# %% [markdown]
# Nothing but the data differs, and the gaps to *clean* are far outside the spread. Noise costs
# much: of the same number of tokens, many tell no story. Copies, in these proportions, cost less; half of the
# reading teaches little. *Small* turns, as on Day 1: it learns its few stories by heart, and its lowest
# point, too, is far above *clean*. (All four are far from the floor, which takes a longer training:
# Day 21. How often may good data be read? [A study of 2023](https://arxiv.org/abs/2305.16264) found
# that four times were nearly as good as new data.)

# %% [markdown]
# ## What can go wrong
#
# Three suspects. None raises an error, and two of them make the loss look *better*.
#
# ### Suspect 1: the file is there
#
# To pack a large corpus takes hours, so this function first looks whether the file is there. Its
# first run is stopped by a power cut. **Predict** what the second run does, and how the training
# loss looks.


# %%
def careless(path, lists, power_cut=None):
    if path.exists():  # then it was made before
        return np.memmap(path, np.uint16, "r")
    ids = np.memmap(path, np.uint16, "w+", shape=sum(map(len, lists)) + len(lists) + 1)
    place = 1
    for number, text in enumerate(lists):
        if number == power_cut:
            return None
        ids[place : place + len(text)] = text
        place += len(text) + 1  # a new file is all zeros, and 0 is end-of-text
    return ids


# %%
train_texts = list(documents(folder / "clean.jsonl", "train"))
lists = tokenizer.encode_batch(train_texts)
whole = careless(folder / "whole.bin", lists)
check.true("without a power cut it is right", np.array_equal(whole, pack(lists, end)[0]))
careless(folder / "cut.bin", lists, power_cut=len(lists) // 2)
cut = careless(folder / "cut.bin", lists)  # the second run


# %%
def train_on(ids):
    starts = np.arange(1, len(ids), size.context)
    loader = Loader(ids, starts, size.batch, size.context, seed=0)
    return train(loader, size.rates[0], 0, [honest])


# %%
models, result = {}, {}
for name, ids in {"whole": whole, "cut": cut}.items():
    models[name], [[*_, bits]], losses = train_on(ids)
    result[name] = np.array([np.mean(losses[-size.steps // 5 :]), bits])
    print(
        "{:6} training {:.2f} nats per token, held out {:.2f} bits per byte".format(
            name, *result[name]
        )
    )
better, worse = result["cut"] - result["whole"]
check.true("a lower loss, a worse model", run.scale == "tiny" or better < -0.3 and worse > 0)

# %% [markdown]
# Half of the file is zeros, and zeros are easy to predict: the training loss looks better, and the
# model is worse. The remedy: write under another name, and rename when all is done; a rename
# happens as a whole or not at all. A data tool of NVIDIA's skipped files that were there,
# half-written or not, [until it did so](https://github.com/NVIDIA/physicsnemo-curator/pull/27). The
# course's maps also keep a checksum, and are refused if it is not right.
#
# ### Suspect 2: no end
#
# Somebody packs without end-of-text: "The model will see where a story ends." **Predict** what this
# model does after the end of its story.

# %%
run_on = np.concatenate([np.array(text, np.uint16) for text in lists])
models["no end"], *_ = train_on(run_on)
prompts, ended = [tokenizer.encode("One")] * size.samples, {}
nucleus = Sampling(top_p=0.9)  # draw among the likeliest tokens that make up 90 %
for name in ("whole", "no end"):
    texts = generate_all(models[name], prompts, 300, stop_ids=[end], sampling=nucleus)
    ended[name] = sum(text[-1] == end for text in texts)
    print(f"{name:6} {ended[name]} of {len(texts)} stories end within 300 tokens")
right = ended["no end"] == 0 and ended["whole"] > size.samples / 2
check.true("no end in training, no end in writing", run.scale == "tiny" or right)

# %% [markdown]
# It cannot stop: in its training nothing ever ended. [Stanford's
# Mistral](https://github.com/stanford-crfm/mistral/issues/90) packed its corpora like this: asked to begin, its
# models usually began in the middle of a sentence.
#
# ### Suspect 3: a bribed judge
#
# The few stories of *small* once more. Somebody holds out near-copies of them: one sentence is
# missing, the rest is the same. **Predict** both curves, honest and leaking.

# %%
shorter = planted.COPIES["sentence gone"]
leaking = prepared("leaking", [shorter(text) for text in few])
both = np.zeros((size.seeds, 2, len(MARKS)))
for seed in range(size.seeds):
    batches = data.Batches(maps["small"], size.batch, size.context, seed)
    both[seed] = train(batches, size.rates[0], seed, [honest, leaking])[1]

# %%
fig, ax = plots.figure("One training, two judges", 5.2, 2.4)
for judge, name in enumerate(("new stories", "near-copies")):
    plots.band(ax, both[:, judge], name, steps=seen)
ax.set(xlabel="thousand tokens read", ylabel="bits per byte", ylim=(0, None))
plots.name_lines(ax)
plots.show(
    fig, alt="On new stories the loss rises, on near-copies of the learned ones it falls."
)
gap = both[:, 0, -1] - both[:, 1, -1]
claim = f"the leak flatters by {gap.mean():.2f} ± {gap.std(ddof=1):.2f} bits per byte"
check.true(claim, run.scale == "tiny" or gap > 0.4)

# %% [markdown]
# The bribed judge sees a good model, and would not tell you to stop. In a public contest for small
# models, [an audit](https://github.com/openai/parameter-golf/issues/2127) reports that 15 of the
# 34 entries of one family trained on most of the texts that they were judged by.
#
# ### The instruments
#
# Four questions to ask of any prepared corpus. **Predict** who fails where.


# %%
def one_end_per_text(ids, train, held):
    return (ids == end).sum() == len(train) + 1


def no_long_run(ids, train, held):
    changes = np.flatnonzero(ids[1:] != ids[:-1])
    return np.diff(np.r_[-1, changes, len(ids) - 1]).max() < 10


def last_text_is_there(ids, train, held):
    return tokenizer.decode(ids[-60:].tolist()).endswith(train[-1][-30:])


def judge_is_honest(ids, train, held):
    copies = near_copies(train + held)[len(train) :]
    return not any(c is not None and c < len(train) for c in copies)


probes = [one_end_per_text, no_long_run, last_text_is_there, judge_is_honest]
names = [probe.__name__.replace("_", "\n", 1).replace("_", " ") for probe in probes]
cases = {"whole": (whole, honest_texts), "cut": (cut, honest_texts)}
cases |= {
    "no end": (run_on, honest_texts),
    "leak": (whole, list(map(shorter, train_texts[:9]))),
}
passed = [[bool(p(ids, train_texts, held)) for p in probes] for ids, held in cases.values()]
fig, ax = plots.figure("Four questions to four corpora", 5.5, 2.2)
plots.board(ax, list(cases), names, passed)
plots.show(fig, alt="Board: the whole corpus passes all four, each suspect fails one or more.")
check.true("only the whole one passes all", [all(row) for row in passed] == [1, 0, 0, 0])

# %% [markdown]
# ## Recap
#
# | step | how | how you know |
# |---|---|---|
# | repair | sign by sign; markup, breaks, spelling of signs | planted stories come back letter for letter |
# | copies | a hash; shingles, MinHash, bands, then compare | found and false alarms, at each border |
# | filters | measure, limit, say why | precision and recall |
# | split | by the hash of the original | held-out texts with a copy in training, counted |
# | pack | end-of-text before, between, after | as many ends as texts, and one |
# | map, loader | numbers on disk; how many were read | killed and resumed: the same batches |
#
# Each suspect failed at least one of four questions that take a line or two. A loss cannot ask them: it
# cannot tell a better model from an easier corpus. And look at the data: ten texts, the longest,
# the shortest, and what was dropped.

# %% [markdown]
# ## Exercises
#
# ### 5.1 A filter · ●○○ · 10 minutes
#
# Web pages repeat their menus. Write a measure for it: the share of a text's lines that came before
# in the same text. Spaces around a line do not count, and empty lines are no lines. A text without
# lines has the share 0.
#
# <details><summary>Hint 1</summary>First make a list of the stripped lines that are not empty.</details>
# <details><summary>Hint 2</summary>A line that occurs three times came before twice. Compare the length of the list with that of its <code>set</code>.</details>


# %%
def my_repeated_lines(text):
    return None  # TODO: your answer


check.exercise("5.1", my_repeated_lines)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 5.1
def solution_1(text):
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


check.solution("5.1", solution_1)

# %% [markdown]
# ### 5.2 Choose the bands · ●●○ · 15 minutes
#
# You can afford `hashes` numbers for each text. Pairs of the similarity `similarity` are to meet
# with a probability of at least `found`. Among the choices that do so, take the one with the most
# rows in a band, because then the fewest others meet. Return `(bands, rows)`, where `bands` is
# `hashes // rows`: what is left over is not used. If not even one row will do, return `(hashes,
# 1)`.
#
# <details><summary>Hint 1</summary>The probability to meet is 1 − (1 − sʳ)ᵇ. Try every r from <code>hashes</code> down to 1.</details>
# <details><summary>Hint 2</summary>The first r that is good enough, coming from above, is the answer.</details>


# %%
def my_bands(hashes, similarity, found):
    return None  # TODO: your answer


check.exercise("5.2", my_bands)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 5.2
def solution_2(hashes, similarity, found):
    chance = {r: 1 - (1 - similarity**r) ** (hashes // r) for r in range(2, hashes + 1)}
    rows = max((r for r in chance if chance[r] >= found), default=1)
    return hashes // rows, rows


check.solution("5.2", solution_2)

# %% [markdown]
# ### 5.3 Bytes per document · ●●○ · 15 minutes
#
# Bits per *byte* need the bytes of each text, and the stream has only tokens. `ids` is an array of
# token ids: end, text, end, text, ..., end. `sizes[i]` says how many bytes token `i` stands for.
# Return a list with the bytes of each text. The end-of-text token, whose id is `end`, belongs to no
# text, whatever its size. A text may be empty.
#
# <details><summary>Hint 1</summary>Where are the ends? <code>np.flatnonzero(ids == end)</code>. A text lies between two of them.</details>
# <details><summary>Hint 2</summary>Add up all bytes to each place (<code>cumsum</code>): the bytes between two places are a difference.</details>


# %%
def my_text_bytes(ids, sizes, end):
    return None  # TODO: your answer


check.exercise("5.3", my_text_bytes)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 5.3
def solution_3(ids, sizes, end):
    before = np.cumsum(np.where(ids == end, 0, sizes[ids]))  # bytes up to each place
    return np.diff(before[ids == end]).tolist()


check.solution("5.3", solution_3)

# %% [markdown]
# ### 5.4 Mix two sources · ●●● · 25 minutes
#
# A model is to read 30 % of its *tokens* from books and the rest from stories. `first` and `second`
# list the lengths of their texts in tokens. Decide text by text: take the next of `first` while its
# share of all tokens taken so far is not above `share`, else the next of `second`. (Of nothing
# taken, the share is 0.) Stop when the source whose turn it is has no text left. Return the order
# as a list of 0 (first) and 1 (second).
#
# <details><summary>Hint 1</summary>Keep two sums, the tokens taken from each. Compare <code>taken[0]</code> with <code>share</code> times both: without a division, nothing taken is no problem.</details>
# <details><summary>Hint 2</summary>How many texts of a source were taken is how often it stands in the order.</details>


# %%
def my_mix(first, second, share):
    return None  # TODO: your answer


check.exercise("5.4", my_mix)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 5.4
def solution_4(first, second, share):
    sources, taken, order = (first, second), [0, 0], []
    while True:
        source = 0 if taken[0] <= share * sum(taken) else 1
        place = order.count(source)
        if place == len(sources[source]):
            return order
        taken[source] += sources[source][place]
        order.append(source)


check.solution("5.4", solution_4)

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** Two texts with the same set of shingles need not be equal. Write two that differ in
# meaning and have the Jaccard similarity 1, without a trick of signs or capitals. What would you
# change to tell them apart, and what does it cost?
#
# **Tomorrow: tokenization.** Today the tokenizer was a black box that turned text into numbers
# below 2,048. But Zipf's line has no end: there is always one more word that nobody has seen.
# Tomorrow you build a tokenizer for which no text is unknown, and watch words grow out of bytes.
