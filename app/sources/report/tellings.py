"""What a Prefect server has to tell of a committed change, and what it told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.capture.masking import Masker
from app.models import EventRow
from app.schemas.event import RESOURCE_NAME
from app.sources.history import parse_source_id

UPDATED: Final = "updated"
STATUS: Final = "status"
PAUSED: Final = "is_paused"
STATUSES: Final = ("ready", "not-ready", "paused")
OPERATIONS: Final = ("created", UPDATED, "deleted", *STATUSES)
"""The last parts of the names of Prefect's events about its resources."""

Updates = Mapping[str, tuple[Any, Any]]
"""The value of each changed field before and after."""


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a committed change that has an event of its own in Prefect.

    `event` is the name of that event, `resource` the resource's id in Prefect; `id` and `position` are those of our
    event.
    """

    event: str
    resource: str
    name: str
    at: datetime
    id: UUID
    position: int
    updates: Updates


@dataclass(frozen=True, slots=True)
class Telling:
    """An event of Prefect. `updates` are those that it states; None: it states none. `values` are its whole payload."""

    event: str
    resource: str
    name: str
    at: datetime
    id: UUID
    updates: Updates | None
    values: Mapping[str, Any]


def changes_of(event: EventRow) -> Iterator[Change]:
    """Yield what a Prefect server has to tell of a change: of an update, its status and its other fields apart.

    Where both `status` and `is_paused` change, Prefect tells only the status.
    """
    found = parse_source_id(event.resource_id)
    assert found is not None, "only events of sources are compared"
    _, (kind, key) = found
    operation = event.event.rpartition(".")[2]
    updates = {name: (change["from"], change["to"]) for name, change in event.payload.get("updates", {}).items()}

    def change(operation: str, updates: Updates) -> Change:
        return Change(
            event=f"prefect.{kind}.{operation}",
            resource=f"prefect.{kind}.{key}",
            name=event.resource.get(RESOURCE_NAME, ""),
            at=event.occurred,
            id=event.id,
            position=event.position,
            updates=updates,
        )

    if operation != UPDATED:
        yield change(operation, {})
        return
    if (status := updates.pop(STATUS, None)) is not None:
        updates.pop(PAUSED, None)
        if status[1] is not None:
            yield change(str(status[1]).lower().replace("_", "-"), {})
    if updates:
        yield change(UPDATED, updates)


def telling(
    masker: Masker, id_: UUID, at: datetime, event: str, resource: str, name: str | None, payload: Any
) -> Telling:
    """Return an event of Prefect, from the columns of its table, masked as our events are."""
    values = payload if isinstance(payload, dict) else {}
    stated = values.get("updates")
    updates = None
    if isinstance(stated, dict):
        updates = {
            field: (masker.mask(field, change.get("from")), masker.mask(field, change.get("to")))
            for field, change in stated.items()
            if isinstance(change, dict)
        }
    masked = {field: masker.mask(field, value) for field, value in values.items()}
    return Telling(event, resource, name or "", at, id_, updates, masked)
