"""What we save transformers loads, what it saves we load, and what does not fit is refused."""

import json
import os
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SMALL, in_transformers, random_ids, random_model

from helpers.model import weights
from helpers.text.tokenizer import Tokenizer

UNTIED = replace(SMALL, tie_word_embeddings=False, rope_theta=1e6, num_key_value_heads=1)
BOTH = pytest.mark.parametrize("config", [SMALL, UNTIED], ids=["tied", "untied"])
IDS = random_ids(SMALL, 2, 11)


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found = model(IDS)
    return getattr(found, "logits", found)


def assert_same(model: torch.nn.Module, other: torch.nn.Module) -> None:
    torch.testing.assert_close(logits(model), logits(other), rtol=1e-5, atol=1e-5)


@pytest.fixture
def saved(tmp_path):
    """A folder with a tied model in it."""
    weights.save(random_model(), tmp_path / "model")
    return tmp_path / "model"


def change_config(folder, drop=(), **changes) -> None:
    """Edit config.json; None in `changes` is written as null."""
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in settings.items() if k not in drop}))


def change_tensors(folder, change) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    change(tensors)
    path.write_bytes(safetensors.torch.save(tensors))


# ---- there and back


@BOTH
@pytest.mark.parametrize("shard_bytes", [weights.SHARD_BYTES, 6000])
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, config, shard_bytes):
    model = random_model(config)
    weights.save(model, tmp_path, max_shard_bytes=shard_bytes)
    state = torch.get_rng_state()
    again = weights.load(tmp_path)
    assert again.config == config
    assert all(
        torch.equal(tensor, again.state_dict()[name])
        for name, tensor in model.state_dict().items()
    )
    assert all(parameter.requires_grad for parameter in again.parameters())
    assert weights.count_parameters(again) == weights.count_parameters(model)
    assert torch.equal(torch.get_rng_state(), state)  # loading draws no random numbers


@BOTH
@pytest.mark.parametrize("shard_bytes", [weights.SHARD_BYTES, 6000])
def test_transformers_loads_what_we_save(tmp_path, config, shard_bytes):
    from transformers import AutoModelForCausalLM

    model = random_model(config)
    weights.save(model, tmp_path, max_shard_bytes=shard_bytes)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(theirs).__name__ == "Qwen3ForCausalLM"
    assert_same(model, theirs)


@BOTH
@pytest.mark.parametrize("shard_size", ["1GB", "6KB"])
def test_we_load_what_transformers_saves(tmp_path, config, shard_size):
    model = random_model(config)
    in_transformers(model).save_pretrained(tmp_path, max_shard_size=shard_size)
    assert (tmp_path / weights.INDEX).exists() == (shard_size == "6KB")
    again = weights.load(tmp_path)
    assert again.config == replace(config, initializer_range=again.config.initializer_range)
    assert_same(model, again)


def test_we_load_what_transformers_4_saved(tmp_path):
    model = random_model(UNTIED)
    weights.save(model, tmp_path)
    settings = {  # the words of Qwen/Qwen3-0.6B, with our sizes
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "eos_token_id": 151645,
        "head_dim": UNTIED.head_dim,
        "hidden_act": "silu",
        "hidden_size": UNTIED.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": UNTIED.intermediate_size,
        "max_position_embeddings": 40960,
        "max_window_layers": 28,
        "model_type": "qwen3",
        "num_attention_heads": UNTIED.num_attention_heads,
        "num_hidden_layers": UNTIED.num_hidden_layers,
        "num_key_value_heads": UNTIED.num_key_value_heads,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 1000000,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.51.0",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": UNTIED.vocab_size,
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert_same(model, weights.load(tmp_path))


@pytest.mark.parametrize("drop", [["rope_theta", "dtype"], ["rope_parameters", "torch_dtype"]])
def test_each_version_finds_its_own_words_in_our_config(tmp_path, drop):
    model = random_model(UNTIED)
    weights.save(model, tmp_path)
    change_config(tmp_path, drop=["rope_scaling", *drop])
    assert weights.load_config(tmp_path) == UNTIED
    settings = json.loads((tmp_path / "config.json").read_text())
    assert settings.get("dtype", settings.get("torch_dtype")) == "float32"


def test_bfloat16_halves_the_file_and_loads_as_asked(tmp_path):
    model = random_model()
    weights.save(model, tmp_path / "wide")
    weights.save(model, tmp_path / "narrow", dtype=torch.bfloat16)
    wide, narrow = ((tmp_path / d / weights.SINGLE).stat().st_size for d in ("wide", "narrow"))
    count = weights.count_parameters(model)
    assert wide - narrow == pytest.approx(2 * count, rel=0.01)
    assert json.loads((tmp_path / "narrow/config.json").read_text())["dtype"] == "bfloat16"
    assert next(model.parameters()).dtype == torch.float32  # the model itself is as it was

    again, same = (
        weights.load(tmp_path / "narrow"),
        weights.load(tmp_path / "narrow", dtype=torch.bfloat16),
    )
    assert {p.dtype for p in again.parameters()} == {torch.float32}
    assert {p.dtype for p in same.parameters()} == {torch.bfloat16}
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.bfloat16().float())
        assert torch.equal(same.state_dict()[name], tensor.bfloat16())


