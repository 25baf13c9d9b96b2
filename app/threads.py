"""A thread pool for an event loop. Handing a job to a thread and back costs more than a read from the database."""

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
    """A function to run, and the future that its caller awaits in the event loop."""

    work: Callable[[], Any]
    future: asyncio.Future[Outcome]


class Threads:
    """Runs functions in at most `size` threads for an event loop.

    The thread that finished last gets the next job: its caches are still warm, and few threads compete for the
    interpreter. Jobs that arrive while all threads are busy wait in a queue. Only the event loop assigns jobs, so there
    is no lock.
    """

    def __init__(self, size: int) -> None:
        """Set the maximum number of threads. A thread is started when it is first needed."""
        self._size = size
        self._threads = 0
        self._idle: list[_Thread] = []
        self._waiting: deque[Job] = deque()
        self._is_closed = False

    async def run(self, function: Callable[[], Result]) -> Result:
        """Run the function in a thread, with the caller's context variables; return its result or raise its error.

        When the caller is cancelled, a function that has started runs to its end, and a waiting one never starts.

        Raises:
            RuntimeError: the system cannot start another thread, or the threads are closed.
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
            # The error refers to this frame. If the frame referred to the error, this cycle would keep the request in
            # memory until the next garbage collection.
            del outcome, future, job

    def close(self) -> None:
        """End the idle threads now, and each busy thread after its jobs."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().jobs.put(None)

    def _on_done(self, thread: "_Thread", future: asyncio.Future[Outcome], outcome: Outcome) -> None:
        # Before the result is set, so that the thread gets its next job as early as possible.
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
    """Runs one job after the other, and reports each result to the event loop."""

    def __init__(self, on_done: Callable[..., None]) -> None:
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._on_done = on_done
        # A daemon, so that the process can end while a request hangs in its thread.
        threading.Thread(target=self._run, name="route", daemon=True).start()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            future = job.future
            outcome = _outcome(job.work)
            try:
                future.get_loop().call_soon_threadsafe(self._on_done, self, future, outcome)
            except RuntimeError:
                # The event loop is closed: nothing awaits this result, and there will be no more jobs.
                return
            # Do not keep the objects of this request in memory while waiting for the next one.
            del job, future, outcome


def _outcome(work: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(work())
    except BaseException as error:  # noqa: BLE001  # `run` raises it in the event loop.
        return Outcome(error=error)
