"""A mixture of experts computes what transformers' Qwen3-MoE computes from the same weights."""

from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.qwen3_moe.modeling_qwen3_moe import load_balancing_loss_func
from twins import SMALL, in_transformers, random_ids, with_random_norms

from helpers.model.cache import GrowingCache
from helpers.model.layers import SwiGLU
from helpers.model.moe import (
    MixtureOfExperts,
    Qwen3Moe,
    Qwen3MoeConfig,
    balance_loss,
    loads,
    routers,
)

EXPERTS = dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=9)
CONFIG = Qwen3MoeConfig(**asdict(SMALL), **EXPERTS)


def random_moe(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    return with_random_norms(Qwen3Moe(config).eval())


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, norm_topk_prob=False),
        replace(CONFIG, num_experts_per_tok=1),
        replace(CONFIG, num_experts_per_tok=5),
        replace(CONFIG, num_experts=1, num_experts_per_tok=1),
        replace(CONFIG, tie_word_embeddings=False, num_hidden_layers=4),
    ],
)
@torch.no_grad()
def test_logits_are_those_of_transformers(config):
    model, ids = random_moe(config), random_ids(config, 2, 11)
    twin = in_transformers(model, mlp_only_layers=[], experts_implementation="eager")
    ours, theirs = model(ids), twin(ids, output_router_logits=True)
    assert ours.std() > 0.01
    torch.testing.assert_close(ours, theirs.logits, rtol=1e-5, atol=1e-5)
    expected = load_balancing_loss_func(
        theirs.router_logits, config.num_experts, config.num_experts_per_tok
    )
    torch.testing.assert_close(balance_loss(model), expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_sorted_tokens_get_what_a_loop_over_tokens_gives_them(experts, k, tokens, seed):
    k = min(k, experts)
    torch.manual_seed(seed)
    layer = MixtureOfExperts(6, 4, experts, k)
    for weight in layer.parameters():
        torch.nn.init.normal_(weight)
    x = torch.randn(1, tokens, 6)
    by_token = torch.zeros(tokens, 6)
    for i, token in enumerate(x[0]):
        probabilities = (layer.gate.weight @ token).softmax(0)
        best = probabilities.topk(k).indices.tolist()
        for expert in best:
            share = probabilities[expert] / probabilities[best].sum()
            gate, up = (layer.experts.gate_up_proj[expert] @ token).chunk(2)
            by_token[i] += share * (layer.experts.down_proj[expert] @ (F.silu(gate) * up))
    torch.testing.assert_close(layer(x)[0], by_token, rtol=1e-4, atol=1e-4)


def test_one_expert_is_the_dense_net():
    dense, layer = SwiGLU(6, 4), MixtureOfExperts(6, 4, 1, 1)
    gate_and_up = torch.cat([dense.gate_proj.weight, dense.up_proj.weight])
    layer.experts.gate_up_proj.data = gate_and_up[None]
    layer.experts.down_proj.data = dense.down_proj.weight[None]
    x = torch.randn(2, 5, 6)
    torch.testing.assert_close(layer(x), dense(x))


@torch.no_grad()
def test_with_a_cache_the_logits_are_the_same():
    model, ids = random_moe(), random_ids(CONFIG, 2, 12)
    cache = GrowingCache()
    parts = [model(part, cache) for part in ids.split([7, 1, 1, 3], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(ids), rtol=1e-5, atol=1e-5)


def test_an_expert_without_tokens_gets_a_gradient_of_zero_and_the_router_all_of_it():
    model = random_moe()
    layer = model.model.layers[0].mlp
    layer.gate.weight.data[4] = -100 * layer.gate.weight.data[:4].mean(0)
    model(random_ids(CONFIG, 1, 3)).sum().backward()
    unused = loads(model)[0] == 0
    assert unused.any() and not unused.all()
    gradient = layer.experts.down_proj.grad.abs().amax((1, 2))
    assert (gradient[unused] == 0).all() and (gradient[~unused] > 0).all()
    assert layer.gate.weight.grad.abs().sum() > 0


def test_an_even_load_costs_k_and_a_collapse_the_number_of_experts():
    model = random_moe()
    model(random_ids(CONFIG, 4, 16))
    for router in routers(model):
        router.weight.data.zero_()
        router.probabilities = torch.full((10, 5), 0.2)
        router.chosen = torch.arange(20).view(10, 2) % 5
    assert balance_loss(model).item() == pytest.approx(2)
    assert loads(model).tolist() == [pytest.approx([0.2] * 5)] * 2
    for router in routers(model):
        router.probabilities = F.one_hot(torch.zeros(10).long(), 5).float()
        router.chosen = torch.tensor([[0, 1]]).expand(10, 2)
    assert balance_loss(model).item() == pytest.approx(5)


def test_first_weights_have_the_spread_of_the_config():
    layer = (
        Qwen3Moe(replace(CONFIG, hidden_size=64, initializer_range=0.02)).model.layers[0].mlp
    )
    for weight in layer.parameters():
        assert weight.std().item() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("k", [0, 6])
def test_too_many_experts_for_a_token_are_refused(k):
    with pytest.raises(ValueError, match="a token cannot have . of 5 experts"):
        replace(CONFIG, num_experts_per_tok=k)


def test_a_model_without_experts_has_no_balance():
    with pytest.raises(ValueError, match="the model has no experts"):
        balance_loss(torch.nn.Linear(2, 2))
