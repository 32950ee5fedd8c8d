"""Everything a run reads: a tokenizer, packed train and validation documents, the floor.

    corpus = prepare_corpus("stories", vocab_size=2048, documents=40_000, validation_documents=300)

What was prepared once is kept under data/prepared/ and used again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers import runtime
from helpers.text import stories
from helpers.text.data import TokenMap, prepare
from helpers.text.sources import documents as read_documents
from helpers.text.sources import source_digest
from helpers.text.tokenizer import Tokenizer

PREPARED = runtime.ROOT / "data" / "prepared"
TOKENIZER_CHARACTERS = 2_000_000  # of the training documents: enough for its merges


@dataclass(frozen=True)
class Corpus:
    """A tokenizer, the documents that it packed, and the floor in bits per byte where known."""

    tokenizer: Tokenizer
    train: TokenMap
    validation: TokenMap
    floor: float | None


def prepare_corpus(
    source: str,
    vocab_size: int,
    documents: int | None,
    validation_documents: int,
    tokenizer_folder: str | Path | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Corpus:
    """Tokenizer and packed documents of `source`, made now or found where they were made before.

    documents: how many to train on (None: all; the built-in stories need a number).
    tokenizer_folder: use this tokenizer instead of training one. ValueError: see sources.documents.
    """
    name = f"{Path(source).stem}-{source_digest(source)}-{vocab_size}-{documents or 'all'}"
    folder = PREPARED / name
    tokenizer = find_tokenizer(tokenizer_folder, folder, source, vocab_size, documents, say)
    if tokenizer_folder:
        folder = folder.with_name(f"{folder.name}-{tokenizer.fingerprint[:8]}")
    say(f"reading and packing {source}")
    train = prepare(source, tokenizer, folder, split="train", limit=documents)
    validation = prepare(
        source, tokenizer, folder, split="validation", limit=validation_documents
    )
    return Corpus(tokenizer, train, validation, floor_of(source, len(validation)))


def find_tokenizer(
    given: str | Path | None,
    folder: Path,
    source: str,
    vocab_size: int,
    limit: int | None,
    say: Callable[[str], object],
) -> Tokenizer:
    """The tokenizer that was given, or the one in `folder`, or one trained now and kept there."""
    if given:
        return Tokenizer.load(given)
    if (folder / "tokenizer.json").exists():
        return Tokenizer.load(folder)
    say(f"training a tokenizer of {vocab_size:,} tokens")
    tokenizer = Tokenizer.train(first_characters(source, limit), vocab_size)
    tokenizer.save(folder)
    return tokenizer


def held_out(source: str, tokenizer: Tokenizer, count: int) -> tuple[TokenMap, float | None]:
    """The first `count` validation documents of `source`, packed; their floor where known."""
    folder = PREPARED / f"held-out-{source_digest(source)}-{tokenizer.fingerprint[:8]}"
    token_map = prepare(source, tokenizer, folder, split="validation", limit=count)
    return token_map, floor_of(source, len(token_map))


def first_characters(source: str, limit: int | None) -> list[str]:
    """The first training documents of `source`, some TOKENIZER_CHARACTERS of them."""
    texts, size = [], 0
    for text in read_documents(source, "train", limit):
        texts.append(text[: TOKENIZER_CHARACTERS - size])
        size += len(texts[-1])
        if size >= TOKENIZER_CHARACTERS:
            break
    return texts


def floor_of(source: str, count: int) -> float | None:
    """The bits per byte that no model can beat on the first `count` validation documents.

    Known for the built-in stories alone: None for any other text.
    """
    if source != "stories":
        return None
    seeds = range(stories.VALIDATION_SEEDS, stories.VALIDATION_SEEDS + count)
    return stories.floor_of(stories.write(seed) for seed in seeds).bits_per_byte
