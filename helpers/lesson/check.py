"""Checks that explain themselves.

    check.close("mine = torch's", mine, theirs)    a test: prints the gap, raises if it is too big
    check.true("output has RMS 1", condition)      a test of a property
    check.shape("logits", logits, (2, 5, 2048))    a test of a shape
    check.same(mine, theirs, x)                    two modules: same weights in, same numbers out
    check.show(layers.RMSNorm)                     the source of something in helpers
    check.exercise("15.1", my_fn)                  a learner's answer: to do, a diagnosis, or passed
    check.solution("15.1", our_fn)                 the course's answer: raises unless it passes

`exercise` never raises. It compares an answer with the right one and with every named mistake in
helpers/lesson/answers/dayNN.py, so it can say "matches if eps is moved inside the square root".
"""

import copy
import importlib
import inspect
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from types import CodeType

import numpy as np
import torch
from torch import Tensor, nn

from helpers.runtime import ROOT, dtype_name

RTOL = {torch.float16: 2e-3, torch.bfloat16: 2e-2}  # every other dtype: 1e-4
ATOL = 1e-6
LINE = 120  # characters: longer values are described, not printed
ARRAYS = (Tensor, np.ndarray, np.generic)  # np.generic: a single number, as np.mean returns it


@dataclass(frozen=True)
class Exercise:
    """What `grade` needs to know about one exercise.

    right      the right answer
    inputs     makes fresh arguments: {"what is special about them": (x, weight, eps)}
    mistakes   {"your result matches if ...": a function that makes exactly this mistake}
    """

    right: Callable
    inputs: Callable[[], dict[str, tuple]]
    mistakes: dict[str, Callable]


@dataclass(frozen=True)
class Verdict:
    """The outcome of `grade`; status is "to do", "not yet" or "passed"."""

    exercise: str
    status: str
    message: str

    def __str__(self) -> str:
        return f"{self.exercise} | {self.status} | {self.message}"


@dataclass(frozen=True)
class Raised:
    """The outcome of an answer that raised an error; returning one is another thing."""

    error: Exception


class ChangedInput(Exception):
    """The outcome of an answer that wrote into its argument."""


# ---- tests: raise AssertionError when they fail


def close(claim: str, mine: object, theirs: object, tol: float = 1e-5) -> None:
    """Print the largest absolute difference of two tensors, arrays or numbers.

    AssertionError above `tol`, on unequal shapes, on nan, and where there is nothing to compare.
    """
    mine, theirs = dense(mine), dense(theirs)
    if mine.shape != theirs.shape:
        raise AssertionError(f"{claim}: shape {tuple(mine.shape)}, not {tuple(theirs.shape)}")
    if mine.numel() == 0:
        raise AssertionError(f"{claim}: nothing to compare, the shape is {tuple(mine.shape)}")
    gap = largest_gap(mine, theirs)
    allowed = f"{tol:.0e}" if tol else "0"
    if not gap <= tol:  # written so that nan fails
        raise AssertionError(f"{claim}: largest difference {gap:.1e}, allowed {allowed}")
    print(f"ok   {claim:<50} difference {gap:.1e}, allowed {allowed}")


def true(claim: str, condition: bool | Tensor) -> None:
    """Print the claim; AssertionError if it does not hold, everywhere for a tensor."""
    if not dense(condition).all():
        raise AssertionError(f"this should hold, and does not: {claim}")
    print(f"ok   {claim}")


