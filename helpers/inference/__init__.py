"""Inference: a trained model at work.

Sampling and generation with the KV cache, quantized weights, and a small server.
"""
