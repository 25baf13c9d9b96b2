"""The use of a key is written soon and seldom, and not lost while it cannot be written."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.access import key_uses, writing_thread
from app.access.key_uses import INTERVAL_SECONDS, KeyUses, Uses
from tests.waiting import wait_until

ONE, OTHER = uuid4(), uuid4()


class Database:
    """A database that keeps what is written, unless it is away or hangs."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self.written: list[Uses] = []
        self.tries = 0
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def write(self, uses: Uses) -> None:
        """Write these uses. The thread calls this."""
        self.tries += 1
        assert self.may_answer.wait(30)
        if self.error is not None:
            raise self.error
        self.written.append(uses)

    def keys(self) -> list[UUID]:
        """Return the keys of all written uses."""
        return [key for uses in self.written for key in uses]


@contextmanager
def uses_in(database: Database) -> Iterator[KeyUses]:
    uses = KeyUses(database.write)
    try:
        yield uses
    finally:
        uses.close()


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets time pass. Without it, no time passes."""
    now = 1000.0

    def pass_(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(key_uses, "time", SimpleNamespace(monotonic=lambda: now))
    return pass_


def away() -> OperationalError:
    return OperationalError("UPDATE", {}, Exception("gone"))


def test_the_first_use_is_stored_at_once_and_further_ones_once_per_interval(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    with uses_in(database) as uses:
        for _ in range(100):
            uses.note(ONE)
        wait_until(lambda: database.keys() == [ONE], "the use to be written")
        pass_time(INTERVAL_SECONDS - 0.1)
        uses.note(ONE)
        uses.note(OTHER)
        wait_until(lambda: database.keys() == [ONE, OTHER], "the use to be written")
        pass_time(0.2)
        uses.note(ONE)
        wait_until(lambda: database.keys() == [ONE, OTHER, ONE], "the use to be written")
    first, _, last = database.written
    assert last[ONE] > first[ONE]


@pytest.mark.usefixtures("pass_time")
@pytest.mark.parametrize("error", [away(), RuntimeError("a bug")], ids=["database", "bug"])
def test_a_use_that_cannot_be_stored_is_logged_and_stored_later(
    error: Exception, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_thread, "RETRY_SECONDS", 0.001)
    database.error = error
    with capture_logs() as said, uses_in(database) as uses:
        uses.note(ONE)
        wait_until(lambda: database.tries >= 3, "three tries")
        database.error = None
        wait_until(lambda: database.keys() == [ONE], "the use to be written")
    assert {line["event"] for line in said} == {"key_uses_not_written"}


def test_a_later_use_replaces_one_that_could_not_be_stored(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    database.may_answer.clear()
    database.error = away()
    with capture_logs() as said, uses_in(database) as uses:
        uses.note(ONE)
        wait_until(lambda: database.tries == 1, "the first try")
        pass_time(INTERVAL_SECONDS)
        uses.note(ONE)
        later = uses._thread._waiting[ONE]
        database.may_answer.set()
        wait_until(lambda: bool(said), "the first try to fail")
        database.error = None
    assert database.written == [{ONE: later}]


@pytest.mark.usefixtures("pass_time")
def test_a_hung_database_delays_neither_the_event_loop_nor_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_thread, "CLOSING_SECONDS", 0.05)
    database.may_answer.clear()
    with uses_in(database) as uses:
        uses.note(ONE)
        wait_until(lambda: database.tries == 1, "it to hang")
        for _ in range(1000):
            uses.note(uuid4())
    assert database.written == []
    database.may_answer.set()


@pytest.mark.usefixtures("pass_time")
def test_pending_uses_are_stored_at_the_end(database: Database) -> None:
    database.error = away()
    with uses_in(database) as uses:
        uses.note(ONE)
        wait_until(lambda: database.tries == 1, "the first try")
        database.error = None
    assert database.keys() == [ONE]
