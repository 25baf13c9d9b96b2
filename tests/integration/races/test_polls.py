"""A poll during a refresh of the statuses, with the threads stopped inside the product's code."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

import workers.readiness
from app.crud.work_pools import polls
from app.crud.work_pools.polls import record_poll_of_pool
from app.models import SnapshotRow
from tests.integration.outbox_world import count
from tests.integration.races.blocking import paused_after
from tests.integration.readiness import (
    QUEUE,
    events_of,
    heartbeat,
    log,
    names,
    poll,
    run_readiness_task,
    status,
)
from workers.readiness import refresh_all_statuses

pytestmark = pytest.mark.usefixtures("audited")


def test_an_uncommitted_poll_keeps_its_queue_and_deployments_ready_during_the_readiness_task(
    client: TestClient, outdated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    before = log(client)
    with paused_after(monkeypatch, polls, "refresh_status", lambda: poll(client)):
        run_readiness_task()

    assert (status(client, QUEUE), status(client, outdated)) == ("READY", "READY")
    assert log(client) == before


def test_a_poll_that_is_committed_while_the_readiness_task_runs_keeps_its_deployments_ready(
    client: TestClient, outdated: str, sessions: sessionmaker[Session], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    before = log(client)
    polled: list[str] = []

    def poll_first(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # The readiness task has found the deployments and is about to lock their queues.
        if statement.startswith("SELECT work_queue.id") and not polled:
            polled.append(statement)
            poll(client)

    monkeypatch.setattr(workers.readiness, "_refresh_queues", lambda _session: [])
    event.listen(engine, "before_cursor_execute", poll_first)
    refresh_all_statuses(sessions)

    assert (len(polled), status(client, outdated)) == (1, "READY")
    assert log(client) == before


def test_a_poll_does_not_wait_for_the_readiness_task_and_the_next_poll_makes_ready_again(
    client: TestClient, outdated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    with paused_after(monkeypatch, workers.readiness, "_refresh_queues", run_readiness_task):
        poll(client)
    poll(client)

    assert (status(client, QUEUE), status(client, outdated)) == ("READY", "READY")
    assert names(events_of(client, "deployment", outdated.rpartition("/")[2])) == [
        "created",
        "ready",
        "not-ready",
        "ready",
    ]


def test_a_poll_that_is_rolled_back_has_no_event_and_changes_nothing(
    client: TestClient, outdated: str, sessions: sessionmaker[Session], engine: Engine
) -> None:
    run_readiness_task()
    heartbeat(client)
    before = log(client)
    with sessions() as session:
        record_poll_of_pool(session, "pool", None)
        assert count(session, SnapshotRow) == 2
        session.rollback()
        assert count(session, SnapshotRow) == 0

    assert (status(client, QUEUE), status(client, outdated)) == ("NOT_READY", "NOT_READY")
    assert log(client) == before
