"""What a Qwen3 costs, from its config alone: parameters, FLOPs, memory, time.

    size.parameters(config)                            numbers that training can change
    size.forward_flops(config, batch, time)            arithmetic of one forward pass
    size.training_memory(config, batch, time).peak     bytes at the worst moment of a step
    size.cache_bytes(config, batch, time)              keys and values while the model writes
    size.latent_cache_bytes(config, rank, batch, time) the same where latents are kept instead
    size.predicted_seconds(flops, moved, peak, bandwidth)
    with size.LiveBytes() as meter: ...                bytes of tensors that really are alive

Each formula is held against a measurement in tests/test_size.py. Only matrix products count as
FLOPs, two for each pair of numbers that meet: Kaplan et al. 2020, arXiv:2001.08361, §2.1.
"""

import weakref
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from helpers.model.qwen3 import Qwen3Config

# ---- parameters and FLOPs


def matrix_weights(config: Qwen3Config) -> int:
    """Numbers in the matrices that each token is multiplied with, the head included."""
    heads = config.num_attention_heads + config.num_key_value_heads
    attention = 2 * config.hidden_size * config.head_dim * heads  # q and o, k and v
    feed_forward = 3 * config.hidden_size * config.intermediate_size  # gate, up, down
    head = config.vocab_size * config.hidden_size
    return config.num_hidden_layers * (attention + feed_forward) + head


def parameters(config: Qwen3Config) -> int:
    """Numbers that training can change; a head that is the embedding table counts once."""
    norms = config.num_hidden_layers * 2 * (config.hidden_size + config.head_dim)
    norms += config.hidden_size  # the last one
    table = 0 if config.tie_word_embeddings else config.vocab_size * config.hidden_size
    return matrix_weights(config) + norms + table


def forward_flops(config: Qwen3Config, batch: int, time: int, past: int = 0) -> int:
    """FLOPs of one forward pass over `time` new tokens after `past` cached ones.

    Masked pairs of tokens count too, as in torch.utils.flop_counter.
    """
    tables = batch * time * matrix_weights(config)
    pairs = batch * time * (past + time) * config.num_attention_heads
    scores_and_mixture = config.num_hidden_layers * pairs * 2 * config.head_dim
    return 2 * (tables + scores_and_mixture)


def training_flops(config: Qwen3Config, batch: int, time: int) -> int:
    """FLOPs of a forward and a backward pass.

    Backward does two products for each one forward: for the gradients of both of its factors.
    """
    return 3 * forward_flops(config, batch, time)


# ---- memory


def activation_bytes(
    config: Qwen3Config,
    batch: int,
    time: int,
    dtype: torch.dtype = torch.float32,
    scores: bool = False,
) -> int:
    """Bytes that autograd keeps from a forward pass with its cross-entropy, weights left out.

    dtype: what autocast narrows products to; float32 means no autocast. scores: whether attention
    keeps all its scores, as without a fused kernel. ValueError for another dtype.
    """
    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(f"{dtype} is no dtype of autocast: use float32, bfloat16 or float16")
    n, half = dtype.itemsize, dtype != torch.float32
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    q, kv = heads * config.head_dim, kv_heads * config.head_dim
    norms = 4 * (4 * config.hidden_size + 2 + heads + kv_heads)
    reads = n * config.hidden_size * (5 if half else 2)  # of q, k, v and gate, up
    if scores:
        attention = 4 * (4 * q + heads * time) + 2 * n * q + (4 + n) * kv
    else:
        attention = (4 + 4 * n) * q + (4 + 3 * n) * kv + 4 * heads
    layer = norms + reads + attention + 4 * n * config.intermediate_size
    end = (8 + n) * config.hidden_size + 4 * (1 + config.vocab_size)
    copies = n * matrix_weights(config) if half else 0  # narrowed weights
    return batch * time * (config.num_hidden_layers * layer + end) + copies


