"""Day 21, Qwen3: right answers, and the mistakes people really make."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from helpers.lesson.check import Exercise

# ---- 21.1  cache_bytes(config, batch, tokens, bytes_per_number)


@dataclass(frozen=True)
class Shape:
    """The fields of a Qwen3Config that the size of a cache may depend on."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int


def cache_bytes(config, batch, tokens, bytes_per_number):
    return 2 * per_tensor(config, batch, tokens, bytes_per_number)


def per_tensor(config, batch, tokens, bytes_per_number, heads=None, head_dim=None, layers=None):
    """Bytes of the keys alone; heads, head_dim and layers can be set wrong."""
    layers = config.num_hidden_layers if layers is None else layers
    heads = config.num_key_value_heads if heads is None else heads
    head_dim = config.head_dim if head_dim is None else head_dim
    return layers * batch * heads * tokens * head_dim * bytes_per_number


def cache_inputs():
    return {
        "Qwen3-0.6B": (Shape(1024, 28, 16, 8, 128), 1, 1000, 2),
        "an odd shape": (Shape(96, 5, 6, 2, 20), 7, 11, 4),
    }


CACHE_MISTAKES = {
    "your result matches if keys and values are both counted: yours is half": per_tensor,
    "your result matches if it uses num_key_value_heads: query heads are not cached": (
        lambda c, b, t, n: 2 * per_tensor(c, b, t, n, heads=c.num_attention_heads)
    ),
    "your result matches if it uses config.head_dim, which is not hidden_size / heads here": (
        lambda c, b, t, n: (
            2 * per_tensor(c, b, t, n, head_dim=c.hidden_size // c.num_attention_heads)
        )
    ),
    "your result matches if every layer has its own cache": (
        lambda c, b, t, n: 2 * per_tensor(c, b, t, n, layers=1)
    ),
    "your result matches if every row of the batch has its own cache": (
        lambda c, b, t, n: 2 * per_tensor(c, 1, t, n)
    ),
    "your result matches if keys and values are cached, and queries are not: two, not three": (
        lambda c, b, t, n: 3 * per_tensor(c, b, t, n)
    ),
    "your result counts numbers, not bytes": lambda c, b, t, n: 2 * per_tensor(c, b, t, 1),
    "your result matches if the heads are cached, not the stream: yours uses hidden_size": (
        lambda c, b, t, n: 2 * per_tensor(c, b, t, n, heads=1, head_dim=c.hidden_size)
    ),
}


# ---- 21.2  learning_rate(step, lr, min_lr, warmup, steps)


def learning_rate(step, lr, min_lr, warmup, steps):
    if min_lr >= lr:
        raise ValueError(f"min_lr={min_lr} must lie below lr={lr}")
    if step < warmup:
        return lr * (step + 1) / warmup
    done = (step + 1 - warmup) / (steps - warmup)
    return min_lr + (lr - min_lr) * (1 + math.cos(math.pi * done)) / 2


def learning_rate_inputs():
    steps = (0, 3, 4, 9, 13)
    good = {f"step {step} of 14": (step, 0.1, 0.01, 4, 14) for step in steps}
    return good | {
        "a minimum above the maximum": (9, 0.0001, 0.0005, 4, 14),
        "a minimum equal to the maximum": (9, 0.1, 0.1, 4, 14),
        "a minimum above the maximum, in the warm-up": (0, 0.0001, 0.0005, 4, 14),
    }


def rate(step, lr, min_lr, warmup, steps, warm=1, done=None, shape=None, check=True):
    """The schedule with one part set wrong: warm-up offset, progress, curve, refusal."""
    if check and min_lr >= lr:
        raise ValueError
    if step < warmup:
        return lr * (step + warm) / warmup
    share = (step + 1 - warmup) / (steps - warmup) if done is None else done
    left = (1 + math.cos(math.pi * share)) / 2 if shape is None else shape(share)
    return min_lr + (lr - min_lr) * left


LEARNING_RATE_MISTAKES = {
    "your result matches if min_lr >= lr raises a ValueError: yours would climb to the end": (
        lambda *args: rate(*args, check=False)
    ),
    "your result matches if the first update has a rate above 0: use (step + 1) / warmup": (
        lambda *args: rate(*args, warm=0)
    ),
    "your result is one update late: update 0 already has lr / warmup": (
        lambda step, lr, low, warmup, steps: rate(
            step, lr, low, warmup, steps, warm=0, done=(step - warmup) / (steps - warmup)
        )
    ),
    "your result matches if the update after the warm-up is already lower: yours has lr twice": (
        lambda step, lr, low, warmup, steps: rate(
            step, lr, low, warmup, steps, done=(step - warmup) / (steps - warmup - 1)
        )
    ),
    "your result matches if the cosine begins after the warm-up, not at step 0": (
        lambda step, lr, low, warmup, steps: rate(
            step, lr, low, warmup, steps, done=(step + 1) / steps
        )
    ),
    "your result matches if the last update has exactly min_lr: use step + 1 - warmup": (
        lambda step, lr, low, warmup, steps: rate(
            step, lr, low, warmup, steps, done=(step - warmup) / (steps - warmup)
        )
    ),
    "your result matches if it comes down along half a cosine: yours is a straight line": (
        lambda *args: rate(*args, shape=lambda share: 1 - share)
    ),
    "your result matches if the angle ends at pi, where the cosine is -1: yours ends at pi / 2": (
        lambda *args: rate(*args, shape=lambda share: math.cos(math.pi * share / 2))
    ),
    "your result matches if the cosine is moved to 0 .. 1: (1 + cos) / 2": (
        lambda *args: rate(*args, shape=lambda share: math.cos(math.pi * share))
    ),
    "your result matches if it ends at min_lr: yours ends at 0": (
        lambda step, lr, low, warmup, steps: (
            rate(step, lr, low, warmup, steps)
            if step < warmup or low >= lr
            else rate(step, lr, 0.0, warmup, steps)
        )
    ),
    "your result matches if there is a warm-up": (
        lambda step, lr, low, warmup, steps: rate(
            step, lr, low, 0, steps, done=max(0, step + 1 - warmup) / (steps - warmup)
        )
    ),
}


# ---- 21.3  batch_loss(micro_batches): [(logits, labels), ...], label -100 does not count


def sums(micro_batches):
    """Summed loss and number of labels of each micro-batch."""
    for logits, labels in micro_batches:
        total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        yield total, int((labels != -100).sum())


def batch_loss(micro_batches):
    totals, counts = zip(*sums(micro_batches), strict=True)
    return sum(totals) / sum(counts)


def batch_loss_inputs():
    g = torch.Generator().manual_seed(0)

    def micro_batch(ignored, scale):
        logits = scale * torch.randn(2, 6, 9, generator=g)
        labels = torch.randint(9, (2, 6), generator=g)
        labels.flatten()[:ignored] = -100
        return logits, labels

    return {
        "one micro-batch": ([micro_batch(3, 1.0)],),
        "unequal counts": ([micro_batch(0, 1.0), micro_batch(10, 4.0), micro_batch(4, 2.0)],),
    }


BATCH_LOSS_MISTAKES = {
    "your result is the mean of the means: a micro-batch with few labels counts too much": (
        lambda batches: sum(total / count for total, count in sums(batches)) / len(batches)
    ),
    "your result matches if the means are not added up: it grows with every micro-batch": (
        lambda batches: sum(total / count for total, count in sums(batches))
    ),
    "your result is a sum: divide it by the number of labels": (
        lambda batches: sum(total for total, _ in sums(batches))
    ),
    "your result matches if ignored labels do not count: you divide by all positions": (
        lambda batches: (
            sum(total for total, _ in sums(batches))
            / sum(labels.numel() for _, labels in batches)
        )
    ),
    "your result matches if ignored labels are left out: -100 is no token": (
        lambda batches: (
            sum(
                F.cross_entropy(
                    logits.flatten(0, 1), labels.flatten().clamp(min=0), reduction="sum"
                )
                for logits, labels in batches
            )
            / sum(labels.numel() for _, labels in batches)
        )
    ),
    "your result matches if the labels are not shifted: they already are the next tokens": (
        lambda batches: (
            sum(total for total, _ in sums([(x[:, :-1], y[:, 1:]) for x, y in batches]))
            / sum(count for _, count in sums([(x[:, :-1], y[:, 1:]) for x, y in batches]))
        )
    ),
    "your result is in bits: the loss is in nats, the natural logarithm": (
        lambda batches: batch_loss(batches) / math.log(2)
    ),
}


# ---- 21.4  rows_of_step(step, rows, batch_size, seed)


def shuffled(rows, seed):
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed)).tolist()


