"""Replaces a function of the product in this process, or fails loudly."""

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

from tests.chaos.planted.exercise import note_exercised

Function = Callable[..., Any]


class NothingToPatch(Exception):
    """The product no longer has the code that a planted bug replaces: the bug must be adapted."""


def replace(
    module: str, name: str, make: Callable[[Function], Function], *, used_by: str, notes_calls: bool = True
) -> None:
    """Replace a function of the product by the result of `make`, in every product module that refers to it.

    Args:
        module: where the function is defined.
        name: its name.
        make: takes the function and returns its replacement, with the same signature.
        used_by: the module whose calls the bug changes; it must refer to the function by that name.
        notes_calls: whether each call counts as the situation that shows the bug. Otherwise the replacement calls
            `note_exercised` itself.

    Raises:
        NothingToPatch: there is no such function, its signature has changed, or `used_by` no longer calls it.
    """
    home = import_module(module)
    import_module(used_by)
    original = vars(home).get(name)
    if not inspect.isroutine(original):
        raise NothingToPatch(f"{module} has no function {name}.")
    if not _calls(import_module(used_by), home, name, original):
        raise NothingToPatch(f"{used_by} does not call {module}.{name} any more.")
    substitute = make(original)
    _check_shape(f"{module}.{name}", original, substitute)
    if notes_calls:
        substitute = _noting(substitute)
    for place in _product():
        if vars(place).get(name) is original:
            setattr(place, name, substitute)


def _noting(substitute: Function) -> Function:
    @wraps(substitute)
    def call(*arguments: Any, **named: Any) -> Any:
        note_exercised()
        return substitute(*arguments, **named)

    return call


def _check_shape(name: str, original: Function, substitute: Function) -> None:
    """Refuse a substitute with another signature: it would fail for a reason other than the bug."""
    wanted, given = inspect.signature(original), inspect.signature(substitute)
    if wanted != given:
        raise NothingToPatch(f"{name} is {wanted} now, and the planted function is {given}.")


def _product() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in {"app", "workers"}]


def _calls(user: ModuleType, home: ModuleType, name: str, original: Function) -> bool:
    """Return whether a function of `user` uses `name`, imported directly or through `home`."""
    knows = vars(user).get(name) is original or home in vars(user).values()
    return knows and name in _names_used(user)


def _names_used(module: ModuleType) -> set[str]:
    """Return every name that the module's functions use, including methods and nested functions."""
    whole = compile(inspect.getsource(module), module.__name__, "exec")
    pending, found = _inner(whole), set[str]()
    while pending:
        code = pending.pop()
        found.update(code.co_names)
        pending += _inner(code)
    return found


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if inspect.iscode(constant)]
