"""Closing a connection, and cancelling the tasks that run on it."""

import asyncio

import pytest

from app.web.connections import TooSlow, abort_connection, remember_abort, run_until_first_ends, with_timeout


def test_a_connection_that_cannot_be_aborted_is_left_to_the_server() -> None:
    async def receive() -> dict[str, str]:
        return {}

    scope: dict[str, object] = {}
    remember_abort(scope, receive)
    abort_connection(scope)
    abort_connection({})


def test_a_send_that_takes_too_long_is_cancelled() -> None:
    with pytest.raises(TooSlow, match=r"0.01 s"):
        asyncio.run(with_timeout(0.01, asyncio.Event().wait()))


def test_when_one_task_ends_the_others_are_cancelled_and_its_error_is_raised() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
            raise OSError

    async def fail() -> None:
        await asyncio.sleep(0)
        raise TooSlow

    with pytest.raises(TooSlow):
        asyncio.run(run_until_first_ends(wait(), fail(), wait()))
    assert ended == ["cancelled", "cancelled"]
