"""Day 10, the KV cache: right answers, and the mistakes people really make."""

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 10.1  top_k(logits, k, temperature); a list, so that tensors, arrays and lists all pass


def kept(logits, k):
    """The k largest logits of each row, and what is equal to the k-th; -inf elsewhere."""
    smallest = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < smallest, -torch.inf)


def top_k(logits, k, temperature):
    return (kept(logits, k) / temperature).softmax(-1).tolist()


def top_k_inputs():
    tied = torch.tensor([1.0, 3.0, 2.0, 2.0, -1.0, 2.0])
    return {
        "three of eight": (2 * randn(8, seed=0), 3, 1.0),
        "a low temperature": (2 * randn(8, seed=1), 4, 0.5),
        "a high temperature": (2 * randn(8, seed=2), 2, 3.0),
        "the likeliest alone": (2 * randn(6, seed=3) - 4, 1, 1.5),
        "equal logits at the border": (tied, 2, 2.0),
        "k larger than the vocabulary": (randn(5, seed=4), 9, 0.8),
        "three rows": (2 * randn(3, 6, seed=5), 2, 0.7),
    }


def exactly_k(logits, k, temperature):
    best = logits.topk(min(k, logits.shape[-1]))
    only = torch.full_like(logits, -torch.inf).scatter(-1, best.indices, best.values)
    return (only / temperature).softmax(-1).tolist()


def cut_after_softmax(logits, k, temperature):
    """Probabilities of all, then zeros: what is left does not sum to 1."""
    probabilities = (logits / temperature).softmax(-1)
    return probabilities.masked_fill(kept(logits, k).isinf(), 0.0).tolist()


def one_border_for_all(logits, k, temperature):
    smallest = logits.flatten().topk(min(k, logits.numel())).values[-1]
    left = logits.masked_fill(logits < smallest, -torch.inf)
    return (left / temperature).softmax(-1).nan_to_num().tolist()


def above_the_kth(logits, k, temperature):
    border = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return (logits.masked_fill(logits <= border, -torch.inf) / temperature).softmax(-1).tolist()


def no_limit(logits, k, temperature):
    smallest = logits.topk(k).values[..., -1:]
    return (
        (logits.masked_fill(logits < smallest, -torch.inf) / temperature).softmax(-1).tolist()
    )


TOP_K_MISTAKES = {
    "your result matches if what is left sums to 1: cut first, then take the softmax": (
        cut_after_softmax
    ),
    "your result matches if you divide by the temperature: yours multiplies": (
        lambda logits, k, temperature: top_k(logits, k, 1 / temperature)
    ),
    "your result matches if the temperature is used: yours is always 1": (
        lambda logits, k, temperature: top_k(logits, k, 1.0)
    ),
    "your result matches if the logits are divided by the temperature, before the softmax": (
        lambda logits, k, temperature: (
            torch.tensor(top_k(logits, k, 1.0)) / temperature
        ).tolist()
    ),
    "your result matches if what is ruled out becomes -inf: a logit of 0 has a chance": (
        lambda logits, k, temperature: (
            (logits.masked_fill(kept(logits, k).isinf(), 0.0) / temperature)
            .softmax(-1)
            .tolist()
        )
    ),
    "your result matches if what is equal to the k-th logit stays, too": exactly_k,
    "your result matches if k tokens stay: yours keeps one more": (
        lambda logits, k, temperature: top_k(logits, k + 1, temperature)
    ),
    "your result matches if the k-th stays, too: yours keeps only what is above it": above_the_kth,
    "your result matches if the largest stay: yours are the smallest": (
        lambda logits, k, temperature: (
            (-kept(-logits, k))
            .nan_to_num(posinf=-torch.inf)
            .div(temperature)
            .softmax(-1)
            .tolist()
        )
    ),
    "your result matches if each row has its own k-th: yours is one for all rows": (
        one_border_for_all
    ),
    "your result matches if k may be larger than the vocabulary: then all stay": no_limit,
    "your result matches if it is probabilities: yours are still logits": (
        lambda logits, k, temperature: (kept(logits, k) / temperature).tolist()
    ),
    "your result is that of all tokens: none is ruled out": (
        lambda logits, k, temperature: (logits / temperature).softmax(-1).tolist()
    ),
}


# ---- 10.2  longest(memory, weights, layers, heads, kv_heads, head_dim, itemsize, batch)


