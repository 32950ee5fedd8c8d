"""Day 1, neural network foundations: right answers, and the mistakes people really make.

1.1 to 1.4 are the exercises, 1.11 to 1.15 the questions of "Before you start".
"""

import math

import numpy as np

from helpers.lesson.check import Exercise


def normal(*shape, seed):
    """The same random numbers at every call: `inputs` must be repeatable."""
    return np.random.default_rng(seed).standard_normal(shape)


# ---- 1.1  tanh_backward(hidden, d_hidden), where hidden = tanh(score)


def tanh_backward(hidden, d_hidden):
    return d_hidden * (1 - hidden**2)


def tanh_inputs():
    return {
        "four numbers": (np.tanh([-2.0, -0.5, 0.0, 1.0]), np.array([1.0, 2.0, -3.0, 0.5])),
        "a batch": (np.tanh(normal(5, 3, seed=0)), normal(5, 3, seed=1)),
    }


TANH_MISTAKES = {
    "your result is the slope of tanh alone: multiply it with d_hidden": (
        lambda hidden, d_hidden: 1 - hidden**2
    ),
    "your result matches if tanh is not applied again: hidden already is tanh(score)": (
        lambda hidden, d_hidden: d_hidden * (1 - np.tanh(hidden) ** 2)
    ),
    "your result matches if hidden is squared": lambda hidden, d: d * (1 - hidden),
    "your result matches if hidden² is subtracted from 1: yours is added": (
        lambda hidden, d_hidden: d_hidden * (1 + hidden**2)
    ),
    "your result matches if the slope is 1 - hidden²: yours is hidden²": (
        lambda hidden, d_hidden: d_hidden * hidden**2
    ),
    "your result matches if it uses the slope of tanh: this is the sigmoid's, h · (1 - h)": (
        lambda hidden, d_hidden: d_hidden * hidden * (1 - hidden)
    ),
    "your result matches if it uses the slope of tanh: this is ReLU's, 0 or 1": (
        lambda hidden, d_hidden: d_hidden * (hidden > 0)
    ),
    "your result goes forward: it is d_hidden · tanh(score), and the slope of tanh is asked": (
        lambda hidden, d_hidden: d_hidden * hidden
    ),
    "your result matches if nothing is added up: each neuron has a score of its own": (
        lambda hidden, d_hidden: (d_hidden * (1 - hidden**2)).sum()
    ),
    "your result matches if it is multiplied with the slope: yours is divided by it": (
        lambda hidden, d_hidden: d_hidden / (1 - hidden**2)
    ),
}


# ---- 1.2  best_step(losses, patience)


def best_step(losses, patience):
    return stopped(losses, patience)[0]


def stopped(losses, patience, ties=False):
    """Position of the lowest loss until training stops, and of the stop."""
    best = 0
    for step, loss in enumerate(losses):
        if loss < losses[best] or (ties and loss == losses[best]):
            best = step
        if step - best >= patience:
            break
    return best, step


def best_step_inputs():
    return {
        "one valley": ([0.9, 0.6, 0.5, 0.55, 0.6, 0.7], 2),
        "bumps on the way down": ([0.9, 0.7, 0.75, 0.6, 0.65, 0.5, 0.55, 0.6, 0.65], 2),
        "a slow way back down": ([0.5, 0.8, 0.7, 0.6, 0.4], 2),
        "a lower loss after the stop": ([0.9, 0.5, 0.6, 0.7, 0.8, 0.3], 3),
        "a plateau": ([0.9, 0.5, 0.5, 0.5, 0.4], 2),
        "a fall to the end": ([0.9, 0.7, 0.6], 2),
        "a bump at the end": ([0.9, 0.6, 0.7], 2),
        "losses above 1": ([3.0, 2.0, 2.5, 2.6, 1.5], 2),
    }


def counted(losses, patience, is_bad, reset=True):
    """Like the right answer, with a counter of bad steps in place of the distance to the best."""
    best, bad = 0, 0
    for step in range(1, len(losses)):
        if is_bad(losses, step, best):
            bad += 1
        elif reset:
            bad = 0
        if losses[step] < losses[best]:
            best = step
        if bad >= patience:
            break
    return best


