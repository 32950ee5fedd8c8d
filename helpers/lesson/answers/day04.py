"""Day 4, GPUs: right answers, and the mistakes people really make."""

from statistics import mean, median

from helpers.lesson.check import Exercise

# ---- 4.1  intensity(m, k, n, number_bytes) of a product (m, k) x (k, n)


def intensity(m, k, n, number_bytes):
    return 2 * m * k * n / (number_bytes * (m * k + k * n + m * n))


def intensity_inputs():
    return {
        "a square product in float32": (8, 8, 8, 4),
        "one token in bfloat16": (1, 1024, 512, 2),
        "a long sum": (3, 500, 7, 4),
        "a large batch in float8": (256, 1024, 2048, 1),
    }


INTENSITY_MISTAKES = {
    "your result counts multiplications alone: each comes with an addition": (
        lambda m, k, n, b: m * k * n / (b * (m * k + k * n + m * n))
    ),
    "your result matches if the written matrix is counted too": (
        lambda m, k, n, b: 2 * m * k * n / (b * (m * k + k * n))
    ),
    "your result matches if both factors are counted: yours reads one": (
        lambda m, k, n, b: 2 * m * k * n / (b * (k * n + m * n))
    ),
    "your result reads the second factor alone: the first and the result are moved too": (
        lambda m, k, n, b: 2 * m * k * n / (b * k * n)
    ),
    "your result counts numbers that are moved: count bytes": (
        lambda m, k, n, b: 2 * m * k * n / (m * k + k * n + m * n)
    ),
    "your result has 4 bytes for every number: use number_bytes": (
        lambda m, k, n, b: 2 * m * k * n / (4 * (m * k + k * n + m * n))
    ),
    "your result is bytes per FLOP: turn it over": (
        lambda m, k, n, b: 1 / intensity(m, k, n, b)
    ),
    "your result has m · k · m numbers' worth of FLOPs: the result is m x n": (
        lambda m, k, n, b: 2 * m * k * m / (b * (m * k + k * n + m * n))
    ),
    "your result moves the second factor again for each row: count it once": (
        lambda m, k, n, b: 2 * m * k * n / (b * (m * k + m * k * n + m * n))
    ),
    "your result is that of a sum of matrices: a product has k multiplications a number": (
        lambda m, k, n, b: m * n / (b * (m * k + k * n + m * n))
    ),
}


# ---- 4.2  seconds(operations, peak, bandwidth): (seconds, share that waits for memory)


def seconds(operations, peak, bandwidth):
    return summed(operations, peak, bandwidth, max)


def summed(operations, peak, bandwidth, longer, weight=None):
    """Total and share, where `longer(computing, moving)` is the time of one operation."""
    times = [(flops / peak, moved / bandwidth) for flops, moved in operations]
    total = sum(longer(*pair) for pair in times)
    return total, sum(longer(*pair) for pair in times if pair[1] > pair[0]) / total


def seconds_inputs():
    return {
        "one product": ([(1000, 50)], 10, 5),
        "one addition": ([(64, 768)], 8, 4),
        "both kinds": ([(1000, 50), (64, 768), (8, 400), (5000, 900), (600, 400)], 8, 4),
        "a lookup": ([(0, 300), (700, 300)], 7, 5),
    }


def of_sums(operations):
    """All FLOPs and all bytes, as if it were one operation."""
    return [tuple(map(sum, zip(*operations, strict=True)))]


def counted_share(operations, peak, bandwidth):
    waits = [moved / bandwidth > flops / peak for flops, moved in operations]
    return sum(waits) / len(waits)


