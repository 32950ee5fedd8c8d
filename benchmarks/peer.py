"""The peer: transformers' Qwen3ForCausalLM with our config and our weights."""

import torch
from torch import nn

from helpers.model import weights
from helpers.model.qwen3 import Qwen3


def require_transformers() -> str:
    """The version of transformers; ValueError with the way to install it if it is not there."""
    try:
        import transformers
    except ImportError:
        raise ValueError(
            "the peer is missing; install it: python -m pip install transformers -c constraints.txt"
        ) from None
    transformers.logging.set_verbosity_error()
    return transformers.__version__


def twin(model: Qwen3, attention: str) -> nn.Module:
    """transformers' model of the same config and weights, on the same device and of the same dtype.

    attention: "sdpa" or "eager", as transformers calls them.
    """
    from transformers import Qwen3Config, Qwen3ForCausalLM

    parameter = next(model.parameters())
    config = Qwen3Config(**weights.hub_config(model.config, parameter.dtype))
    config._attn_implementation = attention
    peer = Qwen3ForCausalLM(config).to(parameter.device, parameter.dtype)
    peer.load_state_dict(model.state_dict())
    return peer


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """The precision of a forward pass; float32 leaves all as it is."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
