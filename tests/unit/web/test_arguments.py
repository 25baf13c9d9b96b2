"""A route reads the same from a request whether it reads it itself or FastAPI does."""

import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Body, FastAPI, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.web import routing
from app.web.errors import add_error_handlers
from app.web.routing import make_router
from app.web.threads import Threads

ID = "6f1c5b1e-0000-4000-8000-000000000000"


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=5)]
    at: UUID | str | None = None
    number: int | float | None = None
    anything: Any = None


class _Nothing:
    """Stands for the database, which these routes do not ask."""

    def commit(self) -> None:
        pass


@contextmanager
def _session() -> Iterator[_Nothing]:
    yield _Nothing()


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(1)
    yield threads
    threads.close()


def _client(threads: Threads) -> TestClient:
    router = make_router()

    @router.post("/one/{id}/{word}", status_code=201)
    def one(id: UUID, word: str, sent: Sent, session: Session, response: Response) -> list[str]:  # noqa: A002
        if sent.name == "again":
            response.status_code = 200
        return [repr(id), repr(word), repr(sent)]

    @router.post("/perhaps")
    def perhaps(
        session: Session, sent: Annotated[Sent | None, Body(default_factory=lambda: Sent(name="none"))]
    ) -> list[str]:
        return [repr(sent)]

    @router.post("/embedded")
    def embedded(session: Session, sent: Annotated[Sent, Body(embed=True)]) -> list[str]:
        return [repr(sent)]

    @router.post("/two")
    def two(session: Session, sent: Sent, other: Sent) -> list[str]:
        return [repr(sent), repr(other)]

    @router.post("/asked/{word}")
    def asked(session: Session, word: str, sent: Sent, size: Annotated[int, Query()] = 3) -> list[str]:
        return [repr(word), repr(sent), repr(size)]

    app = FastAPI()
    add_error_handlers(app)
    app.router.routes += router.routes
    app.state.threads, app.state.sessions = threads, _session
    return TestClient(app, base_url="http://testserver/api")


BODIES: list[bytes] = [
    b'{"name": "a"}',
    b'{"name": "again"}',
    b' {"name":"a","at":"%s","number":1.0}\r\n' % ID.encode(),
    b'{"name": "a", "at": "2026-01-01T00:00:00Z", "number": 12345678901234567890}',
    b'{"name": "a", "name": "b", "anything": {"x": 1, "x": 2}}',
    b'{"name": "a", "anything": [NaN, Infinity, -Infinity, 1e999, -0.0, 1.10]}',
    b'{"name": "a", "anything": %s}' % (b"9" * 5000),
    b'{"name": "a", "anything": %s1%s}' % (b"[" * 5000, b"]" * 5000),
    b'{"name": "a", "anything": %s1%s}' % (b"[" * 300_000, b"]" * 300_000),
    b'{"name": "\\ud800"}',
    b'{"name": "\xff"}',
    b'\xef\xbb\xbf{"name": "a"}',
    '{"name": "ä"}'.encode("utf-16"),
    '{"name": "ä"}'.encode("latin-1"),
    b'{"name": "longer than five"}',
    b'{"name": 5}',
    b'{"name": "a", "more": 1}',
    b'{"name": "a"',
    b'{"name": "a"} x',
    b"[]",
    b'"text"',
    b"null",
    b"",
    b" ",
]
TYPES: list[str | None] = [
    "application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json",
    "text/plain", "application/x-www-form-urlencoded", "", None,
]  # fmt: skip


def _answers(client: TestClient, path: str, body: bytes, content_type: str | None) -> tuple[int, Any]:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = client.post(path, content=body, headers=headers)
    return response.status_code, response.content


@pytest.fixture
def thorough(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    with monkeypatch.context() as patching:
        patching.setattr(routing, "reading_at_once", lambda _route, handler: handler)
        return _client(threads)


@pytest.mark.parametrize(
    "path", [f"/one/{ID}/a%20b", "/one/none/x", "/perhaps", "/embedded", "/two", "/asked/x?size=4"]
)
def test_whatever_is_sent_is_answered_as_fastapi_alone_answers_it(
    path: str, thorough: TestClient, threads: Threads
) -> None:
    client = _client(threads)
    statuses = set()
    for body in BODIES:
        for content_type in TYPES:
            answer = _answers(client, path, body, content_type)
            assert answer == _answers(thorough, path, body, content_type), (body[:80], content_type)
            statuses.add(answer[0])
    assert 422 in statuses


def test_what_is_embedded_or_beside_another_is_read_too(threads: Threads) -> None:
    client = _client(threads)
    body = {"sent": {"name": "a"}, "other": {"name": "b"}}
    assert "name='b'" in str(client.post("/two", json=body).json())
    assert "name='a'" in str(client.post("/embedded", json={"sent": {"name": "a"}}).json())


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [(f"/one/{ID}/x", {"name": "a"}, 201), (f"/one/{ID}/x", {"name": "again"}, 200), ("/perhaps", {"name": "a"}, 200)],
)
def test_a_request_as_it_should_be_does_not_go_through_fastapi(
    path: str, body: dict[str, Any], status: int, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_route: APIRoute) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(_request: Request) -> Response:
            raise AssertionError("FastAPI was asked.")

        return handle

    monkeypatch.setattr(APIRoute, "get_route_handler", refuse)
    client = _client(threads)
    assert client.post(path, json=body).status_code == status
    with pytest.raises(AssertionError, match="FastAPI was asked"):
        client.post(path, content=json.dumps(body)[:-1])
