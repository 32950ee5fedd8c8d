"""What is seen inside of a model is what the model does."""

import pytest
import torch
from twins import random_gpt

from helpers.model.attention import AlibiAttention, Attention, RotaryAttention
from helpers.model.change import replace_part
from helpers.model.inspect import attention_layers, attention_maps, without_head
from helpers.model.qwen3 import Qwen3, Qwen3Config

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    shape = dict(hidden_size=24, intermediate_size=16, num_hidden_layers=2, head_dim=6)
    heads = dict(num_attention_heads=4, num_key_value_heads=2, initializer_range=0.5)
    return Qwen3(Qwen3Config(vocab_size=11, **shape, **heads))


def test_a_map_for_every_head_whose_rows_sum_to_one_and_ignore_the_future(model):
    maps = attention_maps(model, IDS)
    assert maps.shape == (2, 4, 8, 8)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 4, 8))
    assert (maps.triu(1) == 0).all()


def gpt_of(kind, **settings):
    torch.manual_seed(0)
    model = random_gpt()
    if kind is not None:
        replace_part(
            model, "self_attn", lambda i: kind(24, 4, 2, 6, i, qk_norm=False, **settings)
        )
    return model


OTHERS = {
    "qwen3": None,
    "gpt": lambda: gpt_of(None),
    "rotary": lambda: gpt_of(RotaryAttention, theta=50.0),
    "alibi": lambda: gpt_of(AlibiAttention),
    "window": lambda: gpt_of(Attention, window=3),
}


@pytest.mark.parametrize("other", OTHERS)
@torch.no_grad()
def test_the_maps_and_the_values_give_what_attention_gives(model, other):
    model = OTHERS[other]() if OTHERS[other] else model
    layer, heard = attention_layers(model)[1], []
    layer.register_forward_hook(lambda module, args, output: heard.append((args[0], output)))
    maps = attention_maps(model, IDS)[1]
    x, output = heard[0]
    values = layer.heads(layer.v_proj(x)).repeat_interleave(layer.groups, dim=1)[0]
    mixed = (maps @ values).transpose(0, 1).flatten(1)  # (time, heads * head_dim)
    torch.testing.assert_close(layer.o_proj(mixed), output[0], rtol=1e-5, atol=1e-6)


def test_looking_leaves_no_hook_behind(model):
    before = model(IDS)
    attention_maps(model, IDS)
    with without_head(model, 0, 1):
        changed = model(IDS)
    assert not torch.equal(changed, before)
    assert torch.equal(model(IDS), before)


def test_a_silenced_head_is_one_whose_output_weights_are_zero(model):
    with without_head(model, layer=1, head=2):
        silenced = model(IDS)
    with torch.no_grad():
        attention_layers(model)[1].o_proj.weight[:, 12:18] = 0
    torch.testing.assert_close(model(IDS), silenced)


@pytest.mark.parametrize("head", [-1, 4])
def test_a_head_that_is_not_there_is_refused(model, head):
    with pytest.raises(ValueError, match="heads 0 to 3"), without_head(model, 0, head):
        pass


def test_two_texts_at_once_are_refused(model):
    with pytest.raises(ValueError, match="one text at a time"):
        attention_maps(model, IDS.repeat(2, 1))
