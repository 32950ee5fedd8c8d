"""Day 13, positional encodings: right answers, and the mistakes people really make."""

import math

import torch
import torch.nn.functional as F

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 13.1  wave(place, dim, theta)


def wave_with(exponent=None, pair=(math.sin, math.cos), turn=None):
    """The vector of a place, and the ways to get it wrong."""
    exponent = exponent or (lambda i, dim: 2 * i / dim)
    turn = turn or (lambda place, slow: place / slow)

    def wave(place, dim, theta):
        angles = [turn(place, theta ** exponent(i, dim)) for i in range(dim // 2)]
        return [function(angle) for angle in angles for function in pair]

    return wave


wave = wave_with()


def wave_inputs():
    return {
        "place 3, 4 features": (3, 4, 10_000.0),
        "place 0": (0, 4, 10_000.0),
        "another theta": (5, 6, 100.0),
        "one hand": (2, 2, 10_000.0),
        "a far place": (500, 8, 10_000.0),
    }


def halves(place, dim, theta):
    vector = wave(place, dim, theta)
    return vector[::2] + vector[1::2]


def by_feature(place, dim, theta):
    angles = [place / theta ** (j / dim) for j in range(dim)]
    return [(math.cos if j % 2 else math.sin)(angle) for j, angle in enumerate(angles)]


WAVE_MISTAKES = {
    "your list matches if the sine comes before the cosine": wave_with(
        pair=(math.cos, math.sin)
    ),
    "your list matches if each sine is followed by its cosine: yours has all sines first": halves,
    "your list matches if both of a pair have one angle: you give each feature its own": (
        by_feature
    ),
    "your list matches if the exponent is 2i / dim: yours is i / dim": wave_with(
        lambda i, dim: i / dim
    ),
    "your list matches if the exponent is 2i / dim: yours reaches 1 at the last hand": wave_with(
        lambda i, dim: i / max(1, dim // 2 - 1)
    ),
    "your list matches if the exponent is 2i / dim: yours is 4i / dim": wave_with(
        lambda i, dim: 4 * i / dim
    ),
    "your list matches if sines and cosines stay as they are: yours are multiplied by √2": (
        lambda place, dim, theta: [2**0.5 * value for value in wave(place, dim, theta)]
    ),
    "your list has the angles: take the sine and the cosine of each": (
        lambda place, dim, theta: [place / theta ** (2 * i / dim) for i in range(dim // 2)]
    ),
    "your list has pairs: make one flat list of dim numbers": (
        lambda place, dim, theta: [wave(place, dim, theta)[i : i + 2] for i in range(0, dim, 2)]
    ),
    "your list matches if hands are counted from 0: yours begin at 1": wave_with(
        lambda i, dim: 2 * (i + 1) / dim
    ),
    "your list matches if you divide by the power of theta: you multiply": wave_with(
        turn=lambda place, slow: place * slow
    ),
    "your list matches if the angle is in radians: yours takes the place for degrees": (
        wave_with(turn=lambda place, slow: math.radians(place / slow))
    ),
    "your list matches without the factor 2π: the angle is in radians already": wave_with(
        turn=lambda place, slow: 2 * math.pi * place / slow
    ),
    "your list matches if places are counted from 0: yours is that of place + 1": (
        lambda place, dim, theta: wave(place + 1, dim, theta)
    ),
    "your list matches if theta is used: yours is always 10000": (
        lambda place, dim, theta: wave(place, dim, 10_000.0)
    ),
    "your list matches if the fastest hand comes first: yours comes last": (
        lambda place, dim, theta: [
            function(place / theta ** (2 * i / dim))
            for i in reversed(range(dim // 2))
            for function in (math.sin, math.cos)
        ]
    ),
    "your list has only the sines: each hand has a cosine, too": wave_with(pair=(math.sin,)),
}


# ---- 13.2  sight(slope, share)


def sight(slope, share):
    distance = 0
    while math.exp(-slope * distance) >= share:
        distance += 1
    return distance


def sight_inputs():
    return {
        "a slope of 1/4": (1 / 4, 0.01),
        "a slope of 1/16": (1 / 16, 0.01),
        "a slope of 1/256": (1 / 256, 0.01),
        "half the weight": (0.3, 0.5),
        "a steep slope": (5.0, 0.01),
        "a share of 1": (1 / 4, 1.0),
    }


SIGHT_MISTAKES = {
    "your number is the last distance in sight: the one after it is out": (
        lambda slope, share: sight(slope, share) - 1
    ),
    "your number is one too many: at the distance before, the weight is below the share": (
        lambda slope, share: sight(slope, share) + 1
    ),
    "your number is one too few where the weight is the share exactly: it has to be less": (
        lambda slope, share: math.ceil(-math.log(share) / slope)
    ),
    "your number is rounded to the nearest: the token has to be out of sight, so round up": (
        lambda slope, share: round(-math.log(share) / slope)
    ),
    "your number is where the weight has come down to 1/e: use `share`": (
        lambda slope, share: math.floor(1 / slope) + 1
    ),
    "your number matches if the weight falls to `share`: yours falls to 1 - share": (
        lambda slope, share: sight(slope, 1 - share) if share < 1 else 0
    ),
    "your number matches if it is whole: round it up": (
        lambda slope, share: -math.log(share) / slope
    ),
    "your number matches if the weight falls by e at each step of price 1: you use powers of 2": (
        lambda slope, share: math.floor(-math.log2(share) / slope) + 1
    ),
    "your number matches if the weight falls by e at each step of price 1: you use powers of 10": (
        lambda slope, share: math.floor(-math.log10(share) / slope) + 1
    ),
    "your number is negative: the logarithm of a share is": (
        lambda slope, share: math.floor(math.log(share) / slope)
    ),
    "your number matches if you divide by the slope: you multiply by it": (
        lambda slope, share: math.floor(-math.log(share) * slope) + 1
    ),
    "your number is where the *price* reaches 1 - share: it is the weight that has to fall": (
        lambda slope, share: math.floor((1 - share) / slope) + 1
    ),
    "your number compares with the weight of all tokens: compare with that of distance 0": (
        lambda slope, share: math.floor(-math.log(share / (1 - math.exp(-slope))) / slope) + 1
    ),
}


# ---- 13.3  slopes(heads, near, far, share)


def distances(heads, near, far):
    return [near * (far / near) ** (i / (heads - 1)) for i in range(heads)]


def slopes(heads, near, far, share):
    return [-math.log(share) / distance for distance in distances(heads, near, far)]


def slope_inputs():
    return {
        "4 heads from 10 to 1000": (4, 10, 1000, 0.01),
        "2 heads": (2, 5, 50, 0.1),
        "8 heads from 16 to 2048": (8, 16, 2048, 0.01),
        "half the weight": (3, 4, 36, 0.5),
    }


def linear(heads, first, last):
    return [first + (last - first) * i / (heads - 1) for i in range(heads)]


SLOPE_MISTAKES = {
    "your list matches if distances grow by a factor: yours grow by a constant step": (
        lambda heads, near, far, share: [-math.log(share) / d for d in linear(heads, near, far)]
    ),
    "your list matches if distances grow by a factor: your slopes fall by a constant step": (
        lambda heads, near, far, share: linear(
            heads, -math.log(share) / near, -math.log(share) / far
        )
    ),
    "your list matches if the first head looks near: yours looks far": (
        lambda heads, near, far, share: slopes(heads, near, far, share)[::-1]
    ),
    "your list matches if the last head reaches `far`: there are heads - 1 steps between": (
        lambda heads, near, far, share: [
            -math.log(share) / (near * (far / near) ** (i / heads)) for i in range(heads)
        ]
    ),
    "your list matches if the first head stands at `near`: yours is a factor further already": (
        lambda heads, near, far, share: [
            -math.log(share) / (near * (far / near) ** ((i + 1) / heads)) for i in range(heads)
        ]
    ),
    "your slopes are all equal: each head has its own distance, from near to far": (
        lambda heads, near, far, share: [-math.log(share) / near] * heads
    ),
    "your distances are rounded: keep them as they are": (
        lambda heads, near, far, share: [
            -math.log(share) / round(d) for d in distances(heads, near, far)
        ]
    ),
    "your list has share / distance: a slope is -log(share) / distance": (
        lambda heads, near, far, share: [share / d for d in distances(heads, near, far)]
    ),
    "your list matches if the weight comes down to `share`: yours always comes down to 0.01": (
        lambda heads, near, far, share: slopes(heads, near, far, 0.01)
    ),
    "your slopes match if they are positive": (
        lambda heads, near, far, share: [-s for s in slopes(heads, near, far, share)]
    ),
    "your list has the distances: a slope is -log(share) / distance": (
        lambda heads, near, far, share: distances(heads, near, far)
    ),
    "your list matches with the natural logarithm: the softmax takes e to the score, not 2": (
        lambda heads, near, far, share: [
            s / math.log(2) for s in slopes(heads, near, far, share)
        ]
    ),
    "your list matches with the natural logarithm: the softmax takes e to the score, not 10": (
        lambda heads, near, far, share: [
            s / math.log(10) for s in slopes(heads, near, far, share)
        ]
    ),
    "your list matches if the weight comes down to `share`: yours comes down to 1/e": (
        lambda heads, near, far, share: [1 / d for d in distances(heads, near, far)]
    ),
    "your list matches if the weight comes down to `share`: yours comes down to 1 - share": (
        lambda heads, near, far, share: slopes(heads, near, far, 1 - share)
    ),
}


# ---- 13.4  stretch(table, factor)


def rows_at(table, where):
    """Rows between rows, by proportion; beyond the last, the last."""
    last = len(table) - 1
    below = where.floor().long().clamp(0, last)
    part = (where - below).clamp(0, 1)[:, None].to(table)
    return table[below] * (1 - part) + table[(below + 1).clamp(max=last)] * part


def stretch(table, factor):
    return rows_at(table, torch.arange(factor * len(table)) / factor)


def stretch_inputs():
    return {
        "3 rows, factor 2": (randn(3, 2, seed=0), 2),
        "5 rows, factor 4": (randn(5, 3, seed=1), 4),
        "as many rows as features": (randn(4, 4, seed=2), 3),
        "factor 1": (randn(4, 2, seed=3), 1),
        "one row": (randn(1, 3, seed=4), 3),
        "float64": (randn(3, 2, seed=5).double(), 2),
    }


def end_to_end(table, factor, align):
    how = {"mode": "linear", "align_corners": align}
    return F.interpolate(table.mT[None], factor * len(table), **how)[0].mT


def swapped(table, factor):
    where = torch.arange(factor * len(table)) / factor
    below = where.floor()
    turned = torch.where(where == below, where, below + 1 - (where - below))
    return rows_at(table, turned)


def exchanged(table, factor):
    where = torch.arange(factor * len(table)) / factor
    below = where.floor().long()
    part = (where - below)[:, None].to(table)
    return table[below] * part + table[(below + 1).clamp(max=len(table) - 1)] * (1 - part)


def halved(table, factor):
    where = torch.arange(factor * len(table)) / factor
    return rows_at(table, torch.where(where == where.floor(), where, where.floor() + 0.5))


def wrapped(table, factor):
    return rows_at(torch.cat([table, table[:1]]), torch.arange(factor * len(table)) / factor)


def beyond(table, factor):
    """The last step goes on in its direction."""
    more = 2 * table[-1:] - table[-2:-1] if len(table) > 1 else table
    return rows_at(torch.cat([table, more]), torch.arange(factor * len(table)) / factor)


STRETCH_MISTAKES = {
    "your table is read from end to end: row p belongs at p / factor, and the last ones repeat": (
        lambda table, factor: end_to_end(table, factor, align=True)
    ),
    "your table is shifted by half a row (align_corners=False): row p belongs at p / factor": (
        lambda table, factor: end_to_end(table, factor, align=False)
    ),
    "your rows are copies: between two old rows, mix them": (
        lambda table, factor: table.repeat_interleave(factor, dim=0)
    ),
    "your rows are copies of the nearest: between two old rows, mix them": (
        lambda table, factor: table[
            (torch.arange(factor * len(table)) / factor)
            .round()
            .long()
            .clamp(max=len(table) - 1)
        ]
    ),
    "your table begins anew after its last row: stretch it instead": (
        lambda table, factor: table.repeat(factor, 1)
    ),
    "your table keeps its rows and repeats the last: stretch it instead": (
        lambda table, factor: torch.cat(
            [table, table[-1:].expand((factor - 1) * len(table), -1)]
        )
    ),
    "your new rows are zeros: stretch the old ones instead": (
        lambda table, factor: F.pad(table, (0, 0, 0, (factor - 1) * len(table)))
    ),
    "your shares are exchanged: at 2.25, row 2 gets three quarters": swapped,
    "your shares are exchanged everywhere: at 2.25, row 2 gets three quarters and row 3 the rest": (
        exchanged
    ),
    "your rows between are always half and half: at 2.25, row 2 gets three quarters": halved,
    "your last rows fade to zero: stay at the last row": (
        lambda table, factor: rows_at(
            torch.cat([table, 0 * table[:1]]), torch.arange(factor * len(table)) / factor
        )
    ),
    "your last rows mix with the first: stay at the last row": wrapped,
    "your last rows go beyond the table: stay at the last row": beyond,
    "your table ends at the last old row: it needs factor * places rows": (
        lambda table, factor: stretch(table, factor)[: factor * (len(table) - 1) + 1]
    ),
    "your table is stretched along its features: stretch the places": (
        lambda table, factor: stretch(table.mT, factor).mT
    ),
    "your table matches if it has the dtype of the old one: yours is always float32": (
        lambda table, factor: stretch(table.float(), factor)
    ),
}


EXERCISES = {
    "13.1": Exercise(wave, wave_inputs, WAVE_MISTAKES),
    "13.2": Exercise(sight, sight_inputs, SIGHT_MISTAKES),
    "13.3": Exercise(slopes, slope_inputs, SLOPE_MISTAKES),
    "13.4": Exercise(stretch, stretch_inputs, STRETCH_MISTAKES),
}
