"""The product's functions and files are short enough to be read."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MAX_FUNCTION_LINES: Final = 40
MAX_FILE_LINES: Final = 199
FILES: Final = sorted(path for folder in ("app", "workers") for path in (ROOT / folder).rglob("*.py"))


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield f"{path.relative_to(ROOT)} {node.name}", node.end_lineno - node.lineno + 1


def test_functions_have_at_most_forty_lines() -> None:
    lengths = dict(entry for path in FILES for entry in _functions(path))
    assert len(lengths) > 500
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def test_files_have_fewer_than_two_hundred_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}
