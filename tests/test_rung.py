"""A rung is trained and judged alike, whatever the model."""

from dataclasses import replace

import pytest
import torch

from helpers.lesson import ladder
from helpers.model.gpt import GPT
from helpers.model.weights import count_parameters
from helpers.text import corpus as corpora
from helpers.training import rung
from helpers.training.evaluate import evaluate

BUDGET = replace(rung.BUDGETS["tiny"], stories=40, held_out=6, steps=8, batch_size=2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "PREPARED", tmp_path_factory.mktemp("prepared"))
        yield rung.read(BUDGET)


def make():
    return GPT(BUDGET.model)


def test_a_climb_measures_what_the_ladder_keeps(corpus, tmp_path):
    result = rung.climb(make, corpus, BUDGET, "GPT")
    entry = result.entry
    assert entry["tokens"] == 8 * 2 * 144
    assert entry["bytes"] == 4 * entry["parameters"]
    assert len(entry["bits_per_byte"]) == len(result.losses) == 2
    assert entry["bits_per_byte"][-1] == evaluate(result.model, corpus.validation).bits_per_byte
    kept = ladder.add("GPT", day=9, path=tmp_path / "ladder.json", **entry)
    assert kept.tokens_per_second > 0


def test_the_same_seed_gives_the_same_rung_and_another_seed_another(corpus):
    one, two = (rung.climb(make, corpus, BUDGET, "GPT") for _ in range(2))
    assert one.entry["bits_per_byte"] == two.entry["bits_per_byte"]
    assert one.losses == two.losses
    assert one.losses[0] != one.losses[1]


def test_training_lowers_the_loss_and_leaves_the_model_ready_to_be_judged(corpus):
    torch.manual_seed(0)
    model = make()
    before = rung.judge(model, corpus)
    losses = rung.train(model, corpus, replace(BUDGET, steps=20), seed=0)
    assert losses[-1] < losses[0]
    assert rung.judge(model, corpus) < before
    assert not model.training


def test_every_scale_has_a_budget_and_its_text_fits_the_model(monkeypatch):
    for scale in ("tiny", "cpu", "gpu"):
        monkeypatch.setenv("SLM_SCALE", scale)
        budget = rung.budget()
        assert budget.context <= budget.model.max_position_embeddings
        assert budget.model.vocab_size == 2048
        assert len(set(budget.seeds)) == len(budget.seeds) >= 2


def test_what_a_smaller_attention_saves_the_feed_forward_net_gets():
    full = BUDGET.model
    less = replace(full, num_key_value_heads=1)
    same = rung.matched(GPT, less, count_parameters(GPT(full)))
    assert same.intermediate_size > less.intermediate_size
    assert count_parameters(GPT(same)) == count_parameters(GPT(full))
    assert rung.matched(GPT, same, count_parameters(GPT(less))) == less
    with pytest.raises(ValueError, match="has more than 1,000 parameters"):
        rung.matched(GPT, full, 1000)
