"""Looking into a trained model: what its heads look at, and what it is worth without one.

maps = attention_maps(model, input_ids)        (layers, heads, time, time)
with without_head(model, layer=1, head=2):     the model, with one head silenced
    ...
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from helpers.model.attention import Attention, causal_mask


@torch.no_grad()
def attention_maps(model: nn.Module, input_ids: Tensor) -> Tensor:
    """The attention weights of every head for one text: (layers, heads, time, time), float32.

    input_ids: (1, time). Row i of a map says how much token i takes from each token up to itself.
    The weights are computed beside the model's own fused attention, from the same queries and keys.
    ValueError for more than one text.
    """
    if input_ids.shape[0] != 1:
        raise ValueError(
            f"one text at a time: input_ids of shape (1, time), not {tuple(input_ids.shape)}"
        )
    maps, hooks = [], []

    def note(layer: Attention, args: tuple) -> None:
        queries, keys = layer.queries_and_keys(*args[:3])
        keys = keys.repeat_interleave(layer.groups, dim=1)  # one for each query head
        seen = layer.visible(causal_mask(queries.shape[2]).to(queries.device), queries, keys)
        scores = queries.float() @ keys.float().mT / queries.shape[-1] ** 0.5
        scores += torch.zeros(()).where(seen, -torch.inf) if seen.dtype == torch.bool else seen
        maps.append(scores.softmax(-1)[0])

    for layer in attention_layers(model):
        hooks.append(layer.register_forward_pre_hook(note))
    try:
        model(input_ids)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(maps).cpu()


@contextmanager
def without_head(model: nn.Module, layer: int, head: int) -> Iterator[None]:
    """Inside the `with`, one head of one layer says nothing: its part of the mixture is 0.

    ValueError for a head that the layer does not have.
    """
    attention = attention_layers(model)[layer]
    heads = attention.o_proj.in_features // attention.head_dim
    if not 0 <= head < heads:
        raise ValueError(f"no head {head}: this layer has heads 0 to {heads - 1}")
    part = slice(head * attention.head_dim, (head + 1) * attention.head_dim)

    def silence(module: nn.Module, args: tuple) -> tuple:
        mixed = args[0].clone()  # (batch, time, heads * head_dim)
        mixed[..., part] = 0
        return (mixed,)

    hook = attention.o_proj.register_forward_pre_hook(silence)
    try:
        yield
    finally:
        hook.remove()


def attention_layers(model: nn.Module) -> list[Attention]:
    """The attention of each layer, from the first to the last."""
    return [module for module in model.modules() if isinstance(module, Attention)]