SECONDS_MISTAKES = {
    "your result overlaps different operations: take the longer time of each, then the sum": (
        lambda works, p, b: (
            seconds(of_sums(works), p, b)[0],
            seconds(works, p, b)[1],
        )
    ),
    "your result treats all operations as one: each has its own longer time": (
        lambda works, p, b: seconds(of_sums(works), p, b)
    ),
    "your result adds moving and computing: within an operation they overlap": (
        lambda works, p, b: summed(works, p, b, lambda computing, moving: computing + moving)
    ),
    "your result takes the shorter of the two times: the longer one counts": (
        lambda works, p, b: summed(works, p, b, min)
    ),
    "your result is the time of the longest operation: they come one after the other": (
        lambda works, p, b: (
            max(seconds([work], p, b)[0] for work in works),
            seconds(works, p, b)[1],
        )
    ),
    "your share counts operations: it is asked for their time": (
        lambda works, p, b: (seconds(works, p, b)[0], counted_share(works, p, b))
    ),
    "your share is of the operations that wait for arithmetic: the others are asked for": (
        lambda works, p, b: (seconds(works, p, b)[0], 1 - seconds(works, p, b)[1])
    ),
    "your second number is in seconds: divide it by the total": (
        lambda works, p, b: (
            seconds(works, p, b)[0],
            seconds(works, p, b)[0] * seconds(works, p, b)[1],
        )
    ),
    "your share counts all moving, also where it is hidden behind arithmetic": (
        lambda works, p, b: (
            seconds(works, p, b)[0],
            sum(moved / b for _, moved in works) / seconds(works, p, b)[0],
        )
    ),
    "your result has peak and bandwidth exchanged: FLOPs are divided by peak": (
        lambda works, p, b: seconds(works, b, p)
    ),
    "your share compares FLOPs with bytes: compare their times": (
        lambda works, p, b: (
            seconds(works, p, b)[0],
            sum(m / b for f, m in works if m > f) / seconds(works, p, b)[0],
        )
    ),
    "your two numbers are exchanged: seconds first, then the share": (
        lambda works, p, b: seconds(works, p, b)[::-1]
    ),
    "your result is the time alone: return the share as well": (
        lambda works, p, b: seconds(works, p, b)[0]
    ),
}


# ---- 4.3  largest_batch(bytes_for, card_bytes, free)


def largest_batch(bytes_for, card_bytes, free):
    return searched(bytes_for, lambda needed: needed <= card_bytes * (1 - free))


def searched(bytes_for, fits):
    """The largest batch whose bytes fit, by doubling and halving; 0 if none does."""
    low, high = 0, 1
    while fits(bytes_for(high)):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(bytes_for(middle)) else (low, middle)
    return low


def batch_inputs():
    return {
        "7 GB and 0.9 GB a text, on 16 GB": (lambda batch: 7e9 + 0.9e9 * batch, 16e9, 0.1),
        "an exact fit": (lambda batch: 75 * batch, 1000, 0.25),
        "memory that grows from a large batch on": (
            lambda batch: max(7e9, 1e9 + 5e6 * batch),
            16e9,
            0.1,
        ),
        "nothing fits": (lambda batch: 20e9 + batch, 16e9, 0.1),
        "not even one text fits": (lambda batch: 9e9 + 6e9 * batch, 16e9, 0.1),
        "memory that does not grow at first": (
            lambda batch: max(600, 100 * batch + 300),
            1000,
            0.05,
        ),
        "small texts on a large card": (lambda batch: 1e9 + 1e6 * batch, 80e9, 0.1),
    }


def first_that_fails(bytes_for, card_bytes, free):
    return largest_batch(bytes_for, card_bytes, free) + 1


def power_of_two(bytes_for, card_bytes, free):
    batch = largest_batch(bytes_for, card_bytes, free)
    return 2 ** (batch.bit_length() - 1) if batch else 0


