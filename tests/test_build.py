"""The builder keeps outputs and the code that made them together, and never stores a test run."""

import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "notebooks"))
import build  # noqa: E402

SOURCE = """# %% [markdown]
# # Day 1 · Grüße

# %%
from helpers import runtime
print("Grüße", runtime.pick_scale())

# %%
print("Grüße", runtime.pick_scale())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder like notebooks/ with one source, at a scale that may be stored."""
    monkeypatch.setenv("SLM_SCALE", "cpu")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "day01_greeting.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def stored(here):
    return nbformat.read(here / "day01_greeting.ipynb", as_version=4)


def pretend_to_run(nb, scale="cpu"):
    """Put outputs into `nb` as build.run does, without a kernel."""
    for count, cell in enumerate(build.code_cells(nb), start=1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"output {count}")]
    stamps = {"code": build.code_stamp(nb), "helpers": build.helpers_stamp(nb)}
    nb.metadata["run"] = {**stamps, "scale": scale, "seconds": 1}


@pytest.fixture
def quick(monkeypatch):
    """A notebook that runs in no time."""
    monkeypatch.setattr(build, "run", pretend_to_run)


def edit(here, before, after):
    path = here / "src" / "day01_greeting.py"
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


# ---- building


def test_the_same_source_gives_the_same_bytes(here):
    assert build.main([], here) == 0
    first = (here / "day01_greeting.ipynb").read_bytes()
    (here / "day01_greeting.ipynb").unlink()
    build.main([], here)
    assert (here / "day01_greeting.ipynb").read_bytes() == first
    assert "Grüße".encode() in first


def test_ids_differ_even_for_equal_cells(here):
    ids = [cell.id for cell in build.build(here / "src" / "day01_greeting.py").cells]
    assert len(set(ids)) == len(ids)
    edit(here, "\n\n# %%\nprint", "\n\n# %%\nx = 1\n\n# %%\nprint")
    now = [cell.id for cell in build.build(here / "src" / "day01_greeting.py").cells]
    assert set(ids) < set(now)  # an inserted cell changes no other


def test_an_unknown_day_is_an_error(here):
    with pytest.raises(SystemExit, match="no such day: day77; there are day01"):
        build.main(["day77"], here)


def test_the_size_limit_counts_bytes(here, monkeypatch):
    nb = build.build(here / "src" / "day01_greeting.py")
    characters = len(nbformat.writes(nb)) + 1
    monkeypatch.setattr(build, "MAX_BYTES", characters)  # ü and ß have two bytes each
    with pytest.raises(SystemExit, match="the limit is"):
        build.main([], here)


# ---- outputs


def test_outputs_survive_new_prose_and_not_new_code(here, quick):
    build.main(["--run"], here)
    edit(here, "Day 1 · Grüße", "Day 1 · Hello")
    build.main([], here)
    assert stored(here).cells[1].outputs[0].text == "output 1"
    edit(here, "from helpers import runtime", "from helpers import runtime  # new")
    build.main([], here)
    assert stored(here).cells[1].outputs == []
    assert "run" not in stored(here).metadata


def test_a_tiny_run_is_never_stored(here, monkeypatch, capsys):
    monkeypatch.setattr(build, "run", lambda nb: pretend_to_run(nb, scale="tiny"))
    build.main(["--run"], here)
    assert not (here / "day01_greeting.ipynb").exists()
    assert "not stored" in capsys.readouterr().out


def test_a_stored_tiny_run_is_not_kept(here):
    old, new = (build.build(here / "src" / "day01_greeting.py") for _ in range(2))
    pretend_to_run(old, scale="tiny")
    build.keep_outputs(new, old)
    assert "run" not in new.metadata


def test_run_without_names_runs_only_what_is_out_of_date(here, monkeypatch):
    runs = []
    monkeypatch.setattr(build, "run", lambda nb: [runs.append(1), pretend_to_run(nb)])
    build.main(["--run"], here)
    build.main(["--run"], here)
    assert len(runs) == 1
    build.main(["--run", "day01"], here)
    assert len(runs) == 2


def test_check_complains_and_changes_nothing(here, quick, monkeypatch, capsys):
    assert build.main(["--check"], here) == 1
    assert not (here / "day01_greeting.ipynb").exists()
    build.main(["--run"], here)
    assert build.main(["--check"], here) == 0
    monkeypatch.setattr(build, "helpers_stamp", lambda nb: "of other helpers")
    capsys.readouterr()
    assert build.main(["--check"], here) == 1
    assert capsys.readouterr().out == "out of date: day01_greeting.ipynb\n"


def test_a_real_run_stores_what_was_printed(here):
    edit(here, "from helpers import runtime", "import os")
    edit(here, "runtime.pick_scale()", 'os.environ["SLM_STATIC"]')
    build.main(["--run"], here)
    nb = stored(here)
    assert [cell.outputs[0].text for cell in build.code_cells(nb)] == ["Grüße 1\n"] * 2
    assert build.is_current(nb)
    assert nb.metadata["run"]["scale"] == "cpu"


# ---- which helpers count


A = '''"""About a."""
from helpers.room import b


def f():
    """Old."""
    return b.x
'''


@pytest.fixture
def package(tmp_path):
    """helpers/ in which a imports b and b imports c; d stands alone."""
    files = {
        "helpers/__init__.py": "",
        "helpers/room/__init__.py": '"""A room."""',
        "helpers/room/a.py": A,
        "helpers/room/b.py": "from .c import x\n",
        "helpers/room/c.py": "x = 1\n",
        "helpers/room/d.py": "x = 1\n",
        "helpers/lesson/answers/day01.py": "EXERCISES = {}\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


@pytest.mark.parametrize(
    "line",
    ["from helpers.room import a", "import helpers.room.a", "from helpers.room.a import f"],
)
def test_helpers_are_followed_through_other_helpers(package, line):
    found = build.helpers_of(notebook("import torch", line), package)
    assert found.keys() - {"helpers", "helpers.room"} == {f"helpers.room.{x}" for x in "abc"}


def test_the_answers_of_the_day_count_too(package):
    found = build.helpers_of(notebook('check.exercise("1.3", my_function)'), package)
    assert found.keys() == {"helpers.lesson.answers.day01"}


def test_the_stamp_changes_with_what_helpers_do_and_not_with_their_words(package):
    nb = notebook("from helpers.room import a")
    first = build.helpers_stamp(nb, package)
    a = package / "helpers/room/a.py"
    a.write_text(a.read_text().replace("Old.", "New.").replace("return", "# why\n    return"))
    (package / "helpers/room/d.py").write_text("x = 2\n")
    assert build.helpers_stamp(nb, package) == first
    (package / "helpers/room/c.py").write_text("x = 2\n")
    assert build.helpers_stamp(nb, package) != first
