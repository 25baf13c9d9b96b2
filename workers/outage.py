"""Tells an outage, which is waited for, from a snapshot that the database refuses, which is retried and parked."""

from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.postgres.engine import sqlstate

OUTAGE: Final = (DBAPIError, PoolTimeoutError)
"""What a task raises when the database is away, full, read-only or in a deadlock: Celery tries again, the sweep later.

What the database refuses never gets that far: it is recorded with its snapshot.
"""

# SQLSTATE classes: 22 data exception, 23 integrity violation, 54 program limit exceeded (a row too large).
REFUSED_CLASSES: Final = ("22", "23", "54")


def is_refusal(error: DBAPIError) -> bool:
    """Tell whether the database refused what was written, rather than being away or not being set up.

    A missing table (class 42) is no fault of the snapshot: the migration has not run yet, and nothing is parked.
    """
    if not isinstance(error.orig, psycopg.Error):
        return False
    state = error.orig.sqlstate
    if state is None:
        # psycopg itself could not write a value: there is no server's answer, and the connection still works.
        return isinstance(error.orig, psycopg.DataError) and not error.connection_invalidated
    return state.startswith(REFUSED_CLASSES)


def is_absence(error: Exception) -> bool:
    """Tell whether the database said nothing at all: it is away, whatever it is asked for."""
    return isinstance(error, OUTAGE) and not (isinstance(error, DBAPIError) and (sqlstate(error) or is_refusal(error)))
