"""The declarative base, the engine and the sessions. It knows nothing of what is stored."""

from datetime import datetime
from typing import Any, ClassVar

import psycopg
from sqlalchemy import DateTime, Engine, MetaData, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from app.settings import Settings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

JsonObject = dict[str, Any]
Json = JSONB(none_as_null=True)
"""A JSON column in which None is SQL's NULL, so that NOT NULL means what it says."""


class Base(DeclarativeBase):
    """The base of every table; constraint names are fixed so that migrations and errors can name them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True), dict[str, Any]: Json}


def make_engine(settings: Settings, *, application_name: str, pool_size: int | None = None) -> Engine:
    """Return an engine for PostgreSQL 18 through psycopg 3; it connects at first use.

    Every statement has a time limit, and a dead peer is noticed by TCP keepalives and by a ping at checkout.
    """
    timeout = settings.database_statement_timeout_ms
    return create_engine(
        settings.database_url,
        pool_size=pool_size or settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_connect_timeout,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": settings.database_connect_timeout,
            "keepalives": 1,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "application_name": application_name,
            "options": (
                f"-c statement_timeout={timeout} -c transaction_timeout={timeout * 2} "
                f"-c idle_in_transaction_session_timeout={timeout * 2} -c timezone=UTC"
            ),
        },
    )


def sqlstate(error: DBAPIError) -> str | None:
    """Return the server's five-character code of the error, or None when the server said nothing."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None


def describe(error: DBAPIError) -> str:
    """Tell what the database refused without its DETAIL, which quotes the values of the row.

    Returns:
        The error's class, SQLSTATE, constraint and primary message, for a log line or a parked snapshot.
    """
    orig = error.orig
    if not isinstance(orig, psycopg.Error):
        return type(error).__name__
    parts = [type(orig).__name__, orig.diag.sqlstate, orig.diag.constraint_name, orig.diag.message_primary]
    return " ".join(part for part in parts if part)


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return the session factory; rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)
