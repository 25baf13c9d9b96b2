"""The cost of a batch: the number of its statements, and how long it holds the log's lock."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from app.log.append import append
from app.postgres.engine import make_engine, make_sessions
from app.schemas.event import Event
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld
from tests.statements import StatementCount


def _statements(world: OutboxWorld, settings: Settings, batch_size: int = 500) -> list[str]:
    """Dispatch the pending snapshots in one lane, and return the executed statements."""
    with world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = 5"))
        session.commit()
    engine = make_engine(settings, application_name="counted")
    seen = StatementCount(engine)
    OutboxWorld(make_sessions(engine), settings).dispatcher(batch_size).dispatch(world.pending_ids())
    engine.dispose()
    return seen.statements


def test_a_batch_of_any_size_needs_the_same_statements(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.create("n0")
    one = _statements(outbox_world, settings)
    outbox_world.create(*(f"m{number}" for number in range(200)))
    many = _statements(outbox_world, settings)
    assert len(many) == len(one)
    assert len(one) <= 8, one


def test_only_the_events_are_written_while_the_append_lock_is_held(
    outbox_world: OutboxWorld, settings: Settings
) -> None:
    outbox_world.create("n0", "n1")
    verbs = [statement.split()[0] for statement in _statements(outbox_world, settings)]
    # Related resources, deletion, log head, events; then the check after the commit.
    assert verbs[-5:] == ["SELECT", "DELETE", "UPDATE", "COPY", "SELECT"]


def test_an_event_that_cannot_be_written_is_found_before_the_append_lock_is_taken(settings: Settings) -> None:
    event = Event(
        id=uuid4(),
        occurred=datetime.now(UTC),
        event="a.b",
        resource={"prefect.resource.id": "a"},
        related=[],
        payload={"a": Decimal(1)},
        follows=None,
    )
    engine = make_engine(settings, application_name="counted")
    seen = StatementCount(engine)
    with make_sessions(engine)() as session, pytest.raises(DataError):
        append(session, [event], rescued=0)
    engine.dispose()
    assert seen.statements == []


def test_after_a_full_batch_the_next_claim_replaces_the_check_for_more_snapshots(
    outbox_world: OutboxWorld, settings: Settings
) -> None:
    outbox_world.create(*(f"n{number}" for number in range(5)))
    statements = _statements(outbox_world, settings, batch_size=2)
    assert len([statement for statement in statements if statement.startswith("COPY")]) == 3
    assert len([statement for statement in statements if "SELECT waiting.id" in statement]) == 1
    assert outbox_world.pending() == []