BEST_STEP_MISTAKES = {
    "your result is where training stops: return where the loss was lowest until then": (
        lambda losses, patience: stopped(losses, patience)[1]
    ),
    "your result comes after the stop: training is over by then, nobody sees those losses": (
        lambda losses, patience: int(np.argmin(losses))
    ),
    "your result matches if patience 2 bears two bad losses, not three": (
        lambda losses, patience: best_step(losses, patience + 1)
    ),
    "your result matches if patience 2 bears two bad losses, not one": (
        lambda losses, patience: best_step(losses, patience - 1)
    ),
    "your result matches if each loss is compared with the lowest so far, not with the last": (
        lambda losses, patience: counted(
            losses, patience, lambda values, step, best: values[step] >= values[step - 1]
        )
    ),
    "your result matches if a new lowest loss sets the count back to 0": (
        lambda losses, patience: counted(
            losses,
            patience,
            lambda values, step, best: values[step] >= values[best],
            reset=False,
        )
    ),
    "your result matches if an equal loss counts as no progress": (
        lambda losses, patience: stopped(losses, patience, ties=True)[0]
    ),
    "your result is the loss itself: return its position": (
        lambda losses, patience: losses[best_step(losses, patience)]
    ),
    "your result counts from 1: the first loss has position 0": (
        lambda losses, patience: best_step(losses, patience) + 1
    ),
}


# ---- 1.3  verdict(train, validation)

EXPLODES, STUCK, BY_HEART, LEARNS = "explodes", "does not learn", "learns by heart", "learns"


def verdict(train, validation):
    if not train[-1] <= train[0]:  # written so that nan is caught
        return EXPLODES
    if train[-1] > 0.9 * train[0]:
        return STUCK
    if validation[-1] > 1.1 * min(validation):
        return BY_HEART
    return LEARNS


def verdict_inputs():
    return {
        "a good run": ([0.7, 0.5, 0.3, 0.2], [0.7, 0.5, 0.35, 0.31]),
        "a validation loss that turns": ([0.7, 0.3, 0.1, 0.02], [0.7, 0.4, 0.45, 0.6]),
        "a small turn, low down": ([0.7, 0.3, 0.1, 0.02], [0.7, 0.2, 0.22, 0.25]),
        "a turn above the start": ([0.7, 0.3, 0.1, 0.02], [0.7, 0.4, 0.6, 1.2]),
        "a rise of a twentieth": ([0.7, 0.5, 0.3, 0.2], [0.7, 0.4, 0.41, 0.42]),
        "a bump that heals": ([0.7, 0.5, 0.3, 0.2], [0.7, 0.4, 0.8, 0.35]),
        "a constant gap": ([0.7, 0.3, 0.2, 0.15], [0.9, 0.5, 0.45, 0.44]),
        "a flat run": ([0.69, 0.68, 0.67, 0.66], [0.7, 0.69, 0.68, 0.68]),
        "a dip that is lost again": ([0.7, 0.2, 0.5, 0.69], [0.7, 0.3, 0.32, 0.3]),
        "flat, while validation turns": ([0.7, 0.69, 0.68, 0.67], [0.7, 0.5, 0.6, 0.7]),
        "a climb": ([0.7, 2.0, 9.0, 4.0], [0.7, 2.1, 9.5, 4.2]),
        "nan at the end": ([0.7, 2.0, math.inf, math.nan], [0.7, 2.1, math.inf, math.nan]),
        "a small loss that falls by an eighth": ([0.4, 0.38, 0.36, 0.35], [0.4, 0.4, 0.4, 0.4]),
        "a jump that heals": ([0.7, 0.9, 0.4, 0.2], [0.7, 0.8, 0.5, 0.4]),
        "no change at all": ([0.7, 0.7], [0.7, 0.7]),
        "a fall of 8 %": ([0.7, 0.66, 0.644], [0.7, 0.7, 0.7]),
        "a rise of 15 %": ([0.7, 0.3, 0.2], [0.7, 0.4, 0.46]),
        "a climb of 3 %": ([0.7, 0.71, 0.72], [0.7, 0.7, 0.7]),
        "a jump that comes back to the start": ([0.7, 2.0, 0.65], [0.7, 0.7, 0.7]),
        "a bump after the lowest": ([0.7, 0.3, 0.2], [0.7, 0.4, 0.6, 0.42]),
    }


