"""Day 12, grouped-query attention: right answers, and the mistakes people really make."""

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 12.1  partners(heads, kv_heads)


def partners(heads, kv_heads):
    return [head // (heads // kv_heads) for head in range(heads)]


def partner_inputs():
    return {
        "8 heads, 2 of keys and values": (8, 2),
        "6 heads in 2 groups": (6, 2),
        "12 heads in 4 groups": (12, 4),
        "a set for each head (MHA)": (5, 5),
        "one set for all (MQA)": (4, 1),
    }


PARTNER_MISTAKES = {
    "your list matches if neighbors share: yours goes round (h % kv_heads), suspect 1's order": (
        lambda heads, kv_heads: [head % kv_heads for head in range(heads)]
    ),
    "your list matches if you divide by the members of a group: you divide by kv_heads": (
        lambda heads, kv_heads: [head // kv_heads for head in range(heads)]
    ),
    "your list matches if you take the group, h // members: yours is the place in the group": (
        lambda heads, kv_heads: [head % (heads // kv_heads) for head in range(heads)]
    ),
    "your list matches if key/value heads are counted from 0": (
        lambda heads, kv_heads: [1 + partner for partner in partners(heads, kv_heads)]
    ),
    "your list matches if the first heads are served by head 0: yours runs backwards": (
        lambda heads, kv_heads: partners(heads, kv_heads)[::-1]
    ),
    "your list has one number for each key/value head: give one for each query head": (
        lambda heads, kv_heads: list(range(kv_heads))
    ),
    "your answer lists the members of each group: give one number for each query head": (
        lambda heads, kv_heads: torch.arange(heads).view(kv_heads, heads // kv_heads).tolist()
    ),
    "your list matches if the numbers are whole: divide by //, not by /": (
        lambda heads, kv_heads: [head / (heads // kv_heads) for head in range(heads)]
    ),
}


# ---- 12.2  choice(budget, layers, heads, head_dim, batch, time, itemsize)


def chosen(one=None, allowed=None, fits=None, pick=None):
    """The largest number that divides and fits, and the ways to get that wrong."""
    one = one or (
        lambda layers, heads, head_dim, batch, time, itemsize: (
            2 * layers * head_dim * batch * time * itemsize
        )
    )
    allowed = allowed or (lambda n, heads: heads % n == 0)
    fits = fits or (lambda cost, budget: cost <= budget)
    pick = pick or (lambda found, heads: max(found, default=0))

    def choice(budget, layers, heads, head_dim, batch, time, itemsize):
        cost = one(layers, heads, head_dim, batch, time, itemsize)
        found = [n for n in range(1, heads + 1) if allowed(n, heads) and fits(n * cost, budget)]
        return pick(found, heads)

    return choice


def without(*left_out):
    """What a head costs when factors are forgotten: chosen(one=without("time"))."""

    def one(layers, heads, head_dim, batch, time, itemsize):
        factors = dict(
            two=2, layers=layers, head_dim=head_dim, batch=batch, time=time, itemsize=itemsize
        )
        product = 1
        for name, factor in factors.items():
            product *= 1 if name in left_out else factor
        return product

    return one


def choice_inputs():
    head = 2 * 3 * 4 * 2 * 10 * 4  # 3 layers, head_dim 4, batch 2, 10 tokens, 4 bytes
    return {
        "a budget for 7 of 12 heads": (7 * head, 3, 12, 4, 2, 10, 4),
        "exactly 3 of 12 heads": (3 * head, 3, 12, 4, 2, 10, 4),
        "a byte less than 6 of 12": (6 * head - 1, 3, 12, 4, 2, 10, 4),
        "a budget for all": (100 * head, 3, 6, 4, 2, 10, 4),
        "a budget for none": (head - 1, 3, 6, 4, 2, 10, 4),
        "a 7B in float16": (5e9, 32, 32, 128, 8, 4096, 2),
        "one byte a number": (40 * 8 * 64 * 512 * 2, 8, 40, 64, 1, 512, 1),
    }


CHOICE_MISTAKES = {
    "your number matches if values are counted as well as keys: times 2": (
        chosen(one=without("two"))
    ),
    "your number matches if all layers are counted": chosen(one=without("layers")),
    "your number matches if all texts of the batch are counted": chosen(one=without("batch")),
    "your number matches if all tokens are counted": chosen(one=without("time")),
    "your number matches if a head has head_dim numbers": chosen(one=without("head_dim")),
    "your number matches if a number takes itemsize bytes": chosen(one=without("itemsize")),
    "your number matches if it divides heads: groups must be equal": (
        chosen(allowed=lambda n, heads: True)
    ),
    "your number matches if all divisors are tried: yours are powers of two": (
        chosen(allowed=lambda n, heads: heads % n == 0 and n & (n - 1) == 0)
    ),
    "your number matches if a cache that fills the budget exactly still fits": (
        chosen(fits=lambda cost, budget: cost < budget)
    ),
    "your number matches if the largest is taken: yours is the smallest that fits": (
        chosen(pick=lambda found, heads: min(found, default=0))
    ),
    "your number matches if it divides heads: yours is what fits, and may be above heads": (
        lambda budget, layers, heads, head_dim, batch, time, itemsize: int(
            budget // (2 * layers * head_dim * batch * time * itemsize)
        )
    ),
    "your number is the members of a group: return the key/value heads": (
        chosen(pick=lambda found, heads: heads // max(found) if found else 0)
    ),
    "your number matches if it is 0 where not even one head fits": (
        chosen(pick=lambda found, heads: max(found, default=1))
    ),
    "your function stops where nothing fits: return 0 there": (
        chosen(pick=lambda found, heads: max(found))
    ),
    "your number matches if the budget is for the key/value heads alone, not for query heads": (
        chosen(
            one=lambda layers, heads, head_dim, batch, time, itemsize: (
                2 * layers * head_dim * batch * time * itemsize * heads
            )
        )
    ),
}


# ---- 12.3  cache_bytes(windows, time, kv_heads, head_dim, itemsize)


def bytes_with(kept=None, factor=2, total=sum):
    """The bytes of mixed layers; `kept(window, time)` are the tokens of a layer."""
    kept = kept or (lambda window, time: time if window is None else min(time, window - 1))

    def cache_bytes(windows, time, kv_heads, head_dim, itemsize):
        tokens = total([kept(window, time) for window in windows])
        return factor * tokens * kv_heads * head_dim * itemsize

    return cache_bytes


def bytes_inputs():
    return {
        "two windows, one without": ([4, 4, None], 10, 2, 3, 4),
        "fewer tokens than a window": ([8, None, 16], 5, 1, 2, 2),
        "windows of all sizes": ([1, 5, 9, None], 8, 3, 4, 2),
        "no window at all": ([None, None], 7, 2, 2, 4),
        "windows in all layers": ([5, 5], 6, 2, 4, 2),
        "five of six layers": ([512] * 5 + [None], 32_768, 8, 128, 2),
    }


BYTES_MISTAKES = {
    "your bytes match if a layer with a window keeps window - 1 tokens: yours keeps window": (
        bytes_with(lambda window, time: time if window is None else min(time, window))
    ),
    "your bytes match if a short text takes less: a window need not be full": (
        bytes_with(lambda window, time: time if window is None else window - 1)
    ),
    "your bytes match if a window keeps at most window - 1 tokens, and no more than there are": (
        bytes_with(lambda window, time: time if window is None else window)
    ),
    "your bytes match if a layer without a window keeps everything: yours keeps nothing": (
        bytes_with(lambda window, time: 0 if window is None else min(time, window - 1))
    ),
    "your bytes match if windows are used: yours keep everything in each layer": (
        bytes_with(lambda window, time: time)
    ),
    "your bytes match if values are counted as well as keys: times 2": bytes_with(factor=1),
    "your bytes match if all layers are added up: yours is the largest": bytes_with(total=max),
    "your bytes match if each layer holds at most `time` tokens: yours caps their sum": (
        lambda windows, time, kv_heads, head_dim, itemsize: (
            2
            * kv_heads
            * head_dim
            * itemsize
            * min(time, sum(time if w is None else w - 1 for w in windows))
        )
    ),
    "your bytes match if a head has head_dim numbers": (
        lambda windows, time, kv_heads, head_dim, itemsize: bytes_with()(
            windows, time, kv_heads, 1, itemsize
        )
    ),
    "your bytes match if min is taken of time and window - 1: yours takes 1 off a short text": (
        bytes_with(lambda window, time: time if window is None else min(time, window) - 1)
    ),
    "your bytes match if all layers are added up: yours is one": (
        bytes_with(total=lambda kept: kept[0])
    ),
    "your bytes match if a number takes itemsize bytes: yours counts numbers": (
        lambda windows, time, kv_heads, head_dim, itemsize: bytes_with()(
            windows, time, kv_heads, head_dim, 1
        )
    ),
    "your bytes match if all key/value heads are counted": (
        lambda windows, time, kv_heads, head_dim, itemsize: bytes_with()(
            windows, time, 1, head_dim, itemsize
        )
    ),
    "your bytes match if a cache keeps window - 1 tokens: yours keeps one too few": (
        bytes_with(
            lambda window, time: time if window is None else min(time, max(window - 2, 0))
        )
    ),
}


# ---- 12.4  healing(now, wanted)


def fitted(now, wanted):
    """The X for which now @ X is nearest to wanted, over all tokens: (features, width)."""
    return torch.linalg.lstsq(now.flatten(0, 1), wanted.flatten(0, 1)).solution


def healing(now, wanted):
    return fitted(now, wanted).mT.contiguous()


def healing_inputs():
    now = randn(4, 10, 6, seed=0) + torch.linspace(-1, 1, 6)  # with means, so a bias would help
    exact = now @ randn(6, 5, seed=1)
    noisy = exact + randn(4, 10, 5, seed=2) + torch.arange(4.0).view(4, 1, 1)
    return {
        "a fit without rest": (now, exact),
        "a fit with errors, and texts of different height": (now, noisy),
        "as many features as width": (randn(2, 12, 4, seed=3), randn(2, 12, 4, seed=4) + 1),
    }


def with_bias(now, wanted):
    ones = torch.ones_like(now[..., :1])
    return fitted(torch.cat([now, ones], dim=-1), wanted)[:-1].mT


def normal_equations(ridge):
    """Least squares by (AᵀA + ridge)⁻¹ Aᵀ B."""

    def solve(now, wanted):
        a, b = now.flatten(0, 1), wanted.flatten(0, 1)
        gram = a.T @ a + ridge * torch.eye(a.shape[1])
        return torch.linalg.solve(gram, a.T @ b).mT

    return solve


HEALING_MISTAKES = {
    "your result matches if it is transposed: now @ W.T has to come near wanted": fitted,
    "your result matches without a bias: add no column of ones, and subtract no means": with_bias,
    "your result matches if it is turned round: yours makes now from wanted": (
        lambda now, wanted: fitted(wanted, now).mT
    ),
    "your result matches if it is turned round and transposed: lstsq(A, B) brings A near B": (
        lambda now, wanted: fitted(wanted, now)
    ),
    "your result matches if all tokens count: yours takes the last of each text": (
        lambda now, wanted: fitted(now[:, -1:], wanted[:, -1:]).mT
    ),
    "your result matches if all texts count: yours takes the first": (
        lambda now, wanted: fitted(now[:1], wanted[:1]).mT
    ),
    "your result matches if one W serves all texts: yours is a mean of one for each text": (
        lambda now, wanted: torch.linalg.lstsq(now, wanted).solution.mean(0).mT
    ),
    "your result matches if one W serves all texts: yours has one for each": (
        lambda now, wanted: torch.linalg.lstsq(now, wanted).solution.mT
    ),
    "your result matches if nothing is added to the diagonal: yours is ridge regression": (
        normal_equations(1.0)
    ),
    "your result is Aᵀ B: the features overlap, divide by Aᵀ A": (
        lambda now, wanted: (now.flatten(0, 1).T @ wanted.flatten(0, 1)).mT
    ),
    "your result is now @ W.T: return W": lambda now, wanted: now @ fitted(now, wanted),
    "your result is all that lstsq returns: take its solution": (
        lambda now, wanted: torch.linalg.lstsq(now.flatten(0, 1), wanted.flatten(0, 1))
    ),
}


EXERCISES = {
    "12.1": Exercise(partners, partner_inputs, PARTNER_MISTAKES),
    "12.2": Exercise(chosen(), choice_inputs, CHOICE_MISTAKES),
    "12.3": Exercise(bytes_with(), bytes_inputs, BYTES_MISTAKES),
    "12.4": Exercise(healing, healing_inputs, HEALING_MISTAKES),
}
