"""Day 5, data: right answers, and the mistakes people really make."""

import numpy as np

from helpers.lesson.check import Exercise

# ---- 5.1  repeated_lines(text)


def lines_of(text):
    return [line.strip() for line in text.split("\n") if line.strip()]


def repeated_lines(text):
    lines = lines_of(text)
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


def share_of(repeated):
    """The share by a rule `repeated(line, lines, place)` over the stripped lines."""

    def measure(text):
        lines = lines_of(text)
        if not lines:
            return 0.0
        return sum(repeated(line, lines, i) for i, line in enumerate(lines)) / len(lines)

    return measure


def unstripped(text):
    lines = [line for line in text.split("\n") if line.strip()]
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


def with_empty_lines(text):
    lines = [line.strip() for line in text.split("\n")]
    return 1 - len(set(lines)) / len(lines) if text.strip() else 0.0


def without_guard(text):
    lines = lines_of(text)
    return 1 - len(set(lines)) / len(lines)


def one_without_lines(text):
    return repeated_lines(text) if text.strip() else 1.0


def repeated_words(text):
    words = text.split()
    return 1 - len(set(words)) / len(words) if words else 0.0


def repeated_lines_inputs():
    return {
        "a menu": ("Home\nShop\nHome\nOne day, Mia found a kite.\nShop\nHome",),
        "four times the same": ("again\nagain\nagain\nagain",),
        "no repetition": ("One day\nthe day was one\nand one day more",),
        "spaces and empty lines": ("\n  Home\nShop \n\nHome  \n\n\n Shop\nLog in\nHome ",),
        "spaces inside a line": ("a  b\na b\na b",),
        "a tab": ("\tHome\nShop\nHome\n\t\nLog in",),
        "capitals": ("Home\nhome\nHome\nHOME\nhome",),
        "no lines": (" \n\n  ",),
    }


REPEATED_LINES_MISTAKES = {
    "your result matches if the first time is not counted: a line comes before only later": (
        share_of(lambda line, lines, i: lines.count(line) > 1)
    ),
    "your result matches if a line may have come anywhere before, not only right before": (
        share_of(lambda line, lines, i: i > 0 and lines[i - 1] == line)
    ),
    "your result matches if all lines are counted: yours counts each repeated line once": (
        lambda text: (
            len({x for x in lines_of(text) if lines_of(text).count(x) > 1})
            / max(1, len(lines_of(text)))
        )
    ),
    "your result matches if spaces around a line do not count: strip the lines": unstripped,
    "your result matches if empty lines are left out": with_empty_lines,
    "your result matches if a text without lines has the share 0": without_guard,
    "your result matches if a text without lines has the share 0, not 1": one_without_lines,
    "your result is the share of distinct lines: take it from 1": (
        lambda text: 1 - repeated_lines(text)
    ),
    "your result is a count: divide by the number of lines": (
        lambda text: len(lines_of(text)) - len(set(lines_of(text)))
    ),
    "your result matches if you divide by all lines: yours divides by the distinct ones": (
        lambda text: len(lines_of(text)) / max(1, len(set(lines_of(text)))) - 1
    ),
    "your result matches if capitals count: Home and home are two lines": (
        lambda text: repeated_lines(text.lower())
    ),
    "your result matches if whole lines are compared, not words": repeated_words,
}


# ---- 5.2  bands(hashes, similarity, found)


def chance(similarity, bands, rows):
    return 1 - (1 - similarity**rows) ** bands


