"""Bugs that are planted in the product on purpose, one at a time: the chaos driver must detect each of them.

`python -m tests.chaos.planted BUG MODULE ARGS...` runs `python -m MODULE ARGS...` with the bug.
"""
