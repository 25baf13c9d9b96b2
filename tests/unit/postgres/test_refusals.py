"""Which errors are outages, and which are the fault of a snapshot."""

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError

from app.postgres.refusals import OUTAGE, is_refusal


def wrapped(wrapper: type[DBAPIError], orig: BaseException) -> DBAPIError:
    return wrapper("statement", None, orig)


@pytest.mark.parametrize(
    "error",
    [
        wrapped(DataError, errors.UntranslatableCharacter()),
        wrapped(IntegrityError, errors.CheckViolation()),
        wrapped(OperationalError, errors.ProgramLimitExceeded()),
        wrapped(DataError, psycopg.DataError("cannot dump")),
    ],
)
def test_a_refused_value_is_a_refusal(error: DBAPIError) -> None:
    assert is_refusal(error)


@pytest.mark.parametrize(
    "error",
    [
        wrapped(OperationalError, psycopg.OperationalError("connection refused")),
        wrapped(OperationalError, errors.AdminShutdown()),
        wrapped(OperationalError, errors.DeadlockDetected()),
        wrapped(OperationalError, errors.DiskFull()),
        wrapped(OperationalError, errors.QueryCanceled()),
        wrapped(ProgrammingError, errors.UndefinedTable()),
        wrapped(ProgrammingError, errors.InsufficientPrivilege()),
        wrapped(DBAPIError, ValueError()),
    ],
)
def test_an_outage_and_a_missing_migration_are_no_refusals(error: DBAPIError) -> None:
    assert not is_refusal(error)


def test_celery_retries_an_outage_and_no_other_error() -> None:
    assert issubclass(OperationalError, OUTAGE)
    assert not issubclass(ZeroDivisionError, OUTAGE)
