"""Speed, measured against a peer and against the machine's own limit, in one process and one run.

    python -m benchmarks train      our training step beside the same one around transformers' Qwen3
    python -m benchmarks decode     our `generate` beside transformers' `model.generate`

Speeds drift with the machine's load, ratios hardly: both sides take turns, and ratios count.
"""
