"""Training: from random weights to a model that writes.

Optimizers and schedules, the loop, checkpoints that resume bit for bit, several devices,
fine-tuning, and the judgement of the result. It stands on `inference`, because a model in
training shows what it can write.
"""
