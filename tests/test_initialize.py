"""Mimetic first weights: a token looks at tokens like itself, and brings back what they were."""

import torch

from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.training.initialize import mimetic

CONFIG = Qwen3Config(
    vocab_size=50, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, intermediate_size=64, initializer_range=0.1,
)  # fmt: skip


def test_values_times_output_is_a_projection_times_the_gain():
    model = Qwen3(CONFIG)
    mimetic(model, gain=1.5)
    for block in model.model.layers:
        attention = block.self_attn
        for head in range(4):
            values = attention.v_proj.weight[head // 2 * 16 : (head // 2 + 1) * 16]
            output = attention.o_proj.weight[:, head * 16 : (head + 1) * 16]
            product = output @ values / 1.5
            torch.testing.assert_close(product @ product, product)  # a projection
            assert round(product.trace().item()) == 16  # on as many dimensions as a head has


def test_a_query_is_most_like_the_key_of_its_own_token():
    model = Qwen3(CONFIG)
    mimetic(model, likeness=1.0)
    attention = model.model.layers[0].self_attn
    x = torch.randn(1, 20, 64)
    queries, keys = attention.heads(attention.q_proj(x)), attention.heads(attention.k_proj(x))
    scores = queries @ keys.repeat_interleave(2, dim=1).mT  # (1, 4, 20, 20)
    assert (scores.argmax(-1) == torch.arange(20)).float().mean() > 0.95


def test_the_same_seed_gives_the_same_weights():
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        model = Qwen3(CONFIG)
        mimetic(model)
        weights.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(*weights)
