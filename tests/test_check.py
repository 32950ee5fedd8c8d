"""The checkers are tested by mutation: every named mistake must get exactly its own diagnosis."""

import importlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.lesson import check
from helpers.model import layers

ANSWERS = sorted((Path(check.__file__).parent / "answers").glob("day*.py"))
EXERCISES = {
    exercise_id: task
    for path in ANSWERS
    for exercise_id, task in importlib.import_module(
        f"helpers.lesson.answers.{path.stem}"
    ).EXERCISES.items()
}
MISTAKES = [(i, text) for i, task in EXERCISES.items() for text in task.mistakes]


# ---- the course's exercises


@pytest.mark.parametrize("exercise_id", EXERCISES)
def test_the_right_answer_passes(exercise_id):
    assert check.grade(exercise_id, EXERCISES[exercise_id].right).status == "passed"


@pytest.mark.parametrize(("exercise_id", "diagnosis"), MISTAKES)
def test_every_mistake_gets_its_own_diagnosis(exercise_id, diagnosis):
    verdict = check.grade(exercise_id, EXERCISES[exercise_id].mistakes[diagnosis])
    assert (verdict.status, verdict.message) == ("not yet", diagnosis)


@pytest.mark.parametrize("exercise_id", EXERCISES)
def test_inputs_are_repeatable_and_the_right_answer_leaves_them_alone(exercise_id):
    task = EXERCISES[exercise_id]
    first, second = task.inputs(), task.inputs()
    assert first.keys() == second.keys()
    for kind in first:
        assert len(first[kind]) == len(second[kind])
        assert all(map(check.unchanged, first[kind], second[kind]))
    results = check.outcomes(task.right, task).values()
    assert not any(isinstance(result, check.ChangedInput) for result in results)


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_a_day_has_four_exercises_and_each_knows_mistakes(path):
    known = importlib.import_module(f"helpers.lesson.answers.{path.stem}").EXERCISES
    day = int(path.stem[3:5])
    exercises = [name for name in known if len(name.split(".")[1]) == 1]
    assert exercises == [f"{day}.{n}" for n in range(1, 5)]
    assert all(len(known[name].mistakes) >= 3 for name in exercises)
    questions = [name for name in known if name not in exercises]  # of "Before you start"
    assert questions == [f"{day}.{n}" for n in range(11, 11 + len(questions))]
    assert bool(questions) == (day <= 3)


# ---- the checker, on an exercise of its own


def root_mean_square(x, eps):
    return (x.float().square().mean(-1) + eps).sqrt().to(x.dtype)


TASK = check.Exercise(
    root_mean_square,
    lambda: {
        "four numbers": (torch.tensor([1.0, 7, 1, 7]), 0.0),
        "zeros": (torch.zeros(4), 1.0),
    },
    {"your result matches if eps is added": lambda x, eps: root_mean_square(x, 0.0)},
)


@pytest.fixture
def task(monkeypatch):
    monkeypatch.setattr(check, "find", lambda exercise_id: TASK)


def not_written(x, eps):
    raise NotImplementedError


def no_return(x, eps):
    x = (x.square().mean() + eps).sqrt()  # noqa: F841


def in_place(x, eps):
    return (x.mul_(x).mean() + eps).sqrt()


def sparse(x, eps):
    return x.to_sparse()


class Broken:
    """An object that cannot be compared, nor printed."""

    def __eq__(self, other):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("answer", [lambda x, eps: None, not_written])
def test_a_stub_is_to_do(task, answer):
    verdict = check.grade("0.1", answer)
    assert verdict.status == "to do"
    assert f"write {answer.__name__}, then" in verdict.message  # a cell may hold several stubs


def test_a_stub_with_a_docstring_is_to_do(task):
    def answer(x, eps):
        """Explained."""
        return None  # TODO: your answer

    assert check.grade("0.1", answer).status == "to do"


def test_a_forgotten_return_is_not_to_do(task):
    verdict = check.grade("0.1", no_return)
    assert verdict.status == "not yet"
    assert "is a return missing?" in verdict.message


def test_a_named_mistake_is_named(task):
    verdict = check.grade("0.1", lambda x, eps: x.square().mean().sqrt())
    assert verdict.message == "your result matches if eps is added"


