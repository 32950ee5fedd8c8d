"""The KV cache: what attention keeps of the past, so that no token is computed twice.

    cache = KVCache(max_length=512)
    logits = model(prompt, cache)       prefill: whole, or in chunks
    logits = model(next_token, cache)   decode: one token a call

Three caches, one interface: GrowingCache is the shortest, KVCache takes its memory once, and
WindowCache forgets what a sliding window no longer sees. Whatever a layer hands over is kept: keys
and values, or the one tensor of latent attention. A batch of prompts of unequal length is padded
on the left; `starts` says where each row begins.
"""

import torch
from torch import Tensor


class GrowingCache:
    """The states of every layer, made anew and longer by each update: simple, and copied each time.

    starts: (batch,) number of padding tokens on each row's left.
    """

    window: int | None = None  # how far back it reaches; None: to the first token

    def __init__(self, starts: Tensor | None = None) -> None:
        self.starts = starts
        self.length = 0  # tokens so far, padding included
        self.layers: list[tuple[Tensor, ...]] = []

    def update(self, layer: int, *new: Tensor) -> tuple[Tensor, ...]:
        """Take in the new states of one layer; return those that its queries need, in order.

        new: any number of tensors (batch, num_key_value_heads, time, width), such as keys and
        values. The new ones stand last. The length moves on only with `advance`, when every layer
        has written.
        """
        if layer == len(self.layers):
            self.layers.append(tuple(t[:, :, :0] for t in new))
        joined = tuple(
            torch.cat(pair, dim=2) for pair in zip(self.layers[layer], new, strict=True)
        )
        self.layers[layer] = self.keep(joined)
        return joined

    def keep(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What stays for the next update: everything."""
        return states

    def advance(self, time: int) -> None:
        """Count `time` more tokens as written in every layer."""
        self.length += time

    @property
    def bytes(self) -> int:
        """Bytes that the tensors of all layers really take."""
        return sum(t.untyped_storage().nbytes() for layer in self.layers for t in layer)


class KVCache(GrowingCache):
    """A cache of fixed size, preallocated and filled from the left.

    The memory is taken at the first update, with the dtype, device and shape of what comes; for
    keys and values 2 * layers * batch * num_key_value_heads * max_length * head_dim elements.

    max_length: tokens that fit. starts: (batch,) number of padding tokens on each row's left. It is
    written in place, so it serves inference and not training.
    """

    def __init__(self, max_length: int, starts: Tensor | None = None) -> None:
        super().__init__(starts)
        self.max_length = max_length

    def update(self, layer: int, *new: Tensor) -> tuple[Tensor, ...]:
        """As in GrowingCache, but what comes back are views. ValueError if the cache is full.

        ValueError too for a batch of another size than the first.
        """
        end = self.length + new[0].shape[2]
        if end > self.max_length:
            raise ValueError(
                f"the cache holds {self.max_length} tokens and {end} are needed: "
                "make it with a larger max_length"
            )
        if layer == len(self.layers):
            self.layers.append(tuple(self.room_for(t) for t in new))
        for kept, t in zip(self.layers[layer], new, strict=True):
            if kept.shape[0] != t.shape[0]:  # the assignment would copy one row to all
                raise ValueError(
                    f"{t.shape[0]} rows in a cache of {kept.shape[0]}: make a new one"
                )
            kept[:, :, self.length : end] = t
        return tuple(kept[:, :, :end] for kept in self.layers[layer])

    def room_for(self, states: Tensor) -> Tensor:
        """Zeros like `states`, for max_length tokens."""
        batch, heads, _, width = states.shape
        return states.new_zeros(batch, heads, self.max_length, width)


class WindowCache(GrowingCache):
    """A cache for attention with a sliding window: it keeps the last window - 1 tokens.

    With its own token, the next query then finds the `window` that it may see, and the memory no
    longer grows with the text. ValueError for a window without a token.
    """

    def __init__(self, window: int, starts: Tensor | None = None) -> None:
        super().__init__(starts)
        if window < 1:
            raise ValueError(f"window={window}: a token sees at least itself, give 1 or more")
        self.window = window

    def keep(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The last window - 1 tokens, as copies: views would keep the memory of the others."""
        time = states[0].shape[2]
        return tuple(t[:, :, max(0, time - self.window + 1) :].clone() for t in states)


def positions_and_mask(
    batch: int, time: int, device: torch.device, cache: GrowingCache | None
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
