"""A small GPT, whole: config, block, model. Days 10 to 20 change one part of it at a time.

    model = GPT(GPTConfig(vocab_size=2048, hidden_size=128))
    logits = model(input_ids)               (batch, time) -> (batch, time, vocab_size)
    logits = model(input_ids, cache)        the same, with the past in a KVCache

It is GPT-2 without biases (Radford et al. 2019, "Language Models are Unsupervised Multitask
Learners", §2.3). The names are those of qwen3.py, so that what works with one works with the other.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from helpers.model.attention import Attention, require_groups
from helpers.model.cache import GrowingCache, positions_and_mask
from helpers.model.layers import Linear


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT, under the names of Hugging Face's newer models.

    Changed by `replace`, num_attention_heads leaves num_key_value_heads as it was: give both.
    ValueError if the heads do not fit together, or for a dropout that is no probability.
    """

    vocab_size: int = 2048
    hidden_size: int = 128  # width of the residual stream
    intermediate_size: int = 512  # width inside the feed-forward net
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int | None = None  # None: as many as there are query heads
    head_dim: int = 32
    max_position_embeddings: int = 256  # rows of the position table: no text may be longer
    layer_norm_eps: float = 1e-5
    tie_word_embeddings: bool = True  # the head is the embedding table
    initializer_range: float = 0.02  # standard deviation of the first weights
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.num_key_value_heads is None:
            object.__setattr__(self, "num_key_value_heads", self.num_attention_heads)
        require_groups(self.num_attention_heads, self.num_key_value_heads)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} is a probability: 0 <= dropout < 1")


def require_room(config: GPTConfig, time: int, cache: GrowingCache | None) -> None:
    """ValueError if `time` more tokens after those in the cache have no position of their own.

    In a batch of unequal prompts the shortest row decides: the others may be done, and run on
    unread until it is.
    """
    past = 0 if cache is None else cache.length
    if cache is not None and cache.starts is not None:
        past -= int(cache.starts.max())
    if past + time > config.max_position_embeddings:
        raise ValueError(
            f"{past + time} tokens are more than the {config.max_position_embeddings} positions "
            "of this model: shorten the text, or make one with more max_position_embeddings"
        )


class FeedForward(nn.Module):
    """The feed-forward net of GPT-2: down(gelu(up(x))), for each token alone.

    (..., hidden_size) -> (..., hidden_size). GELU: Hendrycks and Gimpel 2016, arXiv:1606.08415.
    """

    def __init__(self, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        self.up_proj = Linear(hidden_size, intermediate_size)
        self.down_proj = Linear(intermediate_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.gelu(self.up_proj(x)))


class Block(nn.Module):
    """One layer: attention, then the feed-forward net, each reading a norm of the stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self.input_layernorm = nn.LayerNorm(width, eps, bias=False)
        self.self_attn = Attention(
            width,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            layer,
            qk_norm=False,
        )
        self.post_attention_layernorm = nn.LayerNorm(width, eps, bias=False)
        self.mlp = FeedForward(width, config.intermediate_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None, cache: GrowingCache | None) -> Tensor:
        heard = self.self_attn(self.input_layernorm(x), None, None, mask, cache)
        x = x + self.dropout(heard)
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


class GPTModel(nn.Module):
    """Token ids to hidden states: two embeddings, blocks, last norm."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps, bias=False)

    def forward(self, input_ids: Tensor, cache: GrowingCache | None = None) -> Tensor:
        """(batch, time) ids -> (batch, time, hidden_size); the cache, if any, moves on."""
        batch, time = input_ids.shape
        require_room(self.config, time, cache)
        positions, mask = positions_and_mask(batch, time, input_ids.device, cache)
        positions = positions.clamp(max=self.config.max_position_embeddings - 1)
        x = self.dropout(self.embed_tokens(input_ids) + self.embed_positions(positions))
        for block in self.layers:
            x = block(x, mask, cache)
        if cache is not None:
            cache.advance(time)
        return self.norm(x)


class GPT(nn.Module):
    """A GPT language model: hidden states, then one logit for every token of the vocabulary."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.model = GPTModel(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size)
        self.apply(self._init_weights)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)

    def forward(self, input_ids: Tensor, cache: GrowingCache | None = None) -> Tensor:
        """(batch, time) ids -> (batch, time, vocab_size) logits."""
        return self.lm_head(self.model(input_ids, cache))
