"""Documents arrive whole, are packed without loss, are never read from a broken map, and resume."""

import io
import json
import os
import tempfile
from array import array
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from helpers.text import data
from helpers.text.data import IGNORED, Batches, TokenMap, document_rows, prepare
from helpers.text.sources import SPLITS, documents
from helpers.text.tokenizer import END_OF_TEXT, Tokenizer

WORDS = "One day a red kite flew over the hill and Mia ran after it until night".split()
TEXTS = [f"{' '.join(WORDS[n % 7 :])}. Story {n}\n\nends.\n\nBye." for n in range(60)]
TOKENIZER = Tokenizer.train(TEXTS, vocab_size=300)
OTHER_TOKENIZER = Tokenizer.train(TEXTS, vocab_size=290)

thorough = settings(max_examples=200, deadline=None, derandomize=True)
pieces_of_text = [
    "a",
    "Mia",
    " ",
    "\n",
    "\r\n",
    "\n\n  ",
    "é",
    "😀",
    END_OF_TEXT,
    "12",
    "!\n",
    "\x1c",
]
some_text = (st.text() | st.lists(st.sampled_from(pieces_of_text)).map("".join)).filter(
    str.strip
)


def write_txt(folder, texts=TEXTS, name="my.txt"):
    path = Path(folder) / name
    path.write_bytes(f"\n{END_OF_TEXT}\n".join(texts).encode())
    return path


def write_jsonl(folder, texts, name="my.jsonl"):
    path = Path(folder) / name
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    return path


def write_parquet(folder, texts, name="my.parquet", column="text"):
    path = Path(folder) / name
    parquet.write_table(pyarrow.table({column: texts}), path)
    return path


def both(source):
    return Counter(documents(source)) + Counter(documents(source, "validation"))


# ---- packing


def pack(texts, tokenizer=TOKENIZER):
    """A TokenMap in memory, by the code that writes the one on disk."""
    file, starts, text_ends = io.BytesIO(), array("q", [1]), array("q", [0])
    data._pack(file, texts, tokenizer, starts, text_ends, lambda done: None)
    ids = np.frombuffer(file.getvalue(), data._map_dtype(tokenizer.vocab_size))
    ends = np.array(text_ends)
    return TokenMap(ids, np.array(starts), ends, tokenizer.end_of_text_id, {"crc32": len(ids)})


@thorough
@given(st.lists(some_text, max_size=6))
def test_packing_then_unpacking_gives_the_documents_back(texts):
    token_map = pack(texts)
    unpacked = [token_map.document(d).tolist() for d in range(len(token_map))]
    assert unpacked == TOKENIZER.encode_batch(texts)
    ends = np.flatnonzero(token_map.input_ids == TOKENIZER.end_of_text_id)
    assert ends.tolist() == (token_map.starts - 1).tolist()  # and nowhere else
    lengths = [len(text.encode()) for text in texts]
    assert [token_map.raw_bytes(n) for n in range(len(texts) + 1)] == [
        sum(lengths[:n]) for n in range(len(texts) + 1)
    ]
    assert token_map.raw_bytes() == token_map.raw_bytes(99) == sum(lengths)


@thorough
@given(st.lists(some_text, max_size=3), st.integers(1, 20))
def test_pieces_of_a_long_document_have_the_ids_of_the_whole(texts, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "PIECE", size)
        patch.setattr(data, "BATCH", 3 * size)
        pieces = pack(texts)
    whole = pack(texts)
    assert np.array_equal(pieces.input_ids, whole.input_ids)
    assert np.array_equal(pieces.starts, whole.starts)
    assert np.array_equal(pieces.text_ends, whole.text_ends)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(some_text, min_size=2, max_size=8))
def test_map_on_disk_holds_the_documents_of_both_splits(texts):
    if len(set(texts)) < 2:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = write_jsonl(folder, texts)
        maps = [prepare(path, TOKENIZER, folder, split=split) for split in SPLITS]
        decoded = [TOKENIZER.decode(m.document(d)) for m in maps for d in range(len(m))]
    assert Counter(decoded) == Counter(texts)


