"""Documents to batches: packing into a memory map, windows that can be resumed.

    token_map = prepare("stories", tokenizer, "data/stories", limit=20_000)
    batches = Batches(token_map, batch_size=16, context=256, seed=0)
    input_ids, labels = batches.next()                    both (16, 256)

The map is one stream of ids: end-of-text, document, end-of-text, document, ..., end-of-text.
Beside `train.bin` lie `train.starts.npy`, where each document starts, and `train.json`, which says
what the map was made of. It is written last: where it is, the map is whole.
"""

import json
import re
import time
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from helpers.runtime import atomic_write
from helpers.text.sources import describe, documents
from helpers.text.tokenizer import Tokenizer

MAP_FORMAT = 1  # raise it when the files or the splitting change: older maps are then rebuilt
PIECE = 1 << 16  # characters that are tokenized at once from a long document
BATCH = 1 << 20  # characters that are tokenized in one call
LINE_START = re.compile(r"\n(?=\w)")  # here the split pattern of the tokenizer always cuts
LEFTOVER = 3600.0  # seconds after which a temporary file is that of a run that was killed
IGNORED = -100  # a label that cross_entropy skips


# ---- packing: documents to a memory map


@dataclass(frozen=True)
class TokenMap:
    """Packed documents, read from the disk as they are needed.

    input_ids   (tokens,) uint16 or uint32 memory map: end-of-text, document, end-of-text, ...
    starts      (documents + 1,) int64: the first token of each document, then len(input_ids);
                document d is input_ids[starts[d] : starts[d + 1] - 1]
    text_ends   (documents + 1,) int64: UTF-8 bytes of raw text before document d, then of all
    record      what `train.json` says: source, limit, tokenizer, counts
    """

    input_ids: np.ndarray
    starts: np.ndarray
    text_ends: np.ndarray
    end_of_text_id: int
    record: dict[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: str | Path, tokenizer: Tokenizer, split: str = "train") -> "TokenMap":
        """Open the map that `prepare` wrote. ValueError: none, broken, or another tokenizer's."""
        folder = Path(folder)
        try:
            record = json.loads((folder / f"{split}.json").read_bytes())
            _require_record(record, tokenizer, folder / f"{split}.bin")
            starts, text_ends = np.load(folder / f"{split}.starts.npy", allow_pickle=False)
            input_ids = np.memmap(folder / f"{split}.bin", dtype=record["dtype"], mode="r")
            token_map = cls(input_ids, starts, text_ends, tokenizer.end_of_text_id, record)
            token_map._require_whole()
            token_map.require_vocabulary(tokenizer.vocab_size)
        except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"token map {split!r} in {folder} cannot be used: {_reason(error)}; call prepare, "
                "which builds it anew"
            ) from None
        return token_map

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of all documents; end-of-text counts nothing."""
        return int(self.text_ends[-1])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tokenizer that made the map."""
        return self.record["tokenizer"]

    @cached_property
    def highest_id(self) -> int:
        """The highest token id of the map (reads all of it once)."""
        return int(self.input_ids.max())

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.starts) - 1

    def document(self, index: int) -> np.ndarray:
        """The token ids of one document, without end-of-text."""
        return self.input_ids[self.starts[index] : self.starts[index + 1] - 1]

    def raw_bytes(self, limit: int | None = None) -> int:
        """UTF-8 bytes of the raw text of the first `limit` documents: what bits are divided by."""
        return int(self.text_ends[: None if limit is None else limit + 1][-1])

    def require_vocabulary(self, vocab_size: int) -> None:
        """ValueError if an id of the map is outside a vocabulary (a model's, say) of this size."""
        if self.highest_id >= vocab_size:
            raise ValueError(
                f"the token map holds id {self.highest_id}, outside a vocabulary of {vocab_size} "
                "tokens; use the tokenizer that the model was made for"
            )

    def _require_whole(self) -> None:
        """ValueError unless the three files belong together."""
        ids, starts, record = self.input_ids, self.starts, self.record
        whole = (
            len(ids) == record["tokens"] == starts[-1]
            and len(starts) == len(self.text_ends) == record["documents"] + 1
            and self.text_bytes == record["text_bytes"]
            and starts[0] == 1
            and bool((np.diff(starts) > 0).all())
            and bool((ids[starts - 1] == self.end_of_text_id).all())
        )
        if not whole:
            raise ValueError("its files do not belong together")


