"""Lessons: what only the notebooks need.

Checks that say what went wrong, plots in one style, and widgets that are a picture too.
"""
