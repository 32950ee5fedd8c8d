"""Longer runs, recorded: the same search for every model, and a file that survives a stop."""

import json
import math

import pytest

from helpers.text import corpus as corpora
from helpers.training import record


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("SLM_SCALE", "tiny")
    monkeypatch.setattr(corpora, "PREPARED", tmp_path / "prepared")


def go(tmp_path, models=("MQA",), rates=(1e-2, 1e-5), **settings):
    return record.record(models, tmp_path / "runs.json", rates, (0, 1), steps=4, **settings)


def test_each_model_gets_its_best_rate_and_all_seeds(tmp_path):
    found = go(tmp_path)["models"]["MQA"]
    by_rate = found["by_rate"]
    assert by_rate[f"{found['lr']:g}"] == min(by_rate.values()) < by_rate["1e-05"]
    assert found["bits_per_byte"][0] == min(by_rate.values())
    assert len(found["bits_per_byte"]) == 2
    assert found["cache_per_token"] == 16  # two layers, keys and values of one head of 4


@pytest.mark.parametrize(
    ("valley", "tried"),
    [
        (0.0030, {0.002, 0.003, 0.0045}),  # inside: nothing further
        (0.0100, {0.002, 0.003, 0.0045, 0.00675, 0.0101, 0.0152}),
        (0.0014, {0.002, 0.003, 0.0045, 0.00133, 0.000887}),
        (9.0000, {0.002, 0.003, 0.0045, 0.00675, 0.0101, 0.0152, 0.0228}),  # given up
    ],
)
def test_a_search_goes_on_while_its_best_rate_lies_at_an_end(valley, tried):
    found = record.search(lambda lr: abs(lr - valley), (0.002, 0.003, 0.0045))
    assert set(found) == tried


def test_a_rate_that_kills_the_training_is_never_the_best():
    deaths = {0.05: math.nan, 0.02: 1.0, 0.01: 0.9}
    found = record.search(lambda lr: deaths.get(lr, 2.0), (0.05, 0.02, 0.01))
    assert record.lowest(found) == 0.01 and max(found) == 0.05  # it went down, and not up


def test_a_single_rate_is_taken_as_it_is():
    assert record.search(lambda lr: lr, [0.003]) == {0.003: 0.003}


def test_a_run_that_was_stopped_goes_on_where_its_file_ends(tmp_path, monkeypatch):
    first = go(tmp_path)

    def only_new(name, *args):
        assert name == "MHA"
        return {"bits_per_byte": [1.0]}

    monkeypatch.setattr(record, "best_of", only_new)
    both = go(tmp_path, models=("MQA", "MHA"))
    assert both["models"]["MQA"] == first["models"]["MQA"]
    assert json.loads((tmp_path / "runs.json").read_text()) == both


def test_another_budget_does_not_go_into_the_same_file(tmp_path):
    go(tmp_path)
    with pytest.raises(ValueError, match="another budget: give another --out"):
        go(tmp_path, rates=(1e-3,))


def test_unknown_models_and_missing_rates_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no variant GQA-3"):
        go(tmp_path, models=("GQA-3",))
    with pytest.raises(ValueError, match="at least one rate"):
        go(tmp_path, rates=())


# ---- what may be said


@pytest.mark.parametrize(
    ("scores", "others", "says"),
    [
        ([0.20, 0.21, 0.19], [0.30, 0.31, 0.29], "better than"),
        ([0.30, 0.31, 0.29], [0.20, 0.21, 0.19], "worse than"),
        ([0.20, 0.21, 0.19], [0.21, 0.22, 0.20], "within the spread of"),
        ([0.20, 0.20], [0.20, 0.20], "within the spread of"),
    ],
)
def test_better_is_said_only_outside_of_the_spread(scores, others, says):
    assert record.verdict(scores, others) == says


def test_one_seed_has_no_spread():
    with pytest.raises(ValueError, match="one seed has no spread"):
        record.verdict([0.1], [0.2, 0.3])


def test_each_variant_is_compared_with_what_it_differs_from_in_one_thing():
    def model(*scores):
        return {"bits_per_byte": list(scores), "parameters": 1000, "lr": 0.003}

    found = {
        "GPT": model(0.20, 0.21),
        "MHA": model(0.30, 0.31),
        "MQA": model(0.21, 0.22),
        "RoPE": model(0.40, 0.41),
        "ALiBi": model(0.40),
    }
    assert record.compared(found) == {
        "GPT": "the baseline",
        "MHA": "the baseline",
        "MQA": "better than MHA",
        "RoPE": "worse than GPT",
        "ALiBi": "",
    }
    assert "0.2150 ± 0.0071      2  better than MHA" in record.table(found)
    ticks = [text.get_text() for text in record.draw(found).axes[0].get_yticklabels()]
    assert ticks[2:] == ["MHA", "MQA", "GPT"]


def test_muon_moves_the_same_model_by_another_rule(tmp_path):
    found = go(tmp_path, models=("GPT", "Muon"))["models"]
    assert found["GPT"]["parameters"] == found["Muon"]["parameters"]
    assert found["GPT"]["bits_per_byte"] != found["Muon"]["bits_per_byte"]