def test_record_says_what_the_map_is(tmp_path):
    path = write_txt(tmp_path)
    done = []
    token_map = prepare(path, TOKENIZER, tmp_path / "map", limit=40, progress=done.append)
    record = json.loads((tmp_path / "map" / "train.json").read_text())
    assert record["dtype"] == token_map.input_ids.dtype.name == "uint16"
    assert record["tokens"] == len(token_map.input_ids) == token_map.starts[-1]
    assert record["documents"] == len(token_map) == record["limit"] == done[-1] == 40
    texts = list(documents(path, limit=40))
    assert record["text_bytes"] == token_map.text_bytes == len("".join(texts).encode())
    assert record["tokenizer"] == token_map.fingerprint == TOKENIZER.fingerprint
    assert str(tmp_path) not in json.dumps(record)  # a moved file is the same source
    assert sorted(p.name for p in (tmp_path / "map").iterdir()) == [
        "train.bin",
        "train.json",
        "train.starts.npy",
    ]


def test_vocabulary_over_65536_takes_four_bytes_a_token(tmp_path):
    assert data._map_dtype(65_536) == np.uint16 and data._map_dtype(65_537) == np.uint32
    big = Tokenizer.train(TEXTS, vocab_size=300)
    big.vocab_size = 70_000
    token_map = prepare(write_txt(tmp_path), big, tmp_path)
    assert token_map.input_ids.dtype == np.uint32
    assert token_map.document(0).tolist() == big.encode(next(documents(tmp_path / "my.txt")))
    with pytest.raises(ValueError, match="dtype is uint32, not uint16"):
        TokenMap.open(tmp_path, TOKENIZER)


def stamp(folder):
    return (folder / "train.bin").stat().st_ino


def test_whole_map_is_used_again(tmp_path):
    path = write_txt(tmp_path)
    first = prepare(path, TOKENIZER, tmp_path)
    before = stamp(tmp_path)
    moved = path.rename(tmp_path / "moved.txt")
    again = prepare(str(moved), TOKENIZER, tmp_path)
    assert stamp(tmp_path) == before and np.array_equal(first.input_ids, again.input_ids)
    prepare(moved, TOKENIZER, tmp_path, split="validation")
    assert stamp(tmp_path) == before


def edit_text(path):
    path.write_bytes(path.read_bytes().replace(b"kite", b"boat"))  # as many bytes as before


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (edit_text, {}),
        (lambda path: None, {"limit": 5}),
        (lambda path: None, {"tokenizer": OTHER_TOKENIZER}),
    ],
)
def test_map_of_other_text_limit_or_tokenizer_is_built_anew(tmp_path, change, options):
    path = write_txt(tmp_path)
    prepare(path, TOKENIZER, tmp_path)
    change(path)
    options = {"tokenizer": TOKENIZER, "limit": None} | options
    token_map = prepare(path, folder=tmp_path, **options)
    texts = list(documents(path, limit=options["limit"]))
    assert [token_map.document(d).tolist() for d in range(len(token_map))] == [
        options["tokenizer"].encode(text) for text in texts
    ]


def test_map_of_another_tokenizer_is_refused(tmp_path):
    prepare(write_txt(tmp_path), TOKENIZER, tmp_path)
    with pytest.raises(ValueError, match=f"tokenizer {TOKENIZER.fingerprint} made it"):
        TokenMap.open(tmp_path, OTHER_TOKENIZER)


def rewrite(change):
    def damage(folder):
        record = json.loads((folder / "train.json").read_text())
        record.update(change)
        (folder / "train.json").write_text(json.dumps(record))

    return damage


def cut(name, size):
    def damage(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:size] if size else content + b"\x00\x00")

    return damage


def flip_one_bit(folder):
    content = bytearray((folder / "train.bin").read_bytes())
    content[100] ^= 1
    (folder / "train.bin").write_bytes(content)


def foreign_id(folder):
    ids = np.fromfile(folder / "train.bin", np.uint16)
    ids[100] = 60_000
    ids.tofile(folder / "train.bin")
    rewrite({"crc32": data._checksum(folder / "train.bin")})(folder)


def move_a_start(folder):
    starts, ends = np.load(folder / "train.starts.npy")
    starts[3] += 1
    np.save(folder / "train.starts.npy", np.array([starts, ends]))


