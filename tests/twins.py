"""What the tests of the model share: small random models, and the same model in transformers."""

from dataclasses import asdict

import torch

from helpers.model.gpt import GPT, GPTConfig
from helpers.model.qwen3 import Qwen3, Qwen3Config

SMALL = Qwen3Config(
    vocab_size=61,
    hidden_size=20,
    intermediate_size=28,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=6,  # not hidden_size / heads
    max_position_embeddings=64,
    initializer_range=0.2,  # large enough that the logits are not all near zero
)

SMALL_GPT = GPTConfig(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=28,
    num_hidden_layers=2,
    num_attention_heads=4,
    head_dim=6,
    max_position_embeddings=40,
    initializer_range=0.2,
)


def random_model(config: Qwen3Config = SMALL, seed: int = 0) -> Qwen3:
    """A model with random weights; its norms too, which start as ones and would hide a mistake."""
    torch.manual_seed(seed)
    return with_random_norms(Qwen3(config))


def random_gpt(config: GPTConfig = SMALL_GPT, seed: int = 0) -> GPT:
    """The same for a GPT."""
    torch.manual_seed(seed)
    return with_random_norms(GPT(config).eval())


def with_random_norms(model: torch.nn.Module) -> torch.nn.Module:
    for name, parameter in model.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def random_ids(
    config: Qwen3Config | GPTConfig, batch: int, time: int, seed: int = 0
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(config.vocab_size, (batch, time), generator=generator)


def in_transformers(model: Qwen3, **more) -> torch.nn.Module:
    """transformers' model of the same config, and of `more`, with copies of the weights."""
    import transformers  # takes seconds

    settings = asdict(model.config)
    settings |= rope_settings(transformers.__version__, settings.pop("rope_theta"))
    kind = getattr(transformers, type(model.config).__name__)  # the same name as ours
    config = kind(**settings, bos_token_id=None, eos_token_id=None, **more)
    # Not .to(dtype) afterwards: that would round the frequencies of RoPE too.
    theirs = transformers.AutoModelForCausalLM.from_config(
        config, dtype=model.lm_head.weight.dtype
    )
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()


def rope_settings(version: str, theta: float) -> dict:
    """The base of RoPE as transformers 4 and 5 spell it."""
    if version.startswith("4."):
        return {"rope_theta": theta}
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}
