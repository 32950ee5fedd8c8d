"""Sampling from a model: filters on logits, then a loop that yields token ids.

    for step in generate(model, [prompt_ids], max_new_tokens=200): ...     ids, a batch at a time
    for piece in stream_text(model, tokenizer, "Once upon a time"): ...    text as it comes

Prompts of unequal length go in one batch: each gets what it gets alone. Every row has its own
random generator, so its text does not depend on its neighbours either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helpers.model.cache import GrowingCache, KVCache
from helpers.text.tokenizer import StreamDecoder, Tokenizer


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen from the logits; the defaults sample from the model as it is.

    ValueError for a setting outside its range.
    """

    temperature: float = 1.0  # 0 is greedy: always the likeliest token
    top_k: int = 0  # keep the k likeliest; 0 keeps all
    top_p: float = 1.0  # keep the likeliest that together reach p (the nucleus)
    min_p: float = 0.0  # keep what has at least min_p times the likeliest token's probability
    repetition_penalty: float = 1.0  # above 1 makes tokens that were there before less likely

    def __post_init__(self) -> None:
        ranges = {
            "temperature": self.temperature >= 0,
            "top_k": self.top_k >= 0 and self.top_k == int(self.top_k),
            "top_p": 0 < self.top_p <= 1,
            "min_p": 0 <= self.min_p < 1,
            "repetition_penalty": self.repetition_penalty > 0,
        }
        for name, fine in ranges.items():
            if not fine:
                raise ValueError(
                    f"{name}={getattr(self, name)} is out of range: temperature >= 0, top_k >= 0, "
                    "0 < top_p <= 1, 0 <= min_p < 1, repetition_penalty > 0"
                )


# ---- filters: logits in, logits out; what is ruled out becomes -inf


