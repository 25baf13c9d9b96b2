"""The database that a command looks into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.cli.data_dir import settings_in
from app.errors import ConfigurationError, Unavailable
from app.postgres.engine import describe, make_engine, make_sessions
from app.settings import Settings
from app.telemetry import configure_logging


@contextmanager
def database_session(data_dir: Path, statement_timeout_ms: int | None = None) -> Iterator[Session]:
    """Give a session on the database of that folder or of the environment.

    Raises:
        ConfigurationError: the settings do not say which database, or not in a form that is understood.
        Unavailable: the database does not answer, or refuses.
    """
    settings = settings_in(data_dir)
    if statement_timeout_ms is not None:
        settings = settings.model_copy(update={"database_statement_timeout_ms": statement_timeout_ms})
    with database_sessions(settings) as sessions, sessions() as session:
        yield session


@contextmanager
def consistent_session(data_dir: Path) -> Iterator[Session]:
    """Give such a session whose statements all see the same moment of the database."""
    with database_session(data_dir) as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


@contextmanager
def database_sessions(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Give the session factory of a command, which holds one connection; the errors are those of a session."""
    # Logs belong on stderr: on stdout they would stand between what the command prints.
    configure_logging(settings.log_level, as_json=settings.log_json)
    try:
        engine = make_engine(settings, application_name="aftercommit-command", pool_size=1)
    except ArgumentError as error:
        raise ConfigurationError(
            "AFTERCOMMIT_DATABASE_URL is not a database URL like postgresql+psycopg://user:password@host/name."
        ) from error
    try:
        yield make_sessions(engine)
    except DBAPIError as error:
        raise Unavailable(_explain(error)) from error
    finally:
        engine.dispose()


def _explain(error: DBAPIError) -> str:
    """Tell what went wrong: in the client's words where there is no connection, else what the database refused."""
    if isinstance(error.orig, psycopg.OperationalError) and error.orig.sqlstate is None:
        return f"The database does not answer: {str(error.orig).splitlines()[0]}"
    if isinstance(error.orig, psycopg.errors.UndefinedTable):
        return "The database has no schema yet: run `aftercommit migrate` first."
    return f"The database refused: {describe(error)}"
