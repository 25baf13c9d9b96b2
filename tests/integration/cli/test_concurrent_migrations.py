"""Processes that migrate at the same time take turns."""

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from app.cli.migrate import upgrade
from tests.waiting import wait_until

LOCK_KEY = 5_283_941_702
"""As in app/migrations/env.py, which only Alembic can import; versions side by side must agree on it for ever."""
UPGRADE = "import sys; from app.cli.migrate import upgrade; upgrade(sys.argv[1])"


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"empty_{uuid.uuid4().hex}"
    engine = create_engine(postgres_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_a_migration_waits_for_a_running_one_and_then_runs(empty_database: str) -> None:
    engine = create_engine(empty_database, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as before:
        before.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
        tries = text(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aftercommit migrate'"
            " AND (query LIKE '%pg_try_advisory_xact_lock%' OR query = 'ROLLBACK')"
        )
        with subprocess.Popen([sys.executable, "-c", UPGRADE, empty_database]) as migration:
            wait_until(lambda: before.execute(tries).scalar_one(), "the migration asks for its turn")
            tables = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert before.execute(tables).scalar_one() == 0

            before.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})

            assert migration.wait(60) == 0
        assert before.execute(tables).scalar_one() > 0
    upgrade(empty_database)
