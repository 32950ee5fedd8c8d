"""First weights from which a small model learns early to look back and copy.

A story says a name once and then again and again; the best guess for it stands in the text. Yet
from random weights attention finds that out very late: what it looks at is noise, and what it
brings back is noise, so neither can improve before the other has. Pretrained models show what
both become: queries meet keys that are like them, and values come back as what they were.
"""

import torch
from torch import nn

from helpers.model.attention import Attention
from helpers.model.qwen3 import Qwen3


@torch.no_grad()
def mimetic(model: Qwen3, gain: float = 1.5, likeness: float = 0.9) -> None:
    """Start every attention so that a token looks at tokens like itself and copies them.

    gain: how loudly what was looked at comes back (values times output is `gain` times a
    projection). likeness: share of the key weights in the query weights, the rest is noise.
    Trockman and Kolter 2023, arXiv:2305.09828, §3; the sign is the one that copies, as a head
    tied to the embedding turns what comes back into the token that it was.
    """
    for block in model.model.layers:
        attention = block.self_attn
        nn.init.orthogonal_(attention.k_proj.weight)
        nn.init.orthogonal_(attention.v_proj.weight)
        for head in range(attention.o_proj.in_features // attention.head_dim):
            mimic_head(attention, head, gain, likeness)


def mimic_head(attention: Attention, head: int, gain: float, likeness: float) -> None:
    """Make one query head alike to its key head, and its output the transpose of its values."""
    size = attention.head_dim
    rows = slice(head * size, (head + 1) * size)
    shared = slice(head // attention.groups * size, (head // attention.groups + 1) * size)
    keys, values = attention.k_proj.weight[shared], attention.v_proj.weight[shared]
    noise = torch.randn_like(keys) / keys.shape[1] ** 0.5  # rows of length 1, as the keys'
    attention.q_proj.weight[rows] = likeness * keys + (1 - likeness) * noise
    attention.o_proj.weight[:, rows] = gain * values.T
