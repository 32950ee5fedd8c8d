"""Every formula of size.py against a measurement: parameters, FLOPs, bytes that are there."""

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from twins import SMALL, random_ids

from helpers.model import size
from helpers.model.cache import KVCache
from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.model.size import LiveBytes
from helpers.model.weights import count_parameters

CONFIGS = {
    "small": SMALL,
    "default": Qwen3Config(),
    "untied": Qwen3Config(tie_word_embeddings=False, num_hidden_layers=2),
    "one key/value head": Qwen3Config(num_key_value_heads=1, vocab_size=300),
    "as many heads": Qwen3Config(num_key_value_heads=4, intermediate_size=256),
    "deep and thin": Qwen3Config(hidden_size=32, num_hidden_layers=12, head_dim=8),
    "large vocabulary": Qwen3Config(vocab_size=20_000, hidden_size=64, num_hidden_layers=1),
}
# The real ones, from their config.json, and the parameters that the hub shows for them.
REAL = Qwen3Config(
    vocab_size=151_936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
    num_attention_heads=16, num_key_value_heads=8, head_dim=128,
)  # fmt: skip
PUBLISHED = {
    "Qwen3-0.6B": (REAL, 596_049_920),
    "Qwen3-8B": (
        replace(REAL, hidden_size=4096, intermediate_size=12_288, num_hidden_layers=36,
                num_attention_heads=32, tie_word_embeddings=False),
        8_190_735_360,
    ),
}  # fmt: skip
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
each_published = pytest.mark.parametrize(
    ("config", "parameters"), PUBLISHED.values(), ids=PUBLISHED.keys()
)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
each_kernel = pytest.mark.parametrize("scores", [False, True], ids=["fused", "scores"])


def on_paper(config):
    """The model without memory: every shape is there, and no number."""
    with torch.device("meta"):
        return Qwen3(config)


def kernel(scores):
    """Attention with all its scores in memory, or fused."""
    return sdpa_kernel(SDPBackend.MATH if scores else SDPBackend.FLASH_ATTENTION)


def precision(dtype):
    return nullcontext() if dtype == torch.float32 else torch.autocast("cpu", dtype)


def loss_of(model, input_ids, dtype, scores):
    with kernel(scores), precision(dtype):
        logits = model(input_ids).float()
        return F.cross_entropy(logits.flatten(0, 1), input_ids.flatten())


# ---- parameters


@each_config
def test_parameters_are_those_of_the_model(config):
    assert size.parameters(config) == count_parameters(on_paper(config))


@each_published
def test_parameters_are_those_that_were_published(config, parameters):
    assert size.parameters(config) == parameters


# ---- FLOPs


def counted(work):
    """FLOPs by torch's counter, which knows attention written out on every device."""
    with kernel(scores=True), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@each_config
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (2, 7), (3, 64)])
def test_forward_flops_are_those_that_torch_counts(config, batch, time):
    model = on_paper(config)
    input_ids = torch.zeros(batch, time, dtype=torch.long, device="meta")
    assert size.forward_flops(config, batch, time) == counted(lambda: model(input_ids))


@each_published
def test_forward_flops_of_the_real_ones(config, parameters):
    model, input_ids = on_paper(config), torch.zeros(1, 512, dtype=torch.long, device="meta")
    assert size.forward_flops(config, 1, 512) == counted(lambda: model(input_ids))


@pytest.mark.parametrize(("past", "time"), [(5, 1), (5, 3), (0, 1)])
def test_forward_flops_with_a_cache(past, time):
    model, cache = Qwen3(SMALL), KVCache(max_length=10)
    with torch.no_grad():
        if past:
            model(random_ids(SMALL, 2, past), cache)
        flops = counted(lambda: model(random_ids(SMALL, 2, time), cache))
    assert size.forward_flops(SMALL, 2, time, past) == flops


@each_config
def test_training_flops_are_those_that_torch_counts(config):
    model, input_ids = on_paper(config), torch.zeros(2, 9, dtype=torch.long, device="meta")
    flops = counted(lambda: model(input_ids).sum().backward())
    assert size.training_flops(config, 2, 9) == flops


# ---- memory: what autograd keeps


