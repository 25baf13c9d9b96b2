"""Classifies the errors of failed statements: a refusal, an outage, or no answer at all.

This is the only place that knows SQLSTATE codes (PostgreSQL documentation, appendix A).
"""

from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.postgres.session_check import UnsuitableServer

OUTAGE: Final = (DBAPIError, PoolTimeoutError)
"""SQLAlchemy's errors when the database is unreachable, full, read-only, in a deadlock, or refuses a statement."""

REFUSED: Final = ("22", "23", "27", "44", "54", "P0")
"""SQLSTATE classes for which a retry cannot succeed: 22 data exception, 23 integrity violation, 27 and P0 errors of a
trigger, 44 check of a view, 54 program limit exceeded (a row that is too large)."""
TOO_LARGE: Final = "54"
FOREIGN_KEY: Final = "23503"
"""A row refers to one that does not exist."""
CHECK: Final = "23514"
"""A CHECK constraint does not hold."""
MISSING_TABLE: Final = "42P01"
CANCELED: Final = "57014"
"""The statement exceeded its time limit."""
CONFLICTS: Final = ("40", "55P03")
"""Class 40: a deadlock or a serialization failure. 55P03: a lock was not granted in time."""
CONNECTION: Final = "08"
"""With this class a pooler reports that PostgreSQL does not answer, or that no connection to it is free."""
QUOTES_VALUES: Final = ("22", "P0")
"""SQLSTATE classes whose message may quote a value: invalid data, and errors raised by a trigger."""


def sqlstate(error: BaseException) -> str:
    """Return the server's five-character code of an error, or an empty text if the server did not answer."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return (original.sqlstate or "") if isinstance(original, psycopg.Error) else ""


def is_refusal(error: BaseException) -> bool:
    """Return whether the database refused the written values, rather than being unreachable or not set up.

    A missing table (class 42) is no refusal, because the migration has not run yet.
    """
    if not isinstance(error, DBAPIError):
        return False
    if not sqlstate(error):
        # psycopg itself could not write a value. The server was not involved, and the connection still works.
        return isinstance(error.orig, psycopg.DataError) and not error.connection_invalidated
    return sqlstate(error).startswith(REFUSED)


def is_absence(error: BaseException) -> bool:
    """Return whether the database did not answer at all, so that any other statement would fail too."""
    return isinstance(error, OUTAGE) and (_is_from_pooler(error) or not sqlstate(error)) and not is_refusal(error)


def _is_from_pooler(error: BaseException) -> bool:
    """Return whether a pooler has ended the connection. An error that only fails its statement is not fatal."""
    original = error.orig if isinstance(error, DBAPIError) else None
    if not isinstance(original, psycopg.Error) or not sqlstate(error).startswith(CONNECTION):
        return False
    return original.diag.severity == "FATAL"


def is_too_large(error: BaseException) -> bool:
    """Return whether a value is too large or too deeply nested for PostgreSQL."""
    return sqlstate(error).startswith(TOO_LARGE)


def is_canceled(error: BaseException) -> bool:
    """Return whether the statement exceeded its time limit."""
    return sqlstate(error) == CANCELED


def is_conflict(error: BaseException) -> bool:
    """Return whether concurrent transactions were in each other's way, so that the same one may succeed at once."""
    return sqlstate(error).startswith(CONFLICTS)


def is_missing_table(error: BaseException) -> bool:
    """Return whether the statement named a table that does not exist: the migrations have not run."""
    return sqlstate(error) == MISSING_TABLE


def is_missing_reference(error: BaseException) -> bool:
    """Return whether a row refers to one that does not exist."""
    return sqlstate(error) == FOREIGN_KEY


def failed_check(error: BaseException) -> str | None:
    """Return the name of the CHECK constraint that does not hold, or None if the error is another one."""
    original = error.orig if isinstance(error, DBAPIError) else None
    if not isinstance(original, psycopg.Error) or sqlstate(error) != CHECK:
        return None
    return original.diag.constraint_name


def describe(error: DBAPIError) -> str:
    """Describe an error without its DETAIL, which quotes the values of the row.

    Returns:
        The error's class, SQLSTATE, constraint name and, unless it may quote a value, its primary message. Or why the
        server is unsuitable.
    """
    original = error.orig
    if isinstance(original, UnsuitableServer):
        return str(original)
    if not isinstance(original, psycopg.Error):
        return type(error).__name__
    state = original.diag.sqlstate
    quotes = state is None or state.startswith(QUOTES_VALUES)
    message = None if quotes else original.diag.message_primary
    parts = [type(original).__name__, state, original.diag.constraint_name, message]
    return " ".join(part for part in parts if part)
