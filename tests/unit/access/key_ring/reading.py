"""A simulated database of keys, and a key ring that reads it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy.exc import OperationalError

from app.access.api_keys import Keys, KnownKey
from app.access.key_ring import KeyRing
from app.models.api_key import Role

ONE: Keys = {b"1" * 32: KnownKey(uuid4(), "key", Role.READ)}
TWO: Keys = {b"2" * 32: KnownKey(uuid4(), "key", Role.WRITE)}
PATIENCE = 30.0


class Database:
    """A database that returns these answers one by one and then repeats the last. It can hang."""

    def __init__(self, *answers: Keys | Exception) -> None:
        """Take what each read returns or raises."""
        self.answers = list(answers)
        self.read_count = 0
        self.reads = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def read(self) -> Keys:
        """Return the next answer. The thread of the ring calls this."""
        self.read_count += 1
        self.reads.set()
        assert self.may_answer.wait(PATIENCE)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Hang while the block runs."""
        self.may_answer.clear()
        self.reads.clear()
        try:
            yield
        finally:
            self.may_answer.set()


def outage() -> OperationalError:
    """Return the error of a database that is down."""
    return OperationalError("SELECT", {}, Exception("gone"))


@contextmanager
def ring_on(database: Database) -> Iterator[KeyRing]:
    """Yield a ring, and close it at the end."""
    ring = KeyRing(database.read)
    try:
        yield ring
    finally:
        ring.close()


async def wait_in_loop(asking: Callable[[], object]) -> None:
    """Run the event loop until the condition holds. The loop must not block."""
    async with asyncio.timeout(PATIENCE):
        while not asking():
            await asyncio.sleep(0.001)
