"""Day 8, causal attention: right answers, and the mistakes people really make.

Masks are given as nested lists, so that a learner's tensor, array or list will do.
"""

import torch

from helpers.lesson.check import Exercise


def places(time: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Who looks, as a column, and who is looked at, as a row: (time, 1) and (1, time)."""
    place = torch.arange(time)
    return place[:, None], place[None, :]


def causal(time: int) -> torch.Tensor:
    t, s = places(time)
    return s <= t


def listed(mask_of):
    """The same function, with its mask as nested lists."""

    def answer(*args):
        return mask_of(*args).tolist()

    return answer


# ---- 8.1  window_mask(time, window)


def window(time, window):
    t, s = places(time)
    return (s <= t) & (s > t - window)


def window_inputs():
    return {
        "five places, a window of two": (5, 2),
        "a window of one": (4, 1),
        "a window longer than the text": (3, 9),
        "a long text": (12, 5),
    }


def around(time, size):
    t, s = places(time)
    return (s - t).abs() < size


WINDOW_MISTAKES = {
    "your window is one too long: it holds the place itself and window - 1 before it": (
        lambda time, size: window(time, size + 1)
    ),
    "your window is one too short: the place itself is one of the window": (
        lambda time, size: window(time, size - 1)
    ),
    "your mask lets a place look as far ahead as back: the window is causal, too": around,
    "your mask is causal and has no window": lambda time, size: causal(time),
    "your mask has a window and is not causal: hide what comes later, too": (
        lambda time, size: torch.ones(time, time, dtype=torch.bool).triu(1 - size)
    ),
    "your mask is upside down: rows look, columns are looked at": (
        lambda time, size: window(time, size).T
    ),
    "your mask is true where a place may not look: turn it around": (
        lambda time, size: ~window(time, size)
    ),
    "your mask is right as numbers: make it booleans, with a comparison or .bool()": (
        lambda time, size: window(time, size).float()
    ),
    "your mask is of 0 and -inf, to be added to the scores: return booleans": (
        lambda time, size: torch.zeros(time, time).masked_fill(~window(time, size), -torch.inf)
    ),
    "your window leaves out the place itself: it counts as one of the window": (
        lambda time, size: window(time, size + 1) & ~torch.eye(time, dtype=torch.bool)
    ),
    "your window hides what is near and shows what is far": (
        lambda time, size: causal(time) & ~window(time, size)
    ),
}


# ---- 8.2  prefix_mask(time, prefixes)


def prefix(time, prefixes):
    _, s = places(time)
    return causal(time) | (s < torch.as_tensor(prefixes)[:, None, None])


def prefix_inputs():
    return {
        "one text": (4, torch.tensor([2])),
        "three texts": (5, torch.tensor([1, 3, 5])),
        "no prefix": (3, torch.tensor([0, 2])),
        "as many texts as places": (4, torch.tensor([3, 0, 2, 1])),
    }


def rows_see_all(time, prefixes):
    t, _ = places(time)
    return causal(time) | (t < prefixes[:, None, None])


def inside_only(time, prefixes):
    """Places of the prefix see the prefix, and nobody else sees it."""
    t, s = places(time)
    inside = t < prefixes[:, None, None]
    return torch.where(
        inside, s < prefixes[:, None, None], causal(time) & (s >= prefixes[:, None, None])
    )


def both(time, prefixes):
    _, s = places(time)
    return causal(time) & (s < prefixes[:, None, None])


def no_causal(time, prefixes):
    _, s = places(time)
    return (s < prefixes[:, None, None]).expand(-1, time, -1)


PREFIX_MISTAKES = {
    "your prefix is one too long: its places are 0 to prefix - 1": (
        lambda time, p: prefix(time, p + 1)
    ),
    "your prefix is one too short: its places are 0 to prefix - 1": (
        lambda time, p: prefix(time, p - 1)
    ),
    "your prefix sees all that comes after it: it may see itself, and no more": rows_see_all,
    "the rest does not see the prefix: what comes later may look at everything before it": (
        inside_only
    ),
    "your mask wants both: the prefix and the past. One of the two is enough: use |": both,
    "your mask shows the prefix alone: after it the mask is causal": no_causal,
    "your mask is causal everywhere: the places of the prefix may look ahead, inside of it": (
        lambda time, p: causal(time).expand(len(p), -1, -1)
    ),
    "every text has a prefix of its own: yours takes the first one for all": (
        lambda time, p: prefix(time, p[:1].expand(len(p)))
    ),
    "every text has a prefix of its own: yours takes the longest for all": (
        lambda time, p: prefix(time, p.max().expand(len(p)))
    ),
    "your prefixes lie along the places: give them axes, prefixes[:, None, None]": (
        lambda time, p: causal(time) | (torch.arange(time) < p)  # raises for most batches
    ),
    "your mask is upside down: rows look, columns are looked at": (
        lambda time, p: prefix(time, p).mT
    ),
    "your mask is true where a place may not look: turn it around": (
        lambda time, p: ~prefix(time, p)
    ),
    "your mask is right as numbers: make it booleans, with a comparison or .bool()": (
        lambda time, p: prefix(time, p).float()
    ),
}


# ---- 8.3  padded_mask(starts, time): texts of unequal length, padded on the left


def padded(starts, time):
    t, s = places(time)
    return (causal(time) & (s >= torch.as_tensor(starts)[:, None, None])) | (s == t)


def padded_inputs():
    return {
        "one text without padding": (torch.tensor([0]), 4),
        "two texts": (torch.tensor([0, 2]), 5),
        "as many texts as places": (torch.tensor([3, 1, 0, 2]), 4),
        "a text of one token": (torch.tensor([1, 4]), 5),
    }


def empty_rows(starts, time):
    _, s = places(time)
    return causal(time) & (s >= starts[:, None, None])


def both_ways(starts, time):
    t, s = places(time)
    return (s >= starts[:, None, None]).expand(-1, time, -1) | (s == t)


def rows_for_columns(starts, time):
    t, s = places(time)
    return (causal(time) & (t >= starts[:, None, None])) | (s == t)


def padding_on_the_right(starts, time):
    t, s = places(time)
    return (causal(time) & (s < time - starts[:, None, None])) | (s == t)


def padding_sees(seen):
    """Rows of padding as `seen(time)` says; rows of text are right."""

    def mask(starts, time):
        t, _ = places(time)
        return torch.where(t < starts[:, None, None], seen(time), padded(starts, time))

    return mask


PADDED_MISTAKES = {
    "a row of padding is empty, and its softmax is nan: let padding look at itself": empty_rows,
    "your mask hides padding and is not causal any more": both_ways,
    "your padding still is looked at: hide its columns; yours hides its rows": rows_for_columns,
    "your padding lies on the right: a text begins at place starts[b]": padding_on_the_right,
    "your text begins one place too late: place starts[b] belongs to it": (
        lambda starts, time: padded(starts + 1, time)
    ),
    "your text begins one place too early: place starts[b] - 1 is padding": (
        lambda starts, time: padded(starts - 1, time)
    ),
    "nothing is hidden but the future: padding is looked at": (
        lambda starts, time: causal(time).expand(len(starts), -1, -1)
    ),
    "padding looks at padding before it: that does no harm, but itself alone was asked for": (
        padding_sees(causal)
    ),
    "padding looks at everything: that does no harm, but itself alone was asked for": (
        padding_sees(lambda time: torch.ones(time, time, dtype=torch.bool))
    ),
    "padding looks at its first place: that does no harm, but itself alone was asked for": (
        padding_sees(lambda time: (torch.arange(time) == 0).expand(time, time))
    ),
    "every text has a start of its own: yours takes the first one for all": (
        lambda starts, time: padded(starts[:1].expand(len(starts)), time)
    ),
    "your starts lie along the places: give them axes, starts[:, None, None]": (
        lambda starts, time: (
            (causal(time) & (torch.arange(time) >= starts))
            | torch.eye(time, dtype=torch.bool)  # raises for most batches
        )
    ),
    "your mask is upside down: rows look, columns are looked at": (
        lambda starts, time: padded(starts, time).mT
    ),
    "your mask is true where a place may not look: turn it around": (
        lambda starts, time: ~padded(starts, time)
    ),
    "your mask is right as numbers: make it booleans, with a comparison or .bool()": (
        lambda starts, time: padded(starts, time).float()
    ),
}


# ---- 8.4  leaks(model, ids, vocab)


def leaks(model, ids, vocab):
    return found_by(lambda before, after: not torch.equal(before, after))(model, ids, vocab)


def found_by(
    differs,
    tokens=lambda old, vocab: range(vocab),
    changed=lambda ids, s, new: ids[:s] + [new] + ids[s + 1 :],
    pairs=lambda t, s: t < s,
):
    """A search for leaks; `differs(before, after)` compares the outputs of one place."""

    def search(model, ids, vocab):
        ids, found = ids.tolist(), set()
        before = model(torch.tensor(ids))
        for s in range(len(ids)):
            for new in tokens(ids[s], vocab):
                after = model(torch.tensor(changed(ids, s, new)))
                rows = [t for t in range(len(ids)) if pairs(t, s)]
                found |= {(t, s) for t in rows if differs(before[t], after[t])}
        return sorted(found)

    return search


def table(vocab, seed):
    return torch.randn(vocab, vocab, generator=torch.Generator().manual_seed(seed))


def mixture(vocab, mask_of):
    """A mean over what `mask_of(time)` shows."""

    def model(ids):
        weights = mask_of(len(ids)).float()
        return weights / weights.sum(-1, keepdim=True) @ table(vocab, seed=0)[ids]

    return model


def after_the_softmax(vocab):
    def model(ids):
        x = table(vocab, seed=0)[ids]
        return ((x @ x.T).softmax(-1) * causal(len(ids))) @ x

    return model


def honest_but(vocab, leak):
    """The honest mean, to which `leak(ids)`, (time, vocab), is added."""
    honest = mixture(vocab, causal)
    return lambda ids: honest(ids) + leak(ids)


def two_ahead(amount_of, vocab, only=None):
    """What place t gets from place t + 2: `amount_of(token)`, if it is `only`."""

    def leak(ids):
        added = torch.zeros(len(ids), vocab)
        for t, token in enumerate(ids[2:].tolist()):
            if only is None or token == only:
                added[t] = amount_of(token)
        return added

    return leak


def balanced(token, vocab=5):
    """Two logits move, one up and one down, so that their sum stays."""
    change = torch.zeros(vocab)
    change[0], change[1] = 0.5 + token, -0.5 - token
    return change


def ruled_out(vocab):
    """The next token is seen, and token 0 has a logit of -inf everywhere."""
    seen = mixture(vocab, lambda time: torch.ones(time, time).tril(1))

    def model(ids):
        logits = seen(ids)
        logits[:, 0] = -torch.inf
        return logits

    return model


def leaks_inputs():
    ids = torch.tensor([2, 0, 4, 1, 3])
    one = torch.ones(5)
    return {
        "an honest model": (mixture(5, causal), ids, 5),
        "one that sees the next token": (
            mixture(5, lambda n: torch.ones(n, n).tril(1)),
            ids,
            5,
        ),
        "a mask after the softmax": (after_the_softmax(5), ids, 5),
        "one that sees a single token, two places ahead": (
            honest_but(5, two_ahead(lambda token: one, 5, only=3)),
            torch.tensor([2, 0, 4, 1, 0]),
            5,
        ),
        "one that sees another single token": (
            honest_but(5, two_ahead(lambda token: one, 5, only=0)),
            torch.tensor([2, 3, 4, 1, 3]),
            5,
        ),
        "one more": (
            honest_but(5, two_ahead(lambda token: one, 5, only=4)),
            torch.tensor([2, 3, 0, 1, 3]),
            5,
        ),
        "logits that move by little": (
            honest_but(5, two_ahead(lambda token: 1e-4 * (1.0 + token) * one, 5)),
            ids,
            5,
        ),
        "logits whose sum stays": (honest_but(5, two_ahead(balanced, 5)), ids, 5),
        "logits of -inf": (ruled_out(5), ids, 5),
    }


def unequal(before, after):
    return not torch.equal(before, after)


def without_restoring(model, ids, vocab):
    """Every change stays, so that the reference is of another text."""
    before, found = model(ids), set()
    ids = ids.clone()
    for s in range(len(ids)):
        for new in range(vocab):
            ids[s] = new
            after = model(ids)
            found |= {(t, s) for t in range(s) if unequal(before[t], after[t])}
    return sorted(found)


def every_time(model, ids, vocab):
    """A pair for each token that shows it."""
    before, found = model(ids), []
    for s in range(len(ids)):
        for new in range(vocab):
            changed = ids.clone()
            changed[s] = new
            after = model(changed)
            found += [(t, s) for t in range(s) if unequal(before[t], after[t])]
    return sorted(found)


def other_token(old, vocab):
    return [(old + 1) % vocab]


LEAKS_MISTAKES = {
    "you look at the next token alone: a leak may come from further ahead": (
        found_by(unequal, pairs=lambda t, s: s == t + 1)
    ),
    "you try one other token at each place: a leak may show for a single token of all": (
        found_by(unequal, tokens=other_token)
    ),
    "you try token 0 at each place: a leak may show for a single token of all": (
        found_by(unequal, tokens=lambda old, vocab: [0])
    ),
    "your changes stay: put the old token back before you change the next": without_restoring,
    "you change all tokens from place s on: change a single one": (
        found_by(unequal, changed=lambda ids, s, new: ids[:s] + [new] * (len(ids) - s))
    ),
    "you leave out the first of the vocab tokens": (
        found_by(unequal, tokens=lambda old, vocab: range(1, vocab))
    ),
    "you leave out the last of the vocab tokens": (
        found_by(unequal, tokens=lambda old, vocab: range(vocab - 1))
    ),
    "you let small changes pass: compare exactly": (
        found_by(lambda before, after: not torch.allclose(before, after, atol=1e-3))
    ),
    "you compare softmaxes: a constant added to all logits hides in them": (
        found_by(
            lambda before, after: (
                not torch.allclose(before.softmax(-1), after.softmax(-1), atol=1e-6)
            )
        )
    ),
    "you compare one number of each row: the others can change, too": (
        found_by(lambda before, after: bool(before[-1] != after[-1]))
    ),
    "you compare the sum of the logits: it can stay while they change": (
        found_by(lambda before, after: bool((before.sum() - after.sum()).abs() > 1e-6))
    ),
    "you compare the likeliest token: the others count, too": (
        found_by(lambda before, after: bool(before.argmax() != after.argmax()))
    ),
    "your difference of two -inf is nan, and nan > 0 is False: compare with torch.equal": (
        found_by(lambda before, after: bool((before - after).abs().max() > 0))
    ),
    "your difference of two -inf is nan, and you take it for a change: compare with torch.equal": (
        found_by(lambda before, after: not bool((before - after).abs().max() <= 0))
    ),
    "you count the past: keep the pairs with s > t": (
        found_by(unequal, pairs=lambda t, s: t != s)
    ),
    "you count the token itself: output t may depend on input t; keep s > t": (
        found_by(unequal, pairs=lambda t, s: t <= s)
    ),
    "you count the past and the token itself: keep the pairs with s > t": (
        found_by(unequal, pairs=lambda t, s: True)
    ),
    "your pairs are exchanged: the output comes first, then the later input": (
        lambda model, ids, vocab: sorted((s, t) for t, s in leaks(model, ids, vocab))
    ),
    "your result is a set: return a sorted list": lambda *args: set(leaks(*args)),
    "your result counts the leaks: return the pairs (t, s)": lambda *args: len(leaks(*args)),
    "your list holds a pair several times, once for each token that shows it: keep one": (
        every_time
    ),
    "your result holds outputs alone: return pairs (t, s)": (
        lambda model, ids, vocab: sorted({t for t, _ in leaks(model, ids, vocab)})
    ),
    "your result says whether there is a leak: return the pairs (t, s)": (
        lambda model, ids, vocab: bool(leaks(model, ids, vocab))
    ),
}


EXERCISES = {
    "8.1": Exercise(
        listed(window), window_inputs, {k: listed(f) for k, f in WINDOW_MISTAKES.items()}
    ),
    "8.2": Exercise(
        listed(prefix), prefix_inputs, {k: listed(f) for k, f in PREFIX_MISTAKES.items()}
    ),
    "8.3": Exercise(
        listed(padded), padded_inputs, {k: listed(f) for k, f in PADDED_MISTAKES.items()}
    ),
    "8.4": Exercise(leaks, leaks_inputs, LEAKS_MISTAKES),
}
