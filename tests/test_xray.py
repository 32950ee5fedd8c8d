"""The shape X-ray: its FLOPs are those of torch's own counter, its shapes those of the model."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from twins import SMALL, random_ids, random_model

from helpers.lesson import xray
from helpers.lesson.xray import Row
from helpers.model.weights import count_parameters

BATCH, TIME = 2, 7
CONFIGS = {
    "small": SMALL,
    "one key/value head": replace(SMALL, num_key_value_heads=1),
    "untied": replace(SMALL, tie_word_embeddings=False, vocab_size=37),
}


def looked_into(config=SMALL):
    return xray.xray(random_model(config), random_ids(config, BATCH, TIME))


def total(rows):
    return sum(row.flops for row in rows)


def counted_by_torch(model, *inputs):
    """torch's counter; it knows attention's fused kernels of a GPU, but not the one of a CPU."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(*inputs)
    return counter.get_total_flops()


def hooks_of(model):
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]


# ---- FLOPs


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_flops_equal_those_of_torch_with_attention_written_out(config):
    model, input_ids = random_model(config), random_ids(config, BATCH, TIME)
    assert total(xray.xray(model, input_ids)) == counted_by_torch(model, input_ids) > 0


def test_the_backend_of_attention_does_not_change_the_count():
    with sdpa_kernel(SDPBackend.MATH):
        written_out = looked_into()
    assert written_out == looked_into()


def test_flops_of_a_qwen3_by_hand():
    c, tokens = SMALL, BATCH * TIME
    matrices = count_parameters(random_model()) - sum(
        p.numel() for name, p in random_model().named_parameters() if "norm" in name
    )  # the tied table is used once as a matrix: as the head
    pairs = c.num_hidden_layers * c.num_attention_heads * tokens * TIME
    assert total(looked_into()) == 2 * tokens * matrices + 2 * pairs * 2 * c.head_dim


def test_flops_belong_to_the_module_that_does_the_product():
    flops = {row.name: row.flops for row in looked_into()}
    assert flops["model.layers.0.mlp"] == flops["model.layers.0"] == flops["model"] == 0
    attention = BATCH * SMALL.num_attention_heads * TIME * TIME * 2 * 2 * SMALL.head_dim
    assert flops["model.layers.1.self_attn"] == attention
    assert flops["lm_head"] == 2 * BATCH * TIME * SMALL.hidden_size * SMALL.vocab_size


