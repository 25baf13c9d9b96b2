"""Outdated keys are read again, and the cached ones stay valid if that fails."""

import asyncio

import pytest

from app.access.api_keys import Keys
from tests.unit.access.key_ring.reading import ONE, TWO, Database, away, ring_on


def test_what_is_fresh_is_not_read_again() -> None:
    database = Database(ONE, TWO)

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(3)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, ONE, ONE]
    assert database.readings == 1


@pytest.mark.usefixtures("always_old")
def test_what_is_old_is_read_again() -> None:
    database = Database(ONE, TWO)

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(2)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, TWO]


@pytest.mark.usefixtures("always_old")
@pytest.mark.parametrize("error", [away(), RuntimeError("a bug")], ids=["database", "bug"])
def test_a_reading_that_fails_leaves_what_was_known(error: Exception) -> None:
    database = Database(ONE, error, TWO)

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(3)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [ONE, ONE, TWO]


def test_after_a_failure_the_next_reading_waits_until_it_would_be_due_anyway() -> None:
    database = Database(away())

    async def ask() -> list[Keys | None]:
        return [await ring.keys() for _ in range(50)]

    with ring_on(database) as ring:
        assert asyncio.run(ask()) == [None] * 50
    assert database.readings == 1
