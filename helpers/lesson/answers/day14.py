"""Day 14, rotary embeddings: right answers, and the mistakes people really make."""

import math

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 14.1  turn(vector, place, theta)


def slowing(i, half):
    return i / half


def turn_with(exponent=slowing, split=True, sign=1.0, angle_of=None, backwards=False):
    """A vector turned by hand, and the ways to get it wrong."""
    angle_of = angle_of or (lambda place, slow: place / slow)

    def turn(vector, place, theta):
        half = len(vector) // 2
        first = vector[:half] if split else vector[::2]
        second = vector[half:] if split else vector[1::2]
        angles = [angle_of(place, theta ** exponent(i, half)) for i in range(half)]
        angles = [-angle for angle in angles] if backwards else angles
        pairs = list(zip(first, second, angles, strict=True))
        real = [a * math.cos(t) - sign * b * math.sin(t) for a, b, t in pairs]
        imaginary = [b * math.cos(t) + a * math.sin(t) for a, b, t in pairs]
        return real + imaginary if split else weave(real, imaginary)

    return turn


def weave(first, second):
    return [number for pair in zip(first, second, strict=True) for number in pair]


turn = turn_with()


def turn_inputs():
    return {
        "4 numbers at place 1": ([2.0, 1.0, 3.0, 1.0], 1, 10_000.0),
        "place 0": ([2.0, 1.0, 3.0, 1.0], 0, 10_000.0),
        "6 numbers at place 5": ([0.5, -1.0, 2.0, 1.5, 0.25, -3.0], 5, 10_000.0),
        "another base": ([1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.0, 4.0], 7, 100.0),
        "one pair": ([3.0, 4.0], 2, 10_000.0),
    }


