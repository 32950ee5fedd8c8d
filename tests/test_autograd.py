"""The scalar engine against formulas, finite differences, and torch.autograd on random graphs."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.lesson.autograd import Value, in_order

# ---- one operation at a time


@pytest.mark.parametrize(
    ("make", "data", "slope_in_a", "slope_in_b"),
    [
        (lambda a, b: a + b, 7, 1, 1),
        (lambda a, b: a - b, -1, 1, -1),
        (lambda a, b: a * b, 12, 4, 3),
        (lambda a, b: a / b, 0.75, 0.25, -3 / 16),
        (lambda a, b: -a, -3, -1, 0),
        (lambda a, b: a.exp(), math.exp(3), math.exp(3), 0),
        (lambda a, b: b.log(), math.log(4), 0, 0.25),
        (lambda a, b: (a - b).relu(), 0, 0, 0),
        (lambda a, b: (b - a).relu(), 1, -1, 1),
        (lambda a, b: 10 - a, 7, -1, 0),
        (lambda a, b: 10 / b, 2.5, 0, -10 / 16),
        (lambda a, b: 2 * a + (1 + b), 11, 2, 1),
    ],
)
def test_each_operation_has_the_value_and_the_slopes_of_its_formula(
    make, data, slope_in_a, slope_in_b
):
    a, b = Value(3), Value(4)
    end = make(a, b)
    end.backward()
    assert (end.data, a.grad, b.grad) == pytest.approx((data, slope_in_a, slope_in_b))


def test_relu_has_slope_zero_at_zero_as_in_torch():
    ours, theirs = Value(0), torch.zeros((), requires_grad=True)
    ours.relu().backward()
    theirs.relu().backward()
    assert ours.grad == theirs.grad.item() == 0


def test_what_has_no_value_raises():
    for wrong in (lambda: Value(-1).log(), lambda: 1 / Value(0), lambda: Value("one")):
        with pytest.raises((ValueError, ZeroDivisionError)):
            wrong()


# ---- graphs


def test_slopes_add_up_over_all_paths():
    x = Value(3)
    square = x * x  # x is used twice here, and square twice below
    (square * square).backward()
    assert x.grad == 4 * 3**3


def test_a_value_used_at_two_depths_waits_for_both():
    """A skip connection: breadth first, h would hand its slope down before exp has reported."""
    x = Value(0.5)
    h = 2 * x
    (h + h.exp()).backward()
    assert x.grad == pytest.approx(2 + 2 * math.e)


def test_order_is_parents_first_and_each_once():
    a, b = Value(1), Value(2)
    c = a * b
    end = (c + a) * c - b
    order = in_order(end)
    assert len(order) == len(set(order)) == 6
    assert order[-1] is end
    for value in order:
        assert all(order.index(parent) < order.index(value) for parent in value.parents)


def test_a_second_backward_adds_exactly_as_much_again():
    """Inner values too: what they kept from the first call must not flow down once more."""
    x = Value(3)
    square = x * x
    end = square * square
    for calls in (1, 2, 3):
        end.backward()
        assert (x.grad, square.grad, end.grad) == (108 * calls, 18 * calls, calls)


def test_backward_changes_no_number_and_no_slope():
    x = Value(3)
    square = x * x
    (square + 1).backward()
    assert (x.data, square.data, square.slopes) == (3, 9, (3, 3))


def test_a_sum_of_twenty_thousand_terms_is_not_too_deep():
    x, end = Value(1), Value(0)
    for _ in range(20_000):
        end = end + x
    end.backward()
    assert x.grad == 20_000


# ---- random graphs with shared values

OPERATIONS = {  # on Values and on tensors; each stays where it is smooth and finite, but relu
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / (b * b + 1),
    "negate": lambda a, b: -a,
    "exp": lambda a, b: (-(a * a)).exp(),
    "log": lambda a, b: (a * a + 1).log(),
    "relu": lambda a, b: a.relu(),
}
PLACES = st.integers(0, 20)
NUMBERS = st.lists(st.floats(-2, 2), min_size=1, max_size=4)
STEPS = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), PLACES, PLACES), max_size=12)


def build(leaves, steps):
    """The sum of all values that `steps` make, each out of two values from before."""
    made = list(leaves)
    for name, i, j in steps:
        made.append(OPERATIONS[name](made[i % len(made)], made[j % len(made)]))
    return sum(made[1:], start=made[0])


def gradient(numbers, steps):
    leaves = [Value(number) for number in numbers]
    end = build(leaves, steps)
    assume(max(abs(value.data) for value in in_order(end)) < 100)
    end.backward()
    return end.data, [leaf.grad for leaf in leaves]


@given(NUMBERS, STEPS)
def test_gradients_of_random_graphs_equal_those_of_torch(numbers, steps):
    data, ours = gradient(numbers, steps)
    leaves = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
    end = build(leaves, steps)
    theirs = [slope.item() for slope in torch.autograd.grad(end, leaves)]
    assert data == pytest.approx(end.item(), rel=1e-6, abs=1e-6)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)


@given(NUMBERS, STEPS)
def test_gradients_of_random_graphs_equal_finite_differences(numbers, steps):
    smooth = [step for step in steps if step[0] != "relu"]
    _, ours = gradient(numbers, smooth)
    assume(max(map(abs, ours)) < 100)
    for place, slope in enumerate(ours):
        nudged = []
        for change in (1e-5, -1e-5):
            leaves = [Value(n + change * (i == place)) for i, n in enumerate(numbers)]
            nudged.append(build(leaves, smooth).data)
        assert (nudged[0] - nudged[1]) / 2e-5 == pytest.approx(slope, rel=1e-3, abs=1e-3)
