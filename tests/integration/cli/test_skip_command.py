"""`outbox skip`: the log gets an event that says that the change was skipped, and the next changes follow."""

import pytest
from sqlalchemy import Engine, text

from app.errors import Conflict
from app.models import SnapshotRow
from app.outbox.parked import replay, skip
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import ERROR, as_json, assert_clean, make_stuck, run
from tests.integration.side_by_side import held_up
from workers.retry import ATTEMPTS


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def stuck(outbox_world: OutboxWorld) -> SnapshotRow:
    """A deployment with four revisions: the first is an event, the second is parked."""
    return make_stuck(outbox_world)


def test_a_skipped_one_leaves_an_event_that_says_so_and_the_others_follow(
    stuck: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    assert (
        f"Skipped {stuck.id}: prefect.deployment.updated of nightly" in run("skip", stuck.id, "--reason", "odd").stdout
    )
    assert outbox_world.dispatch_all() == 3
    created, skipped, third, _ = outbox_world.log()
    assert (skipped.id, skipped.event) == (stuck.id, "aftercommit.deployment.skipped")
    assert (skipped.revision, skipped.follows, skipped.related) == (2, created.id, [])
    assert skipped.payload == {
        "skipped": {"operation": "updated", "reason": "odd", "error": ERROR, "attempts": ATTEMPTS}
    }
    assert third.follows == skipped.id
    assert_clean(outbox_world)


@pytest.mark.parametrize("odd", ["kind = 'spaceship'", '"references" = \'{"flow_id": 5}\''])
def test_a_skip_reads_nothing_of_what_may_be_the_poison(
    odd: str, stuck: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    with outbox_world.sessions() as session:
        session.execute(text(f"UPDATE snapshot SET {odd} WHERE revision = 2"))
        session.commit()
    run("skip", stuck.id, "--reason", "odd")
    assert outbox_world.dispatch_all() == 3
    assert [row for row in outbox_world.pending() if row.revision == 2] == []


def test_a_skip_that_waits_is_shown_and_keeps_its_error(stuck: SnapshotRow) -> None:
    run("skip", stuck.id, "--reason", "  odd  ")
    shown = as_json("show", stuck.id)
    assert (shown["state"], shown["skip_reason"], shown["error"]) == ("to be skipped", "odd", ERROR)
    assert as_json("parked") == []


def test_a_skip_wants_a_reason(stuck: SnapshotRow) -> None:
    assert run("skip", stuck.id, "--reason", "  ").exit_code == 2
    assert run("skip", stuck.id).exit_code == 2


def test_events_list_tells_of_a_skip_with_its_reason(stuck: SnapshotRow, outbox_world: OutboxWorld) -> None:
    run("skip", stuck.id, "--reason", "see incident 7")
    outbox_world.dispatch_all()
    line = next(line for line in run("list", group="events").stdout.splitlines() if "skipped" in line)
    assert line.split("\t")[2:] == ["aftercommit.deployment.skipped", "nightly", "skipped (updated): see incident 7"]


def test_of_two_operators_who_decide_at_once_the_second_is_told(
    stuck: SnapshotRow, outbox_world: OutboxWorld, engine: Engine
) -> None:
    def skip_it() -> None:
        with outbox_world.sessions() as session:
            skip(session, stuck.id, "odd")
            session.commit()

    with outbox_world.sessions() as first:
        replay(first, stuck.id)
        with held_up(engine, skip_it) as second:
            first.commit()
            with pytest.raises(Conflict):
                second.result(20)
    assert outbox_world.pending()[0].skip_reason is None
