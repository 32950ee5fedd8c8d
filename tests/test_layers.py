"""Each layer against a formula, a hand-worked number, and the layer of torch or transformers."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.model.layers import Linear, RMSNorm, SwiGLU, rotary_angles, rotate

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


def test_rotate_equals_transformers(theirs):
    cos, sin = rotary_angles(torch.arange(50)[None, None], head_dim=10, theta=1e4)
    x = torch.randn(2, 3, 50, 10)
    wide = [torch.cat([angle[:, 0]] * 2, -1) for angle in (cos, sin)]
    peer, _ = theirs.apply_rotary_pos_emb(x, x, *wide)
    torch.testing.assert_close(rotate(x, cos, sin), peer, rtol=0, atol=1e-6)


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
