"""COPY as a statement of SQLAlchemy: the cheapest way to insert many rows, with its errors and its transactions."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, Table, TextClause, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.orm import Session

COPIED: Final = "aftercommit_copied"
"""The execution option that holds the types of the columns and the rows."""


def copy_rows(session: Session, table: Table, names: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> None:
    """Insert any number of rows in their order; each has the values of these columns, a JSON column's undecoded.

    The session's engine is one of `make_engine`.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refuses a row, or a value cannot be written.
    """
    statement, types = _copy(table, names)
    session.execute(statement, execution_options={COPIED: (types, rows)})


@lru_cache
def _copy(table: Table, names: tuple[str, ...]) -> tuple[TextClause, list[str]]:
    """Return the statement, built once, and the columns' types as psycopg knows them."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one without annotations.
    types = [table.c[name].type.compile(dialect).lower() for name in names]
    # SQLAlchemy has no COPY. The names are those of a model.
    return text(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"), types


def understand_copies(engine: Engine) -> None:
    """Let connections of the engine run what `copy_rows` sends."""

    @event.listens_for(engine, "do_execute")
    def copy(cursor: psycopg.Cursor[Any], statement: bytes, _parameters: object, context: ExecutionContext) -> bool:
        copied = context.execution_options.get(COPIED)
        if copied is None:
            return False
        types, rows = copied
        with cursor.copy(statement) as target:
            target.set_types(types)
            for row in rows:
                _write(target, row)
        return True


def _write(target: psycopg.Copy, row: Sequence[Any]) -> None:
    try:
        target.write_row(row)
    except (TypeError, ValueError) as error:
        # As when psycopg cannot write a parameter: the value is to blame, and not the connection.
        raise psycopg.DataError(f"{type(error).__name__}: a value cannot be written.") from error
