"""The documents and their contents."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
README: Final = ROOT / "README.md"
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS_INDEX: Final = ROOT / "docs/decisions/README.md"
DECISIONS: Final = [path for path in DOCUMENTS if path.parent == DECISIONS_INDEX.parent and path != DECISIONS_INDEX]


def rows_under(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    _, _, section = path.read_text().partition(f"\n## {heading}\n")
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code_in(path: Path) -> list[str]:
    """Return the lines of code blocks and the code spans in the text."""
    fenced = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    text = path.read_text()
    lines = [line for block in fenced.findall(text) for line in block.splitlines()[1:-1]]
    return [*lines, *re.findall(r"`([^`]+)`", fenced.sub("", text))]


def headings_of(path: Path) -> list[str]:
    """Return the headings of a document in order, with their number signs."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ .+$", text, re.MULTILINE)


def anchors_of(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as code hosts make them."""
    headings = [heading.lstrip("#").strip() for heading in headings_of(path)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_in(path: Path) -> list[str]:
    """Return the targets of the document's links, in order."""
    return re.findall(r"\]\(([^)\s]+)\)", path.read_text())
