"""Slows down the tries of an address that has sent many wrong credentials, without ever refusing a valid one."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

Value = TypeVar("Value")

FREE_TRIES: Final = 10
"""So many failed tries of an address are answered at once."""
FORGET_SECONDS: Final = 6.0
"""In this time, an address is forgiven one failed try."""
STEP_SECONDS: Final = 0.25
"""Each further failed try waits this much longer than the one before."""
LONGEST_SECONDS: Final = 3.0
"""The longest pause. Every response must be sent within five seconds."""
ADDRESSES: Final = 10_000
"""How many addresses are remembered, those that failed or succeeded last."""


class FailedTries:
    """Counts the failed tries of each address, and pauses before the answers to its further tries.

    Only who guesses shall wait. API keys cannot be guessed, so a valid key never waits. A right auth string waits as
    long as a wrong one would, since an early answer would tell a guesser which one is right. But it waits only once
    for each address: from then on that address has proved that it knows the auth string.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Begin without failed tries.

        Args:
            tell: is called with each address whose further tries are answered slowly. It must not block.
        """
        self._tell = tell
        # The time at which all failed tries of an address are forgiven.
        self._forgiven: OrderedDict[str, float] = OrderedDict()
        self._proved: OrderedDict[str, None] = OrderedDict()

    async def fail(self, address: str) -> None:
        """Count a failed try, and wait until it may be answered."""
        group = group_of(address)
        pause = self._pause(group)
        now = time.monotonic()
        forgiven = max(self._forgiven.get(group, now), now) + FORGET_SECONDS
        most = FREE_TRIES + LONGEST_SECONDS / STEP_SECONDS
        _remember(self._forgiven, group, min(forgiven, now + most * FORGET_SECONDS))
        if pause > 0:
            self._tell(group)
        await asyncio.sleep(pause)

    async def succeed(self, address: str) -> None:
        """Note that the auth string was right, and wait until that may be answered."""
        group = group_of(address)
        if group not in self._proved:
            await asyncio.sleep(self._pause(group))
        _remember(self._proved, group, None)

    def _pause(self, group: str) -> float:
        tries = (self._forgiven.get(group, 0.0) - time.monotonic()) / FORGET_SECONDS
        return min(max(tries + 1 - FREE_TRIES, 0.0) * STEP_SECONDS, LONGEST_SECONDS)


def group_of(address: str) -> str:
    """Return what stands for an address: an IPv4 address, or the /64 network of an IPv6 address.

    One client has a whole /64. A proxy can pass on any text; all that is no address counts as one.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))


def _remember(memory: OrderedDict[str, Value], group: str, value: Value) -> None:
    """Store the value as the latest, and forget the oldest if there are too many."""
    memory[group] = value
    memory.move_to_end(group)
    if len(memory) > ADDRESSES:
        memory.popitem(last=False)
