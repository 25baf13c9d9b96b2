"""Failed tries of an address are answered more and more slowly; who has a valid credential does not suffer."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from app.access import failed_tries
from app.access.failed_tries import ADDRESSES, FREE_TRIES, LONGEST_SECONDS, FailedTries, group_of

ONE, OTHER = "192.0.2.1", "192.0.2.2"
MANY = 40


@pytest.fixture(autouse=True)
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets time pass. Otherwise no time passes, not even in a pause."""
    now = 1000.0

    def pass_(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(failed_tries, "time", SimpleNamespace(monotonic=lambda: now))
    return pass_


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses so far, in seconds."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(failed_tries, "asyncio", SimpleNamespace(sleep=pause))
    return made


@pytest.fixture
def told() -> list[str]:
    """The addresses that were told of."""
    return []


@pytest.fixture
def tries(told: list[str]) -> FailedTries:
    return FailedTries(told.append)


def fail(tries: FailedTries, times: int, address: str = ONE) -> None:
    async def go() -> None:
        for _ in range(times):
            await tries.fail(address)

    asyncio.run(go())


def test_the_first_tries_are_not_delayed_and_further_ones_increasingly_up_to_a_limit(
    tries: FailedTries, pauses: list[float]
) -> None:
    fail(tries, MANY)

    assert pauses[:FREE_TRIES] == [0.0] * FREE_TRIES
    assert pauses == sorted(pauses)
    assert pauses[FREE_TRIES] > 0
    assert pauses[-1] == LONGEST_SECONDS


def test_concurrent_tries_are_delayed_as_long_as_successive_ones(pauses: list[float], told: list[str]) -> None:
    async def fail_together(tries: FailedTries) -> None:
        await asyncio.gather(*(tries.fail(ONE) for _ in range(MANY)))

    fail(FailedTries(told.append), MANY)
    asyncio.run(fail_together(FailedTries(told.append)))

    assert pauses[MANY:] == pauses[:MANY]


def test_tries_are_forgiven_with_time_even_those_of_a_long_attack(
    tries: FailedTries, pauses: list[float], pass_time: Callable[[float], None]
) -> None:
    fail(tries, 10_000)
    pass_time(30)
    fail(tries, 1)
    pass_time(150)
    fail(tries, 1)

    assert 0 < pauses[-2] < LONGEST_SECONDS
    assert pauses[-1] == 0


def test_an_address_is_told_of_from_its_first_delayed_try_on(tries: FailedTries, told: list[str]) -> None:
    fail(tries, FREE_TRIES)
    assert told == []
    fail(tries, 2, f"::ffff:{ONE}")
    assert told == [ONE, ONE]


def test_other_addresses_are_not_delayed(tries: FailedTries, pauses: list[float]) -> None:
    fail(tries, MANY)
    fail(tries, 1, OTHER)
    asyncio.run(tries.succeed(OTHER))

    assert pauses[-2:] == [0, 0]


def test_the_right_auth_string_is_delayed_like_a_wrong_one_but_only_once(
    tries: FailedTries, pauses: list[float]
) -> None:
    """Otherwise an early answer would be the right one."""
    for _ in range(MANY):
        asyncio.run(FailedTries.succeed(tries, ONE))
        tries._proved.clear()
        fail(tries, 1)
    assert pauses[::2] == pauses[1::2]
    asyncio.run(tries.succeed(ONE))
    del pauses[:]

    asyncio.run(tries.succeed(ONE))
    fail(tries, 1)

    assert pauses == [LONGEST_SECONDS]


def test_memory_is_bounded_for_any_number_of_addresses(tries: FailedTries) -> None:
    fail(tries, 5)
    for number in range(ADDRESSES + 100):
        fail(tries, 1, f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
        asyncio.run(tries.succeed(f"11.{number // 65536}.{number // 256 % 256}.{number % 256}"))

    assert len(tries._forgiven) == len(tries._proved) == ADDRESSES
    assert ONE not in tries._forgiven


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("x" * 80_000, "_hidden"),
        ("", "unknown"),
    ],
)
def test_these_addresses_count_as_one(one: str, other: str) -> None:
    assert group_of(one) == group_of(other)
    assert len(group_of(one)) < 50


@pytest.mark.parametrize(
    ("one", "other"), [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1"), ("127.0.0.1", "::1")]
)
def test_these_addresses_count_as_two(one: str, other: str) -> None:
    assert group_of(one) != group_of(other)
