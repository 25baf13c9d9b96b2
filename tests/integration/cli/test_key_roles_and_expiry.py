"""`aftercommit keys create --role` and `--expires`, and how the list shows both."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from app.models import ApiKey
from tests.integration.cli.keys import done, run
from tests.integration.web.guarded import expire

pytestmark = pytest.mark.usefixtures("settings")


def test_a_key_has_the_role_write_unless_another_is_asked_for_and_it_is_said() -> None:
    assert "The role of this key is write" in done("create", "ci").stderr
    assert "The role of this key is read" in done("create", "dashboard", "--role", "read").stderr
    done("create", "me", "--role", "admin")

    listed = json.loads(done("list", "--json").stdout)

    assert {key["name"]: key["role"] for key in listed} == {"ci": "write", "dashboard": "read", "me": "admin"}


def test_a_role_that_does_not_exist_is_refused_with_the_roles_that_do() -> None:
    result = run("create", "ci", "--role", "root")

    assert result.exit_code == 2
    assert all(role in result.stderr for role in ("read", "write", "admin"))


def test_a_key_expires_only_if_that_is_asked_for_and_it_is_said_and_listed() -> None:
    assert "It does not expire." in done("create", "ci").stderr
    assert "It expires at 2" in done("create", "dashboard", "--expires", "30d").stderr
    assert (
        "It expires at 2999-01-31T11:00:00.000Z" in done("create", "me", "--expires", "2999-01-31T12:00+01:00").stderr
    )

    never, in_a_month, at = (key["expires"] for key in json.loads(done("list", "--json").stdout))

    assert never is None
    assert timedelta(days=29) < datetime.fromisoformat(in_a_month) - datetime.now(UTC) < timedelta(days=31)
    assert at == "2999-01-31T11:00:00+00:00"


def test_the_list_says_which_keys_have_expired(sessions: sessionmaker[Session]) -> None:
    done("create", "old", "--expires", "1d")
    expire(sessions, "old")
    done("create", "new", "--expires", "2999-01-31")

    assert done("list").stdout.count("(expired)") == 1


def test_a_terminal_of_80_columns_shows_every_time_in_full(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done("create", "dashboard", "--role", "admin", "--expires", "30d")
    with sessions.begin() as session:
        session.execute(update(ApiKey).values(last_used=func.clock_timestamp()))
    done("revoke", "dashboard")

    shown = done("list").stdout

    assert "dashboard" in shown
    assert len(re.findall(r"\b\d{4}-\d\d-\d\d\b", shown)) == len(re.findall(r"\b\d\d:\d\d\b", shown)) == 4


@pytest.mark.parametrize(
    "time", ["2020-01-01", "0s", "soon", "30", "-1d", "2h ago", "now", "999999999d", "9" * 400 + "d"]
)
def test_an_expiry_that_is_no_time_or_is_past_is_refused(time: str) -> None:
    result = run("create", "ci", f"--expires={time}")

    assert result.exit_code == 2
    assert "--expires" in result.stderr
    assert json.loads(done("list", "--json").stdout) == []
