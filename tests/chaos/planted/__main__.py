"""Runs a process of the product with one planted bug: `python -m tests.chaos.planted BUG MODULE ARGS...`."""

import runpy
import sys
from importlib import import_module
from typing import Final

from tests.chaos.planted.registry import BUGS, Side

SIDES: Final[dict[str, tuple[Side, tuple[str, ...]]]] = {
    "app.server": ("api", ("app.main",)),
    "celery": ("worker", ("workers.celery", "workers.tasks")),
}
"""By the module that runs a role: its side, and what to import so that every reference is there to be replaced."""


def plant(bug_name: str, module: str) -> bool:
    """Plant the bug in this process if it belongs to the module's side; return whether it does.

    Raises:
        NothingToPatch: the product no longer has the code that the bug replaces.
        KeyError: the bug or the module is unknown.
    """
    bug, (side, product) = BUGS[bug_name], SIDES[module]
    if bug.side != side:
        return False
    for name in product:
        import_module(name)
    bug.apply()
    return True


def main(bug_name: str, module: str, *arguments: str) -> None:
    """Plant the bug and run the module as a program."""
    plant(bug_name, module)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