def rows_of_step(step, rows, batch_size, seed):
    places = range(step * batch_size, (step + 1) * batch_size)
    return [shuffled(rows, seed + place // rows)[place % rows] for place in places]


def rows_inputs():
    return {
        "the first step": (0, 10, 4, 5),
        "a step across two epochs": (2, 10, 4, 5),
        "the second epoch": (3, 10, 4, 5),
        "a batch larger than the data": (1, 3, 8, 1),
    }


def one_generator(places, rows, seed):
    """The endless sequence of an answer that seeds once, up to `places`."""
    generator, found = torch.Generator().manual_seed(seed), []
    while len(found) < places:
        found += torch.randperm(rows, generator=generator).tolist()
    return found[:places]


def wrong_rows(step, rows, batch_size, seed, order):
    """Like the right answer, with order(place) in its place."""
    places = range(step * batch_size, (step + 1) * batch_size)
    return [order(place) for place in places]


ROWS_MISTAKES = {
    "your result matches if every epoch has an order of its own: seed + epoch": (
        lambda step, rows, size, seed: wrong_rows(
            step, rows, size, seed, lambda place: shuffled(rows, seed)[place % rows]
        )
    ),
    "your result matches if a step may reach into the next epoch: no row is left out": (
        lambda step, rows, size, seed: shuffled(rows, seed + step // max(1, rows // size))[
            step % max(1, rows // size) * size :
        ][:size]
    ),
    "your result is short where an epoch ends: go on with the next one": (
        lambda step, rows, size, seed: shuffled(rows, seed + step * size // rows)[
            step * size % rows :
        ][:size]
    ),
    "your result matches if what lies past the border comes from the next epoch's order": (
        lambda step, rows, size, seed: [
            shuffled(rows, seed + step * size // rows)[(step * size + i) % rows]
            for i in range(size)
        ]
    ),
    "your result matches if each epoch seeds a generator of its own: yours goes on with one": (
        lambda step, rows, size, seed: one_generator((step + 1) * size, rows, seed)[
            step * size :
        ]
    ),
    "your result matches if steps share the order of their epoch: yours shuffles at every step": (
        lambda step, rows, size, seed: [
            shuffled(rows, seed + step)[place % rows] for place in range(size)
        ]
    ),
    "your result matches if the rows are shuffled": (
        lambda step, rows, size, seed: wrong_rows(
            step, rows, size, seed, lambda place: place % rows
        )
    ),
    "your result is one step ahead: step 0 takes the first rows": (
        lambda step, rows, size, seed: rows_of_step(step + 1, rows, size, seed)
    ),
}


EXERCISES = {
    "21.1": Exercise(cache_bytes, cache_inputs, CACHE_MISTAKES),
    "21.2": Exercise(learning_rate, learning_rate_inputs, LEARNING_RATE_MISTAKES),
    "21.3": Exercise(batch_loss, batch_loss_inputs, BATCH_LOSS_MISTAKES),
    "21.4": Exercise(rows_of_step, rows_inputs, ROWS_MISTAKES),
}
