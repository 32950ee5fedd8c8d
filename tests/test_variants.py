"""Kinds of attention, of positions and of norms, all of one size."""

from dataclasses import replace

import pytest
import torch

from helpers.model.weights import count_parameters
from helpers.training import rung, variants

SHAPE = rung.BUDGETS["tiny"].model


@pytest.mark.parametrize("name", variants.ALL)
@pytest.mark.parametrize("scale", ["tiny", "cpu"])
def test_all_have_the_parameters_of_the_gpt(name, scale):
    shape = rung.BUDGETS[scale].model
    with torch.device("meta"):
        sizes = [count_parameters(variants.of_size(n, shape)()) for n in ("GPT", name)]
    assert sizes[1] == pytest.approx(sizes[0], rel=2e-3)


def test_a_cache_keeps_what_the_name_says():
    """Two layers, eight heads of four numbers: 2 * 2 * 8 * 4 for MHA, and shares of that."""
    found = {
        name: variants.cache_per_token(variants.of_size(name, SHAPE)(), time=100)
        for name in variants.VARIANTS
    }
    assert found == pytest.approx(
        {
            "MHA": 128, "GQA-4": 64, "GQA-2": 32, "MQA": 16, "MLA-2": 32, "MLA-1": 16,
            "window 48": 128 * 0.47, "window 16": 128 * 0.15,
        }
    )  # fmt: skip


def test_one_layer_that_sees_everything_keeps_everything():
    model = variants.of_size("window 48", SHAPE)()
    whole = variants.of_size("MHA", SHAPE)()
    model.model.layers[1].self_attn.window = None
    kept = variants.cache_per_token(model, time=144)
    assert kept == variants.cache_per_token(whole, time=144)


def test_a_window_reaches_no_further():
    model, ids = variants.of_size("window 16", SHAPE)().eval(), torch.randint(2048, (1, 60))
    changed = ids.clone()
    changed[0, 0] += 1
    differs = (model(ids) != model(changed))[0].any(-1)
    assert differs[:31].any() and not differs[31:].any()  # two layers see 2 * 15 tokens back


@pytest.mark.parametrize("name", variants.POSITIONS)
def test_only_a_model_without_positions_takes_the_past_as_a_bag(name):
    """One layer: what the last token hears does not change when two earlier ones change places."""
    shape = replace(SHAPE, num_hidden_layers=1, initializer_range=0.5)
    torch.manual_seed(0)
    model = variants.of_size(name, shape)().eval()
    ids = torch.tensor([[5, 9, 300, 17, 4]])
    swapped = ids[:, [1, 0, 2, 3, 4]]
    same = torch.allclose(model(ids)[0, -1], model(swapped)[0, -1], atol=1e-4)
    assert same == (name == "no positions")


def test_rms_norm_is_in_every_place():
    kinds = [type(m).__name__ for m in variants.of_size("RMSNorm", SHAPE)().modules()]
    assert kinds.count("RMSNorm") == 5 and "LayerNorm" not in kinds


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no variant GQA-3: there are GPT, RMSNorm"):
        variants.of_size("GQA-3", SHAPE)
