"""Train a Qwen3 from text: one training step that fits a screen, and the loop around it.

    result = train(preset("cpu"), "checkpoints/stories-cpu")
    trainer = Trainer(preset("cpu"), folder)        the same in parts, to be looked at
    loss, norm = trainer.training_step()

Master weights are float32, the forward pass runs in autocast. A run that was stopped or killed
goes on from its last checkpoint to the same losses, bit for bit on one device.
"""

import math
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from helpers import runtime
from helpers.inference.generate import stream_text
from helpers.lesson.progress import Bar
from helpers.model import weights
from helpers.model.qwen3 import Qwen3
from helpers.text.corpus import prepare_corpus
from helpers.text.data import IGNORED, Batches
from helpers.training import checkpoint, evaluate, report
from helpers.training.checkpoint import TrainingStopped
from helpers.training.config import TrainConfig
from helpers.training.initialize import mimetic
from helpers.training.optim import OPTIMIZERS, set_lr

SAMPLE_AT = (0.0, 0.01, 0.1, 0.3, 1.0)  # shares of the training at which a story is written
SAMPLE_TOKENS = 250  # no story of the built-in world is longer
WORTH_COMPILING = 1_500_000  # tokens: compiling takes 40 s on a CPU, and then halves the time
MAY_CHANGE = {"log_every", "save_every", "keep", "samples"}  # on resuming


def say(line: str) -> None:
    """Tell the person what is going on: standard error, so standard output stays for the result."""
    print(line, file=sys.stderr, flush=True)


