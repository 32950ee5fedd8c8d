"""Day 15, RMSNorm: right answers, and the mistakes people really make."""

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def widen(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def unit(x, eps, dim=-1, mean_square=None, inverse=torch.rsqrt):
    """x with RMS 1, in the dtype of x; the statistics can be set wrong."""
    wide = widen(x)
    power = wide.square().mean(dim, keepdim=True) if mean_square is None else mean_square
    return (wide * inverse(power + eps)).to(x.dtype)


def centered(x):
    return x - x.mean(-1, keepdim=True)


def variance(x):
    return widen(x).var(-1, keepdim=True, correction=0)


def eps_outside(x, eps):
    return unit(x, 0.0, inverse=lambda power: 1 / (power.sqrt() + eps))


def narrow(x, eps):
    """All in the dtype of x: squares overflow float16."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


# ---- 15.1  rms_norm(x, weight, eps)


def rms_norm(x, weight, eps):
    return unit(x, eps) * weight.to(x.dtype)


def rms_norm_inputs():
    weight, ordinary = randn(5, seed=1), randn(3, 4, 5, seed=0) + 1
    loud = (1000 * randn(2, 5, seed=2)).half()
    return {
        "ordinary numbers": (ordinary, weight, 1e-6),
        "a large eps": (randn(5, 5, seed=3) + 1, weight, 0.5),
        "quiet numbers": (1e-3 * ordinary, weight, 1e-6),
        "loud float16": (loud, weight.half(), 1e-6),
        "bfloat16": (ordinary.bfloat16(), weight.bfloat16(), 1e-6),
    }


RMS_NORM_MISTAKES = {
    "your result matches if eps is moved inside the square root": (
        lambda x, w, eps: eps_outside(x, eps) * w.to(x.dtype)
    ),
    "your result matches if eps is added to the mean square: it is missing": (
        lambda x, w, eps: rms_norm(x, w, 0.0)
    ),
    "your result matches if the argument eps is used: yours is always 1e-6": (
        lambda x, w, eps: rms_norm(x, w, 1e-6)
    ),
    "your result matches if the argument eps is used: yours is always 1e-5": (
        lambda x, w, eps: rms_norm(x, w, 1e-5)
    ),
    "your result matches if eps is added: yours is a lower limit of the mean square": (
        lambda x, w, eps: (
            unit(x, 0.0, mean_square=widen(x).square().mean(-1, keepdim=True).clamp(min=eps))
            * w.to(x.dtype)
        )
    ),
    "your result matches if the statistics are taken in float32: yours overflow in float16": (
        lambda x, w, eps: narrow(x, eps) * w.to(x.dtype)
    ),
    "your result matches if it is narrowed to the dtype of x: yours stays wide": (
        lambda x, w, eps: rms_norm(widen(x), w, eps)
    ),
    "your result matches if the weight is applied: it is missing": (
        lambda x, w, eps: unit(x, eps)
    ),
    "your result matches if the weight is applied last: yours is in the statistics": (
        lambda x, w, eps: unit(widen(x) * w, eps).to(x.dtype)
    ),
    "your result matches if you multiply by weight: yours is Gemma's 1 + weight": (
        lambda x, w, eps: rms_norm(x, 1 + w, eps)
    ),
    "your result matches if you stop subtracting the mean: this is LayerNorm": (
        lambda x, w, eps: rms_norm(centered(widen(x)), w, eps).to(x.dtype)
    ),
    "your result matches if you divide by the RMS: yours is the standard deviation": (
        lambda x, w, eps: unit(x, eps, mean_square=variance(x)) * w.to(x.dtype)
    ),
    "your result matches if you divide by the RMS: x.std() removes the mean, and has no eps": (
        lambda x, w, eps: x / x.std(-1, keepdim=True) * w
    ),
    "your result matches if the sum of squares becomes a mean: this is the L2 norm": (
        lambda x, w, eps: (
            unit(x, eps, mean_square=widen(x).square().sum(-1, keepdim=True)) * w.to(x.dtype)
        )
    ),
    "your result matches if the mean is of squares: yours is of absolute values": (
        lambda x, w, eps: (
            unit(x, eps, mean_square=widen(x).abs().mean(-1, keepdim=True).square())
            * w.to(x.dtype)
        )
    ),
    "your result matches if you take the square root of the mean square": (
        lambda x, w, eps: unit(x, eps, inverse=torch.reciprocal) * w.to(x.dtype)
    ),
    "your result matches if you multiply by rsqrt instead of dividing by it": (
        lambda x, w, eps: unit(x, eps, inverse=torch.sqrt) * w.to(x.dtype)
    ),
    "your result matches if each token gets its own mean: yours runs over the whole tensor": (
        lambda x, w, eps: unit(x, eps, dim=None) * w.to(x.dtype)
    ),
    "your result matches if each token gets its own mean: yours runs over all tokens of a text": (
        lambda x, w, eps: unit(x, eps, dim=(-2, -1)) * w.to(x.dtype)
    ),
    "your result matches if the mean runs over the features (dim=-1), not over the tokens": (
        lambda x, w, eps: unit(x, eps, dim=-2) * w.to(x.dtype)
    ),
}


# ---- 15.2  qk_norm(q, weight, n_head, eps)


def per_head(q, weight, n_head, norm):
    """norm(heads) * weight, with the heads split and merged again."""
    return (norm(q.unflatten(-1, (n_head, -1))) * weight).flatten(-2)


def qk_norm(q, weight, n_head, eps):
    return per_head(q, weight, n_head, lambda heads: unit(heads, eps))


def qk_norm_inputs():
    scale = torch.arange(1.0, 13.0)  # heads of very different loudness
    q, weight = randn(2, 5, 12, seed=0) * scale + 1, randn(6, seed=1)
    return {
        "2 heads of 6": (q, weight, 2, 1e-6),
        "4 heads of 3": (randn(1, 3, 12, seed=2) * scale + 1, randn(3, seed=3), 4, 1e-6),
        "a large eps": (q, weight, 2, 20.0),
        "quiet numbers": (1e-4 * q, weight, 2, 1e-6),
        "loud float16": ((300 * q).half(), weight.half(), 2, 1e-6),
    }


def wrong_split(q, weight, n_head, eps):
    """Features of a head taken n_head apart, as if q were (..., head_dim, n_head)."""
    return (unit(q.unflatten(-1, (-1, n_head)).mT, eps) * weight).mT.flatten(-2)


def not_transposed_back(q, weight, n_head, eps):
    """Heads moved before the tokens, and then only reshaped."""
    heads = q.unflatten(-1, (n_head, -1)).transpose(-3, -2)  # (B, n_head, T, head_dim)
    return (unit(heads, eps) * weight).reshape(q.shape)


QK_NORM_MISTAKES = {
    "your result matches if each head is normalized alone, not all heads together": (
        lambda q, w, n, eps: unit(q, eps) * w.repeat(n)
    ),
    "your result matches if the heads are merged again: end with shape (B, T, n_head * head_dim)": (
        lambda q, w, n, eps: qk_norm(q, w, n, eps).unflatten(-1, (n, -1))
    ),
    "your result matches if you split into (n_head, head_dim), in this order": wrong_split,
    "your result matches if heads and tokens are swapped back before you merge": (
        not_transposed_back
    ),
    "your result matches if the mean runs over head_dim, not over the heads": (
        lambda q, w, n, eps: per_head(q, w, n, lambda heads: unit(heads, eps, dim=-2))
    ),
    "your result matches if each token gets its own mean, not one for all tokens of a head": (
        lambda q, w, n, eps: per_head(q, w, n, lambda heads: unit(heads, eps, dim=(-3, -1)))
    ),
    "your result matches if you stop subtracting the mean: this is LayerNorm in each head": (
        lambda q, w, n, eps: per_head(
            q, w, n, lambda heads: unit(centered(widen(heads)), eps).to(q.dtype)
        )
    ),
    "your result matches if the weight is applied: it is missing": (
        lambda q, w, n, eps: qk_norm(q, torch.ones_like(w), n, eps)
    ),
    "your result matches if you multiply by weight: yours is Gemma's 1 + weight": (
        lambda q, w, n, eps: qk_norm(q, 1 + w, n, eps)
    ),
    "your result matches if eps is moved inside the square root": (
        lambda q, w, n, eps: per_head(q, w, n, lambda heads: eps_outside(heads, eps))
    ),
    "your result matches if eps is added to the mean square: it is missing": (
        lambda q, w, n, eps: qk_norm(q, w, n, 0.0)
    ),
    "your result matches if the argument eps is used: yours is always 1e-6": (
        lambda q, w, n, eps: qk_norm(q, w, n, 1e-6)
    ),
    "your result matches if the sum of squares becomes a mean: this is the L2 norm": (
        lambda q, w, n, eps: per_head(
            q,
            w,
            n,
            lambda h: unit(h, eps, mean_square=widen(h).square().sum(-1, keepdim=True)),
        )
    ),
    "your result matches if the statistics are taken in float32: yours overflow in float16": (
        lambda q, w, n, eps: per_head(q, w, n, lambda heads: narrow(heads, eps))
    ),
    "your result matches if it is narrowed to the dtype of q: yours stays wide": (
        lambda q, w, n, eps: qk_norm(widen(q), w, n, eps)
    ),
}


# ---- 15.3  fold(weight, W)


def fold(weight, W):
    return W * weight


def fold_inputs():
    weight = randn(6, seed=4)
    weight[2] = 0.0
    return {
        "a square W": (randn(4, seed=0), randn(4, 4, seed=1)),
        "a wide W": (randn(6, seed=2), randn(4, 6, seed=3)),
        "a feature that is switched off": (weight, randn(3, 6, seed=5)),
        "bfloat16": (weight.bfloat16(), randn(3, 6, seed=5).bfloat16()),
    }


FOLD_MISTAKES = {
    "your result matches if the columns of W are scaled, not its rows": (
        lambda weight, W: weight[:, None] * W
    ),
    "your result matches if it is transposed: keep W's shape (out, dim)": (
        lambda weight, W: (W * weight).T
    ),
    "your result matches if you multiply by the weight instead of dividing": (
        lambda weight, W: W / weight
    ),
    "your result matches if you multiply by weight: yours is Gemma's 1 + weight": (
        lambda weight, W: W * (1 + weight)
    ),
    "your result is W itself: the weight is not in it yet": lambda weight, W: W.clone(),
    "your result is one vector, W @ weight: scale the columns of W instead": (
        lambda weight, W: W @ weight
    ),
    "your result matches if it is narrowed to the dtype of W: yours is wide": (
        lambda weight, W: W.float() * weight.float()
    ),
}


# ---- 15.4  rms_norm_backward(dy, x, weight, eps)


def rms_norm_backward(dy, x, weight, eps):
    return backward_with()(dy, x, weight, eps)


def mean_along(g, x_hat, x):
    return x_hat * (g * x_hat).mean(-1, keepdim=True)


def backward_with(along=mean_along, inv_power=1, weighted=True, eps_counts=True):
    """The backward pass; `along(g, x_hat, x)` is what gets subtracted from g."""

    def backward(dy, x, weight, eps):
        inv_rms = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps * eps_counts)
        x_hat, g = x * inv_rms, dy * weight if weighted else dy
        return inv_rms**inv_power * (g - along(g, x_hat, x))

    return backward


def backward_inputs():
    dy, x, weight = randn(2, 3, 6, seed=0), 3 * randn(2, 3, 6, seed=1), randn(6, seed=2)
    return {
        "ordinary numbers": (dy, x, weight, 1e-6),
        "a large eps": (dy, x, weight, 2.0),
        "quiet numbers": (dy, 1e-3 * x, weight, 1e-6),
    }


BACKWARD_MISTAKES = {
    "your result matches if you also subtract the part of g along x_hat: inv_rms depends on x": (
        backward_with(lambda g, x_hat, x: torch.zeros_like(g))
    ),
    "your result matches if the projection is subtracted: yours is added": (
        backward_with(lambda g, x_hat, x: -mean_along(g, x_hat, x))
    ),
    "your result matches if the projection uses mean, not sum": (
        backward_with(lambda g, x_hat, x: x_hat * (g * x_hat).sum(-1, keepdim=True))
    ),
    "your result matches if each token has its own projection: your mean runs over all of them": (
        backward_with(lambda g, x_hat, x: x_hat * (g * x_hat).mean())
    ),
    "your result matches if each token has its own projection: your mean runs over a whole text": (
        backward_with(lambda g, x_hat, x: x_hat * (g * x_hat).mean((-2, -1), keepdim=True))
    ),
    "your result matches if x_hat * mean(g * x_hat) goes: yours is exactly perpendicular to x": (
        backward_with(
            lambda g, x_hat, x: (
                x * (g * x).sum(-1, keepdim=True) / x.square().sum(-1, keepdim=True)
            )
        )
    ),
    "your result matches if the argument eps is used: yours is always 1e-6": (
        lambda dy, x, weight, eps: backward_with()(dy, x, weight, 1e-6)
    ),
    "your result matches if the projection uses the normalized x_hat twice, not x": (
        backward_with(lambda g, x_hat, x: x_hat * (g * x).mean(-1, keepdim=True))
    ),
    "your result matches if the mean of g is left in: only the part along x_hat goes": (
        backward_with(
            lambda g, x_hat, x: g.mean(-1, keepdim=True) + mean_along(g, x_hat, x),
        )
    ),
    "your result matches if dy meets the weight before the projection: yours does after it": (
        lambda dy, x, weight, eps: weight * backward_with()(dy, x, torch.ones_like(weight), eps)
    ),
    "your result matches if dy is first multiplied by the weight": (
        backward_with(weighted=False)
    ),
    "your result matches if eps is added to the mean square: it is missing": (
        backward_with(eps_counts=False)
    ),
    "your result matches if it is multiplied by inv_rms once: the factor is missing": (
        backward_with(inv_power=0)
    ),
    "your result matches if it is multiplied by inv_rms once, not twice": (
        backward_with(inv_power=2)
    ),
}


EXERCISES = {
    "15.1": Exercise(rms_norm, rms_norm_inputs, RMS_NORM_MISTAKES),
    "15.2": Exercise(qk_norm, qk_norm_inputs, QK_NORM_MISTAKES),
    "15.3": Exercise(fold, fold_inputs, FOLD_MISTAKES),
    "15.4": Exercise(rms_norm_backward, backward_inputs, BACKWARD_MISTAKES),
}
