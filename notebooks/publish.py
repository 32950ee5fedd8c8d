"""Give the course its address: in every setup cell, badge and link.

    python notebooks/publish.py owner/name v1.0          or: make publish REPO=owner/name TAG=v1.0

A notebook that stands alone in Colab clones this repository at this tag, so the tag must exist
there: publish, commit, tag, push. The stored outputs stay as they are.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build

NAME = re.compile(r"[\w.-]+/[\w.-]+")
TAG = re.compile(r"[\w.-]+")


def address(root: Path) -> tuple[str, str]:
    """The repository (owner/name) and the tag that stand in the notebooks now.

    ValueError if they do not all say the same.
    """
    found = set()
    for source in (root / "notebooks/src").glob("day*.py"):
        url, tag = build.ADDRESS.search(source.read_text(encoding="utf-8")).groups()
        found.add((url.removeprefix("https://github.com/"), tag))
    if len(found) != 1:
        raise ValueError(f"the notebooks name {len(found)} addresses; make them one: {found}")
    return found.pop()


def moved(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """`text` with the repository and the tag of `old` replaced by those of `new`."""
    text = text.replace(f"{old[0]} {old[1]}", f"{new[0]} {new[1]}")  # COURSE
    text = text.replace(f"{old[0]}/blob/{old[1]}/", f"{new[0]}/blob/{new[1]}/")  # badges
    text = text.replace(f"https://github.com/{old[0]}", f"https://github.com/{new[0]}")
    return text.replace(f"&& cd {old[0].split('/')[1]}", f"&& cd {new[0].split('/')[1]}")


def publish(root: Path, new: tuple[str, str]) -> None:
    """Rewrite README and the sources under `root`, then build the notebooks from them."""
    old = address(root)
    for path in [root / "README.md", *sorted((root / "notebooks/src").glob("day*.py"))]:
        path.write_text(moved(path.read_text(encoding="utf-8"), old, new), encoding="utf-8")
    build.main([], here=root / "notebooks")


def main(arguments: list[str] | None = None, root: Path = build.ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repo", help="owner/name on GitHub")
    parser.add_argument("tag", help="the tag that the notebooks clone, such as v1.0")
    args = parser.parse_args(arguments)
    if not NAME.fullmatch(args.repo):
        parser.error(f"repo {args.repo!r} is no owner/name, such as ada/slm21")
    if not TAG.fullmatch(args.tag):
        parser.error(f"tag {args.tag!r} may have letters, digits, dots, - and _ only")
    publish(root, (args.repo, args.tag))
    return 0


if __name__ == "__main__":
    sys.exit(main())
