"""Day 7, self-attention: right answers, and the mistakes people really make."""

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 7.1  weights(query, keys): (head_dim,), (n, head_dim) -> n numbers


def as_list(function):
    """The same function with a list as its result, which tensors and arrays are compared with."""
    return lambda *args: function(*args).tolist()


def weights(query, keys):
    return (keys @ query / len(query) ** 0.5).softmax(0)


def weights_inputs():
    keys = torch.tensor([[4.0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]])
    return {
        "three keys of four numbers": (torch.tensor([1.0, 0.0, 2.0, -1.0]), keys),
        "one key": (randn(9, seed=0), randn(1, 9, seed=1)),
        "keys that are all alike": (randn(6, seed=2), torch.ones(5, 6)),
        "loud keys": (10 * randn(16, seed=3), 30 * randn(6, 16, seed=4)),
        "many keys": (randn(8, seed=5), randn(40, 8, seed=6)),
    }


def plain_exp(scores):
    return scores.exp() / scores.exp().sum()


WEIGHTS_MISTAKES = {
    "your result matches if the scores are divided by the root of head_dim": (
        lambda q, k: (k @ q).softmax(0)
    ),
    "your result matches if you divide by the root of head_dim: yours is head_dim itself": (
        lambda q, k: (k @ q / len(q)).softmax(0)
    ),
    "your result matches if you divide by the root of head_dim: yours is that of their number": (
        lambda q, k: (k @ q / len(k) ** 0.5).softmax(0)
    ),
    "your result matches if you divide by the root of head_dim: yours multiplies": (
        lambda q, k: (k @ q * len(q) ** 0.5).softmax(0)
    ),
    "your result matches if the largest score is subtracted first: yours overflows": (
        lambda q, k: plain_exp(k @ q / len(q) ** 0.5)
    ),
    "your result matches if the scores go through a softmax": (
        lambda q, k: k @ q / len(q) ** 0.5
    ),
    "your result matches if you stop before the mixture: weights are asked for, one for each key": (
        lambda q, k: weights(q, k) @ k
    ),
    "your result matches if the softmax goes over the keys: yours goes over something else": (
        lambda q, k: torch.ones(len(k))
    ),
    "your result matches if the scores are dot products: yours are cosines": (
        lambda q, k: (torch.cosine_similarity(k, q[None], dim=-1) / len(q) ** 0.5).softmax(0)
    ),
    "your result matches if the scores are dot products: yours are negative distances": (
        lambda q, k: (-(k - q).norm(dim=-1) / len(q) ** 0.5).softmax(0)
    ),
    "your result matches if weights come from a softmax: yours are scores over their sum": (
        lambda q, k: (k @ q) / (k @ q).sum()
    ),
    "your result matches if the weights sum to 1: yours are sigmoids": (
        lambda q, k: (k @ q / len(q) ** 0.5).sigmoid()
    ),
}


# ---- 7.2  running_mean(x): (batch, time, width) -> the same


def running_mean(x):
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]


def running_mean_inputs():
    return {
        "one text of five tokens": (randn(1, 5, 3, seed=0),),
        "a batch": (randn(4, 6, 2, seed=1),),
        "a single token": (randn(2, 1, 3, seed=2),),
        "a long text": (randn(1, 3000, 2, seed=3) + 1,),
        "float64": (randn(2, 4, 4, seed=4).double(),),
    }


def without_itself(x):
    before = x.cumsum(1) - x
    return before / torch.arange(x.shape[1]).clamp(min=1)[:, None]


def running_weighted_by_half(x):
    means = [x[:, 0]]
    for i in range(1, x.shape[1]):
        means.append((means[-1] + x[:, i]) / 2)
    return torch.stack(means, dim=1)


RUNNING_MEAN_MISTAKES = {
    "your result matches if each sum is divided by the number of tokens in it": (
        lambda x: x.cumsum(1)
    ),
    "your result matches if each sum is divided by its own count: yours is the whole length": (
        lambda x: x.cumsum(1) / x.shape[1]
    ),
    "your result matches if the count starts at 1: yours starts at 0": (
        lambda x: x.cumsum(1) / torch.arange(x.shape[1])[:, None]
    ),
    "your result matches if the count starts at 1: yours starts at 2": (
        lambda x: x.cumsum(1) / torch.arange(2, x.shape[1] + 2)[:, None]
    ),
    "your result matches if a token counts itself: yours takes only those before it": (
        without_itself
    ),
    "your result matches if each token looks back: yours is one mean of the whole text": (
        lambda x: x.mean(1, keepdim=True).expand_as(x)
    ),
    "your result matches if the sum runs over time, axis 1: yours runs over the batch": (
        lambda x: x.cumsum(0) / torch.arange(1, x.shape[0] + 1)[:, None, None]
    ),
    "your result matches if the sum runs over time, axis 1: yours runs over the features": (
        lambda x: x.cumsum(2) / torch.arange(1, x.shape[2] + 1)
    ),
    "your result matches if each token looks back: yours looks ahead": (
        lambda x: running_mean(x.flip(1)).flip(1)
    ),
    "your result matches if all earlier tokens count alike: yours halves the old mean each time": (
        running_weighted_by_half
    ),
    "your result matches if float64 stays float64: yours is narrowed to float32": (
        lambda x: running_mean(x).float()
    ),
}


