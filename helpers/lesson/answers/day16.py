"""Day 16, optimizers: right answers, and the mistakes people really make."""

import math

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 16.1  means(values, beta)


def running(values, beta, share=None, start=0.0):
    """The uncorrected means: each moves towards its value by `share`, 1 - beta."""
    share = 1 - beta if share is None else share
    mean, means = start, []
    for value in values:
        mean = (1 - share) * mean + share * value
        means.append(mean)
    return means


def corrected(means, beta, shift=0):
    return [mean / (1 - beta ** (t + shift)) for t, mean in enumerate(means, start=1)]


def means(values, beta):
    return corrected(running(values, beta), beta)


def means_inputs():
    return {
        "equal values": ([1.0, 1.0, 1.0, 1.0], 0.9),
        "values that change": ([3.0, -1.0, 4.0, 1.0, -5.0], 0.8),
        "a slow mean": ([2.0, 0.0, 6.0], 0.999),
        "a single value": ([7.0], 0.95),
        "beta 0": ([1.0, 2.0, 3.0], 0.0),
        "no values": ([], 0.9),
    }


def corrected_and_carried_on(values, beta):
    mean, found = 0.0, []
    for t, value in enumerate(values, start=1):
        mean = (beta * mean + (1 - beta) * value) / (1 - beta**t)
        found.append(mean)
    return found


def corrected_as_the_last(values, beta):
    return [mean / (1 - beta ** len(values)) for mean in running(values, beta)]


def multiplied(values, beta):
    return [mean * (1 - beta**t) for t, mean in enumerate(running(values, beta), start=1)]


MEANS_MISTAKES = {
    "your result matches if the means are corrected: they begin at 0, and yours still show it": (
        running
    ),
    "your result matches if the first mean is divided by 1 - beta: you divide it by 1 - beta^0": (
        lambda values, beta: corrected(running(values, beta), beta, shift=-1)
    ),
    "your result matches if the first mean is divided by 1 - beta: yours by 1 - beta^2": (
        lambda values, beta: corrected(running(values, beta), beta, shift=1)
    ),
    "your result matches if beta and 1 - beta change places in the mean": (
        lambda values, beta: corrected(running(values, beta, share=beta), beta)
    ),
    "your result matches if the uncorrected mean is carried on: you carry on the corrected one": (
        corrected_and_carried_on
    ),
    "your result matches if each mean is corrected for its own count: you take the last for all": (
        corrected_as_the_last
    ),
    "your result matches if you divide by the correction: you multiply": multiplied,
    "your result matches if old values count less: yours is the plain mean": (
        lambda values, beta: [sum(values[: t + 1]) / (t + 1) for t in range(len(values))]
    ),
    "your result matches if the mean begins at 0 and is corrected: yours begins at the first": (
        lambda values, beta: running(values, beta, start=values[0] if values else 0.0)
    ),
    "your result matches if you return all means, not the last alone": (
        lambda values, beta: means(values, beta)[-1]
    ),
}


# ---- 16.2  rate(step, lr, warmup, steps, decay)


def share_done(step, steps, decay):
    return max(0, step + 1 - (steps - decay)) / decay


def rate(step, lr, warmup, steps, decay):
    return rate_with()(step, lr, warmup, steps, decay)


def rate_with(down=lambda done: 1 - done**0.5, rising=None, done_at=None):
    """The schedule with one part exchanged: the way down, the warm-up, or what is done."""

    def made(step, lr, warmup, steps, decay):
        if step < warmup:
            return lr * (rising(step, warmup) if rising else (step + 1) / warmup)
        done = (done_at or share_done)(step, steps, decay)
        return lr * down(min(max(done, 0), 1))

    return made


def rate_inputs():
    settings = (0.004, 10, 100, 40)  # lr, warmup, steps, decay
    return {
        "the first update": (0, *settings),
        "the last of the warm-up": (9, *settings),
        "the first after the warm-up": (10, *settings),
        "a stable one": (59, *settings),
        "the first of the way down": (60, *settings),
        "half of the way down": (79, *settings),
        "the last update": (99, *settings),
        "no warm-up": (0, 1.0, 0, 8, 4),
        "no stable phase": (4, 1.0, 4, 20, 16),
        "a short way down": (19, 0.5, 3, 20, 1),
    }