def test_tied_head_is_stored_once_and_loaded_as_one(saved):
    names = safetensors.torch.load((saved / weights.SINGLE).read_bytes()).keys()
    assert weights.EMBEDDING in names and weights.HEAD not in names
    model = weights.load(saved)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    change_tensors(saved, lambda t: t.update({weights.HEAD: t[weights.EMBEDDING].clone()}))
    again = weights.load(saved)  # written twice, but equal: fine
    assert again.lm_head.weight is again.model.embed_tokens.weight


def test_every_file_says_that_it_is_for_torch(tmp_path):
    """transformers 4 refuses a safetensors file that does not."""
    weights.save(random_model(), tmp_path, max_shard_bytes=6000)
    for path in tmp_path.glob("*.safetensors"):
        with safetensors.safe_open(path, framework="pt") as file:
            assert file.metadata() == {"format": "pt"}


def test_wrappers_leave_no_trace_in_the_names(tmp_path):
    model = random_model()
    weights.save(torch.compile(model), tmp_path / "compiled")  # never run, so nothing compiles
    assert_same(model, weights.load(tmp_path / "compiled"))

    class Parallel(torch.nn.Module):  # as DistributedDataParallel: the model is in .module
        def __init__(self, module):
            super().__init__()
            self.module = module

    weights.save(Parallel(torch.compile(model)), tmp_path / "parallel")
    assert_same(model, weights.load(tmp_path / "parallel"))


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_wrapped_names_in_a_file_are_understood(saved, prefix):
    def wrap(tensors):
        for name in list(tensors):
            tensors[prefix + name] = tensors.pop(name)

    expected = weights.load(saved)
    change_tensors(saved, wrap)
    assert_same(expected, weights.load(saved))


def test_loaded_weights_do_not_hang_on_the_file(saved):
    model = weights.load(saved)
    expected = logits(model)
    with open(saved / weights.SINGLE, "r+b") as file:  # in place, as `cp` does it
        file.write(bytes((saved / weights.SINGLE).stat().st_size))
    assert torch.equal(logits(model), expected)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 60))
def test_shards_hold_every_tensor_once_and_no_more_than_allowed(sizes, limit):
    tensors = {str(i): torch.empty(n, dtype=torch.uint8) for i, n in enumerate(sizes)}
    shards = list(weights.split(tensors, limit))
    assert [name for names in shards for name in names] == list(tensors)
    for names in shards:
        assert len(names) == 1 or sum(tensors[name].nbytes for name in names) <= limit


# ---- the tokenizer and the files beside


def test_tokenizer_goes_along(tmp_path):
    from transformers import AutoTokenizer, GenerationConfig

    tokenizer = Tokenizer.train(["the kite flew away"] * 3, 260)
    weights.save(random_model(replace(SMALL, vocab_size=260)), tmp_path, tokenizer)
    assert Tokenizer.load(tmp_path).fingerprint == tokenizer.fingerprint
    text = "the kite, the éte"
    assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == tokenizer.encode(text)
    generation = GenerationConfig.from_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert generation.eos_token_id == config["eos_token_id"] == tokenizer.end_of_text_id
    assert generation.bos_token_id == config["bos_token_id"] == tokenizer.end_of_text_id


def test_tokenizer_of_another_model_is_refused(tmp_path):
    tokenizer = Tokenizer.train([], 257)
    with pytest.raises(ValueError, match="257 ids and the model 61"):
        weights.save(random_model(), tmp_path / "model", tokenizer)
    assert not (tmp_path / "model").exists()