# ---- 7.3  knows_order(model, x): a function of (time, width) -> (time, width), and such an x


def knows_order(model, x):
    """Whether some exchange of two tokens does more than exchange their outputs."""
    before = model(x)
    for i in range(len(x)):
        for j in range(i):
            order = torch.arange(len(x))
            order[[i, j]] = order[[j, i]]
            if not torch.allclose(model(x[order]), before[order], rtol=1e-4, atol=1e-5):
                return True
    return False


def some_attention(x):
    width = x.shape[-1]
    query, key, value = (randn(width, width, seed=seed) for seed in (10, 11, 12))
    return (x @ query @ (x @ key).T / width).softmax(-1) @ x @ value


def each_token_alone(x):
    return (x @ randn(x.shape[-1], x.shape[-1], seed=13)).relu()


def with_positions(x):
    return some_attention(x + randn(100, x.shape[-1], seed=14)[: len(x)])


def means_so_far(x):
    return running_mean(x[None])[0]


def both_neighbors(x):
    """Each token plus the mean of the two beside it: a text read backward gives the same."""
    around = torch.cat([x[:1], x, x[-1:]])
    return x + (around[:-2] + around[2:]) / 2


def in_a_circle(x):
    """The last token is followed by the first: nothing changes if the text is rolled on."""
    return x + x.roll(1, 0)


def first_is_special(x):
    return torch.cat([2 * x[:1], x[1:]])


def last_is_special(x):
    return torch.cat([x[:-1], x[-1:] + 5])


def mean_of_all(x):
    return x.mean(0).expand_as(x)


def almost_silent_order(x):
    return x + 0.01 * means_so_far(x)


def knows_order_inputs():
    x = randn(7, 4, seed=0)
    models = {
        "attention": some_attention,
        "attention with positions": with_positions,
        "each token alone": each_token_alone,
        "the mean of all": mean_of_all,
        "means of the tokens so far": means_so_far,
        "the two neighbors": both_neighbors,
        "neighbors in a circle": in_a_circle,
        "a special first token": first_is_special,
        "a faint trace of order": almost_silent_order,
        "a special last token": last_is_special,
    }
    short = {f"{name}, three tokens": (model, x[:3]) for name, model in models.items()}
    return {name: (model, x) for name, model in models.items()} | short


def judge(same, orders):
    """A test that tries these orders, and compares by same(model of x in order, model, order)."""

    def judged(model, x):
        tried = [torch.as_tensor(order) for order in orders(len(x))]
        return not all(same(model(x[order]), model(x), order) for order in tried)

    return judged


def shuffled(n):
    return [torch.randperm(n, generator=torch.Generator().manual_seed(s)) for s in range(20)]


def reversal(n):
    return [list(range(n))[::-1]]


def rolled(n):
    return [[*range(1, n), 0]]


def middle(n):
    return [[0, 2, 1, *range(3, n)]]


def close(a, b):
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def moved_along(after, before, order):
    return close(after, before[order])


KNOWS_ORDER_MISTAKES = {
    "your result matches if each output is compared with that of the same token: move both alike": (
        judge(lambda after, before, order: close(after, before), shuffled)
    ),
    "your result matches if a little rounding is allowed: sums in another order differ": (
        judge(lambda after, before, order: torch.equal(after, before[order]), shuffled)
    ),
    "your result matches if it is turned around: True is for a model that knows order": (
        lambda model, x: not knows_order(model, x)
    ),
    "your result matches if more orders are tried: some models read backward alike": (
        judge(moved_along, reversal)
    ),
    "your result matches if more orders are tried: some models do not notice a text rolled on": (
        judge(moved_along, rolled)
    ),
    "your result matches if more places are exchanged: yours leaves some token where it is": (
        judge(moved_along, middle)
    ),
    "your result matches if more orders are tried: one order can miss": (
        judge(moved_along, lambda n: shuffled(n)[:1])
    ),
    "your result matches if the first two may be exchanged unnoticed: try more orders": (
        judge(moved_along, lambda n: [[1, 0, *range(2, n)]])
    ),
    "your result matches if one order that shows it is enough: yours wants every order to": (
        lambda model, x: all(
            not moved_along(model(x[o]), model(x), o) for o in shuffled(len(x))
        )
    ),
    "your result matches if each output is compared: yours compares their sums": (
        judge(lambda after, before, order: close(after.sum(0), before.sum(0)), shuffled)
    ),
    "your result matches if a faint trace counts too: your tolerance is too wide": (
        judge(
            lambda after, before, order: torch.allclose(after, before[order], atol=0.05),
            shuffled,
        )
    ),
    "your result matches if the tokens are permuted, not their features": (
        lambda model, x: not close(model(x.flip(-1)), model(x).flip(-1))
    ),
}


