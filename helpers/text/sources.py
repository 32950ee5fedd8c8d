"""Where documents come from: the built-in stories, TinyStories, your own file.

for text in documents("stories", "train", limit=1000): ...
documents("tinystories")      documents("my.txt")      documents("my.jsonl", "validation")
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from helpers.text import stories
from helpers.text.tokenizer import END_OF_TEXT, require_unicode

SPLITS = ("train", "validation")
TINYSTORIES = "roneneldan/TinyStories"  # Eldan and Li 2023; $TINYSTORIES names another place
HUB_PATIENCE = 3.0  # seconds to wait for the hub; `datasets` alone would try for 23
VALIDATION_SHARE = 20  # one in twenty documents of your own text, or the last twentieth of one
STORY_FILES = ("grammar.py", "stories.py", "world.py")  # they decide what the stories say
PIECE = 1 << 16  # characters that are hashed at once


def documents(
    source: str | Path, split: str = "train", limit: int | None = None
) -> Iterator[str]:
    """The texts of the first `limit` documents of `split` ("train" or "validation") of `source`.

    source  "stories"       built in, endless: needs a limit; the splits have seeds apart
            "tinystories"   from the Hugging Face hub, streamed; the environment variable
                            TINYSTORIES names another hub id or a local folder of that layout
            a path          .txt: documents between lines `<|endoftext|>`, else one document;
                            .jsonl: the field "text" or "story"; .parquet: the column of that name
    Your own file is split by document: one in twenty is for validation, chosen by its text, so that
    equal documents are on one side; of a single document it is the last twentieth.
    ValueError, at once or on reading: unknown source or split, no such file, no network, broken or
    empty content; each says what to do.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; use one of {', '.join(SPLITS)}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; it must be at least 1")
    if source == "stories":
        texts = _stories(split, limit)
    elif source == "tinystories":
        texts = _tinystories(split)
    else:
        texts = _own_split(_own_file(source), split)
    return _some(islice(texts, limit), source, split)


def _some(texts: Iterable[str], source: str | Path, split: str) -> Iterator[str]:
    """Pass `texts` on; ValueError when there was none."""
    empty = True
    for text in texts:
        empty = False
        yield text
    if empty:
        raise ValueError(f"{source} has no text for {split}; give a source with more text")


def _stories(split: str, limit: int | None) -> Iterator[str]:
    if limit is None:
        raise ValueError("the built-in stories never end; give a limit, for example 20000")
    first = 0 if split == "train" else stories.VALIDATION_SEEDS
    return (stories.write(seed).text for seed in range(first, first + limit))


def _tinystories(split: str) -> Iterator[str]:
    """Stream TinyStories by `datasets`, from the hub, its local cache, or a local folder."""
    name = os.environ.get("TINYSTORIES", TINYSTORIES)
    if not Path(name).is_dir():
        _require_hub(name)
    import datasets  # here, since it takes a second that the other sources need not pay

    try:
        for row in datasets.load_dataset(name, split=split, streaming=True):
            if row["text"] and row["text"].strip():
                yield row["text"]
    except Exception as error:  # it raises a dozen kinds, from many libraries
        raise ValueError(
            f"TinyStories could not be read from {name}: {_first_line(error)}; try again, "
            "use the built-in stories, or give your own text with --data my.txt"
        ) from error


def _require_hub(name: str) -> None:
    """ValueError within HUB_PATIENCE seconds if the hub does not answer.

    With HF_HUB_OFFLINE=1 nobody is asked: `datasets` then looks in its cache alone.
    """
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return
    answers = []

    def ask() -> None:
        try:
            reply = get_session().head(constants.ENDPOINT, timeout=HUB_PATIENCE)
        except Exception:  # whatever it is, the hub did not answer
            return
        if reply.status_code < 500:  # above that, only a proxy answered
            answers.append(reply)

    # A thread, because looking up a name may take longer than any time-out.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_PATIENCE)
    if not answers:
        raise ValueError(
            f"no TinyStories: {name} is not a folder and {constants.ENDPOINT} does not answer; use "
            "the built-in stories, give your own text with --data my.txt, or download the files "
            "by hand and set TINYSTORIES to their folder (HF_HUB_OFFLINE=1 if they are cached)"
        )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


# ---- your own file