def judged(train, validation, explodes=None, stuck=None, by_heart=None):
    """The right verdict with one of its three conditions replaced."""
    explodes = not train[-1] <= train[0] if explodes is None else explodes
    stuck = train[-1] > 0.9 * train[0] if stuck is None else stuck
    by_heart = validation[-1] > 1.1 * min(validation) if by_heart is None else by_heart
    named = {EXPLODES: explodes, STUCK: stuck, BY_HEART: by_heart, LEARNS: True}
    return next(name for name, holds in named.items() if holds)


VERDICT_MISTAKES = {
    "your result matches if nan counts as an explosion: nan > 1 is False, and so is nan < 1": (
        lambda t, v: judged(t, v, explodes=t[-1] > t[0])
    ),
    'your result matches if "explodes" is asked before "learns by heart"': (
        lambda t, v: BY_HEART if v[-1] > 1.1 * min(v) else judged(t, v)
    ),
    'your result matches if "does not learn" is asked before "learns by heart"': (
        lambda t, v: judged(t, v, stuck=t[-1] > 0.9 * t[0] and not v[-1] > 1.1 * min(v))
    ),
    "your result matches if the last validation loss is compared with the lowest, not the first": (
        lambda t, v: judged(t, v, by_heart=v[-1] > 1.1 * v[0])
    ),
    "your result matches if validation is compared with itself: a constant gap is no rise": (
        lambda t, v: judged(t, v, by_heart=v[-1] > 1.1 * t[-1])
    ),
    "your result matches if the bump is forgiven: look at the last validation loss": (
        lambda t, v: judged(
            t, v, by_heart=any(v[i] > 1.1 * min(v[: i + 1]) for i in range(len(v)))
        )
    ),
    "your result matches if the last validation loss is judged, not the highest after the lowest": (
        lambda t, v: judged(t, v, by_heart=max(v[v.index(min(v)) :]) > 1.1 * min(v))
    ),
    "your result matches if any climb explodes: yours allows a tenth": (
        lambda t, v: judged(t, v, explodes=not t[-1] <= 1.1 * t[0])
    ),
    "your result matches if the fall is measured from the first loss, not from the highest": (
        lambda t, v: judged(t, v, stuck=t[-1] > 0.9 * max(t))
    ),
    "your result matches if the last training loss is judged, not the lowest": (
        lambda t, v: judged(t, v, stuck=min(t) > 0.9 * t[0])
    ),
    "your result matches if a tenth means a tenth of the lowest loss, not 0.1": (
        lambda t, v: judged(t, v, by_heart=v[-1] > min(v) + 0.1)
    ),
    "your result matches if a tenth means a tenth of the first loss, not 0.1": (
        lambda t, v: judged(t, v, stuck=t[-1] > t[0] - 0.1)
    ),
    "your result matches if a rise of up to a tenth is allowed: yours allows none": (
        lambda t, v: judged(t, v, by_heart=v[-1] > min(v))
    ),
    'your result never says "explodes"': lambda t, v: judged(t, v, explodes=False),
    'your result never says "does not learn"': lambda t, v: judged(t, v, stuck=False),
    'your result never says "learns by heart"': lambda t, v: judged(t, v, by_heart=False),
}


# ---- 1.4  deep_gradient(X, y, layers)


def deep_gradient(
    X,
    y,
    layers,
    error=lambda score, y: (sigmoid(score) - y[:, None]) / len(y),
    mask=lambda d, out: d * (out > 0),
    biases=lambda d: d.sum(0),
    last_relu=False,
    relu=lambda score: np.maximum(0, score),
):
    """The gradient of a network of any depth; each part can be set wrong."""
    outs = [X]
    for place, (W, b) in enumerate(layers):
        score = outs[-1] @ W + b
        outs.append(relu(score) if place < len(layers) - 1 or last_relu else score)
    d, found = error(outs[-1], y), []
    for (W, _), out in zip(reversed(layers), reversed(outs[:-1]), strict=True):
        found.append((out.T @ d, biases(d)))
        d = mask(d @ W.T, out)
    return found[::-1]