def kept_by_autograd(model, work):
    """Bytes of the distinct storages that autograd saves during `work`, weights left out."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = work()  # held until all is counted
    assert loss.requires_grad
    return sum(kept.values())


@each_config
@each_dtype
@each_kernel
def test_activations_are_within_two_percent(config, dtype, scores):
    model, input_ids = Qwen3(config), random_ids(config, 2, 64)
    kept = kept_by_autograd(model, lambda: loss_of(model, input_ids, dtype, scores))
    predicted = size.activation_bytes(config, 2, 64, dtype, scores)
    assert predicted == pytest.approx(kept, rel=0.02)


def test_activations_grow_with_the_square_of_the_time_only_where_scores_are_kept():
    def ratio(scores):
        short, long = (
            size.activation_bytes(SMALL, 1, t, scores=scores) for t in (1000, 10_000)
        )
        return long / short

    assert ratio(scores=False) == pytest.approx(10)
    assert ratio(scores=True) > 80


def test_a_dtype_that_autocast_has_not_is_refused():
    with pytest.raises(ValueError, match="use float32, bfloat16 or float16"):
        size.training_memory(SMALL, 1, 1, torch.float64)


# ---- memory: a whole training step


def measured_step(config, batch, time, dtype, scores, accumulate=1):
    """Bytes between the steps, and at the worst moment of the second one."""
    with LiveBytes() as meter:
        model = Qwen3(config)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        input_ids = random_ids(config, batch, time)

        def step():
            for _ in range(accumulate):
                loss_of(model, input_ids, dtype, scores).backward()
            optimizer.step()
            optimizer.zero_grad()

        step()
        between, meter.peak = meter.now, 0
        step()
    return between, meter.peak


@each_config
@each_dtype
@each_kernel
def test_memory_of_a_step_is_within_ten_percent(config, dtype, scores):
    between, peak = measured_step(config, 2, 64, dtype, scores)
    predicted = size.training_memory(config, 2, 64, dtype, scores)
    assert predicted.weights + predicted.moments == pytest.approx(between, rel=0.02)
    assert predicted.peak == pytest.approx(peak, rel=0.1)


@each_config
@each_dtype
def test_memory_with_accumulation_is_within_ten_percent(config, dtype):
    _, peak = measured_step(config, 2, 64, dtype, scores=False, accumulate=2)
    predicted = size.training_memory(config, 2, 64, dtype)
    assert predicted.peak_accumulating == pytest.approx(peak, rel=0.1)


@pytest.mark.parametrize("vocabulary", [61, 4000])
@pytest.mark.parametrize("layers", [1, 4])
@each_kernel
def test_memory_of_a_long_text_is_within_ten_percent(vocabulary, layers, scores):
    config = replace(SMALL, vocab_size=vocabulary, num_hidden_layers=layers)
    _, peak = measured_step(config, 1, 300, torch.float32, scores)
    predicted = size.training_memory(config, 1, 300, scores=scores)
    assert predicted.peak == pytest.approx(peak, rel=0.1)


@settings(max_examples=40)
@given(
    st.builds(
        lambda heads, groups, **sizes: Qwen3Config(
            num_attention_heads=heads * groups, num_key_value_heads=heads, **sizes
        ),
        heads=st.integers(1, 3),
        groups=st.integers(1, 3),
        vocab_size=st.integers(50, 3000),
        hidden_size=st.integers(16, 128),
        intermediate_size=st.integers(16, 300),
        num_hidden_layers=st.integers(1, 4),
        head_dim=st.sampled_from([8, 16, 32]),
        tie_word_embeddings=st.booleans(),
    ),
    st.integers(1, 4),
    st.integers(1, 80),
    st.sampled_from([torch.float32, torch.bfloat16]),
    st.booleans(),
)
def test_memory_of_any_step_is_within_ten_percent(config, batch, time, dtype, scores):
    _, peak = measured_step(config, batch, time, dtype, scores)
    predicted = size.training_memory(config, batch, time, dtype, scores)
    assert predicted.peak == pytest.approx(peak, rel=0.1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each_dtype
def test_memory_of_a_step_on_a_gpu_is_within_ten_percent(dtype):
    """Against the allocator itself, in a model whose step is large beside cuBLAS's workspace."""
    if dtype == torch.bfloat16 and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("no bfloat16 here")
    config = Qwen3Config(hidden_size=512, intermediate_size=1536, num_key_value_heads=4)
    model = Qwen3(config).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    input_ids = random_ids(config, 16, 512).cuda()
    for _ in range(2):
        torch.cuda.reset_peak_memory_stats()
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            logits = model(input_ids).float()
            loss = F.cross_entropy(logits.flatten(0, 1), input_ids.flatten())
        del logits
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    predicted = size.training_memory(config, 16, 512, dtype)
    assert predicted.peak == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cache_bytes_are_those_of_the_cache(dtype):
    model, cache = Qwen3(SMALL).to(dtype), KVCache(max_length=11)
    with torch.no_grad():
        model(random_ids(SMALL, 3, 5), cache)
    assert size.cache_bytes(SMALL, 3, 11, dtype) == cache.bytes


