"""What a run reads is prepared once, for each source, tokenizer and size apart."""

import pytest

from helpers.text import corpus as corpus_module
from helpers.text import stories
from helpers.text.corpus import held_out, prepare_corpus


@pytest.fixture(autouse=True)
def prepared_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(corpus_module, "PREPARED", tmp_path / "prepared")


def test_stories_come_with_their_exact_floor():
    corpus = prepare_corpus("stories", 400, documents=60, validation_documents=5)
    first = stories.VALIDATION_SEEDS
    held = [stories.write(seed) for seed in range(first, first + 5)]
    size = sum(len(story.text.encode()) for story in held)
    assert corpus.floor == pytest.approx(sum(story.bits for story in held) / size)
    texts = [corpus.tokenizer.decode(corpus.validation.document(i)) for i in range(5)]
    assert texts == [story.text for story in held]
    assert len(corpus.train) == 60


def test_a_second_run_prepares_nothing(monkeypatch):
    first = prepare_corpus("stories", 400, documents=40, validation_documents=3)
    monkeypatch.setattr(corpus_module.Tokenizer, "train", None)
    said = []
    again = prepare_corpus("stories", 400, 40, 3, say=said.append)
    assert again.tokenizer.fingerprint == first.tokenizer.fingerprint
    assert not [line for line in said if "training a tokenizer" in line]


def test_your_own_text_has_no_floor_and_follows_its_content(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("A kite flew over the sea.\n<|endoftext|>\nA boat came back.\n" * 30)
    first = prepare_corpus(str(path), 300, None, 10)
    assert first.floor is None
    path.write_text("Completely other words: zebra, xylophone, quartz.\n" * 30)
    other = prepare_corpus(str(path), 300, None, 10)
    assert other.tokenizer.fingerprint != first.tokenizer.fingerprint


def test_a_given_tokenizer_is_used_and_kept_apart(tmp_path):
    own = prepare_corpus("stories", 400, 40, 3)
    own.tokenizer.save(tmp_path / "mine")
    other = prepare_corpus("stories", 300, 40, 3, tokenizer_folder=tmp_path / "mine")
    assert other.tokenizer.fingerprint == own.tokenizer.fingerprint
    token_map, floor = held_out("stories", own.tokenizer, 3)
    assert (token_map.input_ids == other.validation.input_ids).all()
    assert floor == own.floor
