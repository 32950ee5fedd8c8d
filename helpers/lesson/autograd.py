"""Gradients of single numbers: the engine of Day 1, small enough to be read at one sitting.

    w, x = Value(2), Value(3)
    miss = w * x - 1                 5.0
    loss = miss * miss               25.0
    loss.backward()
    w.grad                           30.0: raise w by a little, and the loss rises 30 times that

Each operation makes a new `Value`, which remembers its parents and its slope for each of them.
`backward` walks from the end to the beginning, multiplies slopes along every path and adds up where
paths meet. PyTorch does the same with whole tensors.
"""

from __future__ import annotations

import math


def as_value(x: Value | float) -> Value:
    """A number as a `Value`; a `Value` as it is."""
    return x if isinstance(x, Value) else Value(x)


def in_order(end: Value) -> list[Value]:
    """Everything that `end` was made from, and `end`: each once, and after all its parents.

    >>> a = Value(2, name="a")
    >>> [value.name for value in in_order(a * a + a)]
    ['a', '×', '+']
    """
    order, seen, todo = [], set(), [(end, False)]
    while todo:  # a list of things to do, not recursion: a long sum is a deep graph
        value, parents_done = todo.pop()
        if parents_done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            todo.append((value, True))
            todo += [(parent, False) for parent in reversed(value.parents)]
    return order


class Value:
    """A number that knows what it was made from.

    data      the number
    grad      the slope of the end in this number; calls of `backward` add up until it is set to 0
    parents   the values it was made from; none if it was given
    slopes    its own slope in each parent
    name      for pictures: the operation that made it, or the name it was given
    """

    def __init__(
        self,
        data: float,
        parents: tuple[Value, ...] = (),
        slopes: tuple[float, ...] = (),
        name: str = "",
    ) -> None:
        self.data, self.grad, self.name = float(data), 0.0, name
        self.parents, self.slopes = parents, slopes

    def __add__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    def __sub__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0), "−")

    def __mul__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data), "×")

    def __truediv__(self, other: Value | float) -> Value:
        other = as_value(other)
        slopes = (1 / other.data, -self.data / other.data**2)
        return Value(self.data / other.data, (self, other), slopes, "/")

    __radd__, __rmul__ = __add__, __mul__  # 2 + v and 2 * v

    def __rsub__(self, other: float) -> Value:
        return as_value(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return as_value(other) / self

    def __neg__(self) -> Value:
        return 0.0 - self

    def exp(self) -> Value:
        result = math.exp(self.data)
        return Value(result, (self,), (result,), "exp")

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1 / self.data,), "ln")

    def relu(self) -> Value:
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),), "relu")

    def backward(self) -> None:
        """Add to each value's `grad` the slope of this value in it."""
        order = in_order(self)
        effect = dict.fromkeys(order, 0.0)  # by how much the end moves with each value
        effect[self] = 1.0
        for value in reversed(order):  # all who use a value come before it
            value.grad += effect[value]
            for parent, slope in zip(value.parents, value.slopes, strict=True):
                effect[parent] += slope * effect[value]