# ---- the meter


def test_a_storage_counts_once_however_many_views_it_has():
    with LiveBytes() as meter:
        x = torch.zeros(10, 10)
        views = [x[0], x.T, x.reshape(100), x.detach()]
        x.add_(1)
    assert meter.now == meter.peak == 400
    assert len(views) == 4


def test_what_is_freed_is_taken_off_and_the_peak_stays():
    with LiveBytes() as meter:
        x = torch.zeros(100)
        y = x + 1
        del x
        assert meter.now == 400
        z = y * 2
    assert (meter.now, meter.peak) == (800, 800)
    del y, z
    assert (meter.now, meter.peak) == (0, 800)


def test_what_was_there_before_does_not_count():
    weight = torch.zeros(1000, requires_grad=True)
    with LiveBytes() as meter:
        view = weight.view(10, 100)
        assert meter.now == 0
        kept = (view * 2).exp()  # exp keeps its result, the product nothing
    assert meter.now == kept.nbytes == 4000


def test_the_trace_has_a_point_for_each_operation():
    with LiveBytes() as meter:
        x = torch.zeros(25)
        y = x + 1
    assert meter.trace == [100, 200]
    assert y.nbytes == 100


def test_the_meter_sees_what_the_graph_of_a_loss_holds():
    model, input_ids = Qwen3(SMALL), random_ids(SMALL, 2, 9)
    with LiveBytes() as meter:
        loss = loss_of(model, input_ids, torch.float32, scores=False)
        assert meter.now == pytest.approx(size.activation_bytes(SMALL, 2, 9), rel=0.02)
        loss.backward()
        model.zero_grad()
    assert meter.now == loss.nbytes


def test_the_meter_works_on_paper():
    x = torch.zeros(30, 30, device="meta")
    with LiveBytes() as meter:
        y = x @ x
    assert meter.now == y.nbytes == 3600


# ---- time and cards


def test_the_slower_of_arithmetic_and_traffic_sets_the_time():
    assert size.predicted_seconds(flops=8, moved=8, peak=2, bandwidth=4) == 4
    assert size.predicted_seconds(flops=8, moved=32, peak=2, bandwidth=4) == 8


@pytest.mark.parametrize("speeds", [(0, 1), (1, 0), (-1, 1)])
def test_a_machine_without_speed_is_refused(speeds):
    with pytest.raises(ValueError, match="must be positive"):
        size.predicted_seconds(1, 1, *speeds)


def test_cards_have_the_precisions_of_their_architecture():
    for name, card in size.CARDS.items():
        assert ("bfloat16" in card.peak) == (card.capability >= (8, 0)), name
        assert ("float8" in card.peak) == (card.capability >= (8, 9)), name
        assert card.peak["float16"] > 4 * card.peak["float32"], name
        assert 1e9 < card.bandwidth < card.memory * 1000, name


@pytest.mark.parametrize(
    ("card", "dtype", "keeps"),
    [
        ("T4", torch.float16, True),
        ("A100 40GB", torch.float32, True),
        ("A100 40GB", torch.bfloat16, False),
        ("H200", torch.float16, False),
    ],
)
def test_fused_attention_with_shared_heads_wants_half_precision_and_a_new_card(
    card, dtype, keeps
):
    assert size.CARDS[card].keeps_scores(dtype) == keeps


def test_a_third_of_a_training_step_is_the_forward_pass():
    assert math.isclose(size.training_flops(SMALL, 3, 5) / size.forward_flops(SMALL, 3, 5), 3)
