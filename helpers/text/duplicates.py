"""Texts that were there before: exact copies by a digest, near copies by MinHash.

    exact_copies(texts)    for each text the position of the first one equal to it, or None
    near_copies(texts)     for each text the earlier one that it repeats, or None

MinHash: Broder 1997, "On the resemblance and containment of documents"; banding: Leskovec,
Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from zlib import crc32

import numpy as np


def exact_copies(texts: Iterable[str]) -> list[int | None]:
    """For each text the position of the first one equal to it, or None; by a 128-bit digest."""
    first, copy_of = {}, []
    for position, text in enumerate(texts):
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        original = first.setdefault(digest, position)
        copy_of.append(None if original == position else original)
    return copy_of


def shingles(text: str, width: int = 3) -> np.ndarray:
    """The distinct runs of `width` words, each as a 32-bit number; sorted (n,) uint32, n >= 1.

    Case and punctuation do not count. A text of fewer words is one run.
    """
    words = re.findall(r"\w+", text.lower())
    runs = zip(*(words[start:] for start in range(width)), strict=False)
    numbers = [crc32(" ".join(run).encode("utf-8", "surrogatepass")) for run in runs]
    return np.unique(np.array(numbers or [crc32(" ".join(words).encode())], np.uint32))


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """The share of two sets of shingles that they have in common."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


class MinHash:
    """Signatures: of two texts, the share of equal numbers estimates the Jaccard similarity.

    With truly random orders the estimate from n = bands * rows numbers is unbiased, with the
    standard error √(s(1 - s) / n); with these maps nearly so.
    Each number is the least of all shingles under one random map, x -> (a x + b mod 2^64) >> 32,
    which is pairwise independent (Thorup 2015, arXiv:1504.06804, section 3). Texts that agree on
    all `rows` numbers of a band share a key; with similarity s they share one or more of `bands`
    with the probability 1 - (1 - s^rows)^bands.
    """

    def __init__(self, bands: int = 32, rows: int = 4, seed: int = 0) -> None:
        if bands < 1 or rows < 1:
            raise ValueError(f"bands={bands} and rows={rows} must be at least 1")
        random = np.random.default_rng(seed)
        size = (2, bands * rows, 1)
        self.bands = bands
        self.a, self.b = random.integers(0, 2**64, size, dtype=np.uint64)

    def signature(self, shingles: np.ndarray) -> np.ndarray:  # (n,) -> (bands * rows,) uint32
        mapped = self.a * shingles.astype(np.uint64) + self.b  # (bands * rows, n), modulo 2^64
        return (mapped >> np.uint64(32)).min(axis=1).astype(np.uint32)

    def keys(self, signature: np.ndarray) -> list[tuple[int, bytes]]:
        rows = signature.reshape(self.bands, -1)
        return [(band, row.tobytes()) for band, row in enumerate(rows)]


def near_copies(
    texts: Iterable[str], threshold: float = 0.6, minhash: MinHash | None = None
) -> list[int | None]:
    """For each text the position of an earlier one at least `threshold` similar, or None.

    A text is compared with the texts that share a key with it and are no copies themselves, so the
    first of each kind is kept. Needs some 8 kB of memory for each text that is kept. With low
    thresholds choose more bands: pairs that share no key are missed, 77 % of those at 0.3.
    ValueError: a threshold that is not above 0 and at most 1.
    """
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
