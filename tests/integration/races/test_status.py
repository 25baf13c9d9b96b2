"""A sign of life in the same moment as the look for silence, with the threads held up in the product's own code."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session, sessionmaker

import workers.readiness
from app.crud import polls, pool_workers
from app.crud.polls import record_poll_of_pool
from app.events.kinds import WORK_POOL
from app.events.readiness import settle
from app.models import SnapshotRow
from tests.integration.outbox_world import count
from tests.integration.races.blocking import Gate, wait_until_blocked
from tests.integration.readiness import (
    POOL,
    QUEUE,
    deploy,
    events_of,
    heartbeat,
    let_time_pass,
    log,
    look,
    names,
    poll,
    status,
)
from tests.integration.registry import make_pool
from tests.integration.side_by_side import all_at_once
from workers.readiness import settle_all

pytestmark = pytest.mark.usefixtures("audited")

BARRIER = 1
"""An advisory lock that is nobody's."""


@pytest.fixture
def silent(client: TestClient, engine: Engine) -> str:
    """The path of a deployment that is ready like its queue and its pool, and nobody has asked for any for long."""
    make_pool(client)
    path = f"/deployments/{deploy(client)}"
    heartbeat(client)
    poll(client)
    let_time_pass(engine, 1000)
    return path


@contextmanager
def held_after(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, action: Callable[[], None]
) -> Iterator[Future[None]]:
    """Hold up the action, in a thread, after its first call of that function, for the time of the block."""
    gate = Gate()
    original = getattr(module, name)

    def call_and_stop(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if not gate.reached.is_set():
            gate.stop()
        return result

    monkeypatch.setattr(module, name, call_and_stop)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(action)
        gate.await_arrival()
        try:
            yield future
        finally:
            gate.open()
        future.result(30)


def test_a_heartbeat_that_is_not_committed_yet_saves_its_pool_from_the_look(
    client: TestClient, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, pool_workers, "settle", lambda: heartbeat(client)):
        look()

    assert status(client, POOL) == "READY"
    assert [told for told in log(client) if "work-pool" in told] == ["work-pool.created pool", "work-pool.ready pool"]


def test_a_heartbeat_that_is_committed_while_the_look_reads_saves_its_pool(
    client: TestClient, silent: str, engine: Engine, sessions: sessionmaker[Session]
) -> None:
    barred = func.pg_advisory_xact_lock(BARRIER).is_not(None)

    def look_slowly() -> None:
        with sessions() as session, session.begin():
            # Its statement has begun, and sees the pool as it was then.
            assert settle(session, WORK_POOL, barred, alone=True) == []

    with ThreadPoolExecutor(1) as threads, sessions() as holder:
        holder.execute(select(func.pg_advisory_xact_lock(BARRIER)))
        future = threads.submit(look_slowly)
        wait_until_blocked(engine, 1, [future])
        heartbeat(client)
        holder.rollback()
        future.result(30)

    assert status(client, POOL) == "READY"


def test_a_heartbeat_behind_the_look_waits_for_it_and_makes_the_pool_ready_again(
    client: TestClient, silent: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as threads, held_after(monkeypatch, workers.readiness, "store", look):
        future = threads.submit(heartbeat, client)
        wait_until_blocked(engine, 1, [future])
    future.result(30)

    assert status(client, POOL) == "READY"
    told = [told.split()[0].partition(".")[2] for told in log(client) if told.endswith(" pool")]
    assert told == ["created", "ready", "not-ready", "ready"]


def test_a_poll_that_is_not_committed_yet_saves_its_queue_and_deployments_from_the_look(
    client: TestClient, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    before = log(client)
    with held_after(monkeypatch, polls, "settle", lambda: poll(client)):
        look()

    assert (status(client, QUEUE), status(client, silent)) == ("READY", "READY")
    assert log(client) == before


def test_a_poll_that_is_committed_while_the_look_has_found_its_deployments_saves_them(
    client: TestClient, silent: str, sessions: sessionmaker[Session], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    before = log(client)
    polled: list[str] = []

    def poll_first(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # The look has found the deployments and is about to hold their queues.
        if statement.startswith("SELECT work_queue.id") and not polled:
            polled.append(statement)
            poll(client)

    monkeypatch.setattr(workers.readiness, "_settle_queues", lambda _session: [])
    event.listen(engine, "before_cursor_execute", poll_first)
    settle_all(sessions, lambda _: None)

    assert (len(polled), status(client, silent)) == (1, "READY")
    assert log(client) == before


def test_a_poll_waits_for_no_look_and_the_next_one_makes_ready_again(
    client: TestClient, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    with held_after(monkeypatch, workers.readiness, "_settle_queues", look):
        poll(client)
    poll(client)

    assert (status(client, QUEUE), status(client, silent)) == ("READY", "READY")
    assert names(events_of(client, "deployment", silent.rpartition("/")[2])) == [
        "created",
        "ready",
        "not-ready",
        "ready",
    ]


def test_one_look_is_at_it_at_a_time(
    client: TestClient, silent: str, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, workers.readiness, "_settle_pools", look):
        assert settle_all(sessions, lambda _: None) == 0

    assert (status(client, POOL), status(client, QUEUE), status(client, silent)) == ("NOT_READY",) * 3


def test_signs_of_life_all_at_once_are_one_event_for_each(client: TestClient) -> None:
    pool = make_pool(client)
    deployments = [deploy(client, name) for name in "abc"]

    def live(number: int) -> None:
        heartbeat(client, name=str(number))
        poll(client)

    all_at_once(8, live)

    queue = client.get(QUEUE).json()["id"]
    for kind, id_ in [("work-pool", pool["id"]), ("work-queue", queue), *(("deployment", id_) for id_ in deployments)]:
        assert names(events_of(client, kind, id_)) == ["created", "ready"]


def test_a_poll_that_is_rolled_back_has_no_event_and_leaves_everything_as_it_was(
    client: TestClient, silent: str, sessions: sessionmaker[Session], engine: Engine
) -> None:
    look()
    heartbeat(client)
    before = log(client)
    with sessions() as session:
        record_poll_of_pool(session, "pool", None)
        assert count(session, SnapshotRow) == 2
        session.rollback()
        assert count(session, SnapshotRow) == 0

    assert (status(client, QUEUE), status(client, silent)) == ("NOT_READY", "NOT_READY")
    assert log(client) == before
