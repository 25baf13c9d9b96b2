"""The result of a chaos run: the findings by category, and the figures of the table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

Category = Literal["lost", "phantom", "duplicated", "disordered", "misattributed", "failed"]
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
SHOWN: Final = 20
"""How many findings are printed with their text; the JSON has as many of each category."""


@dataclass(frozen=True)
class Finding:
    """One violation: which promise was broken, and the evidence."""

    category: Category
    text: str


@dataclass(frozen=True)
class Report:
    """The verdict and the figures of one run."""

    findings: Sequence[Finding]
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What the table shows besides the verdict; JSON-safe."""

    @property
    def lost(self) -> int:
        """How many changes have no event."""
        return self._count("lost")

    @property
    def phantom(self) -> int:
        """How many events have no change."""
        return self._count("phantom")

    @property
    def duplicated(self) -> int:
        """How many changes have more than one event, or would have if the database had not refused it."""
        return self._count("duplicated")

    @property
    def disordered(self) -> int:
        """How many events are out of order, or were missed by a reader of the log."""
        return self._count("disordered")

    @property
    def misattributed(self) -> int:
        """How many events name another actor or request than the one that made the change."""
        return self._count("misattributed")

    @property
    def failed(self) -> int:
        """How many other violations there are: failed or parked snapshots, a differing audit, 500 responses."""
        return self._count("failed")

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def shown(self) -> list[Finding]:
        """Return the first findings of each category, in the order of the categories."""
        return [
            finding
            for category in CATEGORIES
            for finding in [each for each in self.findings if each.category == category][:SHOWN]
        ]

    def to_json(self) -> str:
        """Return the whole report as a JSON text."""
        body: dict[str, Any] = {
            **{category: self._count(category) for category in CATEGORIES},
            **self.figures,
            "findings": [{"category": finding.category, "text": finding.text} for finding in self.shown()],
        }
        return json.dumps(body, indent=2, default=str)

    def _count(self, category: Category) -> int:
        return Counter(finding.category for finding in self.findings)[category]
