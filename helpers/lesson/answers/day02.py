"""Day 2, linear regression: right answers, and the mistakes people really make."""

import math
from collections import Counter

import numpy as np

from helpers.lesson.check import Exercise

# ---- 2.1  ridge(X, y, strength); the last column of X is the ones


def ridge(X, y, strength):
    return solved(X, y, diagonal(X, strength))


def solved(X, y, penalty):
    """The weights where X.T @ X + penalty replaces X.T @ X, as a list."""
    return np.linalg.solve(X.T @ X + penalty, X.T @ y).tolist()


def diagonal(X, strength, intercept=0.0):
    """strength on the diagonal, `intercept` in its last place."""
    return np.diag([*[float(strength)] * (X.shape[1] - 1), float(intercept)])


def ridge_inputs():
    rng = np.random.default_rng(0)

    def data(rows, columns):
        X = np.hstack([rng.normal(size=(rows, columns)) + 1, np.ones((rows, 1))])
        return X, X @ rng.normal(size=columns + 1) + rng.normal(size=rows) + 3

    X, y = data(9, 2)
    twins = X.copy()
    twins[:, 1] = X[:, 0] + 0.1 * rng.normal(size=9)
    return {
        "ordinary numbers": (*data(8, 3), 0.5),
        "two columns that say nearly the same": (twins, y, 2.0),
        "one column": (*data(5, 1), 10.0),
    }


RIDGE_MISTAKES = {
    "your result matches if the intercept stays free: the last weight costs nothing": (
        lambda X, y, s: solved(X, y, diagonal(X, s, s))
    ),
    "your result matches if the last weight, not the first, stays free": (
        lambda X, y, s: solved(X, y, np.diag([0.0, *[float(s)] * (X.shape[1] - 1)]))
    ),
    "your result is that of plain least squares: strength is missing": (
        lambda X, y, s: solved(X, y, 0.0)
    ),
    "your result matches if strength stands on the diagonal only: yours is in every place": (
        lambda X, y, s: solved(X, y, s)
    ),
    "your result matches for the sum of squared residuals: yours is for their mean": (
        lambda X, y, s: solved(X, y, diagonal(X, s * len(y)))
    ),
    "your result matches if the penalty is added: yours is subtracted": (
        lambda X, y, s: solved(X, y, -diagonal(X, s))
    ),
    "your result matches for strength times w squared: yours is half as strong": (
        lambda X, y, s: solved(X, y, diagonal(X, s / 2))
    ),
    "your result matches for strength times w squared: yours is twice as strong": (
        lambda X, y, s: solved(X, y, diagonal(X, 2 * s))
    ),
    "your result matches as a row of weights, shape (n,): yours is a column, (n, 1)": (
        lambda X, y, s: [[weight] for weight in ridge(X, y, s)]
    ),
    "your result matches if strength is not squared": (
        lambda X, y, s: solved(X, y, diagonal(X, s**2))
    ),
}


# ---- 2.2  epoch(X, y, w, rate, order, batch_size)


def epoch(X, y, w, rate, order, batch_size):
    return walked(w, rate, batches(X, y, order, batch_size))


def batches(X, y, order, batch_size):
    """The rows of each batch, in order."""
    rows = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [(X[list(r)], y[list(r)]) for r in rows]


def walked(w, rate, parts, factor=lambda y: 2 / len(y)):
    """One step down for each part; `factor` is what stands before X.T @ (X @ w - y)."""
    for X, y in parts:
        w = w - rate * factor(y) * X.T @ (X @ w - y)
    return w.tolist()


def at_the_start(X, y, w, rate, order, batch_size):
    """All gradients taken before the first step."""
    end = w
    for part_X, part_y in batches(X, y, order, batch_size):
        end = end - rate * 2 / len(part_y) * part_X.T @ (part_X @ w - part_y)
    return end.tolist()


def epoch_inputs():
    rng = np.random.default_rng(1)

    def data(rows, rate, batch_size):
        X = np.hstack([rng.normal(size=(rows, 2)), np.ones((rows, 1))])
        y, w = rng.normal(size=rows) + 2, rng.normal(size=3)
        return X, y, w, rate, rng.permutation(rows).tolist(), batch_size

    return {
        "batches that fit": data(6, 0.1, 2),
        "a short last batch": data(7, 0.05, 3),
        "a single row in the last batch": data(9, 0.1, 4),
    }


