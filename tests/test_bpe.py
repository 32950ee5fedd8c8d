"""The small BPE has the merges and the ids of the `tokenizers` library, and loses no byte."""

import json
import random
import sys
import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers

from helpers.text import bpe, stories
from helpers.text.tokenizer import (
    END_OF_TEXT,
    SPLIT_PATTERN,
    StreamDecoder,
    Tokenizer,
    byte_letters,
)

STORIES = [stories.write(seed).text for seed in range(60)]
PLAY = """First Witch:
When shall we three meet again? In thunder, lightning, or in rain?

Second Witch:
When the hurlyburly's done, When the battle's lost and won.\r\n\r\n
"""  # Shakespeare, Macbeth, 1623
WORLD = (
    "Été à la plage: 😀 😀 naïve. Τα παιδιά βρήκαν έναν σκίουρο. 孩子们 2024 x² Ⅷ\t\x00\x1f\x85"
)


# ---- the library, put together as the course's Tokenizer does it

SPLIT = pre_tokenizers.Split(tokenizers.Regex(SPLIT_PATTERN), behavior="isolated")


def library(model):
    backend = tokenizers.Tokenizer(model)
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([SPLIT, letters])
    return backend


def trained_by_library(texts, vocab_size, special=(END_OF_TEXT,)):
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special),
        initial_alphabet=sorted(byte_letters()),
        show_progress=False,
    )
    backend = library(models.BPE())
    backend.train_from_iterator(texts, trainer)
    backend.encode_special_tokens = True  # names of special tokens are text
    return backend


def merges_of(backend):
    letters = byte_letters()
    merges = json.loads(backend.to_str())["model"]["merges"]
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    return [tuple(bytes(map(letters.get, half)) for half in pair) for pair in pairs]


def pieces_by_library(text):
    return [piece for piece, _ in SPLIT.pre_tokenize_str(text)]


# ---- texts

# Characters that have been in Unicode since 2002: Python's tables and the library's, of whatever
# version, know all of them. Among them are the awkward ones, far more often than by chance.
old = st.characters(codec="utf-8").filter(lambda c: unicodedata.ucd_3_2_0.category(c) != "Cn")
AWKWARD = [
    END_OF_TEXT,
    "'LL",
    "'ſ",
    "\r\n",
    " \n",
    "\x00",
    "\x1c",
    "\x85",
    "  ",
    "e\u0301",
    "😀",
]
unicode_text = st.lists(st.text(old) | st.sampled_from(AWKWARD), max_size=8).map("".join)
few_letters = st.text("ab", min_size=1, max_size=30)
MINE = bpe.train([*STORIES, PLAY, WORLD], 700)
THEIRS = trained_by_library([*STORIES, PLAY, WORLD], 700)
thorough = settings(max_examples=300)


# ---- pieces


@thorough
@given(unicode_text)
def test_pieces_are_those_of_the_library(text):
    assert bpe.split(text) == pieces_by_library(text)


@given(st.text())
def test_pieces_joined_are_the_text(text):
    assert "".join(bpe.split(text)) == text


@pytest.mark.parametrize("frame", ["a{}a", " {}", "'{}b", "{}\n", "1{}1", "! {}!"])
def test_every_old_character_is_cut_as_the_library_cuts_it(frame):
    everything = map(chr, range(sys.maxunicode + 1))
    known = [
        c for c in everything if unicodedata.ucd_3_2_0.category(c) not in ("Cn", "Cs", "Co")
    ]
    text = "§\n".join(map(frame.format, known))
    assert bpe.split(text) == pieces_by_library(text)


# ---- training


@pytest.mark.parametrize(
    ("texts", "vocab_size"),
    [(STORIES, 1500), ([PLAY], 400), ([WORLD], 400), ([], 300), (["", " ", "a"], 300)],
    ids=["stories", "play", "world", "nothing", "nearly nothing"],
)
def test_merges_are_those_of_the_library_in_the_same_order(texts, vocab_size):
    mine, theirs = bpe.train(texts, vocab_size), trained_by_library(texts, vocab_size)
    assert mine.merges == merges_of(theirs)
    assert mine.vocab_size == theirs.get_vocab_size()


@thorough
@given(st.lists(few_letters, min_size=1, max_size=6), st.integers(257, 300))
def test_merges_are_the_same_where_ties_and_overlaps_abound(texts, vocab_size):
    mine = bpe.train(texts, vocab_size)
    assert mine.merges == merges_of(trained_by_library(texts, vocab_size))


@thorough
@given(st.lists(unicode_text, max_size=4))
def test_merges_are_the_same_on_any_text(texts):
    assert bpe.train(texts, 300).merges == merges_of(trained_by_library(texts, 300))


def test_the_most_frequent_pair_is_merged_and_ties_go_to_smaller_ids():
    # "ab ab ab" is cut into "ab", " ab", " ab": a-b is met three times, then " "-ab twice.
    assert bpe.learn_merges(["ab ab ab"], 9) == [(b"a", b"b"), (b" ", b"ab")]
    # c-d and a-b are met once each; "a" has the smaller id.
    assert bpe.learn_merges(["cd", "ab"], 1) == [(b"a", b"b")]


@given(st.lists(few_letters, min_size=1, max_size=5))
def test_counts_kept_up_to_date_are_counts_taken_anew(texts):
    words = [list(text.encode()) for text in texts]
    pairs = bpe.Pairs(words, counts=list(range(1, len(words) + 1)))
    for new in range(256, 262):
        anew = Counter()
        for word, n in zip(pairs.words, pairs.counts, strict=True):
            for pair in pairwise(word):
                anew[pair] += n
        assert +pairs.total == anew
        best = pairs.most_frequent()
        if best is None:
            assert not anew
            break
        assert best == min(anew, key=lambda pair: (-anew[pair], pair))
        pairs.update(best, new)


