"""Codes are those of bitsandbytes and torch; a packed model says nearly what the whole one said."""

import math
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SMALL, random_ids, random_model

from helpers.inference.quantize import (
    NF4,
    PackedWeight,
    QuantizedCache,
    Scheme,
    absmax,
    nf4,
    pack,
    quantize,
    straight_through,
    unpack,
    weight_bytes,
    zero_point,
)
from helpers.model.cache import GrowingCache
from helpers.model.moe import Qwen3Moe, Qwen3MoeConfig, Router

SCHEMES = [Scheme(), Scheme("zero-point"), Scheme("absmax", 4, 4), Scheme("nf4", 4, 4)]
SCHEMES += [Scheme("zero-point", 4, 2), Scheme("absmax", 3, 10)]


def torch_codes(x, low, high, scale, zero):
    return torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)


def test_nf4_is_that_of_bitsandbytes():
    bnb = pytest.importorskip("bitsandbytes.functional")
    for seed in range(5):
        x = torch.randn(16, 64, generator=torch.Generator().manual_seed(seed))
        theirs, state = bnb.quantize_4bit(x, blocksize=64, quant_type="nf4")
        codes, scale = nf4(x)
        assert torch.equal(pack(codes).flatten(), theirs.flatten())
        assert torch.equal(scale.flatten(), state.absmax) and torch.equal(NF4, state.code)
        again = bnb.dequantize_4bit(theirs, state)
        assert torch.equal(Scheme("nf4", 4).decode(codes, scale, None), again)


def test_int8_is_that_of_bitsandbytes():
    bnb = pytest.importorskip("bitsandbytes.functional")
    for seed in range(5):
        x = torch.randn(16, 64, generator=torch.Generator().manual_seed(seed)).half()
        theirs, largest, _ = bnb.int8_vectorwise_quant(x)
        codes, scale = absmax(x.float())
        assert torch.equal(codes, theirs)
        torch.testing.assert_close(scale.flatten() * 127, largest)


def test_values_are_those_of_torch():
    x = torch.randn(100)
    codes, scale = absmax(x)
    ours, theirs = codes * scale, torch_codes(x, -127, 127, scale.item(), 0)
    torch.testing.assert_close(ours, theirs)
    codes, scale, zero = zero_point(x)
    theirs = torch_codes(x, 0, 255, scale.item(), int(zero))
    torch.testing.assert_close((codes.float() - zero) * scale, theirs)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=40), st.sampled_from(SCHEMES)
)
@settings(max_examples=100, deadline=None)
def test_no_number_is_off_by_more_than_half_a_step_and_zero_is_kept(numbers, scheme):
    x = torch.tensor([*numbers, 0.0])
    codes, scale, zero = scheme.encode(x)
    again = scheme.decode(codes, scale, zero)
    widest = (NF4.diff().max() * scale if scheme.kind == "nf4" else scale).item()
    assert (again - x).abs().max() <= widest * 0.5001 + 1e-9
    assert again[-1] == 0 and int(codes.max()) < 2**scheme.bits


def test_a_group_of_zeros_stays_zero():
    for scheme in SCHEMES:
        assert (scheme.decode(*scheme.encode(torch.zeros(3, 4))) == 0).all()


def test_two_codes_share_a_byte():
    codes = torch.tensor([[1, 2, 15, 0]], dtype=torch.uint8)
    assert pack(codes).tolist() == [[18, 240]] and torch.equal(unpack(pack(codes)), codes)


# ---- weights


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rows_that_are_asked_for_are_those_of_the_whole(scheme):
    packed = PackedWeight(torch.randn(7, 20), scheme)
    ids = torch.tensor([[3, 3], [0, 6]])
    assert torch.equal(packed.rows(ids), packed.rows()[ids])


def test_an_outlier_spoils_its_group_only():
    weight = torch.randn(4, 64)
    weight[0, 0] = 100.0
    error = {}
    for group in (None, 8):
        packed = PackedWeight(weight, Scheme(bits=4, group=group))
        error[group] = (packed.rows() - weight)[0, 8:].abs().mean().item()
    assert error[8] < 0.2 * error[None]