def _own_file(source: str | Path) -> Path:
    """`source` as the path of a file that can be read; ValueError otherwise."""
    path = Path(source)
    if path.suffix.lower() not in READERS:
        raise ValueError(
            f"{source} is not a source; give 'stories', 'tinystories' or a file that ends in "
            f"{', '.join(READERS)}"
        )
    if not path.is_file():
        raise ValueError(f"{path} does not exist or is no file; check the name")
    return path


def _own_split(path: Path, split: str) -> Iterator[str]:
    """The documents of one split, in two passes: hashes first, so that no text is kept."""
    read = READERS[path.suffix.lower()]
    distinct = np.unique(np.fromiter(map(_text_hash, read(path)), np.uint64))
    validation = split == "validation"
    if len(distinct) < 2:
        halves = (_half(text, validation) for text in read(path))
        yield from (text for text in halves if text.strip())
        return
    border = distinct[max(1, len(distinct) // VALIDATION_SHARE)]
    yield from (text for text in read(path) if (_text_hash(text) < border) == validation)


def _text_hash(text: str) -> int:
    """64 bits of BLAKE2b: the same on every machine, unlike Python's `hash`."""
    digest = hashlib.blake2b(digest_size=8)
    for start in range(0, len(text), PIECE):
        digest.update(text[start : start + PIECE].encode())
    return int.from_bytes(digest.digest(), "big")


def _half(text: str, last: bool) -> str:
    """About the first 95 % or the last 5 % of `text`, cut at a paragraph or line if one is near."""
    share = max(1, len(text) // VALIDATION_SHARE)
    cut = len(text) - share
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, max(0, cut - share), cut)
        if found >= 0:
            cut = found + len(mark)
            break
    return text[cut:] if last else text[:cut]


def _read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file with their line ends; ValueError names the first bad byte."""
    position = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                yield line.decode("utf-8-sig" if position == 0 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path} is not UTF-8 at byte {position + error.start}; "
                    "save it as UTF-8 in your editor"
                ) from None
            position += len(line)


def _read_txt(path: Path) -> Iterator[str]:
    """Documents between separator lines, stripped at both ends; the whole file if there is none."""
    document = StringIO(newline="")
    separated = False
    for line in _read_lines(path):
        if line.strip() != END_OF_TEXT:
            document.write(line)
            continue
        separated = True
        if text := document.getvalue().strip():
            yield text
        document = StringIO(newline="")
    text = document.getvalue()
    if text.strip():
        yield text.strip() if separated else text


def _read_jsonl(path: Path) -> Iterator[str]:
    """The field "text" or "story" of each line; ValueError names the line that has neither."""
    for number, line in enumerate(_read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text = require_unicode(row["text"] if "text" in row else row["story"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{path}, line {number}: expected {{"text": "..."}} ({type(error).__name__}: '
                f"{error}); repair or remove the line"
            ) from None
        if text.strip():
            yield text


def _read_parquet(path: Path) -> Iterator[str]:
    """The column "text" or "story", a thousand rows at a time."""
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(path)
        names = [name for name in ("text", "story") if name in table.schema_arrow.names]
        if not names:
            raise ValueError(f"its columns are {', '.join(table.schema_arrow.names)}")
        for batch in table.iter_batches(batch_size=1000, columns=names[:1]):
            for text in batch.column(0).to_pylist():
                if text and text.strip():
                    yield text
    except (ArrowException, ValueError, AttributeError, OSError) as error:
        raise ValueError(
            f"{path} is not a Parquet file with a column of text named 'text': "
            f"{_first_line(error)}"
        ) from None


READERS = {".txt": _read_txt, ".jsonl": _read_jsonl, ".parquet": _read_parquet}


# ---- what tells one source from another


def describe(source: str | Path) -> dict[str, Any]:
    """What tells one source from another: for files, and for the stories' code, a digest."""
    if source == "tinystories":
        return {"kind": source, "name": os.environ.get("TINYSTORIES", TINYSTORIES)}
    if source == "stories":
        return {"kind": source, "digest": _digest(map(Path(__file__).with_name, STORY_FILES))}
    path = _own_file(source)
    return {"kind": path.suffix, "digest": _digest([path])}


def source_digest(source: str | Path) -> str:
    """A short name for a source and its content: equal for equal documents (8 hex digits)."""
    text = json.dumps(describe(source), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
