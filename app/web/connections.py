"""What WebSockets and streams share: when they end, and how what is left of a connection is got rid of."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from starlette.types import Receive, Scope

from app.errors import AppError
from app.log.live import Frame, Live, Subscription

ABORT: Final = "aftercommit.abort"
LINGER_SECONDS: Final = 10.0
"""After its end a connection may take this long to flush; then what nobody reads is thrown away."""
LINGER_AT_THE_END: Final = 1.0
"""... when the process is about to end, and would wait for it."""


class TooSlow(AppError):
    """A reader has not read for too long."""


def note_abort(scope: Scope, receive: Receive) -> None:
    """Remember how to cut this connection.

    ASGI has no word for it, and a closed connection stays for as long as its peer reads nothing. uvicorn's `receive`
    belongs to the object that holds the transport; behind another server, cutting is left to it.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    scope[ABORT] = getattr(transport, "abort", None)


def cut_later(scope: Scope, live: Live) -> None:
    """Cut the connection if it is still there after it had its time."""
    delay = LINGER_AT_THE_END if live.is_closing else LINGER_SECONDS
    asyncio.get_running_loop().call_later(delay, cut_now, scope)


def cut_now(scope: Scope) -> None:
    """Cut the connection, with what its peer has not read."""
    abort = cast("Callable[[], None] | None", scope.get(ABORT))
    if abort is not None:
        abort()


async def deliver(subscription: Subscription, send: Callable[[Frame], Awaitable[None]], timeout: float) -> None:
    """Send each event of a subscription, for ever.

    Raises:
        TooSlow: one event could not be handed over for `timeout` seconds.
    """
    while True:
        for frame in await subscription.next():
            await within(timeout, send(frame))
        # A connection that takes everything at once never waits: the others have their turn here.
        await asyncio.sleep(0)


async def within(timeout: float, sending: Awaitable[object]) -> None:
    """Wait for a send.

    Raises:
        TooSlow: it took longer than `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            await sending
    except TimeoutError:
        raise TooSlow(f"Nothing was read for {timeout:g} s.") from None


async def first_to_end(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until the first of them ends, and raise what it raised; the others are cancelled."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # What the others raise while they end is no news.
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