def one_step_late(step, lr, warmup, steps, decay):
    if step <= warmup:
        return lr * (step + 1) / max(1, warmup)
    return rate(step, lr, warmup, steps, decay)


def right_after_warmup(step, lr, warmup, steps, decay):
    if step < warmup:
        return rate(step, lr, warmup, steps, decay)
    return lr * (1 - ((step + 1 - warmup) / (steps - warmup)) ** 0.5)


def without_warmup(step, lr, warmup, steps, decay):
    return rate(step, lr, 0, steps, decay)


RATE_MISTAKES = {
    "your rate matches if it falls by a root: yours falls in a straight line": (
        rate_with(down=lambda done: 1 - done)
    ),
    "your rate matches if it is 1 - √done: yours is √(1 - done), slow first and fast at the end": (
        rate_with(down=lambda done: (1 - done) ** 0.5)
    ),
    "your rate matches if it falls by a root: yours is half a cosine": (
        rate_with(down=lambda done: (1 + math.cos(math.pi * done)) / 2)
    ),
    "your rate matches if it is 1 - √done: yours is 1 - done²": (
        rate_with(down=lambda done: 1 - done**2)
    ),
    "your rate matches if the first update has lr / warmup: yours has 0, and learns nothing": (
        rate_with(rising=lambda step, warmup: step / warmup)
    ),
    "your rate matches if the last update of the warm-up has lr: yours is not quite there": (
        rate_with(rising=lambda step, warmup: (step + 1) / (warmup + 1))
    ),
    "your rate matches if the warm-up ends one update sooner: yours rises above lr": one_step_late,
    "your rate matches if the last update has rate 0: your share counts from 0, not from 1": (
        rate_with(done_at=lambda step, steps, decay: (step - (steps - decay)) / decay)
    ),
    "your rate matches if it stays at lr until the last `decay` updates: yours falls at once": (
        right_after_warmup
    ),
    "your rate matches if it rises in the first `warmup` updates: yours begins at lr": (
        without_warmup
    ),
    "your rate matches if it comes down at the end: yours stays at lr": (
        rate_with(down=lambda done: 1.0)
    ),
}


# ---- 16.3  accumulation(gradients, labels)


def accumulation(gradients, labels):
    return weighted(lambda part: int((part != -100).sum()))(gradients, labels)


def weighted(count, skip_none=True):
    """The mean of gradients, each weighted by what `count` says of its labels."""

    def made(gradients, labels):
        counts = [count(part) for part in labels]
        pairs = zip(gradients, counts, strict=True)
        parts = [g * n for g, n in pairs if n or not skip_none]
        return sum(parts) / sum(counts)

    return made


def labels_of(*rows: list[int]) -> list[torch.Tensor]:
    """Micro-batches of one story each: (1, tokens) int64."""
    return [torch.tensor([row]) for row in rows]


def accumulation_inputs():
    one, two, three = (randn(2, 3, seed=seed) for seed in range(3))
    nan = torch.full((2, 3), math.nan)
    uneven = labels_of([5, 3, 8], [7, 1, 1, 2, 9, 4], [6])
    padded = labels_of([5, 3, -100, -100], [7, 1, 1, 2], [6, -100, -100, -100])
    of_two = [torch.tensor([[4, 2, -100], [1, -100, -100]]), torch.tensor([[3, 9, 2]])]
    return {
        "equal counts": ([one, two], labels_of([1, 2], [3, 4])),
        "unequal counts": ([one, two, three], uneven),
        "padding": ([one, two, three], padded),
        "token 0 among the labels": ([one, two], labels_of([0, 0, 5], [7])),
        "two stories and one": ([one, two], of_two),
        "one without tokens": ([one, nan, two], labels_of([4, 2, 7], [-100] * 3, [1, 2, -100])),
        "a single one": ([three], labels_of([3, -100])),
    }


