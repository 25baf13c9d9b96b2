"""Prefect's own migrations, down to those of 3.4.0 and up again, with our triggers in place."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.prefect_server import PrefectServer, prefect_settings
from tests.prefect_sources.watched import Watched

OLDEST = "4160a4841eed"
"""The newest migration of 3.4.0."""
TRIGGERS = (
    "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE tgname LIKE 'aftercommit_%' ORDER BY 1, 2"
)
CHANGE = "UPDATE work_pool SET description = %s WHERE name = 'migrated'"


@pytest.fixture
def revisions(server: PrefectServer, environment: Path, foreign_url: str, tmp_path: Path) -> Iterator[Iterator[str]]:
    """Migrates the database of the server, which is stopped; yields each revision when it is reached."""
    server.role.kill()
    process = subprocess.Popen(
        [environment / "bin" / "python", Path(__file__).with_name("migrate.py"), OLDEST],
        env=prefect_settings(foreign_url, tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def step() -> Iterator[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if line == "end\n":
                return
            if line.startswith("at "):
                yield line.split()[1]
                process.stdin.write("next\n")
                process.stdin.flush()
        raise AssertionError(process.stderr.read() if process.stderr else "")

    yield step()
    process.kill()
    process.communicate()
    server.role.start()


def test_all_triggers_survive_each_migration_and_a_change_still_is_an_event(
    source: Watched, revisions: Iterator[str]
) -> None:
    with psycopg.connect(source.address, autocommit=True) as connection:
        connection.execute("INSERT INTO work_pool (name, type) VALUES ('migrated', 'process')")
        assert source.news() == ["work-pool migrated created"]
        triggers = connection.execute(TRIGGERS).fetchall()
        assert len(triggers) == 12
        seen = []
        for revision in revisions:
            seen.append(revision)
            assert connection.execute(TRIGGERS).fetchall() == triggers, revision
            connection.execute(CHANGE, [f"{len(seen)} {revision}"])
            assert source.news() == ["work-pool migrated updated description"], revision

    print(f"{len(seen)} migrations: {' '.join(seen)}")
    assert seen[0] != seen[len(seen) // 2 - 1] == OLDEST
    assert seen.count(OLDEST) == 1
