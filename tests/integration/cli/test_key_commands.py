"""`aftercommit keys`: a key is shown once, stored as a digest, and rejected once it is revoked."""

import hashlib
import json
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.access.api_keys import known_keys
from app.errors import Conflict, NotFound
from app.models import ApiKey
from app.settings import Settings
from tests.integration.cli.keys import done, error_of, run

pytestmark = pytest.mark.usefixtures("settings")


def test_create_prints_the_key_and_nothing_else_on_standard_output() -> None:
    result = done("create", "laptop")

    assert re.fullmatch(r"ac_[\w-]{43}\n", result.stdout)
    assert "it is not shown again" in result.stderr
    assert result.stdout.strip() not in result.stderr


def test_no_two_keys_are_alike() -> None:
    assert done("create", "one").stdout != done("create", "two").stdout


def test_only_its_digest_and_its_beginning_are_stored(sessions: sessionmaker[Session]) -> None:
    key = done("create", "laptop").stdout.strip()

    with sessions() as session:
        row = session.scalars(select(ApiKey)).one()
        assert row.digest == hashlib.sha256(key.encode()).digest()
        stored = {column.name: getattr(row, column.name) for column in ApiKey.__table__.columns}
        assert {name: value for name, value in stored.items() if key[7:] in str(value)} == {}
        assert row.hint == key[:7]


def test_list_shows_who_has_which_key_and_never_a_key() -> None:
    key = done("create", "laptop").stdout.strip()
    done("create", "ci")
    done("revoke", "ci")

    as_table, as_json = done("list").stdout, done("list", "--json").stdout

    laptop, ci = json.loads(as_json)
    assert (laptop["name"], laptop["key"], laptop["revoked"]) == ("laptop", f"{key[:7]}...", None)
    assert (ci["name"], ci["revoked"] is None) == ("ci", False)
    assert "laptop" in as_table
    assert key[8:20] not in as_table + as_json


def test_an_empty_list_says_so() -> None:
    assert done("list").stdout == "There are no keys.\n"
    assert json.loads(done("list", "--json").stdout) == []


def test_a_revoked_key_is_no_valid_one(sessions: sessionmaker[Session]) -> None:
    done("create", "laptop")
    done("create", "ci")

    done("revoke", "laptop")

    with sessions() as session:
        digest = session.scalars(select(ApiKey.digest).where(ApiKey.name == "ci")).one()
        assert {known: key.name for known, key in known_keys(session).items()} == {digest: "ci"}


@pytest.mark.parametrize("is_revoked", [False, True], ids=["valid", "revoked"])
def test_a_name_is_given_once(is_revoked: bool) -> None:
    done("create", "laptop")
    if is_revoked:
        done("revoke", "laptop")

    error = error_of("create", "laptop")

    assert isinstance(error, Conflict)
    assert "A key with this name already exists" in str(error)


def test_what_is_unknown_cannot_be_revoked() -> None:
    assert isinstance(error_of("revoke", "laptop"), NotFound)


def test_what_is_revoked_cannot_be_revoked_again() -> None:
    done("create", "laptop")
    done("revoke", "laptop")

    assert str(error_of("revoke", "laptop")) == "This key is already revoked."


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\x1b[31m"])
def test_a_name_is_printable_and_not_too_long(name: str) -> None:
    assert run("create", name).exit_code == 2


def test_it_is_said_when_the_door_closes_and_when_it_opens() -> None:
    assert "from now on every request needs a credential" in done("create", "one").stderr
    assert "from now on" not in done("create", "two").stderr
    assert "No valid key is left" not in done("revoke", "one").stderr
    assert "an API on loopback now accepts every request" in done("revoke", "two").stderr


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_the_help_has_examples(command: str) -> None:
    assert "Examples:" in done(command, "--help").stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": b"short"},
        {"digest": None},
        {"name": ""},
        {"name": "x" * 201},
        {"hint": "ac_123456789"},
        {"role": "root"},
        {"expires": datetime(2020, 1, 1, tzinfo=UTC)},
        {"role": None},
    ],
)
def test_the_database_refuses_what_is_no_key(sessions: sessionmaker[Session], wrong: dict[str, object]) -> None:
    with sessions() as session:
        session.add(ApiKey(**{"name": "n", "digest": b"1" * 32, "hint": "ac_", "role": "read", **wrong}))
        with pytest.raises(IntegrityError):
            session.flush()


def test_a_database_without_a_schema_is_told_what_to_do(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", settings.database_url.rpartition("/")[0] + "/postgres")

    assert "run `aftercommit migrate` first" in str(error_of("list"))
