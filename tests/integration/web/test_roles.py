"""Every route refuses the keys whose role is not enough, and a route for the role read changes nothing."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker
from starlette.types import Message
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.models.api_key import Role
from app.settings import Settings
from app.web.roles import WEBSOCKET, needed_role
from tests.databases import administer
from tests.integration.kinds_in_use import make_one_of_each
from tests.integration.serving import Served, serving
from tests.integration.web.guarded import api, bearer, new_key
from tests.routes import routes
from tests.sockets import closed, opened, send

HTTP = [(method, path, needed_role(method, path)) for method, path in routes() if method != WEBSOCKET]
STREAM = "/api/events/stream"


def refusal(needed: Role, role: Role) -> dict[str, str]:
    return {"detail": f"This request needs the role {needed}; the credential has the role {role}."}


@pytest.fixture
def keys(settings: Settings, sessions: sessionmaker[Session]) -> dict[Role, str]:
    """A key of each role."""
    return {role: new_key(sessions, role, role) for role in Role}


@pytest.fixture
def client(keys: dict[Role, str]) -> Iterator[TestClient]:
    with api() as client:
        yield client


@pytest.fixture
def served(keys: dict[Role, str]) -> Iterator[Served]:
    with serving() as served:
        yield served


def path_of(template: str, **values: str) -> str:
    """Return a path for the template, with a UUID or `x` in place of what has no value."""
    values |= {"kind": "artifacts", "countable": "event"}
    return re.sub(
        r"{(\w+)(:uuid)?.*?}", lambda found: values.get(found[1], str(UUID(int=1)) if found[2] else "x"), template
    )


def test_every_route_refuses_the_roles_below_its_own_and_serves_the_others(
    client: TestClient, keys: dict[Role, str]
) -> None:
    for method, template, needed in HTTP:
        for role, key in keys.items():
            if role.includes(needed) and template == STREAM:
                continue
            answer = client.request(method, f"http://localhost{path_of(template)}", headers=bearer(key))
            if role.includes(needed):
                assert answer.status_code not in (401, 403), (method, template, role)
            else:
                assert (answer.status_code, answer.json()) == (403, refusal(needed, role)), (method, template)


def test_the_document_and_unknown_paths_are_open_to_every_role(client: TestClient, keys: dict[Role, str]) -> None:
    for path, status in (("/openapi.json", 200), ("/docs", 200), ("/version", 200), ("/api/nowhere", 404)):
        assert client.get(f"http://localhost{path}", headers=bearer(keys[Role.READ])).status_code == status


@pytest.mark.own_database
def test_a_route_that_needs_the_role_read_changes_nothing(
    database_url: str, keys: dict[Role, str], sessions: sessionmaker[Session]
) -> None:
    """Every transaction is read-only: a route that changes something answers 503."""
    rows = make_one_of_each(sessions)
    ids = {f"{kind.replace('-', '_')}_id": str(row["id"]) for kind, row in rows.items()}
    values = {
        **ids,
        "queue_id": ids["work_queue_id"],
        "limit_id": ids["concurrency_limit_id"],
        "id_or_name": "limit",
        "flow_name": "etl",
        "deployment_name": "nightly",
        "pool": "pool",
    }
    names = {"/api/flows/name/{name}": "etl", "/api/work_pools/{pool}/queues/{name}": "default"}
    name = database_url.rpartition("/")[2]
    administer(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    found = 0
    with api() as client:
        for method, template, needed in HTTP:
            if needed is not Role.READ or template in (STREAM, "/api/ready"):
                continue
            path = path_of(template, name=names.get(template, "pool"), **values)
            body: dict[str, str] | None = {} if method == "POST" else None
            answer = client.request(method, f"http://localhost{path}", json=body, headers=bearer(keys[Role.READ]))
            assert answer.status_code in (200, 404, 422), (method, path, answer.text)
            found += answer.status_code == 200
        assert client.post("/flows/", json={"name": "new"}, headers=bearer(keys[Role.WRITE])).status_code == 503
    assert found > 35


def test_the_body_is_not_read_before_the_role_is_checked(client: TestClient, keys: dict[Role, str]) -> None:
    sent: list[Message] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in bearer(keys[Role.READ]).items()]
    scope = {"type": "http", "method": "POST", "path": "/api/events", "headers": headers, "query_string": b""}

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    assert client.portal is not None
    client.portal.call(client.app, {**scope, "headers": [*headers, (b"host", b"localhost")]}, receive, send)

    assert sent[0]["status"] == 403


def test_the_log_names_the_route_the_key_and_the_roles(client: TestClient, keys: dict[Role, str]) -> None:
    with capture_logs() as said:
        client.delete("/work_pools/a-secret-name", headers=bearer(keys[Role.WRITE]))

    [line] = said
    assert (line["method"], line["route"], line["status"]) == ("DELETE", "/api/work_pools/{name}", 403)
    assert line["reason"] == "This request needs the role admin; the credential has the role write."
    assert line["key"]
    assert "a-secret-name" not in str(line)


@pytest.mark.parametrize(("path", "needed"), [("in", Role.WRITE), ("out", Role.READ)])
def test_a_socket_opens_for_the_roles_that_may_use_it(
    path: str, needed: Role, served: Served, keys: dict[Role, str]
) -> None:
    for role, key in keys.items():
        with opened(served.address, path) as socket:
            send(socket, {"type": "auth", "token": key})
            if role.includes(needed):
                assert json.loads(socket.recv(30)) == {"type": "auth_success"}
            else:
                assert closed(socket) == (1008, refusal(needed, role)["detail"])


def test_a_socket_without_an_auth_frame_is_refused_before_it_opens(served: Served, keys: dict[Role, str]) -> None:
    with pytest.raises(InvalidStatus) as raised:
        connect(f"ws://{served.address}/api/events/in", additional_headers=bearer(keys[Role.READ]))

    response = raised.value.response
    assert (response.status_code, json.loads(response.body)) == (403, refusal(Role.WRITE, Role.READ))


def test_each_role_includes_the_lower_ones() -> None:
    for lower, higher in pairwise(Role):
        assert higher.includes(lower)
        assert not lower.includes(higher)
        assert lower.includes(lower)