class Trainer:
    """A run in a folder: corpus, model, optimizer, position; begun anew or resumed.

    config: what to train. folder: where checkpoints, metrics.jsonl, samples.jsonl and loss.png
    go. ValueError for a config, a corpus or a checkpoint that cannot be used.
    """

    def __init__(self, config: TrainConfig, folder: str | Path) -> None:
        self.folder = Path(folder)
        found = checkpoint.latest(self.folder)
        state = checkpoint.load_state(found) if found else None
        self.device = runtime.pick_device()
        self.config = resolve(config, self.device, state)
        self.corpus = prepare_corpus(
            config.data, config.model.vocab_size, config.documents, config.validation_documents,
            config.tokenizer, say,
        )  # fmt: skip
        self.tokenizer = self.corpus.tokenizer
        self.batches = Batches(
            self.corpus.train, config.batch_size, config.context, config.seed
        )
        self.build()
        self.step, self.seconds = 0, 0.0
        if state is not None:
            self.restore(found, state)

    def build(self) -> None:
        """Model, optimizer, scaler and loss, fresh from the seed."""
        config = self.config
        runtime.seed_everything(config.seed)
        shape = replace(config.model, vocab_size=self.tokenizer.vocab_size)
        self.corpus.train.require_vocabulary(shape.vocab_size)
        self.model = Qwen3(shape).to(self.device)
        if config.mimetic:
            mimetic(self.model, config.mimetic)
        self.schedule = config.make_schedule()
        make = OPTIMIZERS[config.optimizer]
        self.optimizer = make(
            self.model, config.lr, (config.beta1, config.beta2), config.weight_decay
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.dtype == "float16")
        self.loss = evaluate.next_token_loss
        if config.compile == "yes":
            self.loss = compiled(self.loss)

    def autocast(self) -> AbstractContextManager:
        """The precision of the forward pass; float32 needs no autocast."""
        if self.config.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.config.dtype))

    def training_step(self) -> tuple[Tensor, Tensor]:
        """One update of the weights; returns its loss and the norm of its gradient.

        Both stay on the device: reading them would make it wait.
        """
        set_lr(self.optimizer, self.schedule.lr_at(self.step))
        total = torch.zeros((), device=self.device)
        batches = [self.next_batch() for _ in range(self.config.accumulate)]
        count = sum((labels != IGNORED).sum() for _, labels in batches)
        for input_ids, labels in batches:
            with self.autocast():
                loss = self.loss(self.model, input_ids, labels, count)
            self.scaler.scale(loss).backward()
            total += loss.detach()
        self.scaler.unscale_(self.optimizer)  # first: the limit is meant for true gradients
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return total, norm

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next micro-batch on the device; a GPU copies it from pinned memory meanwhile."""
        pair = self.batches.next()
        if self.device.type != "cuda":
            return pair
        return tuple(t.pin_memory().to(self.device, non_blocking=True) for t in pair)

    # ---- the loop

    def run(self) -> None:
        """Train from where the run stands to its last step, saving and reporting on the way.

        TrainingStopped if the loss is no number any more, if the disk is full, or after Ctrl-C or
        SIGTERM (which save first).
        """
        config, recent = self.config, []
        report.forget_after(self.folder / "metrics.jsonl", self.step)
        report.forget_after(self.folder / "samples.jsonl", self.step)
        bar = Bar(config.steps, "training", self.step)
        begin = time.perf_counter() - self.seconds
        with asked_to_stop() as stop:
            self.write_sample()
            while self.step < config.steps:
                recent.append(self.training_step())
                last = self.step == config.steps
                if self.step % config.log_every == 0 or last or stop.is_set():
                    self.seconds = time.perf_counter() - begin
                    bar.update(self.step, self.log(recent))
                    recent = []
                    if self.step % config.save_every == 0 or last or stop.is_set():
                        self.save()
                self.write_sample()
                if stop.is_set() and not last:
                    bar.close()
                    raise TrainingStopped(
                        f"stopped and saved at step {self.step}: the same command goes on"
                    )
        bar.close()

    def log(self, recent: list[tuple[Tensor, Tensor]]) -> str:
        """Write the mean loss of the recent steps to metrics.jsonl; return it in words."""
        losses = torch.stack([loss for loss, _ in recent]).tolist()
        norms = torch.stack([norm for _, norm in recent]).tolist()
        self.require_finite(losses, norms)
        loss = sum(losses) / len(losses)
        tokens_per_byte = len(self.corpus.train.input_ids) / self.corpus.train.text_bytes
        speed = self.step * self.config.tokens_per_step / self.seconds
        record = {
            "step": self.step,
            "loss": loss,
            "bits_per_byte": loss / math.log(2) * tokens_per_byte,
            "lr": self.schedule.lr_at(self.step - 1),
            "grad_norm": max(norms),
            "tokens_per_s": round(speed),
            "seconds": round(self.seconds, 1),
        }
        report.append(self.folder / "metrics.jsonl", record)
        floor = f" (floor {self.corpus.floor:.3f})" if self.corpus.floor else ""
        bits = f"{record['bits_per_byte']:.3f} bits/byte{floor}"
        return f"loss {loss:.3f}  {bits}  {speed:,.0f} tokens/s"

    def require_finite(self, losses: list[float], norms: list[float]) -> None:
        """TrainingStopped at the first step whose loss is not a number, naming what is still good.

        In float16 an infinite gradient is ordinary: the scaler skips that update.
        """
        for i, (loss, norm) in enumerate(zip(losses, norms, strict=True)):
            fine = math.isfinite(loss) and (self.scaler.is_enabled() or math.isfinite(norm))
            if not fine:
                good = checkpoint.latest(self.folder)
                raise TrainingStopped(
                    f"the loss is {loss}, the gradient's norm {norm} at step "
                    f"{self.step - len(losses) + i + 1}; last good checkpoint: {good or 'none'}. "
                    f"Lower the rate (--set lr={self.config.lr / 2:g}) and begin with --fresh"
                )

    def write_sample(self) -> None:
        """At its milestones, let the model write one story, always with the same random numbers."""
        steps = self.config.steps
        if self.step not in {round(share * steps) for share in SAMPLE_AT}:
            return
        written = report.read(self.folder / "samples.jsonl")
        if any(record["step"] == self.step for record in written):
            return
        settings = {"max_new_tokens": SAMPLE_TOKENS, "sampling": evaluate.GRADED, "seed": 1}
        text = "".join(stream_text(self.model, self.tokenizer, **settings))
        report.append(self.folder / "samples.jsonl", {"step": self.step, "text": text})
        shown = text.strip() if self.step > steps / 20 else text.strip()[:200]
        say(f"\n--- a story after step {self.step} of {steps}\n{shown}\n")

    # ---- what is kept

    def save(self) -> None:
        """Write a checkpoint; TrainingStopped if the disk is full."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "config": asdict(self.config),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": checkpoint.random_states(),
            "batches": self.batches.state_dict(),
        }
        try:
            checkpoint.save(
                self.folder, self.step, self.model, self.tokenizer, state, self.config.keep
            )
        except OSError as error:
            good = checkpoint.latest(self.folder)
            free = shutil.disk_usage(self.folder).free / 1e6
            raise TrainingStopped(
                f"cannot save step {self.step} to {self.folder} ({error.strerror}, "
                f"{free:.0f} MB free): make room and give the same command; "
                f"last good checkpoint: {good or 'none'}"
            ) from None

    def restore(self, folder: Path, state: dict) -> None:
        """Go back to the moment of a checkpoint, in every number that training depends on."""
        loaded = weights.load(folder, self.device)
        self.model.load_state_dict(loaded.state_dict())
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.batches.load_state_dict(state["batches"])
        self.step, self.seconds = state["step"], state["seconds"]
        checkpoint.restore_random_states(state["random"])
        say(f"resuming {self.folder} at step {self.step} of {self.config.steps}")

    def result(self) -> dict:
        """Held-out bits per byte beside the floor, the grade of sampled stories, the speed."""
        corpus, config = self.corpus, self.config
        held_out = evaluate.evaluate(self.model, corpus.validation, autocast=self.autocast)
        metrics = self.folder / "metrics.jsonl"
        record = {"step": self.step, "val_bpb": held_out.bits_per_byte}
        if record not in report.read(metrics):  # a finished run may be asked again
            report.append(metrics, record)
        report.draw_loss(self.folder, corpus.floor)
        result = {
            "val_bpb": round(held_out.bits_per_byte, 4),
            "floor_bpb": round(corpus.floor, 4) if corpus.floor else None,
            "grade_pass": None,
            "tokens_per_s": round(self.step * config.tokens_per_step / max(self.seconds, 1e-9)),
            "seconds": round(self.seconds, 1),
            "steps": self.step,
            "checkpoint": str(checkpoint.latest(self.folder)),
        }
        if config.data == "stories":
            say(f"grading {config.samples} stories that the model writes")
            texts = evaluate.write_stories(self.model, self.tokenizer, config.samples)
            grades = evaluate.grade_stories(texts)
            result["grade_pass"] = grades.passed
            result["grades"] = grades.by_verdict
        return result


