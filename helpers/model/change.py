"""Changing a finished model: another part in each block, fewer key/value heads, longer texts.

    model = replace_part(model, "self_attn", lambda layer: LatentAttention(..., layer=layer))
    grouped = to_grouped(model, num_key_value_heads=2)
    longer = lengthen(model, 1024)

They work on any model of this course: its blocks are `model.model.layers`.
"""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn


def replace_part(model: nn.Module, name: str, make: Callable[[int], nn.Module]) -> nn.Module:
    """Put make(layer) in the place of the part `name` of each block; returns the same model.

    The new part gets first weights as the model would have given, and the block's mode.
    ValueError for an unknown part.
    """
    for layer, block in enumerate(model.model.layers):
        if name not in dict(block.named_children()):
            known = ", ".join(part for part, _ in block.named_children())
            raise ValueError(f"a block has no part {name}: it has {known}")
        like = next(model.parameters())
        part = make(layer).to(like).apply(model._init_weights)
        setattr(block, name, part.train(block.training))
    return model


def to_grouped(model: nn.Module, num_key_value_heads: int) -> nn.Module:
    """A copy with fewer key/value heads: each is the mean of those that its group had.

    It needs some training to recover. Ainslie et al. 2023, arXiv:2305.13245, §2.1. ValueError for a
    number of heads that does not divide the present one.
    """
    config = model.config
    if num_key_value_heads < 1 or config.num_key_value_heads % num_key_value_heads:
        raise ValueError(
            f"{config.num_key_value_heads} key/value heads cannot become {num_key_value_heads} "
            "equal groups: give a divisor"
        )
    state = copy.deepcopy(model.state_dict())
    for name in state:
        if name.endswith(("k_proj.weight", "v_proj.weight")):
            state[name] = mean_of_groups(state[name], config.head_dim, num_key_value_heads)
    grouped = type(model)(replace(config, num_key_value_heads=num_key_value_heads))
    grouped.to(next(model.parameters())).load_state_dict(state)
    for old, new in zip(model.model.layers, grouped.model.layers, strict=True):
        new.self_attn.window = old.self_attn.window
    return grouped.train(model.training)


def mean_of_groups(weight: Tensor, head_dim: int, groups: int) -> Tensor:
    """The mean of each group: (heads * head_dim, hidden) -> (groups * head_dim, hidden)."""
    heads = weight.unflatten(0, (groups, -1, head_dim))  # (groups, its heads, head_dim, hidden)
    return heads.mean(1).flatten(0, 1)


def lengthen(model: nn.Module, length: int, interpolate: bool = False) -> nn.Module:
    """A copy that takes texts of `length` tokens. A table of learned positions gets more rows.

    New rows have first weights, as nobody trained them; with interpolate all rows are read off the
    old ones, as if these stood further apart. Positions that are computed need nothing.
    ValueError if the length is not longer.
    """
    old = model.config.max_position_embeddings
    if length <= old:
        raise ValueError(f"the model takes {old} tokens already: give more than that")
    longer = copy.deepcopy(model)
    longer.config = longer.model.config = replace(model.config, max_position_embeddings=length)
    table = getattr(longer.model, "embed_positions", None)
    if isinstance(table, nn.Embedding):
        rows = nn.Embedding(length, table.embedding_dim).to(table.weight)
        nn.init.normal_(rows.weight, std=model.config.initializer_range)
        stretched = F.interpolate(
            table.weight.detach().mT[None], length, mode="linear", align_corners=True
        )
        rows.weight.data[:old] = table.weight.data
        if interpolate:
            rows.weight.data = stretched[0].mT.contiguous()
        longer.model.embed_positions = rows
    return longer