def test_saving_over_another_save_leaves_none_of_its_files(tmp_path):
    first, second = random_model(seed=1), random_model(seed=2)
    (tmp_path / "notes.txt").write_text("mine")
    for model, shard_bytes in ((first, 6000), (second, 10**9), (first, 3000), (second, 9000)):
        weights.save(model, tmp_path, max_shard_bytes=shard_bytes)
        assert_same(model, weights.load(tmp_path))
        files = {f for f in os.listdir(tmp_path) if f.startswith("model")}
        if shard_bytes == 10**9:
            assert files == {weights.SINGLE}
        else:
            index = json.loads((tmp_path / weights.INDEX).read_text())
            assert files == {weights.INDEX, *index["weight_map"].values()}
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("shard_bytes", [10**9, 6000])
def test_an_interrupted_save_is_not_taken_for_a_model(tmp_path, monkeypatch, shard_bytes):
    """Whichever file the power fails at, the new folder and the old one are refused or whole."""
    new = random_model(seed=2)
    real, countdown = weights.atomic_write, [0]

    def failing(path, write):
        if countdown[0] == 0:
            raise KeyboardInterrupt
        countdown[0] -= 1
        real(path, write)

    folder, finished, files = tmp_path / "model", False, 0
    while not finished:
        monkeypatch.setattr(weights, "atomic_write", real)
        weights.save(random_model(seed=1), folder)
        monkeypatch.setattr(weights, "atomic_write", failing)
        countdown[0] = files
        try:
            weights.save(new, folder, max_shard_bytes=shard_bytes)
            finished = True
        except KeyboardInterrupt:
            files += 1
            with pytest.raises(ValueError, match="no config.json.*not finished"):
                weights.load(folder)
    assert files == len([f for f in os.listdir(folder)])
    assert_same(new, weights.load(folder))


# ---- refusals


def refused(folder, *words: str) -> None:
    """Loading must fail with one ValueError whose message has all the words."""
    with pytest.raises(ValueError) as caught:
        weights.load(folder)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_and_no_model_are_refused(tmp_path, saved):
    refused(tmp_path / "nowhere", "no folder", "nowhere", "give the one")
    refused(tmp_path, "no config.json")
    (saved / weights.SINGLE).rename(saved / "pytorch_model.bin")
    refused(saved, "no model.safetensors", "Pickles", "save the model")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, saved):
    with pytest.raises(ValueError, match="is a file"):
        weights.save(random_model(), saved / "config.json")
    refused(saved / "config.json", "no folder")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "llama"}, ["model_type: 'llama'", "'qwen3' only"]),
        ({"hidden_act": "gelu"}, ["hidden_act: 'gelu'"]),
        ({"attention_bias": True}, ["attention_bias: True"]),
        ({"use_sliding_window": True, "sliding_window": 32}, ["use_sliding_window: True"]),
        ({"layer_types": ["sliding_attention", "full_attention"]}, ["sliding_attention"]),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, ["rope_type: 'linear'"]),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, ["rope_type: 'yarn'"]),
        ({"rope_parameters": {"rope_type": "dynamic"}}, ["rope_type: 'dynamic'"]),
        ({"quantization_config": {"quant_method": "fp8"}}, ["quantization_config", "fp8"]),
        ({"hidden_size": "20"}, ["hidden_size: '20'", "a positive int"]),
        ({"num_hidden_layers": 0}, ["num_hidden_layers: 0", "a positive int"]),
        ({"num_key_value_heads": None}, ["num_key_value_heads: None"]),
        ({"num_key_value_heads": 3}, ["config.json", "num_key_value_heads=3"]),
        ({"tie_word_embeddings": "yes"}, ["tie_word_embeddings: 'yes'", "a bool"]),
    ],
)
def test_configs_that_ask_for_something_else_are_refused(saved, change, words):
    change_config(saved, **change)
    refused(saved, str(saved / "config.json"), *words)


@pytest.mark.parametrize("field", ["model_type", "vocab_size", "head_dim", "rms_norm_eps"])
def test_fields_that_are_missing_are_named(saved, field):
    change_config(saved, drop=[field])
    refused(saved, "config.json", field)


def test_rope_without_a_base_is_refused(saved):
    change_config(saved, drop=["rope_theta", "rope_parameters"])
    refused(saved, "rope_theta: None")


