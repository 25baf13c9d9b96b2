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
from tests.integration.races.blocking import held_after
from tests.integration.readiness import (
    QUEUE,
    events_of,
    heartbeat,
    log,
    look,
    names,
    poll,
    status,
)
from workers.readiness import refresh_all_statuses

pytestmark = pytest.mark.usefixtures("audited")


def test_a_poll_that_is_not_committed_yet_saves_its_queue_and_deployments_from_the_look(
    client: TestClient, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    before = log(client)
    with held_after(monkeypatch, polls, "refresh_status", lambda: poll(client)):
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
        # The readiness task has found the deployments and is about to lock their queues.
        if statement.startswith("SELECT work_queue.id") and not polled:
            polled.append(statement)
            poll(client)

    monkeypatch.setattr(workers.readiness, "_refresh_queues", lambda _session: [])
    event.listen(engine, "before_cursor_execute", poll_first)
    refresh_all_statuses(sessions)

    assert (len(polled), status(client, silent)) == (1, "READY")
    assert log(client) == before


def test_a_poll_waits_for_no_look_and_the_next_one_makes_ready_again(
    client: TestClient, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(client)
    with held_after(monkeypatch, workers.readiness, "_refresh_queues", look):
        poll(client)
    poll(client)

    assert (status(client, QUEUE), status(client, silent)) == ("READY", "READY")
    assert names(events_of(client, "deployment", silent.rpartition("/")[2])) == [
        "created",
        "ready",
        "not-ready",
        "ready",
    ]


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
