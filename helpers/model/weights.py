"""A model on disk, in the layout of the Hugging Face hub: what we save, transformers loads.

    save(model, "checkpoints/kite", tokenizer)     config.json, model.safetensors, tokenizer.json
    model = load("checkpoints/kite")               ours or transformers' own, version 4 or 5

safetensors holds a table of names, dtypes and shapes, then the raw numbers. Reading it runs no
code, which a pickle may. A big model is cut into shards, with an index that says what is where.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PureWindowsPath
from typing import Protocol

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from helpers.model.qwen3 import Qwen3, Qwen3Config
from helpers.runtime import atomic_write, dtype_name

CONFIG, INDEX, SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"
SHARD_BYTES = 4 * 10**9
WRAPPERS = ("_orig_mod", "module")  # what torch.compile and DDP put into the names
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"

# What config.json may ask for, and the one answer that this Qwen3 has.
WRITTEN = {
    "model_type": "qwen3",
    "hidden_act": "silu",
    "attention_bias": False,
    "use_sliding_window": False,
}
SUPPORTED = WRITTEN | {
    "rope_type": "default",
    "layer_types": ["full_attention"],
    "quantization_config": None,
}


class SavableTokenizer(Protocol):
    """What `save` needs of a tokenizer; the `Tokenizer` of helpers.text has it."""

    vocab_size: int
    end_of_text_id: int

    def save(self, folder: str | Path) -> None: ...


@dataclass(frozen=True)
class Report:
    """How the tensors of a file differ from those of a model; false if they fit."""

    missing: list[str]  # the model has it, the file has not
    extra: list[str]  # the file has it, the model has not
    wrong: list[str]  # both have it, but of another shape, or not as floating-point numbers

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.wrong)

    def __str__(self) -> str:
        parts = [("missing", self.missing), ("extra", self.extra), ("wrong", self.wrong)]
        return "; ".join(
            f"{len(names)} {what}: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
            for what, names in parts
            if names
        )


def count_parameters(model: nn.Module) -> int:
    """Numbers that training can change; a head tied to the embedding is counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


# ---- saving


