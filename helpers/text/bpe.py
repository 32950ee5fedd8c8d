"""Byte-level BPE from scratch, in plain Python: the merges and ids of the `tokenizers` library.

    bpe = train(texts, vocab_size=2048)
    ids = bpe.encode("One day, a kite flew away.")
    bpe.decode(ids)                                    the same text again
    bpe.decode_bytes(bpe.encode_bytes(b"\\xff\\xfe"))    the same bytes, be they text or not

A text is cut into pieces (`split`), a piece into bytes; then the most frequent pair of neighbors
becomes a new token, again and again, and never across pieces (Sennrich, Haddow and Birch, 2016,
section 3.2; on bytes: Radford et al., 2019, section 2.2). Everywhere else the course uses
`helpers.text.tokenizer`, which wraps the library; this file shows what that does inside.
"""

import math
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import groupby, pairwise

from helpers.text.tokenizer import END_OF_TEXT, byte_letters, require_unicode

BYTES = bytes(byte_letters().values())  # all 256, in the order of their ids: GPT-2's
ID_OF_BYTE = {byte: id for id, byte in enumerate(BYTES)}
# White space as Unicode has it; Python's \s takes the four separators \x1c to \x1f for it, too.
SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


# ---- pieces


def split(text: str) -> list[str]:
    """The pieces of a text, cut by Qwen3's pattern: no token will reach from one into the next.

    >>> split("I'll see 12 kites!")
    ['I', "'ll", ' see', ' ', '1', '2', ' kites', '!']
    """
    return pattern().findall(text)


@cache
def pattern() -> re.Pattern:
    """`tokenizer.SPLIT_PATTERN` for Python's `re`, which has no \\p{L} (letter), \\p{N} (number).

    Letters are those that Python's Unicode tables know: `unicodedata.unidata_version`. A letter
    that is younger is cut like a punctuation mark.
    """
    letter, number = members("L"), members("N")
    return re.compile(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)"  # the end of it's, don't, we're, ...
        f"|[^\r\n{letter}{number}]?[{letter}]+"  # a word, with the one character before it
        f"|[{number}]"  # one digit
        f"| ?[^{SPACE}{letter}{number}]+[\r\n]*"  # punctuation, with line ends behind it
        f"|[{SPACE}]*[\r\n]+"  # line ends, with white space before them
        f"|[{SPACE}]+(?![^{SPACE}])"  # white space, but for the last before a word
        f"|[{SPACE}]+"
    )


def members(category: str) -> str:
    """All characters of a Unicode category ("L" or "N"), as the inside of a pattern's [...]."""
    found, characters = "", map(chr, range(sys.maxunicode + 1))
    for kind, run in groupby(characters, key=lambda c: unicodedata.category(c)[0]):
        if kind == category:
            first, *_, last = [*run] * 2  # twice, because a run may be one character
            found += f"{first}-{last}"
    return found


# ---- training


def merge(tokens: Iterable, pair: tuple, new: object) -> list:
    """`tokens` with each `pair` of neighbors replaced by `new`, from left to right.

    >>> merge([1, 2, 3, 1, 2, 2], (1, 2), 9)
    [9, 3, 9, 2]
    """
    merged = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return merged


class Pairs:
    """How often each pair of neighbors occurs, and in which words, while they are merged.

    words   lists of token ids, each word once; `update` replaces some
    counts  how often each word occurs in the text
    """

    def __init__(self, words: list[list[int]], counts: list[int]) -> None:
        self.words, self.counts = words, counts
        self.total, self.where = Counter(), defaultdict(set)
        for i in range(len(words)):
            self.count(i, 1)
        self.heap = [(-n, pair) for pair, n in self.total.items()]
        heapify(self.heap)

    def count(self, i: int, sign: int) -> list[tuple[int, int]]:
        """Add word `i` to the totals, or take it off (sign -1); return its pairs."""
        pairs = list(pairwise(self.words[i]))
        for pair in pairs:
            self.total[pair] += sign * self.counts[i]
            self.where[pair].add(i)  # a word that has lost the pair may stay here
        return pairs

    def most_frequent(self) -> tuple[int, int] | None:
        """The pair with the highest count, of equals the one with smaller ids; None: no pair."""
        while self.heap:
            n, pair = heappop(self.heap)
            if -n == self.total[pair]:  # otherwise the count has changed since
                return pair
        return None

    def update(self, pair: tuple[int, int], new: int) -> None:
        """Merge `pair` into `new` in every word that has it; only those are counted anew."""
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


