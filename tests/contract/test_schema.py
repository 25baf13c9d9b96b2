"""The migrations create exactly the tables of the models, including constraints and indexes.

Alembic's own comparison ignores CHECK constraints, so the test compares the catalogs of two databases.
"""

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from app.cli.migrate import alembic_config
from app.migrations.state import HEAD, current_revision
from app.postgres.base import Base
from app.postgres.engine import make_migration_engine

# Raw SQL: the models do not map the catalogs. The text is fixed and takes no values.
CATALOG = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity"
    " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    # Constraint triggers (type 't') belong to the guard of the tests.
    " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't' ORDER BY 1, 2",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
}


def catalog(engine: Engine, part: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(text(CATALOG[part])).all()
    return [tuple(row) for row in rows if row[0] != "alembic_version"]


@pytest.mark.own_database
@pytest.mark.parametrize("part", list(CATALOG))
def test_migrations_and_models_agree(part: str, engine: Engine) -> None:
    migrated = catalog(engine, part)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
    assert migrated == catalog(engine, part)


def test_head_is_the_newest_migration_of_the_folder() -> None:
    engine = make_migration_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing", is_pooled=False)
    folder = ScriptDirectory.from_config(alembic_config(engine))
    assert folder.get_current_head() == HEAD


@pytest.mark.own_database
def test_a_database_without_a_schema_has_no_revision(engine: Engine) -> None:
    with engine.begin() as connection:
        assert current_revision(connection) == HEAD
        connection.execute(text("DROP TABLE alembic_version"))
        assert current_revision(connection) is None


def test_the_log_has_its_head_row(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id, position, rescued FROM event_log")).all() == [(1, 0, 0)]


def test_no_foreign_key_has_an_action_that_changes_rows() -> None:
    actions = {
        (table.name, key.ondelete, key.onupdate)
        for table in Base.metadata.tables.values()
        for key in table.foreign_key_constraints
    }
    assert {(on_delete, on_update) for _, on_delete, on_update in actions} == {(None, None)}
