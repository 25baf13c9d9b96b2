"""Takes the events of clients into the log: `POST /events`, and the WebSocket `/events/in`."""

import asyncio
from collections.abc import Sequence
from typing import Final

from anyio import to_thread
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.announcer import announcer
from app.capture.snapshot import make_masker
from app.errors import Unavailable
from app.log.client_events import append_client_events
from app.postgres.engine import describe, sqlstate
from app.schemas.client_events import ClientEvent, ClientEvents
from app.telemetry import get_logger
from app.web.handshake import receive_text
from app.web.routing import make_router
from app.web.websockets import converse

logger = get_logger(__name__)
router = make_router("/events", tags=["events"])

GATHER_SECONDS: Final = 0.003
GATHER_EVENTS: Final = 500
GATHER_BYTES: Final = 4_000_000
REFUSALS: Final = ("22", "23", "54")
"""SQLSTATE classes of values that the database will not take however often they are sent."""
RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)
"""How long a WebSocket waits for a database that is away; its client has nobody else to give its events to."""


@router.post("", status_code=204)
def append_events(request: Request, events: ClientEvents) -> None:
    """Append the events that are not in the log yet: all of them, or none."""
    _append(request.app, events)


@router.websocket("/in")
async def stream_events_in(websocket: WebSocket) -> None:
    """Append the events that a client sends, one in each frame."""
    await converse(websocket, _take_in)


async def _take_in(websocket: WebSocket) -> None:
    is_open = True
    while is_open:
        texts, is_open = await _gather(websocket)
        events = [event for text in texts if (event := _read(text)) is not None]
        if events:
            await _append_soon(websocket.app, events)


def _append(app: FastAPI, events: Sequence[ClientEvent]) -> None:
    with app.state.sessions() as session, session.begin():
        position = append_client_events(session, events, make_masker(app.state.settings))
    if position is not None:
        announcer(app.state.settings.broker_url).announce(position)


async def _gather(websocket: WebSocket) -> tuple[list[str], bool]:
    """Wait for a frame, and take along what comes right behind it; tell whether there may be more.

    While its events are stored nothing more is received, so a client is held up instead of filling the memory.
    """
    texts: list[str] = []
    size = 0
    try:
        texts.append(await receive_text(websocket))
        async with asyncio.timeout(GATHER_SECONDS):
            while len(texts) < GATHER_EVENTS and size < GATHER_BYTES:
                texts.append(await receive_text(websocket))
                size += len(texts[-1])
    except TimeoutError:
        pass
    except WebSocketDisconnect:
        return texts, False
    return texts, True


def _read(text: str) -> ClientEvent | None:
    """Return the event in a frame. One that is none is left out: those behind it must not wait for it for ever.

    The protocol has no answer for it, and a client that is disconnected sends it again with the next connection.
    """
    try:
        return ClientEvent.model_validate_json(text)
    except ValidationError as error:
        _refuse("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors()[:3]))
        return None


async def _append_soon(app: FastAPI, events: Sequence[ClientEvent]) -> None:
    for delay in (*RETRY_SECONDS, None):
        try:
            await to_thread.run_sync(_append, app, events)
        except (DBAPIError, PoolTimeoutError) as error:
            if _is_refusal(error):
                await _append_apart(app, events)
                return
            logger.warning("database_unavailable", reason=type(error).__name__)
            if delay is None:
                raise Unavailable("Service Unavailable") from None
            await asyncio.sleep(delay)
            continue
        return


async def _append_apart(app: FastAPI, events: Sequence[ClientEvent]) -> None:
    """Find the one that the database refuses among its neighbours."""
    for event in events:
        try:
            await to_thread.run_sync(_append, app, [event])
        except DBAPIError as error:
            if not _is_refusal(error):
                raise
            _refuse(describe(error))


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and (sqlstate(error) or "").startswith(REFUSALS)


def _refuse(reason: str) -> None:
    logger.warning("client_event_refused", reason=reason)