def mean_of_means(gradients, labels):
    return sum(gradients) / len(gradients)


def mean_of_means_without_nan(gradients, labels):
    kept = [g for g in gradients if not g.isnan().any()]
    return sum(kept) / len(kept)


def undivided(gradients, labels):
    counts = [int((part != -100).sum()) for part in labels]
    return sum(g * n for g, n in zip(gradients, counts, strict=True) if n)


def by_size_of_the_whole(gradients, labels):
    return undivided(gradients, labels) / sum(part.numel() for part in labels)


def divided_by_parts(gradients, labels):
    return undivided(gradients, labels) / len(gradients)


ACCUMULATION_MISTAKES = {
    "your result matches if each mean counts by its tokens: yours is the mean of means": (
        mean_of_means
    ),
    "your result matches if each mean counts by its tokens: yours is the mean of the means "
    "that are no nan": mean_of_means_without_nan,
    "your result matches if places with -100 do not count: yours counts all labels": (
        weighted(torch.numel)
    ),
    "your result matches if tokens are counted: yours counts the stories, len(labels)": (
        weighted(len)
    ),
    "your result matches if token 0 counts too: only -100 does not": (
        weighted(lambda part: int((part > 0).sum()))
    ),
    "your result matches if the micro-batch without tokens is left out: nan times 0 is nan": (
        weighted(lambda part: int((part != -100).sum()), skip_none=False)
    ),
    "your result matches if the sum is divided by the tokens that count": undivided,
    "your result matches if the sum is divided by the tokens that count: yours divides by all": (
        by_size_of_the_whole
    ),
    "your result matches if the sum is divided by the tokens that count: yours divides by the "
    "number of micro-batches": divided_by_parts,
}


# ---- 16.4  search(rates, steps, loss_of)


def or_worst(loss):
    return math.inf if math.isnan(loss) else loss


def search(rates, steps, loss_of):
    return search_with()(rates, steps, loss_of)


def search_with(
    key=or_worst, half=lambda n: (n + 1) // 2, times=2, cost=lambda steps, n, first: steps * n
):
    """Successive halving with one part exchanged: the order, the half, the growth, the cost."""

    def made(rates, steps, loss_of):
        left, spent, first = list(rates), 0, True
        while len(left) > 1:
            losses = {rate: loss_of(rate, steps) for rate in left}
            spent += cost(steps, len(left), first)
            left = sorted(left, key=lambda rate: key(losses[rate]))[: half(len(left))]
            steps, first = times * steps, False
        return left[0], spent

    return made


def bowl(best):
    """A loss that falls with the steps, and is lowest at one rate."""
    return lambda rate, steps: 1 + abs(math.log(rate / best)) / steps**0.5


def turning(rate, steps):
    """0.1 leads after 10 steps, is behind after 20, and would lead again after 30 or 40."""
    late = {0.1: 0.9 if steps == 20 else 0.3, 0.03: 0.8}
    return ({0.1: 0.4, 0.03: 0.6} if steps <= 10 else late).get(rate, 3 + rate)


def dying(rate, steps):
    """Rates from 0.1 on die at once, 0.03 after 20 steps."""
    if rate >= 0.1 or (rate == 0.03 and steps > 20):
        return math.nan
    return bowl(0.02)(rate, steps)


def search_inputs():
    return {
        "four rates": ([0.001, 0.01, 0.1, 1.0], 10, bowl(0.02)),
        "seven rates": ([0.001, 0.004, 0.01, 0.04, 0.1, 0.4, 1.0], 5, bowl(0.3)),
        "an order that changes": ([0.01, 0.03, 0.1, 0.3], 10, turning),
        "rates that die": ([0.03, 0.3, 0.003, 0.1, 0.01], 20, dying),
        "one of four lives": ([0.3, 0.1, 0.5, 0.01], 20, dying),
        "one rate": ([0.01], 10, bowl(0.02)),
    }


