"""Attention with any number of key/value heads, whole or through a window, and from latents.

The number of key/value heads decides: as many as query heads is multi-head attention, one is
multi-query (Shazeer 2019, arXiv:1911.02150), between them is grouped (Ainslie et al. 2023,
arXiv:2305.13245). A sliding window sees the last tokens only (Beltagy et al. 2020,
arXiv:2004.05150, §3.1). QK-norm keeps the scores in range (Henry et al. 2020, arXiv:2010.04245).
LatentAttention keeps one short vector a token instead of keys and values.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.model.cache import GrowingCache
from helpers.model.layers import (
    Linear,
    RMSNorm,
    RopeScaling,
    alibi_slopes,
    rotary_angles,
    rotate,
)


class Attention(nn.Module):
    """Causal self-attention as in Qwen3: norm of queries and keys per head, then RoPE.

    qk_norm=False leaves the norm out, and no cos and sin the RoPE: then it is that of GPT-2.
    window: how many tokens one sees, itself among them; None: all before it.
    x: (batch, time, hidden_size); cos, sin: (batch or 1, 1, time, head_dim / 2);
    mask: (batch or 1, 1, time, keys) booleans, or None for plain causal attention.
    ValueError for a window below 1 and for a cache that forgets what this attention still sees.
    """

    def __init__(
        self,
        hidden_size: int,
        num_attention_heads: int,
        num_key_value_heads: int,
        head_dim: int,
        layer: int = 0,
        eps: float = 1e-6,
        qk_norm: bool = True,
        window: int | None = None,
    ) -> None:
        super().__init__()
        require_groups(num_attention_heads, num_key_value_heads)
        if window is not None and window < 1:
            raise ValueError(
                f"a window of {window} tokens sees nothing: give 1 or more, or None"
            )
        self.head_dim, self.layer, self.window = head_dim, layer, window
        self.groups = num_attention_heads // num_key_value_heads
        self.q_proj = Linear(hidden_size, num_attention_heads * head_dim)
        self.k_proj = Linear(hidden_size, num_key_value_heads * head_dim)
        self.v_proj = Linear(hidden_size, num_key_value_heads * head_dim)
        self.o_proj = Linear(num_attention_heads * head_dim, hidden_size)
        self.q_norm = RMSNorm(head_dim, eps) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm(head_dim, eps) if qk_norm else nn.Identity()

    def forward(
        self,
        x: Tensor,
        cos: Tensor | None = None,
        sin: Tensor | None = None,
        mask: Tensor | None = None,
        cache: GrowingCache | None = None,
    ) -> Tensor:
        past = 0 if cache is None else cache.length
        queries, keys = self.queries_and_keys(x, cos, sin, past)
        values = self.heads(self.v_proj(x))  # (batch, num_key_value_heads, time, head_dim)
        if cache is not None:
            require_memory(cache, self.window)
            keys, values = cache.update(self.layer, keys, values)
        mixed = attend(queries, keys, values, self.visible(mask, queries, keys), self.groups)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))

    def queries_and_keys(
        self, x: Tensor, cos: Tensor | None, sin: Tensor | None, past: int = 0
    ) -> tuple[Tensor, Tensor]:
        """What each token seeks and what it is found by: (batch, heads, time, head_dim) each.

        past: tokens before these, for a kind of attention that needs no cos and sin from outside.
        """
        queries = self.q_norm(self.heads(self.q_proj(x)))
        keys = self.k_norm(self.heads(self.k_proj(x)))
        if cos is None:
            return queries, keys
        return rotate(queries, cos, sin), rotate(keys, cos, sin)

    def heads(self, x: Tensor) -> Tensor:
        """(batch, time, heads * head_dim) -> (batch, heads, time, head_dim)"""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def visible(self, mask: Tensor | None, queries: Tensor, keys: Tensor) -> Tensor | None:
        """The mask for these queries and all keys, narrowed to the window if there is one."""
        if self.window is None:
            return mask
        time, device = queries.shape[2], queries.device
        return windowed(mask, time, keys.shape[2], self.window, device)


class RotaryAttention(Attention):
    """Attention that turns queries and keys by itself, in a model that knows nothing of RoPE.

    It counts positions from the first column of the cache. A row that is padded on its left begins
    later, but scores depend on distances only, and these are the same.
    theta, scaling: as in rotary_angles. Other arguments as in Attention.
    """

    def __init__(
        self, *args, theta: float = 10_000.0, scaling: RopeScaling | None = None, **kwargs
    ) -> None:
        super().__init__(*args, **kwargs)
        self.theta, self.scaling = theta, scaling

    def queries_and_keys(
        self, x: Tensor, cos: Tensor | None, sin: Tensor | None, past: int = 0
    ) -> tuple[Tensor, Tensor]:
        positions = torch.arange(past, past + x.shape[1], device=x.device)
        cos, sin = rotary_angles(positions, self.head_dim, self.theta, self.scaling)
        return super().queries_and_keys(x, cos, sin)


class AlibiAttention(Attention):
    """Attention with a price for distance: each score falls by its head's slope for every token.

    Nothing is added to the embeddings and nothing is learned. Arguments as in Attention.
    Press et al. 2021, arXiv:2108.12409, §3.
    """

    def visible(self, mask: Tensor | None, queries: Tensor, keys: Tensor) -> Tensor:
        """What is added to the scores: (batch or 1, heads, time, keys), -inf for what is hidden."""
        mask = super().visible(mask, queries, keys)
        heads, time, device = queries.shape[1], queries.shape[2], queries.device
        column = torch.arange(keys.shape[2], device=device)
        ahead = (
            column - column[-time:, None]
        )  # (time, keys): 0 for itself, -1 for the one before
        bias = alibi_slopes(heads).to(queries).view(1, -1, 1, 1) * ahead
        return bias.where(ahead <= 0 if mask is None else mask, -torch.inf)


class LatentAttention(nn.Module):
    """Multi-head latent attention: keys and values are made from one short vector, the latent.

    Only latents are cached: kv_lora_rank + rope_head_dim numbers a token, whatever the number of
    heads. Position does not pass through a latent, so rope_head_dim numbers of each query, and of
    one key that all heads share, carry it apart; 0 leaves it out, for models with other positions.
    Arguments of `forward` as in Attention, cos and sin of width rope_head_dim / 2. Names are those
    of DeepSeek. DeepSeek-AI 2024, arXiv:2405.04434, §2.1.
    """

    window = None  # it sees everything before it

    def __init__(
        self,
        hidden_size: int,
        num_attention_heads: int,
        head_dim: int,
        kv_lora_rank: int,
        rope_head_dim: int = 0,
        layer: int = 0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.head_dim, self.rope_head_dim, self.layer = head_dim, rope_head_dim, layer
        self.num_attention_heads, self.kv_lora_rank = num_attention_heads, kv_lora_rank
        width = num_attention_heads * head_dim
        self.q_proj = Linear(hidden_size, width + num_attention_heads * rope_head_dim)
        self.kv_a_proj_with_mqa = Linear(hidden_size, kv_lora_rank + rope_head_dim)
        self.kv_a_layernorm = RMSNorm(kv_lora_rank, eps)
        self.kv_b_proj = Linear(kv_lora_rank, 2 * width)
        self.o_proj = Linear(width, hidden_size)

    def forward(
        self,
        x: Tensor,
        cos: Tensor | None = None,
        sin: Tensor | None = None,
        mask: Tensor | None = None,
        cache: GrowingCache | None = None,
    ) -> Tensor:
        queries, latents = self.queries_and_latents(x, cos, sin)
        if cache is not None:
            require_memory(cache, self.window)
            (latents,) = cache.update(self.layer, latents)
        attended = self.absorbed if x.shape[1] == 1 else self.expanded
        mixed = attended(queries, latents, mask)  # (batch, heads, time, head_dim)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))

    def queries_and_latents(
        self, x: Tensor, cos: Tensor | None, sin: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(batch, heads, time, head_dim + rope) and (batch, 1, time, kv_lora_rank + rope)."""
        queries = self.q_proj(x).unflatten(-1, (self.num_attention_heads, -1)).transpose(1, 2)
        latents, key = self.split(self.kv_a_proj_with_mqa(x)[:, None], self.kv_lora_rank)
        latents = self.kv_a_layernorm(latents)
        if self.rope_head_dim:
            plain, turned = self.split(queries, self.head_dim)
            queries = torch.cat((plain, rotate(turned, cos, sin)), dim=-1)
            latents = torch.cat((latents, rotate(key, cos, sin)), dim=-1)
        return queries, latents

    def split(self, x: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """The part without position, and the rope_head_dim numbers that carry it."""
        return x.split((width, self.rope_head_dim), dim=-1)

    def expanded(self, queries: Tensor, latents: Tensor, mask: Tensor | None) -> Tensor:
        """Make the keys and values of every head, then attend as ever: best for many queries."""
        latents, key = self.split(latents, self.kv_lora_rank)
        both = self.kv_b_proj(latents[:, 0]).unflatten(-1, (self.num_attention_heads, -1))
        keys, values = both.transpose(1, 2).chunk(2, dim=-1)
        keys = torch.cat((keys, key.expand(-1, self.num_attention_heads, -1, -1)), dim=-1)
        return attend(queries, keys, values, mask, groups=1)

    def absorbed(self, queries: Tensor, latents: Tensor, mask: Tensor | None) -> Tensor:
        """The same without keys and values: one query is less work to move than all latents.

        (W_k c) · q = c · (W_kᵀ q), so each head turns its query into one for latents, all heads
        share them as in multi-query attention, and W_v comes after the mixture.
        """
        tables = self.kv_b_proj.weight.unflatten(0, (self.num_attention_heads, -1))
        w_k, w_v = tables.chunk(2, dim=1)  # (heads, head_dim, kv_lora_rank) each
        plain, turned = self.split(queries, self.head_dim)
        queries = torch.cat((plain @ w_k, turned), dim=-1)
        # `attend` divides by the root of the new width, and should by that of the old one
        queries = queries * (queries.shape[-1] / (self.head_dim + self.rope_head_dim)) ** 0.5
        values = latents[..., : self.kv_lora_rank]
        mixed = attend(queries, latents, values, mask, groups=self.num_attention_heads)
        return mixed @ w_v.mT


def causal_mask(time: int) -> Tensor:
    """Who may look at whom, (time, time) booleans: row i is true up to column i."""
    return torch.ones(time, time, dtype=torch.bool).tril()


def windowed(
    mask: Tensor | None, time: int, keys: int, window: int, device: torch.device
) -> Tensor | None:
    """Narrow a mask, so that each of the last `time` tokens sees `window` tokens, itself included.

    keys: how many there are, the new tokens last; a cache may have dropped earlier ones. mask:
    (..., time, all keys ever) booleans or None, as for Attention. Returns None where None will do.
    """
    if mask is not None:
        mask = mask[..., -keys:]
    if keys <= window:
        return mask
    column = torch.arange(keys, device=device)
    distance = column[-time:, None] - column  # (time, keys)
    near = (distance >= 0) & (distance < window)
    return near if mask is None else mask & near


def require_groups(num_attention_heads: int, num_key_value_heads: int) -> None:
    """ValueError unless the query heads fall into equal groups, one for each key/value head."""
    if num_key_value_heads < 1 or num_attention_heads % num_key_value_heads:
        raise ValueError(
            f"num_attention_heads={num_attention_heads} must be a multiple of "
            f"num_key_value_heads={num_key_value_heads}: give both"
        )


def require_memory(cache: GrowingCache, window: int | None) -> None:
    """ValueError if the cache forgets tokens that attention with this window still sees."""
    if cache.window is not None and (window is None or window > cache.window):
        sees = "everything before it" if window is None else f"{window} tokens"
        raise ValueError(
            f"this cache keeps a window of {cache.window} tokens, and the attention sees {sees}: "
            "use a KVCache, or a wider WindowCache"
        )


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / √head_dim), written out: how much each query takes of each key's value.

    queries: (..., time, head_dim); keys: (..., keys, head_dim); mask: (..., time, keys) booleans,
    true where a query may look. Returns (..., time, keys), whose rows sum to 1.
    """
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, groups: int
) -> Tensor:
    """softmax(q kᵀ / √head_dim) v, where `groups` query heads in a row share a key/value head.

    mask: (time, keys) or (batch or 1, heads or 1, time, keys), booleans or what is added to the
    scores. For a single token the heads of a group are handed over as a sequence of queries, as
    there is no order among them: keys and values are read once, and never copied.
    Vaswani et al. 2017, arXiv:1706.03762, §3.2.1. ValueError without a mask for several queries
    and more keys than these: which key is whose past would be a guess.
    """
    time = queries.shape[2]
    if time == 1:
        # (batch, key/value heads, groups, head_dim)
        grouped = queries.unflatten(1, (-1, groups)).flatten(2, 3)
        if mask is not None and mask.dim() == 4 and mask.shape[1] > 1:  # each head has its own
            mask = mask.unflatten(1, (-1, groups)).flatten(2, 3)
        mixed = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask)
        return mixed.flatten(1, 2).unsqueeze(2)
    if mask is None and keys.shape[2] != time:
        raise ValueError(
            f"{time} queries and {keys.shape[2]} keys need a mask: take positions_and_mask's"
        )
    if mask is None and queries.device.type == "cpu" and torch.compiler.is_compiling():
        return attend_written_out(queries, keys, values, groups)
    return F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=groups > 1
    )


def attend_written_out(queries: Tensor, keys: Tensor, values: Tensor, groups: int) -> Tensor:
    """The same formula, causal, for a compiler to fuse: on a CPU it beats the ready kernel.

    It holds all scores at once, (batch, heads, time, time), so it is for short contexts.
    """
    keys, values = (
        t[:, :, None].expand(-1, -1, groups, -1, -1).flatten(1, 2) for t in (keys, values)
    )
    time, scale = queries.shape[2], queries.shape[-1] ** -0.5
    future = torch.full((time, time), -torch.inf, dtype=queries.dtype, device=queries.device)
    scores = queries @ keys.mT * scale + future.triu(1)
    return scores.softmax(-1, dtype=torch.float32).to(values.dtype) @ values
