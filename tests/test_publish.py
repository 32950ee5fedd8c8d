"""One command moves the course to another address, and there is no second place to forget."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "notebooks"))

import build  # noqa: E402
import publish  # noqa: E402

OLD, NEW = publish.address(ROOT), ("ada/course", "v2.5")


@pytest.fixture
def course(tmp_path):
    """A copy of what carries the address."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copytree(ROOT / "notebooks/src", tmp_path / "notebooks/src")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, tmp_path / "notebooks")
    return tmp_path


def texts(root):
    files = [root / "README.md", *root.glob("notebooks/*.ipynb"), *root.glob("notebooks/src/*")]
    return {path.name: path.read_text(encoding="utf-8") for path in files if path.is_file()}


def test_publishing_leaves_nothing_of_the_old_address(course):
    publish.main(list(NEW), root=course)
    for name, text in texts(course).items():
        assert OLD[0] not in text, name
        assert f"blob/{OLD[1]}/" not in text and f"{NEW[0]} {OLD[1]}" not in text, name
    assert publish.address(course) == NEW
    assert "git clone https://github.com/ada/course && cd course" in texts(course)["README.md"]


def test_badges_and_setup_cells_name_the_new_address(course):
    publish.main(list(NEW), root=course)
    for path in course.glob("notebooks/*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert 'COURSE = \\"https://github.com/ada/course v2.5\\"' in text
        assert f"/github/ada/course/blob/v2.5/notebooks/{path.name})" in text


def test_publishing_keeps_the_stored_outputs(course):
    publish.main(list(NEW), root=course)
    for path in course.glob("notebooks/*.ipynb"):
        now = nbformat.read(path, as_version=4)
        before = nbformat.read(ROOT / "notebooks" / path.name, as_version=4)
        assert [c.get("outputs") for c in now.cells] == [c.get("outputs") for c in before.cells]
        assert build.is_current(now) == build.is_current(before)


def test_publishing_there_and_back_changes_nothing(course):
    publish.main(list(NEW), root=course)
    publish.main(list(OLD), root=course)
    assert texts(course) == texts(ROOT)


def test_the_address_stands_nowhere_else():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in tracked.stdout.split():
        if name == "README.md" or re.match(r"notebooks/(src/)?day\d\d_", name):
            continue
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        assert OLD[0].encode() not in data, name


@pytest.mark.parametrize("wrong", [("course", "v1"), ("a/b/c", "v1"), ("a/b", "v 1")])
def test_a_wrong_address_is_refused(course, wrong, capsys):
    with pytest.raises(SystemExit) as error:
        publish.main(list(wrong), root=course)
    assert error.value.code == 2
    assert texts(course) == texts(ROOT)


def test_the_table_of_days_in_readme_is_that_of_the_sources():
    remedy = "run notebooks/build.py"
    assert not build.write_readme(ROOT / "README.md", ROOT / "notebooks", check=True), remedy
    table = re.findall(r"^\| (\d+) \| .*\|$", (ROOT / "README.md").read_text(), re.M)
    assert list(map(int, table)) == list(range(1, 22))
