"""The package that the notebooks share: five rooms on one ground floor.

`runtime` knows the machine. `text` makes and reads text, `model` holds the networks, `lesson`
serves the notebooks; `inference` lets models write, and `training` makes them. Imports only ever
point down (tests/test_imports.py holds that), so each room can be read without those above it.
The front door is `python -m helpers`.
"""
