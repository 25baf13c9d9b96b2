"""`outbox status`: how many snapshots wait, for how long, and how many are stuck."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from app.models import SCHEMA_VERSION, EventLog, SnapshotRow
from app.outbox.status import OutboxStatus, status
from tests.integration.audit.lives import Life, store

LATER = datetime(2100, 1, 1, tzinfo=UTC)
PARKED = {"attempts": 8, "error": "odd", "parked": LATER}
RETRYING = {"attempts": 1, "error": "odd", "next_attempt": LATER}


def test_in_an_empty_outbox_nothing_is_pending(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert status(session) == OutboxStatus(0, None, 0, 0, 0, 0, position=0, rescued=0)


def test_the_status_has_the_position_of_the_log_and_the_number_of_rescued_events(
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as session:
        store(session, [Life(3)])
        session.execute(update(EventLog).values(rescued=2))
        found = status(session)
    assert (found.position, found.rescued) == (4, 2)


def test_the_age_is_that_of_the_oldest_pending_snapshot_by_the_clock_of_the_database(
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as session:
        store(session, [])
        old = func.clock_timestamp() - timedelta(seconds=100)
        older = func.clock_timestamp() - timedelta(seconds=9000)
        session.add(Life(1).snapshot(1))
        session.add(Life(1).snapshot(1, captured=old))
        session.add(Life(1).snapshot(1, captured=older, **PARKED))
        session.flush()
        age = status(session).oldest_pending_seconds
    assert age is not None
    assert 100 <= age < 200


def test_a_parked_snapshot_is_not_pending_and_the_later_ones_of_its_resource_wait(
    sessions: sessionmaker[Session],
) -> None:
    stuck, other = Life(4, pending=3), Life(2, pending=2)
    with sessions() as session:
        store(session, [stuck, other])
        session.execute(update(SnapshotRow).where(SnapshotRow.id == stuck.event_ids[1]).values(**PARKED))
        found = status(session)
    assert (found.pending, found.parked, found.waiting, found.retrying) == (4, 1, 2, 0)


def test_a_snapshot_before_a_parked_one_does_not_wait(sessions: sessionmaker[Session]) -> None:
    stuck = Life(3, pending=3)
    with sessions() as session:
        store(session, [stuck])
        session.execute(update(SnapshotRow).where(SnapshotRow.id == stuck.event_ids[1]).values(**PARKED))
        found = status(session)
    assert (found.pending, found.waiting) == (2, 1)


def test_a_failed_snapshot_that_is_not_parked_is_retrying(sessions: sessionmaker[Session]) -> None:
    life = Life(2, pending=2)
    with sessions() as session:
        store(session, [life])
        session.execute(update(SnapshotRow).where(SnapshotRow.id == life.event_ids[0]).values(**RETRYING))
        found = status(session)
    assert (found.pending, found.parked, found.waiting, found.retrying) == (2, 0, 0, 1)


def test_a_snapshot_of_a_newer_version_is_pending_and_counted_as_newer(sessions: sessionmaker[Session]) -> None:
    life = Life(3, pending=2)
    with sessions() as session:
        store(session, [life])
        newer = update(SnapshotRow).where(SnapshotRow.id == life.event_ids[1])
        session.execute(newer.values(schema_version=SCHEMA_VERSION + 1))
        found = status(session)
    assert (found.pending, found.newer) == (2, 1)
