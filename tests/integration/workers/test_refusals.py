"""An error that the database has for one snapshot stops only that resource; an error for all of them stops none."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.integration.outbox_world import OutboxWorld
from tests.integration.workers.test_failed_snapshots import make_retries_due, put_in_one_lane
from workers.retry import ATTEMPTS

REFUSALS = ("P0001", "22000", "23000", "44000", "54000")
FAILURES = ("08006", "0A000", "25006", "40001", "40P01", "42501", "42P01", "53100", "55P03", "57014", "58030", "XX000")
"""Errors that usually concern the whole database. Here, a trigger raises them for one row."""

TRIGGERS = {
    "append": "CREATE TRIGGER odd BEFORE INSERT ON event FOR EACH ROW WHEN ({where}) EXECUTE FUNCTION odd()",
    "deletion": "CREATE TRIGGER odd BEFORE DELETE ON snapshot FOR EACH ROW WHEN ({where}) EXECUTE FUNCTION odd()",
    "commit": (
        "CREATE CONSTRAINT TRIGGER odd AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN ({where}) EXECUTE FUNCTION odd()"
    ),
}
OF_POISON = {
    "append": "new.resource->>'prefect.resource.name' = 'poison'",
    "deletion": "old.name = 'poison'",
    "commit": "new.resource->>'prefect.resource.name' = 'poison'",
}
pytestmark = pytest.mark.own_database


def raise_at(world: OutboxWorld, place: str, sqlstate: str, where: str) -> None:
    """Install a trigger that raises this SQLSTATE at that place."""
    body = f"BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = 'odd'; END"
    with world.sessions() as session:
        session.execute(text(f"CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"))
        session.execute(text(TRIGGERS[place].format(where=where)))
        session.commit()


def three_resources(world: OutboxWorld) -> None:
    """Create three deployments in one lane; the one in the middle has a second change."""
    world.create("first")
    (change,) = world.create("poison")
    world.update(change, version="1")
    world.create("last")
    put_in_one_lane(world)


@pytest.mark.parametrize("place", TRIGGERS)
@pytest.mark.parametrize("sqlstate", [*REFUSALS, *FAILURES])
def test_an_error_for_one_snapshot_blocks_only_its_own_resource(
    sqlstate: str, place: str, outbox_world: OutboxWorld
) -> None:
    three_resources(outbox_world)
    raise_at(outbox_world, place, sqlstate, OF_POISON[place])
    assert outbox_world.dispatch_all() == 2
    # On a slow machine, the first retry may be due at once.
    assert [(row.name, row.revision, row.attempts > 0) for row in outbox_world.pending()] == [
        ("poison", 1, True),
        ("poison", 2, False),
    ]


@pytest.mark.parametrize("sqlstate", ["P0001", "42501"])
def test_a_snapshot_that_always_fails_is_parked_even_if_it_is_alone(sqlstate: str, outbox_world: OutboxWorld) -> None:
    outbox_world.create("poison")
    raise_at(outbox_world, "append", sqlstate, OF_POISON["append"])
    for _ in range(ATTEMPTS):
        make_retries_due(outbox_world)
        outbox_world.dispatch_all()
    (row,) = outbox_world.pending()
    assert (row.attempts, row.parked is not None) == (ATTEMPTS, True)
    assert row.error is not None
    assert sqlstate in row.error


@pytest.mark.parametrize("sqlstate", FAILURES)
def test_an_error_for_every_event_counts_no_attempt(sqlstate: str, outbox_world: OutboxWorld) -> None:
    three_resources(outbox_world)
    raise_at(outbox_world, "append", sqlstate, "true")
    with pytest.raises(DBAPIError, match="odd"):
        outbox_world.dispatch_all()
    assert {(row.attempts, row.error) for row in outbox_world.pending()} == {(0, None)}
    with outbox_world.sessions() as session:
        session.execute(text("DROP TRIGGER odd ON event"))
        session.commit()
    assert outbox_world.dispatch_all() == 4
