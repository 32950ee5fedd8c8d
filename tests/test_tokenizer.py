"""The tokenizer loses nothing, forges nothing, and is read by other programs."""

import json
import pickle

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.text.tokenizer import END_OF_TEXT, StreamDecoder, Tokenizer, byte_letters

CORPUS = [
    "One day, a red kite flew away. Mia ran after the kite, and the kite ran after Mia.\n",
    "Été à la plage: 😀 😀 naïve café. It's 2024!\r\n\r\n\tEnd <|endoftext|> of it.",
]
TOKENIZER = Tokenizer.train(CORPUS * 3, vocab_size=320)

# Any text, with the awkward ones far more often than chance would have them.
AWKWARD = [END_OF_TEXT, "<|endof", "\r\n", "\n\n", "\x00", "\x1f", "  ", "'ll"]
AWKWARD += ["e\u0301", "\ufeff", "👩‍👩‍👧", "\U0010ffff"]
unicode_text = st.lists(st.text() | st.sampled_from(AWKWARD), max_size=8).map("".join)
token_ids = st.lists(st.integers(0, TOKENIZER.vocab_size - 1), max_size=40)
thorough = settings(max_examples=200, deadline=None, derandomize=True)


@thorough
@given(unicode_text)
def test_every_unicode_string_survives_the_round_trip(text):
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert b"".join(map(TOKENIZER.token_bytes, ids)) == text.encode()
    assert TOKENIZER.encode_batch([text, "a", text]) == [ids, TOKENIZER.encode("a"), ids]


@thorough
@given(unicode_text)
def test_no_text_encodes_to_end_of_text(text):
    assert TOKENIZER.end_of_text_id not in TOKENIZER.encode(text + END_OF_TEXT + text)


@thorough
@given(token_ids)
def test_streamed_text_is_the_decoded_text(ids):
    stream = StreamDecoder(TOKENIZER)
    parts = [stream.feed(id) for id in ids] + [stream.finish()]
    assert "".join(parts) == TOKENIZER.decode(ids)


def test_stream_waits_for_the_whole_character():
    tokenizer = Tokenizer.train([], vocab_size=257)  # single bytes only
    stream = StreamDecoder(tokenizer)
    assert [stream.feed(id) for id in tokenizer.encode("a😀b")] == ["a", "", "", "", "😀", "b"]
    assert stream.finish() == ""
    stream.feed(tokenizer.encode("é")[0])
    assert stream.finish() == "\ufffd"


@thorough
@given(token_ids)
def test_decode_agrees_with_the_tokenizers_library(ids):
    reference = pickle.loads(pickle.dumps(TOKENIZER._backend))
    assert TOKENIZER.decode(ids) == reference.decode(ids, skip_special_tokens=True)


def test_pickled_tokenizer_cannot_be_forged_either():
    copy = pickle.loads(pickle.dumps(TOKENIZER))
    assert copy.encode(END_OF_TEXT) == TOKENIZER.encode(END_OF_TEXT) != [copy.end_of_text_id]


def test_end_of_text_has_an_id_but_no_text():
    assert TOKENIZER.token_bytes(TOKENIZER.end_of_text_id) == b""
    around = [*TOKENIZER.encode("a"), TOKENIZER.end_of_text_id, *TOKENIZER.encode("b")]
    assert TOKENIZER.decode(around) == "ab"


