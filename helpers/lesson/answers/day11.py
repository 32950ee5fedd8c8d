"""Day 11, multi-query attention: right answers, and the mistakes people really make."""

import math

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 11.1  bytes_read(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes)


def read(tensors=2, of_query_heads=False, once=False, copies=1, extra=0):
    """The bytes of a step with parts left out or counted too often."""

    def count(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes):
        a_token = tensors * layers * (heads if of_query_heads else kv_heads) * head_dim
        cache = a_token * (past + extra) * (1 if once else batch)
        return number_bytes * (weights * (batch if copies == "batch" else copies) + cache)

    return count


def bytes_read(*args):
    return read()(*args)


def read_inputs():
    return {
        "a toy": (100, 2, 6, 3, 10, 4, 7, 4),
        "one text in one layer": (50, 1, 4, 1, 8, 1, 9, 2),
        "a 7B with MHA": (6_738_415_616, 32, 32, 32, 128, 16, 4096, 2),
        "a 7B with MQA": (6_738_415_616, 32, 32, 1, 128, 64, 16_384, 2),
    }


def in_numbers(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes):
    return read()(weights, layers, heads, kv_heads, head_dim, batch, past, 1)


def plain_weights(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes):
    cache = read(copies=0)(
        weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes
    )
    return weights + cache


def plain_cache(weights, layers, heads, kv_heads, head_dim, batch, past, number_bytes):
    args = weights, layers, heads, kv_heads, head_dim, batch, past
    return number_bytes * weights + read(copies=0)(*args, 1)


def one_layer(weights, layers, *others):
    return read()(weights, 1, *others)


def weights_alone(weights, *others):
    return weights * others[-1]


def no_head_dim(weights, layers, heads, kv_heads, head_dim, *others):
    return read()(weights, layers, heads, kv_heads, 1, *others)


READ_MISTAKES = {
    "your count matches if values are read, too: yours has the keys alone": read(tensors=1),
    "your count matches if keys and values have kv_heads heads: query heads are not kept": (
        read(of_query_heads=True)
    ),
    "your count matches if each text has a cache of its own: multiply it by batch": (
        read(once=True)
    ),
    "your count matches if the weights are read once for all texts: yours once for each": (
        read(copies="batch")
    ),
    "your count matches if the weights are read as well: yours is the cache alone": (
        read(copies=0)
    ),
    "your count matches if the cache is read as well: yours is the weights alone": weights_alone,
    "your count matches if every layer has a cache": one_layer,
    "your count matches if a key has head_dim numbers": no_head_dim,
    "your count matches in bytes: yours is in numbers": in_numbers,
    "your count matches if the weights are counted in bytes, too": plain_weights,
    "your count matches if the cache is counted in bytes, too": plain_cache,
    "your count matches if the past has `past` tokens: yours has one more": read(extra=1),
    "your count matches if the cache has `past` tokens: yours has one": (
        lambda *args: read()(*args[:6], 1, args[7])
    ),
}


# ---- 11.2  shared_head(weight, head_dim)


def shared_head(weight, head_dim):
    return weight.unflatten(0, (-1, head_dim)).mean(0)


def as_lists(function):
    """The same numbers as nested lists: an answer may then be a list, an array or a tensor."""
    return lambda weight, head_dim: function(weight, head_dim).tolist()


def shared_inputs():
    return {
        "4 heads of 3": (randn(12, 5, seed=0) + torch.arange(12.0)[:, None], 3),
        "2 heads of 4": (randn(8, 8, seed=1), 4),
        "a single head": (randn(6, 4, seed=2), 6),
    }


def over_features(weight, head_dim):
    return weight.unflatten(0, (-1, head_dim)).mean(1)


