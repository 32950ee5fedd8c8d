"""One attention for all kinds of heads, against loops that a newcomer can follow."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import GPT2Config
from transformers.masking_utils import sliding_window_causal_mask_function
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from helpers.model.attention import (
    Attention,
    LatentAttention,
    attend,
    attend_written_out,
    attention_weights,
    causal_mask,
    windowed,
)
from helpers.model.layers import rotary_angles
from helpers.model.size import LiveBytes

HEADS = [(4, 1), (4, 2), (4, 4), (6, 3)]  # one, some, all key/value heads


def slow_attend(queries, keys, values, allowed):
    """Attention as a loop over everything; allowed(row, i, j): may query i look at key j?"""
    batch, heads, time, head_dim = queries.shape
    group = heads // keys.shape[1]
    mixed = torch.zeros_like(queries)
    for b in range(batch):
        for h in range(heads):
            for i in range(time):
                seen = [j for j in range(keys.shape[2]) if allowed(b, i, j)]
                scores = [
                    float(queries[b, h, i] @ keys[b, h // group, j]) / math.sqrt(head_dim)
                    for j in seen
                ]
                total = sum(math.exp(score) for score in scores)
                for j, score in zip(seen, scores, strict=True):
                    mixed[b, h, i] += math.exp(score) / total * values[b, h // group, j]
    return mixed


def random_heads(heads: int, kv_heads: int, time: int, past: int = 0):
    queries = torch.randn(2, heads, time, 6)
    keys, values = torch.randn(2, 2, kv_heads, past + time, 6)
    return queries, keys, values


@pytest.mark.parametrize(("heads", "kv_heads"), HEADS)
def test_causal_attention_equals_the_loops(heads, kv_heads):
    queries, keys, values = random_heads(heads, kv_heads, time=5)
    expected = slow_attend(queries, keys, values, lambda b, i, j: j <= i)
    found = attend(queries, keys, values, None, heads // kv_heads)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("heads", "kv_heads"), HEADS)
def test_one_query_sees_every_key(heads, kv_heads):
    queries, keys, values = random_heads(heads, kv_heads, time=1, past=6)
    expected = slow_attend(queries, keys, values, lambda b, i, j: True)
    found = attend(queries, keys, values, None, heads // kv_heads)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 3), (2, 4), (4, 0)])
def test_heads_that_do_not_fall_into_equal_groups_are_refused(heads, kv_heads):
    with pytest.raises(ValueError, match="must be a multiple of"):
        Attention(24, heads, kv_heads, 6)


@pytest.mark.parametrize(("heads", "kv_heads"), HEADS)
@pytest.mark.parametrize("rows", ["(time, keys)", "for all heads", "for each head"])
def test_one_query_with_a_mask_equals_the_loops_and_copies_nothing(heads, kv_heads, rows):
    queries, keys, values = random_heads(heads, kv_heads, time=1, past=200)
    shape = {"(time, keys)": (1,), "for all heads": (2, 1, 1), "for each head": (2, heads, 1)}
    mask = torch.rand(*shape[rows], 201) < 0.5
    with LiveBytes() as meter:
        found = attend(queries, keys, values, mask, heads // kv_heads)
    full = mask.expand(2, heads, 1, 201)
    own = torch.stack(
        [
            slow_attend(queries[:, [h]], *(t[:, [h * kv_heads // heads]] for t in (keys, values)),
                        lambda b, i, j, h=h: full[b, h, i, j])[:, 0]
            for h in range(heads)
        ],
        dim=1,
    )  # fmt: skip
    torch.testing.assert_close(found, own, rtol=1e-5, atol=1e-5)
    assert meter.peak < keys.nbytes


@pytest.mark.parametrize("time", [1, 4])
def test_a_mask_rules_out_keys_row_by_row(time):
    queries, keys, values = random_heads(4, 2, time, past=3)
    mask = torch.rand(2, 1, time, 3 + time) < 0.5
    mask[..., 0] = True  # every query sees something
    expected = slow_attend(queries, keys, values, lambda b, i, j: mask[b, 0, i, j])
    found = attend(queries, keys, values, mask, groups=2)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def layer_and_input(kv_heads: int = 2, time: int = 7):
    layer = Attention(12, num_attention_heads=4, num_key_value_heads=kv_heads, head_dim=10)
    x = torch.randn(2, time, 12)
    return layer, x, *rotary_angles(torch.arange(time)[None, None], 10, 1e4)


def test_the_future_changes_nothing():
    layer, x, cos, sin = layer_and_input()
    changed = x.clone()
    changed[:, 4:] += 1
    before, after = layer(x, cos, sin), layer(changed, cos, sin)
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(-1).all()


def test_shared_heads_equal_copied_heads():
    """Grouped heads are multi-head attention whose key and value weights repeat."""
    grouped, x, cos, sin = layer_and_input(kv_heads=2)
    full = Attention(12, num_attention_heads=4, num_key_value_heads=4, head_dim=10)
    state = grouped.state_dict()
    for name in ("k_proj.weight", "v_proj.weight"):
        copies = state[name].unflatten(0, (2, 10)).repeat_interleave(2, dim=0)
        state[name] = copies.flatten(0, 1)
    full.load_state_dict(state)
    torch.testing.assert_close(full(x, cos, sin), grouped(x, cos, sin), rtol=1e-5, atol=1e-6)


def test_normed_queries_and_keys_ignore_the_size_of_their_weights():
    layer, x, cos, sin = layer_and_input()
    before = layer(x, cos, sin)
    with torch.no_grad():
        layer.q_proj.weight *= 50
        layer.k_proj.weight *= 50
    torch.testing.assert_close(layer(x, cos, sin), before, rtol=1e-3, atol=1e-4)
    with torch.no_grad():
        layer.q_norm.weight *= 3  # the norm's own weight does count
    assert not torch.allclose(layer(x, cos, sin), before, rtol=1e-3, atol=1e-4)


def test_gradients_reach_every_weight():
    layer, x, cos, sin = layer_and_input()
    layer(x, cos, sin).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_attention_written_out_for_a_compiler_equals_the_ready_kernel(groups):
    queries = torch.randn(2, 4, 33, 8, requires_grad=True)
    keys, values = torch.randn(2, 2, 4 // groups, 33, 8).unbind()
    want = attend(queries, keys, values, None, groups)
    got = attend_written_out(queries, keys, values, groups)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad(out.square().sum(), queries)[0] for out in (want, got)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_several_queries_among_more_keys_need_a_mask():
    queries, keys, values = random_heads(4, 2, time=3, past=2)
    with pytest.raises(ValueError, match="3 queries and 5 keys need a mask"):
        attend(queries, keys, values, None, groups=2)


# ---- a sliding window


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(0, 9), st.integers(1, 12))
def test_a_window_is_that_of_transformers(time, past, window):
    inside = sliding_window_causal_mask_function(window)
    column = torch.arange(past + time)
    theirs = inside(0, 0, column[past:, None], column[None])
    mask = column[past:, None] >= column
    ours = windowed(mask, time, past + time, window, torch.device("cpu"))
    assert torch.equal(ours, theirs)
    alone = windowed(None, time, past + time, window, torch.device("cpu"))
    assert alone is None if past + time <= window else torch.equal(alone, theirs)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a window of 0 tokens sees nothing"):
        Attention(12, 4, 2, 10, window=0)


def test_a_token_hears_its_window_and_nothing_else():
    layer = Attention(12, 4, 2, 10, qk_norm=False, window=3)
    x = torch.randn(1, 7, 12, requires_grad=True)
    for place in range(7):
        (gradient,) = torch.autograd.grad(layer(x)[0, place].square().sum(), x)
        heard = gradient[0].abs().sum(-1) > 0
        assert heard.tolist() == [place - 3 < j <= place for j in range(7)]


# ---- latents


def latent_layer(rope: int, rank: int = 7) -> LatentAttention:
    torch.manual_seed(0)
    layer = LatentAttention(24, 4, head_dim=6, kv_lora_rank=rank, rope_head_dim=rope)
    nn.init.uniform_(layer.kv_a_layernorm.weight, 0.5, 1.5)
    return layer


@pytest.mark.parametrize("rope", [2, 8])
@torch.no_grad()
def test_latent_attention_equals_that_of_transformers(rope):
    from transformers.models.deepseek_v3 import DeepseekV3Config
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Attention

    config = DeepseekV3Config(
        hidden_size=24, num_attention_heads=4, num_key_value_heads=4, q_lora_rank=None,
        kv_lora_rank=7, qk_nope_head_dim=6, qk_rope_head_dim=rope, v_head_dim=6,
        rope_interleave=False, attention_bias=False, attn_implementation="eager",
    )  # fmt: skip
    ours, theirs = latent_layer(rope), DeepseekV3Attention(config, layer_idx=0)
    theirs.load_state_dict(ours.state_dict())
    x, time = torch.randn(2, 9, 24), 9
    cos, sin = rotary_angles(torch.arange(time)[None], rope, 1e4)  # (1, time, rope / 2)
    both = torch.cat((cos, cos), -1), torch.cat((sin, sin), -1)
    mask = torch.zeros(time, time).masked_fill(~causal_mask(time), -torch.inf)[None, None]
    expected = theirs(x, both, mask)[0]
    torch.testing.assert_close(
        ours(x, cos[:, None], sin[:, None]), expected, rtol=1e-5, atol=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(rope=st.sampled_from([0, 2, 6]), rank=st.integers(1, 30), time=st.integers(1, 9))
@torch.no_grad()
def test_one_query_on_latents_equals_keys_and_values_made_of_them(rope, rank, time):
    layer, x = latent_layer(rope, rank), torch.randn(2, time, 24)
    angles = rotary_angles(torch.arange(time)[None, None], rope, 1e4) if rope else (None, None)
    queries, latents = layer.queries_and_latents(x, *angles)
    for masked in (False, True):
        mask = torch.arange(time)[None, None, None] > 0 if masked and time > 1 else None
        last = queries[:, :, -1:]
        fast, slow = layer.absorbed(last, latents, mask), layer.expanded(last, latents, mask)
        torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-6)


# ---- the formula written out, and a layer without norm and RoPE


@settings(max_examples=30, deadline=None)
@given(
    heads=st.integers(1, 4),
    time=st.integers(1, 9),
    head_dim=st.integers(1, 9),
    causal=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_weights_and_values_equal_pytorchs_attention(heads, time, head_dim, causal, dtype):
    generator = torch.Generator().manual_seed(time)
    shape = (3, 2, heads, time, head_dim)
    queries, keys, values = torch.randn(shape, generator=generator, dtype=dtype)
    weights = attention_weights(queries, keys, causal_mask(time) if causal else None)
    theirs = F.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
    torch.testing.assert_close(weights @ values, theirs, rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    heads=st.integers(1, 4),
    head_dim=st.integers(1, 6),
    time=st.integers(1, 7),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_without_norm_and_rope_it_is_pytorchs_multi_head_attention(
    heads, head_dim, time, dtype
):
    torch.manual_seed(heads)
    width = heads * head_dim
    mine = Attention(width, heads, heads, head_dim, qk_norm=False).to(dtype)
    theirs = nn.MultiheadAttention(width, heads, bias=False, batch_first=True, dtype=dtype)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(
            torch.cat([mine.q_proj.weight, mine.k_proj.weight, mine.v_proj.weight])
        )
        theirs.out_proj.weight.copy_(mine.o_proj.weight)
    x = torch.randn(2, time, width, dtype=dtype)
    expected, _ = theirs(x, x, x, attn_mask=~causal_mask(time))
    torch.testing.assert_close(mine(x), expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(heads=st.integers(1, 4), head_dim=st.integers(1, 6), time=st.integers(1, 7))
def test_without_norm_and_rope_it_is_the_attention_of_hugging_faces_gpt2(heads, head_dim, time):
    width = heads * head_dim
    config = GPT2Config(n_embd=width, n_head=heads, attn_pdrop=0.0, resid_pdrop=0.0)
    config._attn_implementation = "sdpa"
    torch.manual_seed(time)
    mine = Attention(width, heads, heads, head_dim, qk_norm=False)
    theirs = GPT2Attention(config, layer_idx=0).eval()
    three = [mine.q_proj.weight, mine.k_proj.weight, mine.v_proj.weight]
    with torch.no_grad():
        theirs.c_attn.weight.copy_(torch.cat(three).T)  # theirs is stored the other way round
        theirs.c_proj.weight.copy_(mine.o_proj.weight.T)
        x = torch.randn(2, time, width)
        torch.testing.assert_close(mine(x), theirs(x)[0], rtol=1e-6, atol=1e-6)