def sigmoid(score):
    return 1 / (1 + np.exp(-score))


def deep_inputs():
    def problem(points, widths, seed):
        shapes = list(zip(widths, widths[1:], strict=False))
        layers = [
            (normal(*shape, seed=seed + i), normal(shape[1], seed=seed + 50 + i))
            for i, shape in enumerate(shapes)
        ]
        return normal(points, widths[0], seed=seed + 90), np.arange(points) % 2, layers

    return {
        "two layers": problem(5, (2, 4, 1), 0),
        "four layers": problem(6, (3, 5, 4, 2, 1), 10),
        "square weights": problem(4, (3, 3, 3, 1), 20),
    }


def only_the_last_mask(X, y, layers):
    """The ReLU's slope is remembered once, and then forgotten."""
    turns = iter(range(len(layers)))
    return deep_gradient(
        X, y, layers, mask=lambda d, out: d * (out > 0) if next(turns) == 0 else d
    )


DEEP_MISTAKES = {
    "your result matches if ReLU has a slope on the way back: where hidden is 0, nothing passes": (
        lambda X, y, layers: deep_gradient(X, y, layers, mask=lambda d, out: d)
    ),
    "your result matches if every hidden layer has its ReLU's slope: yours has only the last": (
        only_the_last_mask
    ),
    "your result matches if ReLU stands on the way forward: yours has none": (
        lambda X, y, layers: deep_gradient(X, y, layers, relu=lambda score: score)
    ),
    "your result matches if the slopes are divided by the number of points": (
        lambda X, y, layers: deep_gradient(
            X, y, layers, error=lambda score, y: sigmoid(score) - y[:, None]
        )
    ),
    "your result has the wrong sign: prediction minus truth": (
        lambda X, y, layers: deep_gradient(
            X, y, layers, error=lambda score, y: (y[:, None] - sigmoid(score)) / len(y)
        )
    ),
    "your result has the sigmoid's slope once too often: p - y already contains it": (
        lambda X, y, layers: deep_gradient(
            X,
            y,
            layers,
            error=lambda score, y: (
                (sigmoid(score) - y[:, None]) * sigmoid(score) * (1 - sigmoid(score)) / len(y)
            ),
        )
    ),
    "your result matches if the score is turned into a probability: p - y, not score - y": (
        lambda X, y, layers: deep_gradient(
            X, y, layers, error=lambda score, y: (score - y[:, None]) / len(y)
        )
    ),
    "your result is in the wrong order: the first layer's gradient comes first": (
        lambda X, y, layers: deep_gradient(X, y, layers)[::-1]
    ),
    "your result is one long list: return a pair (W, b) for each layer": (
        lambda X, y, layers: [table for pair in deep_gradient(X, y, layers) for table in pair]
    ),
    "your result matches if a bias collects the slopes of all points: a sum, not a mean": (
        lambda X, y, layers: deep_gradient(X, y, layers, biases=lambda d: d.mean(0))
    ),
    "your biases' gradients have shape (1, k): a bias has shape (k,)": (
        lambda X, y, layers: deep_gradient(
            X, y, layers, biases=lambda d: d.sum(0, keepdims=True)
        )
    ),
    "your result matches if no ReLU follows the last layer": (
        lambda X, y, layers: deep_gradient(X, y, layers, last_relu=True)
    ),
    "your result matches if hidden is compared with 0 on the way back: yours is multiplied in": (
        lambda X, y, layers: deep_gradient(X, y, layers, mask=lambda d, out: d * out)
    ),
}


# ---- before you start: school mathematics


def line(x, slope, start):
    return slope * x + start


def line_inputs():
    return {"2 steps up": (2.0, 3.0, 1.0), "a line that falls": (4.0, -0.5, 10.0)}


LINE_MISTAKES = {
    "your result matches if the slope is multiplied with x, not the start": (
        lambda x, slope, start: start * x + slope
    ),
    "your result matches if the start is added last: slope · x + start": (
        lambda x, slope, start: slope * (x + start)
    ),
    "your result matches if the slope is multiplied with x: yours is added": (
        lambda x, slope, start: slope + x + start
    ),
    "your result matches if the start is added": lambda x, slope, start: slope * x,
}