def test_byte_letters_are_the_alphabet_of_the_library():
    letters = byte_letters()
    assert set(letters) == set(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert sorted(letters.values()) == list(range(256))
    assert (
        letters["Ġ"] == 0x20 and letters["Ċ"] == 0x0A
    )  # as every GPT-2 vocabulary writes them


def test_training_merges_the_most_frequent_pair_first():
    # "ab ab ab" is cut into "ab", " ab", " ab": a-b is met three times, then " "-ab twice.
    tokenizer = Tokenizer.train(["ab ab ab"], vocab_size=1000)
    assert tokenizer.vocab_size == 257 + 2
    assert [tokenizer.token_bytes(id) for id in (257, 258)] == [b"ab", b" ab"]
    assert tokenizer.encode("ab ab") == [257, 258]


def test_split_pattern_cuts_as_qwen_does():
    cut = TOKENIZER._backend.pre_tokenizer.pre_tokenize_str
    pieces = [piece for piece, _ in cut('I\'ll say "hi" 12 times!\n\n  Bye')]
    letters = 'I \'ll Ġsay Ġ" hi " Ġ 1 2 Ġtimes !ĊĊ Ġ ĠBye'
    assert pieces == letters.split(" ")


def test_training_is_deterministic_in_any_order_of_texts():
    again = Tokenizer.train(iter(reversed(CORPUS * 3)), vocab_size=320)
    assert again.fingerprint == TOKENIZER.fingerprint


def test_fingerprint_tells_tokenizers_apart():
    others = [Tokenizer.train(CORPUS * 3, 319), Tokenizer.train(CORPUS[:1] * 3, 320)]
    assert len({TOKENIZER.fingerprint, *(other.fingerprint for other in others)}) == 3
    assert len(TOKENIZER.fingerprint) == 16 and int(TOKENIZER.fingerprint, 16) >= 0


def test_saved_tokenizer_loads_the_same(tmp_path):
    TOKENIZER.save(tmp_path)
    for loaded in (Tokenizer.load(tmp_path), Tokenizer.load(str(tmp_path / "tokenizer.json"))):
        assert loaded.fingerprint == TOKENIZER.fingerprint
        assert loaded.vocab_size == TOKENIZER.vocab_size == 320
        assert loaded.end_of_text_id == TOKENIZER.end_of_text_id
        assert loaded.encode("".join(CORPUS)) == TOKENIZER.encode("".join(CORPUS))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    TOKENIZER.save(tmp_path)

    def unplugged(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", unplugged)
    with pytest.raises(OSError, match="No space"):
        Tokenizer.train(["another"], 300).save(tmp_path)
    assert Tokenizer.load(tmp_path).fingerprint == TOKENIZER.fingerprint
    assert len(list(tmp_path.iterdir())) == 2


def test_transformers_loads_the_folder_and_gives_the_same_ids(tmp_path):
    transformers = pytest.importorskip("transformers")
    TOKENIZER.save(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')  # as a checkpoint has
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in ("".join(CORPUS), " a , b .", "e\u0301 \x00 👩‍👩‍👧\r\n", END_OF_TEXT):
        ids = TOKENIZER.encode(text)
        assert theirs.encode(text, split_special_tokens=True) == ids
        assert theirs.decode(ids) == text
    assert set(theirs("a b")) == {"input_ids", "attention_mask"}  # what a Qwen3 takes
    assert theirs.eos_token_id == theirs.pad_token_id == TOKENIZER.end_of_text_id
    assert len(theirs) == TOKENIZER.vocab_size


def edited(folder, **changes):
    """A saved tokenizer.json with some of its top-level fields replaced."""
    TOKENIZER.save(folder)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def added(id, content, special):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": id, "content": content, "special": special, **flags}


def test_qwen_kind_of_file_loads(tmp_path):
    # Qwen3's own file has a normalizer, and tokens of both kinds after the merges.
    extra = [added(0, END_OF_TEXT, True), added(320, "<|im_end|>", True)]
    extra.append(added(321, "<think>", False))
    path = edited(tmp_path, normalizer={"type": "NFC"}, added_tokens=extra)
    tokenizer = Tokenizer.load(path)
    assert tokenizer.vocab_size == 322
    assert tokenizer.token_bytes(320) == b"" and tokenizer.token_bytes(321) == b"<think>"
    assert tokenizer.encode("<think>") == [321] and 320 not in tokenizer.encode("<|im_end|>")
    assert tokenizer.decode(tokenizer.encode("e\u0301<|im_end|>")) == "\u00e9<|im_end|>"  # NFC
    assert tokenizer.fingerprint != TOKENIZER.fingerprint


def test_older_way_to_write_merges_has_the_same_fingerprint(tmp_path):
    model = json.loads(TOKENIZER._backend.to_str())["model"]
    model["merges"] = [" ".join(pair) for pair in model["merges"]]
    assert Tokenizer.load(edited(tmp_path, model=model)).fingerprint == TOKENIZER.fingerprint


def test_fingerprint_tells_the_order_of_merges_apart(tmp_path):
    model = json.loads(TOKENIZER._backend.to_str())["model"]
    model["merges"].reverse()  # the same vocabulary, but other ids for some texts
    assert Tokenizer.load(edited(tmp_path, model=model)).fingerprint != TOKENIZER.fingerprint


def test_truncation_in_a_foreign_file_is_ignored(tmp_path):
    short = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    pad = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None,
           "pad_id": 0, "pad_type_id": 0, "pad_token": END_OF_TEXT}  # fmt: skip
    tokenizer = Tokenizer.load(edited(tmp_path, truncation=short, padding=pad))
    assert tokenizer.encode(CORPUS[0]) == TOKENIZER.encode(CORPUS[0])
    assert tokenizer.encode("a") == TOKENIZER.encode("a")


def broken(folder):
    TOKENIZER.save(folder)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text()[:-100])
    return path


def word_pieces(folder):
    model = {"type": "WordLevel", "vocab": {"a": 0, END_OF_TEXT: 1}, "unk_token": "a"}
    return edited(folder, model=model)


def letters_of_one_text_only(folder):
    model = {"type": "BPE", "vocab": {END_OF_TEXT: 0, "a": 1, "b": 2}, "merges": []}
    return edited(folder, model=model)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "gone", "does not exist"),
        (lambda folder: folder, "does not exist"),
        (broken, "not a whole tokenizer.json"),
        (lambda folder: edited(folder, model=None), "not a whole tokenizer.json"),
        (word_pieces, "not byte-level BPE"),
        (letters_of_one_text_only, "256 bytes"),
        (lambda folder: edited(folder, added_tokens=[]), "no special token"),
    ],
)
def test_broken_or_foreign_file_is_refused_by_name(tmp_path, make, reason):
    path = make(tmp_path)
    with pytest.raises(ValueError, match=reason) as caught:
        Tokenizer.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("vocab_size", [0, 256])
def test_vocabulary_without_room_for_all_bytes_is_refused(vocab_size):
    with pytest.raises(ValueError, match="at least 257"):
        Tokenizer.train(CORPUS, vocab_size)


@pytest.mark.parametrize(
    "use",
    [
        lambda text: TOKENIZER.encode(text),
        lambda text: TOKENIZER.encode_batch(["fine", text]),
        lambda text: Tokenizer.train(["fine", text], 300),
    ],
)
def test_lone_surrogate_is_refused_with_its_place(use):
    with pytest.raises(ValueError, match="character 3 is a lone surrogate.*remove it"):
        use("abc\ud83d")


@pytest.mark.parametrize("id", [-1, TOKENIZER.vocab_size])
def test_id_outside_the_vocabulary_is_refused(id):
    with pytest.raises(ValueError, match="not in the vocabulary"):
        TOKENIZER.decode([id])
