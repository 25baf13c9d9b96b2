"""A change with two events, or two events with the same id, are reported as duplicated."""

import uuid

import pytest
from sqlalchemy import text, update

from app.models import Deployment
from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import client_event

# Drop the constraints that make duplicates impossible.
pytestmark = pytest.mark.own_database


def test_a_snapshot_that_remains_after_its_event_is_a_duplicate(audited: AuditedWorld) -> None:
    audited.session.add(audited.settled.snapshot(4))
    assert audited.problems() == {"duplicate": 1}


def test_a_snapshot_of_an_older_revision_that_remains_is_a_duplicate(audited: AuditedWorld) -> None:
    audited.session.add(audited.settled.snapshot(2))
    assert audited.problems() == {"duplicate": 1}


def test_two_events_of_one_revision_are_a_duplicate(audited: AuditedWorld) -> None:
    audited.session.execute(text("DROP INDEX uq_event_resource_revision"))
    audited.append(audited.settled.event(4, audited.last + 1, id=uuid.uuid4()))
    assert audited.problems() == {"duplicate": 1}


def test_each_surplus_event_of_a_revision_is_counted(audited: AuditedWorld) -> None:
    audited.session.execute(text("DROP INDEX uq_event_resource_revision"))
    for more in (1, 2):
        audited.append(audited.settled.event(4, audited.last + more, id=uuid.uuid4()))
    assert audited.problems() == {"duplicate": 2}


def test_an_id_that_is_in_the_log_twice_is_a_duplicate(audited: AuditedWorld) -> None:
    audited.session.execute(text("ALTER TABLE event DROP CONSTRAINT uq_event_id"))
    audited.append(client_event(audited.last + 1, id=audited.settled.event_ids[0]))
    assert audited.problems() == {"duplicate": 1}


def test_the_id_of_a_pending_snapshot_in_the_log_is_a_duplicate(audited: AuditedWorld) -> None:
    audited.append(client_event(audited.last + 1, id=audited.busy.event_ids[-1]))
    assert audited.problems() == {"duplicate": 1}


def test_a_lost_change_before_a_duplicate_is_counted_once(audited: AuditedWorld) -> None:
    audited.drop_snapshot(audited.busy, 4)
    audited.append(audited.busy.event(5, audited.last + 1, id=uuid.uuid4()))
    assert audited.problems() == {"lost": 1, "duplicate": 1}


def test_two_latest_events_that_the_row_does_not_name_are_one_phantom_and_one_duplicate(
    audited: AuditedWorld,
) -> None:
    audited.session.execute(text("DROP INDEX uq_event_resource_revision"))
    audited.append(audited.settled.event(4, audited.last + 1, id=uuid.uuid4()))
    audited.session.execute(update(Deployment).values(event_id=uuid.uuid4()).where(Deployment.id == audited.settled.id))
    assert audited.problems() == {"phantom": 1, "duplicate": 1}


@pytest.mark.parametrize("odd", ["first", "second"])
def test_a_change_after_a_duplicate_is_not_compared_with_it(audited: AuditedWorld, odd: str) -> None:
    audited.session.execute(text("DROP INDEX uq_event_resource_revision"))
    other = audited.settled.payload(3)
    other["updates"]["description"]["to"] = "other"
    if odd == "first":
        audited.change_event(audited.settled, 3, payload=other)
    payload = other if odd == "second" else audited.settled.payload(3)
    # Its id sorts before all others.
    audited.append(audited.settled.event(3, audited.last + 1, id=uuid.UUID(int=1), payload=payload))
    assert audited.problems() == {"duplicate": 1}
