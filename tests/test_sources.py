"""Documents arrive whole from every source; what cannot be read is refused by its name."""

import json
import threading
from collections import Counter, namedtuple
from pathlib import Path
from types import SimpleNamespace

import pyarrow
import pytest
from pyarrow import parquet

from helpers.text import sources
from helpers.text.sources import documents
from helpers.text.tokenizer import END_OF_TEXT

WORDS = "One day a red kite flew over the hill and Mia ran after it until night".split()
TEXTS = [f"{' '.join(WORDS[n % 7 :])}. Story {n}\n\nends.\n\nBye." for n in range(60)]


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


@pytest.mark.parametrize("write", [write_txt, write_jsonl, write_parquet])
def test_own_file_gives_all_its_documents(tmp_path, write):
    assert both(write(tmp_path, TEXTS)) == Counter(TEXTS)


def test_text_file_without_separators_is_one_document_to_the_last_byte(tmp_path):
    text = "".join(f"Line {n} of a long text.\r\n\r\n" for n in range(50))
    path = tmp_path / "my.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())  # as some editors mark UTF-8
    (train,), (validation,) = documents(path), documents(path, "validation")
    assert train + validation == text
    assert validation.startswith("Line") and 0.03 < len(validation) / len(text) < 0.1


def test_separators_may_have_windows_line_ends(tmp_path):
    path = tmp_path / "my.txt"
    path.write_bytes(f"one\r\n\r\ntwo\r\n{END_OF_TEXT}\r\n\r\n{END_OF_TEXT}\r\nthree".encode())
    assert both(path) == Counter(["one\r\n\r\ntwo", "three"])


def test_end_of_text_inside_a_line_is_text(tmp_path):
    path = write_txt(tmp_path, [f"a {END_OF_TEXT} b", "c"])
    assert both(path) == Counter([f"a {END_OF_TEXT} b", "c"])


def test_validation_is_one_twentieth_and_shares_no_text_with_train(tmp_path):
    texts = [f"text {n % 200}" for n in range(1000)]  # each five times
    path = write_jsonl(tmp_path, texts)
    train, validation = Counter(documents(path)), Counter(documents(path, "validation"))
    assert len(validation) == 10 and len(train) == 190
    assert not train.keys() & validation.keys()
    assert set(train.values()) == set(validation.values()) == {5}


@pytest.mark.parametrize("count", [2, 3, 19, 20, 39])
def test_small_file_has_at_least_one_document_on_either_side(tmp_path, count):
    path = write_jsonl(tmp_path, TEXTS[:count])
    assert len(list(documents(path, "validation"))) == 1
    assert len(list(documents(path, "train"))) == count - 1


def test_split_does_not_depend_on_the_order_or_the_format(tmp_path):
    path, turned = write_jsonl(tmp_path, TEXTS), write_txt(tmp_path, TEXTS[::-1])
    assert set(documents(path, "validation")) == set(documents(turned, "validation"))


@pytest.mark.parametrize(
    ("text", "train"),
    [
        ("a" * 900 + "\n\n" + "b" * 60, "a" * 900 + "\n\n"),
        ("a" * 900 + "\n" + "b" * 60, "a" * 900 + "\n"),
        ("a" * 900 + " " + "b" * 60, "a" * 900 + " "),
        ("a" * 1000, "a" * 950),
        ("ab", "a"),
    ],
)
def test_single_document_is_cut_at_a_paragraph_line_or_word(tmp_path, text, train):
    path = tmp_path / "my.txt"
    path.write_text(text)
    assert list(documents(path)) == [train]
    assert list(documents(path, "validation")) == [text[len(train) :]]


def test_limit_counts_documents_of_the_split(tmp_path):
    path = write_txt(tmp_path)
    assert list(documents(path, limit=7)) == list(documents(path))[:7]
    assert len(list(documents(path, "validation", limit=1000))) == 3


def test_jsonl_takes_story_where_there_is_no_text(tmp_path):
    path = tmp_path / "my.jsonl"
    path.write_text('{"story": "one"}\n\n{"text": "two", "story": "three"}\n{"text": " "}\n')
    assert both(path) == Counter(["one", "two"])


def test_parquet_takes_a_column_story_and_skips_empty_rows(tmp_path):
    path = write_parquet(tmp_path, ["one", None, "", "two"], column="story")
    assert both(path) == Counter(["one", "two"])


def test_stories_have_seeds_apart_for_train_and_validation(monkeypatch):
    Story = namedtuple("Story", "text bits")
    monkeypatch.setattr(
        sources.stories, "write", lambda seed, world=None: Story(f"story {seed}", 1.0)
    )
    assert list(documents("stories", limit=3)) == ["story 0", "story 1", "story 2"]
    first = sources.stories.VALIDATION_SEEDS
    assert list(documents("stories", "validation", 1)) == [f"story {first}"]
    with pytest.raises(ValueError, match="give a limit"):
        documents("stories")


