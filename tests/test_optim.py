"""The optimizer decays matrices only; the schedule never rises after its warm-up."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.training.optim import Schedule, adamw, parameter_groups

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
