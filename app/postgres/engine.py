"""The engines and their sessions."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.base import dump_json, load_json
from app.postgres.bulk import install_copy_hook
from app.postgres.connection import Cursor, connect, has_unread_input
from app.postgres.liveness import ServerHealth
from app.postgres.session_check import prepare_session
from app.postgres.session_settings import MIGRATION, settings_of_sessions, statement_to_set
from app.settings import Settings

Connect = Callable[..., psycopg.Connection[Any]]

CUSTOM_PLAN: Final = {"aftercommit_custom_plan": True}
"""The execution options of a statement whose best plan depends on its values.

psycopg prepares statements that it sends often, and PostgreSQL may then keep one generic plan for all later values.
Such a plan searches for the newest of a rare value as for the newest of a frequent one: by scanning the whole table.
"""

BACKEND_MARGIN_SECONDS = 5
"""How much longer than the time limit of a statement the client waits, if only this one backend hangs."""


POOLED: Final = "aftercommit_pooled"
"""The option of an engine that is behind a pooler in transaction mode."""


def make_engine(
    settings: Settings,
    *,
    application_name: str,
    pool_size: int | None = None,
    lock_timeout_ms: int = 0,
    generic_plans: bool = False,
) -> Engine:
    """Return an engine for PostgreSQL through psycopg 3. It connects at first use. Every statement has a time limit.

    A lost connection is detected at checkout, and a hung server within about three seconds (`app.postgres.liveness`).

    Args:
        settings: the URL of the database, and the timeouts.
        application_name: the name of the connections in `pg_stat_activity`.
        pool_size: the most connections; by default the number in the settings.
        lock_timeout_ms: the longest wait for a lock. With 0, only the statement's time limit applies.
        generic_plans: make PostgreSQL keep one plan for each statement instead of planning for the values. Meant for
            processes that send the same few statements again and again.
    """
    is_pooled = settings.database_pooler == "transaction"
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
        isolation_level="READ COMMITTED",
        execution_options={POOLED: is_pooled},
        connect_args=_connect_args(settings, application_name, is_pooled=is_pooled),
    )
    _install_checkout_hook(engine)
    install_session_hooks(engine, _connector(settings), settings_of_sessions(settings, lock_timeout_ms, generic_plans))
    install_copy_hook(engine)
    install_custom_plan_hook(engine)
    return engine


def _connector(settings: Settings) -> Connect:
    """Return the function that opens connections which notice a hung server."""
    return partial(connect, ServerHealth(settings.database_statement_timeout_ms / 1000 + BACKEND_MARGIN_SECONDS))


def make_migration_engine(database_url: str, *, is_pooled: bool) -> Engine:
    """Return an engine for migrations: without time limits, except for the wait for a lock."""
    engine = create_engine(
        database_url,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
        execution_options={POOLED: is_pooled},
        connect_args={"application_name": "aftercommit migrate", **_session_args(is_pooled=is_pooled)},
    )
    install_session_hooks(engine, psycopg.connect, MIGRATION)
    return engine


def install_session_hooks(engine: Engine, connector: Connect, values: Mapping[str, str]) -> None:
    """Make the engine check each new connection, and set these values for each session or transaction."""
    is_pooled = is_behind_pooler(engine)

    @event.listens_for(engine, "do_connect")
    def open_session(
        _dialect: object, _record: object, args: list[Any], options: dict[str, Any]
    ) -> psycopg.Connection[Any]:
        connection = connector(*args, **options)
        prepare_session(connection, values, is_pooled=is_pooled)
        return connection

    if is_pooled:
        statement = statement_to_set(values, for_transaction=True)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(statement)


def _install_checkout_hook(engine: Engine) -> None:
    # SQLAlchemy's own `pool_pre_ping` would cost a round trip for each request, and would find nothing more.
    @event.listens_for(engine, "checkout")
    def check(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
        if has_unread_input(connection):
            raise DisconnectionError("The database has closed this connection.")


def is_behind_pooler(engine: Engine) -> bool:
    """Return whether each transaction may run in another session of the server."""
    return bool(engine.get_execution_options().get(POOLED))


def _connect_args(settings: Settings, application_name: str, *, is_pooled: bool) -> dict[str, Any]:
    return {
        "connect_timeout": settings.database_connect_timeout,
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": application_name,
        "cursor_factory": Cursor,
        **_session_args(is_pooled=is_pooled),
    }


def _session_args(*, is_pooled: bool) -> dict[str, Any]:
    """Return what belongs to the session from its start. A pooler must not get `options`, which most refuse."""
    encoding = {"client_encoding": "utf8"}
    # A prepared statement belongs to one session, and the next transaction may run in another one.
    return {**encoding, "prepare_threshold": None} if is_pooled else encoding


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a session factory. Rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def autocommit_session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Yield a session for reading: each statement sees everything that was committed before it.

    It is in autocommit mode, so a single read costs one round trip instead of three: there is no BEGIN and no ROLLBACK.
    Behind a pooler it has a transaction, because there only a transaction has our settings.
    """
    with sessions() as session:
        if not is_behind_pooler(sessions.kw["bind"]):
            session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        yield session


def install_custom_plan_hook(engine: Engine) -> None:
    """Make the engine send statements with the option `CUSTOM_PLAN` unprepared."""

    @event.listens_for(engine, "do_execute")
    def execute(cursor: psycopg.Cursor[Any], statement: str, parameters: Any, context: ExecutionContext) -> bool:
        if not context.execution_options.keys() >= CUSTOM_PLAN.keys():
            return False
        cursor.execute(statement.encode(), parameters, prepare=False)
        return True
