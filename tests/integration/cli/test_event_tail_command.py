"""`aftercommit events tail`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.log.live import watch
from app.settings import Settings
from tests.integration.events_in_log import an_event, append

Sessions = sessionmaker[Session]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["events", "tail", *arguments], env={"COLUMNS": "60"})


def _lines(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.stdout.splitlines()]


def _positions(result: Result) -> list[int]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["position"] for line in result.stdout.splitlines()]


@contextmanager
def _steps_while_waiting(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], None]) -> Iterator[None]:
    """Run one step whenever `tail` has read all events; press Ctrl-C after the last step."""
    remaining = list(steps)

    class Steps:
        def __init__(self, _engine: Engine, _channel: str) -> None:
            pass

        def __enter__(self) -> "Steps":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait(self, _timeout: float) -> bool:
            if not remaining:
                raise KeyboardInterrupt
            remaining.pop(0)()
            return True

    with monkeypatch.context() as patch:
        patch.setattr(watch, "Listener", Steps)
        yield


def test_tail_shows_new_events(settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    append(sessions, an_event(), an_event())
    with _steps_while_waiting(monkeypatch, lambda: None, lambda: _append(sessions, 2), lambda: _append(sessions, 1)):
        assert _positions(_run("--json")) == [3, 4, 5]


def test_tail_with_all_reads_the_whole_log_in_order(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one batch, with descending times: the log is ordered by position.
    append(sessions, *(an_event(occurred=datetime.now(UTC) - timedelta(seconds=at)) for at in range(250)))
    with _steps_while_waiting(monkeypatch):
        assert _positions(_run("--all", "--json")) == list(range(1, 251))


def test_tail_continues_from_a_position(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(sessions, an_event(), an_event(), an_event())
    with _steps_while_waiting(monkeypatch):
        assert _positions(_run("--from", "2", "--json")) == [2, 3]


def test_tail_prints_readable_lines(settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    append(sessions, an_event(name="nightly"))
    with _steps_while_waiting(monkeypatch):
        assert _lines(_run("--all"))[0][2:] == ["prefect.deployment.updated", "nightly", "", ""]


def test_two_starting_points_are_refused(settings: Settings) -> None:
    assert _run("--from", "2", "--all").exit_code == 2


@pytest.mark.own_database
def test_tail_continues_after_an_outage_of_the_database(
    settings: Settings, engine: Engine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(sessions, an_event())
    steps = [
        lambda: _allow_connections(settings, allow=False),
        lambda: None,
        lambda: _allow_connections(settings, allow=True),
        lambda: _append(sessions, 1),
    ]
    with _steps_while_waiting(monkeypatch, *steps):
        result = _run("--all", "--json")
    assert _positions(result) == [1, 2]
    error_lines = result.stderr.splitlines()
    assert len(error_lines) == 2
    assert error_lines[0].startswith("The database does not answer (")
    assert error_lines[1] == "The database answers again."


def _append(sessions: Sessions, count: int) -> None:
    append(sessions, *(an_event() for _ in range(count)))


def _allow_connections(settings: Settings, *, allow: bool) -> None:
    """Refuse connections and end the existing ones, or allow them again."""
    url = make_url(settings.database_url)
    name = url.database
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allow}'))
        if not allow:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
    engine.dispose()


def test_a_pipe_gets_each_event_at_once_and_ctrl_c_exits_with_0(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(name="x" * 300))
    command = [sys.executable, "-c", "from app.cli.main import main; main()", "events", "tail", "--all"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        assert "x" * 300 in process.stdout.readline()
        _append(sessions, 1)
        assert "prefect.deployment.updated" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
