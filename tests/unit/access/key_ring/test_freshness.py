"""Outdated keys are read again, and the cached ones stay valid if that fails."""

import asyncio

import pytest

from app.access.api_keys import Keys
from tests.unit.access.key_ring.reading import ONE, TWO, Database, outage, ring_on


def test_fresh_keys_are_not_read_again() -> None:
    database = Database(ONE, TWO)

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(3)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, ONE, ONE]
    assert database.read_count == 1


@pytest.mark.usefixtures("always_outdated")
def test_outdated_keys_are_read_again() -> None:
    database = Database(ONE, TWO)

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(2)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, TWO]


@pytest.mark.usefixtures("always_outdated")
@pytest.mark.parametrize("error", [outage(), RuntimeError("a bug")], ids=["database", "bug"])
def test_a_failed_read_keeps_the_known_keys(error: Exception) -> None:
    database = Database(ONE, error, TWO)

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(3)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, ONE, TWO]


def test_after_a_failure_the_keys_are_not_read_again_at_once() -> None:
    database = Database(outage())

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(50)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [None] * 50
    assert database.read_count == 1
