# %% [markdown]
# # Day 6 · Tokenization
#
# Today you build the machine that turns text into numbers, hold it equal to the library that
# everybody uses, and find out what each row of its table costs.
#
# **You build:** byte-level BPE with its training, encoding and decoding, and word vectors that know
# what is alike
#
# **At the end you will have**
#
# - a vector for each of 1,300 words, learned in seconds by counting neighbors: weekdays lie beside
#   weekdays
# - byte-level BPE in plain Python, with the merges and the ids of the `tokenizers` library; no text
#   and no byte gets lost in it
# - the price of a vocabulary, in parameters and in work, and two bugs caught of which plain English
#   shows no sign
#
# **Time:** about two hours, and one more for the exercises: 180 minutes. The code runs in half a minute on a
# laptop; no GPU needed.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/slm21/blob/v1.0/notebooks/day06_tokenization.ipynb)
#
# Previous: [Day 5 · Data](day05_data.ipynb) · Next:
# [Day 7 · Self-attention](day07_self_attention.ipynb)

# %% [markdown]
# ## Setup
#
# The first cell is the same every day: it finds the folder with the course's `helpers`, or fetches it
# (on Colab). The third holds every size of this notebook: change a number, and all follows. `check`
# compares numbers and raises if they differ, `plots` draws, `tokens` shows text with the borders of
# its tokens, and `runtime` knows your machine.

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
import codecs
import json
import math
import random
import re
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pydoc_data.topics import topics

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Regex, pre_tokenizers

from helpers import runtime
from helpers.lesson import check, plots, tokens, widgets
from helpers.model import weights
from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.text import bpe, stories
from helpers.text.bpe import BYTES, ID_OF_BYTE, split, split_at
from helpers.text.tokenizer import END_OF_TEXT, SPLIT_PATTERN, Tokenizer
from helpers.text.tokenizer import byte_letters, require_unicode

run = runtime.start(day=6)

# %%
size = runtime.pick(
    tiny=dict(stories=400, unseen=40, steps=60, slow=1, counted=3, texts=300, priced=6),
    cpu=dict(stories=3000, unseen=300, steps=100, slow=5, counted=30, texts=3000, priced=60),
    gpu=dict(stories=3000, unseen=300, steps=100, slow=5, counted=30, texts=3000, priced=300),
)  # fmt: skip
print(size)

# %% [markdown]
# ## The idea in small numbers
#
# ### Numbers for words
#
# On Day 3 every token had a number, its *id*. An id is a name and no quantity: word 3 is not more
# than word 2. A network computes with quantities, so each word needs a list of them, a **vector**.
# The plainest is **one-hot**: 1 at the word's own place, 0 elsewhere. **Predict:** which two of these
# four words are closest to each other?

# %%
four = ["kitten", "puppy", "Monday", "Tuesday"]
one_hot = torch.eye(4)
print(torch.cdist(one_hot, one_hot))  # the distance of each word to each

# %% [markdown]
# No two: all are √2 apart, so one-hot vectors say nothing about what is alike. Where could one learn
# it? From the neighbors: words that stand between the same words are often of the same kind. So let
# us count, in stories, how often each word stands one or two places from each other word.

# %%
WORD = re.compile(r"\w+")
texts = [stories.write(seed).text for seed in range(size.stories)]
often = Counter(word for text in texts for word in WORD.findall(text))
known = [word for word, n in often.most_common() if n >= 5]
number = {word: i for i, word in enumerate(known)}
ids = torch.tensor([number[w] for text in texts for w in WORD.findall(text) if w in number])

# %%
near = torch.zeros(len(known), len(known))  # row: a word; column: a neighbor
for apart in (1, 2):
    pairs = ids[:-apart], ids[apart:]
    near.index_put_(pairs, torch.ones(len(ids) - apart), accumulate=True)
near = near + near.T  # before it and after it
for word in ("Monday", "Tuesday"):
    beside = near[number[word]].topk(7).indices.tolist()
    print(f"most often beside {word}:", *[known[i] for i in beside])

# %% [markdown]
# The two days keep the same company. Now make it compact. On Day 3, a model that guesses the next
# word from the last was a product of two thin tables. This is the same model, but it guesses *any*
# neighbor. A word is a row of 16 numbers, its scores for all neighbors are `word @ beside.T`, and
# cross-entropy compares them with the counts. (With sampled pairs in place of counts this is
# [word2vec](https://arxiv.org/abs/1301.3781), 2013. Day 16 builds Adam, the optimizer.)
#
# Two vectors are alike if they point the same way. The measure is the **cosine** of the angle between
# them: 1 for the same direction, 0 for a right angle. Between vectors of length 1 it is their dot
# product. **Predict** the nearest words of the five below.