def for_each_head(weight, head_dim):
    mean = shared_head(weight, head_dim)
    return mean.repeat(len(weight) // head_dim, 1)


SHARED_MISTAKES = {
    "your result matches if it is the mean of all heads: yours is the first": (
        lambda weight, head_dim: weight[:head_dim].clone()
    ),
    "your result matches if it is the mean of all heads: yours is the last": (
        lambda weight, head_dim: weight[-head_dim:].clone()
    ),
    "your result matches if the sum is divided by the number of heads": (
        lambda weight, head_dim: weight.unflatten(0, (-1, head_dim)).sum(0)
    ),
    "your result matches if the sum is divided by the number of heads: yours by head_dim": (
        lambda weight, head_dim: weight.unflatten(0, (-1, head_dim)).sum(0) / head_dim
    ),
    "your result matches if it is the mean: yours is the median": (
        lambda weight, head_dim: weight.unflatten(0, (-1, head_dim)).median(0).values
    ),
    "your result matches if the rows of a head stand side by side: yours takes every n-th row": (
        lambda weight, head_dim: weight.unflatten(0, (head_dim, -1)).mean(1)
    ),
    "your result has a row for each head: take the mean over the heads, not over their rows": (
        over_features
    ),
    "your result matches if it has one head: yours repeats it for all": for_each_head,
    "your result matches if it has the shape (head_dim, width): yours is transposed": (
        lambda weight, head_dim: shared_head(weight, head_dim).T
    ),
    "your result matches if a head keeps its rows: yours is the mean of all rows": (
        lambda weight, head_dim: weight.mean(0).expand(head_dim, -1)
    ),
}


# ---- 11.3  batch(memory, weight_bytes, layers, kv_heads, head_dim, context, number_bytes)


def fitting(free="memory", tensors=2, rounded=math.floor, clamp=True, weights=True, layered=True,
            sized=True, headed=True, below=False):  # fmt: skip
    """The number of texts, and the ways to get it wrong."""

    def count(memory, weight_bytes, layers, kv_heads, head_dim, context, number_bytes):
        left = memory - (weight_bytes if weights else 0)
        left -= {"memory": 0.1 * memory, "rest": 0.1 * left, "none": 0}[free]
        a_text = tensors * head_dim * context * (kv_heads if headed else 1)
        a_text *= (layers if layered else 1) * (number_bytes if sized else 1)
        texts = rounded(round(left / a_text, 9))
        if below and abs(left / a_text - texts) < 1e-6:
            texts -= 1
        return max(0, texts) if clamp else texts

    return count


def batch(*args):
    return fitting()(*args)


def batch_inputs():
    return {
        "a toy": (10_100, 1000, 2, 2, 4, 5, 4),
        "an exact fit": (1000, 100, 1, 1, 4, 5, 2),
        "a 7B with MHA on a T4": (16e9, 13.476e9, 32, 32, 128, 1024, 2),
        "a 7B with MQA on a T4": (16e9, 13.476e9, 32, 1, 128, 4096, 2),
        "a 7B in float32 on a T4": (16e9, 26.95e9, 32, 8, 128, 4096, 4),
        "Qwen3-0.6B on a T4": (16e9, 1.19e9, 28, 8, 128, 4096, 2),
    }


BATCH_MISTAKES = {
    "your number matches if it is rounded down: half a text does not fit": (
        fitting(rounded=math.ceil)
    ),
    "your number matches if it is rounded down: yours goes to the nearest": (
        fitting(rounded=round)
    ),
    "your number matches if it is whole: round it down": fitting(rounded=float),
    "your number matches if it is 0 where nothing fits: yours is negative": fitting(
        clamp=False
    ),
    "your number matches if it is 0 where nothing fits: int() rounds towards 0, so yours is "
    "negative": fitting(rounded=int, clamp=False),
    "your number matches if the weights are not multiplied: weight_bytes is in bytes already": (
        lambda memory, weights, *others: batch(memory, weights * others[-1], *others)
    ),
    "your number matches if a tenth of the memory stays free": fitting(free="none"),
    "your number matches if a tenth of all memory stays free, not of what the weights leave": (
        fitting(free="rest")
    ),
    "your number matches if values need room, too: yours has the keys alone": fitting(
        tensors=1
    ),
    "your number matches if the weights need room, too": fitting(weights=False),
    "your number matches if every layer has a cache": fitting(layered=False),
    "your number matches if the cache is counted in bytes: yours is in numbers": (
        fitting(sized=False)
    ),
    "your number matches if all key/value heads are kept: yours has one": fitting(headed=False),
    "your number matches if a text that fills the memory exactly still fits": (
        fitting(below=True)
    ),
}


# ---- 11.4  gain(heads, kv_heads, balance, number_bytes)


def gained(flops_each=4, tensors=2, time=max, at_first=None, fixed_bytes=None, inverted=False):
    """How many times as fast, and the ways to get it wrong."""

    def gain(heads, kv_heads, balance, number_bytes):
        size = fixed_bytes or number_bytes

        def seconds(kv):
            return time(flops_each * heads / balance, tensors * kv * size)

        before = tensors * heads * size if at_first == "bytes" else seconds(heads)
        ratio = before / seconds(kv_heads)
        return 1 / ratio if inverted else ratio

    return gain


def gain(*args):
    return gained()(*args)


def gain_inputs():
    return {
        "a processor (32 heads to 1)": (32, 1, 2.9, 4),
        "a T4 (32 heads to 1)": (32, 1, 203.0, 2),
        "groups (32 heads to 8)": (32, 8, 3.0, 2),
        "slow arithmetic": (8, 2, 0.2, 4),
        "nothing shared": (16, 16, 10.0, 2),
        "in between": (16, 2, 3.0, 1),
    }


GAIN_MISTAKES = {
    "your result matches if arithmetic takes its time, too, and as long when the bytes shrink": (
        lambda heads, kv_heads, balance, number_bytes: heads / kv_heads
    ),
    "your result matches with twice the FLOPs: two for each pair, for scores and for mixture": (
        gained(flops_each=2)
    ),
    "your result matches with four times the FLOPs: two for each pair, for scores and mixture": (
        gained(flops_each=1)
    ),
    "your result matches with half the FLOPs for a byte: both keys and values are read, and each "
    "pair takes two FLOPs": gained(tensors=1),
    "your result matches if the FLOPs are divided by the balance: yours multiplies": (
        lambda heads, kv, balance, size: (
            max(4 * heads * balance, 2 * heads * size) / max(4 * heads * balance, 2 * kv * size)
        )
    ),
    "your result matches if the FLOPs are divided by the balance: yours leaves it out": (
        lambda heads, kv, balance, size: (
            max(4 * heads, 2 * heads * size) / max(4 * heads, 2 * kv * size)
        )
    ),
    "your result matches if it is not rounded": lambda *args: float(math.floor(gain(*args))),
    "your result matches if it is not rounded up": lambda *args: float(math.ceil(gain(*args))),
    "your result matches if the slower limit decides: yours takes the faster": gained(time=min),
    "your result matches if the slower limit decides: yours adds the two": (
        gained(time=lambda one, two: one + two)
    ),
    "your result matches if the time before is limited by arithmetic, too, where that is slower": (
        gained(at_first="bytes")
    ),
    "your result matches if number_bytes is used: yours is always 4": gained(fixed_bytes=4),
    "your result matches if number_bytes is used: yours is always 2": gained(fixed_bytes=2),
    "your result matches if number_bytes is used: yours is always 1": gained(fixed_bytes=1),
    "your result is how many times as slow: turn the ratio": gained(inverted=True),
}


EXERCISES = {
    "11.1": Exercise(bytes_read, read_inputs, READ_MISTAKES),
    "11.2": Exercise(
        as_lists(shared_head),
        shared_inputs,
        {diagnosis: as_lists(mistake) for diagnosis, mistake in SHARED_MISTAKES.items()},
    ),
    "11.3": Exercise(batch, batch_inputs, BATCH_MISTAKES),
    "11.4": Exercise(gain, gain_inputs, GAIN_MISTAKES),
}
