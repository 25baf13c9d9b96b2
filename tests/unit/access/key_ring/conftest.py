"""A fixture that makes the cached keys outdated at once."""

import pytest

from app.access import key_ring


@pytest.fixture
def always_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every read stale at once."""
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)
