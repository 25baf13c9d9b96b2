"""The database sessions of the commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.cli.data_dir import settings_in
from app.errors import ConfigurationError, Unavailable
from app.postgres.engine import make_engine, make_sessions
from app.postgres.refusals import describe, is_absence, is_missing_table
from app.postgres.session_check import unsuitability
from app.settings import Settings


@contextmanager
def database_session(data_dir: Path, statement_timeout_ms: int | None = None) -> Iterator[Session]:
    """Yield a session on the database that the run file in this folder or the environment names.

    Raises:
        ConfigurationError: no database URL is configured, it is malformed, or its server is unsuitable.
        Unavailable: the database does not answer, or rejects a statement.
    """
    settings = settings_in(data_dir)
    if statement_timeout_ms is not None:
        settings = settings.model_copy(update={"database_statement_timeout_ms": statement_timeout_ms})
    with database_sessions(settings) as sessions, sessions() as session:
        yield session


@contextmanager
def consistent_session(data_dir: Path) -> Iterator[Session]:
    """Yield such a session whose statements all see the same state of the database."""
    with database_session(data_dir) as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


@contextmanager
def database_sessions(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Yield a session factory with one connection; it raises the same errors as `database_session`."""
    try:
        engine = make_engine(settings, application_name="aftercommit-command", pool_size=1)
    except ArgumentError as error:
        raise ConfigurationError(
            "AFTERCOMMIT_DATABASE_URL is not a database URL like postgresql+psycopg://user:password@host/name."
        ) from error
    try:
        yield make_sessions(engine)
    except DBAPIError as error:
        if (reason := unsuitability(error)) is not None:
            raise ConfigurationError(reason) from error
        raise Unavailable(_explain(error)) from error
    finally:
        engine.dispose()


def _explain(error: DBAPIError) -> str:
    """Describe the error: in the words of the driver if the connection failed, else by what PostgreSQL reported."""
    if isinstance(error.orig, psycopg.OperationalError) and is_absence(error):
        return f"The database does not answer: {str(error.orig).splitlines()[0]}"
    if is_missing_table(error):
        return "The database has no schema yet: run `aftercommit migrate` first."
    return f"The database refused: {describe(error)}"
