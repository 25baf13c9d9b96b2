"""`aftercommit outbox`: the output for operators and for scripts."""

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, text
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.errors import AppError, ConfigurationError, Unavailable
from app.models import SnapshotRow
from app.settings import Settings
from app.settings.run_file import RUN_FILE, RunFile
from tests.integration.audit.lives import Life, store


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def life_with_pending(unguarded_world: None, sessions: sessionmaker[Session]) -> Life:
    """A consistent deployment with one pending change."""
    life_with_pending = Life(3, pending=1)
    with sessions() as session:
        store(session, [life_with_pending])
        session.commit()
    return life_with_pending


@pytest.fixture
def life_with_loss(life_with_pending: Life, sessions: sessionmaker[Session]) -> Life:
    """The same, but its pending change was lost."""
    with sessions() as session:
        session.execute(delete(SnapshotRow))
        session.commit()
    return life_with_pending


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["outbox", *arguments])


def error_of(*arguments: str) -> AppError:
    """Return the `AppError` that the command raises; `main` prints it as one line."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, AppError)
    return result.exception


def cells(output: str) -> dict[str, str]:
    """Return the first two cells of each row of the printed table."""
    rows = [[cell.strip() for cell in line.split("│")] for line in output.splitlines() if line.startswith("│")]
    return {row[1]: row[2] for row in rows}


def test_status_is_shown_as_a_table(life_with_pending: Life) -> None:
    result = run("status")
    assert result.exit_code == 0
    shown = cells(result.stdout)
    assert shown.pop("oldest").endswith(" s")
    nothing = dict.fromkeys(("retrying", "parked", "waiting", "newer", "rescued"), "0")
    assert shown == {"pending": "1", "position": "3", **nothing}
    assert result.stdout.endswith("The broker does not answer (ConnectionError).\n")


def test_status_of_an_empty_outbox_shows_no_age(settings: Settings) -> None:
    assert cells(run("status").stdout)["oldest"] == "-"


def test_status_is_shown_as_json(life_with_pending: Life) -> None:
    shown = json.loads(run("status", "--json").stdout)
    assert shown.pop("oldest_pending_seconds") > 0
    nothing = dict.fromkeys(("retrying", "parked", "waiting", "newer", "rescued"), 0)
    assert shown == {"pending": 1, "position": 3, "broker_problem": "does not answer (ConnectionError)", **nothing}


def test_a_clean_audit_exits_with_0(life_with_pending: Life) -> None:
    result = run("reconcile")
    assert result.exit_code == 0
    assert cells(result.stdout) == {"lost": "0", "phantom": "0", "duplicate": "0", "disordered": "0"}
    assert "Checked 2 resources, 3 events and 1 pending snapshots." in result.stdout
    assert "All is well." in result.stdout


def test_an_audit_with_findings_exits_with_1_and_shows_them(life_with_loss: Life) -> None:
    result = run("reconcile")
    assert result.exit_code == 1
    assert cells(result.stdout)["lost"] == "1"
    text = "Revision 3 has neither an event nor a pending snapshot."
    assert f"lost {life_with_loss.resource_id} revision 3: {text}" in result.stdout
    assert "1 problem." in result.stdout


def test_the_audit_is_shown_as_json(life_with_loss: Life) -> None:
    result = run("reconcile", "--json")
    assert result.exit_code == 1
    text = "Revision 3 has neither an event nor a pending snapshot."
    assert json.loads(result.stdout) == {
        "resources": 2,
        "events": 3,
        "pending": 0,
        "lost": 1,
        "phantom": 0,
        "duplicate": 0,
        "disordered": 0,
        "findings": [{"problem": "lost", "resource_id": life_with_loss.resource_id, "revision": 3, "text": text}],
    }


def test_a_finding_about_the_log_names_no_resource(life_with_pending: Life, sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.execute(text("UPDATE event_log SET position = 7"))
        session.commit()
    assert "disordered: The log's head is 7, its last event is at position 3." in run("reconcile").stdout


def test_markup_in_a_resource_id_is_not_interpreted(life_with_pending: Life, sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.add(Life(1).snapshot(1, kind="[red]gadget[/blue]"))
        session.commit()
    assert "prefect.[red]gadget[/blue]." in run("reconcile").stdout


def test_only_some_of_many_findings_are_shown(life_with_pending: Life, sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.add_all([Life(1).snapshot(1) for _ in range(30)])
        session.execute(text("UPDATE event_log SET position = 7"))
        session.commit()
    shown = run("reconcile").stdout
    assert "31 problems, 20 findings are shown." in shown
    assert shown.count("is about a resource that never existed") == 20


@pytest.mark.parametrize("command", ["status", "reconcile"])
def test_the_help_shows_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"aftercommit outbox {command} --json" in result.stdout
    assert "--data-dir" in result.stdout


def test_the_run_file_in_the_data_folder_provides_the_database_url(
    life_with_pending: Life, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DATABASE_URL", "BROKER_URL", "MASKING_KEY"):
        monkeypatch.delenv(f"AFTERCOMMIT_{variable}")
    run_file = RunFile(
        database_url=settings.database_url,
        broker_url=settings.broker_url,
        masking_key="k" * 32,
        api_url="http://127.0.0.1:4200/api",
        flower_url=None,
        pid=1,
    )
    (tmp_path / RUN_FILE).write_text(run_file.model_dump_json())
    result = run("status", "--json", "--data-dir", str(tmp_path))
    assert json.loads(result.stdout)["position"] == 3


@pytest.mark.parametrize("command", ["status", "reconcile"])
def test_an_unreachable_database_is_reported_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://someone:hunter2@127.0.0.1:1/nowhere")
    error = error_of(command)
    assert isinstance(error, Unavailable)
    assert str(error).startswith("The database does not answer: ")
    assert "hunter2" not in str(error)
    assert "\n" not in str(error)


@pytest.mark.own_database
def test_a_database_without_a_schema_is_reported(settings: Settings, sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.execute(text("DROP TABLE snapshot"))
        session.commit()
    assert str(error_of("status")) == "The database has no schema yet: run `aftercommit migrate` first."


@pytest.mark.own_database
def test_an_error_of_the_database_is_reported_with_its_message(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        session.execute(text("ALTER TABLE snapshot DROP COLUMN captured"))
        session.commit()
    error = error_of("status")
    assert str(error) == "The database refused: UndefinedColumn 42703 column snapshot.captured does not exist"


def test_an_invalid_database_url_is_reported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "hunter2")
    error = error_of("status")
    assert isinstance(error, ConfigurationError)
    assert "hunter2" not in str(error)
