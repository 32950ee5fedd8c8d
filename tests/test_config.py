"""Settings come by name, are read as their type, and are refused where they cannot work."""

import pytest

from helpers.training.config import PRESETS, TrainConfig, preset, with_settings


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_made_and_comes_down_to_its_minimum(name):
    config = preset(name)
    schedule = config.make_schedule()
    assert schedule.lr_at(config.steps - 1) == pytest.approx(config.min_lr, abs=1e-9)
    assert config.min_lr < config.lr


def test_settings_reach_the_run_and_the_model_and_take_their_types():
    config = preset("cpu", steps="7", warmup="2", lr="2e-3", hidden_size="96", documents="none")
    assert (config.steps, config.lr, config.documents) == (7, 2e-3, None)
    assert config.model.hidden_size == 96
    assert (
        with_settings(config, {"tie_word_embeddings": "false"}).model.tie_word_embeddings
        is False
    )
    assert with_settings(config, {"documents": "50"}).documents == 50
    assert with_settings(config, {"tokenizer": "some/folder"}).tokenizer == "some/folder"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"stepz": 5}, "stepz"),
        ({"steps": "5.5"}, "steps='5.5'"),
        ({"tie_word_embeddings": "maybe"}, "tie_word_embeddings"),
        ({"batch_size": 0}, "at least 1"),
        ({"dtype": "int8"}, "float32, bfloat16"),
        ({"compile": "perhaps"}, "auto, yes, no"),
        ({"num_key_value_heads": 3}, "multiple"),
        ({"head_dim": 7}, "even"),
        ({"min_lr": 1.0}, "rises"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(settings, says):
    with pytest.raises(ValueError, match=says):
        preset("cpu", **settings)


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="tiny, cpu"):
        preset("huge")


def test_a_step_counts_all_its_micro_batches():
    assert TrainConfig(batch_size=4, context=32, accumulate=3).tokens_per_step == 384


def test_a_file_of_your_own_is_read_whole_unless_you_say_how_much():
    assert preset("cpu").documents == 45_000
    assert preset("cpu", data="my.txt").documents is None
    assert preset("cpu", data="my.txt", documents="50").documents == 50
