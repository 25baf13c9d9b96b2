"""The requests of the pages that are refused, as docs/wire-compatibility.md lists them."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "wire-compatibility.md"
ROW = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>/\S+)` \| (?P<status>\d{3}) \|", re.MULTILINE)


def read_refusals(text: str) -> list[str]:
    """Return a pattern for each row of the table, which matches texts such as `501 POST /api/variables/`.

    A name in braces stands for any text without a slash.
    """
    table = text.partition("### What the pages cannot do here")[2].partition("\n#")[0]
    return [_pattern(row["status"], row["method"], row["path"]) for row in ROW.finditer(table)]


def _pattern(status: str, method: str, path: str) -> str:
    place_holders = re.sub(r"\\\{\w+\\\}", "[^/?]+", re.escape(path))
    return rf"{status} {method} {place_holders}/?(\?.*)?"


REFUSALS = read_refusals(DOCUMENT.read_text())
