"""With AFTERCOMMIT_LOG_JSON=true, every line of every process is one JSON object, from its start to its end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from app.local.embedded.process import free_port
from tests.acceptance.up_process import START_TIMEOUT, Up, command, start
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FIELDS: Final = {"time", "level", "event", "logger"}
LEVELS: Final = {"debug", "info", "warning", "error", "critical"}
NOWHERE: Final = {
    "AFTERCOMMIT_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
    "AFTERCOMMIT_BROKER_URL": "redis://127.0.0.1:1/0",
    "AFTERCOMMIT_MASKING_KEY": "a key for tests, of 32 characters",
}


def parsed(text: str) -> list[dict[str, Any]]:
    """Return the objects in the lines of this output; each line must be a log line."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert line.keys() >= FIELDS, line
        assert line["level"] in LEVELS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
        assert "\n" not in line["event"]
    return lines


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The lines of a whole life: the start, changes, refusals, deaths of processes, and the end."""
    folder = tmp_path_factory.mktemp("up") / "data"
    up = start(folder, "--flower-port", str(free_port()), AFTERCOMMIT_LOG_JSON="true", AFTERCOMMIT_LOG_LEVEL="DEBUG")
    try:
        up.wait_until_ready()
        _use(up)
        _kill(up)
    finally:
        up.process.send_signal(signal.SIGTERM)
        code = up.process.wait(60)
    assert code == 0, up.log
    return parsed(up.log)


def _use(up: Up) -> None:
    with httpx2.Client(base_url=up.run.api_url) as client:
        assert client.post("/flows/", json={"name": "etl"}).status_code == 201
        assert client.post("/flows/", json={"name": 7}).status_code == 422
        assert client.post("/flows/filter", json={}).status_code == 200
        assert client.get("/flows/", headers={"Host": "elsewhere.example"}).status_code == 403


def _kill(up: Up) -> None:
    """Kill a child of the worker, which logs that, and the worker, which `up` starts again."""
    workers = [pid for pid, line in up.children().items() if "workers worker" in line]
    os.kill(max(workers), signal.SIGKILL)
    wait_until(lambda: "exited with" in up.log, "the worker to notice", timeout=30)
    os.kill(min(workers), signal.SIGKILL)
    wait_until(lambda: '"process_died"' in up.log, "`up` to notice", timeout=30)
    wait_until(lambda: up.log.count('"worker_ready"') == 2, "the worker is back", timeout=START_TIMEOUT)


def test_no_process_writes_unstructured_output(lines: list[dict[str, Any]]) -> None:
    assert [line for line in lines if line["event"] == "output"] == []


def test_each_process_has_its_lines(lines: list[dict[str, Any]]) -> None:
    seen = {(line.get("process"), line["event"]) for line in lines}
    assert seen >= {
        (None, "ready"),
        (None, "process_died"),
        (None, "stopping"),
        (None, "stopped"),
        ("api", "api_started"),
        ("api", "api_stopping"),
        ("api", "api_stopped"),
        ("beat", "beat_started"),
        ("worker1", "worker_ready"),
        ("worker1", "worker_stopped"),
    }
    assert "celery" in " ".join(line["logger"] for line in lines if line.get("process") == "worker1")


def test_requests_are_logged_with_their_fields(lines: list[dict[str, Any]]) -> None:
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("POST", "/api/flows/", 201),
        ("POST", "/api/flows/", 422),
        ("GET", "/api/flows/", 403),
    ]
    assert all(line["correlation_id"] and line["address"] == "127.0.0.1" and line["key"] is None for line in requests)


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize("settings", [{"AFTERCOMMIT_LOG_LEVEL": "loud"}, {"AFTERCOMMIT_NONSENSE": "1"}, {}])
@pytest.mark.parametrize(
    "words",
    [
        "app.server",
        "celery -q -A workers worker",
        "celery -q -A workers beat",
        "app.flower",
        "app.cli.start migrate",
        "app.cli.start events list",
        "app.cli.start up --no-flower",
    ],
)
def test_a_process_that_does_not_start_logs_the_reason(
    words: str, settings: dict[str, str], tmp_path: Path, taken_port: str
) -> None:
    """Without settings of the test, the API and Flower find their port taken, and the commands find no database."""
    if not settings and "celery" in words:
        pytest.skip("it starts, and waits for the broker")
    module, *rest = words.split()
    if "up" in rest or module in ("app.server", "app.flower"):
        rest += [f"--port={taken_port}"]
    code = f"import runpy, sys; sys.argv = {[module, *rest]}; "
    code += (
        "from app.cli.start import main; main()"
        if "cli" in module
        else f"runpy.run_module({module!r}, run_name='__main__')"
    )
    environment = {**os.environ, **NOWHERE, "AFTERCOMMIT_LOG_JSON": "true", "AFTERCOMMIT_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (1, 3), done.stdout
    assert parsed(done.stdout)[-1]["level"] in ("error", "critical", "info"), done.stdout
    assert "error" in {line["level"] for line in parsed(done.stdout)}


def test_a_finished_command_logs_that_it_is_done(tmp_path: Path, postgres_url: str) -> None:
    done = command("migrate", AFTERCOMMIT_DATABASE_URL=postgres_url, AFTERCOMMIT_LOG_JSON="true")
    assert [line["event"] for line in parsed(done.stdout + done.stderr)] == ["migrated"]
