"""Our Qwen3 computes what transformers' Qwen3ForCausalLM computes from the same weights."""

from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SMALL, in_transformers, random_ids, random_model

from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.model.weights import count_parameters

ODD = {
    "one key/value head": replace(SMALL, num_key_value_heads=1),
    "all key/value heads": replace(SMALL, num_key_value_heads=4, tie_word_embeddings=False),
    "three groups": replace(SMALL, num_attention_heads=6, num_key_value_heads=3, head_dim=2),
    "odd widths": replace(
        SMALL, vocab_size=37, hidden_size=13, intermediate_size=7, head_dim=14
    ),
    "one head": replace(SMALL, num_attention_heads=1, num_key_value_heads=1, head_dim=20),
    "untied": replace(SMALL, tie_word_embeddings=False),
    "wide epsilon": replace(SMALL, rms_norm_eps=1e-2),
    "five layers": replace(SMALL, num_hidden_layers=5),
}


def configs():
    """Small configs in which nothing fits anything by chance."""
    kv_heads = st.integers(1, 3)
    return st.builds(
        lambda kv, group, half, **sizes: Qwen3Config(
            num_key_value_heads=kv,
            num_attention_heads=kv * group,
            head_dim=2 * half,
            initializer_range=0.2,
            **sizes,
        ),
        kv_heads,
        group=st.integers(1, 3),
        half=st.integers(1, 8),
        vocab_size=st.integers(2, 70),
        hidden_size=st.integers(3, 30),
        intermediate_size=st.integers(1, 40),
        num_hidden_layers=st.integers(1, 3),
        rope_theta=st.sampled_from([100.0, 1e4, 1e6]),
        rms_norm_eps=st.sampled_from([1e-6, 1e-5]),
        tie_word_embeddings=st.booleans(),
    )


def assert_same_logits(config: Qwen3Config, input_ids: torch.Tensor) -> None:
    model = random_model(config)
    with torch.no_grad():
        ours, theirs = model(input_ids), in_transformers(model)(input_ids).logits
    assert ours.std() > 0.01  # else being close would mean nothing
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", ODD.values(), ids=ODD.keys())
def test_logits_equal_those_of_transformers(config):
    assert_same_logits(config, random_ids(config, 2, 17))


@settings(max_examples=25)
@given(configs(), st.integers(1, 3), st.integers(1, 12))
def test_logits_equal_those_of_transformers_whatever_the_config(config, batch, time):
    assert_same_logits(config, random_ids(config, batch, time))


def test_logits_equal_those_of_transformers_at_long_positions():
    config = replace(SMALL, head_dim=16, rope_theta=1e6, max_position_embeddings=4096)
    assert_same_logits(config, random_ids(config, 1, 3000))


@pytest.mark.parametrize("tied", [True, False])
def test_gradients_equal_those_of_transformers(tied):
    model = random_model(replace(SMALL, tie_word_embeddings=tied))
    theirs = in_transformers(model)
    ids = random_ids(SMALL, 3, 12)
    for logits in (model(ids), theirs(ids).logits):
        F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    expected = dict(theirs.named_parameters())
    assert {name for name, _ in model.named_parameters()} == expected.keys()
    for name, parameter in model.named_parameters():
        gradient = expected[name].grad
        assert gradient.abs().max() > 1e-4, name
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-5)


def test_logits_in_bfloat16_are_close():
    """bfloat16 keeps 8 bits, so some 2^-8 of the largest logit is lost, a few times over."""
    model = random_model()
    ids = random_ids(SMALL, 2, 17)
    with torch.no_grad():
        exact = model(ids)
        rounded = model.bfloat16()(ids)
        theirs = in_transformers(model)(ids).logits
    assert rounded.dtype == torch.bfloat16
    tolerance = 8 * 2**-8 * exact.abs().max().item()
    torch.testing.assert_close(rounded.float(), exact, rtol=0, atol=tolerance)
    torch.testing.assert_close(rounded, theirs, rtol=0, atol=tolerance / 8)


def test_tied_head_is_the_embedding_and_is_counted_once():
    tied, untied = Qwen3(SMALL), Qwen3(replace(SMALL, tie_word_embeddings=False))
    assert tied.lm_head.weight is tied.model.embed_tokens.weight
    table = SMALL.vocab_size * SMALL.hidden_size
    assert count_parameters(untied) - count_parameters(tied) == table


def test_number_of_parameters_is_the_formula():
    c = SMALL
    attention = c.hidden_size * c.head_dim * 2 * (c.num_attention_heads + c.num_key_value_heads)
    block = (
        attention + 2 * c.head_dim + 3 * c.hidden_size * c.intermediate_size + 2 * c.hidden_size
    )
    expected = c.vocab_size * c.hidden_size + c.num_hidden_layers * block + c.hidden_size
    assert count_parameters(Qwen3(c)) == expected


def test_first_weights_have_the_configured_spread():
    model = Qwen3(Qwen3Config(initializer_range=0.05))
    spreads = {n: p.std().item() for n, p in model.named_parameters() if p.dim() == 2}
    assert all(spread == pytest.approx(0.05, rel=0.05) for spread in spreads.values()), spreads
    assert all((p == 1).all() for p in model.parameters() if p.dim() == 1)


def test_config_comes_back_from_a_dictionary_with_unknown_keys():
    config = Qwen3Config(vocab_size=99, rope_theta=5.0)
    assert Qwen3Config.from_dict(asdict(config) | {"model_type": "qwen3"}) == config


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_key_value_heads": 3}, "multiple of num_key_value_heads=3"),
        ({"head_dim": 5}, "head_dim=5 must be even"),
    ],
)
def test_heads_that_do_not_fit_are_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        replace(SMALL, **change)
