"""A rung of the ladder: each idea of Days 9 to 20 reads the same text, as many tokens, at one rate.

    budget = rung.budget()                                  of this machine's scale
    corpus = rung.read(budget)                              the stories, in tokens
    result = rung.climb(lambda: GPT(budget.model), corpus, budget, "GPT")
    ladder.add("GPT", day=9, **result.entry)

To compare fairly, change the model and nothing here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from helpers import runtime
from helpers.lesson.progress import Bar
from helpers.model.gpt import GPTConfig
from helpers.model.weights import count_parameters
from helpers.text.corpus import Corpus, prepare_corpus
from helpers.text.data import Batches
from helpers.training.evaluate import evaluate, next_token_loss
from helpers.training.optim import Schedule, adamw, set_lr

TOKENIZER = runtime.ROOT / "checkpoints" / "reference"  # 2,048 tokens, the same for all


@dataclass(frozen=True)
class Budget:
    """What every rung of one scale gets: text, tokens, learning rate, seeds, and a first model."""

    model: GPTConfig
    stories: int  # to learn from
    held_out: int  # stories to be judged by
    steps: int
    batch_size: int
    lr: float
    context: int = 144  # tokens of a row: nearly every story fits
    warmup: int = 20  # steps
    decay: float = 0.5  # the share of the steps in which the rate comes down
    seeds: tuple[int, ...] = (0, 1)

    @property
    def tokens(self) -> int:
        """Tokens that each seed reads."""
        return self.steps * self.batch_size * self.context


SHAPE = GPTConfig(num_hidden_layers=2, initializer_range=0.05)
BUDGETS = {
    "tiny": Budget(
        GPTConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                  num_attention_heads=2, head_dim=16, initializer_range=0.05),
        stories=200, held_out=20, steps=20, batch_size=4, lr=1e-2, warmup=2,
    ),
    "cpu": Budget(SHAPE, stories=6000, held_out=150, steps=900, batch_size=4, lr=3e-3),
    "gpu": Budget(SHAPE, stories=60_000, held_out=300, steps=3000, batch_size=16, lr=3e-3,
                  seeds=(0, 1, 2)),
}  # fmt: skip


@dataclass(frozen=True)
class Climb:
    """What `climb` measured, and the model of the last seed."""

    model: nn.Module
    losses: list[list[float]]  # nats per token, for each seed and step
    entry: dict[str, object]  # what ladder.add wants: parameters, bits_per_byte, ...


def budget() -> Budget:
    """The budget of the current scale."""
    return BUDGETS[runtime.pick_scale()]


def read(budget: Budget) -> Corpus:
    """The stories of a budget, in the tokens of the reference checkpoint; kept under data/."""
    return prepare_corpus("stories", 2048, budget.stories, budget.held_out, TOKENIZER)


def matched(
    make: Callable[[GPTConfig], nn.Module], config: GPTConfig, parameters: int
) -> GPTConfig:
    """The config whose feed-forward width brings make(config) nearest to so many parameters.

    For fair comparisons: what a smaller attention saves, the feed-forward net gets.
    """

    def count(width: int) -> int:
        with torch.device("meta"):
            return count_parameters(make(replace(config, intermediate_size=width)))

    one, two = count(1), count(2)
    width = 1 + round((parameters - one) / (two - one))
    if width < 1:
        raise ValueError(
            f"the rest of the model has more than {parameters:,} parameters: "
            "ask for more, or make it smaller"
        )
    return replace(config, intermediate_size=width)


def climb(
    make: Callable[[], nn.Module],
    corpus: Corpus,
    budget: Budget,
    name: str,
    optimizer: Callable[..., torch.optim.Optimizer] = adamw,
) -> Climb:
    """Train and judge make() once for each seed: first weights and order of the text follow it.

    name: stands before the progress bars; an empty one hides them. optimizer: adamw or muon of
    helpers.training.optim.
    """
    losses, scores, seconds = [], [], 0.0
    for seed in budget.seeds:
        torch.manual_seed(seed)
        model = make().to(runtime.pick_device())
        begin = time.perf_counter()
        what = f"{name}, seed {seed}" if name else ""
        losses.append(train(model, corpus, budget, seed, what, optimizer))
        seconds += time.perf_counter() - begin
        scores.append(judge(model, corpus))
    entry = {
        "parameters": count_parameters(model),
        "bits_per_byte": scores,
        "tokens": budget.tokens,
        "tokens_per_second": budget.tokens * len(budget.seeds) / seconds,
        "bytes": sum(p.numel() * p.element_size() for p in model.parameters()),
    }
    return Climb(model, losses, entry)


def train(
    model: nn.Module,
    corpus: Corpus,
    budget: Budget,
    seed: int,
    what: str = "training",
    make_optimizer: Callable[..., torch.optim.Optimizer] = adamw,
) -> list[float]:
    """Train a model on the device where it is; the loss of each step, in nats per token."""
    device = next(model.parameters()).device
    schedule = Schedule("stable", budget.lr, 0.0, budget.warmup, budget.steps, budget.decay)
    optimizer = make_optimizer(model, budget.lr, betas=(0.9, 0.98), weight_decay=0.1)
    batches = Batches(corpus.train, budget.batch_size, budget.context, seed)
    bar, losses = Bar(budget.steps, what), []
    model.train()
    for step in range(budget.steps):
        set_lr(optimizer, schedule.lr_at(step))
        input_ids, labels = (t.to(device) for t in batches.next())
        with autocast(device):
            loss = next_token_loss(model, input_ids, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
        if (step + 1) % 10 == 0 or step + 1 == budget.steps:
            bar.update(step + 1, f"loss {losses[-1]:.2f}")
    model.eval()
    return torch.stack(losses).tolist()


def judge(model: nn.Module, corpus: Corpus) -> float:
    """Bits per byte of the held-out stories, in full precision."""
    return evaluate(model.eval(), corpus.validation).bits_per_byte


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where it is fast; float32 elsewhere, as float16 would need a scaler (Day 16)."""
    dtype, _ = runtime.pick_dtype(device)
    fast = dtype == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
