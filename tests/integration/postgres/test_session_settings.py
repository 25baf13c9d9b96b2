"""Defaults of a role, a database or another client of a pooler change no session of ours."""

from typing import Final

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, func, make_url, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.engine import make_engine, make_migration_engine
from app.postgres.session_check import unsuitability
from app.postgres.session_settings import MIGRATION, settings_of_sessions
from app.settings import Settings
from tests.databases import administer
from tests.world import World, assert_audit_is_clean, assert_unbroken

OTHERS: Final = {
    "default_transaction_isolation": "serializable",
    "synchronous_commit": "off",
    "row_security": "on",
    "search_path": "pg_catalog",
    "exit_on_error": "on",
    "gin_fuzzy_search_limit": "1",
    "timezone": "Asia/Tokyo",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "lc_numeric": "POSIX",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "idle_session_timeout": "1h",
    "statement_timeout": "17min",
    "transaction_timeout": "17min",
    "idle_in_transaction_session_timeout": "17min",
    "lock_timeout": "17min",
    "plan_cache_mode": "force_custom_plan",
    "client_encoding": "LATIN1",
    "session_replication_role": "replica",
}
"""For each setting that aftercommit sets, a value that it must not inherit."""

OWN: Final = {"client_encoding": "UTF8", "session_replication_role": "origin"}
"""What `app/postgres` sets in another way than the rest."""

AREAS: Final = (
    "Client Connection Defaults / Statement Behavior",
    "Client Connection Defaults / Locale and Formatting",
    "Client Connection Defaults / Other Defaults",
    "Error Handling",
    "Version and Platform Compatibility / %",
    "Write-Ahead Log / Settings",
)
"""The categories of PostgreSQL's settings on which a result or a promise can depend."""

LEFT: Final = {
    "backslash_quote": "only for backslashes in literals, which are never sent",
    "check_function_bodies": "no functions are created",
    "client_min_messages": "notices are not read",
    "commit_siblings": "speed",
    "createrole_self_grant": "no roles are created",
    "default_table_access_method": "the operator's choice of storage",
    "default_tablespace": "the operator's choice of storage",
    "default_text_search_config": "no text search",
    "default_toast_compression": "the operator's choice of storage",
    "default_transaction_deferrable": "only for serializable transactions",
    "default_transaction_read_only": "the operator's way to stop changes",
    "escape_string_warning": "a warning",
    "gin_pending_list_limit": "speed",
    "icu_validation_level": "no collations are created",
    "lc_monetary": "no money",
    "lc_time": "no names of months",
    "quote_all_identifiers": "only for generated SQL, which is not read",
    "restrict_nonsystem_relation_kind": "makes views an error; there are none",
    "synchronize_seqscans": "order of rows without ORDER BY",
    "temp_tablespaces": "the operator's choice of storage",
    "timezone_abbreviations": "times are sent with offsets",
    "transaction_deferrable": "state of a transaction",
    "transaction_isolation": "state of a transaction",
    "transaction_read_only": "state of a transaction",
    "wal_skip_threshold": "speed",
    "xmlbinary": "no XML",
    "xmloption": "no XML",
}
"""What aftercommit leaves as it is, and why."""


@pytest.fixture(params=["none", "transaction"])
def mode(request: pytest.FixtureRequest) -> str:
    """The value of AFTERCOMMIT_DATABASE_POOLER. `transaction` works without a pooler too."""
    return str(request.param)


