"""What the checkers know: for each exercise the right answer, its inputs, and named mistakes.

One module a day. Reading it before you have tried is your own loss.
"""
