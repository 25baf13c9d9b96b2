"""Claiming: a worker takes snapshots of a free lane, in order, up to its limits."""

import re
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.event import listen

from benches.synthetic import Template, insert_backlog
from tests.integration.outbox_world import OutboxWorld, update_deployment
from workers.claim import claim, lock_lanes


def test_a_locked_lane_is_left_to_its_holder(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as holder:
        lane = change.row["id"].int % 64
        assert lock_lanes(holder, [lane])[0] == [lane]
        assert outbox_world.dispatch_all() == 0
    assert outbox_world.dispatch_all() == 1


def test_snapshots_are_claimed_by_revision_even_if_ids_and_times_differ(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as session:
        for version in "12345":
            update_deployment(session, change, version=version)
        session.commit()
        session.execute(text("UPDATE snapshot SET captured = now() - revision * interval '1 hour'"))
        session.commit()
        rows = claim(session, [change.row["id"].int % 64], 10)
        assert [row.revision for row in rows] == [1, 2, 3, 4, 5, 6]


def test_the_planner_expects_that_nearly_all_of_a_lane_can_be_claimed(
    outbox_world: OutboxWorld, database_url: str
) -> None:
    (change,) = outbox_world.create("nightly")
    template = Template({}, {"flow_id": str(change.row["flow_id"])}, {"actor": "unknown"})
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        insert_backlog(connection, template, 2_000, one_lane=True)
    asked: list[tuple[str, Any]] = []
    with outbox_world.sessions() as session:
        listen(session.connection(), "before_cursor_execute", lambda *seen: asked.append(seen[2:4]))
        assert len(claim(session, [0], 100)) == 100
        statement, parameters = asked[0]
        plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
    # Otherwise it would read and sort the whole lane to find the first snapshots.
    found = re.search(r"Scan using ix_snapshot_lane_sequence on snapshot .*rows=(\d+)", plan)
    assert found is not None, plan
    # Half of the rows: the planner assumes that both lanes are equally long.
    assert int(found[1]) > 900, plan


def test_a_batch_has_a_limit_of_bytes_but_always_takes_one_snapshot(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (change,) = outbox_world.create("nightly")
    for number in range(5):
        outbox_world.update(change, parameters={"big": str(number) * 10_000})
    monkeypatch.setattr("workers.claim.BYTES_AT_ONCE", 45_000)
    lane = change.row["id"].int % 64
    with outbox_world.sessions() as session:
        # The creation is small; an update holds the state before and after.
        assert [row.revision for row in claim(session, [lane], 100)] == [1, 2, 3, 4]
    monkeypatch.setattr("workers.claim.BYTES_AT_ONCE", 1)
    with outbox_world.sessions() as session:
        assert [row.revision for row in claim(session, [lane], 100)] == [1]
    assert outbox_world.dispatch_all() == 6
    assert list(outbox_world.ids_by_resource().values()) == [list(range(1, 7))]
