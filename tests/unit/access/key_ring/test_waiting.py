"""Concurrent requests share one read of the keys, and the read never blocks the event loop."""

import asyncio

import pytest

from app.access import key_ring
from app.access.api_keys import Keys
from tests.unit.access.key_ring.reading import ONE, PATIENCE, TWO, Database, ring_on, wait_in_loop


@pytest.mark.usefixtures("always_outdated")
def test_a_hundred_concurrent_requests_wait_for_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", PATIENCE)
    database = Database(ONE, TWO)

    async def ask() -> list[Keys | None]:
        with database.hung():
            asking = [asyncio.create_task(ring.keys()) for _ in range(100)]
            await wait_in_loop(database.reads.is_set)
            assert not any(task.done() for task in asking)
        return list(await asyncio.gather(*asking))

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE] * 100
    assert database.read_count == 1


@pytest.mark.usefixtures("always_outdated")
def test_a_hung_read_delays_each_request_only_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", 0.05)
    database = Database(ONE, TWO)

    async def ask() -> None:
        assert await ring.keys() == ONE
        with database.hung():
            # After the wait is over, further requests do not wait at all.
            found = [await ring.keys() for _ in range(1000)]
            together = await asyncio.gather(*(ring.keys() for _ in range(100)))
        assert all(each == ONE for each in (*found, *together))
        assert database.read_count == 2
        await wait_in_loop(ring._current_reading().done)
        assert await ring.keys() == TWO

    with ring_on(database) as ring:
        asyncio.run(ask())


@pytest.mark.usefixtures("always_outdated")
def test_the_first_read_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", 0.0)
    database = Database(ONE)

    async def ask() -> Keys | None:
        with database.hung():
            asked = asyncio.create_task(ring.keys())
            await wait_in_loop(database.reads.is_set)
        return await asked

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == ONE


def test_the_event_loop_runs_while_a_read_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
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
            await wait_in_loop(database.reads.is_set)
            turning = asyncio.create_task(turn())
            await wait_in_loop(lambda: turns > 1000)
            assert not asking.done()
        assert await asking == ONE
        turning.cancel()

    with ring_on(database) as ring:
        asyncio.run(ask())


@pytest.mark.usefixtures("always_outdated")
def test_a_cancelled_request_does_not_cancel_the_read_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "WAIT_SECONDS", PATIENCE)
    database = Database(ONE)

    async def ask() -> None:
        with database.hung():
            leaving, staying = (asyncio.create_task(ring.keys()) for _ in range(2))
            await wait_in_loop(database.reads.is_set)
            leaving.cancel()
            await asyncio.wait([leaving])
        assert await staying == ONE

    with ring_on(database) as ring:
        asyncio.run(ask())
    assert database.read_count == 1
