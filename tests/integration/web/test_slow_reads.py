"""A read that exceeds the time limit of statements is the fault of its filter; a change that does may be repeated."""

from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app.main import ROUTE_MODULES
from app.web.roles import READING


def canceled(*_arguments: Any, **_named: Any) -> Any:
    raise OperationalError("SELECT", None, psycopg.errors.QueryCanceled())


@pytest.fixture(autouse=True)
def _all_statements_are_canceled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlalchemy.orm.Session.execute", canceled)
    monkeypatch.setattr("sqlalchemy.orm.Session.scalars", canceled)
    monkeypatch.setattr("sqlalchemy.orm.Session.scalar", canceled)


@pytest.mark.parametrize(
    "path",
    ["/flows/filter", "/flows/count", "/deployments/paginate", "/work_pools/filter", "/work_queues/filter"],
)
def test_a_list_that_takes_too_long_is_refused_with_the_reason(path: str, client: TestClient) -> None:
    response = client.post(path, json={})
    assert response.status_code == 422
    assert "takes too long" in response.json()["detail"]


@pytest.mark.parametrize("countable", ["day", "time", "event", "resource"])
def test_a_count_that_takes_too_long_is_refused_with_the_reason(countable: str, client: TestClient) -> None:
    assert client.post(f"/events/count-by/{countable}", json={"filter": {}}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/flows/", {"name": "etl"}),
        ("PATCH", "/work_pools/count", {"is_paused": True}),
        ("DELETE", "/work_pools/filter", None),
        ("DELETE", "/concurrency_limits/tag/resource", None),
    ],
)
def test_a_change_that_takes_too_long_gets_503(
    method: str, path: str, body: dict[str, Any] | None, client: TestClient
) -> None:
    assert client.request(method, path, json=body).status_code == 503


def test_every_list_route_counts_as_a_read() -> None:
    paths = {route.path for module in ROUTE_MODULES for route in module.router.routes if hasattr(route, "methods")}
    lists = {path for path in paths if path.endswith(("filter", "count", "paginate")) and "_by" not in path}
    assert {path.rpartition("/")[-1] for path in lists} <= set(READING)
    assert len(lists) > 10
