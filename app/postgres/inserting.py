"""Inserts any number of rows with one statement and one parameter."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, Insert, Table, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.orm import Session

MANY: Final = "many"


def insert_many(session: Session, table: Table, names: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> None:
    """Insert any number of rows in their order, in one statement; each row has the values of these columns."""
    # One text for all of it: an array for each column would take three times as long to write.
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=_as_text)
    session.execute(_insertion_of_many(table, names), {MANY: text})


@lru_cache
def _insertion_of_many(table: Table, names: tuple[str, ...]) -> Insert:
    """Built once; it takes a JSON array of objects."""
    given = func.json_to_recordset(cast(bindparam(MANY, type_=Text), JSON))
    many = given.table_valued(*(column(name, table.c[name].type) for name in names))
    found = many.render_derived(name=MANY, with_types=True)
    return insert(table).from_select(list(names), select(*found.c))


def _as_text(value: object) -> str:
    """Write what JSON lacks, and what stands in columns all the same, as PostgreSQL reads it."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"A {type(value).__name__} cannot be inserted.")
