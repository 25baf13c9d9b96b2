"""Behind a real PgBouncer in transaction mode, where transactions of many clients share few sessions of the server."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, make_url, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from app.cli.migrate import upgrade
from app.errors import ConfigurationError
from app.main import create_app
from app.models import Flow
from app.postgres.engine import autocommit_session, make_engine, make_sessions
from app.postgres.listening import Listener
from app.postgres.refusals import is_absence, sqlstate
from app.postgres.session_check import UNEXPECTED_POOLER, require_suitable_server, unsuitability
from app.settings import Settings, get_settings
from tests.databases import administer, with_database
from tests.pgbouncer import running_pgbouncer

SESSIONS = 2
"""Sessions of the server that PgBouncer shares between all clients of a database."""


@pytest.fixture(scope="module")
def bouncer(postgres_url: str) -> Iterator[str]:
    """The URL of a database behind PgBouncer."""
    with running_pgbouncer(postgres_url, default_pool_size=str(SESSIONS), query_wait_timeout="2") as url:
        yield url


@pytest.fixture
def pooled_settings(settings: Settings, bouncer: str) -> Settings:
    """The test's database, behind PgBouncer."""
    name = make_url(settings.database_url).database or ""
    return settings.model_copy(update={"database_url": with_database(bouncer, name), "database_pooler": "transaction"})


@contextmanager
def engine_of(settings: Settings, **changes: object) -> Iterator[Engine]:
    engine = make_engine(settings.model_copy(update=changes), application_name="pooled-test", lock_timeout_ms=300)
    yield engine
    engine.dispose()


def other_client(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    """A client of the same pool that knows nothing about poolers."""
    address = make_url(settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True, prepare_threshold=0)


def code(settings: Settings, statement: str, **changes: object) -> str:
    """Return the SQLSTATE with which a statement fails."""
    with engine_of(settings, **changes) as engine, engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text(statement))
        return sqlstate(caught.value)


def test_every_time_limit_is_in_force(pooled_settings: Settings, engine: Engine) -> None:
    assert code(pooled_settings, "SELECT pg_sleep(30)", database_statement_timeout_ms=100) == "57014"
    with engine.connect() as holder:
        holder.execute(text("LOCK TABLE flow"))
        assert code(pooled_settings, "LOCK TABLE flow") == "55P03"


def test_a_process_that_hangs_in_its_transaction_loses_the_transaction_and_its_locks(
    pooled_settings: Settings, engine: Engine
) -> None:
    brief = engine_of(pooled_settings, database_idle_transaction_timeout_ms=100)
    with brief as hung, hung.connect() as holder, engine.connect() as waiter:
        holder.execute(text("LOCK TABLE flow"))
        # The lock is released without any action of the holder.
        waiter.execute(text("LOCK TABLE flow"))
        with pytest.raises(DBAPIError):
            holder.execute(select(1))


def test_a_transaction_of_short_statements_ends_in_time(pooled_settings: Settings) -> None:
    with engine_of(pooled_settings, database_statement_timeout_ms=200) as engine, engine.connect() as connection:
        begun = time.monotonic()
        # A hundred statements, each well within the limit of a statement.
        statements = (connection.execute(text("SELECT pg_sleep(0.05)")) for _ in range(100))
        with pytest.raises(DBAPIError):
            list(statements)
        assert time.monotonic() - begun < 4


def test_settings_that_another_client_leaves_in_sessions_have_no_effect(pooled_settings: Settings) -> None:
    with other_client(pooled_settings) as other:
        for setting in ("statement_timeout = 100", "datestyle = German", "search_path = pg_catalog"):
            other.execute(f"SET {setting}")
        other.execute("SET default_transaction_isolation = serializable")
        other.execute("SET timezone = 'Asia/Tokyo'")
        with engine_of(pooled_settings) as engine, make_sessions(engine)() as session:
            session.execute(text("SELECT pg_sleep(0.3)"))
            assert session.scalars(select(Flow)).all() == []
            names = ("transaction_isolation", "datestyle", "timezone")
            found = [session.execute(text(f"SHOW {name}")).scalar_one() for name in names]
            assert found == ["read committed", "ISO, MDY", "UTC"]
        with engine_of(pooled_settings) as engine, autocommit_session(make_sessions(engine)) as session:
            # PgBouncer itself keeps a few settings apart, but not this one.
            assert session.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
        other.execute("RESET ALL")


def test_our_settings_do_not_remain_in_the_sessions(pooled_settings: Settings) -> None:
    with other_client(pooled_settings) as other, engine_of(pooled_settings) as engine:
        before = other.execute("SHOW statement_timeout").fetchone()
        for _ in range(SESSIONS + 1):
            with engine.begin() as connection:
                connection.execute(select(1))
        assert [other.execute("SHOW statement_timeout").fetchone() for _ in range(5)] == [before] * 5


