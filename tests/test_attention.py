"""One attention for all kinds of heads, against loops that a newcomer can follow."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from helpers.model.attention import (
    Attention,
    attend,
    attend_written_out,
    attention_weights,
    causal_mask,
)
from helpers.model.layers import rotary_angles

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
