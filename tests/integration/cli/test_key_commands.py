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
from tests.integration.cli.keys import error_of, run, run_successfully

pytestmark = pytest.mark.usefixtures("settings")


def test_create_prints_only_the_key_on_standard_output() -> None:
    result = run_successfully("create", "laptop")

    assert re.fullmatch(r"ac_[\w-]{43}\n", result.stdout)
    assert "it is not shown again" in result.stderr
    assert result.stdout.strip() not in result.stderr


def test_no_two_keys_are_equal() -> None:
    assert run_successfully("create", "one").stdout != run_successfully("create", "two").stdout


def test_only_the_digest_and_the_beginning_of_a_key_are_stored(sessions: sessionmaker[Session]) -> None:
    key = run_successfully("create", "laptop").stdout.strip()

    with sessions() as session:
        row = session.scalars(select(ApiKey)).one()
        assert row.digest == hashlib.sha256(key.encode()).digest()
        stored = {column.name: getattr(row, column.name) for column in ApiKey.__table__.columns}
        assert {name: value for name, value in stored.items() if key[7:] in str(value)} == {}
        assert row.hint == key[:7]


def test_list_shows_the_names_of_the_keys_and_never_a_key() -> None:
    key = run_successfully("create", "laptop").stdout.strip()
    run_successfully("create", "ci")
    run_successfully("revoke", "ci")

    as_table, as_json = run_successfully("list").stdout, run_successfully("list", "--json").stdout

    laptop, ci = json.loads(as_json)
    assert (laptop["name"], laptop["key"], laptop["revoked"]) == ("laptop", f"{key[:7]}...", None)
    assert (ci["name"], ci["revoked"] is None) == ("ci", False)
    assert "laptop" in as_table
    assert key[8:20] not in as_table + as_json


def test_an_empty_list_is_reported() -> None:
    assert run_successfully("list").stdout == "There are no keys.\n"
    assert json.loads(run_successfully("list", "--json").stdout) == []


def test_a_revoked_key_is_not_valid(sessions: sessionmaker[Session]) -> None:
    run_successfully("create", "laptop")
    run_successfully("create", "ci")

    run_successfully("revoke", "laptop")

    with sessions() as session:
        digest = session.scalars(select(ApiKey.digest).where(ApiKey.name == "ci")).one()
        assert {known: key.name for known, key in known_keys(session).items()} == {digest: "ci"}


@pytest.mark.parametrize("is_revoked", [False, True], ids=["valid", "revoked"])
def test_a_name_can_be_used_once(is_revoked: bool) -> None:
    run_successfully("create", "laptop")
    if is_revoked:
        run_successfully("revoke", "laptop")

    error = error_of("create", "laptop")

    assert isinstance(error, Conflict)
    assert "A key with this name already exists" in str(error)


def test_an_unknown_key_cannot_be_revoked() -> None:
    assert isinstance(error_of("revoke", "laptop"), NotFound)


def test_a_revoked_key_cannot_be_revoked_again() -> None:
    run_successfully("create", "laptop")
    run_successfully("revoke", "laptop")

    assert str(error_of("revoke", "laptop")) == "This key is already revoked."


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\x1b[31m"])
def test_a_name_is_printable_and_not_too_long(name: str) -> None:
    assert run("create", name).exit_code == 2


def test_creating_the_first_key_and_revoking_the_last_one_print_the_consequence() -> None:
    assert "from now on every request needs a credential" in run_successfully("create", "one").stderr
    assert "from now on" not in run_successfully("create", "two").stderr
    assert "No valid key is left" not in run_successfully("revoke", "one").stderr
    assert "an API on loopback now accepts every request" in run_successfully("revoke", "two").stderr


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_the_help_has_examples(command: str) -> None:
    assert "Examples:" in run_successfully(command, "--help").stdout


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
def test_the_database_refuses_an_invalid_key(sessions: sessionmaker[Session], wrong: dict[str, object]) -> None:
    with sessions() as session:
        session.add(ApiKey(**{"name": "n", "digest": b"1" * 32, "hint": "ac_", "role": "read", **wrong}))
        with pytest.raises(IntegrityError):
            session.flush()


def test_a_database_without_a_schema_is_reported_with_the_remedy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", settings.database_url.rpartition("/")[0] + "/postgres")

    assert "run `aftercommit migrate` first" in str(error_of("list"))
