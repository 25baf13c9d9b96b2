"""The keys in memory: read anew when they are old, once for all who ask, and never in the event loop's way."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from app.access import key_ring
from app.access.key_ring import Digests, KeyRing

ONE: Digests = frozenset({b"1" * 32})
TWO: Digests = frozenset({b"2" * 32})
PATIENCE = 30.0


class Database:
    """What a reading finds: the next of some answers, the last one for ever; it can be held up."""

    def __init__(self, *answers: Digests | Exception) -> None:
        """Take what each reading returns or raises."""
        self.answers = list(answers)
        self.readings = 0
        self.reads = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def read(self) -> Digests:
        """Read, in the thread of the ring."""
        self.readings += 1
        self.reads.set()
        assert self.may_answer.wait(PATIENCE)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Answer nothing for the length of the block."""
        self.may_answer.clear()
        self.reads.clear()
        try:
            yield
        finally:
            self.may_answer.set()


def away() -> OperationalError:
    return OperationalError("SELECT", {}, Exception("gone"))


@contextmanager
def ring_on(database: Database) -> Iterator[KeyRing]:
    ring = KeyRing(database.read)
    try:
        yield ring
    finally:
        ring.close()


@pytest.fixture
def always_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is old at once."""
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)


async def in_time(asking: Callable[[], object]) -> None:
    """Run the event loop until something holds; it must go on turning."""
    async with asyncio.timeout(PATIENCE):
        while not asking():
            await asyncio.sleep(0.001)


def test_what_is_fresh_is_not_read_again() -> None:
    database = Database(ONE, TWO)

    async def ask() -> list[Digests | None]:
        return [await ring.digests() for _ in range(3)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, ONE, ONE]
    assert database.readings == 1


@pytest.mark.usefixtures("always_old")
def test_what_is_old_is_read_again() -> None:
    database = Database(ONE, TWO)

    async def ask() -> list[Digests | None]:
        return [await ring.digests() for _ in range(2)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, TWO]


@pytest.mark.usefixtures("always_old")
def test_a_hundred_who_ask_during_a_reading_wait_for_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "PATIENCE_SECONDS", PATIENCE)
    database = Database(ONE, TWO)

    async def ask() -> list[Digests | None]:
        with database.hung():
            asking = [asyncio.create_task(ring.digests()) for _ in range(100)]
            await in_time(database.reads.is_set)
            assert not any(task.done() for task in asking)
        return list(await asyncio.gather(*asking))

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE] * 100
    assert database.readings == 1


@pytest.mark.usefixtures("always_old")
@pytest.mark.parametrize("error", [away(), RuntimeError("a bug")], ids=["database", "bug"])
def test_a_reading_that_fails_leaves_what_was_known(error: Exception) -> None:
    database = Database(ONE, error, TWO)

    async def ask() -> list[Digests | None]:
        return [await ring.digests() for _ in range(3)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, ONE, TWO]


def test_after_a_failure_the_next_reading_waits_until_it_would_be_due_anyway() -> None:
    database = Database(away())

    async def ask() -> list[Digests | None]:
        return [await ring.digests() for _ in range(50)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [None] * 50
    assert database.readings == 1


@pytest.mark.usefixtures("always_old")
def test_a_reading_that_hangs_holds_up_nobody_for_longer_than_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "PATIENCE_SECONDS", 0.05)
    database = Database(ONE, TWO)

    async def ask() -> None:
        assert await ring.digests() == ONE
        with database.hung():
            # All within one test's time: who comes after the patience is over does not wait at all.
            found = [await ring.digests() for _ in range(1000)]
            together = await asyncio.gather(*(ring.digests() for _ in range(100)))
        assert set(found) | set(together) == {ONE}
        assert database.readings == 2
        await in_time(ring._current_reading().done)
        assert await ring.digests() == TWO

    with ring_on(database) as ring:
        asyncio.run(ask())


@pytest.mark.usefixtures("always_old")
def test_the_first_reading_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "PATIENCE_SECONDS", 0.0)
    database = Database(ONE)

    async def ask() -> Digests | None:
        with database.hung():
            asked = asyncio.create_task(ring.digests())
            await in_time(database.reads.is_set)
        return await asked

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == ONE


def test_the_event_loop_turns_while_a_reading_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "PATIENCE_SECONDS", PATIENCE)
    database = Database(ONE)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask() -> None:
        with database.hung():
            asking = asyncio.create_task(ring.digests())
            await in_time(database.reads.is_set)
            turning = asyncio.create_task(turn())
            await in_time(lambda: turns > 1000)
            assert not asking.done()
        assert await asking == ONE
        turning.cancel()

    with ring_on(database) as ring:
        asyncio.run(ask())


@pytest.mark.usefixtures("always_old")
def test_a_client_that_leaves_does_not_end_the_reading_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "PATIENCE_SECONDS", PATIENCE)
    database = Database(ONE)

    async def ask() -> None:
        with database.hung():
            leaving, staying = (asyncio.create_task(ring.digests()) for _ in range(2))
            await in_time(database.reads.is_set)
            leaving.cancel()
            await asyncio.wait([leaving])
        assert await staying == ONE

    with ring_on(database) as ring:
        asyncio.run(ask())
    assert database.readings == 1
