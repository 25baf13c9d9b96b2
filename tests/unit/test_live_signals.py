"""Those who follow the log hear of the end before the server does."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from app.live import heeding_signals

heard: list[str] = []


def _server(_number: int, _frame: FrameType | None) -> None:
    heard.append("server")


@pytest.fixture(autouse=True)
def _server_listens() -> Iterator[None]:
    heard.clear()
    before = {number: signal.signal(number, _server) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def _asked_to_end(number: signal.Signals) -> None:
    stopped = asyncio.Event()
    with heeding_signals(stopped.set):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stopped.wait(), 30)
    assert signal.getsignal(number) is _server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_hear_of_it(number: signal.Signals) -> None:
    asyncio.run(_asked_to_end(number))
    assert heard == ["server"]


def test_a_signal_that_is_ignored_stays_so() -> None:
    async def serve() -> None:
        with heeding_signals(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(serve())


def test_outside_of_the_main_thread_nothing_is_touched() -> None:
    async def serve() -> None:
        with heeding_signals(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is _server

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    thread.join()
