"""The route `/events/stream`: the events of the log as server-sent events, for any HTTP client."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Header, Query, Request
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import Conflict, InvalidRequest
from app.log.live import Frame, LiveHub, Subscription
from app.log.live.reading import ANY_TIME
from app.schemas.bounds import describe_errors
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
from app.web.connections import TooSlow, abort_connection, abort_connection_later, run_until_first_ends, with_timeout
from app.web.routing import also, make_router
from app.web.sender import secrets_of

logger = get_logger(__name__)
router = make_router("/events", tags=["events"])

HEARTBEAT_SECONDS: Final = 15.0
ENDING_SECONDS: Final = 1.0
RETRY_MS: Final = 1000
"""How many milliseconds a browser waits before it reconnects."""
OPENING: Final = f"retry: {RETRY_MS}\n\n".encode()
HEARTBEAT: Final = b":\n\n"
HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    # No other request uses this connection, so it can be aborted when its client does not read.
    "connection": "close",
}

Texts = list[str] | None


class EventStreamType(Response):
    """The content type of the stream, for the OpenAPI document."""

    media_type = "text/event-stream"


@router.get("/stream", response_class=EventStreamType, responses=also(HTTPStatus.CONFLICT))
async def stream_events(
    request: Request,
    event: Annotated[Texts, Query(description="What the event's name may begin with.")] = None,
    resource: Annotated[Texts, Query(description="The ids of the resources whose events are sent.")] = None,
    any_resource: Annotated[Texts, Query(description="The same, and one may be the id of a related resource.")] = None,
    text: Annotated[str | None, Query(description="A search in the text of the event.")] = None,
    since: Annotated[datetime | None, Query(description="Start with events that occurred at this time.")] = None,
    after: Annotated[Position | None, Query(description="Start after this position in the log.")] = None,
    last_event_id: Annotated[Position | None, Header(description="The last event received: replaces `after`.")] = None,
) -> Response:
    """Stream events from the log as server-sent events. The id of each is its position in the log.

    The stream starts after the position in `Last-Event-ID`; without it, after the position `after`; without both, with
    events that occurred at `since` or later; without all three, with new events only.
    """
    event_filter = _filter(event, resource, any_resource, text, since)
    subscribe = partial(
        request.app.state.live.subscribe,
        event_filter,
        after=after if last_event_id is None else last_event_id,
        since=None if since is None else event_filter.occurred.since,
    )
    state = request.app.state
    wait_until_refused = partial(state.credentials.wait_until_refused, secrets_of(request.scope))
    return EventStream(state.live, subscribe, wait_until_refused, state.settings.live_send_timeout)


def _filter(
    event: list[str] | None,
    resource: list[str] | None,
    any_resource: list[str] | None,
    text: str | None,
    since: datetime | None,
) -> EventFilter:
    try:
        return EventFilter(
            occurred=ANY_TIME if since is None else OccurredFilter(since=since),
            event=NameFilter(prefix=event or []),
            resource=ResourceFilter(id=resource or []),
            any_resource=AnyResourceFilter(id=any_resource) if any_resource else [],
            text=None if text is None else TextFilter(query=text),
        )
    except ValidationError as error:
        raise InvalidRequest(describe_errors(error)) from None


class EventStream(Response):
    """Sends the events of a subscription.

    It ends when the client disconnects, its credential is no longer valid, it has not read for too long, or the server
    stops.
    """

    def __init__(
        self,
        live: LiveHub,
        subscribe: Callable[[], Awaitable[Subscription]],
        wait_until_refused: Callable[[], Coroutine[Any, Any, object]],
        timeout: float,
    ) -> None:
        """Prepare the response. It subscribes when it is sent.

        Args:
            live: the readers that follow the log in this process.
            subscribe: returns the subscription, or raises an error that becomes the response instead.
            wait_until_refused: returns when the client's credential is no longer valid.
            timeout: seconds that sending one event may take.
        """
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._live = live
        self._subscribe = subscribe
        self._wait_until_refused = wait_until_refused
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Subscribe, raising any error before the response starts, and send the stream."""
        subscription = await self._subscribe()
        try:
            await self._send_head(send)
            await run_until_first_ends(
                self._send_events(subscription, send),
                _wait_for_disconnect(receive),
                self._wait_until_refused(),
                self._live.wait_until_closing(),
            )
            await with_timeout(ENDING_SECONDS, send({"type": "http.response.body", "body": b""}))
        except TooSlow as error:
            logger.info("reader_disconnected", reason=str(error), position=subscription.after)
            # The client does not read, so the response cannot be completed.
            abort_connection(scope)
            with suppress(TooSlow):
                await with_timeout(ENDING_SECONDS, _wait_for_disconnect(receive))
        finally:
            subscription.close()
            abort_connection_later(scope, self._live)

    async def _send_events(self, subscription: Subscription, send: Send) -> None:
        next_frames = asyncio.create_task(subscription.next())
        try:
            while True:
                await asyncio.wait([next_frames], timeout=HEARTBEAT_SECONDS)
                if not next_frames.done():
                    await self._send_in_time(send, HEARTBEAT)
                    continue
                for frame in next_frames.result():
                    await self._send_in_time(send, _encode(frame))
                # Sends to a fast client never wait, so let other tasks run here.
                await asyncio.sleep(0)
                next_frames = asyncio.create_task(subscription.next())
        except (InvalidRequest, Conflict) as error:
            await self._send_in_time(send, f"event: error\ndata: {error}\n\n".encode())
        finally:
            next_frames.cancel()

    async def _send_head(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": OPENING, "more_body": True})

    async def _send_in_time(self, send: Send, body: bytes) -> None:
        await with_timeout(self._timeout, send({"type": "http.response.body", "body": body, "more_body": True}))


def _encode(frame: Frame) -> bytes:
    return f"id: {frame.position}\ndata: {frame.text}\n\n".encode()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
