"""`outbox skip`: the log gets an event that says that the change was skipped, and the next changes follow."""

import pytest
from sqlalchemy import Engine, text

from app.errors import Conflict
from app.models import SnapshotRow
from app.outbox.parked import replay, skip
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import ERROR, as_json, assert_clean, make_parked, run
from tests.integration.side_by_side import while_blocked
from workers.retry import ATTEMPTS


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def parked_row(outbox_world: OutboxWorld) -> SnapshotRow:
    """A deployment with four revisions: the first is an event, the second is parked."""
    return make_parked(outbox_world)


def test_a_skipped_snapshot_becomes_a_skipped_event_and_the_later_ones_follow(
    parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    assert (
        f"Skipped {parked_row.id}: prefect.deployment.updated of nightly"
        in run("skip", parked_row.id, "--reason", "odd").stdout
    )
    assert outbox_world.dispatch_all() == 3
    created, skipped, third, _ = outbox_world.log()
    unknown = {
        "prefect.resource.id": "aftercommit.unknown",
        "prefect.resource.name": "unknown",
        "prefect.resource.role": "actor",
    }
    assert (skipped.id, skipped.event) == (parked_row.id, "aftercommit.deployment.skipped")
    assert (skipped.revision, skipped.follows, skipped.related) == (2, created.id, [unknown])
    assert skipped.payload == {
        "skipped": {"operation": "updated", "reason": "odd", "error": ERROR, "attempts": ATTEMPTS}
    }
    assert third.follows == skipped.id
    assert_clean(outbox_world)


@pytest.mark.parametrize("odd", ["kind = 'spaceship'", '"references" = \'{"flow_id": 5}\''])
def test_a_skip_does_not_read_what_may_have_caused_the_failure(
    odd: str, parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    with outbox_world.sessions() as session:
        session.execute(text(f"UPDATE snapshot SET {odd} WHERE revision = 2"))
        session.commit()
    run("skip", parked_row.id, "--reason", "odd")
    assert outbox_world.dispatch_all() == 3
    assert [row for row in outbox_world.pending() if row.revision == 2] == []


def test_a_waiting_skip_is_shown_and_keeps_its_error(parked_row: SnapshotRow) -> None:
    run("skip", parked_row.id, "--reason", "  odd  ")
    shown = as_json("show", parked_row.id)
    assert (shown["state"], shown["skip_reason"], shown["error"]) == ("to be skipped", "odd", ERROR)
    assert as_json("parked") == []


def test_a_skip_requires_a_reason(parked_row: SnapshotRow) -> None:
    assert run("skip", parked_row.id, "--reason", "  ").exit_code == 2
    assert run("skip", parked_row.id).exit_code == 2


def test_events_list_shows_a_skip_with_its_reason(parked_row: SnapshotRow, outbox_world: OutboxWorld) -> None:
    run("skip", parked_row.id, "--reason", "see incident 7")
    outbox_world.dispatch_all()
    line = next(line for line in run("list", group="events").stdout.splitlines() if "deployment.skipped" in line)
    assert line.split("\t")[2:] == [
        "aftercommit.deployment.skipped",
        "nightly",
        "skipped (updated): see incident 7",
        "unknown",
    ]


def test_of_two_concurrent_decisions_the_second_is_refused(
    parked_row: SnapshotRow, outbox_world: OutboxWorld, engine: Engine
) -> None:
    def skip_it() -> None:
        with outbox_world.sessions() as session:
            skip(session, parked_row.id, "odd")
            session.commit()

    with outbox_world.sessions() as first:
        replay(first, parked_row.id)
        with while_blocked(engine, skip_it) as second:
            first.commit()
            with pytest.raises(Conflict):
                second.result(20)
    assert outbox_world.pending()[0].skip_reason is None