def penalize_repetition(logits: Tensor, history: Tensor, penalty: float) -> Tensor:
    """Divide the positive logits of the ids in `history` by `penalty`, multiply the negative.

    logits: (vocab,), history: (n,) ids. Keskar et al. 2019, arXiv:1909.05858, §4.1, divide always;
    to multiply negative ones is the repair of transformers.
    """
    seen = logits[history]
    return logits.scatter(0, history, torch.where(seen > 0, seen / penalty, seen * penalty))


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits (..., vocab) and all that equal the k-th; rule out the rest."""
    smallest = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < smallest, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens until their probabilities reach p, above 0: at least one.

    logits: (..., vocab). Holtzman et al. 2019, arXiv:1904.09751, §3.1 (nucleus sampling).
    """
    ordered, order = logits.sort(descending=True, stable=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities  # what the likelier ones hold together
    ruled_out = (before >= p).scatter(-1, order, before >= p)
    return logits.masked_fill(ruled_out, -torch.inf)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep tokens with at least `min_p`, up to 1, times the largest probability.

    logits: (..., vocab). Nguyen et al. 2024, arXiv:2407.01082, §3.
    """
    probabilities = logits.softmax(-1)
    floor = min_p * probabilities.amax(-1, keepdim=True)
    return logits.masked_fill(probabilities < floor, -torch.inf)


def filter_logits(logits: Tensor, sampling: Sampling) -> Tensor:
    """Temperature, then top-k, top-p and min-p: (..., vocab) logits of what may be drawn.

    ValueError at temperature 0: there is nothing to draw, take the largest.
    """
    if sampling.temperature == 0:
        raise ValueError("temperature 0 is greedy, with nothing to draw from: take the argmax")
    logits = logits / sampling.temperature
    if sampling.top_k:
        logits = keep_top_k(logits, sampling.top_k)
    if sampling.top_p < 1:
        logits = keep_top_p(logits, sampling.top_p)
    if sampling.min_p:
        logits = keep_min_p(logits, sampling.min_p)
    return logits


def choose(
    logits: Tensor, history: list[int], sampling: Sampling, generator: torch.Generator
) -> int:
    """The next id for one row: logits (vocab,), the row's ids so far, its own generator."""
    logits = logits.float()
    if sampling.repetition_penalty != 1 and history:
        seen = torch.tensor(sorted(set(history)), device=logits.device)
        logits = penalize_repetition(logits, seen, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return int(logits.argmax())
    probabilities = filter_logits(logits, sampling).softmax(-1).cpu()
    return int(torch.multinomial(probabilities, 1, generator=generator))


# ---- the loop


def left_padded(prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor | None]:
    """Prompts as one (batch, longest) tensor, padded on the left, and each row's padding.

    The padding is None where there is none: equal lengths need no mask.
    """
    longest = max(map(len, prompts))
    starts = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * start + list(prompt) for start, prompt in zip(starts, prompts, strict=True)]
    return torch.tensor(rows), torch.tensor(starts) if any(starts) else None


def prefill(
    model: nn.Module, input_ids: Tensor, cache: GrowingCache, chunk: int | None
) -> Tensor:
    """Run the prompts through the model, `chunk` tokens at a time, into the cache.

    input_ids: (batch, time); returns the logits (batch, vocab) after the last token.
    """
    for part in input_ids.split(chunk or input_ids.shape[1], dim=1):
        logits = model(part, cache)
    return logits[:, -1]


@torch.inference_mode()
def generate(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen, so it can be shared
    stop_ids: Sequence[int] = (),
    seed: int = 0,
    chunk: int | None = None,
    decode: Callable[[Tensor, GrowingCache], Tensor] | None = None,
    make_cache: Callable[[int, Tensor | None], GrowingCache] = KVCache,
) -> Iterator[list[int | None]]:
    """Continue each prompt; yield, token by token, the new id of every row, None once it is done.

    A row is done after a stop id (which is yielded), after max_new_tokens, or when it fills the
    model's max_position_embeddings. Row i draws from a generator seeded with seed + i, so
    seeds nearer than the number of rows share texts. chunk: tokens of prefill at a time.
    decode: the model, or a compiled form of it, for single tokens.
    make_cache(max_length, starts): another cache than KVCache, such as a WindowCache.
    ValueError for an empty prompt, or one that is too long for the model.
    """
    limit = model.config.max_position_embeddings
    check_prompts(prompts, limit)
    device = next(model.parameters()).device
    rows = [list(prompt) for prompt in prompts]
    ends = [min(len(row) + max_new_tokens, limit) for row in rows]
    generators = [torch.Generator().manual_seed(seed + i) for i in range(len(rows))]

    input_ids, starts = left_padded(rows)
    room = input_ids.shape[1] + max(e - len(r) for e, r in zip(ends, rows, strict=True))
    cache = make_cache(room, None if starts is None else starts.to(device))
    logits = prefill(model, input_ids.to(device), cache, chunk)
    running = [len(row) < end for row, end in zip(rows, ends, strict=True)]
    step = model if decode is None else decode
    while any(running):
        new: list[int | None] = [None] * len(rows)
        for i, row in enumerate(rows):
            if running[i]:
                new[i] = choose(logits[i], row, sampling, generators[i])
                row.append(new[i])
                running[i] = new[i] not in stop_ids and len(row) < ends[i]
        yield new
        if any(running):
            last = torch.tensor([[row[-1]] for row in rows], device=device)
            logits = step(last, cache)[:, -1]


def check_prompts(prompts: Sequence[Sequence[int]], limit: int) -> None:
    """ValueError unless there are prompts, each with 1 to `limit` ids."""
    if not prompts or not all(prompts):
        raise ValueError("every prompt needs at least one token: begin with the end-of-text id")
    longest = max(map(len, prompts))
    if longest > limit:
        raise ValueError(
            f"a prompt of {longest} tokens does not fit the model's {limit} positions: shorten it"
        )


def generate_all(
    model: nn.Module, prompts: Sequence[Sequence[int]], max_new_tokens: int, **settings
) -> list[list[int]]:
    """The new ids of every row, when all are done; settings as in `generate`."""
    new: list[list[int]] = [[] for _ in prompts]
    for step in generate(model, prompts, max_new_tokens, **settings):
        for row, token in zip(new, step, strict=True):
            if token is not None:
                row.append(token)
    return new


def stream_text(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompt: str = "",
    max_new_tokens: int = 300,
    stop: Sequence[str] = (),
    **settings,
) -> Iterator[str]:
    """Continue `prompt`; yield pieces of new text as soon as they are sure.

    The text ends at end-of-text or before the first of the `stop` strings. Half a character, and
    text that may be the beginning of a stop string, is held back until the next token decides.
    """
    end = tokenizer.end_of_text_id
    decoder, held = StreamDecoder(tokenizer), ""
    prompt_ids = [end, *tokenizer.encode(prompt)]
    for (token,) in generate(model, [prompt_ids], max_new_tokens, stop_ids=[end], **settings):
        if token == end:
            break
        held += decoder.feed(token)
        found = [held.find(text) for text in stop if text in held]
        if found:
            yield held[: min(found)]
            return
        keep = max((overlap(held, text) for text in stop), default=0)
        if len(held) > keep:
            yield held[: len(held) - keep]
            held = held[len(held) - keep :]
    yield held + decoder.finish()


def overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the beginning of `stop`.

    >>> overlap("The end", "end.")
    3
    """
    sizes = range(min(len(text), len(stop)), 0, -1)
    return next((n for n in sizes if text.endswith(stop[:n])), 0)


def compile_decode(model: nn.Module) -> Callable[[Tensor, GrowingCache], Tensor]:
    """The model compiled for `generate(decode=...)`: the first three tokens take some 30 s.

    The compiler sees the length of the cache change and makes it a symbol, so it compiles twice
    and not for every length. Its wrapper is C++: at this size Python's would cost as much as the
    arithmetic.
    """
    return torch.compile(model, options={"cpp_wrapper": True, "size_asserts": False})
