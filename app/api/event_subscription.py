"""The WebSocket `/events/out`: sends past and then new events of the log to Prefect's clients."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import WebSocket, WebSocketDisconnect, status
from pydantic import BaseModel, Field, ValidationError

from app.log.live import Frame, LiveHub, Subscription
from app.schemas.bounds import describe_errors
from app.schemas.event_queries import EventFilter
from app.web.connections import TooSlow, run_until_first_ends, send_events
from app.web.handshake import Refused, receive_object, receive_text
from app.web.routing import make_router
from app.web.websockets import serve_websocket

BACKFILL: Final = timedelta(minutes=15)
"""The maximum age of past events for a client that sends no position, as with Prefect's server."""

router = make_router("/events", tags=["events"])


class FilterFrame(BaseModel):
    """A client's request for events.

    `after` is a position in the log. It is an extension of Prefect's protocol, for clients that store their position.
    """

    type: Literal["filter"]
    filter: EventFilter = Field(default_factory=EventFilter)
    backfill: bool = True
    after: Annotated[int | None, Field(ge=0, lt=2**63)] = None


@router.websocket("/out")
async def stream_events_out(websocket: WebSocket) -> None:
    """Send the events that match the client's filter, until the client disconnects or the server stops."""
    await serve_websocket(websocket, _subscribe_and_send)


async def _subscribe_and_send(websocket: WebSocket) -> None:
    live: LiveHub = websocket.app.state.live
    frame = _parse_filter(await receive_object(websocket, status.WS_1002_PROTOCOL_ERROR))
    since = max(frame.filter.occurred.since, datetime.now(UTC) - BACKFILL) if frame.backfill else None
    subscription = await live.subscribe(frame.filter, after=frame.after, since=since)
    with contextlib.closing(subscription):
        await run_until_first_ends(
            _send_events(websocket, subscription), _wait_for_disconnect(websocket), live.wait_until_closing()
        )


def _parse_filter(frame: dict[str, Any]) -> FilterFrame:
    if frame.get("type") != "filter":
        raise Refused(status.WS_1002_PROTOCOL_ERROR, "Expected 'filter' message")
    try:
        return FilterFrame.model_validate({key: value for key, value in frame.items() if value is not None})
    except ValidationError as error:
        raise Refused(status.WS_1002_PROTOCOL_ERROR, f"Invalid filter: {describe_errors(error)}") from None


async def _send_events(websocket: WebSocket, subscription: Subscription) -> None:
    async def send(frame: Frame) -> None:
        await websocket.send_text(f'{{"type":"event","event":{frame.text}}}')

    try:
        await send_events(subscription, send, websocket.app.state.settings.live_send_timeout)
    except TooSlow as error:
        raise Refused(status.WS_1008_POLICY_VIOLATION, f"Too slow: {error}") from error


async def _wait_for_disconnect(websocket: WebSocket) -> None:
    """Ignore all text frames that the client sends after its filter, until it disconnects."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await receive_text(websocket)
