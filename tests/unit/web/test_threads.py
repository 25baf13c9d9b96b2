"""The thread pool of the routes: which thread works, which jobs wait, and what they return."""

import asyncio
import gc
import threading
import weakref
from contextvars import ContextVar
from functools import partial

import pytest

from app.threads import Threads
from tests.waiting import wait_until

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Started:
    """Counts the running route threads that started after this object was created."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    def __len__(self) -> int:
        return len([one for one in threading.enumerate() if one.name == "route" and one not in self._before])


def _blocked(opened: threading.Event, began: list[int], number: int) -> int:
    began.append(number)
    assert opened.wait(30)
    return number


def test_the_result_the_error_and_the_context_are_passed_between_threads() -> None:
    def fail() -> None:
        raise StopIteration("an error that no coroutine may raise")

    async def main() -> None:
        threads = Threads(2)
        WHO.set("caller")
        assert await threads.run(WHO.get) == "caller"
        assert await threads.run(threading.get_ident) != threading.get_ident()
        with pytest.raises(RuntimeError) as caught:
            await threads.run(fail)
        assert isinstance(caught.value.__cause__, StopIteration)
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        threads.close()

    asyncio.run(main())


def test_the_most_recently_used_thread_is_used_next() -> None:
    async def main() -> None:
        threads = Threads(8)
        meet = threading.Barrier(3)
        used = {await one for one in [asyncio.create_task(threads.run(lambda: _meet(meet))) for _ in range(3)]}
        assert len(used) == 3
        assert len({await threads.run(threading.get_ident) for _ in range(5)} & used) == 1
        threads.close()

    asyncio.run(main())


def _meet(barrier: threading.Barrier) -> int:
    barrier.wait(30)
    return threading.get_ident()


def test_a_job_waits_while_all_threads_are_busy() -> None:
    async def main() -> None:
        threads, opened, began = Threads(2), threading.Event(), list[int]()
        tasks = [
            asyncio.create_task(threads.run(lambda at=number: _blocked(opened, began, at)))  # type: ignore[misc]
            for number in range(5)
        ]
        while len(began) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sorted(began) == [0, 1]
        opened.set()
        assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
        assert len(began) == 5
        threads.close()

    asyncio.run(main())


def test_a_job_that_is_cancelled_before_it_starts_never_runs_and_a_running_one_finishes() -> None:
    async def main() -> None:
        threads, opened, began, troubles = Threads(1), threading.Event(), list[int](), list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, trouble: troubles.append(trouble))
        working, waiting, last = (
            asyncio.create_task(threads.run(lambda at=number: _blocked(opened, began, at)))  # type: ignore[misc]
            for number in range(3)
        )
        while not began:
            await asyncio.sleep(0)
        working.cancel()
        waiting.cancel()
        await asyncio.wait([working, waiting])
        opened.set()
        assert await last == 2
        assert began == [0, 2]
        assert troubles == []
        threads.close()

    asyncio.run(main())


def test_when_closed_idle_threads_end_at_once_and_busy_ones_after_their_job() -> None:
    started = Started()

    async def main() -> None:
        threads, opened, began = Threads(2), threading.Event(), list[int]()
        working = asyncio.create_task(threads.run(lambda: _blocked(opened, began, 7)))
        while not began:
            await asyncio.sleep(0)
        await threads.run(threading.get_ident)
        assert len(started) == 2
        threads.close()
        wait_until(lambda: len(started) == 1, "the idle thread to end")
        opened.set()
        assert await working == 7
        with pytest.raises(RuntimeError, match="closed"):
            await threads.run(threading.get_ident)

    asyncio.run(main())
    wait_until(lambda: len(started) == 0, "the thread that was at work to end")


def test_a_function_can_run_longer_than_the_event_loop() -> None:
    started, opened = Started(), threading.Event()

    async def main() -> None:
        began: list[int] = []
        task = asyncio.create_task(Threads(1).run(lambda: _blocked(opened, began, 1)))
        while not began:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())
    opened.set()
    wait_until(lambda: len(started) == 0, "its thread to end")


def test_an_error_keeps_no_reference_to_its_request() -> None:
    class Sent:
        pass

    def fail(sent: Sent) -> None:
        raise LookupError

    async def request(threads: Threads) -> "weakref.ref[Sent]":
        sent = Sent()
        with pytest.raises(LookupError):
            await threads.run(partial(fail, sent))
        return weakref.ref(sent)

    async def main() -> None:
        threads = Threads(1)
        gc.disable()
        try:
            sent = await request(threads)
            # The event loop itself refers to the outcome until the waiting coroutine awaits again.
            await asyncio.sleep(0)
            wait_until(lambda: sent() is None, "the thread to let go of it, too", 5)
        finally:
            gc.enable()
            threads.close()

    asyncio.run(main())
