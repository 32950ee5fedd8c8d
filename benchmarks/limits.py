"""The machine's own limit, at the model's own shapes: what nobody can beat by better software.

Training cannot be faster than its matrix products; decoding not faster than the weights and the
cache can be read. Both are measured here, beside the formulas of how much there is to do.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from helpers import runtime
from helpers.model.qwen3 import Qwen3Config

# ---- how much there is to do


def linear_shapes(config: Qwen3Config) -> dict[tuple[int, int], int]:
    """(inputs, outputs) of every linear layer, head included, and how often it comes."""
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    hidden, inner, layers = (
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
    )
    shapes: dict[tuple[int, int], int] = {}
    for shape, times in [
        ((hidden, queries), layers),
        ((hidden, keys), 2 * layers),  # keys and values
        ((queries, hidden), layers),
        ((hidden, inner), 2 * layers),  # gate and up
        ((inner, hidden), layers),
        ((hidden, config.vocab_size), 1),  # the head; looking up an embedding is no product
    ]:
        shapes[shape] = shapes.get(shape, 0) + times
    return shapes


def matmul_parameters(config: Qwen3Config) -> int:
    """Weights that a token is multiplied with: all but norms and the look-up of its embedding."""
    return sum(times * a * b for (a, b), times in linear_shapes(config).items())


def training_flops(config: Qwen3Config, context: int) -> int:
    """Floating-point operations of one token's forward and backward pass in rows of `context`.

    A weight takes a multiplication and an addition forward, twice as much backward: 6. A query
    meets `context` keys in two products of head_dim: 2 * 2 * context * head_dim a head forward,
    three times that in all; as is customary, the half that causality saves is counted too.
    Chowdhery et al. 2022, arXiv:2204.02311, appendix B.
    """
    width = config.num_attention_heads * config.head_dim
    attention = 12 * config.num_hidden_layers * width * context
    return 6 * matmul_parameters(config) + attention


def decoding_bytes(config: Qwen3Config, length: float, dtype: torch.dtype) -> int:
    """Bytes that one new token must read: the weights, and keys and values of `length` tokens."""
    keys = config.num_key_value_heads * config.head_dim
    numbers = matmul_parameters(config) + 2 * config.num_hidden_layers * keys * length
    return round(numbers * dtype.itemsize)


# ---- how fast the machine does that and nothing else


def matmul_seconds(
    config: Qwen3Config, batch: int, context: int, dtype: torch.dtype, device: torch.device
) -> float:
    """Time of all matrix products of a training step on (batch, context) tokens, forward and back.

    Each shape is timed alone; nothing else is done: no norm, no softmax, no optimizer.
    """

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, device=device).to(dtype)

    total = 0.0
    tokens = batch * context
    for (inputs, outputs), times in linear_shapes(config).items():
        x, weight, grad = (
            random(tokens, inputs),
            random(outputs, inputs),
            random(tokens, outputs),
        )
        total += times * timed(
            lambda x=x, w=weight: x @ w.T,
            lambda w=weight, g=grad: g @ w,  # the gradient of x
            lambda x=x, g=grad: g.T @ x,  # the gradient of the weight
        )
    rows = batch * config.num_attention_heads
    q, scores = random(rows, context, config.head_dim), random(rows, context, context)
    attention = timed(
        lambda: q @ q.mT,  # scores; and the gradient of the probabilities
        lambda: scores @ q,  # the mix of values; and the gradient of queries
        lambda: scores.mT @ q,  # the gradients of keys and of values
    )
    return total + 2 * config.num_hidden_layers * attention


def read_seconds(size: int, columns: int, device: torch.device) -> float:
    """Time to read `size` bytes once: the faster of a sum and a matrix-vector product over them.

    A small model's weights stay in the processor's cache from token to token, and so do these.
    """
    matrix = torch.randn(max(1, size // (4 * columns)), columns, device=device)
    vector = torch.randn(columns, device=device)
    once = min(runtime.seconds(matrix.sum, 30), runtime.seconds(lambda: matrix @ vector, 30))
    return once * size / matrix.nbytes


def timed(*works: Callable[[], object]) -> float:
    """Seconds that the works take one after the other, each by its median."""
    return sum(runtime.seconds(work) for work in works)
