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
    """The API in this process, and the outbox, which is dispatched after each round."""

    world: World
    outbox: OutboxWorld
    engine: Engine

    def rounds(self) -> Iterator[World]:
        """Yield a world with unique names for each round, and audit the database after the last one."""
        for number in range(ROUNDS):
            yield World(self.world.client, self.world.sessions, token=f"round{number}")
        assert_audit_is_clean(self.world.sessions)

    def run(self, lock: Callable[[Session], Any], count: int, request: Request) -> list[httpx2.Response]:
        """Send `count` requests, each in a thread; release them once they all wait for the locks that `lock` takes.

        The transaction of `lock` is rolled back. Dispatch once every request is answered; return the responses.
        """
        with ThreadPoolExecutor(count) as threads, self.world.sessions() as holding:
            lock(holding)
            futures = [threads.submit(request, number) for number in range(count)]
            wait_until_blocked(self.engine, count, futures)
            holding.rollback()
            answers = [future.result() for future in futures]
        self.outbox.dispatch_all()
        return answers


def unbroken_events(world: World, kind: str, id_: str) -> list[JsonEvent]:
    """Return the events of a resource, after asserting that they form one unbroken life."""
    events = world.life(id_, kind)
    assert_unbroken(events)
    return events


def statuses(answers: list[httpx2.Response]) -> list[int]:
    """Return the sorted status codes of the responses."""
    return sorted(answer.status_code for answer in answers)
