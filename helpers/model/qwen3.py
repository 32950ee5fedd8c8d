"""Qwen3, whole: config, block, model. The same names and numbers as the real one.

    model = Qwen3(Qwen3Config(vocab_size=2048, hidden_size=128))
    logits = model(input_ids)               (batch, time) -> (batch, time, vocab_size)
    logits = model(input_ids, cache)        the same, with the past in a KVCache

Qwen Team 2025, arXiv:2505.09388, §2. The loss is computed outside of the model.
"""

from dataclasses import dataclass, fields

from torch import Tensor, nn

from helpers.model.attention import Attention, require_groups
from helpers.model.cache import GrowingCache, positions_and_mask
from helpers.model.layers import Linear, RMSNorm, SwiGLU, rotary_angles


@dataclass(frozen=True)
class Qwen3Config:
    """The shape of a Qwen3, field by field as in Hugging Face's config.json.

    ValueError if the heads do not fit together.
    """

    vocab_size: int = 2048
    hidden_size: int = 128  # width of the residual stream
    intermediate_size: int = 384  # width inside the feed-forward net
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2  # shared by groups of query heads
    head_dim: int = 32  # set apart from hidden_size / heads, as in the real Qwen3
    max_position_embeddings: int = 512  # the longest context it was trained for
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True  # the head is the embedding table
    initializer_range: float = 0.02  # standard deviation of the first weights

    def __post_init__(self) -> None:
        require_groups(self.num_attention_heads, self.num_key_value_heads)
        if self.head_dim % 2:
            raise ValueError(f"head_dim={self.head_dim} must be even: RoPE turns pairs")

    @classmethod
    def from_dict(cls, settings: dict) -> "Qwen3Config":
        """The config in `settings`, as read from a config.json; unknown keys are left aside."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in settings.items() if key in known})


class Block(nn.Module):
    """One layer: attention, then the feed-forward net, each reading a norm of the stream."""

    def __init__(self, config: Qwen3Config, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(
            config.hidden_size,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            layer,
            config.rms_norm_eps,
        )
        self.mlp = SwiGLU(config.hidden_size, config.intermediate_size)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor | None,
        cache: GrowingCache | None,
    ) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Qwen3Model(nn.Module):
    """Token ids to hidden states: embedding, blocks, last norm."""

    def __init__(self, config: Qwen3Config) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, input_ids: Tensor, cache: GrowingCache | None = None) -> Tensor:
        """(batch, time) ids -> (batch, time, hidden_size); the cache, if any, moves on."""
        batch, time = input_ids.shape
        positions, mask = positions_and_mask(batch, time, input_ids.device, cache)
        cos, sin = rotary_angles(
            positions[:, None], self.config.head_dim, self.config.rope_theta
        )
        x = self.embed_tokens(input_ids)
        for block in self.layers:
            x = block(x, cos, sin, mask, cache)
        if cache is not None:
            cache.advance(time)
        return self.norm(x)


class Qwen3(nn.Module):
    """A Qwen3 language model: hidden states, then one logit for every token of the vocabulary."""

    def __init__(self, config: Qwen3Config) -> None:
        super().__init__()
        self.config = config
        self.model = Qwen3Model(config)
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