def by_place(rates, steps, loss_of):
    """Keeps the first half, whatever the losses are."""
    return search(rates, steps, lambda rate, steps: list(rates).index(rate))


def without_the_dead(rates, steps, loss_of):
    """Drops dead rates first, and keeps half of the others."""
    left, spent = list(rates), 0
    while len(left) > 1:
        losses = {rate: loss_of(rate, steps) for rate in left}
        spent += steps * len(left)
        alive = sorted((r for r in left if not math.isnan(losses[r])), key=losses.get)
        left, steps = alive[: (len(alive) + 1) // 2], 2 * steps
    return left[0], spent


def share_of_the_living(rates, steps, loss_of):
    """Drops dead rates, and then keeps as many as half of all were."""
    left, spent = list(rates), 0
    while len(left) > 1:
        losses = {rate: loss_of(rate, steps) for rate in left}
        spent += steps * len(left)
        alive = sorted((r for r in left if not math.isnan(losses[r])), key=losses.get)
        left, steps = alive[: (len(left) + 1) // 2], 2 * steps
    return (left or list(rates))[0], spent


def by_the_first_round(rates, steps, loss_of):
    """Sorts once. On these inputs the same as by sums, by the lowest ever, or without doubling."""
    return search(rates, steps, lambda rate, _: loss_of(rate, steps))


def plain_sweep(rates, steps, loss_of):
    losses = {rate: or_worst(loss_of(rate, steps)) for rate in rates}
    return min(losses, key=losses.get), steps * len(rates)


def last_one_again(rates, steps, loss_of):
    rate, spent = search(rates, steps, loss_of)
    rounds, n = 0, len(rates)
    while n > 1:
        rounds, n = rounds + 1, (n + 1) // 2
    return rate, spent + steps * 2**rounds


SEARCH_MISTAKES = {
    "your result matches if the better half stays: you keep the rates with the highest losses": (
        search_with(key=lambda loss: -or_worst(loss))
    ),
    "your result matches if a dead rate is the worst: in your sorting nan stands anywhere": (
        search_with(key=lambda loss: loss)
    ),
    "your result matches if a dead rate is the worst: for you nan is the best": (
        search_with(key=lambda loss: -math.inf if math.isnan(loss) else loss)
    ),
    "your result matches if dead rates count when you halve: you drop them before": (
        without_the_dead
    ),
    "your result matches if a dead rate may be kept: after a round half of all rates stay": (
        share_of_the_living
    ),
    "your result matches if a round sorts by its own losses at its own steps, and by no others": (
        by_the_first_round
    ),
    "your result matches if of an odd number the larger half stays: you keep the smaller": (
        search_with(half=lambda n: n // 2)
    ),
    "your result matches if each round has twice the steps: yours has always the same": (
        search_with(times=1)
    ),
    "your result matches if one rate leaves more than one behind: you drop one in each round": (
        search_with(half=lambda n: n - 1)
    ),
    "your result matches if each round starts anew: you count only the steps that are added": (
        search_with(cost=lambda steps, n, first: steps * n if first else steps // 2 * n)
    ),
    "your result matches if steps are counted: you count trainings": (
        search_with(cost=lambda steps, n, first: n)
    ),
    "your result matches if every rate of a round costs its steps: you count a round once": (
        search_with(cost=lambda steps, n, first: steps)
    ),
    "your result matches if the last rate is not trained again": last_one_again,
    "your result matches if rates are compared by their losses: you keep the first half": by_place,
    "your result matches if you halve more than once: this is a plain sweep": plain_sweep,
    "your result matches if you return the steps too, beside the rate": (
        lambda rates, steps, loss_of: search(rates, steps, loss_of)[0]
    ),
}


EXERCISES = {
    "16.1": Exercise(means, means_inputs, MEANS_MISTAKES),
    "16.2": Exercise(rate, rate_inputs, RATE_MISTAKES),
    "16.3": Exercise(accumulation, accumulation_inputs, ACCUMULATION_MISTAKES),
    "16.4": Exercise(search, search_inputs, SEARCH_MISTAKES),
}