def test_scaling_that_does_nothing_is_fine(saved):
    expected = weights.load(saved)
    change_config(saved, drop=["rope_parameters"], rope_scaling={"rope_type": "default"})
    assert_same(expected, weights.load(saved))


def test_missing_tie_word_embeddings_means_untied_as_in_transformers(tmp_path):
    model = random_model(UNTIED)
    weights.save(model, tmp_path)
    change_config(tmp_path, drop=["tie_word_embeddings", "initializer_range"])
    assert_same(model, weights.load(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x80"])
def test_broken_json_is_refused(saved, text):
    (saved / "config.json").write_bytes(text.encode("latin-1"))
    refused(saved, "config.json", "JSON", "again")


def test_tensors_that_do_not_fit_are_all_named_at_once(saved):
    def spoil(tensors):
        del tensors["model.norm.weight"], tensors["model.layers.1.mlp.up_proj.weight"]
        tensors["score.weight"] = torch.zeros(2)
        tensors["model.layers.0.self_attn.q_norm.weight"] = torch.zeros(7)
        tensors["model.layers.0.self_attn.k_norm.weight"] = torch.zeros(6, dtype=torch.int8)

    change_tensors(saved, spoil)
    refused(
        saved,
        "2 missing: model.layers.1.mlp.up_proj.weight, model.norm.weight",
        "1 extra: score.weight",
        "model.layers.0.self_attn.q_norm.weight is (7,), not (6,)",
        "model.layers.0.self_attn.k_norm.weight is int8",
    )


def test_long_lists_of_names_are_cut_and_counted(saved):
    change_config(saved, num_hidden_layers=4)
    refused(saved, "22 missing: model.layers.2.", ", ...")


def test_a_tied_head_that_differs_is_refused(saved):
    change_tensors(saved, lambda t: t.update({weights.HEAD: t[weights.EMBEDDING] + 1}))
    refused(saved, "lm_head.weight", "set tie_word_embeddings to false")
    change_tensors(saved, lambda t: t.update({weights.HEAD: t[weights.EMBEDDING][:5].clone()}))
    refused(saved, "lm_head.weight")


def test_an_untied_head_that_is_missing_is_named(saved):
    change_config(saved, tie_word_embeddings=False)
    refused(saved, "1 missing: lm_head.weight")


@pytest.mark.parametrize("size", [0, 4, 7, 100, 5000, -1])
def test_truncated_files_are_refused_with_their_name(saved, size):
    path = saved / weights.SINGLE
    path.write_bytes(path.read_bytes()[:size])
    refused(saved, str(path), "truncated", "again")


def test_foreign_files_are_refused_with_their_name(saved):
    torch.save({"a": torch.zeros(3)}, saved / weights.SINGLE)  # a pickle, by its true name
    refused(saved, weights.SINGLE, "no safetensors file")


@pytest.fixture
def sharded(tmp_path):
    weights.save(random_model(), tmp_path / "sharded", max_shard_bytes=6000)
    return tmp_path / "sharded"


def test_a_missing_or_truncated_shard_is_named(sharded):
    first, shard, *_ = sorted(sharded.glob("model-*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-10])
    refused(sharded, shard.name, "truncated")
    shard.unlink()
    refused(sharded, shard.name, "does not exist")
    shard.write_bytes(first.read_bytes())  # whole, but the wrong one
    refused(sharded, "missing")


@pytest.mark.parametrize(
    "name",
    ["../model.safetensors", "/etc/a.safetensors", "a/b.safetensors", "..", "", "a.bin", None]
    + [r"..\a.safetensors", "C:a.safetensors", ["a.safetensors"]],
)
def test_shards_outside_the_folder_are_refused(sharded, name):
    refused_index(sharded, {"weight_map": {"model.norm.weight": name}})


@pytest.mark.parametrize("content", [{}, {"weight_map": {}}, {"weight_map": ["a"]}])
def test_an_index_that_is_none_is_refused(sharded, content):
    refused_index(sharded, content)


def refused_index(folder, content: dict) -> None:
    (folder / weights.INDEX).write_text(json.dumps(content))
    refused(folder, weights.INDEX, "no safetensors file in its folder")


def test_links_as_in_the_cache_of_the_hub_are_followed(tmp_path, saved):
    blob = tmp_path / "blob"
    (saved / weights.SINGLE).rename(blob)
    try:
        (saved / weights.SINGLE).symlink_to(blob)
    except OSError:
        pytest.skip("this system makes no links")
    weights.load(saved)
