"""The house around the course: commands and versions that agree, nothing that does not belong."""

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it along there

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1_000_000
CONDA_NAMES = {"pytorch": "torch"}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
COLAB = {"torch": "2.11.0", "numpy": "2.0.2"}  # what is installed there must stay there
# A home folder, in the spelling of Linux, macOS and Windows; the name of the folder follows.
HOME_FOLDER = re.compile(
    rb"/home/\w[\w.-]*/|/Users/\w[\w.-]*/|/root/[\w.]|[A-Z]:\\{1,2}Users\\"
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---- commands -----------------------------------------------------------------------------------


def commands(markdown: str) -> list[str]:
    """The lines of all fenced blocks of shell."""
    blocks = re.findall(r"^```(?:sh|bash)\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def targets(makefile: str) -> set[str]:
    """What can be made by name."""
    return set(re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)[1].split())


def test_readme_ci_and_workflow_run_the_same_test_command():
    assert "make test" in commands(read("README.md"))
    ci = [line for line in read(".ci/run").splitlines() if line and not line.startswith("#")]
    assert ci[0] == "set -euo pipefail"
    assert [line for line in ci if "make" in line] == ["make test"] == ci[-1:]
    runs = re.findall(r"^\s*- run: (.*)$", read(".github/workflows/ci.yml"), re.MULTILINE)
    assert runs == ["make test PYTHON=python"]


def test_readme_names_only_targets_that_exist():
    named = set(re.findall(r"\bmake ([a-z]+)\b", " ".join(commands(read("README.md")))))
    named |= set(re.findall(r"`make ([a-z]+)", read("README.md")))
    assert {"train", "test", "lab"} <= named <= targets(read("Makefile"))


def test_readme_has_all_days_and_links_those_that_exist():
    readme = read("README.md")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|.*\|$", readme, re.MULTILINE)
    assert [int(day) for day, _ in rows] == list(range(1, 22))
    there = {int(p.name[3:5]): p.name for p in (ROOT / "notebooks").glob("day*.ipynb")}
    linked = {int(day) for day, title in rows if "](notebooks/" in title}
    assert linked == there.keys()


def test_links_in_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", read("README.md"))
    assert links and [link for link in links if not (ROOT / link).exists()] == []


def test_each_target_has_a_rule_and_a_line_of_help():
    makefile = read("Makefile")
    for target in targets(makefile) - {"help"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        assert f"@echo 'make {target} " in makefile


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_alone_lists_the_targets():
    shown = subprocess.run(
        ["make", "-C", ROOT], capture_output=True, text=True, check=True
    ).stdout
    assert "make train" in shown and "make test" in shown


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_a_wrong_python_is_refused_in_one_line_with_the_remedy(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    order = ["make", "-s", "train", "PYTHON=no-such-python"]
    made = subprocess.run(order, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode != 0 and not (tmp_path / ".venv").exists()
    assert "needs Python 3.10 to 3.13" in made.stderr and "PYTHON=python3.12" in made.stderr


# ---- versions -----------------------------------------------------------------------------------


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Canonical name -> requirement; comments and empty lines are left out."""
    texts = [line.split(" #")[0].strip() for line in lines if not line.startswith("#")]
    parsed = [Requirement(text) for text in texts if text]
    return {canonicalize_name(item.name): item for item in parsed}


def needed() -> dict[str, Requirement]:
    return requirements(read("requirements.txt").splitlines())


def extra(name: str) -> dict[str, Requirement]:
    return requirements(project()["optional-dependencies"][name])


def project() -> dict:
    return tomllib.loads(read("pyproject.toml"))["project"]


def pins(python: str) -> dict[str, str]:
    """Canonical name -> pinned version for this Python, such as "3.10"."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.9",
    }
    found = {}
    for line in read("constraints.txt").splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            [specifier] = pin.specifier
            assert specifier.operator == "==", line
            if pin.marker is None or pin.marker.evaluate(environment):
                assert pin.name not in found, f"two pins of {pin.name} for Python {python}"
                found[pin.name] = specifier.version
    return found


def conda() -> dict[str, Requirement]:
    listed = re.findall(r"^  - (.*[<>=].*)$", read("environment.yml"), re.MULTILINE)
    return {CONDA_NAMES.get(n, n): item for n, item in requirements(listed).items()}


def misfits(wanted: dict[str, Requirement], have: dict[str, str]) -> list[str]:
    """Requirements that these versions do not satisfy, or do not name."""
    return [
        f"{item} but {have.get(name, 'nothing')}"
        for name, item in wanted.items()
        if name not in have or not item.specifier.contains(have[name], prereleases=True)
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_pins_satisfy_the_ranges_on_each_python(python):
    assert misfits(needed() | extra("lab") | extra("test"), pins(python)) == []


def test_installed_versions_satisfy_the_ranges():
    wanted = needed() | extra("test")
    assert misfits(wanted, {name: metadata.version(name) for name in wanted}) == []


def test_ranges_leave_colab_as_it_is():
    floors = needed()
    assert {op.operator for item in floors.values() for op in item.specifier} == {">="}
    assert misfits({name: floors[name] for name in COLAB}, COLAB) == []


def test_conda_asks_for_the_same_as_pip():
    pip = needed() | extra("lab")
    asked = conda()
    python = asked.pop("python")
    assert {n: i.specifier for n, i in asked.items()} == {
        n: i.specifier for n, i in pip.items()
    }
    assert python.specifier == Requirement(f"python{project()['requires-python']}").specifier


def test_a_misfit_is_found():
    wanted = requirements(["torch>=2.6  # a reason", "# a comment", "", "Some_Thing>=1"])
    assert misfits(wanted, {"torch": "2.13.0+cpu", "some-thing": "1.0"}) == []
    assert misfits(wanted, {"torch": "2.5.1"}) == [
        "torch>=2.6 but 2.5.1",
        "Some_Thing>=1 but nothing",
    ]


# ---- files --------------------------------------------------------------------------------------


def git(*arguments: str | Path, cwd: Path = ROOT) -> bytes:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files that git keeps; a downloaded archive without git has nothing to check."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = git("ls-files", "-z", "--cached").decode().split("\0")
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def too_big(files: list[Path]) -> list[Path]:
    return [path for path in files if path.stat().st_size > 5 * MEGABYTE]


def naming_a_machine(files: list[Path]) -> list[Path]:
    """Text files that hold the path of somebody's home folder."""
    texts = ((path, path.read_bytes()) for path in files)
    return [path for path, text in texts if b"\0" not in text and HOME_FOLDER.search(text)]


def test_no_tracked_file_is_big(tracked):
    assert too_big(tracked) == []


def test_no_tracked_text_names_a_machine(tracked):
    assert naming_a_machine(tracked) == []


def test_a_big_file_is_found(tmp_path):
    for name, size in {"big": 5 * MEGABYTE + 1, "fine": 5 * MEGABYTE}.items():
        (tmp_path / name).write_bytes(bytes(size))
    assert too_big(sorted(tmp_path.iterdir())) == [tmp_path / "big"]


@pytest.mark.parametrize(
    "home",
    [
        "/".join(["", "home", "mia", "kite"]),  # in pieces, or this file would name a machine
        "/".join(["", "Users", "mia", "kite"]),
        "/".join(["", "root", ".kite"]),
        "\\".join(["C:", "Users", "mia"]),
    ],
)
def test_a_home_folder_is_found(tmp_path, home):
    wrong, fine = tmp_path / "wrong", tmp_path / "fine"
    wrong.write_text(f'  "path": "{home}"')
    fine.write_text("~/kite, a root/ of it, /home and /Users, C:/Users")
    assert naming_a_machine([fine, wrong]) == [wrong]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(
    "path, ignored",
    [
        (".venv/bin/python", True),
        ("helpers/text/__pycache__/data.pyc", True),
        ("notebooks/.ipynb_checkpoints/day01.ipynb", True),
        ("helpers.egg-info/PKG-INFO", True),
        ("checkpoints/stories-cpu/model.safetensors", True),
        ("checkpoints/reference/model.safetensors", False),
        ("checkpoints/README.md", False),
        ("data/prepared/train.bin", True),
        ("data/my.txt", True),
        ("data/README.md", False),
        ("helpers/text/data.py", False),
    ],
)
def test_git_ignores_what_is_made_and_keeps_what_is_written(tmp_path, path, ignored):
    git("init", "--quiet", cwd=tmp_path)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    answer = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=tmp_path).returncode
    assert answer == (0 if ignored else 1)


def test_the_licence_is_mit_and_the_project_says_so():
    assert read("LICENSE").startswith(
        "MIT License\n\nCopyright (c) 2026 the course's authors\n"
    )
    assert project()["license"] == "MIT"
