"""Decoding speed: our `generate` beside transformers' `model.generate`, batch 1, greedy.

Both sides have the same weights and the same prompt, and must write the same tokens. The peer may
choose its attention, its cache, and what is compiled; both run in float32 and in bfloat16.
"""

import copy
from collections.abc import Callable
from itertools import product
from pathlib import Path

import torch
from torch import nn

from benchmarks import limits
from benchmarks.contest import OURS, PEER, Contestant, Result, alternating, best, contest, say
from benchmarks.peer import twin
from helpers import runtime
from helpers.inference.generate import Sampling, compile_decode, generate_all
from helpers.model import weights
from helpers.model.qwen3 import Qwen3, Qwen3Config

DTYPES = (torch.float32, torch.bfloat16)
REFERENCE = runtime.ROOT / "checkpoints" / "reference"
EAGER, BY_GENERATE, FORWARD = "eager", "compiled by generate", "compiled forward"
CHEAP = "compiled forward with cheap calls"

CHEAP_CALLS = {
    "cpp_wrapper": True,
    "size_asserts": False,
}  # C++ between the kernels, not Python

# The peer's caches, and what its documentation compiles with each. The compiler's options are not
# its idea, but it shall have them too.
PEER_MODES = (
    ("dynamic", EAGER),
    ("dynamic", FORWARD),
    ("dynamic", CHEAP),
    ("static", EAGER),
    ("static", BY_GENERATE),
    ("static", FORWARD),
)


def our_generate(
    model: Qwen3, prompt: list[int], new_tokens: int, compiled: bool
) -> Callable[[], list[int]]:
    """`generate_all` on one prompt, greedy."""
    decode = compile_decode(model) if compiled else None
    greedy = Sampling(temperature=0)

    def work() -> list[int]:
        return generate_all(model, [prompt], new_tokens, sampling=greedy, decode=decode)[0]

    return work


def peer_generate(
    model: Qwen3, prompt: list[int], new_tokens: int, attention: str, cache: str, mode: str
) -> Callable[[], list[int]]:
    """transformers' `model.generate` on the same prompt, greedy, as its documentation tunes it."""
    peer = twin(model, attention).eval()
    input_ids = torch.tensor([prompt], device=peer.device)
    settings = {"attention_mask": torch.ones_like(input_ids), "pad_token_id": 0}
    if cache == "static":
        settings["cache_implementation"] = "static"
    settings |= compile_peer(peer, cache, mode)

    @torch.inference_mode()
    def work() -> list[int]:
        out = peer.generate(input_ids, do_sample=False, max_new_tokens=new_tokens, **settings)
        return out[0, len(prompt) :].tolist()

    return work


def compile_peer(peer: nn.Module, cache: str, mode: str) -> dict:
    """Compile as `mode` says; returns what `generate` must be told.

    CUDA graphs ("reduce-overhead", the peer's own default) exist on a GPU only.
    """
    on_gpu = peer.device.type == "cuda"
    speed = "reduce-overhead" if on_gpu and cache == "static" else "default"
    if mode == FORWARD:
        fullgraph = cache == "static"
        peer.forward = torch.compile(peer.forward, mode=speed, fullgraph=fullgraph)
    if mode == CHEAP:
        peer.forward = torch.compile(peer.forward, options=CHEAP_CALLS)
    if mode == BY_GENERATE:
        from transformers import CompileConfig

        config = CompileConfig(mode=speed, fullgraph=True)
        config._compile_all_devices = True  # it would leave a CPU out
        return {"compile_config": config}
    # With a static cache on a GPU, generate compiles by itself; each mode here is itself only.
    return {"disable_compile": True}


def contestants(
    model: Qwen3, prompt: list[int], new_tokens: int, compile_too: bool
) -> list[Contestant]:
    """Every setting of both sides, alternating."""
    models = {dtype: copy.deepcopy(model).to(dtype).eval() for dtype in DTYPES}
    ours = []
    for dtype, compiled in product(DTYPES, (False, True) if compile_too else (False,)):
        name = f"{runtime.dtype_name(dtype)}, {'compiled' if compiled else 'eager'}"
        choice = (models[dtype], prompt, new_tokens, compiled)
        ours.append(Contestant(OURS, name, dtype, compiled, lambda c=choice: our_generate(*c)))
    peers = []
    for dtype, attention, (cache, mode) in product(DTYPES, ("sdpa", "eager"), PEER_MODES):
        compiled = mode != EAGER
        if compiled and not compile_too:
            continue
        name = f"{runtime.dtype_name(dtype)}, {mode}, {cache} cache, {attention} attention"
        choice = (models[dtype], prompt, new_tokens, attention, cache, mode)
        work = lambda c=choice: peer_generate(*c)  # noqa: E731
        peers.append(Contestant(PEER, name, dtype, compiled, work, documented=mode != CHEAP))
    return alternating(ours, peers)


def pick_model(config: Qwen3Config, folder: Path | None, device: torch.device) -> Qwen3:
    """The checkpoint in `folder`, or without one a model of random weights."""
    if folder is not None:
        say(f"weights: {folder.name}")
        return weights.load(folder, device)
    say("weights: random")
    runtime.seed_everything(0)
    return Qwen3(config).to(device)


def bench(
    model: Qwen3,
    prompt_tokens: int,
    new_tokens: int,
    rounds: int,
    turn_seconds: float,
    compile_too: bool,
) -> tuple[list[Result], dict]:
    """Run the contest; return its results and the facts beside them."""
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    prompt = torch.randint(model.config.vocab_size, (prompt_tokens,), generator=generator)
    turns = contestants(model, prompt.tolist(), new_tokens, compile_too)
    results = contest(turns, new_tokens, rounds, turn_seconds, device)
    compared = require_same_tokens(results)
    facts = {"prompt_tokens": prompt_tokens, "new_tokens": new_tokens}
    length = prompt_tokens + new_tokens / 2
    reached = limit(model.config, length, best(results, OURS), device)
    return results, {**facts, "same_tokens": compared, "limit": reached}


def require_same_tokens(results: list[Result]) -> int:
    """How many settings in float32 wrote the same tokens; RuntimeError unless it is all of them."""
    exact = [r for r in results if not r.failed and r.contestant.dtype == torch.float32]
    for result in exact:
        if result.output != exact[0].output:
            pair = f"{exact[0].contestant.name} / {result.contestant.name}"
            raise RuntimeError(f"greedy tokens differ in float32: {pair}")
    say(f"the same greedy tokens in all {len(exact)} settings in float32")
    return len(exact)


def limit(config: Qwen3Config, length: float, ours: Result, device: torch.device) -> dict:
    """What reading the weights and the cache alone would allow, and the share that we reach."""
    dtype = ours.contestant.dtype
    size = limits.decoding_bytes(config, length, dtype)
    seconds = limits.read_seconds(size, config.hidden_size, device)
    say(f"reading {size / 1e6:.1f} MB a token and nothing else: {1 / seconds:,.0f} tokens/s")
    return {
        "dtype": runtime.dtype_name(dtype),
        "bytes_per_token": size,
        "gb_per_s_reached": round(ours.median * size / 1e9, 2),
        "gb_per_s_of_reading": round(size / seconds / 1e9, 2),
        "tokens_per_s_of_reading": round(1 / seconds),
        "fraction": float(f"{ours.median * seconds:.3g}"),
    }