def by_proportion(bytes_for, card_bytes, free):
    return int(card_bytes * (1 - free) // bytes_for(1))


def by_slope(bytes_for, card_bytes, free):
    slope = bytes_for(2) - bytes_for(1)
    fixed = bytes_for(1) - slope
    return max(0, int((card_bytes * (1 - free) - fixed) // slope))


BATCH_MISTAKES = {
    "your result does not fit any more: return the batch before it": first_that_fails,
    "your result is a power of two: search between it and the next one": power_of_two,
    "your result fills the whole card: a share `free` of it has to stay free": (
        lambda f, card, free: largest_batch(f, card, 0)
    ),
    "your result matches if an exact fit counts as a fit: compare with <=": (
        lambda f, card, free: searched(f, lambda needed: needed < card * (1 - free))
    ),
    "your result is 1 where nothing fits: it should be 0": (
        lambda f, card, free: max(1, largest_batch(f, card, free))
    ),
    "your result uses only the share `free`: that share is to stay free": (
        lambda f, card, free: largest_batch(f, card, 1 - free)
    ),
    "your result divides the card by the bytes of one text: weights do not grow with the batch": (
        by_proportion
    ),
    "your result divides by the growth from batch 1 to 2: the growth may begin later": by_slope,
    "your result takes a GB as 2³⁰ bytes: card_bytes is in bytes already": (
        lambda f, card, free: largest_batch(f, card * 2**30 / 1e9, free)
    ),
}


# ---- 4.4  timer(work, synchronize, now, repeats)


class Pretend:
    """A device with a clock of its own: launching takes 1 second, works lie in a queue.

    units: seconds of the works, one after the other; the last one again and again.
    pending: what somebody else has put into the queue.
    """

    def __init__(self, *units: float, pending: float = 0.0) -> None:
        self.units, self.calls = units, 0
        self.time, self.done = 0.0, pending  # now, and when the queue will be empty

    def work(self) -> None:
        seconds = self.units[min(self.calls, len(self.units) - 1)]
        self.calls += 1
        self.done = max(self.done, self.time) + seconds
        self.time += 1

    def synchronize(self) -> None:
        self.time = max(self.time, self.done)

    def now(self) -> float:
        return self.time


def timer(work, synchronize, now, repeats):
    return measured(work, synchronize, now, repeats)


def measured(work, synchronize, now, repeats, warm=1, before=True, after=True, of=median):
    """Times of `repeats` calls, with each of the promises kept or broken."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(repeats):
        if before:
            synchronize()
        begin = now()
        work()
        if after:
            synchronize()
        times.append(now() - begin)
    return of(times)


def timer_inputs():
    def device(*units, pending=0.0, repeats=5):
        pretend = Pretend(*units, pending=pending)
        return pretend.work, pretend.synchronize, pretend.now, repeats

    return {
        "a work of 5 seconds": device(5.0),
        "a slow first call": device(40.0, 5.0),
        "others in the queue": device(5.0, pending=60.0),
        "others in the queue, one repeat": device(7.0, pending=60.0, repeats=1),
        "an outlier": device(5.0, 5.0, 50.0, 5.0),
        "works that differ": device(30.0, 9.0, 6.0, 7.0, 8.0, 30.0, 8.0),
        "three repeats": device(30.0, 9.0, 6.0, 7.0, 20.0, 30.0, repeats=3),
        "one repeat": device(40.0, 7.0, repeats=1),
    }


def one_call(work, synchronize, now, repeats):
    return measured(work, synchronize, now, 1)


def the_only_call(work, synchronize, now, repeats):
    return measured(work, synchronize, now, 1, warm=0)


def all_at_once(work, synchronize, now, repeats):
    """One wait at the end of all calls, and what the first one has left in the queue counts."""
    work()
    begin = now()
    for _ in range(repeats):
        work()
    synchronize()
    return (now() - begin) / repeats


TIMER_MISTAKES = {
    "your timer clocks the launch: wait before you stop the clock": (
        lambda w, s, n, r: measured(w, s, n, r, after=False)
    ),
    "your timer counts what was in the queue: wait before you start the clock": (
        lambda w, s, n, r: measured(w, s, n, r, before=False)
    ),
    "your timer counts the first call, and what was in the queue": (
        lambda w, s, n, r: measured(w, s, n, r, warm=0, before=False)
    ),
    "your timer counts the first call: call work once before": (
        lambda w, s, n, r: measured(w, s, n, r, warm=0)
    ),
    "your timer returns the mean: one slow call moves it, so take the median": (
        lambda w, s, n, r: measured(w, s, n, r, of=mean)
    ),
    "your timer returns the mean, and counts the first call": (
        lambda w, s, n, r: measured(w, s, n, r, warm=0, of=mean)
    ),
    "your timer returns the fastest call: take the median": (
        lambda w, s, n, r: measured(w, s, n, r, of=min)
    ),
    "your timer returns the slowest call: take the median": (
        lambda w, s, n, r: measured(w, s, n, r, of=max)
    ),
    "your timer returns the sum of all calls: take the median": (
        lambda w, s, n, r: measured(w, s, n, r, of=sum)
    ),
    "your timer returns the whole list: take its median": (
        lambda w, s, n, r: measured(w, s, n, r, of=list)
    ),
    "your timer takes the middle call: sort the times first": (
        lambda w, s, n, r: measured(w, s, n, r, of=lambda times: times[len(times) // 2])
    ),
    "your timer always repeats five times: use `repeats`": (
        lambda w, s, n, r: measured(w, s, n, 5)
    ),
    "your timer measures once: repeat it `repeats` times": one_call,
    "your timer measures the first call, and no other": the_only_call,
    "your timer stops the clock once for all calls: clock each, and take the median": all_at_once,
}


EXERCISES = {
    "4.1": Exercise(intensity, intensity_inputs, INTENSITY_MISTAKES),
    "4.2": Exercise(seconds, seconds_inputs, SECONDS_MISTAKES),
    "4.3": Exercise(largest_batch, batch_inputs, BATCH_MISTAKES),
    "4.4": Exercise(timer, timer_inputs, TIMER_MISTAKES),
}
