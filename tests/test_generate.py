"""Filters against plain Python and transformers; generation against the slowest loop there is."""

import math
import os
import shutil
import sysconfig
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twins import SMALL, in_transformers, random_ids, random_model

from helpers.inference.generate import (
    Sampling,
    choose,
    compile_decode,
    filter_logits,
    generate,
    generate_all,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    left_padded,
    overlap,
    penalize_repetition,
    stream_text,
)
from helpers.text.tokenizer import Tokenizer

GREEDY = Sampling(temperature=0)
HALVES = torch.tensor([0.125, 0.5, 0.25, 0.125]).log()  # their probabilities

# ---- filters: plain Python twins


def probabilities(logits: list[float]) -> list[float]:
    weights = [math.exp(x - max(logits)) for x in logits]
    return [w / sum(weights) for w in weights]


def slow_top_k(logits: list[float], k: int) -> set[int]:
    """Ids with fewer than k strictly larger ones."""
    return {i for i, x in enumerate(logits) if sum(y > x for y in logits) < k}


def slow_top_p(logits: list[float], p: float) -> set[int]:
    kept, total = set(), 0.0
    chance = probabilities(logits)
    for i in sorted(range(len(logits)), key=lambda i: (-chance[i], i)):
        assume(abs(total - p) > 1e-5)  # on the very edge rounding decides
        if total >= p:
            break
        kept.add(i)
        total += chance[i]
    return kept


def slow_min_p(logits: list[float], min_p: float) -> set[int]:
    chance = probabilities(logits)
    assume(all(abs(c - min_p * max(chance)) > 1e-6 for c in chance))
    return {i for i, c in enumerate(chance) if c >= min_p * max(chance)}


def kept(logits: torch.Tensor) -> set[int]:
    return set(logits.isfinite().nonzero().flatten().tolist())


# quarters, so that equal logits are common
some_logits = st.lists(st.integers(-20, 20).map(lambda n: n / 4), min_size=1, max_size=12)
share = st.floats(0.01, 0.99)


@settings(max_examples=60)
@given(some_logits, st.integers(1, 15), share)
def test_filters_keep_what_their_slow_twins_keep(values, k, p):
    logits = torch.tensor(values)
    assert kept(keep_top_k(logits, k)) == slow_top_k(values, k)
    assert kept(keep_top_p(logits, p)) == slow_top_p(values, p)
    assert kept(keep_min_p(logits, p)) == slow_min_p(values, p)
    for filtered in (keep_top_k(logits, k), keep_top_p(logits, p), keep_min_p(logits, p)):
        left = filtered.isfinite()
        assert torch.equal(filtered[left], logits[left])  # what is kept is not changed
        assert left[logits.argmax()]  # and the likeliest always is


@pytest.mark.parametrize(
    ("filtered", "expected"),
    [
        (keep_top_k(HALVES, 1), {1}),
        (keep_top_k(HALVES, 2), {1, 2}),
        (keep_top_k(HALVES, 3), {0, 1, 2, 3}),  # the third and the fourth are equal
        (keep_top_k(HALVES, 99), {0, 1, 2, 3}),
        (keep_top_p(HALVES, 0.4), {1}),
        (keep_top_p(HALVES, 0.6), {1, 2}),
        (keep_top_p(HALVES, 0.8), {0, 1, 2}),  # of equals the first
        (keep_top_p(HALVES, 1e-9), {1}),
        (keep_min_p(HALVES, 0.3), {1, 2}),  # 0.3 x 0.5 lies between 1/8 and 1/4
        (keep_min_p(HALVES, 0.2), {0, 1, 2, 3}),
        (keep_min_p(HALVES, 0.99), {1}),
    ],
)
def test_filters_on_a_distribution_worked_by_hand(filtered, expected):
    assert kept(filtered) == expected


@settings(max_examples=40)
@given(some_logits, st.data(), st.floats(0.5, 3))
def test_penalty_equals_its_slow_twin(values, data, penalty):
    history = data.draw(st.sets(st.integers(0, len(values) - 1)))
    expected = list(values)
    for i in history:
        expected[i] = values[i] / penalty if values[i] > 0 else values[i] * penalty
    found = penalize_repetition(
        torch.tensor(values), torch.tensor(sorted(history)).long(), penalty
    )
    torch.testing.assert_close(found, torch.tensor(expected))