def train(config: TrainConfig, folder: str | Path, fresh: bool = False) -> dict:
    """Train, or go on with the run in `folder` (or forget it, if `fresh`); return what came of it.

    Returns val_bpb, floor_bpb (None for text of unknown entropy), grade_pass, tokens_per_s,
    seconds, steps, checkpoint. ValueError and TrainingStopped: see Trainer.
    """
    folder = Path(folder)
    if fresh and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, folder)
    describe(trainer)
    trainer.run()
    return trainer.result()


def describe(trainer: Trainer) -> None:
    """Say what is about to be trained, on what, in which precision and why."""
    config, corpus = trainer.config, trainer.corpus
    parameters = sum(p.numel() for p in trainer.model.parameters())
    _, why = runtime.pick_dtype(trainer.device)
    say(
        f"model: {parameters:,} parameters · data: {len(corpus.train):,} documents, "
        f"{len(corpus.train.input_ids):,} tokens · {config.steps:,} steps of "
        f"{config.tokens_per_step:,} tokens\n"
        f"device: {trainer.device}, {config.dtype} ({why}), compile: {config.compile}"
    )


def resolve(config: TrainConfig, device: torch.device, state: dict | None) -> TrainConfig:
    """Decide what is "auto"; a run that resumes keeps what it began with.

    ValueError if the checkpoint belongs to a run with other settings.
    """
    if state is not None:
        begun = state["config"]
        for name in ("dtype", "compile"):
            if getattr(config, name) == "auto":
                config = replace(config, **{name: begun[name]})
        now = asdict(config)
        changed = [k for k in now if k not in MAY_CHANGE and now[k] != begun.get(k)]
        if changed:
            raise ValueError(
                f"the run in this folder was begun with other settings ({', '.join(changed)}): "
                "give the same ones to go on, or --fresh to begin anew, or another --out"
            )
    if config.dtype == "auto":
        config = replace(config, dtype=runtime.dtype_name(runtime.pick_dtype(device)[0]))
    if config.compile == "auto":
        worth = config.steps * config.tokens_per_step >= WORTH_COMPILING
        config = replace(config, compile="yes" if worth else "no")
    return config


def compiled(loss: Callable) -> Callable:
    """`loss` under torch.compile; plain `loss`, and a word about it, if its first call fails."""
    fast, checked = torch.compile(loss), False

    def call(*args):
        nonlocal fast, checked
        try:
            return fast(*args)
        except Exception as error:  # whatever a compiler on somebody's machine may raise
            if checked:
                raise
            say(f"torch.compile failed ({type(error).__name__}): training without it")
            fast = loss
            return loss(*args)
        finally:
            checked = True

    return call


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that the loop can save before it ends."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda *_: event.set()) for n in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
