"""The data that the verdict judges: the log, the rows, the outbox, the operations, and what the readers received."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tests.chaos.ledger import Operation

FLOW: Final = "flow"
POOL: Final = "work-pool"
QUEUE: Final = "work-queue"
LIMIT: Final = "concurrency-limit"
DEPLOYMENT: Final = "deployment"

TRACKED: Final = {
    "flow": ("labels", "tags"),
    "work-pool": (
        "base_job_template",
        "concurrency_limit",
        "description",
        "is_paused",
        "status",
        "storage_configuration",
    ),
    "work-queue": ("concurrency_limit", "description", "filter", "is_paused", "name", "priority", "status"),
    "concurrency-limit": ("active", "limit", "name", "slot_decay_per_second"),
    "deployment": (
        "concurrency_limit",
        "concurrency_limit_id",
        "concurrency_options",
        "description",
        "enforce_parameter_schema",
        "entrypoint",
        "infra_overrides",
        "infrastructure_document_id",
        "labels",
        "parameter_openapi_schema",
        "parameters",
        "path",
        "paused",
        "pull_steps",
        "schedules",
        "status",
        "storage_document_id",
        "tags",
        "version",
        "work_queue_id",
    ),
}
"""By kind. Written down once more here: a field that the product forgets must be missed by somebody."""


@dataclass(frozen=True)
class EventFact:
    """An event of the log."""

    position: int
    id: str
    event: str
    resource_id: str
    revision: int | None
    follows: str | None
    occurred: datetime
    payload: Mapping[str, Any]
    related: Sequence[Mapping[str, str]] = ()
    actor: str | None = None
    request: str | None = None

    @property
    def kind(self) -> str:
        """The kind of its resource."""
        return self.resource_id.removeprefix("prefect.").rpartition(".")[0]

    @property
    def pool(self) -> str:
        """The id of the related work pool (a queue's pool), or empty."""
        found = [each["prefect.resource.id"] for each in self.related if each["prefect.resource.role"] == POOL]
        return found[0].rpartition(".")[2] if found else ""

    @property
    def name(self) -> str:
        """The name of a queue or a limit, if this event contains it."""
        return str(self.payload.get("name") or self.fields.get("name") or "")

    @property
    def what(self) -> str:
        """What happened, without the kind: created, updated, deleted, ready, not-ready or paused."""
        return self.event.rpartition(".")[2]

    @property
    def subject(self) -> str:
        """The id of its resource, unique across all kinds."""
        return self.resource_id.rpartition(".")[2]

    @property
    def updates(self) -> Mapping[str, Mapping[str, Any]]:
        """The diffs by field; empty for a creation or a deletion."""
        found: Mapping[str, Mapping[str, Any]] = self.payload.get("updates", {})
        return found

    @property
    def fields(self) -> Mapping[str, Any]:
        """The tracked fields of a creation or a deletion."""
        found: Mapping[str, Any] = self.payload.get("fields", {})
        return found

    def __str__(self) -> str:
        """Describe the event for a finding."""
        return f"{self.what} {self.kind} {self.subject} revision {self.revision} at position {self.position}"


@dataclass(frozen=True)
class RowFact:
    """A resource that exists; `state` holds its tracked columns, JSON-safe."""

    id: str
    revision: int
    event_id: str
    state: Mapping[str, Any]


@dataclass(frozen=True)
class PendingFact:
    """A snapshot that is still in the outbox."""

    subject: str
    revision: int
    attempts: int
    parked: bool
    error: str | None


@dataclass(frozen=True)
class History:
    """Everything that is known at the end of a run."""

    events: Sequence[EventFact] = ()
    """By position."""
    rows: Mapping[str, RowFact] = field(default_factory=dict)
    tombstones: Mapping[str, int] = field(default_factory=dict)
    """The revision of the deletion, by resource."""
    pending: Sequence[PendingFact] = ()
    head: int = 0
    """The position of the log's head row."""
    operations: Sequence[Operation] = ()
    tails: Sequence[Sequence[tuple[int, str]]] = ()
    """What each reader saw, as positions and event ids, in the order in which it saw them."""

    def lives(self) -> dict[str, list[EventFact]]:
        """Return the events of each resource, by revision."""
        lives: defaultdict[str, list[EventFact]] = defaultdict(list)
        for event in self.events:
            lives[event.subject].append(event)
        for life in lives.values():
            life.sort(key=lambda event: (event.revision or 0, event.position))
        return dict(lives)


def agrees(logged: Any, stored: Any, *, masked: bool = True) -> bool:
    """Return whether a value in an event equals the stored one; if `masked`, a masked value equals any.

    As in PostgreSQL, `1` equals `1.0`, but `true` is not a number.
    """
    if masked and isinstance(logged, dict) and "$masked" in logged:
        return True
    if isinstance(logged, dict) and isinstance(stored, dict):
        if logged.keys() != stored.keys():
            return False
        return all(agrees(value, stored[key], masked=masked) for key, value in logged.items())
    if isinstance(logged, list) and isinstance(stored, list):
        return len(logged) == len(stored) and all(
            agrees(left, right, masked=masked) for left, right in zip(logged, stored, strict=True)
        )
    return isinstance(logged, bool) == isinstance(stored, bool) and bool(logged == stored)
