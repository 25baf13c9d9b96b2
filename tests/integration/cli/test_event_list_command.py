"""`aftercommit events list`."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.settings import Settings
from app.settings.run_file import RUN_FILE, RunFile
from tests.integration.events_in_log import an_event, append

Sessions = sessionmaker[Session]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["events", "list", *arguments], env={"COLUMNS": "80"})


def _lines(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.stdout.splitlines()]


def _positions(result: Result) -> list[int]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["position"] for line in result.stdout.splitlines()]


def test_a_listed_event_shows_position_time_event_name_and_changed_fields(
    settings: Settings, sessions: Sessions
) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    append(sessions, an_event(occurred=moment, name="x" * 200, payload={"updated_fields": ["paused", "tags"]}))
    shown = ["1", "2026-01-02T03:04:05.678Z", "prefect.deployment.updated", "x" * 200, "paused, tags", ""]
    assert _lines(_run()) == [shown]


def test_the_newest_event_is_listed_first_by_default(settings: Settings, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(3)))
    assert _positions(_run("--json")) == [3, 2, 1]
    assert _positions(_run("--json", "--oldest-first")) == [1, 2, 3]
    assert _positions(_run("--json", "--limit", "2")) == [3, 2]


def test_the_oldest_events_are_listed_too(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(occurred=datetime.now(UTC) - timedelta(days=5000)))
    assert _positions(_run("--json")) == [1]


def test_a_list_can_be_filtered_by_event_and_resource(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(event="a.x", resource_id="r1"), an_event(event="a.y", resource_id="r2"), an_event())
    assert _positions(_run("--json", "--event", "a.")) == [2, 1]
    assert _positions(_run("--json", "--event", "a.", "--resource", "r1")) == [1]
    assert _positions(_run("--json", "--resource", "r1", "--resource", "r2")) == [2, 1]


def test_a_name_cannot_inject_terminal_codes_or_line_breaks(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(name="a\x1b[31m\n\tb[bold]"))
    assert _lines(_run())[0][3] == r"a\x1b[31m\n\tb[bold]"


def test_a_terminal_gets_a_table(settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "No events." in _run().stdout
    append(sessions, an_event(name="[red]nightly", resource_id="r"), an_event(name=None, resource_id="only-an-id"))
    shown = _run().stdout
    assert "position" in shown
    assert "[red]nightly" in shown
    assert "only-an-id" in shown


def test_an_unreachable_database_is_reported_in_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    result = _run()
    assert result.exit_code != 0
    assert str(result.exception).startswith("The database does not answer: ")


def test_an_argument_that_is_not_valid_text_is_refused(settings: Settings) -> None:
    result = _run("--event", "\udcff")
    assert result.exit_code == 2
    assert "surrogate" in result.output


def test_the_run_file_in_the_data_folder_provides_the_database_url(
    settings: Settings, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(sessions, an_event())
    run = RunFile(
        database_url=settings.database_url,
        broker_url=settings.broker_url,
        masking_key="k" * 32,
        api_url="",
        flower_url=None,
        pid=1,
    )
    (tmp_path / RUN_FILE).write_text(run.model_dump_json())
    for name in ("DATABASE_URL", "BROKER_URL", "MASKING_KEY"):
        monkeypatch.delenv(f"AFTERCOMMIT_{name}")
    assert _positions(_run("--json", "--data-dir", str(tmp_path))) == [1]


def test_a_closed_pipe_ends_the_command_without_an_error_message(settings: Settings, sessions: Sessions) -> None:
    append(sessions, *(an_event(payload={"text": "x" * 1000}) for _ in range(500)))
    command = [
        sys.executable,
        "-c",
        "from app.cli.start import main; main()",
        "events",
        "list",
        "--json",
        "--limit",
        "500",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["position"] == 500
        process.stdout.close()
        assert process.stderr.read() == ""
