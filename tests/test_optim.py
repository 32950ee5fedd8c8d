"""The optimizer decays matrices only; the schedule never rises after its warm-up."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.training.optim import (
    Optimizer,
    Schedule,
    adamw,
    muon,
    newton_schulz,
    parameter_groups,
    set_lr,
    state_bytes,
)

SMALL = Qwen3Config(
    vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1, head_dim=4
)


def test_only_matrices_decay():
    model = Qwen3(SMALL)
    matrices, vectors = parameter_groups(model, 0.1)
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    assert {p.dim() for p in matrices["params"]} == {2}
    assert {p.dim() for p in vectors["params"]} == {1}
    count = len(matrices["params"]) + len(vectors["params"])
    assert count == len(list(model.parameters()))


def test_a_norm_keeps_its_weight_where_a_matrix_shrinks():
    model = Qwen3(SMALL)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = adamw(model, lr=0.1, betas=(0.9, 0.95), weight_decay=0.5)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        shrink = 0.95 if p.dim() >= 2 else 1.0  # 1 - lr * weight_decay
        torch.testing.assert_close(p.detach(), before[name] * shrink)


def test_adamw_takes_the_step_of_its_paper():
    weight = torch.nn.Parameter(torch.tensor([[1.0]]))
    holder = torch.nn.Module()
    holder.weight = weight
    optimizer = adamw(holder, lr=0.1, betas=(0.9, 0.95), weight_decay=0.2)
    weight.grad = torch.tensor([[4.0]])
    optimizer.step()
    # decay: 1 - 0.1 * 0.2; Adam's first step after bias correction is lr * sign(gradient)
    assert weight.item() == pytest.approx(1.0 * 0.98 - 0.1, abs=1e-6)


def test_cosine_has_known_values():
    schedule = Schedule("cosine", lr=1.0, min_lr=0.2, warmup=4, steps=12)
    assert [schedule.lr_at(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule.lr_at(7) == pytest.approx(0.6)  # half-way down
    assert schedule.lr_at(11) == pytest.approx(0.2)


@pytest.mark.parametrize("kind", ["cosine", "stable"])
def test_after_the_last_step_the_rate_stays_where_it_is(kind):
    schedule = Schedule(kind, lr=1.0, min_lr=0.1, warmup=2, steps=10)
    assert [schedule.lr_at(step) for step in (9, 10, 15, 99)] == pytest.approx([0.1] * 4)


def test_stable_stays_and_then_falls_in_a_line():
    schedule = Schedule("stable", lr=1.0, min_lr=0.0, warmup=2, steps=20, decay=0.5)
    assert {schedule.lr_at(step) for step in range(1, 10)} == {1.0}
    falling = [schedule.lr_at(step) for step in range(10, 20)]
    assert falling == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])


@given(
    kind=st.sampled_from(["cosine", "stable"]),
    steps=st.integers(2, 300),
    warmup=st.floats(0, 0.9),
    floor=st.floats(0, 0.99),
    decay=st.floats(0.01, 1),
)
def test_after_the_warm_up_the_rate_never_rises_and_ends_at_its_minimum(
    kind, steps, warmup, floor, decay
):
    first = int(warmup * steps)
    schedule = Schedule(kind, 1.0, floor, first, steps, decay)
    rates = [schedule.lr_at(step) for step in range(first, steps)]
    assert all(a >= b - 1e-12 for a, b in zip(rates, rates[1:], strict=False))
    assert math.isclose(rates[-1], floor, abs_tol=1e-9)
    assert all(0 <= schedule.lr_at(step) <= 1 for step in range(steps))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"min_lr": 5e-4}, "the rate rises"),  # the well-known script's mistake
        ({"min_lr": 1e-4}, "the rate rises"),
        ({"warmup": 10}, "lower warmup"),
        ({"kind": "linear"}, "unknown"),
        ({"decay": 0.0}, "share"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(change, says):
    good = {"kind": "cosine", "lr": 1e-4, "min_lr": 0.0, "warmup": 2, "steps": 10, "decay": 0.3}
    with pytest.raises(ValueError, match=says):
        Schedule(**{**good, **change})


# ---- the rules


SHAPES = [(7, 5), (5, 7), (6, 6), (9,)]


def twin_parameters(shapes):
    generator = torch.Generator().manual_seed(0)
    first = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]
    return first, [torch.nn.Parameter(p.detach().clone()) for p in first]


def assert_same_path(ours, peers, optimizer, peer, steps=30):
    """The same random gradients for both, and the same weights after every step."""
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        set_lr(optimizer, 0.02 * (1 - step / steps))
        set_lr(peer, 0.02 * (1 - step / steps))
        for p, q in zip(ours, peers, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        optimizer.step()
        peer.step()
        for p, q in zip(ours, peers, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sgd_equals_torch_step_by_step(momentum, weight_decay):
    ours, peers = twin_parameters(SHAPES)
    settings = dict(lr=0.02, momentum=momentum, weight_decay=weight_decay)
    assert_same_path(
        ours, peers, Optimizer(ours, "sgd", **settings), torch.optim.SGD(peers, **settings)
    )


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adamw_equals_torch_step_by_step(betas, weight_decay):
    ours, peers = twin_parameters(SHAPES)
    settings = dict(lr=0.02, betas=betas, weight_decay=weight_decay)
    assert_same_path(
        ours, peers, Optimizer(ours, "adamw", **settings), torch.optim.AdamW(peers, **settings)
    )


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_muon_equals_torch_step_by_step(weight_decay):
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("torch has Muon from 2.9 on")
    ours, peers = twin_parameters(SHAPES[:3])
    settings = dict(lr=0.02, momentum=0.95, weight_decay=weight_decay)
    peer = torch.optim.Muon(peers, adjust_lr_fn="match_rms_adamw", **settings)
    assert_same_path(ours, peers, Optimizer(ours, "muon", **settings), peer)


@pytest.mark.parametrize("shape", [(8, 8), (4, 20), (20, 4)])
def test_newton_schulz_keeps_the_directions_and_levels_the_singular_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    levelled = newton_schulz(matrix)
    assert levelled.shape == shape and levelled.dtype == torch.float32
    found = torch.linalg.svdvals(levelled)
    assert 0.5 < found.min() and found.max() < 1.3
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    assert (
        torch.nn.functional.cosine_similarity(levelled.flatten(), (u @ vh).flatten(), dim=0)
        > 0.97
    )


def test_muon_moves_the_matrices_of_the_blocks_and_adamw_the_rest():
    model = Qwen3(SMALL)
    optimizer = muon(model, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    rule = {
        p: (g["rule"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]
    }
    for name, p in model.named_parameters():
        want = ("adamw", 0.0) if p.dim() < 2 else ("adamw", 0.1)
        if p.dim() == 2 and ".layers." in name:
            want = ("muon", 0.1)
        assert rule[p] == want, name
    count = sum(len(g["params"]) for g in optimizer.param_groups)
    assert count == len(list(model.parameters()))


def test_a_step_of_muon_is_as_large_as_one_of_adamw():
    weight = torch.nn.Parameter(torch.zeros(64, 256))
    weight.grad = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    Optimizer([weight], "muon", lr=1.0).step()
    assert 0.15 < weight.square().mean().sqrt() < 0.25


def test_state_is_two_numbers_a_weight_for_adamw_and_one_for_muon():
    weights = [torch.nn.Parameter(torch.ones(8, 8)) for _ in range(2)]
    for weight, rule, numbers in zip(weights, ("adamw", "muon"), (2, 1), strict=True):
        weight.grad = torch.ones(8, 8)
        optimizer = Optimizer([weight], rule)
        optimizer.step()
        assert state_bytes(optimizer) == numbers * weight.nbytes


def test_a_state_that_was_saved_goes_on_as_if_nothing_had_happened():
    first, second = twin_parameters([(6, 4)])
    optimizers = [Optimizer(p, "muon") for p in (first, second)]
    first[0].grad = second[0].grad = torch.ones(6, 4)
    for optimizer in optimizers:
        optimizer.step()
    fresh = Optimizer(second, "muon")
    fresh.load_state_dict(optimizers[1].state_dict())
    optimizers[0].step()
    fresh.step()
    assert torch.equal(first[0], second[0])


@pytest.mark.parametrize(
    ("shape", "rule", "says"), [((3, 3), "lion", "unknown"), ((3,), "muon", "matrices")]
)
def test_a_rule_that_cannot_be_meant_is_refused(shape, rule, says):
    with pytest.raises(ValueError, match=says):
        Optimizer([torch.nn.Parameter(torch.zeros(shape))], rule)
