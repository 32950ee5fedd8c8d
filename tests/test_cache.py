"""With a cache or without, whole or in pieces, alone or padded: the same logits."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SMALL, SMALL_GPT, random_gpt, random_ids, random_model, with_random_norms

from helpers.inference.generate import left_padded
from helpers.model import size
from helpers.model.attention import AlibiAttention, LatentAttention, RotaryAttention
from helpers.model.cache import GrowingCache, KVCache, WindowCache, positions_and_mask
from helpers.model.change import replace_part
from helpers.model.layers import RopeScaling

# ---- every attention x every cache x every way to feed it

KINDS = ["MHA", "GQA", "MQA", "window", "latent", "rotary", "alibi", "alibi window"]
CACHES = {
    "growing": lambda room, window, starts: GrowingCache(starts),
    "preallocated": lambda room, window, starts: KVCache(room, starts),
    "window": lambda room, window, starts: WindowCache(window, starts),
    "wide window": lambda room, window, starts: WindowCache(window + 3, starts),
}


OF_A_GPT = {  # attention that knows positions by itself
    "rotary": (RotaryAttention, {"theta": 100.0, "scaling": RopeScaling("yarn", 4.0, 8)}),
    "alibi": (AlibiAttention, {}),
    "alibi window": (AlibiAttention, {}),
}


def own_positions(layer: int, config, settings) -> torch.nn.Module:
    kind, more = settings
    heads = (config.num_attention_heads, config.num_key_value_heads, config.head_dim)
    return kind(config.hidden_size, *heads, layer, qk_norm=False, **more)


def model_of(kind: str, family: str, window: int, head_dim: int = 6) -> torch.nn.Module:
    """A random model of one kind of attention: a GPT, or a Qwen3 with its RoPE and QK-norm."""
    heads = {"MHA": 4, "GQA": 2, "MQA": 1, "rotary": 2, "alibi": 2}.get(kind, 4)
    small, make = (SMALL, random_model) if family == "qwen3" else (SMALL_GPT, random_gpt)
    model = make(replace(small, num_key_value_heads=heads, head_dim=head_dim))
    if kind in OF_A_GPT and family == "gpt":
        settings = OF_A_GPT[kind]
        torch.manual_seed(1)
        replace_part(
            model, "self_attn", lambda layer: own_positions(layer, model.config, settings)
        )
    if kind.endswith("window"):
        for block in model.model.layers:
            block.self_attn.window = window
    if kind == "latent":
        torch.manual_seed(1)
        rope = head_dim if family == "qwen3" else 0

        def latent(layer: int) -> LatentAttention:
            return LatentAttention(small.hidden_size, 4, head_dim, 5, rope, layer)

        with_random_norms(replace_part(model, "self_attn", latent))
    return model


@st.composite
def cases(draw):
    """A kind of attention and of cache, prompts of unequal length, cuts of the prefill."""
    kind, window = draw(st.sampled_from(KINDS)), draw(st.integers(1, 12))
    family, head_dim = (
        draw(st.sampled_from(["gpt", "qwen3"])),
        draw(st.sampled_from([2, 6, 10])),
    )
    whole = ["growing", "preallocated"]
    cache = draw(st.sampled_from(list(CACHES) if kind.endswith("window") else whole))
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    inside = range(1, max(lengths))
    cuts = draw(st.sampled_from(["whole", "steps", "any"]))
    if cuts == "any" and inside:
        cuts = sorted(draw(st.sets(st.sampled_from(inside))))
    else:
        cuts = list(inside) if cuts == "steps" else []
    return (kind, family, window, head_dim), cache, lengths, [0, *cuts, max(lengths)]


@settings(max_examples=150)
@given(cases(), st.integers(1, 4))
@torch.inference_mode()
def test_cached_equals_uncached(case, new_tokens):
    what, kind_of_cache, lengths, cuts = case
    model, window = model_of(*what), what[2]
    rows = [random_ids(model.config, 1, n, seed=i)[0].tolist() for i, n in enumerate(lengths)]
    input_ids, starts = left_padded(rows)
    cache = CACHES[kind_of_cache](max(lengths) + new_tokens, window, starts)

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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["gpt", "qwen3"])
def test_the_comparison_sees_a_token_that_got_lost(kind, family):
    model = model_of(kind, family, window=4)
    cache, ids = GrowingCache(), random_ids(model.config, 1, 8)
    with torch.inference_mode():
        model(ids[:, :7], cache)
        for states in cache.layers[0]:
            states[:, :, 5] = 0
        assert not torch.allclose(model(ids[:, 7:], cache)[:, -1], model(ids)[:, -1], atol=1e-4)


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


@pytest.mark.parametrize("make", [GrowingCache, lambda: KVCache(11)], ids=["growing", "kv"])
@pytest.mark.parametrize("heads", [1, 2, 4])
@torch.inference_mode()
def test_shared_heads_take_the_bytes_of_the_formula(make, heads):
    model, cache = random_model(replace(SMALL, num_key_value_heads=heads)), make()
    for time in (5, 1, 1, 4):
        model(random_ids(SMALL, 3, time), cache)
    assert cache.bytes == size.cache_bytes(model.config, batch=3, time=11)
    assert cache.bytes == 2 * SMALL.num_hidden_layers * 3 * heads * 11 * SMALL.head_dim * 4


@pytest.mark.parametrize("make", [GrowingCache, lambda: KVCache(11)], ids=["growing", "kv"])
@pytest.mark.parametrize(("family", "rope"), [("gpt", 0), ("qwen3", 6)])
@torch.inference_mode()
def test_latents_take_the_bytes_of_the_formula(make, family, rope):
    model, cache = model_of("latent", family, window=4), make()
    for time in (5, 1, 1, 4):
        model(random_ids(model.config, 3, time), cache)
    rank = model.model.layers[0].self_attn.kv_lora_rank
    assert cache.bytes == size.latent_cache_bytes(
        model.config, rank, batch=3, time=11, rope_head_dim=rope
    )
    assert cache.bytes == model.config.num_hidden_layers * 3 * 11 * (rank + rope) * 4


@torch.inference_mode()
def test_a_window_takes_the_bytes_of_its_last_tokens_and_no_more():
    model, cache = model_of("window", "qwen3", window=4), WindowCache(4)
    for time in (1, 1, 6, 1, 20):
        model(random_ids(SMALL, 2, time), cache)
        kept = min(cache.length, 3)
        assert cache.bytes == size.cache_bytes(model.config, batch=2, time=kept)


@pytest.mark.parametrize("window", [None, 5])
def test_a_cache_that_forgets_too_much_is_refused(window):
    model = random_model()
    for block in model.model.layers:
        block.self_attn.window = window
    with pytest.raises(ValueError, match="keeps a window of 4 tokens, and the attention sees"):
        model(random_ids(SMALL, 1, 2), WindowCache(4))


def test_a_window_without_a_token_is_refused():
    with pytest.raises(ValueError, match="window=0"):
        WindowCache(0)


def test_overflow_is_refused_with_the_two_numbers():
    model, cache = random_model(), KVCache(max_length=4)
    with torch.inference_mode():
        model(random_ids(SMALL, 1, 3), cache)
        with pytest.raises(ValueError, match="holds 4 tokens and 5 are needed"):
            model(random_ids(SMALL, 1, 2), cache)
        model(random_ids(SMALL, 1, 1), cache)  # what fits still goes in
    assert cache.length == 4


@pytest.mark.parametrize("make", [GrowingCache, lambda: KVCache(9)], ids=["growing", "kv"])
def test_a_batch_of_another_size_is_refused(make):
    model, cache = random_model(), make()
    with torch.inference_mode():
        model(random_ids(SMALL, 3, 4), cache)
        with pytest.raises(
            (ValueError, RuntimeError), match="rows in a cache of 3|Sizes of tensors"
        ):
            model(random_ids(SMALL, 1, 1), cache)


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