@torch.no_grad()
def test_more_bits_come_nearer_to_the_model():
    model, ids = random_model(), random_ids(SMALL, 2, 15)
    whole, errors = model(ids), []
    for bits in (2, 3, 4, 6, 8):
        small = quantize(model, Scheme(bits=bits, group=2))
        errors.append((small(ids) - whole).norm() / whole.norm())
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.02


@torch.no_grad()
def test_a_packed_model_is_the_model_of_its_rounded_weights():
    model, ids, scheme = random_model(), random_ids(SMALL, 2, 15), Scheme(bits=4, group=2)
    small = quantize(model, scheme)
    for name, weight in model.named_parameters():
        if "norm" not in name:
            weight.copy_(PackedWeight(weight, scheme).rows())
    torch.testing.assert_close(small(ids), model(ids))
    assert small.lm_head.packed is small.model.embed_tokens.packed  # tied, and packed once


def test_bytes_are_those_of_codes_and_scales():
    model = random_model()
    inside = sum(p.numel() for n, p in model.named_parameters() if "norm" not in n)
    norms = sum(p.numel() for n, p in model.named_parameters() if "norm" in n)
    small = quantize(model, Scheme(bits=4, group=2))
    assert weight_bytes(model) == 4 * (inside + norms)
    assert weight_bytes(small) == inside // 2 + 2 * (inside // 2) + 4 * norms


def test_spared_layers_keep_their_weights():
    small = quantize(random_model(), Scheme(), spare=("lm_head", "embed_tokens", "layers.0"))
    kept = [n for n, p in small.named_parameters() if "norm" not in n]
    assert all("layers.1" not in name for name in kept) and len(kept) == 8


@torch.no_grad()
def test_a_router_stays_as_it_is():
    moe = Qwen3MoeConfig(**asdict(SMALL), num_experts=3, moe_intermediate_size=6)
    model, ids = Qwen3Moe(moe).eval(), random_ids(SMALL, 1, 9)
    small = quantize(model, Scheme())
    whole, packed = model(ids), small(ids)
    assert isinstance(small.model.layers[0].mlp.gate, Router)
    assert (packed - whole).norm() < 0.1 * whole.norm()


def test_wishes_that_no_scheme_fulfils_are_refused():
    for wish in (dict(kind="fp4"), dict(bits=9), dict(bits=1), dict(kind="nf4", bits=8)):
        with pytest.raises(ValueError, match="is unknown|give 2 to 8"):
            Scheme(**wish)
    for columns, group in ((10, 4), (9, 3)):
        with pytest.raises(ValueError, match="cannot be cut into groups"):
            PackedWeight(torch.randn(2, columns), Scheme(bits=4, group=group))


# ---- cache and training


@pytest.mark.parametrize(("bits", "allowed"), [(8, 0.02), (4, 0.3)])
@torch.no_grad()
def test_a_rounded_cache_says_nearly_the_same_in_fewer_bytes(bits, allowed):
    model, ids = random_model(), random_ids(SMALL, 2, 30)
    cache, whole = QuantizedCache(bits), GrowingCache()
    cuts = [20] + [1] * 10
    ours = torch.cat([model(part, cache) for part in ids.split(cuts, dim=1)], dim=1)
    theirs = torch.cat([model(part, whole) for part in ids.split(cuts, dim=1)], dim=1)
    assert torch.equal(ours[:, :20], theirs[:, :20])  # nothing is rounded within a call
    error = (ours - theirs).norm() / theirs.norm()
    assert 0 < error < allowed
    width = SMALL.head_dim
    assert cache.bytes / whole.bytes == pytest.approx((width * bits / 8 + 2) / (4 * width))


def test_the_gradient_goes_straight_through():
    x = torch.randn(5, 8, requires_grad=True)
    rounded = straight_through(x, Scheme(bits=3))
    assert (rounded - x).abs().max() > 0.01
    rounded.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * rounded.detach())


def test_nf4_uses_all_of_its_codes_on_normal_numbers():
    """The 16 levels cut a normal distribution into nearly equal parts, so all codes are used."""
    codes, _ = nf4(torch.randn(2000, 64, generator=torch.Generator().manual_seed(0)))
    share = codes.flatten().int().bincount() / codes.numel()
    entropy = -(share * share.log2()).sum().item()
    assert entropy > 3.7 and math.isclose(share.sum().item(), 1, rel_tol=1e-5)