DAMAGE = {
    "no record": (lambda folder: (folder / "train.json").unlink(), "train.json is missing"),
    "no map": (lambda folder: (folder / "train.bin").unlink(), "train.bin is missing"),
    "no starts": (
        lambda folder: (folder / "train.starts.npy").unlink(),
        "starts.npy is missing",
    ),
    "map cut": (cut("train.bin", -2), "bytes, not"),
    "map cut inside a token": (cut("train.bin", -1), "bytes, not"),
    "map too long": (cut("train.bin", None), "bytes, not"),
    "map with a foreign id": (foreign_id, "id 60000, outside a vocabulary of 300"),
    "map damaged": (flip_one_bit, "damaged"),
    "starts cut": (cut("train.starts.npy", -8), ""),
    "starts damaged": (move_a_start, "belong together"),
    "record cut": (cut("train.json", -40), ""),
    "record empty": (lambda folder: (folder / "train.json").write_text("{}"), "no 'format'"),
    "record a list": (lambda folder: (folder / "train.json").write_text("[]"), ""),
    "other format": (rewrite({"format": 0}), "format is 0"),
    "other dtype": (rewrite({"dtype": "uint32"}), "dtype is uint32, not uint16"),
    "other count": (rewrite({"tokens": 7}), "bytes, not 14"),
    "other documents": (rewrite({"documents": 7}), "belong together"),
    "other bytes": (rewrite({"text_bytes": 7}), "belong together"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_map_is_refused_and_rebuilt(tmp_path, name):
    damage, reason = DAMAGE[name]
    path = write_txt(tmp_path)
    good = np.array(prepare(path, TOKENIZER, tmp_path).input_ids)
    damage(tmp_path)
    with pytest.raises(ValueError, match=f"'train' in .*{reason}.*call prepare"):
        TokenMap.open(tmp_path, TOKENIZER)
    assert np.array_equal(prepare(path, TOKENIZER, tmp_path).input_ids, good)


class Unplugged(BaseException):
    """Like KeyboardInterrupt: no `except Exception` holds it up."""


def unplug(monkeypatch, owner, name, call):
    """Raise at the n-th call of owner.name. Returns a list that is non-empty once it did."""
    real, calls, raised = getattr(owner, name), [], []

    def wrapped(*args, **kwargs):
        calls.append(name)
        if len(calls) == call:
            raised.append(name)
            raise Unplugged
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)
    return raised


STAGES = [
    (data, "documents", 1),
    (Tokenizer, "encode_batch", 1),
    (Tokenizer, "encode_batch", 3),
    (np, "save", 1),
    *[(os, "replace", call) for call in (1, 2, 3)],
    *[(os, "fsync", call) for call in (1, 2, 3, 4, 5, 6)],
]


@pytest.mark.parametrize(("owner", "name", "call"), STAGES)
@pytest.mark.parametrize("old", [False, True])
def test_interrupted_preparation_leaves_no_map_or_the_whole_one(
    tmp_path, monkeypatch, owner, name, call, old
):
    monkeypatch.setattr(data, "BATCH", 500)
    folder, path = tmp_path / "map", write_txt(tmp_path)
    if old:
        prepare(write_txt(tmp_path, TEXTS[:30], "old.txt"), TOKENIZER, folder)
    with monkeypatch.context() as patch:
        raised = unplug(patch, owner, name, call)
        with pytest.raises(Unplugged):
            prepare(path, TOKENIZER, folder)
    assert raised and not list(folder.glob(".*"))  # no rubbish left behind
    good = prepare(path, TOKENIZER, tmp_path / "good").input_ids
    if (name, call) == ("fsync", 6):  # the record was in place already
        assert np.array_equal(TokenMap.open(folder, TOKENIZER).input_ids, good)
    elif name != "documents" or not old:
        with pytest.raises(ValueError, match="cannot be used"):
            TokenMap.open(folder, TOKENIZER)
    assert np.array_equal(prepare(path, TOKENIZER, folder).input_ids, good)


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    leftover = tmp_path / ".train.bin.123.tmp"
    leftover.write_bytes(b"half a map")
    os.utime(leftover, (0, 0))
    prepare(write_txt(tmp_path), TOKENIZER, tmp_path)
    assert not leftover.exists()


def test_id_outside_a_smaller_vocabulary_is_refused(tmp_path):
    token_map = prepare(write_txt(tmp_path), TOKENIZER, tmp_path)
    highest = int(token_map.input_ids.max())
    token_map.require_vocabulary(highest + 1)
    with pytest.raises(ValueError, match=f"holds id {highest}, outside a vocabulary of"):
        token_map.require_vocabulary(highest)


# ---- batches


def numbered(lengths):
    """A map whose ids are their own positions, with documents of these lengths."""
    starts = np.cumsum([1, *(length + 1 for length in lengths)])
    ids = np.arange(starts[-1], dtype=np.uint32)
    return TokenMap(ids, starts, starts, int(ids[-1]), {"crc32": len(ids)})


document_lengths = st.lists(st.integers(1, 25), min_size=1, max_size=20)
contexts = st.integers(1, 30)


def test_rows_of_a_map_small_enough_to_read():
    # The stream is 0 | 1 2 3 0 | 4 5 0, with end-of-text 0.
    ids = np.array([0, 1, 2, 3, 0, 4, 5, 0], dtype=np.uint16)
    starts = np.array([1, 5, 8])
    token_map = TokenMap(ids, starts, np.array([0, 3, 5]), 0, {"crc32": 1})
    assert data.window_starts(starts, 4).tolist() == [1, 5]
    assert data.window_starts(starts, 3).tolist() == [1, 4, 5]  # 4: end of the longer document
    assert data.window_starts(starts, 5).tolist() == [
        1,
        5,
    ]  # 4 was cut from 4 5: it begins anew
    input_ids, labels = Batches(token_map, 2, 4, seed=0).next()
    rows = sorted(zip(input_ids.tolist(), labels.tolist(), strict=True))
    assert rows == [([0, 1, 2, 3], [1, 2, 3, 0]), ([0, 4, 5, 0], [4, 5, 0, IGNORED])]
    assert input_ids.dtype == labels.dtype == torch.int64


@thorough
@given(document_lengths, contexts)
def test_windows_part_the_stream_and_keep_the_beginnings(lengths, context):
    starts = numbered(lengths).starts
    windows = data.window_starts(starts, context).tolist()
    begins = {t: begin for begin, end in pairwise(starts) for t in range(begin, end)}
    assert windows[0] == 1 and windows[-1] + context >= starts[-1] > windows[-1]
    for window, following in pairwise(windows):
        assert window < following <= window + context  # nothing left out
        if following < window + context:  # overlap: a cut document that begins anew
            assert following == begins[following] == begins[window + context]
    for window in windows:
        for t in range(window, min(window + context, starts[-1])):
            assert begins[t] >= window or t - begins[t] >= context


@thorough
@given(document_lengths, contexts, st.integers(1, 9))
def test_one_epoch_predicts_every_token_once_or_begun_anew(lengths, context, batch_size):
    token_map = numbered(lengths)
    if len(token_map.input_ids) - 1 < context:
        return
    windows = data.window_starts(token_map.starts, context)
    batches = Batches(token_map, batch_size, context, seed=1)
    rows = []
    while len(rows) < len(windows):
        input_ids, labels = batches.next()
        assert input_ids.shape == labels.shape == (batch_size, context)
        real = labels != IGNORED
        assert torch.equal(labels[real], input_ids[real] + 1)
        assert (input_ids[~real] == token_map.end_of_text_id).all()
        rows += labels.tolist()
    rows = rows[: len(windows)]
    assert sorted(row[0] for row in rows) == windows.tolist()  # each window once
    seen = Counter(t for row in rows for t in row if t != IGNORED)
    assert set(seen) == set(range(1, len(token_map.input_ids)))
    again = {t for a, b in pairwise(windows) for t in range(b, a + context)}
    assert {t for t, times in seen.items() if times == 2} == again and max(seen.values()) <= 2


@thorough
@given(document_lengths, contexts, st.integers(1, 9), st.integers(0, 30))
def test_restored_batches_go_on_exactly(lengths, context, batch_size, steps):
    token_map = numbered(lengths)
    if len(token_map.input_ids) - 1 < context:
        return
    batches = Batches(token_map, batch_size, context, seed=3)
    for _ in range(steps):
        batches.next()
    state = json.loads(json.dumps(batches.state_dict()))
    assert all(type(value) is int for value in state.values())
    restored = Batches(token_map, batch_size, context, seed=3)
    restored.load_state_dict(state)
    for _ in range(2 * len(batches.windows) // batch_size + 2):  # over two ends of epochs
        for mine, theirs in zip(batches.next(), restored.next(), strict=True):
            assert torch.equal(mine, theirs)
    assert restored.state_dict() == batches.state_dict() != state


def test_position_of_another_map_context_or_seed_is_refused():
    token_map = numbered([9] * 9)
    state = Batches(token_map, 2, 8, seed=0).state_dict()
    others = [(numbered([9] * 8), 8, 0), (token_map, 7, 0), (token_map, 8, 1)]
    for (other, context, seed), name in zip(others, ("map", "context", "seed"), strict=True):
        with pytest.raises(ValueError, match=f"position has {name}.*start a new run"):
            Batches(other, 2, context, seed).load_state_dict(state)
    Batches(token_map, 5, 8, seed=0).load_state_dict(state)  # another batch size is no obstacle


def test_position_survives_a_map_that_is_built_again(tmp_path):
    path = write_txt(tmp_path)
    maps = [prepare(path, TOKENIZER, tmp_path / folder) for folder in "ab"]
    states = [Batches(token_map, 2, 8, seed=0).state_dict() for token_map in maps]
    assert states[0] == states[1]


def test_each_epoch_and_seed_has_its_own_order():
    token_map = numbered([9] * 40)
    orders = []
    for seed in (0, 1):
        batches = Batches(token_map, 40, 10, seed)
        orders += [batches.next()[1][:, 0].tolist() for _ in range(2)]
    assert len({tuple(order) for order in orders}) == 4
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_context_longer_than_the_data_is_refused():
    token_map = numbered([4, 4])  # ten tokens to predict
    Batches(token_map, 1, 10, seed=0).next()
    with pytest.raises(ValueError, match="context longer than the data: .* at most 10"):
        Batches(token_map, 1, 11, seed=0)


@pytest.mark.parametrize(("batch_size", "context"), [(0, 4), (4, 0)])
def test_batches_of_nothing_are_refused(batch_size, context):
    with pytest.raises(ValueError, match="at least 1"):
        Batches(numbered([9]), batch_size, context, seed=0)


def test_batches_are_an_iterator():
    batches = Batches(numbered([9] * 9), 2, 8, seed=0)
    other = Batches(numbered([9] * 9), 2, 8, seed=0)
    assert torch.equal(next(iter(batches))[0], other.next()[0])


# ---- evaluation


@thorough
@given(document_lengths, contexts, st.integers(1, 5), st.none() | st.integers(1, 25))
def test_document_rows_predict_every_token_of_whole_documents_once(
    lengths, context, batch_size, limit
):
    token_map = numbered(lengths)
    seen, firsts = Counter(), []
    for input_ids, labels in document_rows(token_map, context, limit, batch_size):
        assert input_ids.shape == labels.shape
        assert labels.shape[0] <= batch_size and labels.shape[1] <= context
        real = labels != IGNORED
        assert real[:, 0].all() and real[-1].all()  # the longest row has no padding
        assert torch.equal(labels[real], input_ids[real] + 1)
        seen.update(labels[real].tolist())
        firsts += labels[:, 0].tolist()
    stop = token_map.starts[: None if limit is None else limit + 1][-1]
    assert seen == Counter(range(1, stop))
    assert {t for t in token_map.starts.tolist() if t < stop} <= set(firsts)


def test_document_rows_go_from_end_of_text_to_end_of_text(tmp_path):
    token_map = prepare(write_txt(tmp_path), TOKENIZER, tmp_path)
    end = TOKENIZER.end_of_text_id
    texts = []
    for input_ids, labels in document_rows(token_map, context=512, limit=20):
        assert (input_ids[:, 0] == end).all()
        for row in labels.tolist():
            ids = [id for id in row if id != IGNORED]
            assert ids.index(end) == len(ids) - 1
            texts.append(TOKENIZER.decode(ids))
    assert Counter(texts) == Counter(documents(tmp_path / "my.txt", limit=20))
    assert token_map.raw_bytes(20) == len("".join(texts).encode())
