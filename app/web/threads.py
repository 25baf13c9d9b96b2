"""The threads that routes run in, and the way there and back, which costs more than a read from the database."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")


class Outcome(NamedTuple):
    """What a function returned, or the error that it raised."""

    result: Any = None
    error: BaseException | None = None


class Job(NamedTuple):
    """What is to be done, and who waits for it in an event loop."""

    work: Callable[[], Any]
    future: asyncio.Future[Outcome]


class Threads:
    """Runs functions in at most `size` threads for an event loop.

    The thread that was last at work is the first to work again: what it needs is still at hand, and few of them
    contend for the interpreter. Only the event loop says who does what, so there is no lock. What comes while all are
    at work waits for its turn.
    """

    def __init__(self, size: int) -> None:
        """Take how many functions may run at once; a thread starts when it is first needed."""
        self._size = size
        self._threads = 0
        self._idle: list[_Thread] = []
        self._waiting: deque[Job] = deque()
        self._is_closed = False

    async def run(self, function: Callable[[], Result]) -> Result:
        """Return what the function returns in a thread, with the context variables of the caller, or raise its error.

        A caller who is cancelled meanwhile leaves the function to its end.

        Raises:
            RuntimeError: the system has no thread to give, or the threads are closed.
        """
        if self._is_closed:
            raise RuntimeError("The threads are closed.")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        job = Job(partial(copy_context().run, function), future)
        if self._idle:
            self._idle.pop().jobs.put(job)
        elif self._threads < self._size:
            _Thread(self._on_done).jobs.put(job)
            self._threads += 1
        else:
            self._waiting.append(job)
        outcome = await future
        try:
            if outcome.error is not None:
                raise outcome.error
            result: Result = outcome.result
            return result
        finally:
            # The error has this frame, which would have the error: the request would stay until a garbage collection.
            del outcome, future, job

    def close(self) -> None:
        """Let the threads end, those at work after it."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().jobs.put(None)

    def _on_done(self, thread: "_Thread", future: asyncio.Future[Outcome], outcome: Outcome) -> None:
        # First of all, so that the thread has work as soon as it can.
        self._give_next(thread)
        if not future.cancelled():
            future.set_result(outcome)

    def _give_next(self, thread: "_Thread") -> None:
        while self._waiting:
            job = self._waiting.popleft()
            if not job.future.cancelled():
                thread.jobs.put(job)
                return
        if self._is_closed:
            thread.jobs.put(None)
        else:
            self._idle.append(thread)


class _Thread:
    """Does one job after the other, and tells the event loop of each that it is done."""

    def __init__(self, on_done: Callable[..., None]) -> None:
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._on_done = on_done
        # The process does not wait for a request that hangs in its thread.
        threading.Thread(target=self._run, name="route", daemon=True).start()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            future = job.future
            outcome = _outcome(job.work)
            try:
                future.get_loop().call_soon_threadsafe(self._on_done, self, future, outcome)
            except RuntimeError:
                # The loop is closed: nobody waits for this, and nobody has more to do.
                return
            # Nothing of a request stays until the next one comes.
            del job, future, outcome


def _outcome(work: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(work())
    except BaseException as error:  # noqa: BLE001  # Whoever waits in the event loop raises it.
        return Outcome(error=error)
