"""Columns that several tables have."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Column = sa.Column[Any]


def json_column(name: str, *, default: str | None = None, nullable: bool = False) -> Column:
    """Return a JSONB column. `default` is its default value, as JSON text."""
    kind = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    value = None if default is None else sa.text(f"'{default}'::jsonb")
    return sa.Column(name, kind, server_default=value, nullable=nullable)


def flag(name: str, *, default: bool) -> Column:
    """Return a boolean column."""
    return sa.Column(name, sa.Boolean(), server_default=sa.text("true" if default else "false"), nullable=False)


def counter(name: str, *, default: int) -> Column:
    """Return an integer column."""
    return sa.Column(name, sa.Integer(), server_default=sa.text(str(default)), nullable=False)


def moment(name: str, *, nullable: bool = False) -> Column:
    """Return a timestamp column that the writer sets."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def moment_of_writing(name: str) -> Column:
    """Return a timestamp column that defaults to the current time, not to the start of the transaction."""
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def random_id() -> Column:
    """Return the column `id`, with a random default."""
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def identity() -> list[Column]:
    """Return the columns of every resource: its id and the times of its creation and last change."""
    return [random_id(), moment_of_writing("created"), moment_of_writing("updated")]


def tracked() -> list[Column]:
    """Return the columns of a resource whose changes become events."""
    return [
        counter("revision", default=1),
        sa.Column("event_id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        *identity(),
    ]