def fitting(
    two=2, use=("layers", "kv_heads", "head_dim", "itemsize", "batch"), weighs=1, low=0
):
    """How many tokens of each row fit, with factors left out or taken wrongly."""

    def tokens(memory, weights, layers, heads, kv_heads, head_dim, itemsize, batch):
        sizes = dict(layers=layers, heads=heads, kv_heads=kv_heads, head_dim=head_dim)
        sizes |= dict(itemsize=itemsize, batch=batch)
        each = two
        for name in use:
            each *= sizes[name]
        found = (memory - weighs * weights) // each
        return found if low is None else max(low, found)

    return tokens


def without(name):
    every = ("layers", "kv_heads", "head_dim", "itemsize", "batch")
    return fitting(use=[other for other in every if other != name])


def rounded_up(memory, weights, layers, heads, kv_heads, head_dim, itemsize, batch):
    each = 2 * layers * kv_heads * head_dim * itemsize * batch
    return max(0, -(-(memory - weights) // each))


def not_whole(memory, weights, layers, heads, kv_heads, head_dim, itemsize, batch):
    return max(0, (memory - weights) / (2 * layers * kv_heads * head_dim * itemsize * batch))


def longest_inputs():
    return {
        "a toy": (10_000, 1000, 2, 4, 2, 8, 4, 3),
        "Qwen3-0.6B in a T4, one text": (
            16 * 10**9, 1_192_099_840, 28, 16, 8, 128, 2, 1,
        ),
        "the same, 32 texts": (16 * 10**9, 1_192_099_840, 28, 16, 8, 128, 2, 32),
        "weights that fill it": (5000, 6000, 1, 1, 1, 2, 4, 1),
        "one byte too little": (8 * 100 - 1, 0, 1, 1, 1, 1, 4, 1),
    }  # fmt: skip


LONGEST_MISTAKES = {
    "your number matches if keys and values both count: a factor of 2": fitting(two=1),
    "your number matches if every layer keeps its own": without("layers"),
    "your number matches if each key/value head counts": without("kv_heads"),
    "your number matches if a head keeps head_dim numbers": without("head_dim"),
    "your number matches if it is in bytes: itemsize for each number": without("itemsize"),
    "your number matches if the texts of the batch share the memory": without("batch"),
    "your number matches if only key/value heads are kept: yours are the query heads": (
        fitting(use=("layers", "heads", "head_dim", "itemsize", "batch"))
    ),
    "your number matches if the weights take their part of the memory first": fitting(weighs=0),
    "your number matches if it is never below 0": fitting(low=None),
    "your number matches if half a token does not count: round down": not_whole,
    "your number matches if you round down: the last token does not fit": rounded_up,
}


# ---- 10.3  stream(pieces, stop)


def waiting(text, stop):
    """How many characters at the end of `text` may begin `stop`."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((n for n in sizes if text.endswith(stop[:n])), 0)


def stream(pieces, stop, wait=waiting, tail=0, flush=True, ends=True, find=str.find):
    """What to show after each piece, and at the end; the keywords make mistakes."""
    held, shown, over = "", [], False
    for piece in pieces:
        held += "" if over else piece
        if not over and stop in held:
            after = held[find(held, stop) + len(stop) :]
            shown.append(held[: find(held, stop) + tail * len(stop)] + ("" if ends else after))
            held, over = "", ends
            continue
        size = len(held) - wait(held, stop)
        shown.append(held[:size])
        held = held[size:]
    return [*shown, held if flush else ""]


def stream_inputs():
    return {
        "inside a piece": (["Once", " upon. The end. Or", " not"], "The end"),
        "over two pieces": (["He left.", " The", " end", ". Then"], "The end"),
        "over many pieces": (["a", "T", "h", "e", " ", "e", "n", "d", "b"], "The end"),
        "a false alarm": (["It was The e", "gg. The", "n The en", "emy"], "The end"),
        "an end in the middle of it": (["He slept. Th", "e en"], "The end"),
        "it begins within itself": (["xa", "aa", "ab", "yes", "aab"], "aab"),
        "at the very beginning": (["The end", "and more"], "The end"),
        "twice": (["one#two", "#three"], "#"),
        "twice in a piece": (["one#two#three", "four"], "#"),
        "its beginning behind it": (["one#two", "three T"], "# T"),
        "more behind it": (["a STOP", "x S"], "STOP"),
        "no pieces": ([], "The end"),
    }


def piece_by_piece(pieces, stop):
    """Looks for the stop word within single pieces only."""
    shown, over = [], False
    for piece in pieces:
        shown.append("" if over else piece.split(stop)[0])
        over = over or stop in piece
    return [*shown, ""]


def all_at_the_end(pieces, stop):
    return ["" for _ in pieces] + ["".join(pieces).split(stop)[0]]


def shows_too_early(pieces, stop):
    """Shows all there is, and cuts only what comes after the stop word is complete."""
    text, shown = "", []
    for piece in pieces:
        over, before = stop in text, len(text)
        text += piece
        end = text.find(stop) if stop in text else len(text)
        shown.append("" if over else text[before : max(before, end)])
    return [*shown, ""]


def held_behind_the_end(pieces, stop):
    """Shows nothing more after the stop word, and forgets to forget what it holds."""
    shown = stream(pieces, stop)
    _, found, behind = "".join(pieces).partition(stop)
    return [*shown[:-1], behind[len(behind) - waiting(behind, stop) :] if found else shown[-1]]


STREAM_MISTAKES = {
    "your pieces match if the stop word may stand across pieces: yours looks into each alone": (
        piece_by_piece
    ),
    "your pieces match if its beginning is held back: yours is shown before it is complete": (
        shows_too_early
    ),
    "your pieces match if only what may begin the stop word waits: yours holds a fixed number": (
        lambda pieces, stop: stream(pieces, stop, lambda text, s: min(len(text), len(s) - 1))
    ),
    "your pieces match if all that is sure comes at once: yours comes at the end": all_at_the_end,
    "your pieces match if the stop word itself is not shown": (
        lambda pieces, stop: stream(pieces, stop, tail=1)
    ),
    "your pieces match if nothing comes after the stop word": (
        lambda pieces, stop: stream(pieces, stop, ends=False)
    ),
    "your pieces match up to the first stop word: yours go on to the last one of a piece": (
        lambda pieces, stop: stream(pieces, stop, find=str.rfind)
    ),
    "your pieces match if nothing comes after the stop word: your last entry has what is held": (
        held_behind_the_end
    ),
    "your pieces match if what was held back comes when there are no more pieces": (
        lambda pieces, stop: stream(pieces, stop, flush=False)
    ),
    "your pieces match if several characters may wait: yours holds back one at most": (
        lambda pieces, stop: stream(
            pieces, stop, lambda text, s: int(len(s) > 1 and text.endswith(s[0]))
        )
    ),
    "your pieces match if the longest beginning waits: yours is the shortest that fits": (
        lambda pieces, stop: stream(
            pieces,
            stop,
            lambda text, s: next((n for n in range(1, len(s)) if text.endswith(s[:n])), 0),
        )
    ),
    "your list matches if it has one more entry, for what is still held at the end": (
        lambda pieces, stop: stream(pieces, stop)[:-1]
    ),
    "your result matches if it is a list of pieces: yours is one text": (
        lambda pieces, stop: "".join(stream(pieces, stop))
    ),
}


# ---- 10.4  beams(next_logits, start, width, steps, end)


def search(
    next_logits,
    start,
    width,
    steps,
    end,
    score=lambda logits: logits.log_softmax(-1),
    worth=lambda total, new: total,
    children=None,
    finished="stay",
    best=0,
    new_only=False,
    end_in_start=False,
):
    """Beam search; the keywords make mistakes."""
    found = [(0.0, list(start))]
    for _ in range(steps):
        grown = []
        for total, ids in found:
            done = ids[-1] == end and (len(ids) > len(start) or end_in_start)
            if done and finished != "go on":
                grown += [(total, ids)] if finished == "stay" else []
                continue
            steps_on = [
                (total + x, [*ids, i]) for i, x in enumerate(score(next_logits(ids)).tolist())
            ]
            grown += sorted(steps_on, reverse=True)[: children if len(found) > 1 else None]
        if not grown:
            break
        grown.sort(key=lambda beam: worth(beam[0], len(beam[1]) - len(start)), reverse=True)
        found = grown[:width]
    return found[min(best, len(found) - 1)][1][len(start) * new_only :]


def beams(next_logits, start, width, steps, end):
    return search(next_logits, start, width, steps, end)


def table_model(vocab, seed, sharp=2.0):
    """A model whose logits depend on the last two tokens, and whose sum of them means nothing."""
    table = sharp * randn(vocab, vocab, vocab, seed=seed) + 3 * randn(
        vocab, vocab, 1, seed=seed + 1
    )

    def next_logits(ids):
        ids = [int(i) for i in ids]
        return table[ids[-2] if len(ids) > 1 else 0, ids[-1]].clone()

    return next_logits


def chances_model(rows):
    """A model from a table: last token -> chances of the next."""
    return lambda ids: torch.tensor(rows[int(ids[-1])]).log()


TRAP = [[0.01, 0.55, 0.44], [0.3, 0.35, 0.35], [0.02, 0.03, 0.95]]  # the second best start wins


PUSHED = [[8, 5, 4, 15], [4, 1, 17, 1], [9, 8, 19, 18], [17, 10, 15, 5]]
PUSHED = [[value / sum(row) for value in row] for row in PUSHED]


def beams_inputs():
    return {
        "a trap for the greedy": (chances_model(TRAP), [0], 2, 2, 9),
        "three beams": (table_model(6, 237, sharp=1.0), [2], 3, 5, 99),
        "a longer start": (table_model(5, 20), [1, 3, 2], 4, 4, 99),
        "texts that end": (table_model(4, 34, sharp=1.0), [1], 4, 6, 0),
        "a start that is the end token": (table_model(5, 40), [0], 3, 4, 0),
        "one beam": (table_model(6, 202, sharp=1.0), [2], 1, 4, 99),
        "more beams than tokens": (table_model(3, 60), [1], 10, 4, 99),
        "two beams, where three would differ": (table_model(6, 104, sharp=1.0), [2], 2, 5, 99),
        "an early end": (table_model(4, 71, sharp=1.5), [2], 5, 8, 0),
        "an end that is pushed out": (chances_model(PUSHED), [1], 2, 3, 0),
    }


def kept_apart(next_logits, start, width, steps, end):
    """Every text that ends goes to a list of its own, and the best of these is returned."""
    beams, done = [(0.0, list(start))], []
    for _ in range(steps):
        grown = []
        for total, ids in beams:
            for i, x in enumerate(next_logits(ids).log_softmax(-1).tolist()):
                (done if i == end else grown).append((total + x, [*ids, i]))
        beams = sorted(grown, reverse=True)[:width]
    return max(done or beams)[1]


def first_finished(next_logits, start, width, steps, end):
    """The beams are right, but the answer is the best finished one, where there is one."""
    ranked = [search(next_logits, start, width, steps, end, best=i) for i in range(width)]
    ends = [ids for ids in ranked if ids[-1] == end and len(ids) > len(start)]
    return (ends or ranked)[0]


BEAMS_MISTAKES = {
    "your text is the greedy one: keep `width` beams": (
        lambda f, start, width, steps, end: search(f, start, 1, steps, end)
    ),
    "your text matches if you add log-probabilities: yours adds logits": (
        lambda *a: search(*a, score=lambda logits: logits)
    ),
    "your text matches if you add logarithms: yours adds probabilities": (
        lambda *a: search(*a, score=lambda logits: logits.softmax(-1))
    ),
    "your text matches if all continuations of all beams compete: yours keeps one of each": (
        lambda *a: search(*a, children=1)
    ),
    "your text matches if a finished beam stays and competes: yours drops it": (
        lambda *a: search(*a, finished="drop")
    ),
    "your text matches if a finished beam can be pushed out: yours are kept apart": kept_apart,
    "your text matches if the best beam is returned: yours is the first that is finished": (
        first_finished
    ),
    "your text matches if nothing comes after the end token": (
        lambda *a: search(*a, finished="go on")
    ),
    "your text matches if the sum counts: yours is the mean over the tokens": (
        lambda *a: search(*a, worth=lambda total, new: total / max(new, 1))
    ),
    "your text matches if the best beam is returned: yours is the last": (
        lambda *a: search(*a, best=-1)
    ),
    "your text matches if it begins with start": lambda *a: search(*a, new_only=True),
    "your text matches if start may end with the end token: only a new one finishes a beam": (
        lambda *a: search(*a, end_in_start=True)
    ),
    "your text matches if the best beams are kept: yours are the worst": (
        lambda *a: search(*a, worth=lambda total, new: -total)
    ),
    "your text matches if `width` beams are kept: yours are one more": (
        lambda f, start, width, steps, end: search(f, start, width + 1, steps, end)
    ),
    "your text matches if `width` beams are kept: yours are always 2": (
        lambda f, start, width, steps, end: search(f, start, 2, steps, end)
    ),
    "your text matches with `steps` new tokens: yours has one too few": (
        lambda f, start, width, steps, end: search(f, start, width, steps - 1, end)
    ),
}


EXERCISES = {
    "10.1": Exercise(top_k, top_k_inputs, TOP_K_MISTAKES),
    "10.2": Exercise(fitting(), longest_inputs, LONGEST_MISTAKES),
    "10.3": Exercise(stream, stream_inputs, STREAM_MISTAKES),
    "10.4": Exercise(beams, beams_inputs, BEAMS_MISTAKES),
}
