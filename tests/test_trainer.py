"""A run learns, resumes to the same bits, and stops with one clear line where it must."""

import errno
import json
import math
import os
import signal

import pytest
import torch

from helpers.text import corpus as corpus_module
from helpers.training import checkpoint, evaluate, report, trainer
from helpers.training.checkpoint import TrainingStopped
from helpers.training.config import preset
from helpers.training.trainer import Trainer, train


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(autouse=True)
def prepared_elsewhere(monkeypatch, prepared):
    monkeypatch.setattr(corpus_module, "PREPARED", prepared)


def small(**settings):
    sizes = {
        "steps": 12, "warmup": 2, "log_every": 1, "save_every": 4, "documents": 200,
        "validation_documents": 4, "samples": 2, "batch_size": 4, "context": 64, "vocab_size": 512,
        "hidden_size": 32, "intermediate_size": 64, "dtype": "float32",
    }  # fmt: skip
    return preset("tiny", **{**sizes, **settings})


def losses(folder):
    records = report.read(folder / "metrics.jsonl")
    return [(r["step"], r["loss"], r["grad_norm"]) for r in records if "loss" in r]


def test_a_short_run_learns_and_reports(tmp_path):
    result = train(small(steps=30, lr=1e-2), tmp_path)
    curve = [loss for _, loss, _ in losses(tmp_path)]
    assert curve[0] == pytest.approx(math.log(512), abs=0.3)  # it begins by knowing nothing
    assert curve[-1] < curve[0] - 0.5
    assert result["val_bpb"] > result["floor_bpb"] > 0
    assert 0 <= result["grade_pass"] <= 1
    assert result["checkpoint"] == str(tmp_path / "step-00000030")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    steps = [record["step"] for record in report.read(tmp_path / "samples.jsonl")]
    assert steps[0] == 0 and steps[-1] == 30


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_stopped_by_a_signal_resumes_to_the_same_bits(tmp_path, monkeypatch, optimizer):
    config = small(optimizer=optimizer)
    train(config, tmp_path / "whole")
    step = Trainer.training_step

    def interrupted(self):
        if self.step == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    monkeypatch.setattr(Trainer, "training_step", interrupted)
    with pytest.raises(TrainingStopped, match="saved at step 7"):
        train(config, tmp_path / "parts")
    monkeypatch.setattr(Trainer, "training_step", step)
    train(config, tmp_path / "parts")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    ends = [checkpoint.latest(tmp_path / name) for name in ("whole", "parts")]
    weights = [(end / "model.safetensors").read_bytes() for end in ends]
    assert weights[0] == weights[1]


def test_steps_after_the_checkpoint_are_forgotten_on_resuming(tmp_path, monkeypatch):
    """A crash between two saves: what was logged after the last one is written again, once."""
    step = Trainer.training_step

    def crash(self):
        if self.step == 7:
            raise KeyError("crash")
        return step(self)

    monkeypatch.setattr(Trainer, "training_step", crash)
    with pytest.raises(KeyError):
        train(small(), tmp_path)
    assert [s for s, _, _ in losses(tmp_path)] == list(range(1, 8))
    monkeypatch.setattr(Trainer, "training_step", step)
    train(small(), tmp_path)
    assert [s for s, _, _ in losses(tmp_path)] == list(range(1, 13))


def test_a_finished_run_is_not_trained_again_but_fresh_begins_anew(tmp_path):
    first = train(small(), tmp_path)
    again = train(small(), tmp_path)
    assert again["steps"] == 12 and again["val_bpb"] == first["val_bpb"]
    assert len(losses(tmp_path)) == 12
    with pytest.raises(ValueError, match="lr"):
        train(small(lr=1e-3), tmp_path)
    assert train(small(lr=1e-3), tmp_path, fresh=True)["val_bpb"] != first["val_bpb"]


