"""Finds the routes that an installed Prefect client calls, by reading its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

METHODS = ("get", "post", "put", "patch", "delete")
NOT_THE_CLIENT = ("server", "testing", "cloud", "cloud.py", "_cloud_utils.py", "infrastructure", "runner")
"""Path parts of modules that belong to the server or call other services."""


def routes_of(package: Path) -> list[str]:
    """Return all routes in the source, sorted: `POST /flows/{}`, or only the path if the method is unknown."""
    found: set[str] = set()
    for file in package.rglob("*.py"):
        if not set(file.relative_to(package).parts) & set(NOT_THE_CLIENT):
            found |= set(_called(ast.parse(file.read_text())))
    declared = ast.parse((package / "client/orchestration/routes.py").read_text())
    known = {route.partition(" ")[2] for route in found}
    return sorted(found | ({_plain(path) for path in _paths(declared)} - known))


def _called(tree: ast.AST) -> Iterator[str]:
    decorators = {id(each) for node in ast.walk(tree) for each in getattr(node, "decorator_list", [])}
    for node in ast.walk(tree):
        # A decorator such as `@app.get("/status")` defines a route and does not call one.
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and id(node) not in decorators:
            yield from _call(node.func.attr, [_text(argument) for argument in node.args[:2]])


def _call(name: str, texts: list[str | None]) -> Iterator[str]:
    match name, texts:
        case "request", [str(method), str(path)] if path.startswith("/"):
            yield f"{method} {_plain(path)}"
        case _, [str(path), *_] if name in METHODS and path.startswith("/"):
            yield f"{name.upper()} {_plain(path)}"


def _text(node: ast.expr) -> str | None:
    """Return a string, with `{}` for each f-string placeholder; None if the node is not a string."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _paths(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/"):
            yield node.value


def _plain(path: str) -> str:
    """Return the path with `{}` in place of each parameter's name."""
    inside = False
    plain = ""
    for character in path:
        inside = character == "{" or (inside and character != "}")
        plain += character if not inside or character == "{" else ""
    return plain
