"""Build day*.ipynb from src/day*.py.

    python notebooks/build.py                 rebuild; outputs stay where no code has changed
    python notebooks/build.py --run           execute what is out of date, and store the outputs
    python notebooks/build.py --run day21     execute this one in any case
    python notebooks/build.py --check         change nothing, fail if something is out of date

The text in src/ is the only thing anyone edits. Outputs come from one whole, in-order run and live
in the .ipynb beside two digests: of the notebook's code, and of the helpers that it imports. The
next build drops the outputs if the first has changed, and --check complains if the second has. A
run at scale tiny is a test: its outputs are never stored. Threads are as the environment says
(OMP_NUM_THREADS).
"""

import argparse
import ast
import hashlib
import importlib.util
import io
import os
import re
import sys
import time
import tokenize
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from helpers import runtime  # noqa: E402

MAX_BYTES = 500_000
ADDRESS = re.compile(r'^COURSE = "(\S+) (\S+)".*$', re.M)  # of the repository, and its tag
ROW = re.compile(r"^\| (\d+) \|.*$", re.M)  # of README's table of the days
METADATA = {
    "accelerator": "GPU",
    "colab": {"provenance": []},
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def digest(text: str) -> str:
    """A short fingerprint of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    """The cells that run."""
    return [cell for cell in nb.cells if cell.cell_type == "code"]


# ---- what the outputs depend on


def code_stamp(nb: NotebookNode) -> str:
    """A digest of all code cells, in order, but for the address, which changes no output."""
    return digest("\0".join(ADDRESS.sub("", cell.source) for cell in code_cells(nb)))


def helpers_stamp(nb: NotebookNode, root: Path = ROOT) -> str:
    """A digest of the helpers that the notebook imports, by name and by what they do."""
    files = helpers_of(nb, root)
    return digest("\0".join(f"{name}\0{bare(files[name])}" for name in sorted(files)))


def helpers_of(nb: NotebookNode, root: Path = ROOT) -> dict[str, Path]:
    """Module name -> file of all helpers that the code imports, directly or through others.

    The answers of the day are among them: `check` imports them by name when it grades.
    """
    todo, found = set(), {}
    for cell in code_cells(nb):
        todo |= set(imports(ast.parse(cell.source), package=""))
        if 'check.exercise("' in cell.source:
            day = int(cell.source.split('check.exercise("')[1].split(".")[0])
            todo.add(f"helpers.lesson.answers.day{day:02d}")
    while todo:
        name = todo.pop()
        file = file_of(name, root)
        if file is None or name in found:
            continue
        found[name] = file
        package = name if file.stem == "__init__" else name.rpartition(".")[0]
        todo |= set(imports(ast.parse(file.read_text(encoding="utf-8")), package))
    return found


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Names that may be modules: those after `import`, and those after `from` with each part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(name, package) if node.level else name
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def file_of(name: str, root: Path) -> Path | None:
    """The file of a module of helpers; None for what is none."""
    if name.split(".")[0] != "helpers":
        return None
    base = root.joinpath(*name.split("."))
    places = (base.with_suffix(".py"), base / "__init__.py")
    return next((place for place in places if place.is_file()), None)


def bare(path: Path) -> str:
    """The lines of a module that do something: no docstrings, comments or empty lines."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    words = set()  # line numbers of docstrings
    owners = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None:
            words |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    kept = [line.rstrip() for row, line in enumerate(lines, start=1) if row not in words]
    return "\n".join(filter(None, kept))


# ---- building


def build(src: Path) -> NotebookNode:
    """The notebook of one source file, without outputs; the same source gives the same bytes."""
    nb = jupytext.reads(src.read_text(encoding="utf-8"), fmt="py:percent")
    nb.metadata, nb.nbformat, nb.nbformat_minor = nbformat.from_dict(METADATA), 4, 5
    seen = {}
    for cell in nb.cells:
        name = digest(cell.cell_type + cell.source)  # an id changes only with its own cell
        seen[name] = seen.get(name, 0) + 1
        cell.id = f"{name}-{seen[name]}"
        cell.metadata.pop("lines_to_next_cell", None)
    return nb


def keep_outputs(nb: NotebookNode, old: NotebookNode) -> None:
    """Copy the outputs of `old` into `nb` if both have the same code and the run was no test."""
    made = old.metadata.get("run", {})
    if made.get("code") != code_stamp(nb) or made.get("scale") == "tiny":
        return
    nb.metadata["run"] = made
    for cell, ran in zip(code_cells(nb), code_cells(old), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count


def is_current(nb: NotebookNode) -> bool:
    """Whether the outputs in `nb` come from this code and these helpers."""
    made = nb.metadata.get("run", {})
    return made.get("code") == code_stamp(nb) and made.get("helpers") == helpers_stamp(nb)


def run(nb: NotebookNode) -> None:
    """Execute `nb` in order, without widgets, and note what made the outputs."""
    import torch
    from nbclient import NotebookClient

    client = NotebookClient(
        nb,
        timeout=3600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    stamps = {"code": code_stamp(nb), "helpers": helpers_stamp(nb)}  # as they are now
    begin = time.perf_counter()
    client.execute(env={**os.environ, "SLM_STATIC": "1"})
    nb.metadata = nbformat.from_dict(METADATA)
    nb.metadata["run"] = {
        **stamps,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "scale": runtime.pick_scale(),
        "seconds": round(time.perf_counter() - begin),
        "torch": torch.__version__,
    }


def write(nb: NotebookNode, path: Path, check: bool) -> bool:
    """Write `nb` to `path` unless it is there already, or `check`; whether it was not there.

    SystemExit if it is too large to be looked at on the web.
    """
    data = (nbformat.writes(nb) + "\n").encode()
    if len(data) > MAX_BYTES:
        raise SystemExit(f"{path.name} has {len(data):,} bytes, the limit is {MAX_BYTES:,}")
    if path.exists() and path.read_bytes() == data:
        return False
    if not check:
        runtime.atomic_write(path, lambda file: file.write(data))
    return True


# ---- README's table of the days


def with_days(readme: str, notebooks: dict[int, NotebookNode]) -> str:
    """README with the row of each day that says what it builds made from the day's first cell."""

    def row(match: re.Match) -> str:
        day = int(match[1])
        ready = day in notebooks and "**You build:**" in notebooks[day].cells[0].source
        return day_row(day, notebooks[day]) if ready else match[0]

    return ROW.sub(row, readme)


def day_row(day: int, nb: NotebookNode) -> str:
    """The row of one day: number, title with link, what is built, minutes, Colab badge."""
    cell = " ".join(nb.cells[0].source.split())
    file = re.search(r"notebooks/(day\d\d_\w+\.ipynb)", cell)[1]
    title = re.match(rf"# Day {day} · (.+)", nb.cells[0].source)[1]
    built = re.search(r"\*\*You build:\*\* (.+?)\.? \*\*", cell)[1]
    minutes = re.search(r"\*\*Time:\*\* .*?(\d+) minutes", cell)[1]
    badge = re.search(r"\[!\[Open in Colab\]\(\S+\)\]\(\S+\)", cell)[0]
    return f"| {day} | [{title}](notebooks/{file}) | {built} | {minutes} | {badge} |"


def write_readme(readme: Path, here: Path, check: bool) -> bool:
    """Bring README's table up to date with the sources; whether it was not."""
    text = readme.read_text(encoding="utf-8")
    days = {int(src.stem[3:5]): build(src) for src in sorted((here / "src").glob("day*.py"))}
    new = with_days(text, days)
    if new != text and not check:
        runtime.atomic_write(readme, lambda file: file.write(new.encode()))
    return new != text


# ---- the command


def chosen(days: list[str], here: Path) -> list[Path]:
    """The sources of the named days, or all. SystemExit for a name that is none."""
    sources = {src.stem[:5]: src for src in sorted((here / "src").glob("day*.py"))}
    unknown = [day for day in days if day not in sources]
    if unknown:
        raise SystemExit(f"no such day: {', '.join(unknown)}; there are {', '.join(sources)}")
    return [src for day, src in sources.items() if not days or day in days]


def main(arguments: list[str] | None = None, here: Path = HERE) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("days", nargs="*", help="day07 day08; default: all")
    parser.add_argument("--run", action="store_true", help="execute, and store the outputs")
    parser.add_argument("--check", action="store_true", help="change nothing, only complain")
    args = parser.parse_args(arguments)
    if args.run and args.check:
        parser.error("--run changes files and --check does not: use one of them")
    stale = []
    for src in chosen(args.days, here):
        path = here / f"{src.stem}.ipynb"
        nb = build(src)
        if path.exists():
            keep_outputs(nb, nbformat.read(path, as_version=4))
        if args.run and (args.days or not is_current(nb)):
            run(nb)
            made = nb.metadata["run"]
            print(f"{src.stem}: {made['seconds']} s at scale {made['scale']}", flush=True)
            if made["scale"] == "tiny":
                print(f"{src.stem}: not stored, because tiny runs are tests")
                continue
        changed = write(nb, path, args.check)
        if changed or (args.check and not is_current(nb)):
            stale.append(path.name)
    readme = here.parent / "README.md"
    if readme.exists() and write_readme(readme, here, args.check):
        stale.append(readme.name)
    print("out of date:" if args.check else "changed:", ", ".join(stale) or "nothing")
    return int(args.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
