"""The order in which `aftercommit up` starts its processes."""

import io
from pathlib import Path
from typing import Any

import pytest

from app.errors import StartupError
from app.local import service as service_module
from app.local.ports import Address
from app.local.service import Service
from app.local.supervisor import Output, Program, StopRequests, Supervisor
from app.settings.run_file import RunFile

RUN = RunFile(
    database_url="d", broker_url="redis://127.0.0.1:1/0", masking_key="m", api_url="api", flower_url="flower", pid=1
)
API = Address("the API", "127.0.0.1", 4200, "--port")
FLOWER = Address("Flower", "127.0.0.1", 5555, "--flower-port")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The started programs and requested URLs; nothing runs, and the API is ready at the second request."""
    steps: list[str] = []

    def start(program: Program, check: Any = None) -> None:  # Same signature as `Program.start`.
        steps.append(program.name)

    def problem(url: str) -> str | None:
        steps.append(url)
        return None if steps.count(url) > 1 else "database: no connection is free"

    monkeypatch.setattr(Program, "start", start)
    monkeypatch.setattr(Program, "is_running", lambda _: True)
    monkeypatch.setattr(service_module, "problem_at", problem)
    return steps


def _service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(service_module, "problem_with_broker", lambda _url: "does not answer (ConnectionError)")
    output = Output(io.StringIO(), width=7, coloured=False)
    return Service(tmp_path, RUN, Supervisor(output.say, StopRequests()), output)


def test_beat_and_flower_start_when_the_api_is_ready(
    steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _service(tmp_path, monkeypatch).start(API, FLOWER, 2)
    assert steps == ["api", "worker1", "worker2", "api/health", "api/health", "beat", "flower"]


def test_an_api_that_does_not_become_ready_ends_the_start(
    steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "API_TIMEOUT", 0.0)
    with pytest.raises(StartupError, match="The API did not become ready within 0 s: database: no connection is free"):
        _service(tmp_path, monkeypatch).start(API, FLOWER, 1)
    assert "beat" not in steps
