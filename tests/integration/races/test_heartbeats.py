"""A heartbeat during a refresh of the statuses, with the threads stopped inside the product's code."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

import workers.readiness
from app.capture.kinds import WORK_POOL
from app.capture.readiness import refresh_status
from app.crud.work_pools import workers as pool_workers
from tests.integration.races.blocking import paused_after, wait_until_blocked
from tests.integration.readiness import (
    POOL,
    QUEUE,
    deploy,
    events_of,
    heartbeat,
    log,
    names,
    poll,
    run_readiness_task,
    status,
)
from tests.integration.registry import make_pool
from tests.integration.side_by_side import all_at_once
from workers.readiness import refresh_all_statuses

pytestmark = pytest.mark.usefixtures("audited")

BARRIER_LOCK = 1
"""An advisory lock that is nobody's."""


def test_an_uncommitted_heartbeat_keeps_its_pool_ready_during_the_readiness_task(
    client: TestClient, outdated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paused_after(monkeypatch, pool_workers, "refresh_status", lambda: heartbeat(client)):
        run_readiness_task()

    assert status(client, POOL) == "READY"
    assert [entry for entry in log(client) if "work-pool" in entry] == [
        "work-pool.created pool",
        "work-pool.ready pool",
    ]


def test_a_heartbeat_that_is_committed_while_the_readiness_task_reads_keeps_its_pool_ready(
    client: TestClient, outdated: str, engine: Engine, sessions: sessionmaker[Session]
) -> None:
    barred = func.pg_advisory_xact_lock(BARRIER_LOCK).is_not(None)

    def refresh_slowly() -> None:
        with sessions() as session, session.begin():
            # The statement has begun, so its view of the pool is the one before the heartbeat.
            assert refresh_status(session, WORK_POOL, barred, exclusive=True) == []

    with ThreadPoolExecutor(1) as threads, sessions() as holder:
        holder.execute(select(func.pg_advisory_xact_lock(BARRIER_LOCK)))
        future = threads.submit(refresh_slowly)
        wait_until_blocked(engine, 1, [future])
        heartbeat(client)
        holder.rollback()
        future.result(30)

    assert status(client, POOL) == "READY"


def test_a_heartbeat_waits_for_the_readiness_task_and_makes_the_pool_ready_again(
    client: TestClient, outdated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as threads, paused_after(monkeypatch, workers.readiness, "record", run_readiness_task):
        future = threads.submit(heartbeat, client)
        wait_until_blocked(engine, 1, [future])
    future.result(30)

    assert status(client, POOL) == "READY"
    names = [entry.split()[0].partition(".")[2] for entry in log(client) if entry.endswith(" pool")]
    assert names == ["created", "ready", "not-ready", "ready"]


def test_only_one_readiness_task_runs_at_a_time(
    client: TestClient, outdated: str, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with paused_after(monkeypatch, workers.readiness, "_refresh_pools", run_readiness_task):
        assert refresh_all_statuses(sessions) == 0

    assert (status(client, POOL), status(client, QUEUE), status(client, outdated)) == ("NOT_READY",) * 3


def test_concurrent_heartbeats_and_polls_make_one_ready_event_for_each_resource(client: TestClient) -> None:
    pool = make_pool(client)
    deployments = [deploy(client, name) for name in "abc"]

    def live(number: int) -> None:
        heartbeat(client, name=str(number))
        poll(client)

    all_at_once(8, live)

    queue = client.get(QUEUE).json()["id"]
    for kind, id_ in [("work-pool", pool["id"]), ("work-queue", queue), *(("deployment", id_) for id_ in deployments)]:
        assert names(events_of(client, kind, id_)) == ["created", "ready"]
