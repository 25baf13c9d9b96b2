"""Requests that wait for the same locked rows and are released together, so that every round is a race."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import wait_until_blocked
from tests.world import JsonEvent, World, assert_audit_is_clean, assert_unbroken

ROUNDS: Final = 20

Request = Callable[[int], httpx2.Response]


@dataclass
class Races:
    """The API in this process, and the outbox, which is dispatched when a round has been run."""

    world: World
    outbox: OutboxWorld
    engine: Engine

    def rounds(self) -> Iterator[World]:
        """Give a world with names of its own for each round, and audit the database after the last one."""
        for number in range(ROUNDS):
            yield World(self.world.client, self.world.sessions, token=f"round{number}")
        assert_audit_is_clean(self.world.sessions)

    def run(self, lock: Callable[[Session], Any], count: int, request: Request) -> list[httpx2.Response]:
        """Send `count` requests in a thread each, and let them go on once they all wait for what `lock` locks.

        What `lock` wrote is rolled back. The events are made when every request is answered.
        """
        with ThreadPoolExecutor(count) as threads, self.world.sessions() as holding:
            lock(holding)
            futures = [threads.submit(request, number) for number in range(count)]
            wait_until_blocked(self.engine, count, futures)
            holding.rollback()
            answers = [future.result() for future in futures]
        self.outbox.dispatch_all()
        return answers


def told(world: World, kind: str, id_: str) -> list[JsonEvent]:
    """Return the events of a resource, which must tell one unbroken life."""
    events = world.life(id_, kind)
    assert_unbroken(events)
    return events


def statuses(answers: list[httpx2.Response]) -> list[int]:
    """Return the statuses of the answers, the lowest first."""
    return sorted(answer.status_code for answer in answers)
