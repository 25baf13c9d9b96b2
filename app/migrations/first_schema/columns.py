"""Columns that many tables have."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Column = sa.Column[Any]


def json_column(name: str, *, default: str | None = None, nullable: bool = False) -> Column:
    """Return a column of JSON; `default` is the JSON that a row has when none is given."""
    kind = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    value = None if default is None else sa.text(f"'{default}'::jsonb")
    return sa.Column(name, kind, server_default=value, nullable=nullable)


def flag(name: str, *, default: bool) -> Column:
    """Return a column that is true or false."""
    return sa.Column(name, sa.Boolean(), server_default=sa.text("true" if default else "false"), nullable=False)


def counter(name: str, *, default: int) -> Column:
    """Return a column of whole numbers."""
    return sa.Column(name, sa.Integer(), server_default=sa.text(str(default)), nullable=False)


def moment(name: str, *, nullable: bool = False) -> Column:
    """Return a column of times that the writer gives."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def moment_of_writing(name: str) -> Column:
    """Return a column of times that the database gives: now, also within a transaction."""
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def random_id() -> Column:
    """Return the column `id`, which the database fills."""
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def identity() -> list[Column]:
    """Return what every row has that a client can ask for: its id, and when it was made and changed."""
    return [random_id(), moment_of_writing("created"), moment_of_writing("updated")]


def tracked() -> list[Column]:
    """Return what a row has whose changes become events: its revision, its last event's id, and its identity."""
    return [
        counter("revision", default=1),
        sa.Column("event_id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        *identity(),
    ]
