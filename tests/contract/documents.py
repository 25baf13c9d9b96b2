"""The documents, and what stands in them."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
README: Final = ROOT / "README.md"
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def rows_under(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    _, _, section = path.read_text().partition(f"\n## {heading}\n")
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code_in(path: Path) -> list[str]:
    """Return what is set as code: the lines of blocks and the spans in the text."""
    fenced = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    text = path.read_text()
    lines = [line for block in fenced.findall(text) for line in block.splitlines()[1:-1]]
    return [*lines, *re.findall(r"`([^`]+)`", fenced.sub("", text))]


def anchors_of(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
