"""An API that requires credentials, and valid credentials for it."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from app.access.api_keys import create_key, revoke_key
from app.main import create_app
from app.models import ApiKey
from app.models.api_key import Role
from app.settings import get_settings

AUTH_STRING = "user:hunter2"


def basic(text: str = AUTH_STRING) -> dict[str, str]:
    """Return the header of Basic authentication."""
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def bearer(key: str) -> dict[str, str]:
    """Return the header for an API key."""
    return {"Authorization": f"Bearer {key}"}


def set_up(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Set settings for the next API that is created."""
    for name, value in settings.items():
        monkeypatch.setenv(f"AFTERCOMMIT_{name.upper()}", value)
    get_settings.cache_clear()


@contextmanager
def api(*, is_exposed: bool = False, **how: Any) -> Iterator[TestClient]:
    """Yield a client of an API with the current settings."""
    app = create_app(is_exposed=is_exposed)
    with TestClient(app, base_url="http://localhost/api", **how) as client:
        yield client


def new_key(
    sessions: sessionmaker[Session], name: str = "a key", role: Role = Role.WRITE, expires: datetime | None = None
) -> str:
    """Create a key, as the command does."""
    with sessions.begin() as session:
        return create_key(session, name, role, expires)


def expire(sessions: sessionmaker[Session], name: str = "a key") -> None:
    """Let a key expire now."""
    with sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.name == name).values(expires=func.clock_timestamp()))


def revoke(sessions: sessionmaker[Session], name: str = "a key") -> None:
    """Revoke a key, as the command does."""
    with sessions.begin() as session:
        revoke_key(session, name)


def assert_unauthorized(response: httpx2.Response, reason: str = "Unauthorized") -> None:
    """Assert a 401 as Prefect sends it, for which a browser does not ask for a credential."""
    assert (response.status_code, response.json()) == (401, {"exception_message": reason})
    assert response.headers["www-authenticate"] == 'Bearer realm="aftercommit"'
