"""The KV cache: keys and values of the past, so that no token is computed twice.

    cache = KVCache(max_length=512)
    logits = model(prompt, cache)       prefill: whole, or in chunks
    logits = model(next_token, cache)   decode: one token a call

A batch of prompts of unequal length is padded on the left; `starts` says where each row begins.
"""

import torch
from torch import Tensor


class KVCache:
    """Preallocated keys and values of every layer, filled from the left.

    The memory is taken at the first update, with the dtype, device and shape of what comes:
    2 * layers * batch * num_key_value_heads * max_length * head_dim elements.

    max_length: tokens that fit. starts: (batch,) number of padding tokens on each row's left.
    """

    def __init__(self, max_length: int, starts: Tensor | None = None) -> None:
        self.max_length = max_length
        self.starts = starts
        self.length = 0  # tokens in the cache, padding included
        self.layers: list[tuple[Tensor, Tensor]] = []

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new keys and values of one layer; return all of them so far, as views.

        keys, values: (batch, num_key_value_heads, time, head_dim). The length moves on only with
        `advance`, when every layer has written. ValueError if the cache is full.
        """
        end = self.length + keys.shape[2]
        if end > self.max_length:
            raise ValueError(
                f"the cache holds {self.max_length} tokens and {end} are needed: "
                "make it with a larger max_length"
            )
        if layer == len(self.layers):
            self.layers.append((self._empty(keys), self._empty(values)))
        all_keys, all_values = self.layers[layer]
        all_keys[:, :, self.length : end] = keys
        all_values[:, :, self.length : end] = values
        return all_keys[:, :, :end], all_values[:, :, :end]

    def advance(self, time: int) -> None:
        """Count `time` more tokens as written in every layer."""
        self.length += time

    @property
    def bytes(self) -> int:
        """Bytes that the tensors of all layers really take."""
        return sum(t.nbytes for layer in self.layers for t in layer)

    def _empty(self, like: Tensor) -> Tensor:
        batch, heads, _, head_dim = like.shape
        return like.new_zeros(batch, heads, self.max_length, head_dim)


def positions_and_mask(
    batch: int, time: int, device: torch.device, cache: KVCache | None
) -> tuple[Tensor, Tensor | None]:
    """Where the new tokens stand in their sequences, and what each of them may attend to.

    Returns positions (batch or 1, time) and a boolean mask (batch or 1, 1, time, keys), or no
    mask where "everything before me" (`is_causal`) or, for a single token, "everything" says it.
    """
    past = cache.length if cache is not None else 0
    column = torch.arange(past, past + time, device=device)
    starts = cache.starts if cache is not None else None
    if starts is None and (past == 0 or time == 1):
        return column[None], None
    key = torch.arange(past + time, device=device)
    mask = key[None, :] <= column[:, None]  # (time, keys)
    if starts is None:
        return column[None], mask[None, None]
    # A padding token sees itself alone: a row of the softmax must not be empty.
    real = (key >= starts[:, None])[:, None, :] | (key[None, :] == column[:, None])
    positions = (column - starts[:, None]).clamp(min=0)
    return positions, (mask & real)[:, None]
