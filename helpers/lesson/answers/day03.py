"""Day 3, PyTorch fundamentals: right answers, and the mistakes people really make.

3.1 to 3.4 are the exercises, 3.11 to 3.14 the self-test at the start, which is NumPy.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from helpers.lesson.check import Exercise

# ---- 3.1  logsumexp(x, dim)


def logsumexp(x, dim):
    return x.logsumexp(dim)


def logsumexp_inputs():
    g = torch.Generator().manual_seed(1)
    some = torch.randn(3, 4, generator=g)
    inf = torch.inf
    return {
        "small numbers": (some, -1),
        "numbers near 1000": (1000 + some, -1),
        "rows of unlike size": (torch.tensor([[1000.0, 999], [-1000, -1001]]), -1),
        "the first axis": (torch.randn(3, 3, generator=g), 0),
        "a middle axis": (torch.randn(2, 3, 4, generator=g), 1),
        "a row far apart": (torch.tensor([[-300.0, -300, 0], [0, -inf, 200]]), -1),
        "a row that is masked whole": (torch.tensor([[0, 1.0], [-inf, -inf]]), -1),
    }


def shifted(x, dim, top=None):
    """log of the sum of exp(x - top), with top added back; a top of -inf becomes 0."""
    top = x.amax(dim, keepdim=True) if top is None else top
    top = top.masked_fill(top == -torch.inf, 0)
    return ((x - top).exp().sum(dim, keepdim=True).log() + top).squeeze(dim)


def unguarded(x, dim):
    top = x.amax(dim, keepdim=True)
    return (x - top).exp().sum(dim).log() + top.squeeze(dim)


LOGSUMEXP_MISTAKES = {
    "your result overflows: subtract the largest number before exp, add it after log": (
        lambda x, dim: x.exp().sum(dim).log()
    ),
    "your result matches if the largest number is added back after the log": (
        lambda x, dim: (x - x.amax(dim, keepdim=True)).exp().sum(dim).log()
    ),
    "your result matches if each row subtracts its own largest number: yours takes one for all": (
        lambda x, dim: shifted(x, dim, x.max())
    ),
    "your result overflows in a row far apart: subtract its largest number, not its mean": (
        lambda x, dim: shifted(x, dim, x.mean(dim, keepdim=True))
    ),
    "your result is nan where a row is -inf throughout: -inf - (-inf); subtract 0 there": (
        unguarded
    ),
    "your result matches without keepdim: the axis that is summed goes away": (
        lambda x, dim: x.logsumexp(dim, keepdim=True)
    ),
    "your result matches if it uses dim: yours always takes the last axis": (
        lambda x, dim: x.logsumexp(-1)
    ),
    "your result matches if the largest number has keepdim=True: yours lies along another axis": (
        lambda x, dim: (x - x.amax(dim)).exp().sum(dim).log() + x.amax(dim)
    ),
    "your result matches after a logarithm of the sum": (
        lambda x, dim: shifted(x, dim, torch.zeros(())).exp()
    ),
    "your result matches if the numbers are summed: yours is the log of their mean": (
        lambda x, dim: x.logsumexp(dim) - math.log(x.shape[dim])
    ),
    "your result matches with the natural logarithm: yours has base 2": (
        lambda x, dim: x.logsumexp(dim) / math.log(2)
    ),
    "your result is the largest number: the others count too": lambda x, dim: x.amax(dim),
}


# ---- 3.2  answer_log_prob(logits, input_ids, is_answer)


def answer_log_prob(logits, input_ids, is_answer):
    return log_probs(logits, input_ids).masked_fill(~is_answer[:, 1:], 0).sum(1)


def log_probs(logits, input_ids):
    """(batch, time - 1): of each token but the first, predicted from the place before it."""
    log_p = logits[:, :-1].log_softmax(-1)
    return log_p.gather(-1, input_ids[:, 1:, None]).squeeze(-1)


def same_place(scores, input_ids):
    """(batch, time): what `scores` (batch, time, vocab) say at each token's own place."""
    return scores.gather(-1, input_ids[..., None]).squeeze(-1)


