"""Folds several events of one resource into what they changed together, without any I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from app.log.comparison import may_differ
from app.log.state import is_omitted
from app.models import EventRow


@dataclass(frozen=True, slots=True)
class NetChange:
    """What events of one resource changed together.

    `last` is the last of these events. `fields` has the values before and after of each field that differs; those of a
    created resource have only the value after, and None before. `notes` says what is not known.
    """

    last: EventRow
    first_revision: int
    operation: str
    fields: Mapping[str, tuple[Any, Any]]
    notes: Sequence[str]


def net_change(events: Iterator[EventRow]) -> NetChange:
    """Return the net change of these events: at least one, of one resource, ordered by revision."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    notes, operations = [], []
    first = last = next(events)
    for last in chain([first], events):
        skipped = last.payload.get("skipped")
        try:
            operations.append(last.event.rpartition(".")[2] if skipped is None else skipped["operation"])
            if skipped is not None:
                notes.append(f"revision {last.revision} was skipped, and may have changed any field")
            if operations[-1] == "created":
                after.update(last.payload.get("fields", {}))
            for field, change in last.payload.get("updates", {}).items():
                before.setdefault(field, after.get(field, change["from"]))
                after[field] = change["to"]
        except (AttributeError, KeyError, TypeError):
            operations.append("damaged")
            notes.append(f"the event of revision {last.revision} is damaged")
    assert first.revision is not None, "only changes of resources are folded"
    operation = _operation(operations)
    fields = _fields(operation, before, after)
    return NetChange(last, first.revision, operation, fields, notes)


def _operation(operations: Sequence[str]) -> str:
    created, deleted = operations[0] == "created", operations[-1] == "deleted"
    if created and deleted:
        return "created and deleted"
    return "created" if created else "deleted" if deleted else "updated"


def _fields(operation: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    if operation.endswith("deleted"):
        return {}
    if operation == "created":
        return {field: (None, value) for field, value in sorted(after.items()) if value not in (None, "", [], {})}
    return {
        field: (old, after[field])
        for field, old in sorted(before.items())
        # Two values that were too large for their events need not be equal.
        if may_differ(old, after[field]) or is_omitted(old)
    }