def test_filters_equal_those_of_transformers():
    from transformers.generation import logits_process as theirs

    logits, history = torch.randn(50, 40) * 4, torch.randint(40, (50, 7))
    pairs = [
        (keep_top_k(logits, 5), theirs.TopKLogitsWarper(5)),
        (keep_top_p(logits, 0.7), theirs.TopPLogitsWarper(0.7)),
        (keep_min_p(logits, 0.1), theirs.MinPLogitsWarper(0.1)),
        (
            filter_logits(logits, Sampling(temperature=0.6)),
            theirs.TemperatureLogitsWarper(0.6),
        ),
        (
            torch.stack(
                [penalize_repetition(*row, 1.7) for row in zip(logits, history, strict=True)]
            ),
            theirs.RepetitionPenaltyLogitsProcessor(1.7),
        ),
    ]
    for ours, peer in pairs:
        assert torch.equal(ours, peer(history, logits)), peer


def test_filters_together_equal_those_of_transformers():
    from transformers import LogitsProcessorList
    from transformers.generation import logits_process as theirs

    logits = torch.randn(200, 40) * 4
    ours = filter_logits(logits, Sampling(temperature=2.0, top_k=12, top_p=0.8, min_p=0.05))
    peer = LogitsProcessorList(
        [
            theirs.TemperatureLogitsWarper(2.0),
            theirs.TopKLogitsWarper(12),
            theirs.TopPLogitsWarper(0.8),
            theirs.MinPLogitsWarper(0.05),
        ]
    )
    assert torch.equal(ours, peer(torch.zeros(200, 1).long(), logits))
    counts = ours.isfinite().sum(-1)
    assert counts.min() < counts.max() < 12  # each filter had something to do


def test_draws_follow_the_filtered_distribution():
    generator = torch.Generator().manual_seed(0)
    sampling = Sampling(temperature=0.5, top_k=2)  # squares: 1/4 and 1/16 are left, 4 to 1
    draws = [choose(HALVES, [], sampling, generator) for _ in range(2000)]
    assert set(draws) == {1, 2}
    assert draws.count(1) / 2000 == pytest.approx(0.8, abs=0.03)  # 3.4 standard deviations


def test_penalty_comes_before_greedy():
    logits, generator = torch.tensor([1.0, 3.0, 2.0]), torch.Generator()
    assert choose(logits, [], GREEDY, generator) == 1
    penalized = Sampling(temperature=0, repetition_penalty=2.0)
    assert choose(logits, [1, 1, 1], penalized, generator) == 2  # 1.5, once and not three times


def test_there_is_nothing_to_filter_for_the_greedy():
    with pytest.raises(ValueError, match="take the argmax"):
        filter_logits(torch.zeros(4), GREEDY)


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -0.1},
        {"top_k": -1},
        {"top_k": 2.5},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": 1},
        {"repetition_penalty": 0},
        {"temperature": math.nan},
    ],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Sampling(**setting)


# ---- the loop