def shape(claim: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    """Print the shape of `tensor`; AssertionError if it is not `expected`."""
    if tuple(tensor.shape) != tuple(expected):
        raise AssertionError(f"{claim}: shape {tuple(tensor.shape)}, not {tuple(expected)}")
    print(f"ok   {claim:<50} {tuple(tensor.shape)}")


def same(mine: nn.Module, theirs: nn.Module, x: Tensor, tol: float = 1e-5) -> None:
    """Give both modules the same random weights, by name, and compare their outputs for `x`.

    Works on copies. Each of my weights is moved a little at random first: a norm's weight begins
    as ones, and ones would hide a module that forgets it. AssertionError unless they agree.
    """
    mine, theirs = copy.deepcopy(mine).eval(), copy.deepcopy(theirs).eval()
    with torch.no_grad():
        for weight in mine.parameters():
            weight += 0.1 * torch.randn_like(weight)
        theirs.load_state_dict(mine.state_dict())
        name = f"{type(theirs).__name__} of {type(theirs).__module__.split('.')[0]}"
        close(
            f"my {type(mine).__name__} = {name} ({dtype_name(x.dtype)})",
            mine(x),
            theirs(x),
            tol,
        )


def largest_gap(mine: Tensor, theirs: Tensor) -> float:
    """Largest absolute difference of two tensors of one shape; equal infinities differ by 0."""
    mine, theirs = mine.double(), theirs.double()
    return (mine - theirs).abs().masked_fill(mine == theirs, 0).max().item()


def dense(value: object) -> Tensor:
    """Any tensor, array or number as an ordinary tensor on the CPU, without a graph."""
    if isinstance(value, np.generic | float) or (
        isinstance(value, list | tuple) and value and isinstance(value[0], np.ndarray)
    ):  # in float64, as Python and NumPy compute
        value = np.asarray(value)
    tensor = torch.as_tensor(value).detach().cpu()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


# ---- reading


def show(thing: object) -> None:
    """Print the source of a class, function, method or module, and where it stands."""
    thing = inspect.unwrap(thing)  # of a cache or another decorator
    lines, first = inspect.getsourcelines(thing)
    path = Path(inspect.getsourcefile(thing)).resolve()
    place = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    print(f"# {place}, line {max(first, 1)}\n{textwrap.dedent(''.join(lines)).rstrip()}")


# ---- exercises: explain, never raise


def exercise(exercise_id: str, answer: Callable) -> None:
    """Print what is right or wrong about a learner's function. Never raises."""
    try:
        print(grade(exercise_id, answer))
    except Exception as error:  # whatever strange thing was handed in
        why = f"this could not be compared: {type(error).__name__}: {error}"
        print(Verdict(exercise_id, "not yet", why))


def solution(exercise_id: str, answer: Callable) -> None:
    """Print the verdict on our own answer; AssertionError unless it passes."""
    verdict = grade(exercise_id, answer)
    print(f"our solution {verdict}")
    assert verdict.status == "passed", verdict


def grade(exercise_id: str, answer: Callable) -> Verdict:
    """Compare `answer` with the right answer, then with every named mistake.

    ValueError for an unknown exercise.
    """
    task = find(exercise_id)
    got = outcomes(answer, task)
    if is_to_do(answer, list(got.values())):
        name = getattr(answer, "__name__", "your function")
        return Verdict(exercise_id, "to do", f"write {name}, then run this cell")
    want = outcomes(task.right, task)
    wrong = [kind for kind in want if not equal(got[kind], want[kind])]
    if not wrong:
        return Verdict(exercise_id, "passed", f"right on {', '.join(want)}")
    for diagnosis, mistake in task.mistakes.items():
        made = outcomes(mistake, task)
        if all(equal(got[kind], made[kind]) for kind in want):
            return Verdict(exercise_id, "not yet", diagnosis)
    good = [f"right on {kind}" for kind in want if kind not in wrong]
    bad = difference(wrong[0], got[wrong[0]], want[wrong[0]])
    return Verdict(exercise_id, "not yet", "; ".join([*good, bad]))


def find(exercise_id: str) -> Exercise:
    """The exercise "15.1" from helpers/lesson/answers/day15.py; ValueError if there is none."""
    day = exercise_id.split(".")[0]
    try:
        name = f"helpers.lesson.answers.day{int(day):02d}"
        known = importlib.import_module(name).EXERCISES
    except (ValueError, ModuleNotFoundError):
        raise ValueError(f"no exercise {exercise_id}: use a name like 15.1") from None
    if exercise_id not in known:
        raise ValueError(f"no exercise {exercise_id}; day {day} has {', '.join(known)}")
    return known[exercise_id]


def is_to_do(answer: Callable, results: list[object]) -> bool:
    """Whether an answer is still the stub: it returns None and does nothing, or says so itself.

    A function that works and forgets its `return` is not a stub: its code is longer.
    """
    errors = [result.error for result in results if isinstance(result, Raised)]
    if any(isinstance(error, NotImplementedError) for error in errors):
        return True
    code = getattr(answer, "__code__", None)
    empty = isinstance(code, CodeType) and len(code.co_code) <= len(stub.__code__.co_code)
    return empty and all(result is None for result in results)


def stub() -> None:
    """What an unwritten exercise compiles to."""
    return None


def outcomes(function: Callable, task: Exercise) -> dict[str, object]:
    """What `function` returns for each kind of input; an exception counts as an outcome.

    Its random numbers begin at the same seed each time, and leave those of the notebook alone.
    """
    results = {}
    untouched = task.inputs()
    for kind, args in task.inputs().items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                results[kind] = function(*args)
            except Exception as error:  # a learner's function may raise anything
                results[kind] = Raised(error)
        if not all(map(unchanged, args, untouched[kind])):
            words = "your function changes its input in place; copy it first"
            results[kind] = ChangedInput(words)
    return results


def unchanged(after: object, before: object) -> bool:
    """Whether an argument is what it was; objects that are no data are not looked into."""
    if isinstance(after, nn.Module):
        return equal(after.state_dict(), before.state_dict())
    return not isinstance(after, Tensor | np.ndarray | list | tuple | dict) or equal(
        after, before
    )


def equal(got: object, want: object) -> bool:
    """Whether a result is the wanted one, within rounding; where it cannot be told, it is not.

    A tensor must have shape and dtype of the wanted tensor; a single number may come as any kind
    of number or one-element tensor, a list as a tuple, tensor or array, an error in other words.
    """
    try:
        return matches(got, want)
    except Exception:  # strange objects: sparse and meta tensors, broken ==, endless nesting
        return False


def matches(got: object, want: object) -> bool:
    """`equal` without its safety net."""
    if isinstance(want, bool):
        return is_truth(got) and bool(got) == want
    if isinstance(want, Tensor) and want.dim() == 0 and is_number(got):
        want = want.item()
    if isinstance(want, ARRAYS) and isinstance(got, ARRAYS):
        return tensors_match(dense(got), dense(want))
    if is_number(want):
        if isinstance(got, ARRAYS) and dense(got).numel() == 1:
            got = dense(got).item()
        return is_number(got) and numbers_match(float(got), float(want))
    if isinstance(want, tuple | list):
        if isinstance(got, ARRAYS):
            got = dense(got).tolist()
        ordered = isinstance(got, tuple | list) and len(got) == len(want)
        return ordered and all(map(matches, got, want))
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(matches(got[key], want[key]) for key in want)
    if isinstance(want, Raised):
        return isinstance(got, Raised) and isinstance(got.error, type(want.error))
    if isinstance(want, str):
        return isinstance(got, str) and str(got) == want  # NumPy has a string of its own
    return type(got) is type(want) and bool(got == want)


def is_number(value: object) -> bool:
    """Whether this is a real number of Python or NumPy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_truth(value: object) -> bool:
    """Whether this is True or False of Python, NumPy or PyTorch."""
    if isinstance(value, ARRAYS):
        value = dense(value)
        return value.dtype == torch.bool and value.numel() == 1
    return isinstance(value, bool)


def numbers_match(got: float, want: float) -> bool:
    """Whether two numbers agree to four digits; nan agrees with nan."""
    both_nan = math.isnan(got) and math.isnan(want)
    return both_nan or math.isclose(got, want, rel_tol=1e-4, abs_tol=ATOL)


def tensors_match(got: Tensor, want: Tensor) -> bool:
    """Whether shape, dtype and numbers agree, numbers as far as the dtype allows."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    if not (want.is_floating_point() or want.is_complex()):
        return torch.equal(got, want)
    rtol = RTOL.get(want.dtype, 1e-4)
    return torch.allclose(got, want, rtol=rtol, atol=ATOL, equal_nan=True)


def difference(kind: str, got: object, want: object) -> str:
    """One sentence on how `got` differs from `want`, for mistakes nobody has named yet."""
    if isinstance(got, ChangedInput):
        return f"on {kind} {got}"
    if isinstance(got, Raised):
        return f"on {kind} your function stopped: {type(got.error).__name__}: {got.error}"
    if got is None:
        return f"on {kind} your function returns nothing: is a return missing?"
    if isinstance(want, Raised):
        return f"on {kind} your function should raise {type(want.error).__name__}, and does not"
    if isinstance(want, dict) and isinstance(got, dict):
        return dict_difference(kind, got, want)
    mine, theirs = numbers(got), numbers(want)
    other_kind = isinstance(want, Tensor) and not isinstance(got, Tensor)
    if mine is None or theirs is None or other_kind:
        return f"on {kind} you return {brief(got)}, expected {brief(want)}"
    if mine.shape != theirs.shape:
        return f"on {kind} your shape is {tuple(mine.shape)}, expected {tuple(theirs.shape)}"
    if isinstance(got, ARRAYS) and isinstance(want, ARRAYS) and mine.dtype != theirs.dtype:
        return f"on {kind} your dtype is {mine.dtype}, expected {theirs.dtype}"
    mine, theirs = mine.double(), theirs.double()
    gap = (mine - theirs).abs().masked_fill(mine == theirs, 0).nan_to_num(nan=torch.inf)
    spot = tuple(i.item() for i in torch.unravel_index(gap.argmax(), gap.shape))
    return (
        f"on {kind} the largest difference is at {list(spot)}: "
        f"yours {mine[spot].item():.4g}, expected {theirs[spot].item():.4g}"
    )


def dict_difference(kind: str, got: dict, want: dict) -> str:
    """The first key in which `got` differs from `want`."""
    missing = [key for key in want if key not in got]
    extra = [key for key in got if key not in want]
    if missing or extra:
        words = (
            f"misses the key {missing[0]!r}" if missing else f"has a key {extra[0]!r} too many"
        )
        return f"on {kind} your dict {words}"
    key = next(key for key in want if not equal(got[key], want[key]))
    return difference(f"{kind}, key {key!r},", got[key], want[key])


def numbers(value: object) -> Tensor | None:
    """A tensor, an array or a list of numbers as a tensor; None for what is none of these."""
    try:
        if isinstance(value, list | tuple) and len(value):
            value = np.asarray(value, dtype=float)
        return dense(value) if isinstance(value, Tensor | np.ndarray) else None
    except (TypeError, ValueError):  # words, or rows of unequal length
        return None


def brief(value: object) -> str:
    """A value in at most one line."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray) and len(repr(value)) > LINE:
        return f"an array of shape {value.shape}"
    return textwrap.shorten(repr(value), LINE, placeholder=" ...")
