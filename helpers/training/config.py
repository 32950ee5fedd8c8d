"""What a run is made of: one flat config, presets for several machines, key=value settings."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

from helpers.model.qwen3 import Qwen3Config
from helpers.training.optim import OPTIMIZERS, Schedule

DTYPES = ("auto", "float32", "bfloat16", "float16")
COMPILE = ("auto", "yes", "no")


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run; those of the model stand in `model`, under Hugging Face's names.

    A *step* is one update of the weights; what is accumulated in it is a *micro-batch*.
    ValueError for settings that cannot work.
    """

    model: Qwen3Config = field(default_factory=Qwen3Config)

    # data
    data: str = "stories"  # or "tinystories", or a path to .txt, .jsonl, .parquet
    documents: int | None = None  # to train on; None is all of them
    validation_documents: int = 300
    tokenizer: str | None = None  # a folder; None trains one of model.vocab_size tokens

    # training
    steps: int = 1000
    batch_size: int = 16  # rows of a micro-batch
    context: int = 256  # tokens of a row
    accumulate: int = 1  # micro-batches of a step
    optimizer: str = "adamw"  # or "muon", for the matrices of the blocks
    lr: float = 3e-3
    min_lr: float = 0.0
    warmup: int = 50  # steps
    schedule: str = "stable"  # or "cosine"
    decay: float = 0.3  # the share of the steps in which "stable" comes down
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.98
    clip: float = 1.0  # largest norm of the gradient
    mimetic: float = 1.5  # first weights that copy (initialize.py); 0 leaves them random
    seed: int = 0

    # machine
    dtype: str = "auto"  # float32, bfloat16, float16; auto measures or asks the GPU
    compile: str = "auto"  # yes, no; auto compiles runs that are long enough to pay for it

    # what is kept and shown
    log_every: int = 10  # steps
    save_every: int = 200  # steps
    keep: int = 2  # checkpoints
    samples: int = 100  # stories to grade at the end

    def __post_init__(self) -> None:
        self.make_schedule()
        choices = {"dtype": DTYPES, "compile": COMPILE, "optimizer": OPTIMIZERS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: use one of {', '.join(allowed)}"
                )
        for name in ("batch_size", "context", "accumulate", "log_every", "save_every", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if self.context > self.model.max_position_embeddings:
            raise ValueError(
                f"context={self.context} is longer than max_position_embeddings="
                f"{self.model.max_position_embeddings}: raise that, or shorten the context"
            )

    def make_schedule(self) -> Schedule:
        """The learning rate of every step; ValueError if it would rise or never come down."""
        return Schedule(
            self.schedule, self.lr, self.min_lr, self.warmup, self.steps, self.decay
        )

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one update learns from."""
        return self.batch_size * self.context * self.accumulate


PRESETS = {
    # CI: seconds on two cores; the stories that it writes are not stories yet
    "tiny": TrainConfig(
        model=Qwen3Config(
            vocab_size=1024, hidden_size=64, intermediate_size=128, num_hidden_layers=2
        ),
        documents=1500,
        validation_documents=50,
        steps=60,
        batch_size=8,
        context=128,
        warmup=5,
        lr=8e-3,
        save_every=30,
        samples=10,
        compile="no",
    ),
    # a laptop: minutes on two cores, and it writes stories
    "cpu": TrainConfig(
        model=Qwen3Config(initializer_range=0.08),
        documents=45_000,
        steps=3600,
        batch_size=12,
        context=144,  # nearly every story fits, and little of a window goes to one that is cut
        warmup=60,
        lr=3e-3,
        decay=0.8,
        save_every=500,
    ),
    # checkpoints/reference: a quarter of an hour on two cores
    "reference": TrainConfig(
        model=Qwen3Config(
            hidden_size=192,
            intermediate_size=512,
            num_attention_heads=6,
            initializer_range=0.07,
        ),
        documents=110_000,
        steps=9000,
        batch_size=12,
        context=144,
        warmup=60,
        lr=2e-3,
        decay=0.8,
        save_every=500,
        samples=200,
    ),
    # Colab's free GPU, float16: planned for 100,000 tokens/s, three quarters of an hour
    "t4": TrainConfig(
        model=Qwen3Config(
            vocab_size=8192,
            hidden_size=384,
            intermediate_size=1024,
            num_hidden_layers=8,
            num_attention_heads=6,
            head_dim=64,
        ),
        data="tinystories",
        steps=8000,
        batch_size=64,
        context=512,
        warmup=200,
        lr=2e-3,
        min_lr=1e-4,
        schedule="cosine",
        save_every=500,
    ),
}
# an A100 or better, bfloat16: planned for a quarter of an hour
PRESETS["a100"] = replace(
    PRESETS["t4"],
    model=replace(
        PRESETS["t4"].model,
        hidden_size=512,
        intermediate_size=1408,
        num_attention_heads=8,
        num_key_value_heads=4,
    ),
    batch_size=128,
)


def preset(name: str, **settings: Any) -> TrainConfig:
    """A preset with some settings changed: preset("cpu", steps=500, hidden_size=96).

    A file of your own is read whole, unless `documents` says how much of it. ValueError for an
    unknown preset or setting.
    """
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is unknown: use one of {', '.join(PRESETS)}")
    if settings.get("data", "stories") not in ("stories", "tinystories"):
        settings = {"documents": None, **settings}
    return with_settings(PRESETS[name], settings)


def with_settings(config: TrainConfig, settings: dict[str, Any]) -> TrainConfig:
    """`config` with settings changed by name, whether they are its own or the model's.

    Strings, as they come from a command line, are read as the type of the setting.
    """
    own = {f.name for f in fields(TrainConfig)} - {"model"}
    models = {f.name for f in fields(Qwen3Config)}
    for name in settings:
        if name not in own | models:
            known = ", ".join(sorted(own | models))
            raise ValueError(f"no setting is called {name!r}; there are: {known}")
    model = replace(config.model, **read(Qwen3Config, settings, models))
    return replace(config, model=model, **read(TrainConfig, settings, own))


def read(owner: type, settings: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The settings among `names`, strings turned into the types of `owner`'s fields."""
    hints = get_type_hints(owner)
    return {k: read_one(k, v, hints[k]) for k, v in settings.items() if k in names}


def read_one(name: str, value: Any, hint: Any) -> Any:
    """One value as its type: "3e-4" as a float, "true" as a bool, "none" as None."""
    if not isinstance(value, str) or hint is str:
        return value
    try:
        if value.lower() == "none" and hint not in (int, float, bool):
            return None
        if hint is bool:
            return {"true": True, "yes": True, "false": False, "no": False}[value.lower()]
        if hint in (str | None,):
            return value
        return float(value) if hint is float else int(value)
    except (KeyError, ValueError):
        raise ValueError(f"{name}={value!r} cannot be read: it takes {hint}") from None
