"""The WebSocket `/events/out`: the log for Prefect's clients, first what is past and then what happens."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import WebSocket, WebSocketDisconnect, status
from pydantic import BaseModel, Field, ValidationError

from app.log.live import Frame, Live, Subscription
from app.schemas.event_queries import EventFilter
from app.web.connections import TooSlow, deliver, first_to_end
from app.web.handshake import Refused, receive_object, receive_text
from app.web.routing import make_router
from app.web.websockets import converse

BACKFILL: Final = timedelta(minutes=15)
"""How far back the past reaches for a client that names no position, as with Prefect's server."""

router = make_router("/events", tags=["events"])


class FilterFrame(BaseModel):
    """What a client asks for. `after` is a position: an extension for those who store how far they came."""

    type: Literal["filter"]
    filter: EventFilter = Field(default_factory=EventFilter)
    backfill: bool = True
    after: Annotated[int | None, Field(ge=0, lt=2**63)] = None


@router.websocket("/out")
async def stream_events_out(websocket: WebSocket) -> None:
    """Send the events that match the client's filter until one of the two goes."""
    await converse(websocket, _follow)


async def _follow(websocket: WebSocket) -> None:
    live: Live = websocket.app.state.live
    frame = _asked_for(await receive_object(websocket, status.WS_1002_PROTOCOL_ERROR))
    since = max(frame.filter.occurred.since, datetime.now(UTC) - BACKFILL) if frame.backfill else None
    subscription = await live.subscribe(frame.filter, after=frame.after, since=since)
    with contextlib.closing(subscription):
        await first_to_end(_deliver(websocket, subscription), _until_gone(websocket), live.closing())


def _asked_for(frame: dict[str, Any]) -> FilterFrame:
    if frame.get("type") != "filter":
        raise Refused(status.WS_1002_PROTOCOL_ERROR, "Expected 'filter' message")
    try:
        return FilterFrame.model_validate({key: value for key, value in frame.items() if value is not None})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise Refused(status.WS_1002_PROTOCOL_ERROR, f"Invalid filter: {'; '.join(problems)}") from None


async def _deliver(websocket: WebSocket, subscription: Subscription) -> None:
    async def send(frame: Frame) -> None:
        await websocket.send_text(f'{{"type":"event","event":{frame.json}}}')

    try:
        await deliver(subscription, send, websocket.app.state.settings.live_send_timeout)
    except TooSlow as error:
        raise Refused(status.WS_1008_POLICY_VIOLATION, f"Too slow: {error}") from error


async def _until_gone(websocket: WebSocket) -> None:
    """What a client sends after its filter means nothing."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await receive_text(websocket)