class Does(nn.Module):
    """A module that is one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


A, B, V, W = torch.rand(3, 5), torch.rand(5, 4), torch.rand(5), torch.rand(4)


@pytest.mark.parametrize(
    ("function", "inputs", "flops"),
    [
        (torch.matmul, (A, B), 2 * 3 * 5 * 4),
        (lambda a, b: a @ b, (A.expand(6, 3, 5), B), 2 * 6 * 3 * 5 * 4),
        (lambda a, b: torch.einsum("nij,jk->nik", a, b), (A.expand(6, 3, 5), B), 720),
        (lambda a, b: torch.einsum("bij,bkj->bik", a, a), (A.expand(6, 3, 5), B), 540),
        (nn.Linear(5, 4), (A,), 2 * 3 * 5 * 4),
        (torch.mv, (A, V), 2 * 3 * 5),
        (torch.dot, (V, V), 2 * 5),
        (torch.addmv, (A[:, 0], A, V), 2 * 3 * 5),
        (torch.add, (A, A), 0),
        (torch.softmax, (A, -1), 0),
        (torch.nn.functional.scaled_dot_product_attention, (A[None], A[None], A[None]), 180),
        (
            lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v),
            (torch.rand(2, 1, 3, 8), torch.rand(2, 1, 5, 8), torch.rand(2, 1, 5, 8)),
            2 * 2 * 3 * 5 * (8 + 8),
        ),
    ],
)
def test_flops_of_single_products(function, inputs, flops):
    assert total(xray.xray(Does(function), *inputs)) == flops


@pytest.mark.parametrize("kernel", ["flash_attention", "efficient_attention"])
def test_fused_attention_may_have_values_of_another_width(kernel):
    q, k, v = torch.rand(2, 3, 4, 8), torch.rand(2, 3, 5, 8), torch.rand(2, 3, 5, 6)
    assert xray.flops(f"_scaled_dot_product_{kernel}", (q, k, v), None) == 2 * 6 * 4 * 5 * 14
    assert xray.flops(f"_scaled_dot_product_{kernel}_backward", (q, k, v), None) == 0


def test_inference_mode_around_it_changes_nothing():
    expected = looked_into()
    with torch.inference_mode():
        assert looked_into() == expected


# ---- rows


def test_rows_have_the_shapes_of_the_model_in_the_order_of_the_pass():
    rows = looked_into()
    names = [row.name for row in rows]
    assert names[0] == "model.embed_tokens" and names[-2:] == ["lm_head", ""]
    assert sorted(names) == sorted(
        name for name, m in random_model().named_modules() if not isinstance(m, nn.ModuleList)
    )
    shapes = {row.name: row.shape for row in rows}
    assert shapes["model.layers.0.self_attn.k_proj"] == (BATCH, TIME, 2 * 6)
    assert shapes["model.layers.0.self_attn.q_norm"] == (BATCH, 4, TIME, 6)
    assert shapes["model.layers.1.mlp.up_proj"] == (BATCH, TIME, 28)
    assert shapes["lm_head"] == shapes[""] == (BATCH, TIME, 61)


def test_bytes_follow_the_dtype():
    model = random_model()
    wide = xray.xray(model, random_ids(SMALL, BATCH, TIME))
    narrow = xray.xray(model.bfloat16(), random_ids(SMALL, BATCH, TIME))
    assert {row.dtype for row in narrow} == {torch.bfloat16}
    assert [2 * row.bytes for row in narrow] == [row.bytes for row in wide]
    assert [row.flops for row in narrow] == [row.flops for row in wide]
    assert wide[-1].bytes == 4 * BATCH * TIME * SMALL.vocab_size


def test_a_module_that_is_called_twice_has_two_rows():
    layer = nn.Linear(5, 5)
    rows = xray.xray(nn.Sequential(layer, layer), A)
    assert [row.name for row in rows] == ["0", "0", ""]
    assert total(rows) == 2 * 2 * 3 * 5 * 5


def test_several_outputs_have_a_row_each_and_the_cost_only_once():
    def several(a, b):
        return {"product": a @ b, "rest": [a, (b, None, "words")]}

    rows = xray.xray(Does(several), A, B)
    assert [row.shape for row in rows] == [(3, 4), (3, 5), (5, 4)]
    assert [row.flops for row in rows] == [120, 0, 0]


# ---- it leaves no trace


def test_the_model_is_left_as_it_was():
    model, input_ids = random_model(), random_ids(SMALL, BATCH, TIME)
    before = model(input_ids)
    xray.xray(model, input_ids)
    assert hooks_of(model) == []
    assert torch.equal(model(input_ids), before)
    assert torch.is_grad_enabled() and model(input_ids).requires_grad
    assert all(p.grad is None for p in model.parameters())


def test_hooks_are_removed_when_the_model_raises():
    def fails(x):
        raise KeyError("in the middle")

    model = nn.Sequential(nn.Linear(5, 5), Does(fails))
    with pytest.raises(KeyError, match="in the middle"):
        xray.xray(model, A)
    assert hooks_of(model) == []


def test_hooks_of_others_stay():
    model = nn.Linear(5, 5)
    mine = model.register_forward_hook(lambda module, args, output: None)
    xray.xray(model, A)
    assert list(model._forward_hooks) == [mine.id]


# ---- the table


def test_the_table_is_aligned():
    rows = [
        Row("layers.0", "Linear", (2, 3), torch.float32, 24, 1_200),
        Row("", "Model", (), torch.bfloat16, 2, 0),
    ]
    assert xray.table(rows).splitlines() == [
        "name         shape  dtype     bytes  FLOPs",
        "layers.0     2 x 3  float32      24  1,200",
        "(the model)         bfloat16      2      0",
        "sum                                  1,200",
    ]
