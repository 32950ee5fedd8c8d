"""A checkpoint is whole or not there; what is damaged or foreign is refused by name."""

import pytest
import torch

from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.text.tokenizer import Tokenizer
from helpers.training import checkpoint

CONFIG = Qwen3Config(
    vocab_size=300, hidden_size=16, intermediate_size=16, num_hidden_layers=1, head_dim=4
)


@pytest.fixture
def saved(tmp_path):
    model, tokenizer = Qwen3(CONFIG), Tokenizer.train(["one kite, two kites"], 300)

    def save(step, keep=2):
        return checkpoint.save(tmp_path, step, model, tokenizer, {"step": step}, keep)

    return save


def test_the_last_k_are_kept_and_the_newest_is_found(saved, tmp_path):
    for step in (5, 100, 20_000):
        saved(step)
    names = [path.name for path in checkpoint.all_checkpoints(tmp_path)]
    assert names == ["step-00000100", "step-00020000"]
    assert checkpoint.load_state(checkpoint.latest(tmp_path)) == {"step": 20_000}


def test_nothing_there_is_no_checkpoint(tmp_path):
    assert checkpoint.latest(tmp_path) is None
    assert checkpoint.latest(tmp_path / "nowhere") is None


def test_a_save_that_breaks_leaves_the_one_before_it(saved, tmp_path, monkeypatch):
    saved(1)

    def broken(state, file):
        file.write(b"half")
        raise OSError("power cut")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="power cut"):
        saved(2)
    monkeypatch.undo()
    assert checkpoint.latest(tmp_path).name == "step-00000001"
    saved(3)
    assert not list(tmp_path.glob(".step-*"))  # the leftovers of step 2 are gone


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "foreign", "pickle"])
def test_a_damaged_state_is_refused_with_its_name(saved, tmp_path, damage):
    path = saved(7) / checkpoint.STATE
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        torch.save([1, 2], path)
    elif damage == "pickle":
        import pickle

        path.write_bytes(pickle.dumps(print))
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 200])
    with pytest.raises(ValueError, match="training_state.pt"):
        checkpoint.load_state(checkpoint.latest(tmp_path))


def test_random_states_come_back():
    states = checkpoint.random_states()
    first = torch.rand(3)
    checkpoint.restore_random_states(states)
    assert torch.equal(torch.rand(3), first)
