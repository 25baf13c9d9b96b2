"""Fixtures of the integration tests: the API runs in this process, and its tasks run eagerly."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.broker import doorbells as broker
from app.settings import Settings
from tests.documented import assert_documented
from tests.integration.kinds_in_use import Row, make_one_of_each
from tests.integration.outbox_world import OutboxWorld, settled_flow
from tests.integration.registry import make_pool
from tests.integration.serving import Served, serving
from tests.world import World, assert_audit_is_clean


@pytest.fixture(autouse=True)
def _answers_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check each answer that a test gets from the API against the OpenAPI document."""
    send = httpx2.Client.send

    def send_and_check(client: httpx2.Client, request: httpx2.Request, **how: Any) -> httpx2.Response:
        response = send(client, request, **how)
        assert_documented(response)
        return response

    monkeypatch.setattr(httpx2.Client, "send", send_and_check)


@pytest.fixture
def world(client: TestClient, sessions: sessionmaker[Session]) -> World:
    """The API in this process, with its own database."""
    return World(client, sessions, patience=2.0)


@pytest.fixture
def outbox_world(sessions: sessionmaker[Session], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> OutboxWorld:
    """A world that collects doorbells instead of sending them, so that the test decides when to dispatch."""
    world = OutboxWorld(sessions, settings)
    settled_flow(sessions)
    monkeypatch.setattr(broker, "send", lambda _settings, doorbells: world.rung.extend(doorbells))
    return world


@pytest.fixture
def pool(client: TestClient) -> dict[str, Any]:
    """A pool called `pool`, without any heartbeat or poll yet."""
    return make_pool(client)


@pytest.fixture
def one_of_each(sessions: sessionmaker[Session]) -> dict[str, Row]:
    """Rows by kind: one resource of each kind."""
    return make_one_of_each(sessions)


@pytest.fixture
def uncommitted(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session whose transaction is rolled back after the test."""
    with sessions() as session:
        yield session
        session.rollback()


@pytest.fixture
def audited(sessions: sessionmaker[Session]) -> Iterator[None]:
    """Assert after each test that the audit is clean."""
    yield
    assert_audit_is_clean(sessions)


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """The API on its own port, in this process; tasks run inside the request, after its commit."""
    with serving() as served:
        yield served