@pytest.fixture
def _mode_in_environment(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it the setting of the test's process."""
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_POOLER", mode)


@pytest.fixture
def other_defaults(database_url: str) -> None:
    """Give the role in this database other defaults."""
    name = make_url(database_url).database
    user = make_url(database_url).username
    for setting, value in OTHERS.items():
        quoted = value if setting == "search_path" else f"'{value}'"
        administer(database_url, f'ALTER ROLE "{user}" IN DATABASE "{name}" SET {setting} = {quoted}')


def in_force(connection: Connection, names: list[str]) -> dict[str, str]:
    """Return the values of these settings inside the connection's transaction."""
    row = connection.execute(select(*(func.current_setting(name) for name in names))).one()
    return dict(zip(names, row, strict=True))


def assert_ours(engine: Engine, expected: dict[str, str]) -> None:
    """Fail unless these values are in force, in whatever unit they are shown, and none of the others."""

    def shown(name: str, value: str) -> str:
        return str(connection.execute(select(func.set_config(name, value, True))).scalar_one())

    with engine.connect() as connection:
        found = in_force(connection, list(expected))
        for name, value in expected.items():
            assert found[name] == shown(name, value), name
            assert found[name] != shown(name, OTHERS[name]), name


def test_every_setting_that_a_result_may_depend_on_is_set_or_left_for_a_reason(
    engine: Engine, settings: Settings
) -> None:
    set_by_us = settings_of_sessions(settings, 0, generic_plans=False)
    statement = text(
        "SELECT lower(name) FROM pg_settings WHERE context = 'user' AND category LIKE ANY (CAST(:areas AS text[]))"
    )
    with engine.connect() as connection:
        known = set(connection.scalars(statement, {"areas": list(AREAS)}))
    assert known - set(set_by_us) - set(OWN) == set(LEFT)
    assert set(OTHERS) == set(set_by_us) | set(OWN)


@pytest.mark.own_database
@pytest.mark.usefixtures("other_defaults")
def test_a_session_inherits_no_setting(settings: Settings, mode: str) -> None:
    chosen = settings.model_copy(update={"database_pooler": mode})
    engine = make_engine(chosen, application_name="test", lock_timeout_ms=1234, generic_plans=True)
    expected = settings_of_sessions(settings, 1234, generic_plans=True)
    assert_ours(engine, {**expected, **OWN})
    names = ["transaction_isolation", "statement_timeout", "transaction_timeout"]
    with engine.connect() as connection:
        assert [*in_force(connection, names).values()] == ["read committed", "30s", "1min"]
    engine.dispose()


@pytest.mark.own_database
@pytest.mark.usefixtures("other_defaults")
def test_a_migration_inherits_no_setting(database_url: str, mode: str) -> None:
    engine = make_migration_engine(database_url, is_pooled=mode == "transaction")
    assert_ours(engine, {**MIGRATION, **OWN})


@pytest.mark.own_database
@pytest.mark.usefixtures("other_defaults")
def test_another_isolation_level_is_for_one_transaction_only(settings: Settings, mode: str) -> None:
    chosen = settings.model_copy(update={"database_pooler": mode})
    engine = make_engine(chosen, application_name="test", pool_size=1)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with engine.connect() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    engine.dispose()


@pytest.mark.own_database
@pytest.mark.usefixtures("other_defaults", "_mode_in_environment")
def test_the_service_works_with_unusual_settings(client: TestClient, sessions: sessionmaker[Session]) -> None:
    world = World(client, sessions, patience=2.0)
    pool = world.pool()
    schedules = [{"schedule": {"interval": 60, "anchor_date": "2026-02-01T03:04:05+00:00"}}]
    deployment = world.deploy(work_pool_name=pool, tags=["\u20ac", "NULL", "a\\b"], schedules=schedules)
    world.patch(f"/deployments/{deployment}", {"version": "1.5"})
    assert world.client.get(f"/deployments/{deployment}").json()["tags"] == ["\u20ac", "NULL", "a\\b"]
    assert_unbroken(world.life(deployment))
    assert_audit_is_clean(sessions)


@pytest.mark.own_database
def test_a_user_who_cannot_switch_triggers_on_again_is_refused(
    database_url: str, settings: Settings, mode: str
) -> None:
    name = make_url(database_url).database
    user = f"user_of_{name}"
    administer(database_url, f"CREATE ROLE {user} LOGIN PASSWORD 'secret'")
    administer(database_url, f"ALTER DATABASE {name} SET session_replication_role = replica")
    url = make_url(database_url).set(username=user, password="secret").render_as_string(hide_password=False)
    chosen = settings.model_copy(update={"database_url": url, "database_pooler": mode})
    engine = make_engine(chosen, application_name="test")
    with pytest.raises(OperationalError) as caught:
        engine.connect()
    assert unsuitability(caught.value) == (
        'The database refuses a setting of the session: permission denied to set parameter "session_replication_role".'
    )
    engine.dispose()
    administer(database_url, f"DROP ROLE {user}")
