"""COPY as a statement of SQLAlchemy: the cheapest way to insert many rows, with its errors and its transactions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from pydantic_core import to_json
from sqlalchemy import JSON, Column, Engine, Table, TextClause, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

COPIED: Final = "aftercommit_copied"
"""The execution option that holds the types of the columns and the rows."""

JSONB_VERSION: Final = b"\x01"
"""What the binary form of a `jsonb` begins with."""

WRITER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))

Labels = Mapping[str, str]


def copy_rows(session: Session, table: Table, names: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> None:
    """Insert any number of rows in their order; each has the values of these columns.

    The value of a JSON column is what `json_field` or `labels_field` returned: what is written before needs no time
    while the rows go out. The session's engine is one of `make_engine`.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refuses a row, or a value cannot be written.
    """
    statement, types = _copy(table, names)
    session.execute(statement, execution_options={COPIED: (types, rows)})


def json_field(value: Any) -> bytes:
    """Return any JSON as a row to copy holds it.

    Raises:
        sqlalchemy.exc.DataError: it cannot be written. A Decimal is no JSON: it would come back as another number.
    """
    try:
        return JSONB_VERSION + WRITER.encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError("COPY", None, _cannot_write(error)) from error


def labels_field(value: Labels | Sequence[Labels]) -> bytes:
    """Return labels as a row to copy holds them: `json_field` in a fifth of its time, for what holds texts alone.

    Raises:
        sqlalchemy.exc.DataError: a text cannot be written.
    """
    try:
        return JSONB_VERSION + to_json(value)
    except ValueError as error:
        raise DataError("COPY", None, _cannot_write(error)) from error


@lru_cache
def _copy(table: Table, names: tuple[str, ...]) -> tuple[TextClause, list[str]]:
    """Return the statement, built once, and the columns' types as psycopg is to write them."""
    # SQLAlchemy has no COPY. The names are those of a model.
    statement = text(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)")
    return statement, [_type_to_write(table.c[name]) for name in names]


def _type_to_write(column: Column[Any]) -> str:
    if isinstance(column.type, JSON):
        # These are bytes already, and bytes are what psycopg passes on as they are.
        return "bytea"
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one without annotations.
    return column.type.compile(dialect).lower()


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
        raise _cannot_write(error) from error


def _cannot_write(error: Exception) -> psycopg.DataError:
    return psycopg.DataError(f"{type(error).__name__}: a value cannot be written.")