def woven(vector, place, theta):
    found = turn(vector, place, theta)
    return weave(found[: len(found) // 2], found[len(found) // 2 :])


def mixed_with_new(vector, place, theta):
    """The second of a pair is made from the first after it has been overwritten."""
    half = len(vector) // 2
    real = turn(vector, place, theta)[:half]
    angles = [place / theta ** (i / half) for i in range(half)]
    pairs = zip(real, vector[half:], angles, strict=True)
    return real + [b * math.cos(t) + a * math.sin(t) for a, b, t in pairs]


TURN_MISTAKES = {
    "your list matches if pairs are numbers half a vector apart: yours are neighbors": turn_with(
        split=False
    ),
    "your list matches if it ends in the layout it began in: first all a's, then all b's": woven,
    "your list matches if it is turned forwards: yours turns backwards": turn_with(
        backwards=True
    ),
    "your list matches if b sin is subtracted in the first half: you add it": turn_with(
        sign=-1.0
    ),
    "your list matches if the exponent is -2i / dim: yours is -i / dim": turn_with(
        lambda i, half: i / half / 2
    ),
    "your list matches if the exponent is -2i / dim: yours is -4i / dim": turn_with(
        lambda i, half: 2 * i / half
    ),
    "your list matches if the exponent is -2i / dim: yours reaches -1 at the last pair": turn_with(
        lambda i, half: i / max(1, half - 1)
    ),
    "your list matches if pairs are counted from 0: yours begin at 1": turn_with(
        lambda i, half: (i + 1) / half
    ),
    "your list matches if each pair has its own speed: yours all turn like the first": turn_with(
        lambda i, half: 0.0
    ),
    "your list matches if the first pair is the fastest: yours is the slowest": turn_with(
        lambda i, half: (half - 1 - i) / half
    ),
    "your list matches if the angle is in radians: yours is in degrees": turn_with(
        angle_of=lambda place, slow: math.radians(place / slow)
    ),
    "your list matches without the factor 2π: the angle is in radians already": turn_with(
        angle_of=lambda place, slow: 2 * math.pi * place / slow
    ),
    "your list matches if the power of theta is divided by: you multiply": turn_with(
        angle_of=lambda place, slow: place * slow
    ),
    "your list matches if place 0 does not turn: yours is that of place + 1": (
        lambda vector, place, theta: turn(vector, place + 1, theta)
    ),
    "your list matches if theta is used: yours is always 10000": (
        lambda vector, place, theta: turn(vector, place, 10_000.0)
    ),
    "your list matches if b meets the old a: you overwrite a first": mixed_with_new,
}


# ---- 14.2  base(head_dim, length)


def base(head_dim, length):
    return (length / (2 * math.pi)) ** (head_dim / (head_dim - 2))


def base_inputs():
    return {
        "head_dim 32, 144 tokens": (32, 144),
        "head_dim 4": (4, 36),
        "head_dim 128, 32768 tokens": (128, 32_768),
        "head_dim 64, 1000 tokens": (64, 1000),
    }


BASE_MISTAKES = {
    "your number is right for a pair with exponent 1: the last one has (head_dim - 2) / head_dim": (
        lambda head_dim, length: length / (2 * math.pi)
    ),
    "your number matches if a full turn is 2π: yours is 1 radian": (
        lambda head_dim, length: length ** (head_dim / (head_dim - 2))
    ),
    "your number matches if you divide by 2π: you multiply": (
        lambda head_dim, length: (length * 2 * math.pi) ** (head_dim / (head_dim - 2))
    ),
    "your number matches if the exponent is turned over: solve for theta": (
        lambda head_dim, length: (length / (2 * math.pi)) ** ((head_dim - 2) / head_dim)
    ),
    "your number matches if the turn is a full one: yours is half of one": (
        lambda head_dim, length: (length / math.pi) ** (head_dim / (head_dim - 2))
    ),
    "your number matches if the turn is a full one: yours is a quarter of one": (
        lambda head_dim, length: (2 * length / math.pi) ** (head_dim / (head_dim - 2))
    ),
    "your number matches if a full turn is 2π radians: yours is 360": (
        lambda head_dim, length: (length / 360) ** (head_dim / (head_dim - 2))
    ),
    "your number is right for the last pair but one: i goes up to head_dim / 2 - 1": (
        lambda head_dim, length: (
            (length / (2 * math.pi)) ** (head_dim / (head_dim - 4))
            if head_dim > 4
            else math.inf
        )
    ),
    "your number counts pairs where it should count numbers: the exponent is 2i / head_dim": (
        lambda head_dim, length: (length / (2 * math.pi)) ** (head_dim / (head_dim / 2 - 1))
    ),
    "your number matches if it is not rounded": (
        lambda head_dim, length: round(base(head_dim, length))
    ),
}


# ---- 14.3  rows(weight, heads)


def rows(weight, heads):
    split = weight.unflatten(0, (heads, -1))
    return torch.cat((split[:, ::2], split[:, 1::2]), dim=1).flatten(0, 1)


def rows_inputs():
    return {
        "2 heads of 6": (randn(12, 5, seed=0), 2),
        "one head": (randn(8, 3, seed=1), 1),
        "4 heads of 8, square": (randn(32, 32, seed=2), 4),
        "bfloat16": (randn(24, 4, seed=3).bfloat16(), 3),
    }


def inverse_rows(weight, heads):
    split = weight.unflatten(0, (heads, 2, -1))
    return split.transpose(1, 2).flatten(0, 2)


def imaginary_first(weight, heads):
    split = weight.unflatten(0, (heads, -1))
    return torch.cat((split[:, 1::2], split[:, ::2]), dim=1).flatten(0, 1)


def heads_inside(weight, heads):
    split = weight.unflatten(0, (-1, heads))
    return torch.cat((split[::2], split[1::2])).flatten(0, 1)


def within_pairs(weight, heads):
    return weight.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


ROWS_MISTAKES = {
    "your rows go the other way: from half-split to interleaved": inverse_rows,
    "your rows match if each head is reordered by itself: yours mix all heads": (
        lambda weight, heads: torch.cat((weight[::2], weight[1::2]))
    ),
    "your rows match if heads come first: split into (heads, head_dim), in this order": (
        heads_inside
    ),
    "your rows match if the even ones come first: yours begin with the odd ones": imaginary_first,
    "your rows are exchanged within each pair: bring the even ones together instead": within_pairs,
    "your columns are reordered: what a head reads stays, the rows change": (
        lambda weight, heads: torch.cat((weight[:, ::2], weight[:, 1::2]), dim=1)
    ),
    "your rows match if the shape is that of the weight: merge the heads again": (
        lambda weight, heads: rows(weight, heads).unflatten(0, (heads, -1))
    ),
    "your rows are the old ones: nothing has moved": lambda weight, heads: weight.clone(),
    "your rows match if the dtype stays: yours is always float32": (
        lambda weight, heads: rows(weight, heads).float()
    ),
}


# ---- 14.4  yarn(frequencies, factor, trained, slow, fast)


def share_of(turns, slow, fast):
    return ((turns - slow) / (fast - slow)).clamp(0, 1)


def mix(frequencies, factor, share):
    return share * frequencies + (1 - share) * frequencies / factor


def turns_of(frequencies, trained):
    return trained * frequencies / (2 * math.pi)


def yarn(frequencies, factor, trained, slow, fast):
    return mix(frequencies, factor, share_of(turns_of(frequencies, trained), slow, fast))


def speeds(pairs, theta):
    return theta ** -(torch.arange(pairs) / pairs)


def yarn_inputs():
    return {
        "16 pairs, 144 tokens": (speeds(16, 1e4), 4.0, 144, 1.0, 32.0),
        "64 pairs, 4096 tokens": (speeds(64, 1e4), 8.0, 4096, 1.0, 32.0),
        "other limits": (speeds(16, 500.0), 2.0, 1000, 2.0, 10.0),
        "factor 1": (speeds(4, 100.0), 1.0, 36, 1.0, 32.0),
        "float64": (speeds(8, 1e4).double(), 4.0, 512, 1.0, 32.0),
    }


def by_pair(frequencies, factor, trained, slow, fast):
    """The ramp over the number of the pair, as in the authors' code; base read off."""
    count = len(frequencies)
    speed = -math.log(float(frequencies[1])) * count if count > 1 else 1.0

    def pair_with(turns):
        return count * math.log(trained / (turns * 2 * math.pi)) / speed

    low, high = max(math.floor(pair_with(fast)), 0), math.ceil(pair_with(slow))
    pair = torch.arange(count).to(frequencies)
    return mix(frequencies, factor, 1 - ((pair - low) / max(high - low, 1e-3)).clamp(0, 1))


def waves_mixed(frequencies, factor, trained, slow, fast):
    share = share_of(turns_of(frequencies, trained), slow, fast)
    wave = 1 / frequencies
    return 1 / (share * wave + (1 - share) * wave * factor)


YARN_MISTAKES = {
    "your frequencies match if shares end at 0 and 1: cut the line off": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, (turns_of(f, trained) - slow) / (fast - slow)
        )
    ),
    "your shares go below 0: cut the line off at both ends": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, ((turns_of(f, trained) - slow) / (fast - slow)).clamp(max=1)
        )
    ),
    "your shares go above 1: cut the line off at both ends": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, ((turns_of(f, trained) - slow) / (fast - slow)).clamp(min=0)
        )
    ),
    "your share is upside down: the fast pairs are left alone, the slow ones divided": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, 1 - share_of(turns_of(f, trained), slow, fast)
        )
    ),
    "your frequencies match if turns are counted: you count radians, 2π of which make a turn": (
        lambda f, factor, trained, slow, fast: mix(f, factor, share_of(trained * f, slow, fast))
    ),
    "your frequencies match if turns are counted in the trained length: yours in the longer one": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, share_of(turns_of(f, trained * factor), slow, fast)
        )
    ),
    "your frequencies match if it is a mixture of frequencies: yours is one of wavelengths": (
        waves_mixed
    ),
    "your frequencies match if there is a ramp: yours is a step at `slow` turns": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, (turns_of(f, trained) > slow).to(f)
        )
    ),
    "your frequencies match if there is a ramp: yours is a step at `fast` turns": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, (turns_of(f, trained) >= fast).to(f)
        )
    ),
    "your ramp is over the pair's number, as in the authors' code: here it is over turns": by_pair,
    "your ramp is over the logarithm of the turns: here it is over turns": (
        lambda f, factor, trained, slow, fast: mix(
            f,
            factor,
            share_of(turns_of(f, trained).log(), math.log(slow + 1e-9), math.log(fast)),
        )
    ),
    "your frequencies match if slow pairs are divided: you multiply them by the factor": (
        lambda f, factor, trained, slow, fast: mix(
            f, 1 / factor, share_of(turns_of(f, trained), slow, fast)
        )
    ),
    "your frequencies match if fast pairs are left alone: you divide all (linear)": (
        lambda f, factor, trained, slow, fast: f / factor
    ),
    "your frequencies are the old ones: the slow pairs have to be divided": (
        lambda f, factor, trained, slow, fast: f.clone()
    ),
    "your frequencies match if `slow` and `fast` are used: yours are always 1 and 32": (
        lambda f, factor, trained, slow, fast: yarn(f, factor, trained, 1.0, 32.0)
    ),
    "your line begins at 0 turns: it begins at `slow`": (
        lambda f, factor, trained, slow, fast: mix(
            f, factor, (turns_of(f, trained) / fast).clamp(0, 1)
        )
    ),
    "your cosines' factor does not belong here: return the frequencies alone": (
        lambda f, factor, trained, slow, fast: (
            yarn(f, factor, trained, slow, fast) * (0.1 * math.log(factor) + 1)
        )
    ),
}


EXERCISES = {
    "14.1": Exercise(turn, turn_inputs, TURN_MISTAKES),
    "14.2": Exercise(base, base_inputs, BASE_MISTAKES),
    "14.3": Exercise(rows, rows_inputs, ROWS_MISTAKES),
    "14.4": Exercise(yarn, yarn_inputs, YARN_MISTAKES),
}
