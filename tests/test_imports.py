"""The import rule of helpers/: an arrow points down, never up, never sideways between rooms.

            training
                |
            inference
                |
      text    model    lesson        training alone uses all; inference has no lesson
        |       |        |
        +--- runtime ----+

Read from the source, so nothing is imported here; an import inside a function counts too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "__init__": set(),
    "runtime": set(),
    "text": {"runtime"},
    "model": {"runtime"},
    "lesson": {"runtime"},
    "inference": {"text", "model", "runtime"},
    "training": {"inference", "text", "model", "lesson", "runtime"},
    "__main__": {"training", "inference", "text", "model", "lesson", "runtime"},
}
ABOVE = {"notebooks", "benchmarks", "tests"}  # they use helpers, never the reverse
HEAVY = {
    "datasets",
    "transformers",
    "matplotlib",
    "ipywidgets",
}  # slow to import, rarely needed
HEAVY_BUT_WELCOME = {"lesson": {"matplotlib", "ipywidgets"}}


# ---- the checker --------------------------------------------------------------------------------


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of every module under root/helpers; a package goes by its __init__.py."""
    found = {}
    for path in sorted((root / "helpers").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(module: str, path: Path) -> str:
    """The first name below helpers; the package's own file is called __init__."""
    return module.split(".")[1] if "." in module else path.stem


def imported(node: ast.AST, module: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """(module, names taken from it) for each import in this one node; dots are resolved."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
        start = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*start, *([node.module] if node.module else [])])
        yield source, [alias.name for alias in node.names]


def arrows(known: dict[str, Path], module: str) -> set[str]:
    """All modules imported anywhere in this file; `from room import file` counts as the file."""
    found = set()
    for node in ast.walk(ast.parse(known[module].read_text(encoding="utf-8"))):
        for source, names in imported(node, module, known[module]):
            files = {f"{source}.{name}" for name in names} & known.keys()
            found |= files
            if len(files) < max(1, len(names)):  # something comes out of `source` itself
                found.add(source)
    return found


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: all but the insides of functions."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from at_import(node)


def wrong_arrows(root: Path) -> list[str]:
    """Imports that leave a room for a place that it may not know."""
    known, faults = modules(root), []
    for module, path in known.items():
        here = room(module, path)
        if here not in MAY_IMPORT:
            faults.append(f"{module} is in no room: MAY_IMPORT does not name {here}")
            continue
        for target in sorted(arrows(known, module)):
            top, _, rest = target.partition(".")
            there = rest.split(".")[0] or "__init__"
            if top in ABOVE or (top == "helpers" and there not in {here} | MAY_IMPORT[here]):
                faults.append(f"{module} imports {target}")
    return faults


def circles(root: Path) -> list[str]:
    """Modules that import themselves by way of others, each circle once."""
    known, done, found = modules(root), set(), []
    graph = {module: arrows(known, module) & known.keys() for module in known}

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append(" -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for target in sorted(graph[module]):
                walk(target, [*trail, module])
            done.add(module)

    for module in graph:
        walk(module, [])
    return found


def heavy_imports(root: Path) -> list[str]:
    """Big libraries that a module imports before anybody asked for them."""
    known, faults = modules(root), []
    for module, path in known.items():
        banned = HEAVY - HEAVY_BUT_WELCOME.get(room(module, path), set())
        for node in at_import(ast.parse(path.read_text(encoding="utf-8"))):
            for source, _ in imported(node, module, path):
                if source.split(".")[0] in banned:
                    faults.append(f"{module}:{node.lineno} imports {source} at top level")
    return faults


# ---- this project -------------------------------------------------------------------------------


def test_no_import_runs_upward_or_sideways():
    assert wrong_arrows(ROOT) == []


def test_no_module_imports_itself_by_way_of_others():
    assert circles(ROOT) == []


def test_big_libraries_are_imported_only_when_used():
    assert heavy_imports(ROOT) == []


def test_the_checker_sees_the_real_package():
    assert {"helpers", "helpers.runtime", "helpers.text", "helpers.training"} <= modules(
        ROOT
    ).keys()


# ---- the checker itself: it must find what is planted -------------------------------------------


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write the files, named from helpers/ on, below root."""
    for name, source in files.items():
        path = root / "helpers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


ROOMS = ("inference", "lesson", "model", "text", "training")
EMPTY = {f"{room}/__init__.py": "" for room in ROOMS} | {"__main__.py": "", "runtime.py": ""}
EMPTY |= {"model/qwen3.py": "", "training/optim.py": ""}


@pytest.mark.parametrize(
    "file, source, target",
    [
        ("text/data.py", "from helpers.training.optim import adam", "helpers.training.optim"),
        ("text/data.py", "from helpers.training import optim", "helpers.training.optim"),
        ("text/data.py", "from helpers import training", "helpers.training"),
        ("text/data.py", "import helpers.training.optim as o", "helpers.training.optim"),
        ("text/data.py", "from ..training import optim", "helpers.training.optim"),
        ("text/data.py", "from ..training.optim import adam", "helpers.training.optim"),
        ("text/__init__.py", "from ..training import optim", "helpers.training.optim"),
        (
            "text/data.py",
            "def late():\n    from helpers.model import qwen3",
            "helpers.model.qwen3",
        ),
        ("lesson/check.py", "from helpers.model import qwen3", "helpers.model.qwen3"),
        ("inference/serve.py", "from helpers.lesson import Missing", "helpers.lesson"),
        ("inference/serve.py", "from helpers.training import optim", "helpers.training.optim"),
        ("model/gpt.py", "from helpers import __main__", "helpers.__main__"),
        ("runtime.py", "from . import text", "helpers.text"),
        ("__init__.py", "from helpers import runtime", "helpers.runtime"),
        ("model/gpt.py", "import tests.conftest", "tests.conftest"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path, file, source, target):
    [fault] = wrong_arrows(plant(tmp_path, EMPTY | {file: source}))
    assert fault.endswith(f" imports {target}")


def test_a_file_outside_the_rooms_is_found(tmp_path):
    [fault] = wrong_arrows(plant(tmp_path, EMPTY | {"misc.py": ""}))
    assert fault.startswith("helpers.misc is in no room")


def test_arrows_that_point_down_are_no_fault(tmp_path):
    downward = {
        "runtime.py": "import torch",
        "text/data.py": "from helpers import runtime\nfrom helpers.text import stories",
        "text/stories.py": "from ..runtime import ROOT",
        "inference/generate.py": "from helpers.model import qwen3\nfrom helpers.text.data import x",
        "training/trainer.py": "from helpers.inference import generate\nfrom . import optim",
        "__main__.py": "from helpers.training import trainer\nfrom helpers.lesson import plots",
    }
    plant(tmp_path, EMPTY | downward | {"lesson/plots.py": ""})
    assert wrong_arrows(tmp_path) == circles(tmp_path) == []


def test_a_circle_within_a_room_is_found_once(tmp_path):
    circle = {
        "model/a.py": "from helpers.model import b",
        "model/b.py": "def late():\n    from .c import x",
        "model/c.py": "import helpers.model.a",
        "text/d.py": "from helpers.model import b",
    }
    assert circles(plant(tmp_path, circle)) == [
        "helpers.model.a -> helpers.model.b -> helpers.model.c -> helpers.model.a"
    ]


def test_a_big_library_at_top_level_is_found(tmp_path):
    early = {
        "text/data.py": "try:\n    from datasets import load\nexcept ImportError:\n    load = None",
        "training/trainer.py": "class Plot:\n    import matplotlib.pyplot as plt",
        "lesson/plots.py": "import matplotlib.pyplot as plt",  # welcome there
        "model/weights.py": "def load():\n    import transformers",  # late enough
    }
    assert heavy_imports(plant(tmp_path, early)) == [
        "helpers.text.data:2 imports datasets at top level",
        "helpers.training.trainer:2 imports matplotlib.pyplot at top level",
    ]
