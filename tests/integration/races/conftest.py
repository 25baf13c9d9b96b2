"""Fixtures of the race tests: an API, a deployment that is no longer polled, and a flow."""

from typing import Final
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.settings import get_settings
from tests.integration.outbox_world import OutboxWorld, settled_flow
from tests.integration.races.racing import Races
from tests.integration.readiness import deploy, heartbeat, let_time_pass, poll
from tests.integration.registry import make_pool

LONG_LOCK_TIMEOUT_AND_MANY_THREADS: Final = {
    "AFTERCOMMIT_DATABASE_LOCK_TIMEOUT_MS": "30000",
    "AFTERCOMMIT_API_THREADS": "50",
    "AFTERCOMMIT_DATABASE_POOL_SIZE": "60",
}
"""Fifty requests stand in the database at once, and each waits for a lock as long as the others need."""


@pytest.fixture
def races(
    outbox_world: OutboxWorld, engine: Engine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Races:
    """The API in this process, and its outbox."""
    for name, value in LONG_LOCK_TIMEOUT_AND_MANY_THREADS.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    return Races(request.getfixturevalue("world"), outbox_world, engine)


@pytest.fixture
def outdated(client: TestClient, engine: Engine) -> str:
    """The path of a ready deployment in a ready queue and pool, whose last poll and heartbeat are long ago."""
    make_pool(client)
    path = f"/deployments/{deploy(client)}"
    heartbeat(client)
    poll(client)
    let_time_pass(engine, 1000)
    return path


@pytest.fixture
def flow_id(outbox_world: OutboxWorld) -> UUID:
    """The id of a flow."""
    return settled_flow(outbox_world.sessions)
