"""The world of the races that run many rounds."""

from typing import Final

import pytest
from sqlalchemy import Engine

from app.settings import get_settings
from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.racing import Races

PATIENT_AND_WIDE: Final = {
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
    for name, value in PATIENT_AND_WIDE.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    return Races(request.getfixturevalue("world"), outbox_world, engine)