def test_accumulated_micro_batches_make_the_big_batch(tmp_path):
    """Without IGNORED labels, the mean over two halves is the mean over the whole."""
    whole = Trainer(small(batch_size=4), tmp_path / "a")
    halves = Trainer(small(batch_size=2, accumulate=2), tmp_path / "b")
    for _ in range(3):
        loss, norm = whole.training_step()
        loss2, norm2 = halves.training_step()
        torch.testing.assert_close(loss, loss2, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(norm, norm2, rtol=1e-4, atol=1e-6)


def test_gradients_are_unscaled_before_they_are_clipped(tmp_path):
    """In float16 the loss is scaled by 65,536: clipped before unscaling, a step would vanish."""
    run = Trainer(small(clip=0.5), tmp_path)
    plain = Trainer(small(clip=0.5), tmp_path)
    run.scaler = torch.amp.GradScaler("cpu", enabled=True)
    for _ in range(2):
        _, norm = run.training_step()
        _, want = plain.training_step()
        torch.testing.assert_close(norm, want, rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(run.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_the_rate_is_the_schedules_at_every_step(tmp_path):
    train(small(), tmp_path)
    schedule = small().make_schedule()
    rates = [r["lr"] for r in report.read(tmp_path / "metrics.jsonl") if "lr" in r]
    assert rates == [schedule.lr_at(step) for step in range(12)]


def test_a_loss_that_is_no_number_stops_with_step_checkpoint_and_remedy(tmp_path):
    run = Trainer(small(log_every=3), tmp_path)
    step = run.training_step

    def spoiled():
        if run.step == 7:
            with torch.no_grad():
                run.model.model.norm.weight.fill_(float("nan"))
        return step()

    run.training_step = spoiled
    with pytest.raises(
        TrainingStopped, match=r"at step 8; .*step-00000006.*--set lr=.*--fresh"
    ):
        run.config = run.config.__class__(**{**vars(run.config), "save_every": 3})
        run.run()
    assert checkpoint.latest(tmp_path).name == "step-00000006"


def test_a_full_disk_is_one_clear_line_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    write = checkpoint.runtime.atomic_write

    def full(path, content):
        if path.name == checkpoint.STATE and "00000008" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(checkpoint.runtime, "atomic_write", full)
    with pytest.raises(
        TrainingStopped, match=r"cannot save step 8 .*No space left.*step-00000004"
    ):
        train(small(), tmp_path)
    monkeypatch.undo()
    assert checkpoint.latest(tmp_path).name == "step-00000004"


def test_what_cannot_be_trained_on_is_refused_in_one_line(tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    with pytest.raises(ValueError, match="empty"):
        train(small(data=str(empty)), tmp_path / "a")
    short = tmp_path / "short.txt"
    short.write_text("A very short text.\n" * 3)
    with pytest.raises(ValueError, match="context"):
        train(small(data=str(short)), tmp_path / "b")
    with pytest.raises(ValueError, match="max_position_embeddings"):
        small(context=4096)


def test_ids_outside_the_vocabulary_are_found_before_the_first_step(tmp_path, monkeypatch):
    run = Trainer(small(), tmp_path)
    monkeypatch.setattr(run.tokenizer, "vocab_size", 100)
    with pytest.raises(ValueError, match="outside a vocabulary of 100"):
        run.build()


def test_loss_in_chunks_equals_the_whole(tmp_path, monkeypatch):
    run = Trainer(small(), tmp_path)
    input_ids, labels = run.next_batch()
    labels[0, :5] = -100
    whole = evaluate.next_token_loss(run.model, input_ids, labels)
    whole.backward()
    want = [p.grad.clone() for p in run.model.parameters()]
    run.model.zero_grad()
    monkeypatch.setattr(evaluate, "LOGITS_AT_ONCE", 512 * 37)  # 37 tokens at a time
    chunked = evaluate.next_token_loss(run.model, input_ids, labels)
    chunked.backward()
    torch.testing.assert_close(chunked, whole, rtol=1e-6, atol=1e-6)
    for p, gradient in zip(run.model.parameters(), want, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=1e-5, atol=1e-6)


def test_evaluation_equals_one_document_at_a_time(tmp_path):
    run = Trainer(small(), tmp_path)
    found = evaluate.evaluate(run.model, run.corpus.validation)
    nats = 0.0
    for index in range(len(run.corpus.validation)):
        ids = run.corpus.validation.document(index).tolist()
        end = run.tokenizer.end_of_text_id
        row = torch.tensor([[end, *ids, end]])
        logits = run.model(row[:, :-1]).log_softmax(-1)
        nats -= logits.gather(-1, row[:, 1:, None]).sum().item()
    size = sum(
        len(run.tokenizer.decode(run.corpus.validation.document(i)).encode())
        for i in range(len(run.corpus.validation))
    )
    assert found.text_bytes == size
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-4)


def test_a_failing_compiler_falls_back_to_eager(monkeypatch, capsys):
    def broken(function):
        def call(*args):
            raise RuntimeError("no compiler")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    loss = trainer.compiled(lambda x: x + 1)
    assert loss(1) == 2 and loss(2) == 3
    assert capsys.readouterr().err.count("training without it") == 1


def test_killed_runs_come_out_equal(capsys):
    """Three kills of the real command; 200 of them: python tests/kill_training.py --kills 200."""
    import kill_training

    assert kill_training.main(kills=3, seed=1) == 0
    assert "runs equal" in capsys.readouterr().out


def test_metrics_are_json_lines(tmp_path):
    train(small(steps=4, warmup=1), tmp_path)
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        assert isinstance(json.loads(line), dict)