def working_bytes(
    config: Qwen3Config,
    batch: int,
    time: int,
    dtype: torch.dtype = torch.float32,
    scores: bool = False,
) -> int:
    """Bytes that come and go at the worst moment of the backward pass, on top of the activations.

    At its beginning two gradients are as large as the logits. Where scores are kept, the last layer
    needs two as large as its scores; by then what the forward pass kept after them is gone.
    """
    n, hidden = dtype.itemsize, config.hidden_size
    reads = 8 * hidden + n * hidden * (1 if dtype == torch.float32 else 2)
    products = n * (config.num_attention_heads * config.head_dim + 4 * config.intermediate_size)
    gone = reads + products + 4 * config.vocab_size  # of the last feed-forward net and the end
    of_scores = 8 * config.num_attention_heads * time - gone if scores else 0
    return batch * time * max(8 * config.vocab_size, of_scores)


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes of a training step, part by part; master weights, gradients, Adam in float32."""

    weights: int
    moments: int  # Adam's two running means
    gradients: int
    activations: int  # kept for the backward pass
    working: int  # comes and goes while the backward pass begins
    tables: int  # gradients of a tied table, before they are added at the end of it

    @property
    def peak(self) -> int:
        """The most at any moment: gradients come while activations go."""
        begins, ends = self.activations + self.working, self.gradients + self.tables
        return self.weights + self.moments + max(begins, ends)

    @property
    def peak_accumulating(self) -> int:
        """The same where the gradients of an earlier micro-batch wait to be added to."""
        most = max(self.activations + self.working, self.tables)
        return self.weights + self.moments + self.gradients + most


def training_memory(
    config: Qwen3Config,
    batch: int,
    time: int,
    dtype: torch.dtype = torch.float32,
    scores: bool = False,
) -> TrainingMemory:
    """The memory of one training step with Adam: arguments as for `activation_bytes`.

    The loss is taken of all logits at once; training.evaluate cuts large ones into chunks, and
    needs less.
    """
    numbers, table = parameters(config), config.vocab_size * config.hidden_size
    return TrainingMemory(
        weights=4 * numbers,
        moments=8 * numbers,
        gradients=4 * numbers,
        activations=activation_bytes(config, batch, time, dtype, scores),
        working=working_bytes(config, batch, time, dtype, scores),
        tables=2 * 4 * table if config.tie_word_embeddings else 0,
    )


def cache_bytes(
    config: Qwen3Config, batch: int, time: int, dtype: torch.dtype = torch.float32
) -> int:
    """Bytes of the keys and values of `time` tokens in every layer: a full KVCache."""
    per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return batch * time * per_token * dtype.itemsize


def latent_cache_bytes(
    config: Qwen3Config,
    kv_lora_rank: int,
    batch: int,
    time: int,
    dtype: torch.dtype = torch.float32,
    rope_head_dim: int = 0,
) -> int:
    """The same for latent attention: one vector a token and layer, for all heads together."""
    per_token = config.num_hidden_layers * (kv_lora_rank + rope_head_dim)
    return batch * time * per_token * dtype.itemsize


class LiveBytes(TorchDispatchMode):
    """While it is on, counts the bytes of the tensors that are made, until they are freed.

    now: alive at the moment; peak: the most so far; trace: `now` after each operation. A storage
    counts once, however many views it has; what was there before does not count. It sees tensors
    on every device, `meta` too, but no scratch memory inside an operation. What is freed after the
    `with` still counts down.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak, self.trace = 0, 0, []
        self.alive = weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> object:
        output = func(*args, **(kwargs or {}))
        for storage in self.storages(output) - self.storages((args, kwargs)):
            if storage not in self.alive:
                self.alive.add(storage)
                self.add(storage.nbytes())
                weakref.finalize(storage, self.add, -storage.nbytes())
        self.trace.append(self.now)
        return output

    def add(self, change: int) -> None:
        self.now += change
        self.peak = max(self.peak, self.now)

    def storages(self, tree: object) -> set:
        """The memory behind all tensors in nested tuples, lists and dicts."""
        return {t.untyped_storage() for t in tree_leaves(tree) if isinstance(t, torch.Tensor)}


# ---- time


def predicted_seconds(flops: float, moved: float, peak: float, bandwidth: float) -> float:
    """The roofline: arithmetic and traffic overlap, so the slower of the two sets the time.

    flops and bytes moved; peak in FLOP/s, bandwidth in bytes/s. No program is faster; most are
    slower. Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785. ValueError if the
    machine has no speed.
    """
    if peak <= 0 or bandwidth <= 0:
        raise ValueError(
            f"peak={peak} and bandwidth={bandwidth} must be positive: measure them"
        )
    return max(flops / peak, moved / bandwidth)


@dataclass(frozen=True)
class Card:
    """A GPU as its maker's data sheet has it; nothing here was measured in this course.

    memory in bytes, bandwidth in bytes/s, peak in FLOP/s of matrix products on dense numbers, by
    format (data sheets often print twice as much, for matrices that are half zeros). "float32" is
    without tensor cores. Some sheets of the T4 say 300 GB/s.
    """

    memory: float
    bandwidth: float
    capability: tuple[int, int]  # CUDA's version number of the architecture
    peak: dict[str, float]

    def keeps_scores(self, dtype: torch.dtype) -> bool:
        """Whether PyTorch's attention with shared key/value heads keeps all its scores here.

        Its fused kernels for shared heads want half precision and capability 8.0 (torch 2.13).
        """
        return dtype == torch.float32 or self.capability < (8, 0)


AMPERE = {"float32": 19.5e12, "tf32": 156e12, "float16": 312e12, "bfloat16": 312e12}
HOPPER = {"float32": 67e12, "tf32": 494.5e12, "float16": 989.5e12, "bfloat16": 989.5e12}
HOPPER |= {"float8": 1979e12}
CARDS = {
    "T4": Card(16e9, 320e9, (7, 5), {"float32": 8.1e12, "float16": 65e12}),
    "A100 40GB": Card(40e9, 1555e9, (8, 0), AMPERE),
    "A100 80GB": Card(80e9, 2039e9, (8, 0), AMPERE),
    "H100": Card(80e9, 3.35e12, (9, 0), HOPPER),
    "H200": Card(141e9, 4.8e12, (9, 0), HOPPER),
}  # SXM modules, but for the T4
