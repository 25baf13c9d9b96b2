"""`attach detach`, `pause`, `resume` and `status`."""

import psycopg
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict, NotFound, SourceChanged, WrongMaskingKey
from app.models import Source
from app.settings import get_settings
from tests.integration.sources.attach_command import error_of, run, run_json, run_successfully
from tests.integration.sources.shop import PROFILE, Shop

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def attached(shop: Shop) -> Shop:
    """The application, attached."""
    run_successfully(shop.address, "--name", "shop", "--profile", str(PROFILE))
    return shop


def test_detaching_leaves_nothing_behind_and_forgets_the_url(attached: Shop, sessions: sessionmaker[Session]) -> None:
    assert run_json("detach", "shop") == {"detached": "shop", "lost": 0, "left": None}

    assert attached.read("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'aftercommit%'") == [(0,)]
    assert attached.read("SELECT count(*) FROM pg_namespace WHERE nspname = 'aftercommit'") == [(0,)]
    with sessions() as session:
        assert session.scalars(select(Source.url)).all() == [None]
    assert [row["state"] for row in run_json("ls")] == ["detached"]


def test_changes_that_were_not_moved_keep_a_source_attached(attached: Shop) -> None:
    attached.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")

    error = error_of("detach", "shop")

    assert isinstance(error, Conflict)
    assert str(error).startswith("1 row changes of shop are not moved to the log yet.")
    assert attached.read("SELECT count(*) FROM aftercommit.row_change") == [(1,)]
    assert run_json("detach", "shop", "--force")["lost"] == 1


def test_a_database_that_is_gone_is_detached_only_by_force(attached: Shop, sessions: sessionmaker[Session]) -> None:
    attached.run("DROP SCHEMA aftercommit CASCADE")
    assert isinstance(run("status", "shop").exception, SystemExit)
    assert "Nothing is installed" in run("status", "shop").stdout

    assert run_json("detach", "shop")["left"] is None


def test_a_database_that_does_not_answer_is_left_by_force(attached: Shop, sessions: sessionmaker[Session]) -> None:
    name = psycopg.conninfo.conninfo_to_dict(attached.address)["dbname"]
    with psycopg.connect(attached.address.replace(str(name), "postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        try:
            assert "does not answer" in str(error_of("detach", "shop"))
            assert "not currently accepting connections" in run_json("detach", "shop", "--force")["left"]
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


def test_a_detached_source_can_be_attached_again(attached: Shop) -> None:
    run_successfully("detach", "shop")

    run_successfully(attached.address, "--name", "shop", "--profile", str(PROFILE))

    assert [row["state"] for row in run_json("ls")] == ["attached"]


def test_a_source_is_paused_and_resumed(attached: Shop) -> None:
    run_successfully("pause", "shop")
    assert [row["state"] for row in run_json("ls")] == ["paused"]
    assert "paused already" in str(error_of("pause", "shop"))

    run_successfully("resume", "shop")

    assert [row["state"] for row in run_json("ls")] == ["attached"]


def test_resuming_takes_a_new_url_of_the_same_database_only(attached: Shop, sessions: sessionmaker[Session]) -> None:
    elsewhere = attached.address.rpartition("/")[0] + "/postgres"
    assert isinstance(error_of("resume", "shop", "--url", elsewhere), SourceChanged)

    run_successfully("resume", "shop", "--url", "-", stdin=f"{attached.address}?application_name=x\n")

    assert run_json("status", "shop")["error"] is None


def test_a_url_that_was_stored_with_another_masking_key_is_not_read(
    attached: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "another key, of 32 characters too")
    get_settings.cache_clear()

    error = error_of("detach", "shop")

    assert isinstance(error, WrongMaskingKey)
    assert "attach resume NAME --url URL" in str(error)


def test_the_status_says_what_waits_there(attached: Shop) -> None:
    attached.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")

    waiting = run_json("status", "shop")["waiting"]

    assert waiting["row_changes"] == 1
    assert waiting["oldest_seconds"] >= 0
    assert waiting["bytes"] > 0
    assert "row_changes" in run_successfully("status", "shop").stdout


def test_a_copy_of_the_database_is_not_taken_for_it(attached: Shop, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.execute(update(Source).values(identity="1/2"))

    assert isinstance(error_of("detach", "shop"), SourceChanged)


@pytest.mark.parametrize("command", ["pause", "resume", "detach", "status"])
def test_an_unknown_source_is_reported(command: str) -> None:
    assert isinstance(error_of(command, "nobody"), NotFound)


def test_an_empty_list_is_reported() -> None:
    assert run_successfully("ls").stdout == "No source is attached.\n"
    assert run_json("ls") == []
