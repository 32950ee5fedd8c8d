"""Another part in each block, or fewer key/value heads."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from twins import SMALL, SMALL_GPT, random_gpt, random_ids, random_model

from helpers.model.attention import LatentAttention
from helpers.model.change import lengthen, mean_of_groups, replace_part, to_grouped


def test_each_block_gets_its_own_new_part():
    model = random_gpt()
    latent = replace_part(
        model, "self_attn", lambda layer: LatentAttention(24, 4, 6, 5, layer=layer)
    )
    parts = [block.self_attn for block in latent.model.layers]
    assert [part.layer for part in parts] == [0, 1] and latent is model
    assert parts[0].q_proj.weight.std().item() == pytest.approx(
        0.2, rel=0.2
    )  # as in the config
    assert model(random_ids(SMALL_GPT, 1, 5)).shape == (1, 5, 61)


@pytest.mark.parametrize("training", [True, False])
def test_a_new_part_is_in_the_mode_of_its_block(training):
    model = random_gpt().train(training)
    replace_part(model, "self_attn", lambda _: nn.Dropout())
    assert model.model.layers[0].self_attn.training is training


def test_an_unknown_part_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="no part attention: it has input_layernorm, self_attn"
    ):
        replace_part(random_gpt(), "attention", lambda layer: nn.Identity())


def test_means_of_groups_by_hand():
    weight = torch.tensor([[1.0], [10], [3], [30], [5], [50], [9], [90]])  # 4 heads of 2
    assert mean_of_groups(weight, head_dim=2, groups=2).flatten().tolist() == [2, 20, 7, 70]
    assert mean_of_groups(weight, head_dim=2, groups=1).flatten().tolist() == [4.5, 45]
    assert torch.equal(mean_of_groups(weight, head_dim=2, groups=4), weight)


@pytest.mark.parametrize(("make", "small"), [(random_gpt, SMALL_GPT), (random_model, SMALL)])
@torch.no_grad()
def test_a_model_whose_groups_are_equal_already_loses_nothing(make, small):
    grouped = make(replace(small, num_key_value_heads=2))
    full = make(replace(small, num_key_value_heads=4))
    state = grouped.state_dict()
    for name, weight in state.items():
        if name.endswith(("k_proj.weight", "v_proj.weight")):
            copies = weight.unflatten(0, (2, -1)).repeat_interleave(2, dim=0)
            state[name] = copies.flatten(0, 1)
    full.load_state_dict(state)
    before = {name: weight.clone() for name, weight in full.state_dict().items()}
    again, ids = to_grouped(full, 2), random_ids(small, 2, 9)
    torch.testing.assert_close(again(ids), full(ids), rtol=1e-5, atol=1e-5)
    assert again.config.num_key_value_heads == 2
    assert all(torch.equal(before[name], weight) for name, weight in full.state_dict().items())


@pytest.mark.parametrize("heads", [0, 3, 8])
def test_heads_that_do_not_divide_are_refused(heads):
    with pytest.raises(ValueError, match=f"4 key/value heads cannot become {heads}"):
        to_grouped(random_gpt(), heads)


@torch.no_grad()
def test_a_longer_model_says_the_same_of_short_texts():
    model, ids = random_gpt(), random_ids(SMALL_GPT, 1, 40)
    longer = lengthen(model, 90)
    torch.testing.assert_close(longer(ids), model(ids))
    assert longer(random_ids(SMALL_GPT, 1, 90)).shape == (1, 90, 61)
    assert model.config.max_position_embeddings == 40  # it was a copy
    assert longer.config.max_position_embeddings == 90
    new = longer.model.embed_positions.weight[40:]
    assert new.std().item() == pytest.approx(SMALL_GPT.initializer_range, rel=0.1)


def test_interpolated_positions_by_hand():
    model = random_gpt(replace(SMALL_GPT, max_position_embeddings=3))
    table = model.model.embed_positions.weight.data
    found = lengthen(model, 5, interpolate=True).model.embed_positions.weight
    half = (table[:-1] + table[1:]) / 2  # rows 1 and 3 stand between old ones
    torch.testing.assert_close(found[::2], table)
    torch.testing.assert_close(found[1::2], half)


def test_a_length_that_is_not_longer_is_refused():
    with pytest.raises(ValueError, match="takes 40 tokens already"):
        lengthen(random_gpt(), 40)


def test_fewer_heads_keep_their_window_and_dtype():
    model = random_gpt().double()
    for block in model.model.layers:
        block.self_attn.window = 3
    ids = random_ids(SMALL_GPT, 1, 9)
    same = to_grouped(model, SMALL_GPT.num_attention_heads)
    torch.testing.assert_close(same(ids), model(ids), rtol=0, atol=1e-12)
