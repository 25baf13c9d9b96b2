"""The lazily created columns of a cursor equal those that psycopg describes."""

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.connection import Cursor, LazyColumns

STATEMENTS = [
    "SELECT 1 AS number, 'a' AS text, '{}'::jsonb AS \"the object\", 1.50::numeric(5, 2) AS amount",
    "SELECT",
    "SELECT 1 AS nothing WHERE false",
    "CREATE TEMPORARY TABLE one (id int)",
]


@pytest.fixture
def engine(sessions: sessionmaker[Session]) -> Engine:
    """The engine of the service."""
    with sessions() as session:
        engine = session.get_bind()
        assert isinstance(engine, Engine)
        return engine


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_columns_equal_those_that_psycopg_describes(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        assert isinstance(cursor, Cursor)
        cursor.execute(statement)
        described = psycopg.Cursor.description.fget(cursor)
        assert (cursor.description is None) == (described is None)
        assert [tuple(column) for column in cursor.description or ()] == [tuple(column) for column in described or ()]


def test_a_column_is_found_by_index_and_a_wrong_index_is_an_error(engine: Engine) -> None:
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("SELECT 1 AS a, 2 AS b, 3 AS c")
        columns = cursor.description
        assert isinstance(columns, LazyColumns)
        assert len(columns) == 3
        assert (columns[0].name, columns[-1].name) == ("a", "c")
        assert [column.name for column in columns[1:]] == ["b", "c"]
        with pytest.raises(IndexError):
            columns[3]
