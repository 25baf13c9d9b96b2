"""Mistakes planted into the product on purpose, one at a time: each one must make the chaos driver fail.

`python -m tests.chaos.planted BUG MODULE ARGS...` starts a role as `python -m MODULE ARGS...` would, with the mistake.
"""
