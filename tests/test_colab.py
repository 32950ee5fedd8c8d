"""What Colab does: an empty folder, one notebook, nothing of the course but what it clones."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("day*.ipynb"))
LIGHTEST = min(NOTEBOOKS, key=lambda path: path.stat().st_size)

# What a Colab runtime has, of all that the course may use. Anything else must be optional.
COLAB = """datasets einops fastapi huggingface_hub ipywidgets IPython matplotlib numpy pyarrow
safetensors tokenizers torch transformers""".split()


@pytest.fixture
def course(tmp_path):
    """A bare repository of this working tree with the tag v9, as COURSE_REPO names it."""
    tree, bare = tmp_path / "tree", tmp_path / "course.git"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "helpers", "checkpoints", "data"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-f", "."], ["commit", "-qm", "x"], ["tag", "v9"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", tree, bare], check=True)
    return f"file://{bare} v9"


def test_a_notebook_alone_in_an_empty_folder_runs(course, tmp_path):
    colab = tmp_path / "content"
    colab.mkdir()
    nb = nbformat.read(LIGHTEST, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell("import helpers; print(helpers.__path__)"))
    nbformat.write(nb, colab / LIGHTEST.name)
    environment = {**os.environ, "COURSE_REPO": course, "SLM_SCALE": "tiny", "PYTHONPATH": ""}
    script = (
        "import nbformat, nbclient;"
        f"nb = nbformat.read({LIGHTEST.name!r}, 4);"
        "nbclient.NotebookClient(nb, timeout=300).execute();"
        "print(nb.cells[-1].outputs[0].text)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=colab, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(colab) in done.stdout, "the helpers of the clone, and no others"


def imported(path):
    """Top-level packages that the code cells import without a fallback."""
    found = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.parse(cell.source).body:  # an import inside of `try` is optional
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_needs_only_what_colab_has(path):
    allowed = {*COLAB, "helpers", *sys.stdlib_module_names}
    assert imported(path) <= allowed