def answer_inputs():
    def texts(batch, time, vocab, begins):
        g = torch.Generator().manual_seed(batch)
        logits = 2 * torch.randn(batch, time, vocab, generator=g) + 1
        input_ids = torch.randint(vocab, (batch, time), generator=g)
        return logits, input_ids, torch.arange(time) >= torch.tensor(begins)[:, None]

    unlike = texts(3, 7, 5, [2, 4, 5])
    unlike[2][0, -1] = False  # an answer that ends before the text does
    masked = texts(2, 6, 8, [3, 4])
    masked[0][0, 0, masked[1][0, 1]] = -torch.inf  # a token of the question had no chance
    return {
        "one text": texts(1, 6, 9, [3]),
        "answers of unlike length": unlike,
        "logits far apart": (100 * unlike[0], *unlike[1:]),
        "a question with a masked token": masked,
        "an answer from the first token on": texts(2, 5, 8, [0, 3]),
    }


def reshaped(logits, ids, mask):
    """(batch, time, vocab) cut into (batch, vocab, time) as it lies."""
    cut = logits[:, :-1].reshape(len(ids), logits.shape[-1], -1)
    return -(F.cross_entropy(cut, ids[:, 1:], reduction="none") * mask[:, 1:]).sum(1)


ANSWER_MISTAKES = {
    "your result takes the logits at the token's own place: they predict the next token": (
        lambda logits, ids, mask: (same_place(logits.log_softmax(-1), ids) * mask).sum(1)
    ),
    "your result matches if logits[:, :-1] meet input_ids[:, 1:]: yours are shifted backward": (
        lambda logits, ids, mask: (
            same_place(logits[:, 1:].log_softmax(-1), ids[:, :-1]) * mask[:, :-1]
        ).sum(1)
    ),
    "your result matches if is_answer is shifted like the tokens: use is_answer[:, 1:]": (
        lambda logits, ids, mask: (log_probs(logits, ids) * mask[:, :-1]).sum(1)
    ),
    "your result counts the prompt too: keep the tokens where is_answer is true": (
        lambda logits, ids, mask: log_probs(logits, ids).sum(1)
    ),
    "your result is a mean over the answer: the log-probabilities of its tokens add up": (
        lambda logits, ids, mask: answer_log_prob(logits, ids, mask) / mask[:, 1:].sum(1)
    ),
    "your result adds up logits: log_softmax makes them log-probabilities": (
        lambda logits, ids, mask: (same_place(logits[:, :-1], ids[:, 1:]) * mask[:, 1:]).sum(1)
    ),
    "your result adds up probabilities: take their logarithms": (
        lambda logits, ids, mask: (log_probs(logits, ids).exp() * mask[:, 1:]).sum(1)
    ),
    "your result matches as a log-probability: yours is the probability": (
        lambda logits, ids, mask: answer_log_prob(logits, ids, mask).exp()
    ),
    "your result cuts the logits anew: F.cross_entropy wants a transpose, and not a reshape": (
        reshaped
    ),
    "your result loses small probabilities: log_softmax, not the logarithm of a softmax": (
        lambda logits, ids, mask: (
            same_place(logits[:, :-1].softmax(-1).log(), ids[:, 1:])
            .masked_fill(~mask[:, 1:], 0)
            .sum(1)
        )
    ),
    "your result is nan where the question has a token of probability 0: masked_fill, not times": (
        lambda logits, ids, mask: (log_probs(logits, ids) * mask[:, 1:]).sum(1)
    ),
    "your result is normalized over the places, not over the vocabulary: use dim=-1": (
        lambda logits, ids, mask: (
            same_place(logits[:, :-1].log_softmax(1), ids[:, 1:]) * mask[:, 1:]
        ).sum(1)
    ),
    "your result is one number for all texts: sum over the places only": (
        lambda logits, ids, mask: answer_log_prob(logits, ids, mask).sum()
    ),
    "your result has an axis too many: squeeze(-1) after gather, or the mask broadcasts": (
        lambda logits, ids, mask: (log_probs(logits, ids)[..., None] * mask[:, 1:]).sum(
            1
        )  # raises for most batches
    ),
    "your result has the wrong sign: it is what the answer costs": (
        lambda logits, ids, mask: -answer_log_prob(logits, ids, mask)
    ),
    "your result is in bits: use the natural logarithm": (
        lambda logits, ids, mask: answer_log_prob(logits, ids, mask) / math.log(2)
    ),
}


