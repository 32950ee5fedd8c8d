"""One attention for multi-head, multi-query and grouped-query, with QK-norm and RoPE.

The number of key/value heads decides: as many as query heads is multi-head attention, one is
multi-query (Shazeer 2019, arXiv:1911.02150), between them is grouped (Ainslie et al. 2023,
arXiv:2305.13245). QK-norm keeps the scores in range (Henry et al. 2020, arXiv:2010.04245).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.model.cache import KVCache
from helpers.model.layers import Linear, RMSNorm, rotate


class Attention(nn.Module):
    """Causal self-attention as in Qwen3: norm of queries and keys per head, then RoPE.

    qk_norm=False leaves the norm out, and no cos and sin the RoPE: then it is that of GPT-2.
    x: (batch, time, hidden_size); cos, sin: (batch or 1, 1, time, head_dim / 2);
    mask: (batch or 1, 1, time, keys) booleans, or None for plain causal attention.
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
    ) -> None:
        super().__init__()
        self.head_dim, self.layer = head_dim, layer
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
        cache: KVCache | None = None,
    ) -> Tensor:
        queries, keys = self.queries_and_keys(x, cos, sin)
        values = self.heads(self.v_proj(x))  # (batch, num_key_value_heads, time, head_dim)
        if cache is not None:
            keys, values = cache.update(self.layer, keys, values)
        mixed = attend(queries, keys, values, mask, self.groups)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))

    def queries_and_keys(
        self, x: Tensor, cos: Tensor | None, sin: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What each token seeks and what it is found by: (batch, heads, time, head_dim) each."""
        queries = self.q_norm(self.heads(self.q_proj(x)))
        keys = self.k_norm(self.heads(self.k_proj(x)))
        if cos is None:
            return queries, keys
        return rotate(queries, cos, sin), rotate(keys, cos, sin)

    def heads(self, x: Tensor) -> Tensor:
        """(batch, time, heads * head_dim) -> (batch, heads, time, head_dim)"""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


def causal_mask(time: int) -> Tensor:
    """Who may look at whom, (time, time) booleans: row i is true up to column i."""
    return torch.ones(time, time, dtype=torch.bool).tril()


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

    A single query per head needs no mask among equals, so the heads of a group are handed over as
    a sequence of queries: keys and values are read once, and never copied.
    Vaswani et al. 2017, arXiv:1706.03762, §3.2.1.
    """
    time = queries.shape[2]
    if time == 1 and mask is None:
        grouped = queries.unflatten(1, (-1, groups)).flatten(
            2, 3
        )  # (batch, kv, groups, head_dim)
        mixed = F.scaled_dot_product_attention(grouped, keys, values)
        return mixed.flatten(1, 2).unsqueeze(2)
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
