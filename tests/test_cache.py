"""With a cache or without, whole or in pieces, alone or padded: the same logits."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SMALL, random_ids, random_model

from helpers.inference.generate import left_padded
from helpers.model.cache import KVCache, positions_and_mask


@st.composite
def cases(draw):
    """A config, prompts of unequal length, and where to cut the prefill into chunks."""
    config = replace(
        SMALL,
        num_key_value_heads=draw(st.sampled_from([1, 2, 4])),
        head_dim=draw(st.sampled_from([2, 6, 10])),
        num_hidden_layers=draw(st.integers(1, 3)),
        tie_word_embeddings=draw(st.booleans()),
        rope_theta=draw(st.sampled_from([100.0, 1e6])),
    )
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    inside = range(1, max(lengths))
    cuts = draw(st.sampled_from(["whole", "steps", "any"]))
    if cuts == "any" and inside:
        cuts = sorted(draw(st.sets(st.sampled_from(inside))))
    else:
        cuts = list(inside) if cuts == "steps" else []
    return config, lengths, [0, *cuts, max(lengths)]


@settings(max_examples=40)
@given(cases(), st.integers(1, 4))
@torch.inference_mode()
def test_cached_equals_uncached(case, new_tokens):
    config, lengths, cuts = case
    model = random_model(config)
    rows = [random_ids(config, 1, n, seed=i)[0].tolist() for i, n in enumerate(lengths)]
    input_ids, starts = left_padded(rows)
    cache = KVCache(max(lengths) + new_tokens, starts)

    cached = torch.cat([model(input_ids[:, a:b], cache) for a, b in pairwise(cuts)], dim=1)
    for _ in range(new_tokens):  # greedy, each row compared with itself alone and whole
        for row, logits in zip(rows, cached, strict=True):
            whole = model(torch.tensor([row]))[0]
            # the padding is on the left, and what is computed there means nothing
            torch.testing.assert_close(logits[-len(row) :], whole, rtol=1e-5, atol=1e-5)
            assert logits[-1].argmax() == whole[-1].argmax()
            row.append(int(whole[-1].argmax()))
        last = torch.tensor([row[-1:] for row in rows])
        cached = torch.cat([cached, model(last, cache)], dim=1)
    assert cache.length == max(lengths) + new_tokens


@torch.inference_mode()
def test_cached_equals_uncached_at_long_positions():
    config = replace(SMALL, num_key_value_heads=1, rope_theta=1e6, max_position_embeddings=2048)
    model = random_model(config)
    ids = random_ids(config, 1, 1500)
    cache = KVCache(1500)
    parts = [model(part, cache) for part in ids.split([1000, 1, 498, 1], dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), model(ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_are_those_of_the_formula(dtype):
    model, cache = random_model().to(dtype), KVCache(max_length=13)
    assert cache.bytes == 0
    model(random_ids(SMALL, 3, 5), cache)
    elements = 2 * SMALL.num_hidden_layers * 3 * SMALL.num_key_value_heads * 13 * SMALL.head_dim
    assert cache.bytes == elements * dtype.itemsize
    model(random_ids(SMALL, 3, 8), cache)
    assert cache.bytes == elements * dtype.itemsize  # full, and no byte more


def test_overflow_is_refused_with_the_two_numbers():
    model, cache = random_model(), KVCache(max_length=4)
    with torch.inference_mode():
        model(random_ids(SMALL, 1, 3), cache)
        with pytest.raises(ValueError, match="holds 4 tokens and 5 are needed"):
            model(random_ids(SMALL, 1, 2), cache)
        model(random_ids(SMALL, 1, 1), cache)  # what fits still goes in
    assert cache.length == 4


def test_update_returns_views_and_not_copies():
    cache = KVCache(max_length=8)
    keys, _ = cache.update(0, torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
    cache.advance(3)
    again, _ = cache.update(0, torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4))
    assert keys.shape == (1, 2, 3, 4) and again.shape == (1, 2, 4, 4)
    assert keys.data_ptr() == again.data_ptr()


def test_every_layer_writes_at_the_same_place():
    cache = KVCache(max_length=4)
    for layer in range(2):
        keys, values = cache.update(
            layer, torch.full((1, 1, 2, 1), 1.0 + layer), torch.zeros(1, 1, 2, 1)
        )
        assert keys.flatten().tolist() == [1.0 + layer] * 2
    assert cache.length == 0
    cache.advance(2)
    assert cache.length == 2


def test_no_mask_where_none_is_needed():
    cpu = torch.device("cpu")
    cache = KVCache(max_length=9)
    for time, expected in ((4, [[0, 1, 2, 3]]), (1, [[4]])):
        positions, mask = positions_and_mask(2, time, cpu, cache)
        assert positions.tolist() == expected and mask is None
        cache.advance(time)
    positions, mask = positions_and_mask(2, 3, cpu, None)
    assert positions.tolist() == [[0, 1, 2]] and mask is None


def test_a_later_chunk_sees_all_before_it():
    cache = KVCache(max_length=9)
    cache.advance(2)
    positions, mask = positions_and_mask(1, 2, torch.device("cpu"), cache)
    assert positions.tolist() == [[2, 3]]
    assert mask[0, 0].int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_padding_is_seen_by_itself_alone():
    cache = KVCache(max_length=9, starts=torch.tensor([0, 2]))
    positions, mask = positions_and_mask(2, 3, torch.device("cpu"), cache)
    assert positions.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert mask[0, 0].int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert mask[1, 0].int().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    cache.advance(3)
    positions, mask = positions_and_mask(2, 1, torch.device("cpu"), cache)
    assert positions.tolist() == [[3], [1]]
    assert mask[:, 0, 0].int().tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
