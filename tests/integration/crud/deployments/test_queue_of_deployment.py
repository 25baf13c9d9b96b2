"""The work queue of a deployment is found or created, and locked."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from app.crud import deletions
from app.crud.work_pools.queues import read_work_queue, resolve_queue
from app.errors import NotFound
from app.models import WorkQueue
from tests.integration.registry import AGENT_POOL, make_pool, make_queue
from tests.integration.side_by_side import all_at_once, while_blocked


def resolved_names(sessions: sessionmaker[Session], pool: str | None, queue: str | None) -> tuple[str, str]:
    with sessions.begin() as session:
        queue_id = resolve_queue(session, pool, queue)
        assert queue_id is not None
        found = read_work_queue(session, queue_id)
        return found.pool_name, found.queue.name


def test_without_a_pool_and_a_queue_there_is_no_queue(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert resolve_queue(session, None, None) is None


def test_a_pool_without_a_queue_means_its_default_queue_whatever_its_name(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    make_pool(client)
    client.patch("/work_pools/pool/queues/default", json={"name": "renamed"})

    assert resolved_names(sessions, "pool", None) == ("pool", "renamed")


def test_a_missing_queue_is_created_with_the_first_free_priority(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    make_pool(client)

    assert resolved_names(sessions, "pool", "q") == resolved_names(sessions, "pool", "q") == ("pool", "q")
    queue = client.get("/work_pools/pool/queues/q").json()
    assert (queue["priority"], queue["description"], queue["is_paused"]) == (2, "", False)


def test_a_queue_without_a_pool_is_in_the_default_agent_pool(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    assert resolved_names(sessions, None, "q") == resolved_names(sessions, None, "q") == (AGENT_POOL, "q")
    assert client.get(f"/work_pools/{AGENT_POOL}").json()["type"] == "prefect-agent"


@pytest.mark.parametrize("queue", [None, "q"])
def test_an_unknown_pool_is_not_found(sessions: sessionmaker[Session], queue: str | None) -> None:
    with sessions() as session, pytest.raises(NotFound, match="Work pool not found"):
        resolve_queue(session, "none", queue)


@pytest.mark.parametrize("pool", ["pool", None])
def test_twenty_concurrent_requests_get_the_same_new_queue(
    client: TestClient, sessions: sessionmaker[Session], pool: str | None
) -> None:
    make_pool(client)

    # The test engine has 16 connections; the other callers wait, as requests do.
    found = all_at_once(20, lambda _: resolved_names(sessions, pool, "q"))

    assert set(found) == {(pool or AGENT_POOL, "q")}
    with sessions() as session:
        assert len(session.scalars(select(WorkQueue).where(WorkQueue.name == "q")).all()) == 1


def test_a_resolved_queue_cannot_be_deleted_before_the_transaction_ends(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    make_pool(client)
    queue = make_queue(client, "q")

    with sessions() as deploying:
        resolve_queue(deploying, "pool", "q")
        with while_blocked(engine, lambda: client.delete(f"/work_queues/{queue['id']}").status_code) as deletion:
            assert not deletion.done()
            deploying.commit()

    assert deletion.result() == 204


def test_a_resolved_queue_can_be_changed_and_resolved_by_other_transactions(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    make_pool(client)
    queue = make_queue(client, "q")

    with sessions() as deploying:
        resolve_queue(deploying, "pool", "q")

        assert resolved_names(sessions, "pool", "q") == ("pool", "q")
        assert client.patch(f"/work_queues/{queue['id']}", json={"is_paused": True, "priority": 1}).status_code == 204


def test_a_queue_that_is_deleted_while_a_deployment_waits_for_it_is_created_again(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    make_pool(client)
    old = make_queue(client, "q")

    with sessions() as deleting:
        deletions.delete_work_queue(deleting, old["id"])
        with while_blocked(engine, lambda: resolved_names(sessions, "pool", "q")) as resolution:
            deleting.commit()

    assert resolution.result() == ("pool", "q")
    assert client.get("/work_pools/pool/queues/q").json()["id"] != old["id"]


def test_a_pool_that_is_created_while_a_deployment_looks_for_it_is_found(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    def create_after_the_first_read(*_call: Any) -> None:
        make_pool(client)

    event.listen(engine, "after_cursor_execute", create_after_the_first_read, once=True)

    assert resolved_names(sessions, "pool", None) == ("pool", "default")


def test_a_pool_that_is_deleted_while_a_deployment_waits_for_its_queue_is_not_found(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    make_pool(client)

    with sessions() as deleting:
        deletions.delete_work_pool(deleting, "pool")
        with while_blocked(engine, lambda: resolved_names(sessions, "pool", None)) as resolution:
            deleting.commit()

    with pytest.raises(NotFound):
        resolution.result()