EPOCH_MISTAKES = {
    "your result matches if the mean is over the batch: yours divides by all rows": (
        lambda X, y, w, rate, order, size: walked(
            w, rate, batches(X, y, order, size), lambda part: 2 / len(y)
        )
    ),
    "your result matches if each batch is divided by its own length: the last may be shorter": (
        lambda X, y, w, rate, order, size: walked(
            w, rate, batches(X, y, order, size), lambda part: 2 / size
        )
    ),
    "your result matches for the mean over the batch: yours is its sum": (
        lambda X, y, w, rate, order, size: walked(
            w, rate, batches(X, y, order, size), lambda part: 2
        )
    ),
    "your result matches with the factor 2 of the square's derivative": (
        lambda X, y, w, rate, order, size: walked(
            w, rate, batches(X, y, order, size), lambda part: 1 / len(part)
        )
    ),
    "your result matches if it walks down: yours walks up": (
        lambda X, y, w, rate, order, size: walked(w, -rate, batches(X, y, order, size))
    ),
    "your result matches if the rows come in the given order": (
        lambda X, y, w, rate, order, size: walked(
            w, rate, batches(X, y, range(len(order)), size)
        )
    ),
    "your result matches if the order is read from its front: yours is reversed": (
        lambda X, y, w, rate, order, size: walked(w, rate, batches(X, y, order[::-1], size))
    ),
    "your result matches if every gradient is taken at the newest weights": at_the_start,
    "your result matches if there is a step after every batch: yours stops after the first": (
        lambda X, y, w, rate, order, size: walked(w, rate, batches(X, y, order, size)[:1])
    ),
    "your result matches if all rows go into batches: yours takes one step with all": (
        lambda X, y, w, rate, order, size: walked(w, rate, [(X, y)])
    ),
}


def without_a_short_batch(X, y, w, rate, order, batch_size):
    whole = len(order) // batch_size * batch_size
    return walked(w, rate, batches(X, y, order[:whole], batch_size))


EPOCH_MISTAKES["your result matches if the short last batch takes part: it is dropped"] = (
    without_a_short_batch
)


# ---- 2.3  trigram(ids, vocab_size, alpha)


def trigram(ids, vocab_size, alpha):
    counts = triples(ids, vocab_size) + alpha
    return (counts / counts.sum(-1, keepdims=True)).tolist()


def triples(ids, vocab_size, gap=1):
    """counts[a, b, c]: how often c came after a and then b; `gap` apart."""
    counts = np.zeros((vocab_size,) * 3)
    for a, b, c in zip(ids, ids[gap:], ids[2 * gap :], strict=False):
        counts[a, b, c] += 1
    return counts


def pairs(ids, vocab_size):
    return triples(ids, vocab_size).sum(0)


def normalized(counts, axis=-1):
    with np.errstate(invalid="ignore", divide="ignore"):  # a pair never seen: 0 / 0
        return (counts / counts.sum(axis, keepdims=True)).tolist()


