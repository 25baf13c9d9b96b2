"""Concurrent requests share one read of the keys, and the read never blocks the event loop."""

import asyncio

import pytest

from app.access import key_ring
from app.access.api_keys import Keys
from tests.unit.access.key_ring.reading import ONE, PATIENCE, TWO, Database, in_time, ring_on


@pytest.mark.usefixtures("always_old")
def test_a_hundred_who_ask_during_a_reading_wait_for_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", PATIENCE)
    database = Database(ONE, TWO)

    async def ask() -> list[Keys | None]:
        with database.hung():
            asking = [asyncio.create_task(ring.keys()) for _ in range(100)]
            await in_time(database.reads.is_set)
            assert not any(task.done() for task in asking)
        return list(await asyncio.gather(*asking))

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE] * 100
    assert database.readings == 1


@pytest.mark.usefixtures("always_old")
def test_a_reading_that_hangs_holds_up_nobody_for_longer_than_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", 0.05)
    database = Database(ONE, TWO)

    async def ask() -> None:
        assert await ring.keys() == ONE
        with database.hung():
            # After the wait is over, further requests do not wait at all.
            found = [await ring.keys() for _ in range(1000)]
            together = await asyncio.gather(*(ring.keys() for _ in range(100)))
        assert all(each == ONE for each in (*found, *together))
        assert database.readings == 2
        await in_time(ring._current_reading().done)
        assert await ring.keys() == TWO

    with ring_on(database) as ring:
        asyncio.run(ask())


@pytest.mark.usefixtures("always_old")
def test_the_first_reading_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", 0.0)
    database = Database(ONE)

    async def ask() -> Keys | None:
        with database.hung():
            asked = asyncio.create_task(ring.keys())
            await in_time(database.reads.is_set)
        return await asked

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == ONE


def test_the_event_loop_turns_while_a_reading_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", PATIENCE)
    database = Database(ONE)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask() -> None:
        with database.hung():
            asking = asyncio.create_task(ring.keys())
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
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", PATIENCE)
    database = Database(ONE)

    async def ask() -> None:
        with database.hung():
            leaving, staying = (asyncio.create_task(ring.keys()) for _ in range(2))
            await in_time(database.reads.is_set)
            leaving.cancel()
            await asyncio.wait([leaving])
        assert await staying == ONE

    with ring_on(database) as ring:
        asyncio.run(ask())
    assert database.readings == 1