# ---- 3.3  attention(q, k, v): each (batch, time, heads, width); v may have another width


def attention(q, k, v):
    return mix(weigh(q, k, q.shape[-1] ** 0.5), v)


def future_of(time):
    return torch.ones(time, time, dtype=torch.bool).triu(1)


def weigh(q, k, divisor, hidden=None, dim=-1):
    """Weights (batch, heads, queries, keys) of scores / divisor; `hidden` pairs are masked."""
    hidden = future_of(q.shape[1]) if hidden is None else hidden
    scores = torch.einsum("bqhw,bkhw->bhqk", q, k) / divisor
    return scores.masked_fill(hidden, -torch.inf).softmax(dim)


def mix(weights, v):
    return torch.einsum("bhqk,bkhw->bqhw", weights, v).flatten(2)


def attention_inputs():
    def heads(batch, time, heads, width, width_of_v):
        g = torch.Generator().manual_seed(time)
        q, k = torch.randn(2, batch, time, heads, width, generator=g)
        return 2 * q, k, torch.randn(batch, time, heads, width_of_v, generator=g)

    return {
        "one head": heads(1, 3, 1, 4, 4),
        "two texts, two heads": heads(2, 5, 2, 3, 3),
        "wider values": heads(2, 4, 3, 2, 5),
        "as many heads as places": heads(1, 4, 4, 3, 3),
    }


def mask_after_softmax(q, k, v):
    seen = ~future_of(q.shape[1])
    nothing_hidden = torch.zeros_like(seen)
    return mix(weigh(q, k, q.shape[-1] ** 0.5, nothing_hidden) * seen, v)


def heads_not_moved(q, k, v):
    """(batch, heads, time, width) cut into (batch, time, heads * width) as it lies."""
    mixed = torch.einsum("bhqk,bkhw->bhqw", weigh(q, k, q.shape[-1] ** 0.5), v)
    return mixed.reshape(q.shape[0], q.shape[1], -1)


def reshaped_heads(q, k, v):
    """(batch, time, heads, width) cut into (batch, heads, time, width) as it lies."""
    cut = [t.reshape(t.shape[0], t.shape[2], t.shape[1], -1) for t in (q, k, v)]
    mixed = F.scaled_dot_product_attention(*cut, is_causal=True)
    return mixed.transpose(1, 2).flatten(2)


ATTENTION_MISTAKES = {
    "your result matches if the scores are divided by the root of the width": (
        lambda q, k, v: mix(weigh(q, k, 1), v)
    ),
    "your result divides the scores by the width: use its root": (
        lambda q, k, v: mix(weigh(q, k, q.shape[-1]), v)
    ),
    "your result matches if the root is of one head's width, not of all heads together": (
        lambda q, k, v: mix(weigh(q, k, (q.shape[-2] * q.shape[-1]) ** 0.5), v)
    ),
    "your result sees the future: mask the keys behind the query": (
        lambda q, k, v: mix(
            weigh(q, k, q.shape[-1] ** 0.5, ~future_of(q.shape[1]).fill_(True)), v
        )
    ),
    "your result matches if the mask comes before the softmax: your weights do not sum to 1": (
        mask_after_softmax
    ),
    "your result is nan: a query may see its own place, so mask with triu(1)": (
        lambda q, k, v: mix(
            weigh(q, k, q.shape[-1] ** 0.5, torch.ones(q.shape[1], q.shape[1]).triu(0).bool()),
            v,
        )
    ),
    "your result sees the future and not the past: the mask is upside down": (
        lambda q, k, v: mix(weigh(q, k, q.shape[-1] ** 0.5, future_of(q.shape[1]).T), v)
    ),
    "your result matches if the softmax is over the keys: yours is over the queries": (
        lambda q, k, v: mix(weigh(q, k, q.shape[-1] ** 0.5, dim=-2), v)
    ),
    "your result has the right numbers in wrong places: heads come after time before they merge": (
        heads_not_moved
    ),
    "your result matches if the heads of a token are merged: flatten the last two axes": (
        lambda q, k, v: attention(q, k, v).unflatten(-1, v.shape[-2:])
    ),
    "your result cuts time and heads anew: transpose(1, 2), and not a reshape": reshaped_heads,
    "your result divides by the root of the values' width: take that of the queries": (
        lambda q, k, v: mix(weigh(q, k, v.shape[-1] ** 0.5), v)
    ),
    "your result lets heads look at heads: F.scaled_dot_product_attention wants heads first": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True).flatten(2)
    ),
    "your result matches if queries look at keys: yours has q and k exchanged": (
        lambda q, k, v: attention(k, q, v)
    ),
}


