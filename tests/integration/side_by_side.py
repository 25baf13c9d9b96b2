"""Runs functions in parallel threads, for the tests of races."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

from sqlalchemy import Engine, text

BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
PATIENCE_SECONDS = 50.0

T = TypeVar("T")


def all_at_once(count: int, action: Callable[[int], T]) -> list[T]:
    """Call the action `count` times, each in its own thread with its own number, all released by one barrier."""
    barrier = Barrier(count)

    def wait_and_act(number: int) -> T:
        barrier.wait(PATIENCE_SECONDS)
        return action(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(wait_and_act, range(count)))


@contextmanager
def while_blocked(engine: Engine, action: Callable[[], T]) -> Iterator[Future[T]]:
    """Run the action in a thread, and the block once the action waits for a lock; the block should release it."""
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(action)
        _wait_until_blocked(engine, future)
        yield future


def _wait_until_blocked(engine: Engine, future: Future[T]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with engine.connect() as connection:
        while time.monotonic() < deadline and not future.done():
            if connection.execute(BLOCKED).scalar_one():
                return
            connection.rollback()
            time.sleep(0.01)
    raise AssertionError("the action did not wait for a lock")
