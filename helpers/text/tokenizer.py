"""Byte-level BPE: text to token ids and back, without loss for any Unicode string.

    tokenizer = Tokenizer.train(texts, vocab_size=2048)
    ids = tokenizer.encode("One day, a kite flew away.")
    tokenizer.decode(ids)                        the same text again
    tokenizer.save("checkpoints/kite")           a folder that transformers.AutoTokenizer loads

The 256 bytes are the first tokens, so no text is unknown; training then merges the pairs that
are met most often (Sennrich et al. 2016, on bytes: Radford et al. 2019, section 2.2). End-of-text
stands between documents. It has an id but no text: nothing that a user writes encodes to it.
"""

import codecs
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from helpers.runtime import atomic_write

END_OF_TEXT = "<|endoftext|>"
# No merge crosses the pieces that this cuts: contractions, words with the one character before
# them, single digits, punctuation, line ends, spaces. It is the pattern in Qwen3's tokenizer.json.
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SMALLEST_VOCABULARY = 257  # 256 bytes and end-of-text


def byte_letters() -> dict[str, int]:
    """The letter that stands for each byte inside a vocabulary file, as {letter: byte}.

    Printable Latin-1 letters stand for their own byte; the other 68 bytes take the letters from
    U+0100 on, in order. The convention is GPT-2's; a space becomes `Ġ`.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)) - set(printable))
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(0x100 + n): byte for n, byte in enumerate(others)}


def require_unicode(text: str) -> str:
    """Return `text`; ValueError if it holds a lone surrogate, which UTF-8 cannot write."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} is a lone surrogate ({text[error.start]!r}), half of a "
            "character; remove it: text.encode('utf-8', 'replace').decode()"
        ) from None
    return text