def slope(x1, y1, x2, y2):
    return (y2 - y1) / (x2 - x1)


def slope_inputs():
    return {"going up": (1.0, 2.0, 3.0, 8.0), "going down": (-1.0, 4.0, 3.0, 2.0)}


SLOPE_MISTAKES = {
    "your result is upside down: the change of y, divided by the change of x": (
        lambda x1, y1, x2, y2: (x2 - x1) / (y2 - y1)
    ),
    "your result has the wrong sign: take both changes in the same direction": (
        lambda x1, y1, x2, y2: (y1 - y2) / (x2 - x1)
    ),
    "your result is the change of y: divide it by the change of x": (
        lambda x1, y1, x2, y2: y2 - y1
    ),
    "your result matches if changes are divided: yours divides y by x": (
        lambda x1, y1, x2, y2: y2 / x2
    ),
}


def weighted_sum(values, weights):
    return sum(value * weight for value, weight in zip(values, weights, strict=True))


def weighted_sum_inputs():
    return {"two": ([1.0, 2.0], [10.0, 100.0]), "three": ([2.0, -1.0, 0.5], [1.0, 3.0, 4.0])}


WEIGHTED_SUM_MISTAKES = {
    "your result matches if each value meets its own weight: yours multiplies the two sums": (
        lambda values, weights: sum(values) * sum(weights)
    ),
    "your result is a mean: do not divide": (
        lambda values, weights: weighted_sum(values, weights) / sum(weights)
    ),
    "your result is the list of products: add them up": (
        lambda values, weights: [v * w for v, w in zip(values, weights, strict=True)]
    ),
    "your result matches if values and weights are multiplied: yours are added": (
        lambda values, weights: sum(values) + sum(weights)
    ),
}


def solve_exp(y):
    return math.log(y)


def solve_exp_inputs():
    return {"e to the x = 1": (1.0,), "e to the x = 20": (20.0,), "e to the x = 0.1": (0.1,)}


SOLVE_EXP_MISTAKES = {
    "your result solves 10 to the x: use the natural logarithm, math.log": math.log10,
    "your result solves 2 to the x: use the natural logarithm, math.log": math.log2,
    "your result goes the other way: it is e to the y": math.exp,
    "your result matches if the sign is turned": lambda y: -math.log(y),
}


def slope_of_square(a, b, x):
    return 2 * (a * x + b) * a


def slope_of_square_inputs():
    return {"a = 3, b = 1, x = 2": (3.0, 1.0, 2.0), "a = -2, b = 5, x = 1": (-2.0, 5.0, 1.0)}


SLOPE_OF_SQUARE_MISTAKES = {
    "your result lacks the inner slope: multiply with a": lambda a, b, x: 2 * (a * x + b),
    "your result lacks the 2 of the square": lambda a, b, x: (a * x + b) * a,
    "your result lacks b": lambda a, b, x: 2 * a * a * x,
    "your result is the value of f, and its slope is asked": lambda a, b, x: (a * x + b) ** 2,
    "your result adds the inner slope: multiply with it": lambda a, b, x: 2 * (a * x + b) + a,
}


EXERCISES = {
    "1.1": Exercise(tanh_backward, tanh_inputs, TANH_MISTAKES),
    "1.2": Exercise(best_step, best_step_inputs, BEST_STEP_MISTAKES),
    "1.3": Exercise(verdict, verdict_inputs, VERDICT_MISTAKES),
    "1.4": Exercise(deep_gradient, deep_inputs, DEEP_MISTAKES),
    "1.11": Exercise(line, line_inputs, LINE_MISTAKES),
    "1.12": Exercise(slope, slope_inputs, SLOPE_MISTAKES),
    "1.13": Exercise(weighted_sum, weighted_sum_inputs, WEIGHTED_SUM_MISTAKES),
    "1.14": Exercise(solve_exp, solve_exp_inputs, SOLVE_EXP_MISTAKES),
    "1.15": Exercise(slope_of_square, slope_of_square_inputs, SLOPE_OF_SQUARE_MISTAKES),
}