def learn_merges(texts: Iterable[str], number: int) -> list[tuple[bytes, bytes]]:
    """The first `number` merges, fewer if no pair is left; ties as the library decides them."""
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


# ---- encoding and decoding


def merge_by_rank(piece: bytes, rank: dict[tuple[bytes, bytes], int]) -> list[bytes]:
    """The tokens of one piece: of all pairs in it, the one learned first is merged, until none is.

    rank  {pair: its place in the list of merges}
    """
    tokens = [bytes([byte]) for byte in piece]
    while len(tokens) > 1:
        pair = min(pairwise(tokens), key=lambda pair: rank.get(pair, math.inf))
        if pair not in rank:
            break
        tokens = merge(tokens, pair, pair[0] + pair[1])
    return tokens


class BPE:
    """Text to token ids and back, by a list of merges.

    Ids from 0: the special tokens, the 256 bytes in the order of `BYTES`, one for each merge. So
    special=() numbers the tokens as GPT-2 and Qwen3 do, which have their special tokens at the
    end; the ids of a text are Qwen3's if it is in NFC, and GPT-2 cuts by another pattern. A special
    token has an id and no text: nothing that a user writes becomes one, unless allowed.
    ValueError: `special` is one string, not a list of names.
    """

    def __init__(
        self, merges: Iterable[tuple[bytes, bytes]], special: Sequence[str] = (END_OF_TEXT,)
    ) -> None:
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

    def encode(self, text: str, allow_special: bool = False) -> list[int]:
        """The ids of `text`; names of special tokens are text too, unless they are allowed.

        ValueError: a lone surrogate, which is half of a character.
        """
        ids, names = [], self.special if allow_special else []
        for part in split_at(names, require_unicode(text)):
            ids += [self.special.index(part)] if part in names else self.encode_plain(part)
        return ids

    def encode_bytes(self, data: bytes) -> list[int]:
        """The ids of any bytes, broken characters too; of a text's bytes, the text's ids."""
        return self.encode_plain(data.decode("utf-8", "surrogateescape"))

    def encode_plain(self, text: str) -> list[int]:
        """The ids of a text; each different piece is worked out once.

        A byte that is part of no character stands in `text` as "surrogateescape" has it: U+DC80
        to U+DCFF, which no proper text contains.
        """
        ids = []
        for piece in split(text):
            if piece not in self.known:
                tokens = merge_by_rank(piece.encode("utf-8", "surrogateescape"), self.rank)
                self.known[piece] = [self.id_of[token] for token in tokens]
            ids += self.known[piece]
        return ids

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token, none for a special one. ValueError: no token has this id."""
        if not 0 <= id < self.vocab_size:
            raise ValueError(f"no token has the id {id}; the last is {self.vocab_size - 1}")
        return self.tokens[id]

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of `ids`. ValueError: an id that no token has."""
        return b"".join(map(self.token_bytes, ids))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; bytes that are no character become U+FFFD.

        Give all ids at once: a character may be spread over several tokens.
        """
        return self.decode_bytes(ids).decode("utf-8", "replace")


def split_at(names: Sequence[str], text: str) -> list[str]:
    """`text`, cut before and after each of `names`; where two fit, the longer one is taken."""
    if not names:
        return [text]
    longest_first = sorted(names, key=len, reverse=True)
    return re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text)


def train(
    texts: Iterable[str], vocab_size: int, special: Sequence[str] = (END_OF_TEXT,)
) -> BPE:
    """A BPE of `vocab_size` tokens, fewer if the texts have no pair left to merge.

    ValueError: `vocab_size` has no room for the bytes; a text has a lone surrogate.
    """
    smallest = len(special) + len(BYTES)
    if vocab_size < smallest:
        raise ValueError(
            f"vocab_size is {vocab_size}; it must be at least {smallest}: "
            f"256 bytes and {len(special)} special"
        )
    return BPE(learn_merges(map(require_unicode, texts), vocab_size - smallest), special)