@pytest.mark.parametrize(
    "answer",
    [
        root_mean_square,
        lambda x, eps: np.sqrt(np.float32(np.mean(x.numpy() ** 2) + eps)).reshape(()),
        lambda x, eps: nn.Parameter(root_mean_square(x, eps)),
    ],
)
def test_right_answers_of_other_kinds_pass(task, answer):
    assert check.grade("0.1", answer).status == "passed"


@pytest.mark.parametrize(
    ("answer", "explanation"),
    [
        (lambda x, eps: 1 / 0, "ZeroDivisionError"),
        (lambda x: x, "TypeError"),
        (lambda x, eps: "five", "you return 'five'"),
        (lambda x, eps: x, "your shape is (4,), expected ()"),
        (lambda x, eps: root_mean_square(x.double(), eps), "your dtype is torch.float64"),
        (lambda x, eps: root_mean_square(x, eps) * float("nan"), "yours nan"),
        (lambda x, eps: root_mean_square(x, eps).to("meta"), "could not be compared"),
        (in_place, "changes its input in place"),
        (sparse, "your shape is (4,)"),
        (lambda x, eps: Broken(), "could not be compared"),
        (lambda x, eps: np.array([1, 2]), "you return array([1, 2])"),
        (lambda x, eps: [x], "you return [tensor"),
        (lambda x, eps: np.ones((200, 9)), "you return an array of shape (200, 9)"),
        (5, "'int' object is not callable"),
    ],
)
def test_unnamed_mistakes_are_explained_and_nothing_raises(task, answer, explanation, capsys):
    check.exercise("0.1", answer)
    line = capsys.readouterr().out
    assert line.startswith("0.1 | not yet | ")
    assert explanation in line


def test_what_is_right_is_said_before_what_is_wrong(task):
    verdict = check.grade("0.1", lambda x, eps: root_mean_square(x, eps) * (1 + x.sum() / 100))
    assert verdict.message.startswith("right on zeros; on four numbers the largest difference")


def test_an_unknown_exercise_raises_only_for_us(capsys):
    for wrong in ("99.1", "one"):
        check.exercise(wrong, root_mean_square)
        assert f"no exercise {wrong}" in capsys.readouterr().out
        with pytest.raises(ValueError, match=f"no exercise {wrong}"):
            check.solution(wrong, root_mean_square)


def test_solution_raises_unless_it_passes(task, capsys):
    check.solution("0.1", root_mean_square)
    assert capsys.readouterr().out.startswith("our solution 0.1 | passed")
    with pytest.raises(AssertionError, match="to do"):
        check.solution("0.1", lambda x, eps: None)


def test_grading_leaves_the_random_numbers_of_the_notebook_alone(task):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    check.grade("0.1", lambda x, eps: torch.rand(4))
    assert torch.equal(torch.rand(3), expected)


# ---- equality

ONE, TWO = torch.ones(2), torch.full((2,), 2.0)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (1.00001, 1.0),
        (3.0, 3),
        (np.float32(3), 3),
        (torch.tensor(3), 3),
        (ONE[:1], 1.0),
        (1.00001, ONE[0]),
        ("a", "a"),
        ((ONE, 2), [ONE, 2]),
        (torch.tensor([[1, 2]]), [[1, 2]]),
        ({"a": ONE}, {"a": ONE.clone()}),
        (ONE.numpy(), ONE),
        (ONE.bool(), ONE.bool()),
        (np.bool_(True), True),
        (torch.tensor(False), False),
        ([np.bool_(True), np.bool_(False)], [True, False]),
        (np.array([True, False]), (True, False)),
        (float("nan"), float("nan")),
        (check.Raised(KeyError(1)), check.Raised(KeyError(2))),
        (check.Raised(KeyError(1)), check.Raised(LookupError(2))),
        ({1, 2}, {2, 1}),
    ],
)
def test_these_are_equal(got, want):
    assert check.equal(got, want)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (1.1, 1.0),
        (True, 1),
        (1, True),
        (np.bool_(False), True),
        (torch.tensor(1), True),
        (ONE.bool(), True),
        (ONE, 1.0),
        (1.0, ONE),
        (1.1, ONE[0]),
        ([ONE], [ONE, ONE]),
        ((ONE, 2), (TWO, 2)),
        ({"a": ONE}, {"b": ONE}),
        (5, {"a": 1}),
        (ONE.double(), ONE),
        (ONE.int(), TWO.int()),
        (check.Raised(KeyError(1)), check.Raised(IndexError(1))),
        (KeyError(1), check.Raised(KeyError(1))),
        (float("nan"), 1.0),
        (Broken(), Broken()),
        (None, ONE),
    ],
)
def test_these_are_not_equal(got, want):
    assert not check.equal(got, want)


