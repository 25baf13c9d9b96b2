"""The cost of readiness: polls without a change write nothing tracked, and bulk changes need few statements."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

import app.capture.readiness
import workers.readiness
from app.capture.snapshot import Change
from app.models import Deployment, EventRow, Flow, WorkQueue
from app.outbox.record import record
from tests.guard import unguarded
from tests.integration.outbox_world import count
from tests.integration.readiness import heartbeat, let_time_pass, poll, serve
from tests.integration.registry import make_flow, make_pool, make_queue
from tests.statements import StatementCount
from workers.readiness import refresh_all_statuses


@pytest.fixture
def add(client: TestClient, sessions: sessionmaker[Session]) -> Callable[[int], list[UUID]]:
    """Add more deployments to the default queue of a pool with an online worker, and return their ids."""
    make_pool(client)
    make_flow(client, "etl")
    heartbeat(client)

    def add_some(number: int) -> list[UUID]:
        with sessions() as session, session.begin(), unguarded(session):
            flow_id, queue_id = session.scalars(select(Flow.id)).one(), session.scalars(select(WorkQueue.id)).one()
            known = count(session, Deployment)
            rows = [Deployment(name=str(known + n), flow_id=flow_id, work_queue_id=queue_id) for n in range(number)]
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    return add_some


def statements(client: TestClient, action: Callable[[], None]) -> list[str]:
    app: Any = client.app
    seen = StatementCount(app.state.engine)
    action()
    return list(seen.statements)


def ready(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return len(session.scalars(select(Deployment.id).where(Deployment.status == "READY")).all())


def test_a_poll_of_300_deployments_costs_as_many_statements_as_of_3(
    client: TestClient, add: Callable[[int], list[UUID]], engine: Engine, sessions: sessionmaker[Session]
) -> None:
    poll(client)
    let_time_pass(engine, 10)
    add(3)
    few = statements(client, lambda: poll(client))
    let_time_pass(engine, 10)
    add(300)
    many = statements(client, lambda: poll(client))

    assert (len(few), ready(sessions)) == (len(many), 303)


def test_serving_300_deployments_costs_as_many_statements_as_3(
    client: TestClient, add: Callable[[int], list[UUID]], sessions: sessionmaker[Session]
) -> None:
    some, more = add(3), add(300)
    few = statements(client, lambda: serve(client, *map(str, some)))
    many = statements(client, lambda: serve(client, *map(str, more)))

    assert (len(few), ready(sessions)) == (len(many), 303)


def test_a_poll_and_a_heartbeat_without_a_change_write_no_snapshot_and_no_status(
    client: TestClient, add: Callable[[int], list[UUID]], engine: Engine
) -> None:
    add(3)
    poll(client)
    let_time_pass(engine, 10)

    def work() -> None:
        poll(client)
        poll(client)
        heartbeat(client)

    seen = statements(client, work)
    assert not [text for text in seen if text.startswith(("UPDATE", "INSERT")) and "status" in text.split("WHERE")[0]]
    assert not [text for text in seen if "snapshot" in text]


def test_the_readiness_task_costs_as_many_statements_for_300_deployments_as_for_3(
    client: TestClient, add: Callable[[int], list[UUID]], engine: Engine, sessions: sessionmaker[Session]
) -> None:
    def cost(number: int) -> int:
        add(number)
        let_time_pass(engine, 10)
        heartbeat(client)
        poll(client)
        let_time_pass(engine, 100)
        seen = StatementCount(engine)
        assert refresh_all_statuses(sessions) == count_all(sessions) + 2
        return len(seen.statements)

    # A new connection first compares the masking key.
    cost(1)
    assert cost(2) == cost(297)


def count_all(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return count(session, Deployment)


def test_the_readiness_task_changes_a_limited_number_of_rows_per_transaction(
    client: TestClient,
    add: Callable[[int], list[UUID]],
    engine: Engine,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers.readiness, "ROWS_AT_ONCE", 2)
    add(5)
    for name in ("q", "r"):
        make_queue(client, name)
    poll(client)
    let_time_pass(engine, 61)
    with sessions() as session:
        before = count(session, EventRow)
    sizes: list[int] = []
    committed: list[int] = []

    def record_and_count(session: Session, changes: Sequence[Change]) -> None:
        if changes:
            sizes.append(len(changes))
            with sessions() as other:
                committed.append(count(other, EventRow) - before)
        record(session, changes)

    monkeypatch.setattr(workers.readiness, "record", record_and_count)
    refresh_all_statuses(sessions)
    assert (sizes, committed) == ([2, 1, 2, 2, 1], [0, 2, 3, 5, 7])
    assert ready(sessions) == 0


def test_the_readiness_task_changes_a_limited_number_of_bytes_per_transaction(
    client: TestClient,
    add: Callable[[int], list[UUID]],
    engine: Engine,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(5)
    poll(client)
    let_time_pass(engine, 61)
    monkeypatch.setattr(app.capture.readiness, "BYTES_AT_ONCE", 1)
    sizes: list[int] = []

    def record_and_count(session: Session, changes: Sequence[Change]) -> None:
        sizes.extend([len(changes)] if changes else [])
        record(session, changes)

    monkeypatch.setattr(workers.readiness, "record", record_and_count)
    refresh_all_statuses(sessions)

    # The queue first, then each deployment alone.
    assert sizes == [1] * 6
    assert ready(sessions) == 0


def test_a_poll_changes_a_limited_number_of_bytes_and_the_readiness_task_does_the_rest(
    client: TestClient,
    add: Callable[[int], list[UUID]],
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app.capture.readiness, "BYTES_AT_ONCE", 1)
    add(3)
    poll(client)
    assert ready(sessions) == 1

    refresh_all_statuses(sessions)

    assert ready(sessions) == 3


def test_serving_changes_a_limited_number_of_bytes(
    client: TestClient,
    add: Callable[[int], list[UUID]],
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app.capture.readiness, "BYTES_AT_ONCE", 1)
    serve(client, *map(str, add(3)))
    assert ready(sessions) == 1