def test_tinystories_streams_files_in_the_layout_of_the_hub(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write_parquet(tmp_path, ["a", " ", "b", "c"], "data/train-00000-of-00001.parquet")
    write_parquet(tmp_path, ["d"], "data/validation-00000-of-00001.parquet")
    monkeypatch.setenv("TINYSTORIES", str(tmp_path))
    assert list(documents("tinystories")) == ["a", "b", "c"]
    assert list(documents("tinystories", limit=2)) == ["a", "b"]
    assert list(documents("tinystories", "validation")) == ["d"]


def test_tinystories_folder_without_data_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYSTORIES", str(tmp_path))
    with pytest.raises(ValueError, match="could not be read.*built-in stories") as caught:
        next(documents("tinystories"))
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def hub(monkeypatch, head):
    """Let the hub be `head(url, timeout)`, and nobody wait long for it."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_session", lambda: SimpleNamespace(head=head))
    monkeypatch.setattr(sources, "HUB_PATIENCE", 0.2)


def refuse(url, timeout):
    raise ConnectionError(url)


def late(url, timeout):
    """Answers at last, but keeps to no time-out."""
    threading.Event().wait(10)
    return SimpleNamespace(status_code=200)


@pytest.mark.parametrize(
    "head",
    [
        refuse,
        late,
        lambda url, timeout: SimpleNamespace(status_code=503),
    ],
)
def test_no_network_is_one_line_that_says_what_to_do(monkeypatch, head):
    monkeypatch.delenv("TINYSTORIES", raising=False)
    assert sources.HUB_PATIENCE <= 3.0
    hub(monkeypatch, head)
    with pytest.raises(ValueError, match="does not answer.*built-in stories.*--data") as caught:
        next(documents("tinystories"))
    assert "\n" not in str(caught.value)


def test_hub_that_answers_is_asked_for_the_real_data_set(monkeypatch):
    import datasets

    hub(monkeypatch, lambda url, timeout: SimpleNamespace(status_code=200))
    monkeypatch.delenv("TINYSTORIES", raising=False)
    asked = []

    def load_dataset(name, split, streaming):
        asked.append((name, split, streaming))
        yield {"text": "a"}
        raise OSError("connection lost\nin the middle")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    texts = documents("tinystories")
    assert next(texts) == "a"
    assert asked == [("roneneldan/TinyStories", "train", True)]
    with pytest.raises(ValueError, match="connection lost; try again"):
        next(texts)


BAD_FILES = {
    "my.doc": (b"text", "is not a source.*txt, .jsonl, .parquet"),
    "gone": (None, "is not a source"),
    "gone.txt": (None, "does not exist"),
    "empty.txt": (b"", "has no text"),
    "blank.txt": (f" \n{END_OF_TEXT}\n\n".encode(), "has no text"),
    "latin.txt": ("première\nligne: été".encode("latin-1"), "not UTF-8 at byte 5; save it as"),
    "late.txt": (b"one\ntwo\xc3\xa9\nthree \xff\n", "not UTF-8 at byte 16"),
    "wide.txt": ("text".encode("utf-16"), "not UTF-8 at byte 0"),
    "half.jsonl": (b'{"text": "a"}\n{"text": "b', "line 2: expected"),
    "none.jsonl": (b'{"text": "a"}\n\n{"body": "b"}\n', "line 3: expected"),
    "list.jsonl": (b"[1, 2]\n", "line 1: expected"),
    "number.jsonl": (b'{"text": 1}\n', "line 1: expected"),
    "surrogate.jsonl": (b'{"text": "\\ud800"}\n', "line 1: expected.*surrogate"),
    "empty.jsonl": (b"", "has no text"),
    "text.parquet": (b"no parquet", "is not a Parquet file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused_by_name_and_reason(tmp_path, name):
    content, reason = BAD_FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        list(documents(tmp_path / name))
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("column", "texts"), [("body", ["a"]), ("text", [1, 2])])
def test_parquet_without_a_column_of_text_is_refused(tmp_path, column, texts):
    with pytest.raises(ValueError, match="column of text named 'text'"):
        list(documents(write_parquet(tmp_path, texts, column=column)))


def test_wrong_split_or_limit_is_refused_at_once(tmp_path):
    path = write_txt(tmp_path)
    with pytest.raises(ValueError, match="use one of train, validation"):
        documents(path, "test")
    with pytest.raises(ValueError, match="at least 1"):
        documents(path, limit=0)
