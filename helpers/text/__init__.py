"""Text: where it comes from, and how it becomes numbers.

The built-in story world with its known entropy, the tokenizer, and the data that a model is
trained on: sources, packing into a memory map, and batches that resume where they stopped.
"""
