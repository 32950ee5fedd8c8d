"""Copies are found and named, near ones too, and originals are kept."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.text import stories
from helpers.text.clean import (
    SIGN,
    repair,
)
from helpers.text.duplicates import MinHash, exact_copies, jaccard, near_copies, shingles
from helpers.text.planted import COPIES, plant

STORIES = [stories.write(seed).text for seed in range(40)]
LETTERS = "abc def éñ “”’—…\n" + "".join(SIGN[160:])
some_words = st.lists(
    st.sampled_from("a kite flew over the hill and Mia ran".split()), max_size=40
)


@given(st.lists(st.sampled_from(["a", "b", "c", "d é", ""]), max_size=30))
def test_exact_copies_name_the_first(texts):
    expected = [texts.index(text) for text in texts]
    found = [i if first is None else first for i, first in enumerate(exact_copies(texts))]
    assert found == expected


def test_shingles_are_the_distinct_runs_of_words():
    found = shingles("The cat sat. The cat sat, the CAT!")
    assert found.dtype == np.uint32
    assert len(found) == len({"the cat sat", "cat sat the", "sat the cat"})
    assert (np.diff(found.astype(int)) > 0).all()
    assert np.array_equal(found, shingles("the cat sat the cat sat the cat"))


@pytest.mark.parametrize("text", ["", "word", "two words", "!?", "\ud800 \ud800 \ud800"])
def test_short_and_strange_texts_have_one_shingle(text):
    assert len(shingles(text)) == 1


sets = st.sets(st.integers(0, 60), min_size=1)


@given(sets, sets)
def test_jaccard_is_common_over_all(a, b):
    arrays = (np.array(sorted(some), np.uint32) for some in (a, b))
    assert jaccard(*arrays) == len(a & b) / len(a | b)


def test_a_signature_is_the_least_of_each_map():
    minhash, numbers = MinHash(bands=3, rows=2, seed=5), [7, 2**32 - 1, 123456]
    pairs = zip(minhash.a.ravel().tolist(), minhash.b.ravel().tolist(), strict=True)
    by_hand = [min(((a * x + b) % 2**64) >> 32 for x in numbers) for a, b in pairs]
    assert minhash.signature(np.array(numbers, np.uint32)).tolist() == by_hand


@given(st.integers(0, 200), st.integers(1, 200), st.integers(1, 200), st.integers(0, 10**6))
def test_signatures_estimate_jaccard_within_the_binomial_error(common, one, other, seed):
    numbers = random.Random(seed).sample(range(2**32), common + one + other)
    a, b = (np.array(some, np.uint32) for some in (numbers[: one + common], numbers[one:]))
    exact = len(np.intersect1d(a, b)) / len(np.union1d(a, b))
    minhash = MinHash(bands=4000, rows=1, seed=seed)
    estimate = np.mean(minhash.signature(a) == minhash.signature(b))
    assert abs(estimate - exact) <= 5 * math.sqrt(exact * (1 - exact) / 4000) + 1e-12


def test_estimates_have_no_bias():
    pairs = [(shingles(text), shingles(COPIES["three typos"](text))) for text in STORIES]
    errors = [
        np.mean(minhash.signature(a) == minhash.signature(b)) - jaccard(a, b)
        for seed in range(10)
        for minhash in [MinHash(seed=seed)]
        for a, b in pairs
    ]
    assert abs(np.mean(errors)) < 0.01  # one signature alone errs by 0.034


@pytest.mark.parametrize(("bands", "rows"), [(64, 2), (32, 4), (16, 8)])
def test_texts_share_a_key_as_often_as_the_formula_says(bands, rows):
    words = STORIES[0].split()
    a, b = shingles(" ".join(words)), shingles(" ".join(words[25:]))
    expected = 1 - (1 - jaccard(a, b) ** rows) ** bands
    hashers = [MinHash(bands, rows, seed) for seed in range(300)]
    met = [set(m.keys(m.signature(a))) & set(m.keys(m.signature(b))) for m in hashers]
    error = 4 * math.sqrt(max(expected * (1 - expected), 0.01) / 300)
    assert abs(np.mean([bool(keys) for keys in met]) - expected) < error


def by_all_pairs(texts, threshold):
    kept, copy_of = {}, []
    for position, mine in enumerate(map(shingles, texts)):
        alike = (i for i, other in kept.items() if jaccard(mine, other) >= threshold)
        copy_of.append(next(alike, None))
        if copy_of[-1] is None:
            kept[position] = mine
    return copy_of


@given(st.lists(some_words.map(" ".join), max_size=12), st.sampled_from([0.3, 0.6, 1.0]))
def test_near_copies_are_those_of_all_pairs(texts, threshold):
    thorough = MinHash(bands=256, rows=1)  # misses next to nothing
    assert near_copies(texts, threshold, thorough) == by_all_pairs(texts, threshold)


@pytest.mark.parametrize("seed", range(4))
def test_planted_copies_are_found_and_good_texts_are_not(seed):
    rows = [row for row in plant(seed, good=500, each=50) if row[2] is not None]
    found = near_copies([repair(text) for _, text, _ in rows])
    copies = [i for i, (kind, _, _) in enumerate(rows) if kind in COPIES]
    others = [i for i, (kind, _, _) in enumerate(rows) if kind not in COPIES]
    recall = np.mean([found[i] is not None for i in copies])
    right = np.mean([found[i] is not None and rows[found[i]][2] == rows[i][2] for i in copies])
    assert recall >= 0.95 and right >= 0.95
    assert np.mean([found[i] is not None for i in others]) <= 0.01


@pytest.mark.parametrize("kind", COPIES)
def test_each_kind_of_copy_is_found(kind):
    texts = [*STORIES, *(COPIES[kind](text) for text in STORIES)]
    found = near_copies(texts)[len(STORIES) :]
    least = 0.75 if kind == "end gone" else 1.0  # a fifth of the story may be missing
    assert np.mean([copy == i for i, copy in enumerate(found)]) >= least


@pytest.mark.parametrize("threshold", [0, -1, 1.01])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(ValueError, match="above 0, at most 1"):
        near_copies(["a"], threshold)


@pytest.mark.parametrize("sizes", [{"bands": 0}, {"rows": 0}])
def test_minhash_without_bands_or_rows_is_refused(sizes):
    with pytest.raises(ValueError, match="must be at least 1"):
        MinHash(**sizes)