def slow_greedy(model, prompt: list[int], max_new_tokens: int) -> list[int]:
    """The whole text through the model for every token: no cache, no batch."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


# A small tied model says one token over and over; this one does not.
VARIED = replace(SMALL, tie_word_embeddings=False, initializer_range=0.6, num_hidden_layers=3)
PROMPTS = [random_ids(VARIED, 1, n, seed=n)[0].tolist() for n in (5, 1, 9)]


@pytest.mark.parametrize("chunk", [None, 1, 4])
def test_greedy_equals_the_slow_loop_in_a_batch_of_unequal_prompts(chunk):
    model = random_model(VARIED)
    found = generate_all(model, PROMPTS, 12, sampling=GREEDY, chunk=chunk)
    assert found == [slow_greedy(model, prompt, 12) for prompt in PROMPTS]
    assert all(len(set(row)) > 3 for row in found)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_equals_transformers(penalty):
    model = random_model(VARIED)
    theirs = in_transformers(model)
    for prompt in PROMPTS:
        sampling = Sampling(temperature=0, repetition_penalty=penalty)
        (ours,) = generate_all(model, [prompt], 12, sampling=sampling)
        peer = theirs.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt)).long(),
            do_sample=False,
            max_new_tokens=12,
            repetition_penalty=penalty,
        )
        assert ours == peer[0, len(prompt) :].tolist()


@pytest.mark.parametrize("chunk", [None, 3])
def test_each_row_of_a_batch_gets_what_it_gets_alone(chunk):
    model = random_model(VARIED)
    sampling = Sampling(
        temperature=4.0, top_k=30, top_p=0.95, min_p=0.01, repetition_penalty=1.2
    )
    together = generate_all(model, PROMPTS, 12, sampling=sampling, seed=7, chunk=chunk)
    for i, prompt in enumerate(PROMPTS):
        (alone,) = generate_all(model, [prompt], 12, sampling=sampling, seed=7 + i)
        (other,) = generate_all(model, [prompt], 12, sampling=sampling, seed=8 + i)
        assert together[i] == alone != other


def test_rows_stop_at_their_own_stop_id():
    model = random_model(VARIED)
    free = generate_all(model, PROMPTS, 12, sampling=GREEDY)
    stop = free[2][3]  # the third row stops there, the others where they meet it or never
    steps = list(generate(model, PROMPTS, 12, sampling=GREEDY, stop_ids=[stop]))
    for i, row in enumerate(free):
        expected = row[: row.index(stop) + 1] if stop in row else row  # the stop id is yielded
        assert [s[i] for s in steps] == expected + [None] * (len(steps) - len(expected))
    assert any(None in step for step in steps)


def test_generation_ends_where_the_positions_end():
    model = random_model(VARIED)
    limit = VARIED.max_position_embeddings
    prompts = [[1] * (limit - 2), [1] * (limit - 5), [1] * limit]
    found = generate_all(model, prompts, 99, sampling=GREEDY)
    assert [len(row) for row in found] == [2, 5, 0]
    assert found[:2] == [slow_greedy(model, p, limit - len(p)) for p in prompts[:2]]


def test_no_new_tokens_where_none_are_asked_for():
    assert generate_all(random_model(VARIED), PROMPTS, 0) == [[], [], []]


@pytest.mark.parametrize(
    ("prompts", "reason"),
    [
        ([], "at least one token"),
        ([[1], []], "at least one token"),
        ([[1], [1] * 65], "65 tokens does not fit the model's 64 positions"),
    ],
)
def test_prompts_that_cannot_be_continued_are_refused(prompts, reason):
    with pytest.raises(ValueError, match=reason):
        generate_all(random_model(VARIED), prompts, 3)


def test_left_padding():
    ids, starts = left_padded([[1, 2], [3], [4, 5]])
    assert ids.tolist() == [[1, 2], [0, 3], [4, 5]]
    assert starts.tolist() == [0, 1, 0]
    assert left_padded([[1, 2], [3, 4]])[1] is None


def test_generation_comes_token_by_token():
    """The second token is not computed before it is asked for."""
    model, calls = random_model(VARIED), []
    model.register_forward_hook(lambda *_: calls.append(1))
    steps = generate(model, [[1, 2]], 5)
    for expected in (1, 2, 3):
        next(steps)
        assert len(calls) == expected


def test_generation_keeps_no_gradients():
    model = random_model(VARIED)
    results = []
    model.register_forward_hook(
        lambda module, args, logits: results.append(logits.requires_grad)
    )
    generate_all(model, [[1]], 3)
    assert results == [False] * 3


def test_compiled_decode_gives_the_same_tokens():
    compilers = [os.environ.get("CXX", "g++"), "clang++"]
    if not any(map(shutil.which, compilers)):
        pytest.skip("torch.compile needs a C++ compiler, and none was found")
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        pytest.skip("torch.compile needs Python's C headers, and there are none")
    for config in (VARIED, replace(VARIED, num_hidden_layers=1)):  # each its own code
        model = random_model(config)
        compiled = compile_decode(model)
        for prompt in (PROMPTS[0], PROMPTS[2]):  # the second time with another length
            found = generate_all(model, [prompt], 8, sampling=GREEDY, decode=compiled)
            assert found == [slow_greedy(model, prompt, 8)]


# ---- streaming text

WORDS = Tokenizer.train(["abab. the end, ab the end.\n"] * 3, vocab_size=280)
BYTES = Tokenizer.train([], vocab_size=257)  # every byte is a token
some_text = st.text(alphabet="ab. é😀", max_size=25)
some_stop = st.text(alphabet="ab. é😀", min_size=1, max_size=4)


class Scripted(torch.nn.Module):
    """Says the given ids one after the other, then end-of-text, whatever it reads."""

    def __init__(self, ids: list[int], tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config = SimpleNamespace(max_position_embeddings=1000)
        self.unused = torch.nn.Parameter(torch.zeros(1))  # has a device
        self.script = iter([*ids, tokenizer.end_of_text_id])
        self.vocab_size = tokenizer.vocab_size
        self.read: list[int] = []

    def forward(self, input_ids, cache):
        self.read += input_ids[0].tolist()
        logits = torch.zeros(*input_ids.shape, self.vocab_size)
        logits[:, -1, next(self.script)] = 1
        return logits


def stream(tokenizer: Tokenizer, ids: list[int], **settings) -> list[str]:
    return list(stream_text(Scripted(ids, tokenizer), tokenizer, sampling=GREEDY, **settings))


@settings(max_examples=60)
@given(st.sampled_from([WORDS, BYTES]), some_text, some_stop)
def test_streamed_text_ends_before_the_stop_string(tokenizer, text, stop):
    pieces = stream(tokenizer, tokenizer.encode(text), stop=[stop])
    assert "".join(pieces) == text.split(stop)[0]
    assert not any("\ufffd" in piece for piece in pieces)  # no half characters


@settings(max_examples=60)
@given(some_text, st.lists(some_stop, max_size=3))
def test_streamed_text_ends_before_the_first_of_several_stop_strings(text, stops):
    expected = text
    for end in range(len(text) + 1):
        if found := [stop for stop in stops if text[:end].endswith(stop)]:
            expected = text[: end - max(map(len, found))]
            break
    assert "".join(stream(BYTES, BYTES.encode(text), stop=stops)) == expected


def test_of_two_stop_strings_in_one_token_the_earlier_counts():
    ids = WORDS.encode("the ab")
    assert WORDS.decode(ids[-1:]) == " ab"
    for stops in (["a", "b"], ["b", "a"]):
        assert "".join(stream(WORDS, ids, stop=stops)) == "the "


@settings(max_examples=40)
@given(st.lists(st.integers(1, 256), max_size=20))
def test_streamed_text_is_the_decoded_text_whatever_the_bytes(ids):
    assert "".join(stream(BYTES, ids)) == BYTES.decode(ids)


def test_text_comes_as_soon_as_it_is_sure():
    pieces = stream(BYTES, BYTES.encode("a stop, a stork"), stop=["stork"])
    assert [piece for piece in pieces if piece] == ["a", " ", "stop", ",", " ", "a", " "]
    assert stream(BYTES, BYTES.encode("😀é"))[:2] == ["😀", "é"]


def test_the_beginning_of_a_stop_string_comes_when_the_text_is_over():
    assert "".join(stream(BYTES, BYTES.encode("The en"), stop=["end."])) == "The en"
    pieces = stream(BYTES, BYTES.encode("The end."), stop=["end."], max_new_tokens=6)
    assert "".join(pieces) == "The en"


def test_a_story_begins_with_end_of_text():
    model = Scripted([], WORDS)
    list(stream_text(model, WORDS, "ab the", sampling=GREEDY))
    assert model.read == [WORDS.end_of_text_id, *WORDS.encode("ab the")]


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("The end", "end.", 3),
        ("The end.", "end.", 4),
        ("aab", "ab.", 2),
        ("x", "y", 0),
        ("", "y", 0),
    ],
)
def test_overlap_is_the_longest_possible_beginning(text, stop, expected):
    assert overlap(text, stop) == expected
