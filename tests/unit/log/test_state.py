"""The state of a resource, rebuilt from its events."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.capture.kind_classes import ResourceKind
from app.log.state import Phase, Reason, Unknown, rebuild
from app.models import EventRow
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME

KIND = ResourceKind("deployment", tracked={"a": None, "b": None})  # type: ignore[dict-item]  # Only the names matter.
ID = UUID(int=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def an_event(operation: str, revision: int, payload: dict[str, Any], name: str = "nightly") -> EventRow:
    skipped = operation == "skipped"
    return EventRow(
        id=uuid4(),
        occurred=START + timedelta(hours=revision),
        event=KIND.skip_event_name() if skipped else KIND.event_name(operation),
        resource_id=KIND.resource_id(ID),
        resource={RESOURCE_ID: KIND.resource_id(ID), RESOURCE_NAME: name},
        related=[],
        payload=payload,
        revision=revision,
    )


def created(revision: int = 1, **fields: Any) -> EventRow:
    return an_event("created", revision, {"fields": fields})


def updated(revision: int, operation: str = "updated", **fields: Any) -> EventRow:
    updates = {field: {"from": "whatever", "to": value} for field, value in fields.items()}
    return an_event(operation, revision, {"updates": updates})


def skipped(revision: int, operation: str) -> EventRow:
    return an_event("skipped", revision, {"skipped": {"operation": operation, "reason": "broken"}})


def test_nothing_is_known_before_the_creation() -> None:
    state = rebuild(KIND, [])
    assert (state.phase, state.revision, state.changed, state.fields) == (Phase.NOT_CREATED, 0, None, {})


def test_each_update_sets_its_values() -> None:
    state = rebuild(KIND, [created(a=1, b=1), updated(2, a=2), updated(3, b=None)])
    assert (state.phase, state.revision, state.changed) == (Phase.ALIVE, 3, START + timedelta(hours=3))
    assert state.fields == {"a": 2, "b": None}


@pytest.mark.parametrize("operation", ["ready", "not-ready", "paused"])
def test_a_status_event_changes_its_fields_like_an_update(operation: str) -> None:
    state = rebuild(KIND, [created(a=1, b=1), updated(2, operation, status="READY")])
    assert (state.phase, state.fields) == (Phase.ALIVE, {"a": 1, "b": 1, "status": "READY"})


def test_the_name_is_that_of_the_latest_event() -> None:
    assert rebuild(KIND, [created(), an_event("updated", 2, {"updates": {}}, name="other")]).name == "other"


def test_a_deletion_ends_the_resource_and_keeps_the_last_values() -> None:
    state = rebuild(KIND, [created(a=1, b=1), an_event("deleted", 2, {"fields": {"a": 1, "b": 1}})])
    assert (state.phase, state.revision, state.fields) == (Phase.DELETED, 2, {"a": 1, "b": 1})


def test_after_a_skipped_update_each_field_is_unknown_until_its_next_event() -> None:
    events = [created(a=1, b=1), skipped(2, "updated"), updated(3, a=3)]
    assert rebuild(KIND, events).fields == {"a": 3, "b": Unknown(2, Reason.SKIPPED)}


def test_an_unknown_field_keeps_its_first_reason() -> None:
    events = [created(a=1, b=1), skipped(2, "updated"), skipped(3, "updated")]
    assert rebuild(KIND, events).fields == dict.fromkeys("ab", Unknown(2, Reason.SKIPPED))


def test_after_a_skipped_creation_the_resource_exists_and_its_fields_are_unknown() -> None:
    state = rebuild(KIND, [skipped(1, "created")])
    assert (state.phase, state.fields) == (Phase.ALIVE, dict.fromkeys("ab", Unknown(1, Reason.SKIPPED)))


def test_after_a_skipped_deletion_the_resource_is_deleted() -> None:
    assert rebuild(KIND, [created(a=1, b=1), skipped(2, "deleted")]).phase is Phase.DELETED


def test_an_omitted_value_is_unknown_until_its_next_event() -> None:
    omitted = an_event("updated", 2, {"updates": {"a": {"from": 1, "to": {"$omitted": "9"}}}, "omitted_fields": ["a"]})
    assert rebuild(KIND, [created(a=1, b=1), omitted]).fields == {"a": Unknown(2, Reason.OMITTED), "b": 1}
    assert rebuild(KIND, [created(a=1, b=1), omitted, updated(3, a=2)]).fields == {"a": 2, "b": 1}


def test_a_value_that_looks_like_an_omission_is_a_value() -> None:
    assert rebuild(KIND, [created(a={"$omitted": "9"}, b=1)]).fields == {"a": {"$omitted": "9"}, "b": 1}


def test_an_omitted_old_value_does_not_make_the_field_unknown() -> None:
    event = an_event("updated", 2, {"updates": {"a": {"from": {"$omitted": "9"}, "to": 2}}, "omitted_fields": ["a"]})
    assert rebuild(KIND, [created(a=1, b=1), event]).fields == {"a": 2, "b": 1}


def test_after_a_missing_event_each_field_is_unknown_until_its_next_event() -> None:
    events = [created(a=1, b=1), updated(3, a=3)]
    assert rebuild(KIND, events).fields == {"a": 3, "b": Unknown(2, Reason.MISSING)}


def test_a_field_without_any_event_is_unknown() -> None:
    assert rebuild(KIND, [created(a=1)]).fields == {"a": 1, "b": Unknown(1, Reason.UNRECORDED)}
