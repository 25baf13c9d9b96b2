"""The declarative base of every table, and reading and writing JSON for its columns."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic_core import from_json, to_json
from sqlalchemy import DateTime, MetaData, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

JsonObject = dict[str, Any]
Json = JSONB(none_as_null=True)
"""A JSON column that stores None as SQL NULL instead of JSON null, so that NOT NULL rejects it."""


class Base(DeclarativeBase):
    """The base class of every table. Constraint names are fixed, so that migrations and errors can refer to them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True), dict[str, Any]: Json}


def core_table(model: type[Base]) -> Table:
    """Return the model's table, for statements that load no objects: the ORM would cost more than the statement."""
    table = model.__table__
    assert isinstance(table, Table), "every model has a table of its own"
    return table


def dump_json(value: Any) -> bytes:
    """Serialize a value to JSON, in a third of the time that the standard library takes.

    Raises:
        TypeError: the value contains an object that is not JSON.
    """
    try:
        return to_json(value)
    except ValueError:
        # Nested deeper than pydantic allows, or half a surrogate pair, for which PostgreSQL has its own error.
        return json.dumps(value).encode()


def load_json(text: str | bytes) -> Any:
    """Parse any JSON that PostgreSQL stores. An integer with more digits than Python parses becomes a Decimal.

    So a value that Python cannot parse does not prevent the reading of the other rows.
    """
    try:
        return from_json(text)
    except ValueError:
        # Nested deeper than pydantic allows, or with such an integer.
        return _load_any_json(text)


def _load_any_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=Decimal)