def bands_by(rule, order=None):
    """The first (bands, rows) that `rule(bands, rows, similarity, found)` accepts."""

    def choose(hashes, similarity, found):
        for rows in order(hashes) if order else range(hashes, 0, -1):
            if rule(hashes // rows, rows, similarity, found):
                return hashes // rows, rows
        return hashes, 1

    return choose


choose_bands = bands_by(lambda b, r, s, found: chance(s, b, r) >= found)


def only_divisors(hashes, similarity, found):
    fits = [r for r in range(hashes, 0, -1) if hashes % r == 0]
    return next(
        ((hashes // r, r) for r in fits if chance(similarity, hashes // r, r) >= found),
        (hashes, 1),
    )


def nearest_border(hashes, similarity, found):
    """Where the border (1 / bands)^(1 / rows) is nearest to the similarity."""
    gaps = {r: abs((r / hashes) ** (1 / r) - similarity) for r in range(1, hashes + 1)}
    rows = min(gaps, key=gaps.get)
    return hashes // rows, rows


def one_row_less(hashes, similarity, found):
    rows = max(1, choose_bands(hashes, similarity, found)[1] - 1)
    return hashes // rows, rows


def no_answer(hashes, similarity, found):
    bands, rows = choose_bands(hashes, similarity, found)
    return (bands, rows) if chance(similarity, bands, rows) >= found else None


def bands_inputs():
    return {
        "128 numbers, border 0.6": (128, 0.6, 0.95),
        "128 numbers, border 0.8": (128, 0.8, 0.99),
        "100 numbers, which 6 does not divide": (100, 0.7, 0.9),
        "64 numbers, half is enough": (64, 0.5, 0.5),
        "equal texts": (12, 1.0, 1.0),
        "many rows": (400, 0.95, 0.5),
        "50 numbers, 7 rows leave one over": (50, 0.9, 0.99),
        "too few numbers": (4, 0.1, 0.99),
    }


def fractional_bands(hashes, similarity, found):
    good = (r for r in range(2, hashes + 1) if chance(similarity, hashes / r, r) >= found)
    rows = max(good, default=1)
    return hashes // rows, rows


BANDS_MISTAKES = {
    "your result matches if only whole bands meet: yours counts a fraction of one": (
        fractional_bands
    ),
    "your result takes (1 - s^r)^b: that is the chance to miss": (
        bands_by(lambda b, r, s, found: (1 - s**r) ** b >= found)
    ),
    "your result matches if bands come first: return (bands, rows)": (
        lambda h, s, found: choose_bands(h, s, found)[::-1]
    ),
    "your result matches if rows are as many as possible: yours are as few as possible": (
        bands_by(lambda b, r, s, found: chance(s, b, r) >= found, lambda h: range(1, h + 1))
    ),
    "your result matches if rows is the exponent inside: yours is 1 - (1 - s^bands)^rows": (
        bands_by(lambda b, r, s, found: chance(s, r, b) >= found)
    ),
    "your result is for one band: with b bands it is 1 - (1 - s^r)^b": (
        bands_by(lambda b, r, s, found: s**r >= found)
    ),
    "your result matches if rows need not divide hashes: leave the rest unused": only_divisors,
    "your result takes the rule of thumb (1/b)^(1/r): use the probability": nearest_border,
    "your result has one row too few: the last one that is good enough counts": one_row_less,
    "your result matches if it is (hashes, 1) where nothing will do": no_answer,
    "your result matches if hashes // rows bands are counted: yours is a fraction": (
        lambda h, s, found: (h / choose_bands(h, s, found)[1], choose_bands(h, s, found)[1])
    ),
}


# ---- 5.3  text_bytes(ids, sizes, end)


def text_bytes(ids, sizes, end):
    ids, sizes = np.asarray(ids), np.asarray(sizes)
    ends = np.flatnonzero(ids == end)
    before = np.cumsum(np.where(ids == end, 0, sizes[ids]))
    return np.diff(before[ends]).tolist()


def by_text(measure):
    """`measure(ids of a text, sizes)` for each text between two ends."""

    def result(ids, sizes, end):
        ends = np.flatnonzero(ids == end)
        pairs = zip(ends, ends[1:], strict=False)
        return [int(measure(ids[a + 1 : b], sizes)) for a, b in pairs]

    return result


def text_bytes_inputs():
    sizes = np.array([13, 1, 2, 3, 4, 1, 7])  # end-of-text has letters of its own
    other = np.array([2, 1, 5, 0, 4])
    return {
        "three texts": (np.array([0, 1, 2, 0, 3, 0, 6, 5, 4, 4, 0]), sizes, 0),
        "an empty text": (np.array([0, 5, 6, 0, 0, 2, 2, 0]), sizes, 0),
        "end-of-text has another id": (np.array([3, 1, 0, 3, 2, 4, 0, 3]), other, 3),
        "one text": (np.array([0, 4, 4, 1, 0]), sizes, 0),
        "a long text": (np.array([0, *[6] * 60, 0, 1, 0]), sizes, 0),
        "two bytes a token": (np.array([0, 6, 1, 0, 3, 0], dtype=np.uint16), sizes, 0),
    }


def with_the_end(ids, sizes, end):
    return [n + int(sizes[end]) for n in text_bytes(ids, sizes, end)]


def without_the_last(ids, sizes, end):
    return text_bytes(ids, sizes, end)[:-1]


def with_one_behind(ids, sizes, end):
    return [*text_bytes(ids, sizes, end), 0]


def without_empty(ids, sizes, end):
    return [n for n in text_bytes(ids, sizes, end) if n]


def end_is_zero(ids, sizes, end):
    return text_bytes(ids, sizes, 0)


TEXT_BYTES_MISTAKES = {
    "your result counts tokens: add up their sizes": by_text(lambda ids, sizes: len(ids)),
    "your result matches if end-of-text counts nothing": with_the_end,
    "your result matches if the last text is counted too": without_the_last,
    "your result has one text too many: nothing comes after the last end": with_one_behind,
    "your result has one text too many: nothing comes before the first end": (
        lambda ids, sizes, end: [0, *text_bytes(ids, sizes, end)]
    ),
    "your result matches if an empty text counts, with 0 bytes": without_empty,
    "your result matches if the argument end is used: yours is always 0": end_is_zero,
    "your result is one sum over all texts: give one number for each": (
        lambda ids, sizes, end: sum(text_bytes(ids, sizes, end))
    ),
    "your result adds up from text to text: take differences": (
        lambda ids, sizes, end: np.cumsum(text_bytes(ids, sizes, end)).tolist()
    ),
    "your result adds up the ids: look up their sizes": by_text(lambda ids, sizes: ids.sum()),
    "your result matches if the first token of a text is counted too": (
        by_text(lambda ids, sizes: sizes[ids[1:]].sum())
    ),
    "your result matches if the last token of a text is counted too": (
        by_text(lambda ids, sizes: sizes[ids[:-1]].sum())
    ),
}


# ---- 5.4  mix(first, second, share)


def mix(first, second, share):
    return mix_by(lambda taken, counts: taken[0] <= share * sum(taken))(first, second)


def mix_by(is_first, go_on=False):
    """The order of sources; `is_first(tokens taken, texts taken)` says whose turn it is."""

    def order_of(first, second):
        sources, taken, order = (first, second), [0, 0], []
        while len(order) < len(first) + len(second):
            counts = [order.count(0), order.count(1)]
            source = 0 if is_first(taken, counts) else 1
            if counts[source] == len(sources[source]):
                if not go_on:
                    return order
                source = 1 - source
            taken[source] += sources[source][counts[source]]
            order.append(source)
        return order

    return order_of


def mix_inputs():
    return {
        "a third of unequal texts": ([10, 40, 5, 30], [20, 3, 50, 8, 60, 9], 0.3),
        "half and half": ([4, 4, 4], [1, 2, 3, 4, 5, 6, 7], 0.5),
        "a tie": ([5, 5, 5], [5, 5, 5, 5], 0.5),
        "the first is used up": ([2], [3, 3, 3, 3, 3, 3], 0.4),
        "nothing from the first but one": ([6, 6], [1, 1, 1], 0.0),
        "all from the first": ([1, 2, 3], [9, 9], 1.0),
    }


def look_ahead(first, second, share):
    """Take the next of the first source if the share stays within it afterwards."""
    taken, order = [0, 0], []
    while True:
        i, j = order.count(0), order.count(1)
        more = first[i] if i < len(first) else None
        if more is None:
            return order
        if taken[0] + more <= share * (sum(taken) + more):
            taken[0] += more
            order.append(0)
        elif j < len(second):
            taken[1] += second[j]
            order.append(1)
        else:
            return order


def rotating(first, second, share):
    """Texts that are used up come again."""
    length = len(first) + len(second)
    return mix_by(lambda taken, counts: taken[0] <= share * sum(taken))(
        list(first) * 9, list(second) * 9
    )[:length]


def either_is_used_up(first, second, share):
    order = []
    for source in mix(first, second, share):
        if order.count(0) == len(first) or order.count(1) == len(second):
            break
        order.append(source)
    return order


MIX_MISTAKES = {
    "your result matches if only the source whose turn it is stops: yours stops when either ends": (
        either_is_used_up
    ),
    "your result is the share of texts: the share of tokens is asked for": (
        lambda a, b, share: mix_by(lambda t, n: n[0] <= share * sum(n))(a, b)
    ),
    "your result matches if share belongs to the first source, not to the second": (
        lambda a, b, share: mix_by(lambda t, n: t[0] <= (1 - share) * sum(t))(a, b)
    ),
    "your result matches if a share that is not above still takes the first: <=, not <": (
        lambda a, b, share: mix_by(lambda t, n: t[0] < share * sum(t))(a, b)
    ),
    "your result compares the two sources: the share is one of their sum": (
        lambda a, b, share: mix_by(lambda t, n: t[0] <= share * t[1])(a, b)
    ),
    "your result matches if it stops when the source whose turn it is has no text left": (
        lambda a, b, share: mix_by(lambda t, n: t[0] <= share * sum(t), go_on=True)(a, b)
    ),
    "your result matches if it looks at what was taken, not at what would be": look_ahead,
    "your result matches if a text is taken once: yours begins a source again": rotating,
    "your result matches if 0 stands for the first and 1 for the second": (
        lambda a, b, share: [1 - source for source in mix(a, b, share)]
    ),
    "your result is the tokens taken from each: return the order": (
        lambda a, b, share: [
            sum(a[: mix(a, b, share).count(0)]),
            sum(b[: mix(a, b, share).count(1)]),
        ]
    ),
    "your result takes all of the first source, then the second: decide text by text": (
        lambda a, b, share: sorted(mix(a, b, share))
    ),
}


EXERCISES = {
    "5.1": Exercise(repeated_lines, repeated_lines_inputs, REPEATED_LINES_MISTAKES),
    "5.2": Exercise(choose_bands, bands_inputs, BANDS_MISTAKES),
    "5.3": Exercise(text_bytes, text_bytes_inputs, TEXT_BYTES_MISTAKES),
    "5.4": Exercise(mix, mix_inputs, MIX_MISTAKES),
}
