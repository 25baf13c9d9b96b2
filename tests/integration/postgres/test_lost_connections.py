"""The pool replaces an idle connection that the server has closed, without an error for the caller."""

from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from app.postgres.connection import WatchedConnection, has_unread_input
from tests.waiting import wait_until

POOLED = 3


def backends(engine: Engine) -> set[int]:
    """Return the server process ids of `POOLED` connections that are in use at the same time."""
    with ExitStack() as used:
        connections = [used.enter_context(engine.connect()) for _ in range(POOLED)]
        return {connection.scalars(select(func.pg_backend_pid())).one() for connection in connections}


def test_all_closed_connections_are_replaced_at_their_next_use(engine: Engine) -> None:
    before = backends(engine)
    with engine.connect() as connection:
        mine = connection.scalars(select(func.pg_backend_pid())).one()
        ended = before - {mine}
        for pid in ended:
            # With a timeout, the call returns once that backend has ended.
            connection.execute(select(func.pg_terminate_backend(pid, 5000)))
    after = backends(engine)
    assert len(after) == POOLED
    assert after & before == {mine}


def test_an_open_connection_is_used_without_a_query(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = backends(engine)
    waits: list[int] = []
    wait = WatchedConnection.wait

    def counted(self: WatchedConnection, *arguments: Any, **named: Any) -> Any:
        waits.append(self.info.backend_pid)
        return wait(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(WatchedConnection, "wait", counted)
        with engine.connect():
            assert waits == []
    assert backends(engine) == before


def test_a_connection_with_unread_input_is_not_used(engine: Engine) -> None:
    with engine.connect() as connection:
        pid = connection.scalars(select(func.pg_backend_pid())).one()
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, WatchedConnection)
    # An unread answer looks like the server's message that it closes the connection.
    raw.pgconn.send_query(b"SELECT 1")
    raw.pgconn.flush()
    wait_until(lambda: has_unread_input(raw), "the answer that nobody reads")
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT pg_backend_pid()")).one() != pid
