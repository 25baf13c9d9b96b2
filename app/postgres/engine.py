"""The engine, its sessions, and the cursor that executes the statements which SQLAlchemy compiles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Column
from psycopg.rows import Row
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.base import dump_json, load_json
from app.postgres.bulk import install_copy_hook
from app.postgres.liveness import ServerHealth, WatchedConnection, has_unread_input
from app.settings import Settings

CUSTOM_PLAN: Final = {"aftercommit_custom_plan": True}
"""The execution options of a statement whose best plan depends on its values.

psycopg prepares statements that it sends often, and PostgreSQL may then keep one generic plan for all later values.
Such a plan searches for the newest of a rare value as for the newest of a frequent one: by scanning the whole table.
"""

BACKEND_MARGIN_SECONDS = 5
"""How much longer than the time limit of a statement the client waits, if only this one backend hangs."""


def make_engine(
    settings: Settings,
    *,
    application_name: str,
    pool_size: int | None = None,
    lock_timeout_ms: int = 0,
    generic_plans: bool = False,
) -> Engine:
    """Return an engine for PostgreSQL 18 through psycopg 3. It connects at first use.

    Every statement has a time limit. A lost connection is detected at checkout, and a hung server within about three
    seconds (`app.postgres.liveness`).

    Args:
        settings: the URL of the database, and the timeouts.
        application_name: the name of the connections in `pg_stat_activity`.
        pool_size: the most connections; by default the number in the settings.
        lock_timeout_ms: the longest wait for a lock. With 0, only the statement's time limit applies.
        generic_plans: make PostgreSQL keep one plan for each statement instead of planning for the values. Meant for
            processes that send the same few statements again and again.
    """
    engine = create_engine(
        settings.database_url,
        pool_size=pool_size or settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_connect_timeout,
        hide_parameters=True,
        # PostgreSQL's own placeholders, so that psycopg need not rewrite the statements.
        paramstyle="numeric_dollar",
        json_serializer=dump_json,
        json_deserializer=load_json,
        connect_args=_connect_args(
            settings, application_name, _server_options(settings, lock_timeout_ms, generic_plans)
        ),
    )
    max_wait = settings.database_statement_timeout_ms / 1000 + BACKEND_MARGIN_SECONDS
    _install_connection_hooks(engine, ServerHealth(max_wait_seconds=max_wait))
    install_copy_hook(engine)
    install_custom_plan_hook(engine)
    return engine


def _install_connection_hooks(engine: Engine, server_health: ServerHealth) -> None:
    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> WatchedConnection:
        connection = server_health.connect(*args, **options)
        connection.server_cursor_factory = psycopg.RawServerCursor
        return connection

    # SQLAlchemy's own `pool_pre_ping` would cost a round trip for each request, and would find nothing more.
    @event.listens_for(engine, "checkout")
    def check(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
        if has_unread_input(connection):
            raise DisconnectionError("The database has closed this connection.")


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


def _server_options(settings: Settings, lock_timeout_ms: int, generic_plans: bool) -> str:
    """Return the server settings of a session. Its time limits also release the locks of a client that hangs."""
    statement_ms = settings.database_statement_timeout_ms
    options: dict[str, object] = {
        "statement_timeout": statement_ms,
        "transaction_timeout": statement_ms * 2,
        "idle_in_transaction_session_timeout": settings.database_idle_transaction_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        "timezone": "UTC",
    }
    if generic_plans:
        options["plan_cache_mode"] = "force_generic_plan"
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a session factory. Rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def autocommit_session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Yield a session in autocommit mode: each statement sees everything that was committed before it.

    A single read costs one round trip instead of three, because there is no BEGIN and no ROLLBACK.
    """
    with sessions() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        yield session


class LazyColumns(Sequence[Column]):
    """The columns of a result. A column object is created only when it is accessed."""

    def __init__(self, cursor: psycopg.Cursor[Any], count: int) -> None:
        """Take a cursor whose current result has `count` columns."""
        self._cursor = cursor
        self._count = count

    def __len__(self) -> int:
        """Return the number of columns."""
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Return one column, or a list of columns for a slice."""
        if isinstance(index, slice):
            return list(self)[index]
        return Column(self._cursor, range(self._count)[index])


class Cursor(psycopg.RawCursor[Row]):
    """Takes statements with PostgreSQL's own placeholders (`$1`), and describes result columns only when accessed.

    Both save time compared with psycopg's default cursor:

    - It searches each statement for Python placeholders. Above 4,096 bytes it does so again for each execution.
    - It describes all columns after each statement: fifty for a deployment before and after its change. SQLAlchemy
      only asks whether there are any, and reads them once for each compiled statement.
    """

    @property
    def description(self) -> Sequence[Column] | None:  # type: ignore[override]  # psycopg promises a list of them.
        """The columns of the current result, or None if the statement returns no rows."""
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description
        return LazyColumns(self, result.nfields)


def install_custom_plan_hook(engine: Engine) -> None:
    """Make the engine send statements with the option `CUSTOM_PLAN` unprepared."""

    @event.listens_for(engine, "do_execute")
    def execute(cursor: psycopg.Cursor[Any], statement: str, parameters: Any, context: ExecutionContext) -> bool:
        if not context.execution_options.keys() >= CUSTOM_PLAN.keys():
            return False
        cursor.execute(statement.encode(), parameters, prepare=False)
        return True