def prepare(
    source: str | Path,
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    split: str = "train",
    limit: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> TokenMap:
    """Tokenize the documents of `source` into `folder`, or reuse the map that is there; open it.

    A map is reused if it is whole and of the same source (a file counts by its content), split,
    limit and tokenizer; otherwise it is built anew. `progress` is called with the number of
    documents done. ValueError: see `documents`.
    """
    folder = Path(folder)
    origin = {"source": describe(source), "split": split, "limit": limit}
    try:
        token_map = TokenMap.open(folder, tokenizer, split)
        if origin.items() <= token_map.record.items():
            return token_map
    except ValueError:
        pass  # none, broken or foreign: built below
    texts = documents(source, split, limit)
    _write_map(texts, tokenizer, folder, origin, progress or (lambda done: None))
    return TokenMap.open(folder, tokenizer, split)


def _checksum(path: Path) -> int:
    return zlib.crc32(np.memmap(path, dtype=np.uint8, mode="r"))


def _map_dtype(vocab_size: int) -> np.dtype:
    return np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing"
    return f"the record has no {error}" if isinstance(error, KeyError) else str(error)


def _require_record(record: dict[str, Any], tokenizer: Tokenizer, path: Path) -> None:
    """ValueError unless `record` fits this program, this tokenizer and the size of the map."""
    dtype = _map_dtype(tokenizer.vocab_size)
    if record["format"] != MAP_FORMAT:
        raise ValueError(f"its format is {record['format']}, this program's is {MAP_FORMAT}")
    if record["tokenizer"] != tokenizer.fingerprint:
        raise ValueError(
            f"tokenizer {record['tokenizer']} made it, yours is {tokenizer.fingerprint}"
        )
    if record["dtype"] != dtype.name:
        raise ValueError(f"its dtype is {record['dtype']}, not {dtype.name}")
    size, expected = path.stat().st_size, record["tokens"] * dtype.itemsize
    if size != expected:
        raise ValueError(f"{path.name} has {size} bytes, not {expected}")
    if record["crc32"] != _checksum(path):
        raise ValueError(f"{path.name} is damaged")


def _write_map(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    folder: Path,
    origin: dict[str, Any],
    progress: Callable[[int], object],
) -> None:
    """Write the three files, each whole or not at all, the record last."""
    split = origin["split"]
    record_path = folder / f"{split}.json"
    record_path.unlink(missing_ok=True)  # from here until the end there is no map
    for leftover in folder.glob(f".{split}.*.tmp"):
        age = time.time() - leftover.stat().st_mtime
        if age > LEFTOVER:  # a younger one may belong to a run that writes at this moment
            leftover.unlink()
    starts, text_ends = array("q", [1]), array("q", [0])
    atomic_write(
        folder / f"{split}.bin",
        lambda f: _pack(f, texts, tokenizer, starts, text_ends, progress),
    )
    offsets = np.array([starts, text_ends])  # (2, documents + 1)
    atomic_write(folder / f"{split}.starts.npy", lambda f: np.save(f, offsets))
    record = {
        "format": MAP_FORMAT,
        "dtype": _map_dtype(tokenizer.vocab_size).name,
        "tokens": starts[-1],
        "documents": len(starts) - 1,
        "text_bytes": text_ends[-1],
        "crc32": _checksum(folder / f"{split}.bin"),
        "tokenizer": tokenizer.fingerprint,
        **origin,
    }
    content = json.dumps(record, indent=2) + "\n"
    atomic_write(record_path, lambda f: f.write(content.encode()))


def _pack(
    file: BinaryIO,
    texts: Iterable[str],
    tokenizer: Tokenizer,
    starts: array,
    text_ends: array,
    progress: Callable[[int], object],
) -> None:
    """Write the stream of ids to `file`, and append where documents start and their bytes end."""
    dtype = _map_dtype(tokenizer.vocab_size)
    file.write(np.array([tokenizer.end_of_text_id], dtype).tobytes())
    tokens, text_bytes = starts[-1], text_ends[-1]
    for batch in _piece_batches(texts):
        pieces = [piece for piece, _ in batch]
        for (piece, ends), ids in zip(batch, tokenizer.encode_batch(pieces), strict=True):
            ids = ids + [tokenizer.end_of_text_id] if ends else ids
            file.write(np.array(ids, dtype).tobytes())
            tokens += len(ids)
            text_bytes += len(piece.encode())
            if ends:
                starts.append(tokens)
                text_ends.append(text_bytes)
        progress(len(starts) - 1)


def _piece_batches(texts: Iterable[str]) -> Iterator[list[tuple[str, bool]]]:
    """Pieces of documents, each with whether it ends its document; some BATCH characters each."""
    batch, characters = [], 0
    for text in texts:
        for piece, ends in _pieces(text):
            batch.append((piece, ends))
            characters += len(piece)
            if characters >= BATCH:
                yield batch
                batch, characters = [], 0
    if batch:
        yield batch


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a long text where the tokenizer cuts too: between a line end and a letter.

    The pieces have the ids of the whole, in a fraction of its memory. Each comes with whether it
    is the last.
    """
    begin = 0
    while begin < len(text):
        cut = LINE_START.search(text, begin + PIECE)
        end = cut.end() if cut else len(text)
        yield text[begin:end], end == len(text)
        begin = end


# ---- batches: windows of the stream


def window_starts(starts: np.ndarray, context: int) -> np.ndarray:
    """Where the windows of one epoch start: the positions of their first labels, int64.

    A window predicts `context` tokens. It starts where a document does. The document that its end
    cuts is begun anew by the next window; only one that fills the window from its start goes on
    where it was cut. So no token is seen without the beginning of its document, unless that lies
    more than `context` tokens back. The spans from one start to the next part the stream: each
    token belongs to one window, and is predicted a second time only when the window before holds
    a cut-off beginning of its document.
    """
    borders = starts.tolist()
    windows, position, document = [], borders[0], 0
    while position < borders[-1]:
        windows.append(position)
        end = position + context
        document = (
            bisect_right(borders, end, lo=document) - 1
        )  # it holds the first token left out
        position = borders[document] if borders[document] > position else end
    return np.array(windows)


class Batches:
    """Endless batches of windows, in a new order each epoch, with a position that can be saved.

    `next()` returns input_ids and labels, both (batch_size, context) int64. The input of a row
    starts with the end-of-text before a document, and labels[t] follows input_ids[t]. The last
    window of the map may be short: its labels are then filled with -100, its inputs with
    end-of-text. A batch at the end of an epoch is filled up from the next one.
    ValueError: a context longer than the map; sizes below 1.
    """

    def __init__(self, token_map: TokenMap, batch_size: int, context: int, seed: int) -> None:
        if batch_size < 1 or context < 1:
            raise ValueError(
                f"batch_size is {batch_size}, context is {context}; both must be at least 1"
            )
        tokens = len(token_map.input_ids) - 1  # the first end-of-text is never predicted
        if tokens < context:
            raise ValueError(
                f"context longer than the data: context is {context} tokens, the data has "
                f"{tokens}; choose a context of at most {tokens}, or give more text"
            )
        self.batch_size = batch_size
        self.windows = window_starts(token_map.starts, context)
        self._ids = np.asarray(token_map.input_ids)  # still on disk
        self._identity = {"map": token_map.record["crc32"], "context": context, "seed": seed}
        self._begin_epoch(0)

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.next()

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The next input_ids and labels, both (batch_size, context) int64."""
        rows: list[int] = []
        while len(rows) < self.batch_size:
            if self._index == len(self.windows):
                self._begin_epoch(self._epoch + 1)
            taken = self._order[self._index : self._index + self.batch_size - len(rows)]
            rows.extend(taken)
            self._index += len(taken)
        starts = self.windows[rows]
        context = self._identity["context"]
        return _rows(self._ids, starts, np.minimum(context, len(self._ids) - starts), context)

    def state_dict(self) -> dict[str, int]:
        """The position, as plain ints: epoch, index of the next window, and whose they are."""
        return {"epoch": self._epoch, "index": self._index, **self._identity}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on exactly where `state` was taken. ValueError: another map, context or seed."""
        for name, mine in self._identity.items():
            if state.get(name) != mine:
                raise ValueError(
                    f"cannot resume: the saved position has {name} {state.get(name)}, this run "
                    f"has {mine}; use the same data, context and seed, or start a new run"
                )
        self._begin_epoch(state["epoch"])
        self._index = state["index"]

    def _begin_epoch(self, epoch: int) -> None:
        self._epoch, self._index = epoch, 0
        shuffler = np.random.default_rng((self._identity["seed"], epoch))
        self._order = shuffler.permutation(len(self.windows))


def document_rows(
    token_map: TokenMap, context: int, limit: int | None = None, batch_size: int = 32
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Rows for evaluation: each of the first `limit` documents alone, every token a label once.

    Yields input_ids and labels, both (rows, time) int64 with rows <= batch_size and
    time <= context. A row's input starts with end-of-text, its last label is end-of-text, as in
    training; a document longer than the context is cut into pieces. Rows of similar length come
    together; padding has the label -100. Bits per byte: divide by `token_map.raw_bytes(limit)`.
    """
    borders = token_map.starts[: None if limit is None else limit + 1].tolist()
    pieces = [
        (begin, min(context, end - begin))
        for first, end in pairwise(borders)
        for begin in range(first, end, context)
    ]
    pieces.sort(key=lambda piece: piece[1])
    for first in range(0, len(pieces), batch_size):
        starts, counts = np.array(pieces[first : first + batch_size]).T
        yield _rows(np.asarray(token_map.input_ids), starts, counts, counts[-1])


def _rows(
    ids: np.ndarray, starts: np.ndarray, counts: np.ndarray, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Row r predicts ids[starts[r]] and on, counts[r] tokens, each from the one before it."""
    column = np.arange(width)
    inside = column < counts[:, None]  # (rows, width)
    end = len(ids) - 1  # the last id is end-of-text: it fills the inputs
    before = np.where(inside, starts[:, None] + column - 1, end)
    input_ids = ids[before].astype(np.int64)
    labels = np.where(inside, ids[np.minimum(before + 1, end)].astype(np.int64), IGNORED)
    return torch.from_numpy(input_ids), torch.from_numpy(labels)
