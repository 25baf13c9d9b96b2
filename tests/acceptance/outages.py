"""Helpers for the tests of outages: timed requests, and waiting for the recovery."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx2
from sqlalchemy import text

from app.web.errors import CONFLICT_RETRY_SECONDS, OUTAGE_RETRY_SECONDS
from tests.acceptance.stack import Stack
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean

DATABASE_SECONDS: Final = 5.0
"""Seconds within which every request is answered, whatever the database does."""
BROKER_SECONDS: Final = 2.0
"""Seconds within which every request is answered while the broker hangs, on a busy machine."""

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Answer:
    """Status and headers of a response, and the seconds it took."""

    status: int
    retry_after: str | None
    seconds: float


@dataclass
class Client:
    """A client that changes one deployment and counts its acknowledged changes."""

    http: httpx2.Client
    deployment: str
    changes: int = 0

    def change(self) -> Answer:
        """Send the next change once."""
        begun = time.monotonic()
        response = self.http.patch(f"/deployments/{self.deployment}", json={"version": f"{time.monotonic_ns()}"})
        self.changes += response.status_code == HTTPStatus.NO_CONTENT
        return Answer(response.status_code, response.headers.get("retry-after"), time.monotonic() - begun)

    def changes_at_once(self, count: int) -> list[Answer]:
        """Send `count` changes concurrently."""
        with ThreadPoolExecutor(count) as pool:
            return [future.result() for future in [pool.submit(self.change) for _ in range(count)]]

    def count_events(self) -> int:
        """Return how many events the deployment has, or -1 while the API cannot answer."""
        wanted = {"resource": {"id": [f"prefect.deployment.{self.deployment}"]}}
        response = self.http.post("/events/filter", json={"filter": wanted, "limit": 1})
        return int(response.json()["total"]) if response.status_code == HTTPStatus.OK else -1


@dataclass
class Recovery:
    """Waits for an acknowledged change and its readable event, and records the seconds to each."""

    client: Client
    record: Record
    ended: float = field(default_factory=time.monotonic)

    def wait(self, outage: str) -> None:
        """Wait and record; the time counts from the creation of this object, at the end of the outage."""
        wait_until(lambda: self.client.change().status == HTTPStatus.NO_CONTENT, "a change to be acknowledged")
        acknowledged = time.monotonic() - self.ended
        revision = 1 + self.client.changes
        wait_until(lambda: self.client.count_events() >= revision, "its event to be readable", timeout=60)
        readable = time.monotonic() - self.ended
        self.record(f"{outage}: seconds to acknowledge", round(acknowledged, 2))
        self.record(f"{outage}: seconds to readable", round(readable, 2))
        print(f"recovery after {outage}: acknowledged {acknowledged:.2f} s, readable {readable:.2f} s")


def assert_unavailable(answers: list[Answer]) -> None:
    """Fail unless each answer is a 503 with the Retry-After header, within `DATABASE_SECONDS`."""
    assert {answer.status for answer in answers} == {503}
    assert {answer.retry_after for answer in answers} <= {str(OUTAGE_RETRY_SECONDS), str(CONFLICT_RETRY_SECONDS)}
    assert max(answer.seconds for answer in answers) < DATABASE_SECONDS


def assert_nothing_lost(stack: Stack, world: World) -> None:
    """Fail if an event is lost, invented, duplicated or out of order."""
    world.drain_outbox()
    assert_audit_is_clean(stack.sessions)


@contextmanager
def lock_deployment(stack: Stack, client: Client) -> Iterator[None]:
    """Lock the deployment's row, as a stuck transaction would."""
    with stack.engine.connect() as holder:
        holder.execute(text("SELECT FROM deployment WHERE id = :id FOR UPDATE"), {"id": client.deployment})
        yield
        holder.rollback()


def wait_for_backend(stack: Stack, application: str, event: str) -> None:
    """Wait until a backend of this application has this wait event (a regular expression)."""
    statement = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :a AND wait_event ~ :e")

    def waits() -> bool:
        with stack.engine.connect() as connection:
            return bool(connection.scalar(statement, {"a": application, "e": event}))

    wait_until(waits, f"{application} to wait for {event}")
