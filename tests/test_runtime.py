"""The machine is chosen by facts, every choice has a reason, and files are whole or absent."""

import os

import pytest
import torch

from helpers import runtime


@pytest.fixture
def gpu(monkeypatch):
    """Pretend to be on a GPU of the given compute capability."""

    def pretend(major, minor):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, minor))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Pretend GPU")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)  # as a T4 says
        return torch.device("cuda")

    return pretend


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [
        ((7, 0), torch.float16),
        ((7, 5), torch.float16),
        ((8, 0), torch.bfloat16),
        ((9, 0), torch.bfloat16),
        ((12, 0), torch.bfloat16),
    ],
)
def test_bfloat16_only_where_it_is_native(gpu, capability, dtype):
    chosen, why = runtime.pick_dtype(gpu(*capability))
    assert chosen == dtype
    assert "{}.{}".format(*capability) in why


@pytest.mark.parametrize(
    ("speedup", "dtype"), [(0.4, torch.float32), (1.1, torch.float32), (2.5, torch.bfloat16)]
)
def test_on_a_cpu_the_stopwatch_decides(monkeypatch, speedup, dtype):
    monkeypatch.setattr(runtime, "bfloat16_speedup", lambda: speedup)
    chosen, why = runtime.pick_dtype(torch.device("cpu"))
    assert chosen == dtype
    assert str(speedup) in why


def test_device_is_the_gpu_if_there_is_one(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.pick_device().type == "cpu"
    gpu(8, 0)
    assert runtime.pick_device().type == "cuda"


def test_scale_comes_from_the_environment_first(gpu, monkeypatch):
    monkeypatch.delenv("SLM_SCALE", raising=False)
    assert runtime.pick_scale() in ("cpu", "gpu")
    gpu(8, 0)
    assert runtime.pick_scale() == "gpu"
    monkeypatch.setenv("SLM_SCALE", "tiny")
    assert runtime.pick_scale() == "tiny"
    monkeypatch.setenv("SLM_SCALE", "huge")
    with pytest.raises(ValueError, match="tiny, cpu, gpu"):
        runtime.pick_scale()


def test_pick_returns_the_sizes_of_the_scale(monkeypatch):
    monkeypatch.setenv("SLM_SCALE", "cpu")
    assert runtime.pick(tiny=dict(n=1), cpu=dict(n=2), gpu=dict(n=3)).n == 2
    with pytest.raises(ValueError, match="steps"):
        runtime.pick(tiny=dict(n=1), cpu=dict(n=2), gpu=dict(n=3, steps=4))


def test_start_prints_one_line(monkeypatch, capsys):
    monkeypatch.setenv("SLM_SCALE", "tiny")
    run = runtime.start(day=15)
    line = capsys.readouterr().out
    assert line == f"{run}\n"
    assert line.startswith("Day 15 | ")
    assert line.endswith("| seed 0 | scale tiny\n")
    assert len(line) < 110


def test_start_makes_random_numbers_repeat(monkeypatch):
    monkeypatch.setenv("SLM_SCALE", "tiny")
    numbers = []
    for seed in (3, 3, 4):
        runtime.start(day=1, seed=seed)
        numbers.append((torch.rand(1).item(), runtime.random.random()))
    assert numbers[0] == numbers[1]
    assert not set(numbers[0]) & set(numbers[2])


def test_seconds_is_the_median_without_the_first_call(monkeypatch):
    clock = iter([0, 100, 0, 1, 0, 7, 0, 2])  # four calls of 100, 1, 7 and 2 seconds
    monkeypatch.setattr(runtime.time, "perf_counter", lambda: next(clock))
    calls = []
    assert runtime.seconds(lambda: calls.append(1), repeats=3) == 2
    assert len(calls) == 4


def test_root_is_the_repository():
    assert (runtime.ROOT / "helpers" / "runtime.py").is_file()


# ---- atomic_write


def test_atomic_write_makes_the_folder_and_the_file(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    runtime.atomic_write(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    runtime.atomic_write(str(path), lambda file: file.write(b"newer"))
    assert path.read_bytes() == b"newer"
    assert os.listdir(path.parent) == ["file.bin"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"half of the new")
        file.flush()
        raise error

    with pytest.raises(type(error)):
        runtime.atomic_write(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def look(file):
        file.write(b"half of the new")
        file.flush()
        assert path.read_bytes() == b"old"
        file.write(b", and the rest")

    runtime.atomic_write(path, look)
    assert path.read_bytes() == b"half of the new, and the rest"


def test_the_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    order = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            runtime.os, name, lambda *a, name=name, real=real: order.append(name) or real(*a)
        )
    runtime.atomic_write(tmp_path / "file.bin", lambda file: file.write(b"new"))
    assert order[:2] == ["fsync", "replace"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    child = os.fork()
    if child == 0:  # no clean-up of any kind runs in here
        runtime.atomic_write(path, lambda file: (file.write(b"half"), os._exit(9)))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    assert path.read_bytes() == b"old"
