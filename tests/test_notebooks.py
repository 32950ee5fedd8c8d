"""Notebooks and helpers never tell two stories, and all notebooks keep the same form.

Static checks: no kernel, no GPU. The notebooks themselves are run by nbval.
"""

import ast
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "notebooks"))
import build  # noqa: E402

SLUGS = """neural_network_foundations linear_regression pytorch_fundamentals gpus data tokenization
self_attention causal_attention multi_head_attention kv_cache multi_query_attention
grouped_query_attention positional_encodings rotary_embeddings rmsnorm optimizers
mixture_of_experts quantization residual_connections activation_functions qwen3""".split()
DAYS = {day: f"day{day:02d}_{slug}" for day, slug in enumerate(SLUGS, start=1)}

HEADINGS = [
    "Setup", "The idea in small numbers", "Build it", "Check it", "Use it", "What can go wrong",
    "Recap", "Exercises", "Before tomorrow",
]  # fmt: skip
SELF_TEST = "Before you start"  # Days 1 to 3, after Setup

# What each day builds, and marks with the file where it stands: a mark that gets lost is missed.
BUILT = {
    1: {"Value", "as_value", "in_order"},
    4: {
        "matrix_weights",
        "parameters",
        "forward_flops",
        "LiveBytes",
        "TrainingMemory",
        "training_memory",
    },
    5: {
        "misread",
        "fix_mojibake",
        "repair",
        "shingles",
        "jaccard",
        "MinHash",
        "near_copies",
        "measures",
        "reasons",
    },
    6: {"merge", "Pairs", "learn_merges", "merge_by_rank", "BPE"},
    8: {"causal_mask", "attention_weights"},
    9: {"FeedForward", "Block", "GPTModel", "GPT"},
    10: {
        "GrowingCache",
        "KVCache",
        "keep_top_k",
        "keep_top_p",
        "keep_min_p",
        "penalize_repetition",
    },
    12: {"mean_of_groups", "to_grouped", "windowed"},
    13: {"NoPositions", "SinusoidalPositions", "alibi_slopes", "AlibiAttention", "lengthen"},
    14: {
        "rotary_frequencies",
        "rotary_angles",
        "rotate",
        "rotate_interleaved",
        "half_split",
        "RopeScaling",
        "RotaryAttention",
    },
    15: {"RMSNorm"},
    16: {
        "sgd_update",
        "adamw_update",
        "newton_schulz",
        "muon_update",
        "Optimizer",
        "parameter_groups",
        "Schedule",
    },
    21: {"Block", "Qwen3Model", "Qwen3"},
}
MARK = re.compile(r"^(?:class|def) (\w+).*#\s*(helpers/[\w/]+\.py)\s*$", re.M)

SOURCES = sorted((ROOT / "notebooks/src").glob("day*.py"))
each_day = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def day_of(path):
    return int(path.stem[3:5])


def code(nb):
    return build.code_cells(nb)


def prose(nb):
    return [cell.source for cell in nb.cells if cell.cell_type == "markdown"]


def section(nb, heading):
    """The text of all cells under one heading."""
    text = "\n".join(cell.source for cell in nb.cells)
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def built(path):
    return nbformat.read(path.parents[1] / f"{path.stem}.ipynb", as_version=4)


def outputs(path):
    return [output for cell in code(built(path)) for output in cell.outputs]


# ---- the same definitions as in helpers

MARKED = [
    (path, name, module, cell.source)
    for path in SOURCES
    for cell in build.build(path).cells
    for name, module in MARK.findall(cell.source)
]