class Tokenizer:
    """Text to token ids and back; wraps a `tokenizers.Tokenizer` with a byte-level BPE model.

    Ids are plain ints from 0 to `vocab_size` - 1. A tokenizer from `train` has end-of-text at 0,
    the 256 bytes after it, then the merges in the order they were learned.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        backend.encode_special_tokens = True  # "<|endoftext|>" in a text is thirteen characters
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self.end_of_text_id: int = backend.token_to_id(END_OF_TEXT)
        self.vocab_size: int = max(backend.get_vocab().values()) + 1

    def __reduce__(self) -> tuple:
        return Tokenizer, (self._backend,)  # a pickled backend forgets encode_special_tokens

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Learn a vocabulary of `vocab_size` tokens from `texts`; the same texts give the same one.

        Short texts may have fewer pairs to merge; the vocabulary is then smaller. ValueError:
        `vocab_size` below 257, or a text with a lone surrogate.
        """
        if vocab_size < SMALLEST_VOCABULARY:
            raise ValueError(
                f"vocab_size is {vocab_size}; it must be at least {SMALLEST_VOCABULARY}: "
                "256 bytes and end-of-text"
            )
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(byte_letters()),
            show_progress=False,
        )
        backend = _untrained()
        backend.train_from_iterator(map(require_unicode, texts), trainer)
        return cls(backend)

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a tokenizer.json, or the one in the folder `path`; Qwen3's own loads too.

        ValueError: no such file, a broken one, or another kind of tokenizer.
        """
        path = Path(path)
        path = path / "tokenizer.json" if path.is_dir() else path
        if not path.is_file():
            raise ValueError(
                f"{path} does not exist; give the folder that Tokenizer.save wrote"
            )
        try:
            backend = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise ValueError(
                f"{path} is not a whole tokenizer.json ({error}); save or download it again"
            ) from None
        _require_byte_level(backend, path)
        return cls(backend)

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json and tokenizer_config.json, which AutoTokenizer reads."""
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END_OF_TEXT,
            "pad_token": END_OF_TEXT,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
        }
        vocabulary = self._backend.to_str(pretty=True)
        settings = json.dumps(config, indent=2) + "\n"
        atomic_write(
            Path(folder) / "tokenizer_config.json", lambda f: f.write(settings.encode())
        )
        atomic_write(Path(folder) / "tokenizer.json", lambda f: f.write(vocabulary.encode()))

    def encode(self, text: str) -> list[int]:
        """The token ids of `text`, without end-of-text. ValueError: a lone surrogate."""
        return self._backend.encode(require_unicode(text), add_special_tokens=False).ids

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """The token ids of each text, on all cores; the same ids as `encode` gives."""
        texts = [require_unicode(text) for text in texts]
        batch = self._backend.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in batch]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`; bytes that are not UTF-8 become U+FFFD, end-of-text becomes nothing.

        ValueError: an id outside the vocabulary.
        """
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", "replace")

    def token_bytes(self, id: int) -> bytes:
        """The raw bytes of one token, maybe a part of a character; none for a special token.

        ValueError: an id outside the vocabulary.
        """
        if not 0 <= id < self.vocab_size:
            raise ValueError(
                f"token id {id} is not in the vocabulary, 0 to {self.vocab_size - 1}"
            )
        return self._bytes_of_tokens[id]

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 of vocabulary and merges; saving does not change them."""
        model = json.loads(self._backend.to_str())["model"]
        vocabulary = sorted(self._backend.get_vocab().items())
        return hashlib.sha256(json.dumps([vocabulary, model["merges"]]).encode()).hexdigest()[
            :16
        ]

    @cached_property
    def _bytes_of_tokens(self) -> list[bytes]:
        """Bytes by id; added tokens are stored as they read, the others in byte letters."""
        byte_of = byte_letters()
        table = [b""] * self.vocab_size
        for token, id in self._backend.get_vocab(with_added_tokens=False).items():
            table[id] = bytes(byte_of[letter] for letter in token)
        for id, token in self._backend.get_added_tokens_decoder().items():
            table[id] = b"" if token.special else token.content.encode()
        return table


class StreamDecoder:
    """Turns ids into text one at a time, holding back the bytes of an unfinished character.

    What `feed` and `finish` return, joined, is what `Tokenizer.decode` gives for all the ids.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._token_bytes = tokenizer.token_bytes
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, id: int) -> str:
        """The characters that token `id` completes, often none."""
        return self._characters.decode(self._token_bytes(id))

    def finish(self) -> str:
        """What is left at the end: U+FFFD where a character was never completed."""
        return self._characters.decode(b"", final=True)


def _untrained() -> tokenizers.Tokenizer:
    """The parts of Qwen's tokenizer, with an empty vocabulary.

    Its normalizer is left out: NFC rewrites some texts, which would then not decode to themselves.
    """
    backend = tokenizers.Tokenizer(models.BPE())
    split = pre_tokenizers.Split(tokenizers.Regex(SPLIT_PATTERN), behavior="isolated")
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, letters])
    backend.decoder = decoders.ByteLevel(add_prefix_space=False, use_regex=False)
    return backend


def _require_byte_level(backend: tokenizers.Tokenizer, path: Path) -> None:
    """ValueError unless `backend` is BPE over all 256 bytes and has end-of-text."""
    if not isinstance(backend.model, models.BPE):
        raise ValueError(f"{path} is not byte-level BPE; use one that Tokenizer.save wrote")
    vocabulary = backend.get_vocab(with_added_tokens=False)
    letters = byte_letters()
    if not vocabulary.keys() >= letters.keys() or not letters.keys() >= set(
        "".join(vocabulary)
    ):
        raise ValueError(
            f"{path} is not BPE over the 256 bytes; use one of the Qwen or GPT-2 kind"
        )
    special = [t.content for t in backend.get_added_tokens_decoder().values() if t.special]
    if END_OF_TEXT not in special:
        raise ValueError(
            f"{path} has no special token {END_OF_TEXT}; train one by Tokenizer.train"
        )
