"""The front door: help is complete, results are JSON, mistakes are one line and exit 2."""

import json
import re

import pytest

from helpers import __main__ as cli
from helpers.text import corpus as corpus_module

SMALL = [
    "steps=6", "warmup=1", "documents=150", "validation_documents=3", "samples=2", "batch_size=2",
    "context=64", "vocab_size=512", "hidden_size=32", "intermediate_size=32", "save_every=3",
]  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(autouse=True)
def prepared_elsewhere(monkeypatch, elsewhere):
    monkeypatch.setattr(corpus_module, "PREPARED", elsewhere / "prepared")


def run(capsys, *argv):
    """Exit status, the last line of standard output, all of standard error."""
    status = cli.main(list(argv))
    out, err = capsys.readouterr()
    return status, (out.strip().splitlines() or [""])[-1], err


def small_training(folder, *more):
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return ["train", "--preset", "tiny", "--out", str(folder), *settings, *more]


@pytest.fixture(scope="module")
def trained(elsewhere, request):
    folder = elsewhere / "run"
    patch = pytest.MonkeyPatch()
    patch.setattr(corpus_module, "PREPARED", elsewhere / "prepared")
    assert cli.main(small_training(folder)) == 0
    patch.undo()
    return folder / "step-00000006"


def test_train_ends_with_json(capsys, tmp_path):
    status, last, talk = run(capsys, *small_training(tmp_path))
    result = json.loads(last)
    wanted = {"val_bpb", "floor_bpb", "grade_pass", "tokens_per_s", "checkpoint"}
    assert status == 0 and wanted <= result.keys()
    assert "parameters" in talk and "floor" in talk


def test_generate_prints_text_and_the_same_text_for_the_same_seed(capsys, trained):
    argv = [
        "generate",
        "--model",
        str(trained),
        "--max-new-tokens",
        "12",
        "--prompt",
        "One day",
    ]
    first = json.loads(run(capsys, *argv)[1])
    assert first == json.loads(run(capsys, *argv)[1]) | {"tokens_per_s": first["tokens_per_s"]}
    other = json.loads(run(capsys, *argv, "--seed", "5")[1])
    assert other["texts"] != first["texts"]


def test_evaluate_reports_the_floor_beside_the_loss(capsys, trained):
    argv = ["evaluate", "--model", str(trained), "--documents", "3", "--samples", "2"]
    status, last, _ = run(capsys, *argv)
    result = json.loads(last)
    assert status == 0 and result["val_bpb"] > result["floor_bpb"] > 0
    assert set(result["grades"]) == {
        "grammatical", "same_hero", "right_pronoun", "same_thing", "ending_follows",
    }  # fmt: skip


def test_export_leaves_the_training_state_behind(capsys, trained, tmp_path):
    out = tmp_path / "exported"
    status, last, _ = run(capsys, "export", "--model", str(trained), "--out", str(out))
    names = {path.name for path in out.iterdir()}
    assert status == 0 and {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "training_state.pt" not in names
    size = json.loads(last)["bytes"]
    assert size == sum(path.stat().st_size for path in out.iterdir())


def test_doctor_gives_device_and_reason(capsys):
    status, last, _ = run(capsys, "doctor")
    assert (
        status == 0 and {"torch", "device", "dtype", "dtype_reason"} <= json.loads(last).keys()
    )


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["train", "--preset", "huge"], "tiny, cpu"),
        (["train", "--set", "steps"], "KEY=VALUE"),
        (["train", "--set", "stepz=5"], "stepz"),
        (["train", "--set", "steps=many"], "steps"),
        (["train", "--set", "min_lr=1"], "rises"),
        (["train", "--data", "no/such.txt"], "no/such.txt"),
        (["train", "--data", "picture.png"], "picture.png"),
        (["generate", "--model", "no/such/folder"], "no/such/folder"),
        (["generate", "--model", "{trained}", "--temperature", "-1"], "temperature"),
        (["generate", "--model", "{trained}", "--top-p", "7"], "top_p"),
        (["evaluate", "--model", "no/such/folder"], "no/such/folder"),
        (["export", "--model", "no/such/folder", "--out", "x"], "no/such/folder"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(capsys, trained, tmp_path, argv, says):
    argv = [word.format(trained=trained) for word in argv]
    if argv[0] == "train":
        argv += ["--out", str(tmp_path)]
    status, last, talk = run(capsys, *argv)
    errors = [line for line in talk.splitlines() if line.startswith("error:")]
    assert (status, last, len(errors)) == (2, "", 1)
    assert says in errors[0] and "Traceback" not in talk


def test_an_unknown_command_or_option_is_exit_2(capsys):
    for argv in (["tarin"], ["train", "--fast"], []):
        with pytest.raises(SystemExit) as stopped:
            cli.main(argv)
        assert stopped.value.code == 2
    capsys.readouterr()


@pytest.mark.parametrize("command", ["train", "generate", "evaluate", "export", "doctor"])
def test_help_explains_every_option(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    chosen = cli.parser()._subparsers._group_actions[0].choices[command]
    for action in chosen._actions:
        assert action.help, f"{command} {action.dest} has no help"
        assert re.search(re.escape(action.option_strings[-1]), text)