def definition(source, name):
    """One top-level class or function as a tree, without docstrings and argument annotations."""
    node = next(n for n in ast.parse(source).body if getattr(n, "name", None) == name)
    for n in ast.walk(node):
        if isinstance(n, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(n) is not None:
            n.body = n.body[1:] or [ast.Pass()]
        if isinstance(n, ast.FunctionDef):
            n.returns = None
        if isinstance(n, ast.arg):
            n.annotation = None
    return ast.dump(node)


@pytest.mark.parametrize(
    ("path", "name", "module", "source"), MARKED, ids=[f"{p.stem}-{n}" for p, n, _, _ in MARKED]
)
def test_marked_definitions_equal_helpers(path, name, module, source):
    helpers = (ROOT / module).read_text(encoding="utf-8")
    assert definition(source, name) == definition(helpers, name)


@each_day
def test_what_a_day_builds_is_marked(path):
    marked = [name for where, name, _, _ in MARKED if where == path]
    assert sorted(marked) == sorted(BUILT.get(day_of(path), set()))


def test_a_definition_is_marked_on_one_day_only():
    marks = [(name, module) for _, name, module, _ in MARKED]
    assert len(set(marks)) == len(marks)


def test_the_comparison_sees_a_difference():
    one = "class A:\n    def f(self, x: int) -> int:\n        '''Words.'''\n        return x"
    assert definition(one, "A") == definition("class A:\n    def f(self, x): return x", "A")
    assert definition(one, "A") != definition("class A:\n    def f(self, x): return -x", "A")


# ---- built notebooks


@each_day
def test_ipynb_is_built_from_source(path):
    expected = build.build(path)
    build.keep_outputs(expected, built(path))
    assert built(path) == expected, f"run notebooks/build.py {path.stem[:5]}"


@each_day
def test_outputs_are_stored_and_belong_to_this_code(path):
    nb = built(path)
    remedy = f"run notebooks/build.py --run {path.stem[:5]}"
    made = nb.metadata.get("run", {})
    assert made.get("code") == build.code_stamp(nb), remedy
    assert made.get("helpers") == build.helpers_stamp(nb), f"helpers have changed: {remedy}"
    assert [cell.execution_count for cell in code(nb)] == list(range(1, len(code(nb)) + 1))


@each_day
def test_the_stored_run_was_no_test_and_not_too_long(path):
    made = built(path).metadata["run"]
    assert made["seconds"] <= {"cpu": 300, "gpu": 1200}[made["scale"]]


@each_day
def test_stored_outputs_are_light_and_clean(path):
    data = (path.parents[1] / f"{path.stem}.ipynb").read_bytes()
    assert len(data) <= build.MAX_BYTES
    assert b"vnd.jupyter.widget" not in data
    assert "widgets" not in built(path).metadata
    assert not [o for o in outputs(path) if o.output_type == "error"]
    assert not [o.text for o in outputs(path) if o.get("name") == "stderr"]
    assert not re.search(rb"/tmp/|/home/|/root/|/Users/", data), "a path of this machine"


@each_day
def test_every_picture_has_alt_text(path):
    shown = [o for o in outputs(path) if "data" in o]
    pictures = [o for o in shown if "image/png" in o.data]
    assert pictures
    for picture in pictures:
        assert len(picture.metadata.get("image/png", {}).get("alt", "")) > 40, "use plots.show"
    assert not [o for o in shown if "<img" in o.data.get("text/html", "")], "not on the web"


# ---- the form


@each_day
def test_title(path):
    nb, day = build.build(path), day_of(path)
    title = prose(nb)[0]
    assert path.stem == DAYS[day]
    assert title.startswith(f"# Day {day} · ")
    assert len(re.findall(r"^- ", title, re.M)) == 3, "three things you will have at the end"
    assert re.search(r"\*\*Time:\*\* .*\d+ minutes", title)
    assert re.search(r"^\*\*You build:\*\* \S", title, re.M), "README's table takes it"
    for other in (day - 1, day + 1):
        assert (f"]({DAYS.get(other)}.ipynb)" in title) == (other in DAYS)


@each_day
def test_the_badge_opens_this_notebook_of_the_course(path):
    nb = build.build(path)
    url, tag = re.search(r'^COURSE = "(\S+) (\S+)"', code(nb)[0].source, re.M).groups()
    place = url.removeprefix("https://github.com/")
    colab = "https://colab.research.google.com"
    badge = f"[![Open in Colab]({colab}/assets/colab-badge.svg)]"
    link = f"({colab}/github/{place}/blob/{tag}/notebooks/{path.stem}.ipynb)"
    assert badge + link in prose(nb)[0]


@each_day
def test_headings(path):
    expected = HEADINGS[:1] + [SELF_TEST] * (day_of(path) <= 3) + HEADINGS[1:]
    text = "\n".join(prose(build.build(path)))
    assert re.findall(r"^## (.+)$", text, re.M) == expected
    assert not [cell for cell in prose(build.build(path)) if "\n## " in cell], "begin a cell"


@each_day
def test_the_first_three_code_cells(path):
    setup, start, sizes = (cell.source for cell in code(build.build(path))[:3])
    assert "helpers/runtime.py" in setup
    assert f"run = runtime.start(day={day_of(path)})" in start
    assert sizes.startswith("size = runtime.pick(")
    text = "\n".join(cell.source for cell in code(build.build(path)))
    assert text.count("runtime.pick(") == 1, "sizes stand in one place"


@each_day
def test_rhythm(path):
    nb = build.build(path)
    lengths = sorted(
        sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code(nb)
    )
    assert 45 <= len(nb.cells) <= 90
    assert statistics.median(lengths) <= 6
    assert lengths[int(0.9 * len(lengths))] <= 25
    assert lengths[-1] <= 40
    assert 1500 <= sum(len(text.split()) for text in prose(nb)) <= 3500
    assert max(len(line) for cell in code(nb) for line in cell.source.splitlines()) <= 96


@each_day
def test_the_reader_predicts(path):
    assert "\n".join(prose(build.build(path))).count("**Predict") >= 5


@each_day
def test_plain_words(path):
    text = "\n".join(prose(build.build(path)))
    assert not re.findall(r"\b(?:simply|just|obviously|trivially)\b", text, re.I)
    assert not re.findall(r"[\U0001F000-\U0001FAFF\u2600-\u27BF]", text), "no emoji"


@each_day
def test_prose_makes_no_list_by_accident(path):
    """A wrapped line that begins with "1. " becomes a list: lists start after a blank line."""
    item = re.compile(r"(\d+\.|[-*+]) ")
    for text in prose(build.build(path)):
        lines = text.splitlines()
        for before, line in zip(lines, lines[1:], strict=False):
            in_list = item.match(before) or before.startswith(" ")
            assert not (item.match(line) and before and not in_list), line


@each_day
def test_code_is_plain_python_and_figures_come_from_plots(path):
    for cell in code(build.build(path)):
        ast.parse(cell.source)  # no % or ! lines
        assert not re.search(r"tqdm|/home/|/tmp/|is_bf16_supported|pyplot", cell.source)
        assert cell.source.count("plots.show(") == len(re.findall(r"\balt=", cell.source)) - (
            cell.source.count("widgets.explore(")
        )


@each_day
def test_every_exercise_has_stub_check_hints_and_hidden_solution(path):
    nb, day = build.build(path), day_of(path)
    cells, text = code(nb), section(build.build(path), "Exercises")
    for n in range(1, 5):
        assert re.search(rf"^### {day}\.{n} .+ · [●○]{{3}} · \d+ minutes$", text, re.M)
        assert f'check.exercise("{day}.{n}", my_' in text
    stars = re.findall(r"· ([●○]{3}) ·", text)
    assert stars == sorted(stars, key=lambda s: s.count("●")), "rising"
    assert (stars[0], stars[-1]) == ("●○○", "●●●")
    assert text.count("<details><summary>Hint") >= 8
    assert text.count("# TODO: your answer") == 4
    solutions = [cell for cell in cells if "check.solution(" in cell.source]
    assert len(solutions) == 4
    for cell in solutions:
        assert cell.source.startswith("# @title Solution")
        assert cell.metadata["cellView"] == "form"
        assert cell.metadata["jupyter"]["source_hidden"]
        assert cell.metadata["tags"] == ["solution"]


# ---- the setup cell


def test_setup_is_the_same_everywhere_and_short():
    setups = {code(build.build(path))[0].source for path in SOURCES}
    assert len(setups) == 1
    assert len([line for line in setups.pop().splitlines() if line.strip()]) <= 10


@pytest.fixture
def repository(tmp_path):
    """A git repository with a helpers that says so, and its tag, as COURSE_REPO names them."""
    repo = tmp_path / "repository"
    (repo / "helpers").mkdir(parents=True)
    (repo / "helpers/__init__.py").touch()
    (repo / "helpers/runtime.py").write_text("print('the course')")
    git = ["git", "-C", str(repo), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v9"]):
        subprocess.run([*git, *command], check=True)
    return repo


def set_up(folder, course):
    """What a notebook in `folder` prints when it sets up and imports helpers.runtime."""
    setup = code(build.build(SOURCES[0]))[0].source
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", setup + "\nimport helpers.runtime"],
        cwd=folder,
        env={**os.environ, "COURSE_REPO": course, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_setup_clones_the_course_where_there_is_none(repository, tmp_path):
    """As on Colab: an empty folder, and a second run that finds the clone."""
    course = f"file://{repository} v9"
    assert set_up(tmp_path / "colab", course) == "the course\n"
    assert set_up(tmp_path / "colab", "nowhere v0") == "the course\n"


def test_setup_finds_the_course_above_the_notebook(repository):
    assert set_up(repository / "notebooks", "nowhere v0") == "the course\n"


def test_setup_is_not_misled_by_another_helpers_or_an_empty_clone(repository, tmp_path):
    colab = tmp_path / "colab"
    name = re.search(r'here / "([\w-]+)"\]', code(build.build(SOURCES[0]))[0].source)[1]
    (colab / "helpers").mkdir(parents=True)
    (colab / "helpers/__init__.py").write_text("raise SystemExit('not the course')")
    (colab / name).mkdir()
    assert set_up(colab, f"file://{repository} v9") == "the course\n"
