"""Connections to the databases of sources, and transactions in them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.errors import InvalidRequest, NotAllowed, SourceBusy, SourceUnavailable
from app.postgres.base import load_json
from app.postgres.connection import connect as open_connection
from app.postgres.liveness import ServerHealth

APPLICATION: Final = "aftercommit-source"
"""What our sessions are called there."""
OLDEST_VERSION: Final = 14
"""The oldest major version that sources are tested for; Prefect itself needs 14."""
CONNECT_SECONDS: Final = 3
STATEMENT_SECONDS: Final = 8
LONGEST_STATEMENT_SECONDS: Final = 60
"""For the reading of whole tables."""
LOCK_MS: Final = 500
"""How long a statement waits for a table. Meanwhile those who want to write to it wait behind us.

It is less than PostgreSQL's `deadlock_timeout` (1 s), so in a deadlock it is always our transaction that gives up.
"""
HOST: Final = re.compile(r"[\w.:%/-]*", re.ASCII)
TRIES: Final = 10
"""How often `patiently` tries."""
NO_RIGHTS: Final = "42501"
LOCKED: Final = "55P03"
QUOTES_VALUES: Final = ("22", "P0")

T = TypeVar("T")

Connection = psycopg.Connection[TupleRow]


def parse_url(text: str) -> URL:
    """Return the URL of a source's database. Its driver, such as `+asyncpg`, does not matter.

    Raises:
        InvalidRequest: it is no URL of a PostgreSQL database. The text does not quote it, because of the password.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        url = None
    # A password with an unescaped `@` would become a part of the host, which errors quote.
    if (
        url is None
        or url.drivername.split("+")[0] not in ("postgresql", "postgres")
        or not url.database
        or not HOST.fullmatch(url.host or "")
    ):
        raise InvalidRequest(
            "This is not the URL of a PostgreSQL database, such as postgresql://user:password@host:5432/name. "
            "Write @ as %40, / as %2F and : as %3A in a password."
        )
    return url


def shown_url(url: URL) -> str:
    """Return the URL for people: without its password and options."""
    return url.set(drivername="postgresql", password=None, query={}).render_as_string()


def connect(url: URL) -> Connection:
    """Connect to the database of a source. The connection notices a server that hangs.

    Raises:
        SourceUnavailable: the server does not answer, or refuses the login.
        InvalidRequest: an option in the URL is unknown.
        NotAllowed: the server is too old.
    """
    options: dict[str, Any] = {key: value for key, value in url.query.items() if isinstance(value, str)}
    try:
        connection = open_connection(
            ServerHealth(LONGEST_STATEMENT_SECONDS + CONNECT_SECONDS),
            **{
                **options,
                "host": url.host,
                "port": url.port,
                "user": url.username,
                "password": url.password,
                "dbname": url.database,
                "connect_timeout": CONNECT_SECONDS,
                "application_name": APPLICATION,
                "client_encoding": "utf8",
                # A pooler may give each transaction another session.
                "prepare_threshold": None,
            },
        )
    except psycopg.OperationalError as error:
        raise SourceUnavailable(f"The database of the source does not answer: {_first_line(error)}") from error
    except psycopg.Error:
        # Its text may quote a part of the URL.
        raise InvalidRequest("The URL has an option that PostgreSQL's client library does not know.") from None
    try:
        _require_version(connection.info.server_version)
    except NotAllowed:
        connection.close()
        raise
    set_json_loads(load_json, connection)
    return connection


def _require_version(number: int) -> None:
    major, minor = divmod(number, 10_000)
    if major < OLDEST_VERSION:
        raise NotAllowed(
            f"The database of a source needs PostgreSQL {OLDEST_VERSION} or newer; this server has {major}.{minor}."
        )


@contextmanager
def transaction(
    connection: Connection, statement_seconds: float = STATEMENT_SECONDS, *, consistent: bool = False
) -> Iterator[Connection]:
    """Run a transaction in which the settings are ours, also behind a pooler. It is rolled back on an error.

    If it is `consistent`, all its statements see the same state of the database.

    Raises:
        NotAllowed: the role lacks a right.
        SourceBusy: another transaction holds a table.
        SourceUnavailable: the server does not answer, or refuses a statement for another reason.
    """
    settings = {
        "search_path": "pg_catalog, pg_temp",
        "statement_timeout": str(int(statement_seconds * 1000)),
        "lock_timeout": str(LOCK_MS),
        # The same as in the trigger function: equal values must have equal texts.
        "timezone": "UTC",
        "datestyle": "ISO, MDY",
        "intervalstyle": "postgres",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "standard_conforming_strings": "on",
        # A policy that hides rows from us becomes an error, never missing rows.
        "row_security": "off",
    }
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    try:
        with connection.transaction():
            level = "REPEATABLE READ" if consistent else "READ COMMITTED"
            connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
            connection.execute(f"SELECT {calls}".encode())
            yield connection
    except psycopg.Error as error:
        raise _translate(error) from error


def patiently(connection: Connection, work: Callable[[], T]) -> T:
    """Do the work in a transaction; try again while others hold the tables that it needs.

    Raises:
        SourceBusy: they still hold them after the last try.
    """
    for _ in range(TRIES - 1):
        try:
            with transaction(connection):
                return work()
        except SourceBusy:
            continue
    with transaction(connection):
        return work()


def _translate(error: psycopg.Error) -> NotAllowed | SourceUnavailable:
    """Return our error for one of the driver, without the values of rows."""
    state, message = error.sqlstate or "", error.diag.message_primary
    if state == NO_RIGHTS:
        return NotAllowed(f"The role lacks a right in the database of the source: {message}.")
    if state == LOCKED:
        return SourceBusy("A transaction in the database of the source holds a table for long. Try again later.")
    if not state:
        return SourceUnavailable(f"The database of the source does not answer: {_first_line(error)}")
    shown = type(error).__name__ if state.startswith(QUOTES_VALUES) else message
    return SourceUnavailable(f"The database of the source refused a statement: {shown} ({state}).")


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