def test_changed_weights_of_a_module_are_seen():
    before, after = nn.Linear(2, 2), nn.Linear(2, 2)
    assert not check.unchanged(after, before)
    after.load_state_dict(before.state_dict())
    assert check.unchanged(after, before)
    assert check.unchanged(object(), object())


# ---- tests that a notebook runs


def test_python_numbers_are_compared_in_double_precision():
    with pytest.raises(AssertionError):
        check.close("a hair apart", 1.0 + 1e-10, 1.0, tol=1e-12)


def test_tests_raise_when_they_fail(capsys):
    one = torch.ones(3)
    check.close("equal", one, one)
    check.close("numbers", 1, 1.000001)
    check.close("infinities", one * -torch.inf, one * -torch.inf)
    check.true("so it is", one == 1)
    check.shape("three", one, (3,))
    assert capsys.readouterr().out.count("ok ") == 5
    for wrong in (one + 1, one * float("nan"), one[:2], one * torch.inf):
        with pytest.raises(AssertionError, match="claim"):
            check.close("claim", wrong, one)
    with pytest.raises(AssertionError, match="nothing to compare"):
        check.close("claim", one[:0], one[:0])
    with pytest.raises(AssertionError, match="claim"):
        check.true("claim", one == torch.arange(3))
    with pytest.raises(AssertionError, match=r"claim: shape \(3,\), not \(4,\)"):
        check.shape("claim", one, (4,))


class ForgetsWeight(nn.RMSNorm):
    def forward(self, x):
        return nn.functional.rms_norm(x, x.shape[-1:], eps=self.eps)


def test_same_finds_a_module_that_forgets_its_weight():
    mine, x = layers.RMSNorm(4), torch.randn(2, 4)
    check.same(mine, nn.RMSNorm(4, eps=1e-6), x)
    assert torch.equal(mine.weight, torch.ones(4))  # it worked on a copy
    with pytest.raises(AssertionError, match="my RMSNorm = ForgetsWeight"):
        check.same(mine, ForgetsWeight(4, eps=1e-6), x)


def test_same_wants_the_same_names():
    with pytest.raises(RuntimeError, match="state_dict"):
        check.same(layers.RMSNorm(4), nn.LayerNorm(4), torch.randn(2, 4))


def test_show_looks_behind_a_decorator(capsys):
    check.show(cache(check.brief))
    assert "def brief(value: object)" in capsys.readouterr().out


def test_show_prints_the_source_and_its_place(capsys):
    check.show(layers.RMSNorm.forward)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("# helpers/model/layers.py, line ")
    assert second.startswith("def forward(self, x: Tensor)")


# ---- differences nobody has named


@pytest.mark.parametrize(
    ("got", "want", "said"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, "your dict misses the key 'b'"),
        ({"a": 1, "c": 2}, {"a": 1}, "your dict has a key 'c' too many"),
        ({"a": 1, "b": 3}, {"a": 1, "b": 2}, "key 'b', you return 3, expected 2"),
        (np.array([1.0, 2.0]), [1.0, 5.0], "largest difference is at [1]: yours 2, expected 5"),
        ([1, 2, 9], (1.0, 2.0, 3.0), "largest difference is at [2]: yours 9, expected 3"),
        ([[1, 2]], [1, 2], "your shape is (1, 2), expected (2,)"),
        ([[1], [2, 3]], [1, 2], "you return [[1], [2, 3]], expected [1, 2]"),
        ("two", [1, 2], "you return 'two', expected [1, 2]"),
        (np.float32([1, 2]), np.float64([1, 3]), "your dtype is torch.float32"),
        (3, 4, "you return 3, expected 4"),
    ],
)
def test_arrays_and_lists_are_explained_as_tensors_are(got, want, said):
    assert said in check.difference("x", got, want)


def test_a_string_of_numpy_is_a_string():
    assert check.equal(np.str_("learns"), "learns")
    assert not check.equal(np.str_("learn"), "learns")
