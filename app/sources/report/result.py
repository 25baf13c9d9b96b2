"""What a report says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.sources.report.matching import Problem


@dataclass(frozen=True, slots=True)
class WrongField:
    """A field that was told wrongly: its values before and after. None: it was left out, or did not change."""

    field: str
    told: tuple[Any, Any] | Any
    committed: tuple[Any, Any] | Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the server did not tell as it was.

    `change` and `told` are the ids of our event and of the server's; `fields` are the fields of the change.
    """

    problem: Problem
    event: str
    resource: str
    name: str
    at: datetime
    change: UUID | None
    position: int | None
    told: UUID | None
    told_before: UUID | None
    fields: tuple[str, ...]
    wrong: tuple[WrongField, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """The changes that have an event of this name in Prefect, and what became of them.

    `told` counts the changes that have an event, right or wrong; `is_known`: the server has told such an event before.
    """

    event: str
    changes: int
    told: int
    lost: int
    invented: int
    twice: int
    wrong: int
    is_known: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a server told of the changes between `since` and `until`, by that server's clock.

    `not_judged` counts events about resources of which something passed by the triggers. `oldest_event` is the time of
    the oldest event in the server's table.
    """

    source: str
    since: datetime
    until: datetime
    changes: int
    told: int
    lost: int
    invented: int
    twice: int
    wrong: int
    not_judged: int
    oldest_event: datetime | None
    counts: tuple[Counts, ...]
    findings: tuple[Finding, ...]