def alpha_above_only(ids, vocab_size, alpha):
    counts = triples(ids, vocab_size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((counts + alpha) / counts.sum(-1, keepdims=True)).tolist()


def apart(ids, vocab_size, alpha):
    """Every third triple only."""
    counts = np.full((vocab_size,) * 3, float(alpha))
    for i in range(0, len(ids) - 2, 3):
        counts[tuple(ids[i : i + 3])] += 1
    return normalized(counts)


def repeats_once(ids, vocab_size, alpha):
    """`+=` with arrays of indices: a place that is named twice still grows by 1."""
    counts = np.full((vocab_size,) * 3, float(alpha))
    counts[ids[:-2], ids[1:-1], ids[2:]] += 1
    return normalized(counts)


def trigram_inputs():
    rng = np.random.default_rng(2)
    return {
        "a long row of 3 tokens": (rng.integers(0, 3, 200), 3, 0.5),
        "pairs that never came": (np.array([0, 1, 2, 1, 2, 0, 1, 3, 0]), 4, 0.1),
    }


def alpha_once_below(ids, V, alpha):
    counts = triples(ids, V)
    return (counts + alpha) / (counts.sum(-1, keepdims=True) + alpha)


def alpha_for_zeros(ids, V, alpha):
    counts = triples(ids, V)
    return normalized(np.where(counts == 0, alpha, counts))


TRIGRAM_MISTAKES = {
    "your result looks back at one token: this is the bigram": (
        lambda ids, V, alpha: normalized(pairs(ids, V) + alpha)
    ),
    "your result matches with the axes in the order of the text: the first token first": (
        lambda ids, V, alpha: normalized(triples(ids, V).transpose(2, 1, 0) + alpha, 0)
    ),
    "your result matches if the two tokens before are not exchanged": (
        lambda ids, V, alpha: normalized(triples(ids, V).transpose(1, 0, 2) + alpha)
    ),
    "your result matches if the probabilities of c sum to 1: yours sum to 1 over the first axis": (
        lambda ids, V, alpha: normalized(triples(ids, V) + alpha, 0)
    ),
    "your result matches if it sums to 1 for every pair: yours does over the whole array": (
        lambda ids, V, alpha: normalized(triples(ids, V) + alpha, (0, 1, 2))
    ),
    "your result matches if it sums to 1 for every pair: yours does for every first token": (
        lambda ids, V, alpha: normalized(triples(ids, V) + alpha, (1, 2))
    ),
    "your result matches with alpha: a pair that never came now gives 0 / 0": (
        lambda ids, V, alpha: normalized(triples(ids, V))
    ),
    "your result matches if alpha is in the divisor, too: the sum of a row grows": (
        alpha_above_only
    ),
    "your result matches if the divisor grows by alpha for each of the V tokens: n + alpha · V": (
        alpha_once_below
    ),
    "your result matches if alpha is added to every count, not only to zeros": alpha_for_zeros,
    "your result matches if the triples overlap: yours takes every third": apart,
    "your result counts a repeated triple once, as += with index arrays does: use np.add.at": (
        repeats_once
    ),
    "your result matches with the alpha that was given: yours is always 1": (
        lambda ids, V, alpha: normalized(triples(ids, V) + 1)
    ),
    "your result holds counts: divide them by the sum over the last axis": (
        lambda ids, V, alpha: (triples(ids, V) + alpha).tolist()
    ),
}


# ---- 2.4  size_needed(sizes, losses, E, target)


def size_needed(sizes, losses, E, target):
    if target <= E:
        return math.inf
    slope, offset = fitted(np.log(sizes), np.log(np.asarray(losses) - E))
    return math.exp((math.log(target - E) - offset) / slope)


def fitted(x, y):
    """Slope and intercept of the line through points."""
    return np.polynomial.polynomial.polyfit(x, y, 1)[::-1]


def size_needed_inputs():
    sizes = np.array([100, 200, 400, 800, 1600])
    noise = np.array([1.03, 0.95, 1.04, 0.99, 1.02])
    return {
        "a perfect law": (sizes, 0.5 + 30 / sizes**0.5, 0.5, 0.8),
        "measured losses": (sizes, 0.9 + noise * 12 / sizes**0.8, 0.9, 0.905),
        "a target at the floor": (sizes, 0.5 + 30 / sizes**0.5, 0.5, 0.5),
        "a target below the floor": (sizes, 0.9 + noise * 12 / sizes**0.8, 0.9, 0.85),
    }


def no_infinity(kind):
    """The formula without the question whether the target can be reached."""

    def answer(sizes, losses, E, target):
        slope, offset = fitted(np.log(sizes), np.log(losses - E))
        if kind == "math":
            return math.exp((math.log(target - E) - offset) / slope)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.exp((np.log(target - E) - offset) / slope)

    return answer


def reached(sizes, losses, E, target, answer):
    """`answer`, where the target can be reached."""
    return math.inf if target <= E else answer(np.log(sizes), np.log(losses - E))


def without_E(sizes, losses, E, target):
    if target <= E:
        return math.inf
    slope, offset = fitted(np.log(sizes), np.log(losses))
    return math.exp((math.log(target) - offset) / slope)


def target_with_E(sizes, losses, E, target):
    def answer(x, y):
        slope, offset = fitted(x, y)
        return math.exp((math.log(target) - offset) / slope)

    return reached(sizes, losses, E, target, answer)


def size_from_loss(sizes, losses, E, target):
    def answer(x, y):
        slope, offset = fitted(y, x)
        return math.exp(slope * math.log(target - E) + offset)

    return reached(sizes, losses, E, target, answer)


def logarithm(sizes, losses, E, target):
    return math.log(size_needed(sizes, losses, E, target))


def mixed_bases(sizes, losses, E, target):
    def answer(x, y):
        slope, offset = fitted(x / math.log(10), y / math.log(10))
        return math.exp((math.log10(target - E) - offset) / slope)

    return reached(sizes, losses, E, target, answer)


def log_of_loss_only(sizes, losses, E, target):
    def answer(x, y):
        slope, offset = fitted(sizes, y)
        return (math.log(target - E) - offset) / slope

    return reached(sizes, losses, E, target, answer)


def no_logarithm(sizes, losses, E, target):
    def answer(x, y):
        slope, offset = fitted(sizes, losses - E)
        return (target - E - offset) / slope

    return reached(sizes, losses, E, target, answer)


def the_exponent(sizes, losses, E, target):
    return reached(sizes, losses, E, target, lambda x, y: -fitted(x, y)[0])


def two_points(sizes, losses, E, target):
    """The line through the first and the last point."""

    def answer(x, y):
        slope = (y[-1] - y[0]) / (x[-1] - x[0])
        return math.exp(x[0] + (math.log(target - E) - y[0]) / slope)

    return reached(sizes, losses, E, target, answer)


def none_for_never(sizes, losses, E, target):
    return None if target <= E else size_needed(sizes, losses, E, target)


SIZE_NEEDED_MISTAKES = {
    "your result matches with math.inf for a target that no size reaches: yours is None": (
        none_for_never
    ),
    "your result matches if a target at or below E gives math.inf: log of it is no number": (
        no_infinity("numpy")
    ),
    "your result matches if a target at or below E gives math.inf: yours stops there": (
        no_infinity("math")
    ),
    "your result matches if E is subtracted first: only losses - E is a power law": without_E,
    "your result matches if E is subtracted from the target, too": target_with_E,
    "your result matches if the loss is fitted from the size: yours is the other way around": (
        size_from_loss
    ),
    "your result is the logarithm of the size: raise e to it": logarithm,
    "your result matches if one base is used throughout: you mix log10 and exp": mixed_bases,
    "your result matches if the sizes are taken as logarithms, too": log_of_loss_only,
    "your result matches if the line is fitted to logarithms, of both": no_logarithm,
    "your result is the exponent: go on, and solve for the size": the_exponent,
    "your result matches if all points take part: yours uses the first and the last": two_points,
}


# ---- 2.11 to 2.14, the self-test


def crossing(a, b, c, d):
    return (d - b) / (a - c)


CROSSING_MISTAKES = {
    "your result has the wrong sign": lambda a, b, c, d: (b - d) / (a - c),
    "your result is the y of the crossing: x was asked for": (
        lambda a, b, c, d: a * (d - b) / (a - c) + b
    ),
    "your result is upside down: the slopes belong below": (
        lambda a, b, c, d: (a - c) / (d - b)
    ),
    "your result matches with the difference of the slopes below, not their sum": (
        lambda a, b, c, d: (d - b) / (a + c)
    ),
}


def halvings(p):
    return -math.log2(p)


HALVINGS_MISTAKES = {
    "your result has the wrong sign: the logarithm of less than 1 is negative": math.log2,
    "your result matches with the logarithm to the base 2: yours is natural": (
        lambda p: -math.log(p)
    ),
    "your result matches with the logarithm to the base 2: yours is to the base 10": (
        lambda p: -math.log10(p)
    ),
    "your result is 1 / p: how often must it be halved?": lambda p: 1 / p,
    "your result is a whole number: it may lie between two": lambda p: round(-math.log2(p)),
}


def followers(text, letter):
    return dict(Counter(b for a, b in zip(text, text[1:], strict=False) if a == letter))


FOLLOWERS_MISTAKES = {
    "your result counts what comes before the letter": (
        lambda text, letter: dict(
            Counter(a for a, b in zip(text, text[1:], strict=False) if b == letter)
        )
    ),
    "your result counts all letters, not those after the one": (
        lambda text, letter: dict(Counter(text))
    ),
    "your result counts each follower once": (
        lambda text, letter: dict.fromkeys(followers(text, letter), 1)
    ),
    "your result lists the followers: count them": (
        lambda text, letter: [b for a, b in zip(text, text[1:], strict=False) if a == letter]
    ),
}


def centered(table):
    return (table - table.mean(0)).tolist()


CENTERED_MISTAKES = {
    "your result subtracts one mean for the whole table: each column has its own": (
        lambda table: (table - table.mean()).tolist()
    ),
    "your result subtracts the mean of each row": (
        lambda table: (table - table.mean(1, keepdims=True)).tolist()
    ),
    "your result is divided by the spread, too: only the mean was asked for": (
        lambda table: ((table - table.mean(0)) / table.std(0)).tolist()
    ),
    "your result holds the means: subtract them from the table": (
        lambda table: table.mean(0).tolist()
    ),
}


EXERCISES = {
    "2.1": Exercise(ridge, ridge_inputs, RIDGE_MISTAKES),
    "2.2": Exercise(epoch, epoch_inputs, EPOCH_MISTAKES),
    "2.3": Exercise(trigram, trigram_inputs, TRIGRAM_MISTAKES),
    "2.4": Exercise(size_needed, size_needed_inputs, SIZE_NEEDED_MISTAKES),
    "2.11": Exercise(
        crossing,
        lambda: {"two lines": (2.0, 1.0, -1.0, 7.0), "two others": (0.5, 3.0, 2.0, -1.0)},
        CROSSING_MISTAKES,
    ),
    "2.12": Exercise(
        halvings,
        lambda: {"1/8": (1 / 8,), "3/4": (3 / 4,), "a thousandth": (0.001,)},
        HALVINGS_MISTAKES,
    ),
    "2.13": Exercise(
        followers,
        lambda: {"banana": ("banana", "a"), "a longer text": ("she sees the sea shell", "s")},
        FOLLOWERS_MISTAKES,
    ),
    "2.14": Exercise(
        centered,
        lambda: {"a table": (np.array([[1.0, 10, 3], [2, 20, 5], [6, 30, 4], [15, 0, 4]]),)},
        CENTERED_MISTAKES,
    ),
}