# ---- 3.4  bigram_gradient(table, input_ids)


def pairs(input_ids):
    """Each token and the one after it, two flat tensors."""
    return input_ids[:, :-1].flatten(), input_ids[:, 1:].flatten()


def slopes(table, now, after, one_hot=1.0, dim=-1):
    """Gradient of the loss of each single pair with respect to its logits, (pairs, vocab)."""
    slope = table[now].softmax(dim)
    slope[torch.arange(len(now)), after] -= one_hot
    return slope


def added_up(table, now, slope):
    return torch.zeros_like(table).index_add(0, now, slope)


def bigram_gradient(table, input_ids):
    now, after = pairs(input_ids)
    return added_up(table, now, slopes(table, now, after)) / len(now)


def bigram_inputs():
    def case(vocab, input_ids):
        g = torch.Generator().manual_seed(vocab)
        return torch.randn(vocab, vocab, generator=g), torch.tensor(input_ids)

    return {
        "no token twice": case(6, [[3, 1, 5, 0]]),
        "a token that comes again": case(4, [[2, 1, 2, 3, 2, 2, 0]]),
        "two texts": case(5, [[0, 1, 4, 1], [3, 0, 1, 2]]),
    }


def last_pair_wins(table, input_ids):
    now, after = pairs(input_ids)
    slope, gradient = slopes(table, now, after), torch.zeros_like(table)
    for row, token in enumerate(now.tolist()):  # what gradient[now] += slope leaves
        gradient[token] = slope[row]
    return gradient / len(now)


def by_column(table, input_ids):
    now, after = pairs(input_ids)
    return added_up(table, now, slopes(table, now, after)).T / len(now)


def of(now, after, table):
    return added_up(table, now, slopes(table, now, after)) / len(now)


BIGRAM_MISTAKES = {
    "your result loses pairs: gradient[now] += ... writes a row that comes twice only once": (
        last_pair_wins
    ),
    "your result is of the summed loss: divide by the number of pairs": (
        lambda table, ids: bigram_gradient(table, ids) * len(pairs(ids)[0])
    ),
    "your result is divided by the number of texts: the mean is over all pairs": (
        lambda table, ids: bigram_gradient(table, ids) * len(pairs(ids)[0]) / len(ids)
    ),
    "your result is divided by all tokens: the last one of a text predicts nothing": (
        lambda table, ids: bigram_gradient(table, ids) * len(pairs(ids)[0]) / ids.numel()
    ),
    "your result has the wrong sign: it is p - one-hot": (
        lambda table, ids: -bigram_gradient(table, ids)
    ),
    "your result has its softmax over dim=0, the pairs: use dim=-1, the vocabulary": (
        lambda table, ids: (
            added_up(table, pairs(ids)[0], slopes(table, *pairs(ids), dim=0))
            / len(pairs(ids)[0])
        )
    ),
    "your result has the softmax of each column, dim=0: a row holds the logits of one token": (
        lambda table, ids: (
            bigram_gradient(table, ids)
            + added_up(
                table, pairs(ids)[0], (table.softmax(0) - table.softmax(1))[pairs(ids)[0]]
            )
            / len(pairs(ids)[0])
        )
    ),
    "your result is p: the token that came has to get p - 1": (
        lambda table, ids: (
            added_up(table, pairs(ids)[0], slopes(table, *pairs(ids), one_hot=0.0))
            / len(pairs(ids)[0])
        )
    ),
    "your result has rows and columns exchanged: row i belongs to the token that was there": (
        by_column
    ),
    "your result matches if a token predicts the next one: yours predicts itself": (
        lambda table, ids: of(ids[:, :-1].flatten(), ids[:, :-1].flatten(), table)
    ),
    "your result matches if the next token is predicted: yours predicts the one before": (
        lambda table, ids: of(*reversed(pairs(ids)), table)
    ),
    "your result has a pair that reaches from one text into the next: shift first, then flatten": (
        lambda table, ids: of(ids.flatten()[:-1], ids.flatten()[1:], table)
    ),
}


