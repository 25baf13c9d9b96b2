"""The workers of a pool: recorded by their heartbeats, listed and deleted."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from app.models import PoolWorker
from tests.integration.registry import make_pool

WORKERS = "/work_pools/pool/workers"


@pytest.fixture
def pool(client: TestClient) -> dict[str, Any]:
    """A pool with the workers `gone` and `here`; only the second one is online."""
    pool = make_pool(client)
    heartbeat(client, "gone")
    heartbeat(client, "here")
    return pool


def heartbeat(client: TestClient, name: str, **more: Any) -> None:
    assert client.post(f"{WORKERS}/heartbeat", json={"name": name, **more}).status_code == 204


def set_last_heartbeat(engine: Engine, name: str, ago: timedelta) -> None:
    with engine.begin() as connection:
        gone = update(PoolWorker).where(PoolWorker.name == name)
        connection.execute(gone.values(online_until=PoolWorker.online_until - ago))


def names(client: TestClient, wanted: Any = None, **more: Any) -> list[str]:
    response = client.post(f"{WORKERS}/filter", json={"workers": wanted, **more})
    assert response.status_code == 200, response.text
    return [worker["name"] for worker in response.json()]


def test_a_worker_is_returned_in_the_wire_format(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client, "here", heartbeat_interval_seconds=30)

    worker = client.post(f"{WORKERS}/filter", json={"limit": 1}).json()[0]

    assert worker["last_heartbeat_time"] == worker["updated"] > worker["created"]
    for key in ("id", "created", "updated", "last_heartbeat_time"):
        del worker[key]
    assert worker == {
        "name": "here",
        "work_pool_id": pool["id"],
        "heartbeat_interval_seconds": 30,
        "status": "ONLINE",
    }


def test_the_worker_with_the_latest_heartbeat_is_listed_first(client: TestClient, pool: dict[str, Any]) -> None:
    assert names(client) == ["here", "gone"]
    heartbeat(client, "gone")
    assert names(client) == ["gone", "here"]
    assert names(client, limit=1, offset=1) == ["here"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"status": {"any_": ["ONLINE"]}}, ["here"]),
        ({"status": {"any_": ["OFFLINE"]}}, ["gone"]),
        ({"status": {"any_": ["OFFLINE", "ONLINE"]}}, ["here", "gone"]),
        ({"status": {"any_": []}}, []),
        ({"status": {"not_any_": ["ONLINE"]}}, ["gone"]),
        ({"last_heartbeat_time": {"after_": "2020-01-01T00:00:00Z"}}, ["here", "gone"]),
        ({"last_heartbeat_time": {"before_": "2020-01-01T00:00:00Z"}}, []),
        (
            {
                "operator": "or_",
                "status": {"any_": ["ONLINE"]},
                "last_heartbeat_time": {"before_": "2020-01-01T00:00:00Z"},
            },
            ["here"],
        ),
        ({}, ["here", "gone"]),
    ],
)
def test_workers_are_filtered_by_status_and_time(
    wanted: Any, found: list[str], client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    set_last_heartbeat(engine, "gone", timedelta(minutes=5))

    assert names(client, wanted) == found


def test_a_worker_without_heartbeats_for_long_is_removed_at_the_next_heartbeat(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    set_last_heartbeat(engine, "gone", timedelta(days=8))
    heartbeat(client, "here")

    assert names(client) == ["here"]


def test_a_worker_can_be_deleted_once(client: TestClient, pool: dict[str, Any]) -> None:
    answers = [client.delete(f"{WORKERS}/gone").status_code for _ in range(2)]

    assert answers == [204, 404]
    assert names(client) == ["here"]


def test_workers_are_deleted_with_their_pool(client: TestClient, pool: dict[str, Any]) -> None:
    assert client.delete("/work_pools/pool").status_code == 204
    make_pool(client)
    assert names(client) == []


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "a\0b"}, {"name": "w", "heartbeat_interval_seconds": -1}])
def test_an_invalid_heartbeat_is_refused(body: dict[str, Any], client: TestClient, pool: dict[str, Any]) -> None:
    assert client.post(f"{WORKERS}/heartbeat", json=body).status_code == 422
