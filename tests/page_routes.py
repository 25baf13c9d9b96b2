"""Finds the routes that Prefect's web pages ask for, by reading their bundled scripts.

`python -m tests.page_routes FOLDER...` writes them into `tests/data/prefect-page-routes.json`.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.page.files import FOLDERS

KNOWN = Path(__file__).parent / "data" / "prefect-page-routes.json"
METHODS = "get|post|put|patch|delete"
TEXT = r"""(?P<quote>["'`])(?P<path>[^"'`]*)(?P=quote)"""

CLASS = re.compile(r"\bclass\b")
PREFIX = re.compile(r"""\brouteprefix=["'`](?P<prefix>/[^"'`]*)["'`]""", re.IGNORECASE)
"""The old page has a class for each sort of resource, with the part that its paths begin with."""
INHERITED = {"async getAutomation(": "/automations"}
"""The same for a class that inherits it from a class of another script, by a method that only such a class has."""
CALL_OF_CLASS = re.compile(rf"\bthis\.(?P<method>{METHODS})\((?:{TEXT}|\))")
CALL = re.compile(rf"\.(?P<method>{METHODS.upper()})\((?P<quote>[\"'`])(?P<path>/[^\"'`]*)(?P=quote)")
"""The new page names methods in capital letters, and whole paths."""
FETCH = re.compile(r"""\bfetch\(`\$\{\w+\}(?P<path>/[^`]*)`(?:,\{method:["'`](?P<method>[A-Z]+))?""")
QUERY = re.compile(r"\?.*|(?<=\w)\{\}$")
"""A place holder after a word is a query as a whole."""
PLACE_HOLDER = re.compile(r"\$?\{[^{}]*\}")


def routes_of(package: Path) -> dict[str, list[str]]:
    """Return all routes in the scripts of an unpacked package, such as `POST /flows/{}`, and which pages name each.

    Args:
        package: the folder of the package, which contains `server`.
    """
    found: dict[str, list[str]] = {}
    for page, folder in sorted(FOLDERS.items()):
        scripts = (file.read_text() for file in (package / "server" / folder / "assets").glob("*.js"))
        for route in sorted(set(_named_in(scripts))):
            found.setdefault(route, []).append(page)
    return found


def listed_for(version: str) -> dict[str, list[str]]:
    """Return the same for a version, as the data lists it."""
    listed: dict[str, dict[str, list[str]]] = json.loads(KNOWN.read_text())
    named = {
        route: [page for page, versions in sorted(pages.items()) if version in versions]
        for route, pages in listed.items()
    }
    return {route: pages for route, pages in named.items() if pages}


def version_of(folder: Path) -> str:
    """Return the version of the package that was unpacked into this folder."""
    (info,) = folder.glob("prefect-*.dist-info")
    return info.name.removeprefix("prefect-").removesuffix(".dist-info")


def _named_in(scripts: Iterable[str]) -> Iterator[str]:
    for script in scripts:
        for part in CLASS.split(script):
            yield from _named_in_class(part)
        for call in CALL.finditer(script):
            yield _route(call["method"], call["path"])
        for call in FETCH.finditer(script):
            yield _route(call["method"] or "GET", call["path"])


def _named_in_class(part: str) -> Iterator[str]:
    declared = PREFIX.search(part)
    inherited = (prefix for method, prefix in INHERITED.items() if method in part)
    prefix = declared["prefix"] if declared is not None else next(inherited, "")
    for call in CALL_OF_CLASS.finditer(part):
        path = call["path"] or ""
        # Without a prefix, a call with another argument than a path is one of a map.
        if prefix or path.startswith("/"):
            yield _route(call["method"], f"{prefix}/{path}")


def _route(method: str, path: str) -> str:
    without_query = QUERY.sub("", PLACE_HOLDER.sub("{}", path))
    return f"{method.upper()} {re.sub('/+', '/', without_query)}"


def main(folders: Iterable[str]) -> None:
    """Write the routes of these unpacked packages, each with the pages that name it and their versions."""
    listed: dict[str, dict[str, list[str]]] = {}
    for folder in sorted(map(Path, folders), key=version_of):
        for route, pages in routes_of(folder / "prefect").items():
            for page in pages:
                listed.setdefault(route, {}).setdefault(page, []).append(version_of(folder))
    lines = (f"  {json.dumps(route)}: {json.dumps(listed[route])}" for route in sorted(listed))
    KNOWN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