# ---- 3.11 to 3.14: the self-test


def center_columns(x):
    return x - x.mean(axis=0)


def center_inputs():
    rng = np.random.default_rng(0)
    return {
        "three rows, two columns": (rng.normal(size=(3, 2)),),
        "a square table": (rng.normal(size=(3, 3)),),
    }


CENTER_MISTAKES = {
    "your result subtracts the mean of each row: the mean of a column is along axis 0": (
        lambda x: x - x.mean(axis=1, keepdims=True)
    ),
    "your result subtracts row means from columns: the mean of a column is along axis 0": (
        lambda x: x - x.mean(axis=1)
    ),
    "your result subtracts one mean of the whole table: each column has its own": (
        lambda x: x - x.mean()
    ),
    "your result is the means: subtract them from x": lambda x: x.mean(axis=0),
}


def pick(x, columns):
    return x[np.arange(len(x)), columns]


def pick_inputs():
    rng = np.random.default_rng(0)
    return {
        "three rows, four columns": (rng.normal(size=(3, 4)), np.array([3, 0, 2])),
        "a square table": (rng.normal(size=(4, 4)), np.array([1, 1, 3, 0])),
    }


PICK_MISTAKES = {
    "your result has these columns of every row: give the rows too, np.arange(len(x))": (
        lambda x, columns: x[:, columns]
    ),
    "your result has whole rows: the first index is the row, the second the column": (
        lambda x, columns: x[columns]
    ),
    "your result has rows and columns exchanged": (
        lambda x, columns: x[columns, np.arange(len(x))]
    ),
    "your result has a column too many: flatten it": (
        lambda x, columns: np.take_along_axis(x, columns[:, None], axis=1)
    ),
}


def layer(x, w, b):
    return x @ w.T + b


def layer_inputs():
    rng = np.random.default_rng(0)

    def case(batch, inputs, outputs):
        shapes = (batch, inputs), (outputs, inputs), (outputs,)
        return tuple(rng.normal(size=shape) for shape in shapes)

    return {
        "two rows, three inputs, four outputs": case(2, 3, 4),
        "all of size 3": case(3, 3, 3),
    }


LAYER_MISTAKES = {
    "your result matches if w is transposed: its rows are the outputs": (
        lambda x, w, b: x @ w + b
    ),
    "your result matches after the bias b is added": lambda x, w, b: x @ w.T,
    "your result lies on its side: examples are rows": lambda x, w, b: (x @ w.T + b).T,
    "your result adds one bias to each example: b has one number for each output": (
        lambda x, w, b: x @ w.T + b[:, None]
    ),
    "your result multiplies number by number: a matrix product is @": lambda x, w, b: x * w + b,
}


def without_negatives(x):
    return np.where(x < 0, 0, x)


def negatives_inputs():
    return {
        "four numbers": (np.array([-1.0, 2.0, -3.0, 4.0]),),
        "a table": (np.array([[0.5, -0.5], [-7.0, 0.0]]),),
    }


NEGATIVES_MISTAKES = {
    "your result drops the minus signs: negatives become 0": np.abs,
    "your result leaves the negatives out: they become 0, and the shape stays": (
        lambda x: x[x >= 0]
    ),
    "your result keeps the negatives and drops the rest": lambda x: np.where(x < 0, x, 0),
    "your result says where x is positive: keep the numbers": lambda x: x > 0,
}


EXERCISES = {
    "3.1": Exercise(logsumexp, logsumexp_inputs, LOGSUMEXP_MISTAKES),
    "3.2": Exercise(answer_log_prob, answer_inputs, ANSWER_MISTAKES),
    "3.3": Exercise(attention, attention_inputs, ATTENTION_MISTAKES),
    "3.4": Exercise(bigram_gradient, bigram_inputs, BIGRAM_MISTAKES),
    "3.11": Exercise(center_columns, center_inputs, CENTER_MISTAKES),
    "3.12": Exercise(pick, pick_inputs, PICK_MISTAKES),
    "3.13": Exercise(layer, layer_inputs, LAYER_MISTAKES),
    "3.14": Exercise(without_negatives, negatives_inputs, NEGATIVES_MISTAKES),
}