# ---- 7.4  in_chunks(q, k, v, size): (queries, head_dim), (time, head_dim), (time, width)


def in_chunks(q, k, v, size):
    return chunked()(q, k, v, size)


def chunked(
    rescale_sum=True,
    rescale_mixture=True,
    scale=True,
    first_maximum=False,
    divide_each=False,
    start=-torch.inf,
):
    """Attention that holds the scores of `size` keys at a time; parts can be left out."""

    def answer(q, k, v, size):
        top = q.new_full((len(q), 1), start)
        total, mixture = q.new_zeros(len(q), 1), q.new_zeros(len(q), v.shape[-1])
        for i in range(0, len(k), size):
            scores = q @ k[i : i + size].T / (q.shape[-1] ** 0.5 if scale else 1)
            new = scores.amax(-1, keepdim=True).maximum(top)
            new = top if first_maximum and i else new
            shrink = (top - new).exp()
            parts = (scores - new).exp()
            total = total * (shrink if rescale_sum else 1) + parts.sum(-1, keepdim=True)
            mixture = mixture * (shrink if rescale_mixture else 1) + parts @ v[i : i + size]
            mixture = mixture / total if divide_each else mixture
            top = new
        return mixture if divide_each else mixture / total

    return answer


def attention(q, k, v):
    return (q @ k.T / q.shape[-1] ** 0.5).softmax(-1) @ v


def each_chunk(q, k, v, size):
    pieces = [(k[i : i + size], v[i : i + size]) for i in range(0, len(k), size)]
    return torch.stack([attention(q, *piece) for piece in pieces])


def without_maximum(q, k, v, size):
    scores = (q @ k.T / q.shape[-1] ** 0.5).exp()
    return scores @ v / scores.sum(-1, keepdim=True)


def not_divided(q, k, v, size):
    scores = q @ k.T / q.shape[-1] ** 0.5
    return (scores - scores.amax(-1, keepdim=True)).exp() @ v


def whole_chunks(q, k, v, size):
    end = len(k) // size * size or size
    return attention(q, k[:end], v[:end])


def in_chunks_inputs():
    q, k, v = randn(3, 4, seed=0), randn(6, 4, seed=1), randn(6, 2, seed=2)
    rising = (
        k + torch.arange(6.0)[:, None] * q[:1]
    )  # for the first query the best key is the last
    return {
        "three chunks of two": (q, k, v, 2),
        "a last chunk that is not full": (q, k, v, 4),
        "one chunk for all": (q, k, v, 100),
        "a chunk for each key": (q, k, v, 1),
        "scores that rise": (q, rising, v, 2),
        "loud scores": (30 * q, 30 * k, v, 2),
        "very loud scores that rise": (30 * q, 30 * rising, v, 3),
        "scores that are all very low": (torch.ones(2, 4), randn(6, 4, seed=3) - 100, v, 2),
    }


IN_CHUNKS_MISTAKES = {
    "your result matches if the running maximum starts at -∞: yours starts at 0": (
        chunked(start=0.0)
    ),
    "your result matches if the chunks share one sum: yours is the mean of their own answers": (
        lambda q, k, v, size: each_chunk(q, k, v, size).mean(0)
    ),
    "your result matches if the chunks share one sum: yours adds up their own answers": (
        lambda q, k, v, size: each_chunk(q, k, v, size).sum(0)
    ),
    "your result is that of the last chunk alone": (
        lambda q, k, v, size: each_chunk(q, k, v, size)[-1]
    ),
    "your result matches if sum and mixture shrink when the maximum grows: yours keep their size": (
        chunked(rescale_sum=False, rescale_mixture=False)
    ),
    "your result matches if the sum shrinks too when the maximum grows": (
        chunked(rescale_sum=False)
    ),
    "your result matches if the mixture shrinks too when the maximum grows": (
        chunked(rescale_mixture=False)
    ),
    "your result matches if the maximum may grow: yours is that of the first chunk": (
        chunked(first_maximum=True)
    ),
    "your result matches if a running maximum is subtracted: yours overflows": without_maximum,
    "your result matches if the scores are divided by the root of head_dim": (
        chunked(scale=False)
    ),
    "your result matches if the mixture is divided by the sum at the end": not_divided,
    "your result matches if you divide once, at the end: yours divides in each chunk": (
        chunked(divide_each=True)
    ),
    "your result matches if the last chunk counts too, also where it is not full": whole_chunks,
}


EXERCISES = {
    "7.1": Exercise(as_list(weights), weights_inputs, {
        text: as_list(mistake) for text, mistake in WEIGHTS_MISTAKES.items()
    }),
    "7.2": Exercise(running_mean, running_mean_inputs, RUNNING_MEAN_MISTAKES),
    "7.3": Exercise(knows_order, knows_order_inputs, KNOWS_ORDER_MISTAKES),
    "7.4": Exercise(in_chunks, in_chunks_inputs, IN_CHUNKS_MISTAKES),
}  # fmt: skip