def test_prepared_statements_of_another_client_do_not_conflict_with_ours(pooled_settings: Settings) -> None:
    def use(session: Session, number: int) -> object:
        return session.execute(text("SELECT CAST(:number AS integer)"), {"number": number}).scalar_one()

    with other_client(pooled_settings) as other, engine_of(pooled_settings) as engine:
        # psycopg gives the same names in every process: `_pg3_0`, `_pg3_1`, ...
        other.execute("SELECT 'theirs'")
        sessions = make_sessions(engine)

        def repeat(first: int) -> list[object]:
            found = []
            for number in range(first, first + 30):
                # psycopg forgets what it has prepared when a transaction is rolled back.
                with sessions.begin() as session:
                    found.append(use(session, number))
            return found

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(repeat, (0, 100, 200, 300))) == [
                list(range(first, first + 30)) for first in (0, 100, 200, 300)
            ]
        prepared = text("SELECT name FROM pg_prepared_statements WHERE name NOT IN ('_pg3_0')")
        for _ in range(SESSIONS + 1):
            with engine.begin() as connection:
                assert connection.scalars(prepared).all() == []


def test_nothing_listens_and_the_wait_ends_after_its_timeout(pooled_settings: Settings, engine: Engine) -> None:
    with engine_of(pooled_settings) as pooled, Listener(pooled, "some_channel") as listener:
        begun = time.monotonic()
        assert not listener.wait(0.2)
        assert time.monotonic() - begun >= 0.2
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT query FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'")).all() == []


def test_no_free_session_is_an_outage(pooled_settings: Settings) -> None:
    with engine_of(pooled_settings) as engine, engine.connect() as waiter:
        holders = [engine.connect() for _ in range(SESSIONS)]
        for holder in holders:
            holder.execute(select(1))
        with pytest.raises(OperationalError) as caught:
            waiter.execute(select(1))
        assert is_absence(caught.value)
        for holder in holders:
            holder.close()


def test_a_pooler_without_the_setting_is_refused_and_nothing_remains_in_the_session(pooled_settings: Settings) -> None:
    with other_client(pooled_settings) as other, engine_of(pooled_settings, database_pooler="none") as engine:
        for _ in range(SESSIONS + 1):
            with pytest.raises(OperationalError) as caught:
                engine.connect()
            assert unsuitability(caught.value) == UNEXPECTED_POOLER
        assert other.execute("SHOW row_security").fetchone() == ("on",)


@pytest.mark.parametrize(
    ("mode", "pooler", "refusal"),
    [
        ("session", "none", UNEXPECTED_POOLER),
        ("session", "transaction", None),
        ("statement", "none", UNEXPECTED_POOLER),
        (
            "statement",
            "transaction",
            "The connection pooler must work in transaction mode: transaction blocks not allowed in statement pooling "
            "mode.",
        ),
    ],
)
def test_a_pooler_in_another_mode_works_or_is_refused(
    mode: str, pooler: str, refusal: str | None, settings: Settings
) -> None:
    with (
        running_pgbouncer(settings.database_url, pool_mode=mode) as url,
        engine_of(settings, database_url=url, database_pooler=pooler) as engine,
    ):
        if refusal is None:
            require_suitable_server(engine)
        else:
            with pytest.raises(ConfigurationError) as caught:
                require_suitable_server(engine)
            assert str(caught.value) == refusal


def test_a_running_api_reports_the_pooler_in_its_readiness(
    pooled_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", pooled_settings.database_url)
    get_settings.cache_clear()
    with TestClient(create_app(), base_url="http://localhost/api") as client:
        assert client.get("/ready").json()["reasons"]["database"] == UNEXPECTED_POOLER
        assert client.post("/flows/", json={"name": "etl"}).status_code == 503


@pytest.fixture
def empty_database(postgres_url: str, bouncer: str) -> Iterator[str]:
    """The URL of a database without tables, behind PgBouncer."""
    administer(postgres_url, "CREATE DATABASE behind_pgbouncer")
    yield with_database(bouncer, "behind_pgbouncer")
    administer(postgres_url, "DROP DATABASE behind_pgbouncer WITH (FORCE)")


def test_migrations_can_run_one_after_the_other_and_concurrently(empty_database: str, postgres_url: str) -> None:
    migrate = "import sys; from app.cli.migrate import upgrade; upgrade(sys.argv[1], 'transaction')"
    together = [subprocess.Popen([sys.executable, "-c", migrate, empty_database]) for _ in range(2)]
    assert [process.wait(60) for process in together] == [0, 0]
    upgrade(empty_database, "transaction")
    upgrade(empty_database, "transaction")
    locks = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        assert connection.execute(locks.text).fetchone() == (0,)


def test_a_migration_without_the_setting_is_refused(empty_database: str) -> None:
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_DATABASE_POOLER=transaction"):
        upgrade(empty_database)
