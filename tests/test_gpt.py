"""Our GPT computes what transformers' GPT2LMHeadModel computes from the same weights."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SMALL_GPT as SMALL
from twins import random_gpt as random_model

from helpers.inference.generate import Sampling, generate_all
from helpers.model.cache import KVCache
from helpers.model.gpt import GPT, GPTConfig
from helpers.model.inspect import attention_maps, without_head
from helpers.model.weights import count_parameters
from helpers.training.evaluate import next_token_loss


def random_ids(batch: int, time: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(SMALL.vocab_size, (batch, time), generator=generator)


def in_transformers(model: GPT) -> torch.nn.Module:
    """transformers' GPT-2 with copies of the model's weights; its biases are zero."""
    import transformers  # takes seconds

    c = model.config
    settings = transformers.GPT2Config(
        vocab_size=c.vocab_size, n_positions=c.max_position_embeddings, n_embd=c.hidden_size,
        n_layer=c.num_hidden_layers, n_head=c.num_attention_heads, n_inner=c.intermediate_size,
        activation_function="gelu", layer_norm_epsilon=c.layer_norm_eps, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, tie_word_embeddings=c.tie_word_embeddings,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    theirs = transformers.GPT2LMHeadModel(settings).eval()
    state = {name: torch.zeros_like(t) for name, t in theirs.state_dict().items()}
    state |= {
        "transformer.wte.weight": model.model.embed_tokens.weight,
        "transformer.wpe.weight": model.model.embed_positions.weight,
        "transformer.ln_f.weight": model.model.norm.weight,
        "lm_head.weight": model.lm_head.weight,
    }
    for i, block in enumerate(model.model.layers):
        attention, mlp = block.self_attn, block.mlp
        qkv = [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]
        parts = {
            "ln_1": block.input_layernorm.weight,
            "ln_2": block.post_attention_layernorm.weight,
            "attn.c_attn": torch.cat(qkv).T,  # theirs are stored (in, out)
            "attn.c_proj": attention.o_proj.weight.T,
            "mlp.c_fc": mlp.up_proj.weight.T,
            "mlp.c_proj": mlp.down_proj.weight.T,
        }
        state |= {f"transformer.h.{i}.{name}.weight": w for name, w in parts.items()}
    theirs.load_state_dict(state)
    return theirs


ODD = {
    "as it is": SMALL,
    "one head": replace(SMALL, num_attention_heads=1, num_key_value_heads=1, head_dim=24),
    "many small heads": replace(
        SMALL, num_attention_heads=12, num_key_value_heads=12, head_dim=2
    ),
    "untied": replace(SMALL, tie_word_embeddings=False),
    "wide epsilon": replace(SMALL, layer_norm_eps=1e-2),
    "five layers": replace(SMALL, num_hidden_layers=5),
}


def assert_same_logits(config: GPTConfig, input_ids: torch.Tensor) -> None:
    model = random_model(config)
    with torch.no_grad():
        ours, theirs = model(input_ids), in_transformers(model)(input_ids).logits
    assert ours.std() > 0.01  # else being close would mean nothing
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", ODD.values(), ids=ODD.keys())
def test_logits_equal_those_of_transformers(config):
    assert_same_logits(config, random_ids(2, 17))


@settings(max_examples=15)
@given(
    heads=st.integers(1, 4),
    head_dim=st.integers(2, 8),  # a LayerNorm of one feature is always 0
    layers=st.integers(1, 3),
    inner=st.integers(1, 40),
    tied=st.booleans(),
    time=st.integers(1, 12),
)
def test_logits_equal_those_of_transformers_whatever_the_config(
    heads, head_dim, layers, inner, tied, time
):
    config = replace(
        SMALL, hidden_size=heads * head_dim, num_attention_heads=heads, head_dim=head_dim,
        num_key_value_heads=heads, num_hidden_layers=layers, intermediate_size=inner,
        tie_word_embeddings=tied, initializer_range=0.4,
    )  # fmt: skip
    assert_same_logits(config, random_ids(2, time))


def test_gradients_equal_those_of_transformers():
    model, ids = random_model(), random_ids(3, 12)
    theirs = in_transformers(model)
    for logits in (model(ids), theirs(ids).logits):
        F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    pairs = [
        (model.model.embed_tokens, theirs.transformer.wte),
        (model.model.embed_positions, theirs.transformer.wpe),
        (model.model.layers[0].input_layernorm, theirs.transformer.h[0].ln_1),
    ]
    for mine, other in pairs:
        torch.testing.assert_close(mine.weight.grad, other.weight.grad, rtol=1e-4, atol=1e-5)


# ---- time


def test_the_future_has_no_gradient():
    model, ids = random_model(), random_ids(1, 9)
    x = model.model.embed_tokens(ids).detach().requires_grad_()
    model.model.embed_tokens.register_forward_hook(lambda module, args, output: x)
    for place in range(9):
        (gradient,) = torch.autograd.grad(model(ids)[0, place].square().sum(), x)
        assert (gradient[0, place + 1 :] == 0).all()
        assert (gradient[0, : place + 1] != 0).any(-1).all()


def test_order_matters():
    model, ids = random_model(), random_ids(1, 9)
    swapped = ids.clone()
    swapped[0, [0, 1]] = ids[0, [1, 0]]
    assert not torch.allclose(model(ids)[0, -1], model(swapped)[0, -1], atol=1e-3)


def in_parts(model: GPT, ids: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    cache = KVCache(ids.shape[1])
    return torch.cat([model(part, cache) for part in ids.split(sizes, dim=1)], dim=1)


@pytest.mark.parametrize(
    "sizes", [[1] * 12, [5, 1, 1, 5], [12]], ids=["single", "mixed", "all"]
)
def test_with_a_cache_in_parts_of_any_size_the_logits_are_the_same(sizes):
    model, ids = random_model(), random_ids(2, 12)
    with torch.no_grad():
        expected, found = model(ids), in_parts(model, ids, sizes)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("heads", [1, 2])
def test_shared_key_value_heads_work_with_a_cache_too(heads):
    model = random_model(replace(SMALL, num_key_value_heads=heads))
    ids = random_ids(2, 12)
    with torch.no_grad():
        found = in_parts(model, ids, [7, 1, 1, 1, 1, 1])
        torch.testing.assert_close(found, model(ids), rtol=1e-5, atol=1e-5)


def test_a_batch_of_unequal_prompts_is_each_prompt_alone():
    model = random_model()
    prompts = [random_ids(1, n, seed=n)[0].tolist() for n in (3, 7, 1)]
    greedy = {"sampling": Sampling(temperature=0)}
    together = generate_all(model, prompts, 10, **greedy)
    alone = [generate_all(model, [prompt], 10, **greedy)[0] for prompt in prompts]
    assert together == alone


def test_a_row_that_fills_its_positions_does_not_stop_the_others():
    model = random_model()
    prompts = [random_ids(1, n, seed=n)[0].tolist() for n in (38, 2)]
    new = generate_all(model, prompts, 30, sampling=Sampling(temperature=0))
    assert [len(row) for row in new] == [2, 30]
    (alone,) = generate_all(model, prompts[1:], 30, sampling=Sampling(temperature=0))
    assert new[1] == alone


def test_more_tokens_than_positions_are_refused():
    model = random_model()
    model(random_ids(1, 40))
    with pytest.raises(ValueError, match="41 tokens are more than the 40 positions"):
        model(random_ids(1, 41))
    cache = KVCache(64)
    model(random_ids(1, 39), cache)
    model(random_ids(1, 1), cache)
    with pytest.raises(ValueError, match="more max_position_embeddings"):
        model(random_ids(1, 1), cache)


# ---- parts


def test_dropout_is_off_when_the_model_is_judged():
    model, ids = random_model(replace(SMALL, dropout=0.5)), random_ids(1, 9)
    plain = GPT(SMALL).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(ids), plain(ids))
    model.train()
    assert not torch.equal(model(ids), model(ids))


def test_what_works_with_qwen3_works_with_gpt():
    model, ids = random_model(), random_ids(1, 9)
    loss = next_token_loss(model, ids[:, :-1], ids[:, 1:])
    expected = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[0, 1:])
    torch.testing.assert_close(loss, expected)
    assert attention_maps(model, ids).shape == (2, 4, 9, 9)
    with without_head(model, layer=1, head=3):
        assert not torch.allclose(model(ids), random_model()(ids), atol=1e-3)


def test_number_of_parameters_is_the_formula():
    c = SMALL
    width = c.hidden_size
    block = 4 * width**2 + 2 * width * c.intermediate_size + 2 * width
    tables = (c.vocab_size + c.max_position_embeddings) * width
    assert count_parameters(GPT(c)) == tables + c.num_hidden_layers * block + width
    untied = GPT(replace(c, tie_word_embeddings=False))
    assert count_parameters(untied) - count_parameters(GPT(c)) == c.vocab_size * width


def test_first_weights_have_the_configured_spread():
    model = GPT(GPTConfig(initializer_range=0.05))
    spreads = {n: p.std().item() for n, p in model.named_parameters() if p.dim() == 2}
    assert all(spread == pytest.approx(0.05, rel=0.05) for spread in spreads.values()), spreads
    assert all((p == 1).all() for p in model.parameters() if p.dim() == 1)


def test_key_value_heads_are_as_many_as_heads_unless_said():
    assert GPTConfig(num_attention_heads=6).num_key_value_heads == 6
    assert GPTConfig(num_attention_heads=6, num_key_value_heads=2).num_key_value_heads == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_key_value_heads": 3}, "multiple of num_key_value_heads=3"),
        ({"num_key_value_heads": 0}, "multiple of num_key_value_heads=0"),
        ({"dropout": 1.0}, "dropout=1.0 is a probability"),
    ],
)
def test_a_config_that_cannot_work_is_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        replace(SMALL, **change)
