"""Variants of the running model, by name, all of one size: Days 11 to 16 compare them.

    make = variants.of_size("MQA", budget.model)       a function that makes the model
    result = rung.climb(make, corpus, budget, "MQA")
    variants.cache_per_token(make(), time=144)         numbers that its cache keeps for a token

Kinds of attention have eight query heads, so that there is something to share; kinds of positions
have the running model's. What a variant saves in parameters, the feed-forward net gets.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from helpers.model.attention import AlibiAttention, LatentAttention, RotaryAttention
from helpers.model.cache import GrowingCache, WindowCache
from helpers.model.change import replace_part
from helpers.model.gpt import GPT, GPTConfig
from helpers.model.layers import NoPositions, RMSNorm, SinusoidalPositions
from helpers.model.weights import count_parameters
from helpers.training.optim import adamw, muon
from helpers.training.rung import matched

HEADS = 8


def with_shared_heads(config: GPTConfig, key_value_heads: int) -> GPT:
    """Groups of query heads that share keys and values; 8 is MHA, 1 is MQA."""
    return GPT(replace(config, num_key_value_heads=key_value_heads))


def with_latents(config: GPTConfig, key_value_heads: int) -> nn.Module:
    """Latent attention whose latent is as long as the keys and values of so many heads."""

    def make(layer: int) -> nn.Module:
        rank = 2 * key_value_heads * config.head_dim
        width, heads = config.hidden_size, config.num_attention_heads
        return LatentAttention(width, heads, config.head_dim, rank, layer=layer)

    return replace_part(GPT(config), "self_attn", make)


def with_window(config: GPTConfig, window: int) -> GPT:
    """Multi-head attention that sees the last tokens only, in every layer."""
    model = GPT(config)
    for block in model.model.layers:
        block.self_attn.window = window
    return model


def with_positions(config: GPTConfig, vectors: nn.Module) -> GPT:
    """The GPT with these vectors in the place of its learned table."""
    model = GPT(config)
    model.model.embed_positions = vectors
    return model


def without_positions(config: GPTConfig) -> GPT:
    """Nothing says where a token stands, except that the mask hides what follows it."""
    return with_positions(config, NoPositions())


def with_waves(config: GPTConfig) -> GPT:
    """Sines and cosines, as large as the first token embeddings are."""
    scale = 2**0.5 * config.initializer_range
    return with_positions(config, SinusoidalPositions(config.hidden_size, scale))


def with_attention(config: GPTConfig, kind: type[nn.Module], **settings) -> nn.Module:
    """Positions that the attention itself knows: AlibiAttention or RotaryAttention."""
    heads = (config.num_attention_heads, config.num_key_value_heads, config.head_dim)

    def make(layer: int) -> nn.Module:
        return kind(config.hidden_size, *heads, layer, qk_norm=False, **settings)

    return replace_part(without_positions(config), "self_attn", make)


def with_rms_norm(config: GPTConfig) -> nn.Module:
    """RMSNorm in the place of every LayerNorm."""
    model = GPT(config)
    for name in ("input_layernorm", "post_attention_layernorm"):
        replace_part(model, name, lambda _: RMSNorm(config.hidden_size, config.layer_norm_eps))
    model.model.norm = RMSNorm(config.hidden_size, config.layer_norm_eps)
    return model


VARIANTS: dict[str, Callable[[GPTConfig], nn.Module]] = {
    "MHA": partial(with_shared_heads, key_value_heads=8),
    "GQA-4": partial(with_shared_heads, key_value_heads=4),
    "GQA-2": partial(with_shared_heads, key_value_heads=2),
    "MQA": partial(with_shared_heads, key_value_heads=1),
    "MLA-2": partial(with_latents, key_value_heads=2),  # the cache of GQA-2
    "MLA-1": partial(with_latents, key_value_heads=1),  # the cache of MQA
    "window 48": partial(with_window, window=48),
    "window 16": partial(with_window, window=16),
}
POSITIONS: dict[str, Callable[[GPTConfig], nn.Module]] = {
    "learned": GPT,
    "no positions": without_positions,
    "sinusoidal": with_waves,
    "ALiBi": partial(with_attention, kind=AlibiAttention),
    "RoPE": partial(with_attention, kind=RotaryAttention),
}
OTHERS: dict[str, Callable[[GPTConfig], nn.Module]] = {
    "GPT": GPT,
    "RMSNorm": with_rms_norm,
    "Muon": GPT,  # the same model, moved by another rule
}
ALL = OTHERS | VARIANTS | POSITIONS
LADDER = [name for name in ALL if name != "learned"]  # that is the GPT once more


def of_size(name: str, shape: GPTConfig) -> Callable[[], nn.Module]:
    """A function that makes the variant, with as many parameters as a GPT of this shape has.

    ValueError for an unknown name.
    """
    if name not in ALL:
        raise ValueError(f"no variant {name}: there are {', '.join(ALL)}")
    if name in VARIANTS:
        heads = dict(num_attention_heads=HEADS, num_key_value_heads=HEADS)
        shape = replace(shape, head_dim=shape.hidden_size // HEADS, **heads)
    with torch.device("meta"):
        parameters = count_parameters(GPT(shape))
    return partial(ALL[name], matched(ALL[name], shape, parameters))


def optimizer_of(name: str) -> Callable[..., torch.optim.Optimizer]:
    """What trains the variant: AdamW, and Muon where it is called that."""
    return muon if name == "Muon" else adamw


def beside(name: str) -> str:
    """The variant that this one is compared with: it differs from that in one thing."""
    return "MHA" if name in VARIANTS else "GPT"


@torch.no_grad()
def cache_per_token(model: nn.Module, time: int) -> float:
    """Numbers in a cache after `time` tokens, divided by `time`: measured on its tensors.

    A window keeps only its last tokens, so its share falls with the length. One cache serves all
    layers: it keeps what the widest window sees.
    """
    windows = [getattr(block.self_attn, "window", None) for block in model.model.layers]
    cache = GrowingCache() if None in windows else WindowCache(max(windows))
    weight = next(model.parameters())
    model(torch.zeros(1, time, dtype=torch.int64, device=weight.device), cache)
    return cache.bytes / weight.element_size() / time
