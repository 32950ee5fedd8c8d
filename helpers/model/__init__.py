"""Models: layers, attention and its caches, one file per architecture, and weights on disk.

Config fields, modules and files are named as on the Hugging Face hub, so weights and configs pass
in both directions. A model takes token ids and gives logits; it knows of no text and of no loss.
"""
