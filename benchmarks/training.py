"""Training speed: our trainer's own step beside the same step around transformers' Qwen3.

Both sides have the same weights, batch, loss, clipping and AdamW. The peer may choose its attention
and its form of AdamW; both run in float32 and in bfloat16 autocast, eager and compiled.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from benchmarks import limits
from benchmarks.contest import OURS, PEER, Contestant, Result, alternating, best, contest, say
from benchmarks.peer import autocast, twin
from helpers import runtime
from helpers.model.qwen3 import Qwen3
from helpers.training import evaluate, optim
from helpers.training.config import TrainConfig
from helpers.training.trainer import Trainer

DTYPES = (torch.float32, torch.bfloat16)
GRAPHS = torch._dynamo.utils.counters["aot_autograd"]  # "ok" counts what was really compiled
LR = 1e-6  # the weights stay where they are, and so does the work


class FixedBatchTrainer(Trainer):
    """The trainer without a corpus: every micro-batch is the same one, and nothing is written."""

    def __init__(self, config: TrainConfig, start: Qwen3, batch: tuple[Tensor, Tensor]) -> None:
        self.config, self.batch, self.step = config, batch, 0
        self.device = batch[0].device
        self.tokenizer = SimpleNamespace(vocab_size=config.model.vocab_size)
        self.corpus = SimpleNamespace(
            train=SimpleNamespace(require_vocabulary=lambda size: None)
        )
        self.build()
        self.model.load_state_dict(start.state_dict())

    def next_batch(self) -> tuple[Tensor, Tensor]:
        return self.batch


def our_step(
    config: TrainConfig, start: Qwen3, batch: tuple[Tensor, Tensor]
) -> Callable[[], object]:
    """One update of the weights by our trainer, as `python -m helpers train` does it.

    RuntimeError if it was to compile and has fallen back to eager, which it does with a message.
    """
    trainer, graphs = FixedBatchTrainer(config, start, batch), GRAPHS["ok"]
    trainer.training_step()
    if config.compile == "yes" and GRAPHS["ok"] == graphs:
        raise RuntimeError("torch.compile failed, and the trainer went on without it")
    return trainer.training_step


def peer_step(
    config: TrainConfig,
    start: Qwen3,
    batch: tuple[Tensor, Tensor],
    attention: str,
    dtype: torch.dtype,
    optimizers: str,
    compiled: bool,
) -> Callable[[], object]:
    """The same update around transformers' model, with the loss that it computes itself.

    optimizers: "fused" or "foreach", the two fast forms of AdamW.
    """
    peer = twin(start, attention).train()
    peer.config.use_cache = False  # else it fills a KV cache that nobody reads
    groups = optim.parameter_groups(peer, config.weight_decay)
    settings = {"lr": LR, "betas": (config.beta1, config.beta2), optimizers: True}
    optimizer = torch.optim.AdamW(groups, **settings)
    forward = torch.compile(peer) if compiled else peer

    def step() -> None:
        for _ in range(config.accumulate):
            with autocast(start.lm_head.weight.device, dtype):
                loss = peer_loss(forward, batch) / config.accumulate
            loss.backward()
        nn.utils.clip_grad_norm_(peer.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def peer_loss(forward: Callable, batch: tuple[Tensor, Tensor]) -> Tensor:
    """transformers' own loss; our labels are shifted already, and it is told so."""
    input_ids, labels = batch
    return forward(input_ids=input_ids, labels=labels, shift_labels=labels).loss


def contestants(
    config: TrainConfig, start: Qwen3, batch: tuple[Tensor, Tensor], compile_too: bool
) -> list[Contestant]:
    """Every setting of both sides, alternating."""
    modes = (False, True) if compile_too else (False,)
    ours = []
    for dtype, compiled in product(DTYPES, modes):
        name = runtime.dtype_name(dtype)
        settings = replace(config, dtype=name, compile="yes" if compiled else "no")
        ours.append(
            Contestant(
                OURS, label(name, compiled), dtype, compiled,
                lambda s=settings: our_step(s, start, batch),
            )
        )  # fmt: skip
    peers = []
    for dtype, compiled, attention, form in product(
        DTYPES, modes, ("sdpa", "eager"), ("fused", "foreach")
    ):
        choice = (attention, dtype, form, compiled)
        name = label(runtime.dtype_name(dtype), compiled, f"{attention} attention", form)
        peers.append(
            Contestant(
                PEER, name, dtype, compiled,
                lambda c=choice: peer_step(config, start, batch, *c),
            )
        )  # fmt: skip
    return alternating(ours, peers)


def label(dtype: str, compiled: bool, *more: str) -> str:
    """The settings in words."""
    return ", ".join([dtype, "compiled" if compiled else "eager", *more])


def bench(
    config: TrainConfig,
    device: torch.device,
    rounds: int,
    turn_seconds: float,
    compile_too: bool,
) -> tuple[list[Result], dict]:
    """Run the contest; return its results and the facts beside them."""
    config = replace(config, lr=LR, min_lr=0.0)
    runtime.seed_everything(config.seed)
    start = Qwen3(config.model).to(device)
    shape = (config.batch_size, config.context)
    ids = torch.randint(config.model.vocab_size, (shape[0], shape[1] + 1), device=device)
    batch = (ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
    difference = loss_difference(start, batch)
    say(f"the two sides' losses on the batch differ by {difference:.1e}")
    turns = contestants(config, start, batch, compile_too)
    results = contest(turns, config.tokens_per_step, rounds, turn_seconds, device)
    facts = {"batch": shape[0], "context": shape[1], "loss_difference": difference}
    return results, {**facts, "limit": limit(config, best(results, OURS), device)}


@torch.no_grad()
def loss_difference(start: Qwen3, batch: tuple[Tensor, Tensor]) -> float:
    """How far the two sides' first losses lie apart, in nats: they do the same work."""
    ours = evaluate.next_token_loss(start, *batch)
    return abs(ours - peer_loss(twin(start, "sdpa"), batch)).item()


def limit(config: TrainConfig, ours: Result, device: torch.device) -> dict:
    """What the machine's matrix products alone would allow, and the share of it that we reach."""
    dtype, batch, context = ours.contestant.dtype, config.batch_size, config.context
    seconds = limits.matmul_seconds(config.model, batch, context, dtype, device)
    flops = limits.training_flops(config.model, context)
    possible = batch * context / seconds
    say(f"all matrix products and nothing else: {possible:,.0f} tokens/s")
    return {
        "dtype": runtime.dtype_name(dtype),
        "flops_per_token": flops,
        "gflops_reached": round(ours.median * flops / 1e9, 1),
        "gflops_of_matmuls": round(possible * flops / 1e9, 1),
        "tokens_per_s_of_matmuls": round(possible),
        "fraction": float(f"{ours.median / possible:.3g}"),
    }