def save(
    model: nn.Module,
    folder: str | Path,
    tokenizer: SavableTokenizer | None = None,
    dtype: torch.dtype | None = None,
    max_shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write a Qwen3 to `folder`, in `dtype` or its own; a tied head is written once.

    config.json is removed first and written last: a folder without it is an unfinished save, and
    neither `load` nor transformers takes it for a model. To replace a model that must not be
    lost, save to a new folder and rename that. ValueError: `folder` is a file, or `tokenizer` has
    more ids than the model.
    """
    folder = Path(folder)
    config = getattr(model, "module", model).config  # DDP keeps the model in .module
    if folder.is_file():
        raise ValueError(f"{folder} is a file; give the name of a folder")
    if tokenizer is not None and tokenizer.vocab_size > config.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} ids and the model {config.vocab_size}: "
            "save the tokenizer that the model was trained with"
        )
    (folder / CONFIG).unlink(missing_ok=True)
    tensors = named_tensors(model, dtype)
    if config.tie_word_embeddings:
        del tensors[HEAD]
    write_tensors(folder, tensors, max_shard_bytes)
    settings = hub_config(config, tensors[EMBEDDING].dtype)
    if tokenizer is not None:
        tokenizer.save(folder)
        special = dict.fromkeys(["bos_token_id", "eos_token_id"], tokenizer.end_of_text_id)
        settings |= special
        write_json(folder / "generation_config.json", special)
    write_json(folder / CONFIG, settings)


def named_tensors(model: nn.Module, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """The tensors of a model, wrapped or not, by their hub names, in `dtype` or their own."""
    state = model.state_dict()
    return {plain_name(name): t.detach().to(dtype or t.dtype) for name, t in state.items()}


def plain_name(name: str) -> str:
    """The name without what wrappers put into it.

    >>> plain_name("module._orig_mod.model.norm.weight")
    'model.norm.weight'
    """
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def write_tensors(folder: Path, tensors: dict[str, Tensor], max_bytes: int) -> None:
    """Write one file, or shards and their index; remove what an earlier save left beside them."""
    shards = list(split(tensors, max_bytes))
    files = [f"model-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)]
    if len(shards) == 1:
        files = [SINGLE]
    for file, names in zip(files, shards, strict=True):
        part = {name: tensors[name].cpu().contiguous() for name in names}
        content = safetensors.torch.save(part, metadata={"format": "pt"})
        atomic_write(folder / file, lambda out, content=content: out.write(content))
    for old in {*folder.glob("model-*-of-*.safetensors"), folder / SINGLE, folder / INDEX}:
        if old.name not in files:  # it would be loaded in place of the new ones
            old.unlink(missing_ok=True)
    if len(shards) > 1:
        where = {
            name: file for file, names in zip(files, shards, strict=True) for name in names
        }
        size = sum(tensor.nbytes for tensor in tensors.values())
        write_json(folder / INDEX, {"metadata": {"total_size": size}, "weight_map": where})


def split(tensors: dict[str, Tensor], max_bytes: int) -> Iterator[list[str]]:
    """Names in groups of at most `max_bytes`, in order; a tensor is never cut."""
    names: list[str] = []
    size = 0
    for name, tensor in tensors.items():
        if names and size + tensor.nbytes > max_bytes:
            yield names
            names, size = [], 0
        names.append(name)
        size += tensor.nbytes
    yield names


def hub_config(config: Qwen3Config, dtype: torch.dtype) -> dict:
    """config.json like Qwen3's own, in the words of transformers 4 and 5 where they differ."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        **WRITTEN,
        **asdict(config),  # rope_theta: 4
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},  # 5
        "rope_scaling": None,
        "torch_dtype": dtype_name(dtype),  # 4
        "dtype": dtype_name(dtype),  # 5
        "attention_dropout": 0.0,
        "sliding_window": None,
        "max_window_layers": config.num_hidden_layers,
        "use_cache": True,
    }


def write_json(path: Path, content: dict) -> None:
    """Write `content` to `path`, whole or not at all."""
    text = json.dumps(content, indent=2) + "\n"
    atomic_write(path, lambda file: file.write(text.encode()))


# ---- loading


