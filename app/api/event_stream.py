"""Server-sent events at `/events/stream`: the log for everybody who speaks HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Header, Query, Request
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import Conflict, InvalidRequest
from app.log.live import Frame, Live, Subscription
from app.log.live.reading import EVER
from app.schemas.event_queries import (
    AnyResourceFilter,
    EventFilter,
    NameFilter,
    OccurredFilter,
    ResourceFilter,
    TextFilter,
)
from app.schemas.page_token import Position
from app.telemetry import get_logger
from app.web.authentication import brought_by
from app.web.connections import TooSlow, cut_later, cut_now, first_to_end, within
from app.web.routing import make_router

logger = get_logger(__name__)
router = make_router("/events", tags=["events"])

HEARTBEAT_SECONDS: Final = 15.0
ENDING_SECONDS: Final = 1.0
RETRY_MS: Final = 1000
"""How long a browser waits before it connects again."""
OPENING: Final = f"retry: {RETRY_MS}\n\n".encode()
HEARTBEAT: Final = b":\n\n"
HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    # Nothing else comes over this connection, so it can be cut when its reader is gone.
    "connection": "close",
}

Texts = Annotated[list[str] | None, Query()]


@router.get("/stream", response_class=Response)
async def stream_events(
    request: Request,
    event: Texts = None,
    resource: Texts = None,
    any_resource: Texts = None,
    text: str | None = None,
    since: datetime | None = None,
    after: Annotated[Position | None, Query()] = None,
    last_event_id: Annotated[Position | None, Header()] = None,
) -> Response:
    """Stream the log as server-sent events; each one's id is its position.

    It begins behind `Last-Event-ID`, or else behind the position `after`, or with what occurred `since`, or now.
    `event` is how the name begins, `resource` the id of the event's own resource, `any_resource` of that or a related
    one, and `text` a search; the first three may be repeated.
    """
    event_filter = _filter(event, resource, any_resource, text, since)
    follow = partial(
        request.app.state.live.subscribe,
        event_filter,
        after=after if last_event_id is None else last_event_id,
        since=None if since is None else event_filter.occurred.since,
    )
    admission = partial(request.app.state.credentials.until_refused, brought_by(request.scope))
    return EventStream(request.app.state.live, follow, admission, request.app.state.settings.live_send_timeout)


def _filter(
    event: list[str] | None,
    resource: list[str] | None,
    any_resource: list[str] | None,
    text: str | None,
    since: datetime | None,
) -> EventFilter:
    try:
        return EventFilter(
            occurred=EVER if since is None else OccurredFilter(since=since),
            event=NameFilter(prefix=event or []),
            resource=ResourceFilter(id=resource or []),
            any_resource=AnyResourceFilter(id=any_resource) if any_resource else [],
            text=None if text is None else TextFilter(query=text),
        )
    except ValidationError as error:
        raise InvalidRequest("; ".join(problem["msg"] for problem in error.errors())) from None


class EventStream(Response):
    """Sends a subscription until the reader goes or may no longer stay, reads nothing for too long, or all must end."""

    def __init__(
        self,
        live: Live,
        follow: Callable[[], Awaitable[Subscription]],
        admission: Callable[[], Coroutine[Any, Any, None]],
        timeout: float,
    ) -> None:
        """Take the function that subscribes: it is called when there is somebody to send to, and may refuse.

        `admission` lasts for as long as the reader may stay.
        """
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._live = live
        self._follow = follow
        self._admission = admission
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; what refuses it is raised before anything is sent."""
        subscription = await self._follow()
        try:
            await self._send_head(send)
            delivery = self._deliver(subscription, send)
            await first_to_end(delivery, _until_gone(receive), self._admission(), self._live.closing())
            await within(ENDING_SECONDS, send({"type": "http.response.body", "body": b""}))
        except TooSlow as error:
            logger.info("reader_disconnected", reason=str(error), position=subscription.after)
            # A response that nobody reads cannot be completed.
            cut_now(scope)
            with suppress(TooSlow):
                await within(ENDING_SECONDS, _until_gone(receive))
        finally:
            subscription.close()
            cut_later(scope, self._live)

    async def _deliver(self, subscription: Subscription, send: Send) -> None:
        upcoming = asyncio.create_task(subscription.next())
        try:
            while True:
                await asyncio.wait([upcoming], timeout=HEARTBEAT_SECONDS)
                if not upcoming.done():
                    await self._send_in_time(send, HEARTBEAT)
                    continue
                for frame in upcoming.result():
                    await self._send_in_time(send, _as_sent(frame))
                # A connection that takes everything at once never waits: the others have their turn here.
                await asyncio.sleep(0)
                upcoming = asyncio.create_task(subscription.next())
        except (InvalidRequest, Conflict) as error:
            await self._send_in_time(send, f"event: error\ndata: {error}\n\n".encode())
        finally:
            upcoming.cancel()

    async def _send_head(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": OPENING, "more_body": True})

    async def _send_in_time(self, send: Send, body: bytes) -> None:
        await within(self._timeout, send({"type": "http.response.body", "body": body, "more_body": True}))


def _as_sent(frame: Frame) -> bytes:
    return f"id: {frame.position}\ndata: {frame.json}\n\n".encode()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
