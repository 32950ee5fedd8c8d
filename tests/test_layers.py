"""Each layer against a formula, a hand-worked number, and the layer of torch or transformers."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.model.layers import (
    Linear,
    NoPositions,
    RMSNorm,
    RopeScaling,
    SinusoidalPositions,
    SwiGLU,
    alibi_slopes,
    half_split,
    rotary_angles,
    rotary_frequencies,
    rotate,
    rotate_interleaved,
)

DTYPES = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(scope="module")
def theirs():
    from transformers.models.qwen3 import modeling_qwen3

    return modeling_qwen3


def test_rms_norm_of_three_and_four():
    # The mean square of (3, 4) is 12.5.
    found = RMSNorm(2, eps=0)(torch.tensor([3.0, 4.0]))
    torch.testing.assert_close(found, torch.tensor([3.0, 4.0]) / math.sqrt(12.5))


def test_rms_norm_equals_torch():
    x = torch.randn(2, 5, 33) * 7
    ours, peer = RMSNorm(33, eps=1e-3), torch.nn.RMSNorm(33, eps=1e-3)
    with torch.no_grad():
        ours.weight.copy_(torch.randn(33))
        peer.weight.copy_(ours.weight)
    torch.testing.assert_close(ours(x), peer(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rms_norm_equals_transformers_in_every_dtype(theirs, dtype):
    x = (torch.randn(2, 5, 33) * 7).to(dtype)
    ours, peer = RMSNorm(33).to(dtype), theirs.Qwen3RMSNorm(33).to(dtype)
    with torch.no_grad():
        ours.weight.copy_(torch.randn(33))
        peer.weight.copy_(ours.weight)
    assert ours(x).dtype == dtype
    # One unit in the last place: the order of two roundings may differ between versions.
    torch.testing.assert_close(ours(x), peer(x), rtol=torch.finfo(dtype).eps, atol=0)


def test_rms_norm_does_not_overflow_in_float16():
    x = torch.tensor([3e4, -3e4], dtype=torch.float16)  # the square is beyond 65504
    assert RMSNorm(2)(x).tolist() == [1, -1]


def test_rms_norm_of_zeros_is_zero():
    assert RMSNorm(4)(torch.zeros(4)).tolist() == [0, 0, 0, 0]


def test_rms_norm_has_the_right_gradient():
    norm = RMSNorm(5).double()
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, x)


@pytest.mark.parametrize(("head_dim", "theta"), [(6, 1e4), (32, 1e4), (128, 1e6)])
def test_angles_equal_those_of_transformers_to_the_last_bit(theirs, head_dim, theta):
    from transformers import Qwen3Config, __version__
    from twins import rope_settings

    config = Qwen3Config(head_dim=head_dim, **rope_settings(__version__, theta))
    positions = torch.arange(5000)[None]
    cos, sin = theirs.Qwen3RotaryEmbedding(config)(torch.zeros(1), positions)
    ours = rotary_angles(positions, head_dim, theta)
    assert torch.equal(torch.cat([ours[0]] * 2, -1), cos)
    assert torch.equal(torch.cat([ours[1]] * 2, -1), sin)


def test_angles_worked_by_hand():
    # Two pairs: the first turns by 1 a position, the second by 100^(-1/2) = 0.1.
    cos, sin = rotary_angles(torch.tensor([0, 3]), head_dim=4, theta=100.0)
    torch.testing.assert_close(cos, torch.tensor([[0.0, 0.0], [3.0, 0.3]]).cos())
    torch.testing.assert_close(sin, torch.tensor([[0.0, 0.0], [3.0, 0.3]]).sin())


def test_rotate_turns_the_two_halves_against_each_other():
    quarter = torch.tensor([math.pi / 2, 0.0])  # the first pair turns by 90 degrees
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])  # pairs (1, 3) and (2, 4)
    found = rotate(x, quarter.cos(), quarter.sin())
    torch.testing.assert_close(found, torch.tensor([-3.0, 2.0, 1.0, 4.0]))


@pytest.mark.parametrize("head_dim", [2, 10, 64])
def test_rotate_equals_transformers_to_the_last_bit(theirs, head_dim):
    cos, sin = rotary_angles(torch.arange(50)[None, None], head_dim, theta=1e4)
    x = torch.randn(2, 3, 50, head_dim)
    wide = [torch.cat([angle[:, 0]] * 2, -1) for angle in (cos, sin)]
    peer, _ = theirs.apply_rotary_pos_emb(x, x, *wide)
    assert torch.equal(rotate(x, cos, sin), peer)


def test_pairs_of_neighbours_are_pairs_of_halves_in_another_order():
    cos, sin = rotary_angles(torch.arange(20), head_dim=8, theta=100.0)
    x = torch.randn(2, 3, 20, 8)
    turned = rotate(half_split(x), cos, sin)
    assert torch.equal(half_split(rotate_interleaved(x, cos, sin)), turned)
    assert not torch.allclose(rotate_interleaved(x, cos, sin), rotate(x, cos, sin), atol=0.1)


def test_neighbours_turn_as_complex_numbers_do():
    angles = torch.arange(20)[:, None] * rotary_frequencies(8, 100.0)
    x = torch.randn(3, 20, 8)
    turned = torch.view_as_complex(x.unflatten(-1, (4, 2))) * torch.polar(
        torch.ones_like(angles), angles
    )
    found = rotate_interleaved(x, angles.cos(), angles.sin())
    torch.testing.assert_close(found, torch.view_as_real(turned).flatten(-2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["linear", "ntk", "yarn"])
@pytest.mark.parametrize("factor", [1.0, 2.0, 3.7, 4.0])
@pytest.mark.parametrize(("head_dim", "theta"), [(6, 1e4), (32, 1e4), (128, 1e6)])
def test_scaled_frequencies_equal_those_of_transformers_to_the_last_bit(
    kind, factor, head_dim, theta
):
    modeling = pytest.importorskip("transformers.modeling_rope_utils")
    from transformers import Qwen3Config, __version__

    if __version__.startswith("4."):
        pytest.skip("transformers 4 spells the settings otherwise")
    trained = 512
    name = {"ntk": "dynamic"}.get(kind, kind)
    rope = {
        "rope_type": name,
        "rope_theta": theta,
        # Theirs grows with the text; at `factor` times the trained length it is ours.
        "factor": 1.0 if kind == "ntk" else factor,
        "original_max_position_embeddings": trained,
    }
    config = Qwen3Config(
        head_dim=head_dim, max_position_embeddings=trained, rope_parameters=rope
    )
    theirs, attention_factor = modeling.ROPE_INIT_FUNCTIONS[name](
        config, torch.device("cpu"), seq_len=int(factor * trained)
    )
    ours = RopeScaling(
        kind, int(factor * trained) / trained if kind == "ntk" else factor, trained
    )
    assert torch.equal(ours.frequencies(head_dim, theta), theirs)
    assert ours.attention_factor == pytest.approx(attention_factor)


def test_yarn_keeps_the_fast_pairs_and_divides_the_slow_ones():
    scaling = RopeScaling("yarn", 4.0, 4096)
    ratio = scaling.frequencies(128, 1e4) / rotary_frequencies(128, 1e4)
    assert ratio[0] == 1 and ratio[-1] == pytest.approx(0.25)
    assert (ratio.diff() <= 1e-6).all()
    cos, _ = rotary_angles(torch.tensor([0]), 128, 1e4, scaling)
    assert cos.unique().item() == pytest.approx(1 + 0.1 * math.log(4))


def test_linear_scaling_is_a_slower_clock():
    scaling = RopeScaling("linear", 4.0, 100)
    slow = rotary_angles(torch.tensor([80]), 8, 1e4, scaling)
    plain = rotary_angles(torch.tensor([20]), 8, 1e4)
    torch.testing.assert_close(slow, plain)


@pytest.mark.parametrize(
    ("kind", "factor", "says"), [("dynamic", 2.0, "unknown"), ("yarn", 0.5, "1 or more")]
)
def test_a_scaling_that_cannot_be_meant_is_refused(kind, factor, says):
    with pytest.raises(ValueError, match=says):
        RopeScaling(kind, factor, 100)


# ---- positions that are added, and the slopes of ALiBi


def test_waves_have_the_values_of_the_paper():
    found = SinusoidalPositions(4)(torch.tensor([[0, 1, 50]]))
    slow = [math.sin(0.5), math.cos(0.5)]  # 50 / 10000^(1/2)
    torch.testing.assert_close(found[0, 0], torch.tensor([0.0, 1, 0, 1]))
    torch.testing.assert_close(found[0, 2, 2:], torch.tensor(slow))
    torch.testing.assert_close(found[0, 1, :2], torch.tensor([math.sin(1), math.cos(1)]))


def test_a_wave_moved_by_a_distance_is_the_same_turn_everywhere():
    """What the paper hoped for: products depend on the distance only."""
    waves = SinusoidalPositions(16)(torch.arange(40)[None])[0]
    products = waves @ waves.T
    for distance in (1, 5, 11):
        assert products.diagonal(distance).std() < 1e-4


def test_no_positions_add_nothing():
    x = torch.randn(2, 5, 3)
    assert torch.equal(x + NoPositions()(torch.arange(5)[None]), x)


@pytest.mark.parametrize("heads", [1, 2, 4, 6, 8, 12, 16])
def test_slopes_equal_those_of_transformers(heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float32)
    torch.testing.assert_close(alibi_slopes(heads), theirs[:, 0, 1])


def test_slopes_of_eight_heads_are_halves():
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]


@settings(max_examples=20)
@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000))
def test_rotated_products_depend_on_the_distance_only(query_at, key_at, shift):
    generator = torch.Generator().manual_seed(query_at)
    query, key = torch.randn(2, 8, generator=generator)

    def product(i: int, j: int) -> torch.Tensor:
        turned = [
            rotate(v, *rotary_angles(torch.tensor(p), 8, 1e4))
            for v, p in ((query, i), (key, j))
        ]
        return turned[0] @ turned[1]

    moved = product(query_at + shift, key_at + shift)
    torch.testing.assert_close(product(query_at, key_at), moved, rtol=0, atol=5e-3)


def test_swiglu_worked_by_hand():
    net = SwiGLU(1, 1)
    for layer, weight in ((net.gate_proj, 2.0), (net.up_proj, 3.0), (net.down_proj, 5.0)):
        torch.nn.init.constant_(layer.weight, weight)
    silu_of_two = 2 / (1 + math.exp(-2))
    assert net(torch.ones(1)).item() == pytest.approx(5 * silu_of_two * 3)


def test_swiglu_equals_transformers(theirs):
    from transformers import Qwen3Config

    ours = SwiGLU(12, 31)
    peer = theirs.Qwen3MLP(Qwen3Config(hidden_size=12, intermediate_size=31))
    peer.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, 12) * 3
    torch.testing.assert_close(ours(x), peer(x), rtol=1e-6, atol=1e-6)
    assert not torch.allclose(
        ours(x), ours.down_proj(F.silu(ours.up_proj(x)) * ours.gate_proj(x))
    )


def test_a_single_token_compiled_gives_what_the_matrix_kernel_gives(monkeypatch):
    """The branch for a compiler, taken by hand: the real one is compiled in test_generate."""
    layer, x = Linear(24, 40), torch.randn(1, 1, 24)
    with torch.inference_mode():
        want = layer(x)
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        got = layer(x)
        several = layer(torch.cat([x, x], dim=1))  # two tokens: the matrix kernel
    assert got.shape == want.shape == (1, 1, 40)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(several[:, :1], want, rtol=1e-5, atol=1e-6)