def load(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Qwen3:
    """The Qwen3 saved in `folder` by `save` or by transformers, in one file or in shards.

    Its numbers are converted to `dtype`. ValueError, with the file's name and what to do: no such
    folder, an unfinished save, a config that this Qwen3 cannot follow, a truncated or foreign
    file, tensors that are missing, extra or of a wrong shape (all are named).
    """
    folder = Path(folder)
    config = load_config(folder)
    with torch.device("meta"):  # names and shapes only: no memory, no random numbers
        model = Qwen3(config)
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        tensors |= read_tensors(path, device, dtype)
    if config.tie_word_embeddings and EMBEDDING in tensors:
        head = tensors.setdefault(HEAD, tensors[EMBEDDING])
        if not torch.equal(head, tensors[EMBEDDING]):
            raise ValueError(
                f"{folder} has a {HEAD} that differs from {EMBEDDING}, and its {CONFIG} says that "
                "they are one: set tie_word_embeddings to false there"
            )
    if report := compare(model, tensors):
        raise ValueError(f"the tensors in {folder} do not fit its {CONFIG}: {report}")
    model.load_state_dict(tensors, assign=True)
    if config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    return model


def compare(model: nn.Module, tensors: dict[str, Tensor]) -> Report:
    """What is missing from `tensors`, extra or wrong for `model`."""
    expected, wrong = named_tensors(model), []
    for name in sorted(expected.keys() & tensors.keys()):
        shape, found = tuple(expected[name].shape), tensors[name]
        if tuple(found.shape) != shape:
            wrong.append(f"{name} is {tuple(found.shape)}, not {shape}")
        elif not found.is_floating_point():
            wrong.append(f"{name} is {dtype_name(found.dtype)}")
    missing = sorted(expected.keys() - tensors.keys())
    return Report(missing, sorted(tensors.keys() - expected.keys()), wrong)


def read_tensors(
    path: Path, device: str | torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """All tensors of a safetensors file by their plain names, floating-point ones in `dtype`."""
    if not path.is_file():
        raise ValueError(f"{path} does not exist: copy or download the whole folder again")
    tensors = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a dict
                tensor = file.get_tensor(name)
                wanted = dtype if tensor.is_floating_point() else tensor.dtype
                # A copy, since the tensor is a view of the file, which may change.
                tensors[plain_name(name)] = tensor.to(device, wanted, copy=True)
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is truncated or no safetensors file ({error}): save or download it again"
        ) from None
    return tensors


def weight_files(folder: Path) -> list[Path]:
    """The file with the weights, or the shards that the index names."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        return [folder / name for name in shard_names(folder / INDEX)]
    raise ValueError(
        f"{folder} has no {SINGLE}: save the model again, here or by save_pretrained of "
        "transformers. Pickles (.bin, .pt) are not read, because they can run code"
    )


def shard_names(index: Path) -> list[str]:
    """The shards in an index. ValueError: one is not a plain file name, or there is none."""
    where = read_json(index).get("weight_map")
    names = list(where.values()) if isinstance(where, dict) and where else [None]
    for name in names:
        # Windows' idea of a plain name, everywhere: it knows both slashes and drives.
        plain = isinstance(name, str) and PureWindowsPath(name).name == name
        if not plain or not name.endswith(".safetensors"):
            raise ValueError(
                f"{index} names {name!r}, which is no safetensors file in its folder: "
                "do not trust it, save or download the folder again"
            )
    return sorted(set(names))


def load_config(folder: str | Path) -> Qwen3Config:
    """The config.json in `folder`, as `save` or transformers 4 or 5 wrote it.

    ValueError, with the remedy: no such folder or file, a field missing, or something that this
    Qwen3 does not do (another model, scaled RoPE, biases, a sliding window, quantized weights).
    """
    folder = Path(folder)
    path = folder / CONFIG
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: give the one that a model is saved in")
    if not path.is_file():
        raise ValueError(f"{folder} has no {CONFIG}, so the save was not finished: save again")
    settings = read_json(path)
    rope = settings.get("rope_scaling") or settings.get("rope_parameters") or {}
    check_supported(settings, rope, path)
    settings.setdefault("tie_word_embeddings", False)  # as in transformers
    settings.setdefault("initializer_range", Qwen3Config.initializer_range)
    settings["rope_theta"] = rope.get("rope_theta", settings.get("rope_theta"))
    check_fields(settings, path)
    try:
        return Qwen3Config.from_dict(settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_supported(settings: dict, rope: dict, path: Path) -> None:
    """ValueError if the file asks for what this Qwen3 does not do."""
    asked = SUPPORTED | {"model_type": None} | settings
    asked["rope_type"] = rope.get("rope_type", rope.get("type", "default"))
    asked["layer_types"] = sorted(set(settings.get("layer_types") or ["full_attention"]))
    for key, value in SUPPORTED.items():
        if asked[key] != value:
            raise ValueError(
                f"{path} says {key}: {asked[key]!r}, and helpers.model.qwen3 knows {value!r} only: "
                "use another model, or load this one with transformers"
            )


def check_fields(settings: dict, path: Path) -> None:
    """ValueError unless every field of the config is there, of its type and above zero."""
    for field in fields(Qwen3Config):
        value = settings.get(field.name)
        types = (int, float) if field.type is float else field.type
        if not isinstance(value, types) or (field.type is not bool and value <= 0):
            wanted = "a bool" if field.type is bool else f"a positive {field.type.__name__}"
            raise ValueError(
                f"{path} says {field.name}: {value!r}, and {wanted} is needed: "
                "correct it, or save or download the folder again"
            )


def read_json(path: Path) -> dict:
    """The JSON object in `path`. ValueError, with its name, if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no JSON ({error}): save or download it again") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no JSON object: save or download it again")
    return content
