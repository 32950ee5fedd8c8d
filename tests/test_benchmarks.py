"""The benchmarks run, compare like with like, and count right; never how fast anything was."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import contest, decoding, limits, peer, training
from benchmarks.__main__ import main
from benchmarks.contest import OURS, PEER, Contestant, Result
from helpers.model.cache import KVCache
from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.training.config import preset
from helpers.training.evaluate import next_token_loss

CPU = torch.device("cpu")
SHAPES = [
    Qwen3Config(vocab_size=300, hidden_size=64, intermediate_size=96, num_hidden_layers=2),
    Qwen3Config(
        vocab_size=100, hidden_size=48, intermediate_size=80, num_hidden_layers=3,
        num_attention_heads=6, num_key_value_heads=1, head_dim=10, tie_word_embeddings=False,
    ),
]  # fmt: skip


def last_json(output: str) -> dict:
    """What a command reported in the last line of its standard output."""
    return json.loads(output.splitlines()[-1])


def contestant(side=OURS, name="a", compiled=False, prepare=None, dtype=torch.float32):
    """A contestant whose work is nothing."""
    return Contestant(side, name, dtype, compiled, prepare or (lambda: lambda: None))


def result(side, speeds, compiled=False, output=None, documented=True):
    """What a contestant did, made up."""
    who = replace(contestant(side, compiled=compiled), documented=documented)
    return Result(who, output=output, speeds=speeds)


# ---- the commands


COMMON = {
    "benchmark", "ratio", "ratio_rounds", "ratio_documented", "ratio_eager", "ratio_compiled",
    "ratio_eager_to_eager", "limit", "settings", "model", "machine", "versions",
}  # fmt: skip


@pytest.mark.parametrize(
    "command, own, settings",
    [
        ("train", {"batch", "context", "loss_difference"}, 2 + 8),
        ("decode", {"prompt_tokens", "new_tokens", "same_tokens"}, 2 + 8),
    ],
)
def test_quick_reports_every_setting_of_both_sides(command, own, settings, capsys):
    pytest.importorskip("transformers")
    threads = torch.get_num_threads()
    assert main([command, "--quick"]) == 0
    report = last_json(capsys.readouterr().out)
    assert report.keys() == COMMON | own
    assert len(report["settings"]) == settings
    for setting in report["settings"]:
        assert setting["min"] <= setting["median"] <= setting["max"]
    assert report["ratio"] == report["ratio_eager"] and report["ratio_compiled"] is None
    assert report["limit"]["fraction"] > 0
    assert {"cpu", "cores", "threads"} <= report["machine"].keys()
    assert report["versions"].keys() == {"torch", "transformers"}
    assert torch.get_num_threads() == threads
    if command == "train":
        assert report["loss_difference"] < 1e-5  # both sides do the same work
    else:
        assert report["same_tokens"] == 5  # one of ours in float32, four of the peer's


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["walk"], "invalid choice"),
        (["train", "--rounds", "many"], "--rounds"),
        (["train", "--rounds", "0"], "--rounds is 0"),
        (["train", "--set", "hidden_size"], "KEY=VALUE"),
        (["train", "--set", "hidden=3"], "hidden"),
        (["train", "--context", "100000"], "max_position_embeddings"),
        (["decode", "--tokens", "0"], "--tokens is 0"),
        (["decode", "--tokens", "100000", "--set", "num_hidden_layers=1"], "do not fit"),
        (["decode", "--quick", "--model", "x"], "--model"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(arguments, word, capsys):
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    complaint = [line for line in err.splitlines() if line.startswith("python -m benchmarks")]
    assert code == 2 and out == ""
    assert len(complaint) == 1 and word in complaint[0]


def test_without_transformers_one_line_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert main(["train", "--quick"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "pip install transformers" in err and err.count("\n") == 1


# ---- like with like


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("config", SHAPES)
def test_the_peer_has_our_weights_and_so_our_logits(config, attention):
    pytest.importorskip("transformers")
    model = Qwen3(config)
    input_ids = torch.randint(config.vocab_size, (2, 9))
    theirs = peer.twin(model, attention)(input_ids).logits
    assert peer.twin(model, attention).config._attn_implementation == attention
    torch.testing.assert_close(model(input_ids), theirs, rtol=0, atol=1e-5)


def test_different_greedy_tokens_are_an_error():
    same = [result(OURS, [1.0], output=[1, 2]), result(PEER, [1.0], output=[1, 2])]
    assert decoding.require_same_tokens(same) == 2
    with pytest.raises(RuntimeError, match="differ"):
        decoding.require_same_tokens([*same, result(PEER, [1.0], output=[1, 3])])


# ---- the contest


def test_every_round_begins_with_another_contestant_and_keeps_the_order():
    turns = []
    names = "abc"
    all_three = [contestant(name=n, prepare=lambda n=n: lambda: turns.append(n)) for n in names]
    contest.contest(all_three, tokens=1, rounds=3, turn_seconds=0, device=CPU)
    warm_up, rounds = turns[:6], turns[6:]
    assert "".join(warm_up) == "aabbcc"
    assert "".join(rounds) == "abc" + "bca" + "cab"


def test_both_sides_are_spread_evenly():
    assert "".join(contest.alternating("AB", "xyzt")) == "AxyBzt"
    assert "".join(contest.alternating("AB", "xy")) == "AxBy"


def test_what_fails_is_reported_with_its_reason():
    def prepare():
        raise NotImplementedError("no such kernel\nand a long trace")

    both = [contestant(), contestant(PEER, "b", prepare=prepare)]
    fine, failed = contest.contest(both, tokens=1, rounds=1, turn_seconds=0, device=CPU)
    assert len(fine.speeds) == 1
    assert failed.summary()["failed"] == "NotImplementedError: no such kernel"
    assert contest.ratios([fine, failed])["ratio"] is None


def test_a_trainer_that_falls_back_to_eager_does_not_count_as_compiled(monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", lambda loss, **options: fails)
    config = preset("tiny", compile="yes", dtype="float32", batch_size=1, context=4)
    ids = torch.zeros(1, 4, dtype=torch.long)
    with pytest.raises(RuntimeError, match="without it"):
        training.our_step(config, Qwen3(config.model), (ids, ids))


def test_ratios_take_the_best_of_each_kind():
    results = [
        result(OURS, [10.0, 12.0, 11.0]),
        result(OURS, [30.0, 33.0, 36.0], compiled=True),
        result(PEER, [4.0, 5.0, 6.0]),
        result(PEER, [10.0, 11.0, 12.0]),
        result(PEER, [18.0, 16.5, 15.0], compiled=True),
        result(PEER, [20.0, 22.0, 24.0], compiled=True, documented=False),
    ]
    assert contest.ratios(results) == {
        "ratio": 1.5,
        "ratio_rounds": [1.5, 1.5],
        "ratio_documented": 2.0,
        "ratio_eager": 3.0,
        "ratio_compiled": 1.5,
        "ratio_eager_to_eager": 1.0,
    }


# ---- the limits


@pytest.mark.parametrize("config", SHAPES)
def test_training_flops_are_those_that_torch_counts(config):
    model, batch, context = Qwen3(config), 2, 24
    ids = torch.randint(config.vocab_size, (batch, context))
    # The fused kernel computes the scores a second time in its backward pass; this one does not.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        next_token_loss(model, ids, ids).backward()
    counted = counter.get_total_flops() / (batch * context)
    assert limits.training_flops(config, context) == pytest.approx(counted, rel=0.02)


@pytest.mark.parametrize("config", SHAPES)
def test_decoding_reads_the_weights_and_the_cache(config):
    model, cache = Qwen3(config), KVCache(max_length=7)
    model(torch.zeros(1, 7, dtype=torch.long), cache)
    matrices = sum(p.nbytes for p in model.parameters() if p.dim() > 1)
    if not config.tie_word_embeddings:
        matrices -= model.model.embed_tokens.weight.nbytes  # one row of it is read
    assert limits.decoding_bytes(config, 7, torch.float32) == matrices + cache.bytes


@pytest.mark.parametrize("config", SHAPES)
def test_the_matmuls_that_are_timed_are_those_of_the_formula(config, monkeypatch):
    batch, context = 2, 24

    def flops(work) -> int:
        with FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops()

    monkeypatch.setattr(limits.runtime, "seconds", flops)  # one flop a second
    counted = limits.matmul_seconds(config, batch, context, torch.float32, CPU)
    assert counted == batch * context * limits.training_flops(config, context)
