"""A history whose events are out of order is reported as disordered."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.models import EventRow
from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import START


def test_events_of_one_resource_in_the_wrong_order_are_disordered(audited: AuditedWorld) -> None:
    where = EventRow.resource_id == audited.settled.resource_id
    rows = audited.session.execute(select(EventRow.revision, EventRow.position).where(where))
    positions = {row.revision: row.position for row in rows}
    audited.change_event(audited.settled, 2, position=audited.last + 1)
    audited.change_event(audited.settled, 3, position=positions[2])
    audited.change_event(audited.settled, 2, position=positions[3])
    assert audited.problems() == {"disordered": 1}


def test_a_pending_snapshot_below_a_logged_one_is_disordered(audited: AuditedWorld) -> None:
    audited.drop_snapshot(audited.busy, 5)
    audited.append(audited.busy.event(5, audited.last + 1))
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize("follows", [None, uuid.uuid4()])
def test_an_event_that_does_not_follow_the_previous_one_is_disordered(
    audited: AuditedWorld, follows: uuid.UUID | None
) -> None:
    audited.change_event(audited.settled, 3, follows=follows)
    assert audited.problems() == {"disordered": 1}


def test_a_pending_snapshot_that_does_not_follow_the_previous_event_is_disordered(audited: AuditedWorld) -> None:
    audited.change_snapshot(audited.busy, 4, follows=uuid.uuid4())
    assert audited.problems() == {"disordered": 1}


def test_a_first_event_that_follows_another_event_is_disordered(audited: AuditedWorld) -> None:
    audited.change_event(audited.settled, 1, follows=uuid.uuid4())
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize("seconds", [2, 1])
def test_an_event_that_is_not_later_than_the_previous_one_is_disordered(audited: AuditedWorld, seconds: int) -> None:
    # Revision 2 occurred 2 seconds after the start.
    audited.change_event(audited.gone, 3, occurred=START + timedelta(seconds=seconds))
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize(
    ("life", "revision", "event"), [("settled", 1, "updated"), ("settled", 4, "deleted"), ("gone", 3, "updated")]
)
def test_an_event_with_the_wrong_name_is_disordered(
    audited: AuditedWorld, life: str, revision: int, event: str
) -> None:
    changed = getattr(audited, life)
    payload = changed.payload(revision) if event == "deleted" else {"updates": {"version": {"from": None, "to": None}}}
    audited.change_event(changed, revision, event=f"prefect.deployment.{event}", payload=payload)
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize(
    ("event", "status"),
    [("ready", None), ("updated", "READY"), ("not-ready", "READY"), ("ready", "NOT_READY"), ("paused", "GONE")],
)
def test_an_event_whose_name_does_not_match_the_change_of_the_status_is_disordered(
    audited: AuditedWorld, event: str, status: str | None
) -> None:
    updates = {"version": {"from": None, "to": None}} | ({"status": {"from": None, "to": status}} if status else {})
    audited.change_event(audited.settled, 4, event=f"prefect.deployment.{event}", payload={"updates": updates})
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize(("operation", "status"), [("ready", "READY"), ("not-ready", "NOT_READY")])
def test_a_pending_change_of_the_status_must_have_the_matching_operation(
    audited: AuditedWorld, operation: str, status: str
) -> None:
    before = audited.busy.state(4)
    after = {**(audited.busy.state(5) or {}), "status": status}
    audited.change_snapshot(audited.busy, 5, operation=operation, before=before, after=after)
    assert audited.problems() == {}
    audited.change_snapshot(audited.busy, 5, operation="updated")
    assert audited.problems() == {"disordered": 1}
