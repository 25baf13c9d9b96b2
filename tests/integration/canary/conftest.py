"""Fixtures of the canary tests: an API whose logs and rejections are collected, and secrets to plant in it."""

from collections.abc import Iterator

import httpx2
import pytest

from app.settings import Settings
from tests.canary.secrets import MASKED_KEY, MASKED_PATHS, Canaries
from tests.integration.canary.logs import Logs
from tests.integration.serving import Served, serving


@pytest.fixture(autouse=True)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the log level and the masking rules before the settings are read."""
    level: str = getattr(request, "param", "DEBUG")
    monkeypatch.setenv("AFTERCOMMIT_LOG_LEVEL", level)
    monkeypatch.setenv("AFTERCOMMIT_MASKED_KEYS", MASKED_KEY)
    monkeypatch.setenv("AFTERCOMMIT_MASKED_PATHS", ",".join(MASKED_PATHS))
    return level


@pytest.fixture
def logs(level: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Logs:
    """The logs of this process."""
    return Logs(level, caplog, capsys)


@pytest.fixture
def canaries() -> Canaries:
    """The secrets of this test."""
    return Canaries()


@pytest.fixture
def api(settings: Settings, logs: Logs) -> Iterator[Served]:
    """The API on its own port, with its logs collected from the start."""
    with serving() as served:
        yield served


@pytest.fixture
def refused(api: Served) -> list[str]:
    """The error responses: status, headers and body."""
    answers: list[str] = []

    def keep(response: httpx2.Response) -> None:
        if response.status_code >= 400:
            answers.append(f"{response.status_code} {response.headers} {response.read().decode()}")

    api.client.event_hooks = {"response": [keep]}
    return answers
