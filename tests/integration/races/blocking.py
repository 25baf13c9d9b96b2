"""Stops threads in the middle of the product's code, and lets them continue."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine

from tests.integration.side_by_side import BLOCKED, PATIENCE_SECONDS
from tests.waiting import wait_until

T = TypeVar("T")


@dataclass
class Gate:
    """A point where one thread stops until the test lets it continue."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Signal that the gate is reached, and wait until it opens."""
        self.reached.set()
        assert self.opened.wait(PATIENCE_SECONDS), "the gate was not opened"

    def await_arrival(self) -> None:
        """Wait until a thread has reached the gate."""
        assert self.reached.wait(PATIENCE_SECONDS), "no thread reached the gate"

    def open(self) -> None:
        """Let the thread continue."""
        self.opened.set()


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Run each function in a separate thread and return their results."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(30) for future in [pool.submit(function) for function in functions]]


@contextmanager
def paused_after(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, action: Callable[[], None]
) -> Iterator[Future[None]]:
    """Run the action in a thread, and hold it after its first call of that function while the block runs."""
    gate = Gate()
    original = getattr(module, name)

    def call_and_stop(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if not gate.reached.is_set():
            gate.stop()
        return result

    monkeypatch.setattr(module, name, call_and_stop)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(action)
        gate.await_arrival()
        try:
            yield future
        finally:
            gate.open()
        future.result(30)


@contextmanager
def while_all_blocked(engine: Engine, *actions: Callable[[], T]) -> Iterator[list[Future[T]]]:
    """Run the actions in threads, and the block once each waits for a lock; the block should release them."""
    with ThreadPoolExecutor(len(actions)) as threads:
        futures = [threads.submit(action) for action in actions]
        wait_until_blocked(engine, len(actions), futures)
        yield futures


def wait_until_blocked(engine: Engine, count: int, futures: Sequence[Future[Any]] = ()) -> None:
    """Wait until `count` connections wait for a lock; fail at once if one of the threads ends first."""

    def all_blocked() -> bool:
        ended = [future.exception() or future.result() for future in futures if future.done()]
        assert not ended, f"it did not wait for a lock: {ended}"
        return count_blocked(engine) >= count

    wait_until(all_blocked, f"{count} connections to wait for a lock", PATIENCE_SECONDS)


def count_blocked(engine: Engine) -> int:
    """Return how many connections to this database wait for a lock."""
    with engine.connect() as connection:
        return int(connection.execute(BLOCKED).scalar_one())
