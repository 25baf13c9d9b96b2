"""The declarative base, the engine and the sessions. It knows nothing of what is stored."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

import psycopg
from pydantic_core import from_json, to_json
from sqlalchemy import DateTime, Engine, MetaData, Table, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from app.postgres.copying import understand_copies
from app.postgres.cursors import Cursor
from app.postgres.liveness import Pulse, WatchedConnection, has_news
from app.postgres.planning import understand_planned_anew
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


def core_table(model: type[Base]) -> Table:
    """Return the model's table, for statements that load no objects: the ORM would cost more than they do."""
    table = model.__table__
    assert isinstance(table, Table), "every model has a table of its own"
    return table


BACKEND_MARGIN_SECONDS = 5
"""How much longer than its time limit a statement is waited for, when only its own backend hangs."""


def make_engine(
    settings: Settings,
    *,
    application_name: str,
    pool_size: int | None = None,
    lock_timeout_ms: int = 0,
    plans_once: bool = False,
) -> Engine:
    """Return an engine for PostgreSQL 18 through psycopg 3; it connects at first use.

    Every statement has a time limit. A lost connection is noticed at checkout, and a server that hangs within three
    seconds (`app.postgres.liveness`). `lock_timeout_ms` bounds the wait for a lock; 0 leaves it to the statement's
    limit. `plans_once` is for processes that send the same few statements again and again: PostgreSQL then keeps one
    plan for each of them instead of planning for the values.
    """
    engine = create_engine(
        settings.database_url,
        pool_size=pool_size or settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_connect_timeout,
        hide_parameters=True,
        # PostgreSQL's own, so that psycopg has no statement to rewrite.
        paramstyle="numeric_dollar",
        json_serializer=dump_json,
        json_deserializer=load_json,
        connect_args=_connect_args(settings, application_name, _server_options(settings, lock_timeout_ms, plans_once)),
    )
    pulse = Pulse(patience=settings.database_statement_timeout_ms / 1000 + BACKEND_MARGIN_SECONDS)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> WatchedConnection:
        connection = pulse.connect(*args, **options)
        connection.server_cursor_factory = psycopg.RawServerCursor
        return connection

    # SQLAlchemy's own `pool_pre_ping` costs a round trip for each request, which finds out no more.
    @event.listens_for(engine, "checkout")
    def look(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
        if has_news(connection):
            raise DisconnectionError("The database has ended this connection.")

    understand_copies(engine)
    understand_planned_anew(engine)
    return engine


def dump_json(value: Any) -> bytes:
    """Write JSON as a parameter, in a third of the time that the standard library takes.

    Raises:
        TypeError: something in it is no JSON.
    """
    try:
        return to_json(value)
    except ValueError:
        # Deeper than pydantic writes, or half a character, which PostgreSQL refuses with words of its own.
        return json.dumps(value).encode()


def load_json(text: str | bytes) -> Any:
    """Read any JSON that PostgreSQL stores: an integer of more digits than Python reads becomes a Decimal.

    One row that Python cannot read must not stop those that are read beside it.
    """
    try:
        return from_json(text)
    except ValueError:
        # Deeper than pydantic reads, or with such a number.
        return _load_any_json(text)


def _load_any_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=Decimal)


def _connect_args(settings: Settings, application_name: str, options: str) -> dict[str, Any]:
    return {
        "connect_timeout": settings.database_connect_timeout,
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": application_name,
        "cursor_factory": Cursor,
        "options": options,
    }


def _server_options(settings: Settings, lock_timeout_ms: int, plans_once: bool) -> str:
    """The limits that the server keeps, and how it plans. The limits free what a hung process of ours holds."""
    statement_ms = settings.database_statement_timeout_ms
    options: dict[str, object] = {
        "statement_timeout": statement_ms,
        "transaction_timeout": statement_ms * 2,
        "idle_in_transaction_session_timeout": settings.database_idle_transaction_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        "timezone": "UTC",
    }
    if plans_once:
        options["plan_cache_mode"] = "force_generic_plan"
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def sqlstate(error: DBAPIError) -> str | None:
    """Return the server's five-character code of the error, or None when the server said nothing."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None


QUOTING: Final = ("22", "P0")
"""The classes of errors whose first line may quote a value too: of invalid data, and of triggers' own words."""


def describe(error: DBAPIError) -> str:
    """Tell what the database refused without its DETAIL, which quotes the values of the row.

    Returns:
        The error's class, SQLSTATE, constraint and, where it quotes no value, primary message, for a log line or a
        parked snapshot.
    """
    orig = error.orig
    if not isinstance(orig, psycopg.Error):
        return type(error).__name__
    state = orig.diag.sqlstate
    quotes = state is None or state.startswith(QUOTING)
    parts = [type(orig).__name__, state, orig.diag.constraint_name, None if quotes else orig.diag.message_primary]
    return " ".join(part for part in parts if part)


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return the session factory; rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def looking(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Give a session whose every statement sees what is committed by then: without BEGIN and ROLLBACK around it.

    It is for single reads, which so cost one round trip instead of three.
    """
    with sessions() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        yield session
