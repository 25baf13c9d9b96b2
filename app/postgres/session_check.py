"""Checks each new connection: the version of the server, whether a pooler is in between, and the session's settings."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.errors import ConfigurationError
from app.postgres.session_settings import statement_to_set

REQUIRED_VERSION: Final = 18
"""The first major version with `RETURNING old` and `uuidv7()`, which every change needs."""

UNEXPECTED_POOLER: Final = (
    "A connection pooler answers at AFTERCOMMIT_DATABASE_URL. Set AFTERCOMMIT_DATABASE_POOLER=transaction, or give the "
    "address of PostgreSQL itself."
)
STATEMENT_MODE: Final = "not allowed in statement pooling mode"
"""How PgBouncer says that it splits transactions. The code of this error does not tell it from an outage."""
CANNOT_BE_SET: Final = ("22", "42")
"""SQLSTATE classes of a setting that is refused: an invalid value, an unknown name, or no right to set it."""


class UnsuitableServer(psycopg.OperationalError):
    """We cannot work with this server as it is. The text says why, and has no secret.

    It is an error of the driver, so SQLAlchemy wraps it, and everything that survives an outage survives this: the
    address may lead to a suitable server later.
    """


def prepare_session(connection: psycopg.Connection[Any], values: Mapping[str, str], *, is_pooled: bool) -> None:
    """Check a new connection, and set the session's settings. Close the connection on a failure.

    This is one round trip. Behind a pooler it is a whole transaction, and each later one sets the settings again.

    Raises:
        UnsuitableServer: the server is too old, the pooler is not configured or knows no transactions, or a setting is
            refused.
        psycopg.Error: the server does not answer.
    """
    try:
        _require_version(connection.info)
        connection.autocommit = not is_pooled
        statement = statement_to_set(values, for_transaction=is_pooled)
        if not is_pooled:
            # A pooler invents the id of the backend that it reports at the login. Then nothing is set, because the
            # settings would stay in a session that other clients use too.
            statement += f" WHERE pg_backend_pid() = {connection.info.backend_pid}"
        if not connection.execute(statement.encode()).rowcount:
            raise UnsuitableServer(UNEXPECTED_POOLER)
        connection.rollback()
        connection.autocommit = False
    except psycopg.Error as error:
        connection.close()
        reason = error.diag.message_primary or ""
        if (error.sqlstate or "").startswith(CANNOT_BE_SET):
            raise UnsuitableServer(f"The database refuses a setting of the session: {reason}.") from error
        if STATEMENT_MODE in reason:
            raise UnsuitableServer(f"The connection pooler must work in transaction mode: {reason}.") from error
        raise


def _require_version(info: psycopg.ConnectionInfo) -> None:
    major, minor = divmod(info.server_version, 10_000)
    if major < REQUIRED_VERSION:
        raise UnsuitableServer(
            f"aftercommit needs PostgreSQL {REQUIRED_VERSION} or newer; the server has {major}.{minor}."
        )


def unsuitability(error: BaseException | None) -> str | None:
    """Return why the server is unsuitable, if that is the error."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return str(original) if isinstance(original, UnsuitableServer) else None


def require_suitable_server(engine: Engine) -> None:
    """Connect once, for a process that starts. A server that does not answer now is no reason not to start.

    Raises:
        ConfigurationError: the server is unsuitable.
    """
    try:
        with engine.connect():
            pass
    except DBAPIError as error:
        if (reason := unsuitability(error)) is not None:
            raise ConfigurationError(reason) from error
