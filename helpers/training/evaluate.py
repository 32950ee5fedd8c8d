"""How good is a model: loss, bits per byte of raw text, and the grade of the stories it writes.

Only bits per byte compares across tokenizers: a tokenizer with longer tokens has a higher loss
per token for the same text.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from helpers.inference.generate import Sampling, generate_all
from helpers.text import stories
from helpers.text.data import IGNORED, TokenMap, document_rows
from helpers.text.tokenizer import Tokenizer

GRADED = Sampling(min_p=0.1)  # nothing that is ten times less likely than the likeliest
LOGITS_AT_ONCE = 1 << 26  # elements: 256 MB in float32; a larger batch goes in chunks


def next_token_loss(
    model: nn.Module, input_ids: Tensor, labels: Tensor, count: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy in nats per token: of each label (batch, time), IGNORED ones left out.

    count: what the sum is divided by, for a micro-batch the labels of its whole step.
    Over a big vocabulary the logits of the whole batch would be the largest tensor of all, so they
    are made, used and dropped a chunk of tokens at a time, and made again for the backward pass.
    """
    hidden = model.model(input_ids).flatten(0, 1)  # (batch * time, hidden_size)
    labels = labels.flatten()
    rows = max(1, LOGITS_AT_ONCE // model.config.vocab_size)
    if len(labels) <= rows:
        total = summed_loss(model.lm_head, hidden, labels)
    else:
        chunks = zip(hidden.split(rows), labels.split(rows), strict=True)
        total = sum(
            checkpoint(summed_loss, model.lm_head, *chunk, use_reentrant=False)
            for chunk in chunks
        )
    return total / (labels != IGNORED).sum() if count is None else total / count


def summed_loss(head: nn.Module, hidden: Tensor, labels: Tensor) -> Tensor:
    """Sum of the cross-entropies of hidden states (tokens, hidden_size), in float32."""
    return F.cross_entropy(head(hidden).float(), labels, ignore_index=IGNORED, reduction="sum")


@dataclass(frozen=True)
class Evaluation:
    """What a model makes of held-out documents: nats per token and bits per byte of raw text."""

    loss: float
    bits_per_byte: float
    tokens: int
    text_bytes: int


@torch.no_grad()
def evaluate(
    model: nn.Module,
    token_map: TokenMap,
    documents: int | None = None,
    batch_size: int = 16,
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    context: int | None = None,
) -> Evaluation:
    """Loss over the first `documents` whole documents, each read from its own beginning.

    The end-of-text after each document counts as a token to predict, and as zero bytes of text.
    Documents longer than `context` tokens (the model's, if not given) are cut into pieces.
    """
    device = next(model.parameters()).device
    context = context or model.config.max_position_embeddings
    nats, tokens = 0.0, 0
    for input_ids, labels in document_rows(token_map, context, documents, batch_size):
        input_ids, labels = input_ids.to(device), labels.to(device)
        with autocast():
            loss = next_token_loss(model, input_ids, labels)
        count = int((labels != IGNORED).sum())
        nats += loss.item() * count
        tokens += count
    text_bytes = token_map.raw_bytes(documents)
    return Evaluation(nats / tokens, nats / math.log(2) / text_bytes, tokens, text_bytes)


@dataclass(frozen=True)
class Grades:
    """How many of the stories that a model wrote pass the parser's grade, in all and by verdict."""

    count: int
    passed: float  # share of the stories that pass every verdict
    by_verdict: dict[str, float]
    texts: list[str]


def write_stories(
    model: nn.Module,
    tokenizer: Tokenizer,
    count: int,
    sampling: Sampling = GRADED,
    seed: int = 0,
    batch_size: int = 50,
) -> list[str]:
    """Texts that the model writes from nothing but an end-of-text token, until it ends them.

    One that does not end is cut where the model's positions are full.
    """
    end = tokenizer.end_of_text_id
    longest = model.config.max_position_embeddings - 1
    texts = []
    for first in range(0, count, batch_size):
        prompts = [[end]] * min(batch_size, count - first)
        settings = {"sampling": sampling, "stop_ids": [end], "seed": seed + first}
        rows = generate_all(model, prompts, longest, **settings)
        texts += [tokenizer.decode([i for i in row if i != end]) for row in rows]
    return texts


def grade_stories(texts: Iterable[str]) -> Grades:
    """Grade texts with the built-in world's parser (see stories.grade)."""
    texts = list(texts)
    grades = [stories.grade(text) for text in texts]
    share = {
        name: sum(getattr(grade, name).yes for grade in grades) / len(grades)
        for name in stories.VERDICTS
    }
    passed = sum(grade.passed for grade in grades) / len(grades)
    return Grades(len(texts), passed, share, texts)
