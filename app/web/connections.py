"""Sending events over WebSockets and streams with a timeout, and aborting connections whose client does not read."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from starlette.types import Receive, Scope

from app.errors import AppError
from app.log.live import Frame, LiveHub, Subscription

ABORT: Final = "aftercommit.abort"
LINGER_SECONDS: Final = 10.0
"""After its end, a connection has this time to send its buffers to the client. Then it is aborted."""
LINGER_SECONDS_AT_SHUTDOWN: Final = 1.0
"""The same during a shutdown, which waits for all connections."""


class TooSlow(AppError):
    """A client has not read for too long."""


def remember_abort(scope: Scope, receive: Receive) -> None:
    """Store the function that aborts this connection in the scope, for `abort_connection`.

    ASGI cannot abort a connection, and a closed connection stays open as long as its client does not read. uvicorn's
    `receive` is a method of the object that holds the transport. With another server, `abort_connection` does nothing.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    scope[ABORT] = getattr(transport, "abort", None)


def abort_connection_later(scope: Scope, live: LiveHub) -> None:
    """Abort the connection if it is still open after `LINGER_SECONDS`."""
    delay = LINGER_SECONDS_AT_SHUTDOWN if live.is_closing else LINGER_SECONDS
    asyncio.get_running_loop().call_later(delay, abort_connection, scope)


def abort_connection(scope: Scope) -> None:
    """Close the connection at once, and discard all data that its client has not read."""
    abort = cast("Callable[[], None] | None", scope.get(ABORT))
    if abort is not None:
        abort()


async def send_events(subscription: Subscription, send: Callable[[Frame], Awaitable[None]], timeout: float) -> None:
    """Send the events of a subscription, one after the other, until cancelled.

    Raises:
        TooSlow: sending one event took longer than `timeout` seconds.
    """
    while True:
        for frame in await subscription.next():
            await with_timeout(timeout, send(frame))
        # Sends to a fast client never wait, so let other tasks run here.
        await asyncio.sleep(0)


async def with_timeout(timeout: float, sending: Awaitable[object]) -> None:
    """Await `sending`.

    Raises:
        TooSlow: it took longer than `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            await sending
    except TimeoutError:
        raise TooSlow(f"Nothing was read for {timeout:g} s.") from None


async def run_until_first_ends(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Run the coroutines concurrently until one ends, cancel the others, and raise the error of the first, if any."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # Wait for the cancelled ones, and ignore their errors.
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