# %%
def word_vectors(near, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    word, beside = 0.1 * torch.randn(2, len(near), width, generator=generator)
    word, beside = word.requires_grad_(), beside.requires_grad_()
    optimizer, share = torch.optim.Adam([word, beside], lr=0.1), near / near.sum()
    for _ in range(size.steps):
        loss = -(share * (word @ beside.T).log_softmax(-1)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return F.normalize(word.detach())  # each row at length 1


vectors = word_vectors(near)


# %%
def nearest(vectors, word, k=5):
    cosines = vectors @ vectors[number[word]]
    cosines[number[word]] = -1  # not the word itself
    return [known[i] for i in cosines.topk(k).indices.tolist()]


for word in ("Monday", "red", "Ben", "bear", "said"):
    print(f"{word:7}", *nearest(vectors, word))

# %% [markdown]
# Nobody told the program what a weekday is. But a few lists can be chosen to please; a number cannot.
# The story world knows its own kinds of words, among them heroes, who the stories are about, and
# friends, who come along. **Predict:** of a weekday's five nearest words, what share are weekdays, if
# the vectors are random, and if they are learned? Are heroes and friends told apart?

# %%
KINDS = dict(heroes="child", friends="friend", colors="color", weekdays="weekday",
             animals="beast furry rapid slow singer wild", snacks="snack")  # fmt: skip
kinds = {}
for kind, lists in KINDS.items():
    of_kind = [str(w) for name in lists.split() for w in stories.WORLD.lexicons[name].items]
    kinds[kind] = sorted({word for word in of_kind if word in number})


# %%
def share_of_kind(vectors, words):
    return np.mean([other in words for word in words for other in nearest(vectors, word)])


tables = F.normalize(torch.randn(len(known), 16)), vectors, word_vectors(near, seed=1)
found = {k: [share_of_kind(table, words) for table in tables] for k, words in kinds.items()}
print("kind      words  by chance  random rows  learned rows  another seed")
for kind, words in kinds.items():
    chance = (len(words) - 1) / (len(known) - 1)
    print(f"{kind:10}{len(words):5}{chance:11.1%}", *[f"{x:12.0%}" for x in found[kind]])
    check.true(f"{kind}: ten times chance", min(found[kind][1:]) > 10 * chance)

# %%
everybody = [word for words in kinds.values() for word in words]
points = vectors[[number[word] for word in everybody]]
points = points - points.mean(0)
widest = torch.linalg.svd(points, full_matrices=False).Vh[:2]  # two directions
place = dict(zip(everybody, (points @ widest.T).tolist()))
looks = zip((plots.BLUE, plots.ORANGE, plots.GREEN, plots.PINK, plots.GRAY, "black"), "o^sDvP")
fig, ax = plots.figure("Words by the company they keep: 16 numbers, seen in 2", 5.2, 3.0)
for (kind, words), (color, marker) in zip(kinds.items(), looks):
    x, y = np.array([place[word] for word in words]).T
    ax.scatter(x, y, s=9, c=color, marker=marker)
    ax.text(np.median(x), y.max() + 0.03, kind, color=color, weight="bold", ha="center")
ax.set(xlabel="first direction", ylabel="second direction")
plots.show(fig, alt="Points in a plane: heroes, friends, colors, weekdays, snacks in groups.")

# %% [markdown]
# The kinds lie in groups, and heroes apart from friends, a distinction that nobody asked for: in this
# world they stand in different sentences. (Such a world makes it easy. Real text takes far more of
# it.) So ids may be given in any order. The meaning goes into the rows of a table, and training puts
# it there. One question remains, and it is today's: **which pieces of text get a row?**
#
# ### Words run out
#
# Suppose that each word has a row. Beside the stories we take a real text that comes with every
# Python: the manual of the language. Every tenth paragraph is held out. **Predict:** if all words of
# the other nine tenths have a row, what share of the held-out words is unknown?

# %%
paragraphs = [part for name in sorted(topics) for part in topics[name].split("\n\n")]
paragraphs = list(dict.fromkeys(paragraphs))  # pages share paragraphs: each once
manual, manual_held = [p for i, p in enumerate(paragraphs) if i % 10], paragraphs[::10]
first = stories.VALIDATION_SEEDS
stories_held = [stories.write(seed).text for seed in range(first, first + size.unseen)]
print(f"{len(manual):,} paragraphs, and {len(manual_held)} held out:", manual_held[1][:230])


# %%
def draw_curves(title, alt, rows, curves, ylabel):
    fig, ax = plots.figure(title, 5.2, 2.5)
    for name, values in curves.items():
        ax.semilogx(rows, values, "o-", label=name)
    ax.set(xlabel="rows of the table", ylabel=ylabel)
    ax.set_xticks(rows[::2], rows[::2])
    ax.minorticks_off()
    plots.name_lines(ax)
    plots.show(fig, alt=alt)


# %%
def unknown(seen, held):
    """Percent of held-out words without a row, if the most frequent words have one."""
    ranked = [word for word, _ in Counter(WORD.findall(" ".join(seen))).most_common()]
    words = WORD.findall(" ".join(held))
    tables = [set(ranked[:rows]) for rows in WORDS]
    return [100 * np.mean([word not in table for word in words]) for table in tables]


WORDS = (100, 200, 500, 1000, 2000, 5000)
curves = {"manual": unknown(manual, manual_held), "stories": unknown(texts, stories_held)}
curves["stories' words,\nreading the manual"] = unknown(texts, manual_held)
alt = "The share of unknown words falls with the vocabulary; only for stories it falls to zero."
draw_curves("How much of new text is unknown?", alt, WORDS, curves, "unknown words (%)")
print({" ".join(name.split()): f"{percent[-1]:.1f} %" for name, percent in curves.items()})

# %% [markdown]
# The story world is closed: about 1,300 words, and nothing new ever comes. The manual never gets to
# zero, because new paragraphs bring new names; and whoever has story words only misses more than half
# of it. A word without a row can be neither read nor written. Characters would be safer, but Unicode
# has about 150,000 of them. Below the characters is one more level. **Predict:** how many bytes has
# each of these in UTF-8?

# %%
for character in ("e", "é", "ω", "孩", "😀"):
    print(character, character.encode().hex(" "))

# %% [markdown]
# [UTF-8](https://www.rfc-editor.org/rfc/rfc3629) writes each character as one to four bytes, so 256
# rows are enough for every text, and nothing is unknown. The price is length: a story of 500 letters
# becomes 500 tokens, and Day 3 showed that part of a model's work grows as the square of that.
#
# ### Three merges by hand
#
# The way out is to start with bytes and to let frequent neighbors grow together: **byte pair
# encoding**, BPE ([Sennrich, Haddow and Birch, 2016](https://arxiv.org/abs/1508.07909); on bytes since
# GPT-2, 2019). Count every pair of neighbors, merge the most frequent one into a new token wherever it
# stands, count again. Of equally frequent pairs we take the smaller one, as the library does: here the first
# in the alphabet, later the one with smaller ids.
#
# `merge` goes from left to right; `merged[-1]` is the token before. So "aaa" becomes "aa", "a". (Where a
# comment beside a definition names a file, the course uses the same code from there; a test compares the
# two.) Our text has four words: "the" 4 times, "then" 2, "ten" 3, "hen" 1. **Predict** the first merge. Is it
# t-h?


# %%
def merge(tokens, pair, new):  # helpers/text/bpe.py
    merged = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return merged


def pair_counts(words):
    total = Counter()
    for word, n in words:
        for pair in pairwise(word):
            total[pair] += n
    return total


def best_of(total):
    return min(total, key=lambda pair: (-total[pair], pair))


# %%
toy = {("t", "h", "e"): 4, ("t", "h", "e", "n"): 2, ("t", "e", "n"): 3, ("h", "e", "n"): 1}
for _ in range(3):
    total = pair_counts(toy.items())
    best = best_of(total)
    toy = {tuple(merge(word, best, "".join(best))): n for word, n in toy.items()}
    print(*best, "occurs", total[best], "times ->", [" ".join(word) for word in toy])

# %% [markdown]
# ## Build it
#
# h-e came first: 4 + 2 + 1 = 7, and t-h only 6. After two merges "the" is one token, and the rare
# "hen" is in pieces. That is the bargain of BPE: frequent words get short, and every other word stays
# possible.
#
# ### 1 · Pieces
#
# A token should not reach from one word into the next. Cutting at white space does not do: each word
# of the first list below would have to learn its token for "statement" anew. So the text is first cut
# by a pattern, the **pre-tokenizer**, and no merge crosses its cuts. This one is Qwen3's. A space
# belongs to the word that *follows*, so nothing gets lost, and digits stand alone. Read the comments in
# it; `members` lists all letters, or all digits, of Unicode.

# %%
print(sorted({w for w in " ".join(manual).split() if w.startswith("statement")}))
print(split("I'll see 12 kites, he said.\n  Bye!"), "\n")
check.show(bpe.pattern.__wrapped__)  # without its cache

# %% [markdown]
# ### 2 · Learn merges, slowly
#
# Now on bytes, with ids: 0 to 255 are the bytes, 256 is the first merge, and so on. (Bytes are
# numbered in GPT-2's order, printable ones first. Ids decide ties.) First the way of the toy: count
# all pairs anew for each merge. But pieces repeat. **Predict:** how much faster is it to work on each
# *different* piece once, together with its count?


# %%
def slow_merges(pieces, counts, number):
    words = [[ID_OF_BYTE[byte] for byte in piece.encode()] for piece in pieces]
    tokens, merges = [bytes([byte]) for byte in BYTES], []
    while len(merges) < number:
        best = best_of(pair_counts(zip(words, counts)))
        words = [merge(word, best, new=len(tokens)) for word in words]
        merges.append((tokens[best[0]], tokens[best[1]]))
        tokens.append(b"".join(merges[-1]))
    return merges


def timed(work):
    begin = time.perf_counter()
    return work(), time.perf_counter() - begin


# %%
pieces = [piece for text in manual for piece in split(text)]
different = Counter(pieces)
few, slow = timed(lambda: slow_merges(pieces, [1] * len(pieces), size.slow))
more, counted = timed(lambda: slow_merges(different, different.values(), size.counted))
slow, counted = slow / size.slow, counted / size.counted  # for one merge

# %%
print(f"{len(pieces):,} pieces: {1000 * slow:.0f} ms for each merge")
print(
    f"{len(different):,} different: {1000 * counted:.0f} ms, {slow / counted:.0f} times as fast"
)
check.true("the same merges", few == more[: size.slow])
check.true("at least three times as fast", slow > 3 * counted)

# %% [markdown]
# ### 3 · Count again only what has changed
#
# The second waste: a merge touches few words, and we count all of them. So keep three things up to
# date: the `total` of each pair, `where` it occurs, and a heap, a list from which the smallest entry
# comes out first. (The counts go in negative, so the smallest is the most frequent; of equals it is
# the smaller pair.) When a count changes, its old entry stays in the heap, and is recognized when it
# comes out: it does not equal the total. **Predict:** how long does one merge take now?


# %%
class Pairs:  # helpers/text/bpe.py
    def __init__(self, words, counts):
        self.words, self.counts = words, counts
        self.total, self.where = Counter(), defaultdict(set)
        for i in range(len(words)):
            self.count(i, 1)
        self.heap = [(-n, pair) for pair, n in self.total.items()]
        heapify(self.heap)

    def count(self, i, sign):
        pairs = list(pairwise(self.words[i]))
        for pair in pairs:
            self.total[pair] += sign * self.counts[i]
            self.where[pair].add(i)  # a word that has lost the pair may stay here
        return pairs

    def most_frequent(self):
        while self.heap:
            n, pair = heappop(self.heap)
            if -n == self.total[pair]:  # otherwise the count has changed since
                return pair
        return None

    def update(self, pair, new):
        changed = set()
        for i in self.where.pop(pair):
            merged = merge(self.words[i], pair, new)
            if len(merged) < len(self.words[i]):
                changed.update(self.count(i, -1))
                self.words[i] = merged
                changed.update(self.count(i, 1))
        for other in changed:
            if self.total[other]:
                heappush(self.heap, (-self.total[other], other))


# %%
def learn_merges(texts, number):  # helpers/text/bpe.py
    pieces = Counter(piece for text in texts for piece in split(text))
    words = [[ID_OF_BYTE[byte] for byte in piece.encode()] for piece in pieces]
    pairs = Pairs(words, list(pieces.values()))
    tokens, merges = [bytes([byte]) for byte in BYTES], []
    while len(merges) < number and (pair := pairs.most_frequent()):
        left, right = tokens[pair[0]], tokens[pair[1]]
        pairs.update(pair, new=len(tokens))
        tokens.append(left + right)
        merges.append((left, right))
    return merges


# %%
merges, seconds = timed(lambda: learn_merges(manual, 4096 - 257))
each = seconds / len(merges)
print(f"{len(merges):,} merges in {seconds:.1f} s: on average {1000 * each:.2f} ms for each")
print(f"{counted / each:,.0f} times as fast as before, {slow / each:,.0f} times as at first")
check.true("the same merges", merges[: size.counted] == more)
check.true("at least ten times as fast", counted > 10 * each)

# %% [markdown]
# Two ideas, and no faster language: look at each different piece once, and touch only what a merge
# changes.
#
# ### 4 · Encode: the same merges in the same order
#
# To cut a new piece, repeat what training did to its words: of all pairs in it, merge the one that
# was learned first, until no pair is in the list. **Predict:** which tokens are the manual's first?
# After how many merges is " statements" in one or two tokens? (In the pictures of this page · is a space and
# ⟨c3⟩ a byte that is no whole character. Point at a token for its id and its bytes.)


# %%
def merge_by_rank(piece, rank):  # helpers/text/bpe.py
    tokens = [bytes([byte]) for byte in piece]
    while len(tokens) > 1:
        pair = min(pairwise(tokens), key=lambda pair: rank.get(pair, math.inf))
        if pair not in rank:
            break
        tokens = merge(tokens, pair, pair[0] + pair[1])
    return tokens


# %%
print("first merges:", *[tokens.visible(left + right) for left, right in merges[:16]])
for n in (0, 10, 50, 100, 200, 400, 1600):
    rank = {pair: i for i, pair in enumerate(merges[:n])}
    tokens.show(merge_by_rank(b" statements", rank), name=f"after {n:4} merges")

# %% [markdown]
# The manual is full of indented code and ruled lines, so its first merges are spaces and dashes, before "he"
# and "in". A few hundred are enough for its favorite word.
#
# The rest is a small class with three methods that matter. `encode_plain` cuts, merges and looks up; `encode`
# first takes special tokens out, if allowed; `decode` joins all bytes, and *then* makes text of them. Bytes
# that are no text pass, too: `b"\xff".decode("utf-8", "surrogateescape")` hides one in a text as `"\udcff"`,
# and encoding takes it out again. Only `decode` must replace what is no character (by U+FFFD, the sign �).
#
# Between two stories stands *end-of-text*, a **special token** that tells a model where to stop. It
# has an id, here 0, and no text. What a user types must never become one: otherwise anybody could end
# a story, or speak in the name of somebody else. The library turns such names into special tokens
# unless it is told not to, and its users [asked for a safe
# way](https://github.com/huggingface/tokenizers/issues/1347). (The course's `Tokenizer` sets that
# switch.) In the class, `split_at` cuts a text at such names, and `require_unicode` refuses half a
# character. **Predict:** how many tokens is `<|endoftext|>`, typed by a user?


# %%
class BPE:  # helpers/text/bpe.py
    def __init__(self, merges, special=(END_OF_TEXT,)):
        if isinstance(special, str):
            raise ValueError(f"special={special!r} is one string: give a list of names")
        self.merges, self.special = list(merges), list(special)
        one_byte = [bytes([byte]) for byte in BYTES]
        longer = [left + right for left, right in self.merges]
        self.tokens = [b""] * len(self.special) + one_byte + longer
        self.vocab_size = len(self.tokens)
        self.id_of = {token: id for id, token in enumerate(self.tokens) if token}
        self.rank = {pair: n for n, pair in enumerate(self.merges)}
        self.known = {}  # piece -> ids, for every piece met so far

    def encode(self, text, allow_special=False):
        ids, names = [], self.special if allow_special else []
        for part in split_at(names, require_unicode(text)):
            ids += [self.special.index(part)] if part in names else self.encode_plain(part)
        return ids

    def encode_bytes(self, data):
        return self.encode_plain(data.decode("utf-8", "surrogateescape"))

    def encode_plain(self, text):
        ids = []
        for piece in split(text):
            if piece not in self.known:
                tokens = merge_by_rank(piece.encode("utf-8", "surrogateescape"), self.rank)
                self.known[piece] = [self.id_of[token] for token in tokens]
            ids += self.known[piece]
        return ids

    def token_bytes(self, id):
        if not 0 <= id < self.vocab_size:
            raise ValueError(f"no token has the id {id}; the last is {self.vocab_size - 1}")
        return self.tokens[id]

    def decode_bytes(self, ids):
        return b"".join(map(self.token_bytes, ids))

    def decode(self, ids):
        return self.decode_bytes(ids).decode("utf-8", "replace")


mine, chat = BPE(merges), "The end.<|endoftext|>Once"


# %%
def show(coder, text, name="", **options):
    ids = coder.encode(text, **options)
    tokens.show([coder.token_bytes(id) or END_OF_TEXT for id in ids], ids, f"{name} {len(ids)}")


show(mine, chat, "typed by a user:")
show(mine, chat, "written by the program:", allow_special=True)
check.true("a user cannot make it", 0 not in mine.encode(chat))

# %% [markdown]
# ## Check it
#
# The course's `Tokenizer` wraps the `tokenizers` library, which is written in Rust, a fast compiled
# language. We train it on the same text. Are the merges the same, all 3,839, in the same order? And
# the ids? **Predict**, too: how many times faster is it? (It may use all cores, we use one. Our pattern was
# compiled above, which took about half a second.)

# %%
theirs, their_seconds = timed(lambda: Tokenizer.train(manual, 4096))
with tempfile.TemporaryDirectory() as folder:
    theirs.save(folder)
    saved = (pathlib.Path(folder) / "tokenizer.json").read_text(encoding="utf-8")


# %%
def merges_in(saved):
    """The merges of a tokenizer.json, which writes each byte as a letter, as GPT-2 does."""
    letters, halves = byte_letters(), json.loads(saved)["model"]["merges"]
    halves = [pair.split(" ") if isinstance(pair, str) else pair for pair in halves]
    return [tuple(bytes(map(letters.get, half)) for half in pair) for pair in halves]


check.true(f"all {len(merges):,} merges, in the same order", merges == merges_in(saved))

# %%
everything, mine = manual + manual_held + stories_held, BPE(merges)
my_ids, encode = timed(lambda: [mine.encode(text) for text in everything])
their_ids, their_encode = timed(lambda: theirs.encode_batch(everything))
check.true(f"the same {sum(map(len, my_ids)):,} ids", my_ids == their_ids)
print(f"learn:  plain Python {seconds:.2f} s, tokenizers {their_seconds:.2f} s")
print(f"encode: plain Python {encode:.2f} s, tokenizers {their_encode:.2f} s")
faster = [seconds / their_seconds, encode / their_encode]
print("the library is {:.1f} and {:.1f} times as fast".format(*faster))
check.true("no factor of 100", max(faster) < 50)

# %% [markdown]
# Not the factor of a hundred that many expect between the two languages.
# Most of a text is repetition, and we work out each different piece once (`known`); what remains is looking
# up. From here on the course uses the library all the same, because every other program reads its files.
#
# Ordinary text is the easy part. So make up nonsense: characters from all over Unicode, control
# characters, and then bytes that are no text at all. **Predict:** what share of random bytes comes
# back unchanged? (The characters have been in Unicode since 2002, so Python's tables and the library's know
# them all. We compare the pieces, too: nonsense meets few merges, so its ids are the same however it is cut.)

# %%
rng, table, of_kind = random.Random(0), unicodedata.ucd_3_2_0, defaultdict(list)
for character in map(chr, range(0x110000)):
    of_kind[table.category(character)].append(character)
for kind in ("Cn", "Cs", "Co"):  # unassigned, halves of characters, private use
    del of_kind[kind]
of_kind["first"] = list(map(chr, range(256)))
of_kind["awkward"] = [END_OF_TEXT, "\r\n", "!\n", "  ", "\t ", "'LL", "'s", "e\u0301", "😀"]
kinds_of = list(of_kind.values())  # letters, digits, marks, spaces, ...: each as often
fuzz = ["".join(rng.choice(rng.choice(kinds_of)) for _ in range(30)) for _ in range(size.texts)]
broken = [rng.randbytes(30) for _ in range(size.texts)]
cut = pre_tokenizers.Split(Regex(SPLIT_PATTERN), "isolated").pre_tokenize_str

# %%
check.true("the library's pieces", all(split(t) == [p for p, _ in cut(t)] for t in fuzz))
same = [mine.encode(text) == theirs.encode(text) for text in fuzz]
check.true(f"the library's ids on {sum(same):,} of {len(fuzz):,} random texts", all(same))
check.true("every text comes back", all(mine.decode(mine.encode(t)) == t for t in fuzz))
back = [mine.decode_bytes(mine.encode_bytes(data)) == data for data in broken]
check.true(f"bytes come back: {sum(back):,} of {len(back):,}", all(back))

# %% [markdown]
# ## Use it
#
# A smaller vocabulary is the beginning of a larger one, so `merges[:n]` is a tokenizer as well.
# **Predict:** how many tokens has this sentence with 300 rows, with 1,000, with 4,096? And with
# merges from the stories?

# %%
story_merges = learn_merges(texts, 4096 - 257)
print(f"the stories have {len(story_merges):,} merges; then every piece is one token")
sentence = "The parser raised an exception, but Grandma found a squirrel."
print(
    f"{len(sentence.split())} words, {len(sentence)} characters, {len(sentence.encode())} bytes"
)
for rows in (300, 1000, 4096):
    show(BPE(merges[: rows - 257]), sentence, f"manual, {rows} rows:")
show(BPE(story_merges), sentence, "stories:")

# %% [markdown]
# A vocabulary is a portrait of the text that it came from: for one
# "exception" is a token, for the other "Grandma". What will English merges make of other languages?
# **Predict** which of these four takes the most tokens. They mean the same, and were written for this
# page.

# %%
PARALLEL = {
    "English": ["The children found a squirrel in the red scarf.",
                "It was raining, and nobody wanted to go home.",
                "Grandma gave them warm milk and listened to everything."],
    "German": ["Die Kinder fanden ein Eichhörnchen in dem roten Schal.",
               "Es regnete, und niemand wollte nach Hause gehen.",
               "Oma gab ihnen warme Milch und hörte sich alles an."],
    "Greek": ["Τα παιδιά βρήκαν έναν σκίουρο μέσα στο κόκκινο κασκόλ.",
              "Έβρεχε και κανείς δεν ήθελε να πάει σπίτι.",
              "Η γιαγιά τους έδωσε ζεστό γάλα και τα άκουσε όλα."],
    "Chinese": ["孩子们在红围巾里发现了一只松鼠。", "下着雨，谁也不想回家。",
                "奶奶给了他们热牛奶，听他们讲完了一切。"],
}  # fmt: skip
for language, sentences in PARALLEL.items():
    show(BPE(story_merges), sentences[0], f"{language}:")

# %% [markdown]
# Greek pays the most: as many letters as English, two bytes for each, and not one merge. (A Chinese character
# has three bytes, but says as much as a word.) Services that are paid by the token charge speakers of some languages
# several times as much ([Petrov et al., 2023](https://arxiv.org/abs/2305.15425)); 6.4 measures it.
# Now play with a sentence of your own. **Predict:** does the number of tokens fall evenly from 257
# rows to 4,096?


# %%
def draw_tokens(ax, text, rows, line=34):
    """Each token as a box, `line` characters to a line."""
    coder, x, y = BPE(merges[: rows - 257]), 0, 0
    ids = coder.encode(text)
    for i, id in enumerate(ids):
        piece = tokens.visible(coder.token_bytes(id))
        if x + len(piece) > line:
            x, y = 0, y - 1
        color = (plots.BLUE, plots.ORANGE)[i % 2]
        ax.barh(y, len(piece) - 0.15, left=x, color=color, alpha=0.3)
        ax.text(x + 0.1, y, piece, va="center", size=6, family="monospace")
        x += len(piece)
    ax.set(
        title=f"{rows} rows: {len(ids)} tokens", xlim=(0, line), ylim=(min(y, -4) - 0.6, 0.6)
    )
    ax.axis("off")


# %%
text = "Careful gardeners repair a broken fence before winter, because otherwise "
text += "12 hungry rabbits would certainly return and find the last cabbages."
examples = [dict(text=text, rows=rows) for rows in (257, 1000)]
alt = "One sentence in boxes: one for each letter with 257 rows, parts of words with 1,000."
knobs = dict(text=str, rows=[257, 300, 400, 600, 1000, 2000, 4096])
widgets.explore("The same text under two vocabularies", draw_tokens, examples, alt=alt, **knobs)

# %% [markdown]
# No: the first rows save the most. From 257 to 1,000 rows the number halves, and four times as many save about
# a quarter of what is left.
#
# ### What a row buys
#
# Measure it: bytes per token of held-out text, against the number of rows.


# %%
def ladder(merges, texts):
    """Bytes per token of the texts, for each number of rows."""
    coders, length = [BPE(merges[: rows - 257]) for rows in ROWS], len("".join(texts).encode())
    return [length / sum(len(coder.encode(text)) for text in texts) for coder in coders]


ROWS = (257, 300, 400, 600, 1000, 1500, 2000, 3000, 4096)
bought = {"manual": ladder(merges, manual_held), "stories": ladder(story_merges, stories_held)}
bought["manual's merges\non stories"] = ladder(merges, stories_held)
alt = "Three rising curves: each text by its own merges reaches 4, stories by the manual's 2."
draw_curves("Bytes per token of held-out text", alt, ROWS, bought, "bytes per token")
print({" ".join(name.split()): round(values[-1], 2) for name, values in bought.items()})

# %% [markdown]
# On this axis each step to the right is a factor. In the stored run each doubling brings less than the one
# before: 0.7 bytes per token from 1,000 to 2,000 rows, 0.5 from there to 4,096. (The stories run out of pairs
# before 3,000 rows, so their last two points are one table.) And rows must come from text of the same kind.
#
# ### What a row costs
#
# Each row is a vector, and often it is there twice: once to read the token, once as part of the last
# product, which gives the token its score (`lm_head` on Day 3). Take a [well-known
# script](https://github.com/ideaweaver-ai/Building-Small-Language-Model-from-Scratch-A-Practical-Guide-Book/blob/5ba2f9a77965dcb76f225f887205576957c082d0/qwen3-283M-model.py)
# that trains a Qwen3 on children's stories, with the vocabulary of a model for over a hundred
# languages: 151,646 rows of 640 numbers, in two tables. The whole model has 283 million parameters.
# **Predict:** what share of it is vocabulary? And of 4,096 rows that were learned from the manual, how many do our stories use? (On
# `meta`, tensors have a shape and no numbers.)

# %%
shape = dict(hidden_size=640, intermediate_size=2048, num_hidden_layers=18, head_dim=160,
             num_attention_heads=4, num_key_value_heads=1)  # fmt: skip
with torch.device("meta"):
    script = Qwen3(Qwen3Config(vocab_size=151_646, tie_word_embeddings=False, **shape))
script_total, script_tables = sum(p.numel() for p in script.parameters()), 2 * 151_646 * 640
print(f"{script_total:,} parameters, {script_tables / script_total:.1%} of them in two tables")
print(f"one table of 4,096 rows instead: {script_total - script_tables + 4096 * 640:,}")
check.true("283 million, as the script's name says", round(script_total / 1e6) == 283)
met = Counter(id for text in texts for id in mine.encode(text))
print(f"{len(texts):,} stories use {len(met):,} of the manual's 4,096 rows")
check.true("most rows never occur", len(met) < 2048)

# %% [markdown]
# More than two thirds of that model is dictionary. And a row that never occurs learns nothing about its token.
# In the first table it keeps the random numbers it began with; in the last one every step pushes it away from
# what comes, as it does with all such rows. A model that meets such a token one day does strange things. [Land
# and Bartolo (2024)](https://arxiv.org/abs/2405.05417) found such tokens in many well-known models.
#
# How many rows are right, then? One part of the answer can be computed. A pass over one token costs
# about two FLOPs, a multiplication and an addition, for each parameter of the layers (all but the tables),
# and two for each of the last table. Fewer bytes per token mean more passes. So: work per byte =
# 2 · (layers + rows · width) / bytes per token. The course's reference model, a small Qwen3 trained on our stories, has
# 1.6 million parameters in its layers and a width of 192; the script has 89 million and 640. **Predict:** for
# how many rows is the work of each lowest?

# %%
reference = weights.load(runtime.ROOT / "checkpoints" / "reference", run.device)
rows, width = reference.config.vocab_size, reference.config.hidden_size
layers = sum(p.numel() for p in reference.parameters()) - rows * width
bodies = {"reference model": (layers, width), "script": (script_total - script_tables, 640)}
work, lowest = {}, {}
for name, (layers, width) in bodies.items():
    flops = 2 * (layers + np.array(ROWS) * width) / bought["manual"]
    work[name], lowest[name] = flops / flops[0], ROWS[flops.argmin()]
    print(f"{name}: {layers:,} parameters in layers, lowest at {lowest[name]:,} rows")
check.true("larger layers want more rows", lowest["reference model"] < lowest["script"])
alt = (
    "Work falls to a third for the small model and turns up after 2,000 rows; not so the other."
)
draw_curves("Work per byte of the manual, 257 rows = 1", alt, ROWS, work, "work per byte")

# %% [markdown]
# The larger the layers, the longer do more rows pay: the small model's minimum is in the picture, the large one's is not. (This counts work, not quality. [Tao et al.,
# 2024](https://arxiv.org/abs/2407.13623), trained many models and found the same tendency: larger
# models deserve larger vocabularies.)

# %% [markdown]
# ## What can go wrong
#
# Two suspects. Both give back every story unchanged.
#
# ### Suspect 1: one token at a time
#
# A model writes token by token, and a chat shows each as soon as it comes. So somebody decodes each
# token alone. **Predict** what becomes of our four sentences.


# %%
def one_by_one(ids):
    return "".join(mine.decode([id]) for id in ids)


for text, *_ in PARALLEL.values():
    shown = one_by_one(mine.encode(text))
    print(f"{len(shown.encode()) / len(text.encode()):.2f} times the bytes: {shown}")

# %% [markdown]
# A Greek letter is two bytes, and they are two tokens here; neither is a character by itself. And
# U+FFFD has three bytes of its own. Whoever counts a text's bytes in this way finds up to three times
# as many, and a loss in bits per byte looks up to three times as good as it is. Both have been real:
# [emoji broken in a stream](https://github.com/exo-explore/exo/pull/1691), and [bytes counted like
# this](https://github.com/karpathy/nanochat/pull/693) in a score.
#
# The cure is to hold bytes back until a character is whole. The instrument: *streamed = decoded at
# once*, on text that is not English.


# %%
def held_back(ids):
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    parts = [decoder.decode(mine.token_bytes(id)) for id in ids]
    return "".join(parts) + decoder.decode(b"", final=True)


for stream in (one_by_one, held_back):
    for name, held in (("stories", stories_held), ("random Unicode", fuzz)):
        right = np.mean([stream(ids) == mine.decode(ids) for ids in map(mine.encode, held)])
        print(f"{stream.__name__:10} is right on {right:.0%} of {name}")
cuts = [*map(mine.encode, stories_held + fuzz), *map(mine.encode_bytes, broken)]
check.true("holding back is always right", all(held_back(i) == mine.decode(i) for i in cuts))

# %% [markdown]
# ### Suspect 2: the longest token that fits
#
# Merging pair by pair looks roundabout. Why not take, from left to right, the longest token that
# fits? That needs no merges, only the vocabulary. We try it with the vocabulary of the reference
# model. **Predict:** will it need more tokens than BPE, or fewer?


# %%
def longest_match(coder, text):
    ids = []
    for piece in map(str.encode, split(text)):
        while piece:
            n = next(n for n in range(len(piece), 0, -1) if piece[:n] in coder.id_of)
            ids.append(coder.id_of[piece[:n]])
            piece = piece[n:]
    return ids


# %%
saved = (runtime.ROOT / "checkpoints/reference/tokenizer.json").read_text(encoding="utf-8")
model_bpe = BPE(merges_in(saved))
right = [model_bpe.encode(text) for text in stories_held]
greedy = [longest_match(model_bpe, text) for text in stories_held]
check.true("every story comes back", [*map(model_bpe.decode, greedy)] == stories_held)
print(f"{sum(map(len, right)):,} tokens by merges, {sum(map(len, greedy)):,} by longest match")

# %% [markdown]
# Every story comes back, and the number of tokens is nearly the same. **Predict:** how many pieces
# are cut differently? And what does the trained model say, whose training text was cut by merges? Its loss
# is in **bits per byte**, as on Day 2: the bits that all tokens cost, divided by the bytes of the text.

# %%
pieces = [piece for text in stories_held for piece in split(text)]
wrong = Counter(p for p in pieces if longest_match(model_bpe, p) != model_bpe.encode(p))
print(f"{wrong.total() / len(pieces):.2%} of {len(pieces):,} pieces are cut differently:")
for piece, _ in wrong.most_common(3):
    show(model_bpe, piece, "merges:")
    tokens.show([*map(model_bpe.token_bytes, longest_match(model_bpe, piece))], name="longest:")


# %%
@torch.no_grad()
def bits_per_byte(texts, cuts):
    nats = 0.0
    for ids in cuts:
        ids = torch.tensor([[0, *ids]], device=run.device)
        logits = reference(ids)[0, :-1].float()
        nats += F.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)


# %%
some = slice(size.priced)
by_merges = bits_per_byte(stories_held[some], right[some])
by_length = bits_per_byte(stories_held[some], greedy[some])
print(f"bits per byte: {by_merges:.3f} by merges, {by_length:.3f} by longest match")
price = (by_length - by_merges) * sum(len(text.encode()) for text in stories_held[some])
price /= sum(wrong[piece] > 0 for text in stories_held[some] for piece in split(text))
print(f"that is {price:.0f} bits for each piece that is cut differently")
check.true("much worse", by_length > 1.2 * by_merges)

# %% [markdown]
# Fewer than one piece in a hundred, and the loss is far higher: in the stored run it nearly doubles. The model knows ids, not texts, and
# in all its training it never saw these cuts. Each costs about 59 bits (stored run), as surprising as a coin
# that shows heads 59 times in a row. So "the
# text comes back" is no test of a tokenizer. The test is: **the same ids as those that the model was
# trained with.** The longest match has long stood in [ggml's
# examples](https://github.com/ggml-org/ggml/blob/8cc3ad767c63ebc64d443e0a91c0889d06b79591/examples/common.cpp)
# (`gpt_tokenize`, for GPT-2 and its kin), and from there in other projects.

# %% [markdown]
# ## Recap
#
# | | rows | unknown text | length |
# |---|---|---|---|
# | words | one for each word seen | every new word | shortest |
# | bytes | 256 | none | longest |
# | byte-level BPE | as many as you like | none | about 4 bytes per token, on text of its own kind |
#
# - Ids are names. The meaning is in the rows; training takes it from the neighbors.
# - Learn: cut into pieces, count each different piece once, merge the most frequent pair, update what
#   changes. Encode: the same merges in the same order.
# - A row costs `width` numbers, once or twice, and work in each pass. It buys shorter texts, less
#   with each doubling.
# - Compare ids, not texts. Decode all bytes, not single tokens. Special tokens are for the program
#   alone.

# %% [markdown]
# ## Exercises
#
# ### 6.1 One merge by hand · ●○○ · 10 minutes
#
# Without looking up: `words` is like our toy: {tuple of tokens: how often}. Return two things: the
# pair to merge, a tuple, and the new words after that merge. Every two neighbors count ("aaa" has the
# pair a-a twice), times how often the word occurs; of equals take the smaller pair. A merge goes from
# left to right through the whole word. Leave `words` as it is; no two of its words become the same.
#
# <details><summary>Hint 1</summary>A Counter over <code>pairwise(word)</code> of all words; add the word's count, not 1.</details>
# <details><summary>Hint 2</summary><code>min</code> with a key of two parts does both: the larger count, then the smaller pair. Tokens are tuples: do not glue the word into one string in between.</details>


# %%
def my_merge_step(words):
    return None  # TODO: your answer


check.exercise("6.1", my_merge_step)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 6.1
def solution_1(words):
    best = best_of(pair_counts(words.items()))
    return best, {tuple(merge(word, best, "".join(best))): n for word, n in words.items()}


check.solution("6.1", solution_1)

# %% [markdown]
# ### 6.2 What one merge changes · ●●○ · 10 minutes
#
# The heart of fast counting. `word` is a list of ids that occurs `n` times, and `pair` is merged into
# `new` in it, from left to right. Return {pair: by how much its count changes}, only for pairs whose
# count does change. For [1, 2, 3], n = 1, the pair (1, 2) and new = 9: {(1, 2): -1, (2, 3): -1, (9,
# 3): 1}.
#
# <details><summary>Hint 1</summary>What changes is the difference between the pairs after and the pairs before.</details>
# <details><summary>Hint 2</summary><code>Counter.subtract</code> keeps negative counts, and zeros too: leave the zeros out.</details>


# %%
def my_changes(word, n, pair, new):
    return None  # TODO: your answer


check.exercise("6.2", my_changes)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 6.2
def solution_2(word, n, pair, new):
    change = Counter(pairwise(merge(word, pair, new)))
    change.subtract(pairwise(word))
    return {key: n * by for key, by in change.items() if by}


check.solution("6.2", solution_2)

# %% [markdown]
# ### 6.3 Special tokens · ●●○ · 15 minutes
#
# `encode` turns any text into a list of ids, and knows nothing of special tokens; `special` is {name:
# id}. Return the ids of `text` in which each name is its one special id, and each stretch between two
# names is encoded by one call of `encode`; an empty stretch by none. Read from left to right; where two names begin at the same place, the longer
# wins. Names may contain any signs, such as `<|a|>`; there is at least one.
#
# <details><summary>Hint 1</summary><code>re.split</code> with a group, "(...)", keeps what it splits at. In a pattern, "|" means "or": <code>re.escape</code> the names.</details>
# <details><summary>Hint 2</summary>A pattern takes the first alternative that fits. Sort the names by length.</details>


# %%
def my_encode(text, encode, special):
    return None  # TODO: your answer


check.exercise("6.3", my_encode)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 6.3
def solution_3(text, encode, special):
    names = sorted(special, key=len, reverse=True)
    parts = filter(None, re.split("(" + "|".join(map(re.escape, names)) + ")", text))
    return sum([[special[part]] if part in special else encode(part) for part in parts], [])


check.solution("6.3", solution_3)

# %% [markdown]
# ### 6.4 The price of another language · ●●● · 20 minutes
#
# A service is paid by the token. `parallel` is {language: sentences}, all with the same meaning, as
# `PARALLEL` above, with English among them. Train a vocabulary of `vocab_size` on the sentences of
# the languages in `learned`, by `train(texts, vocab_size)`, which returns something with
# `.encode(text)`. Then return {language: how many tokens all its sentences take, for each token that
# the English ones take}. Then try it on `PARALLEL` with `bpe.train(texts, vocab_size)` (it makes a `BPE` of
# what `learn_merges` finds), 400 rows, and `learned` of English alone, then of all. (Three sentences run out
# of pairs at 345 rows; that is all right.)
#
# <details><summary>Hint 1</summary>Sum the tokens of all sentences of a language first; divide at the end, once.</details>
# <details><summary>Hint 2</summary>The training texts are one flat list of sentences: <code>[text for language in learned for text in parallel[language]]</code>.</details>


# %%
def my_price(train, parallel, learned, vocab_size):
    return None  # TODO: your answer


check.exercise("6.4", my_price)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
# @title Solution 6.4
def solution_4(train, parallel, learned, vocab_size):
    coder = train([text for name in learned for text in parallel[name]], vocab_size)
    count = {name: sum(len(coder.encode(t)) for t in parallel[name]) for name in parallel}
    return {name: count[name] / count["English"] for name in parallel}


check.solution("6.4", solution_4)
for learned in (["English"], [*PARALLEL]):
    found = solution_4(bpe.train, PARALLEL, learned, 400)
    print("learned from", *learned, {name: round(price, 2) for name, price in found.items()})

# %% [markdown]
# ## Before tomorrow
#
# **Challenge.** A piece may be very long: `re.sub("[^a-z]", "", "".join(manual))` is one. Time
# `merge_by_rank` on its first 8,000, 16,000 and 32,000 letters, and the library, too. Ours takes more
# than twice as long for twice the length, and some 200 times as long as the library, because it looks through
# the whole piece for every merge.
# Write one that finds its next merge in a heap, with the same tokens.
#
# **Tomorrow: self-attention.** A row of the table is the same wherever its token stands: "light" in
# "a light bag" and in "turn off the light" get the same vector. What a word means is decided by its
# neighbors, here and now. Day 7 lets every token look at all the others and take from them what it
# needs.
