"""The supervisor fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.supervisor import supervisor as supervisor_module
from tests.unit.local.supervisor.supervised import Supervised


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """A supervisor with its own signal handlers. It is stopped at the end of the test."""
    supervised = Supervised(tmp_path)
    with supervised.requests:
        yield supervised
        supervised.supervisor.stop()


@pytest.fixture(autouse=True)
def _quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "RESTART_DELAYS", (0.01, 0.02))
