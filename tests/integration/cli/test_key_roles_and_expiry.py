"""`aftercommit keys create --role` and `--expires`, and how the list shows both."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from app.models import ApiKey
from tests.integration.cli.keys import run, run_successfully
from tests.integration.web.guarded import expire

pytestmark = pytest.mark.usefixtures("settings")


def test_a_key_has_the_role_write_by_default_and_the_role_is_printed() -> None:
    assert "The role of this key is write" in run_successfully("create", "ci").stderr
    assert "The role of this key is read" in run_successfully("create", "dashboard", "--role", "read").stderr
    run_successfully("create", "me", "--role", "admin")

    listed = json.loads(run_successfully("list", "--json").stdout)

    assert {key["name"]: key["role"] for key in listed} == {"ci": "write", "dashboard": "read", "me": "admin"}


def test_an_unknown_role_is_refused_with_the_list_of_roles() -> None:
    result = run("create", "ci", "--role", "root")

    assert result.exit_code == 2
    assert all(role in result.stderr for role in ("read", "write", "admin"))


def test_a_key_expires_only_on_request_and_its_expiry_is_printed_and_listed() -> None:
    assert "It does not expire." in run_successfully("create", "ci").stderr
    assert "It expires at 2" in run_successfully("create", "dashboard", "--expires", "30d").stderr
    assert (
        "It expires at 2999-01-31T11:00:00.000Z"
        in run_successfully("create", "me", "--expires", "2999-01-31T12:00+01:00").stderr
    )

    never, in_a_month, at = (key["expires"] for key in json.loads(run_successfully("list", "--json").stdout))

    assert never is None
    assert timedelta(days=29) < datetime.fromisoformat(in_a_month) - datetime.now(UTC) < timedelta(days=31)
    assert at == "2999-01-31T11:00:00+00:00"


def test_the_list_shows_which_keys_have_expired(sessions: sessionmaker[Session]) -> None:
    run_successfully("create", "old", "--expires", "1d")
    expire(sessions, "old")
    run_successfully("create", "new", "--expires", "2999-01-31")

    assert run_successfully("list").stdout.count("(expired)") == 1


def test_a_terminal_of_80_columns_shows_every_time_in_full(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run_successfully("create", "dashboard", "--role", "admin", "--expires", "30d")
    with sessions.begin() as session:
        session.execute(update(ApiKey).values(last_used=func.clock_timestamp()))
    run_successfully("revoke", "dashboard")

    shown = run_successfully("list").stdout

    assert "dashboard" in shown
    assert len(re.findall(r"\b\d{4}-\d\d-\d\d\b", shown)) == len(re.findall(r"\b\d\d:\d\d\b", shown)) == 4


@pytest.mark.parametrize(
    "time", ["2020-01-01", "0s", "soon", "30", "-1d", "2h ago", "now", "999999999d", "9" * 400 + "d"]
)
def test_an_invalid_or_past_expiry_is_refused(time: str) -> None:
    result = run("create", "ci", f"--expires={time}")

    assert result.exit_code == 2
    assert "--expires" in result.stderr
    assert json.loads(run_successfully("list", "--json").stdout) == []