def test_merge_goes_from_left_to_right():
    assert bpe.merge("aaaa", ("a", "a"), "aa") == ["aa", "aa"]
    assert bpe.merge("aaa", ("a", "a"), "aa") == ["aa", "a"]
    assert bpe.merge([1, 2, 3], (2, 1), 9) == [1, 2, 3]
    assert bpe.merge([], (1, 2), 9) == []


def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one():
    assert bpe.train(STORIES, 400).tokens == bpe.train(STORIES, 800).tokens[:400]


# ---- encoding


@thorough
@given(unicode_text)
def test_ids_are_those_of_the_library(text):
    assert MINE.encode(text) == THEIRS.encode(text).ids


@thorough
@given(few_letters)
def test_ids_are_the_same_where_ties_and_overlaps_abound(text):
    texts = ["abab", "aab", "bba" * 3, "aaaaa", "babab"]
    assert bpe.train(texts, 270).encode(text) == trained_by_library(texts, 270).encode(text).ids


@pytest.mark.parametrize("special", [(), (END_OF_TEXT,), ("<|a|>", "<|b|>")])
def test_special_tokens_come_first_as_in_the_library(special):
    mine, theirs = bpe.train([PLAY], 320, special), trained_by_library([PLAY], 320, special)
    assert mine.encode(PLAY) == theirs.encode(PLAY).ids


def test_ids_are_those_of_the_courses_tokenizer():
    theirs = Tokenizer.train(STORIES, 600)
    mine = bpe.train(STORIES, 600)
    assert mine.tokens == [theirs.token_bytes(id) for id in range(600)]
    for text in (*STORIES[:5], PLAY, WORLD, END_OF_TEXT):
        assert mine.encode(text) == theirs.encode(text)
    assert mine.special == [END_OF_TEXT] and theirs.end_of_text_id == 0


def test_without_special_tokens_the_first_ids_are_gpt_2s():
    assert bpe.BPE([(b"h", b"e")], special=()).encode("!he\x00") == [0, 256, 188]


# ---- special tokens


@given(unicode_text)
def test_no_text_becomes_a_special_token(text):
    assert 0 not in MINE.encode(text + END_OF_TEXT + text)


@thorough
@given(st.lists(st.sampled_from(["<|a|>", "<|a|><|b|>", "a", "|", "<", " b\n"])).map("".join))
def test_allowed_special_tokens_are_found_as_the_library_finds_them(text):
    names = ("<|a|>", "<|a|><|b|>", ".*")
    theirs = trained_by_library([PLAY], 300, names)
    theirs.encode_special_tokens = False
    assert (
        bpe.train([PLAY], 300, names).encode(text, allow_special=True)
        == theirs.encode(text).ids
    )


def test_a_special_token_has_an_id_and_no_text():
    ids = MINE.encode(f"a{END_OF_TEXT}b", allow_special=True)
    assert ids.count(0) == 1 and MINE.token_bytes(0) == b""
    assert MINE.decode(ids) == "ab"


# ---- no byte is lost


@thorough
@given(st.text(st.characters(exclude_categories=["Cs"])) | unicode_text)
def test_every_text_survives_the_round_trip(text):
    assert MINE.decode(MINE.encode(text)) == text
    assert MINE.encode_bytes(text.encode()) == MINE.encode(text)


@thorough
@given(st.binary() | unicode_text.map(lambda text: text.encode()[1:-1]))
def test_all_bytes_survive_the_round_trip(data):
    assert MINE.decode_bytes(MINE.encode_bytes(data)) == data


def test_each_single_byte_survives_the_round_trip():
    for byte in map(bytes, zip(range(256), strict=True)):
        assert MINE.decode_bytes(MINE.encode_bytes(byte)) == byte


def test_halves_of_a_character_decode_together_only():
    ids = bpe.BPE([]).encode("😀")
    assert bpe.BPE([]).decode(ids) == "😀"
    assert "".join(bpe.BPE([]).decode([id]) for id in ids) == "\ufffd" * 4
    stream = StreamDecoder(bpe.BPE([]))  # the course's own works with this tokenizer, too
    assert [stream.feed(id) for id in ids] == ["", "", "", "😀"]


def test_a_long_word_survives_the_round_trip():
    letters = random.Random(0).choices("abcdefgh", k=20_000)
    assert MINE.decode(MINE.encode("".join(letters))) == "".join(letters)


# ---- what is refused


@pytest.mark.parametrize("use", [MINE.encode, lambda text: bpe.train(["fine", text], 300)])
def test_lone_surrogate_is_refused_with_its_place(use):
    with pytest.raises(ValueError, match="character 3 is a lone surrogate.*remove it"):
        use("abc\ud83d")


@pytest.mark.parametrize("id", [-1, MINE.vocab_size])
def test_id_of_no_token_is_refused(id):
    with pytest.raises(ValueError, match="the last is 699"):
        MINE.decode([id])


@pytest.mark.parametrize(("special", "smallest"), [((), 256), ((END_OF_TEXT,), 257)])
def test_vocabulary_without_room_for_the_bytes_is_refused(special, smallest):
    assert bpe.train(STORIES, smallest, special).merges == []
    with pytest.raises(ValueError, match=f"at least {smallest}"):
        bpe.train(STORIES, smallest - 1, special)
