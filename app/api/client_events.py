"""Appends the events of clients to the log: `POST /events`, and the WebSocket `/events/in`."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.capture.snapshot import make_masker
from app.errors import Unavailable
from app.log.client_events import append_client_events, append_storable_client_events
from app.postgres.refusals import OUTAGE, describe, is_absence
from app.schemas.bounds import list_errors
from app.schemas.client_events import ClientEvent, ClientEvents
from app.telemetry import get_logger
from app.threads import Threads
from app.web.handshake import receive_text
from app.web.routing import make_router
from app.web.websockets import serve_websocket

logger = get_logger(__name__)
router = make_router("/events", tags=["events"])

GATHER_SECONDS: Final = 0.003
GATHER_EVENTS: Final = 500
GATHER_BYTES: Final = 4_000_000
READ_IN_LOOP: Final = 64 * 1024
"""The characters that take about a millisecond to read. Below that, a thread would cost more."""
RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)
"""The waits between attempts while the database is away. The protocol does not let a client send events again."""


@router.post("", status_code=204)
def append_events(request: Request, events: ClientEvents, session: Session) -> None:
    """Append the events that are not in the log yet: either all or none of them."""
    append_client_events(session, events, make_masker(request.app.state.settings))


@router.websocket("/in")
async def stream_events_in(websocket: WebSocket) -> None:
    """Append the events that a client sends, one per frame."""
    await serve_websocket(websocket, _receive_events)


async def _receive_events(websocket: WebSocket) -> None:
    is_open = True
    while is_open:
        texts, is_open = await _gather(websocket)
        if events := await _read_all(websocket.app, texts):
            await _append_with_retries(websocket.app, events)


async def _gather(websocket: WebSocket) -> tuple[list[str], bool]:
    """Wait for a frame, and take the frames that arrive right after it; also return whether the socket is still open.

    Nothing more is received while these events are stored, so a fast client is slowed down instead of filling memory.
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


async def _read_all(app: FastAPI, texts: Sequence[str]) -> list[ClientEvent]:
    """Return the valid events in these frames. Large frames are read in a thread, so that the event loop goes on."""
    read = partial(_read_valid, texts)
    if sum(map(len, texts)) > READ_IN_LOOP:
        threads: Threads = app.state.threads
        return await threads.run(read)
    return read()


def _read_valid(texts: Sequence[str]) -> list[ClientEvent]:
    return [event for text in texts if (event := _read(text)) is not None]


def _read(text: str) -> ClientEvent | None:
    """Return the event in a frame, or None for a frame that holds no valid event, which is logged.

    The protocol has no response for an invalid frame. If the connection were closed, the client would send the same
    frame again and again, and the events behind it would never arrive.
    """
    try:
        return ClientEvent.model_validate_json(text)
    except ValidationError as error:
        errors = list_errors(error.errors(include_url=False, include_context=False, include_input=False))
        _log_refusal("; ".join(f"{'.'.join(map(str, part['loc']))}: {part['type']}" for part in errors[:3]))
        return None


async def _append_with_retries(app: FastAPI, events: Sequence[ClientEvent]) -> None:
    for delay in (*RETRY_SECONDS, None):
        try:
            await app.state.threads.run(partial(_append, app, events))
        except OUTAGE as error:
            logger.warning("database_unavailable", reason=type(error).__name__)
            if delay is None:
                raise Unavailable("Service Unavailable") from None
            await asyncio.sleep(delay)
        else:
            return


def _append(app: FastAPI, events: Sequence[ClientEvent]) -> None:
    """Append the events together; if the database refuses one, append the others and log that one."""
    masker = make_masker(app.state.settings)
    try:
        with app.state.sessions() as session, session.begin():
            append_client_events(session, events, masker)
    except OUTAGE as error:
        if is_absence(error):
            raise
        with app.state.sessions() as session, session.begin():
            refused = append_storable_client_events(session, events, masker)
        for refusal in refused:
            _log_refusal(describe(refusal))


def _log_refusal(reason: str) -> None:
    logger.warning("client_event_refused", reason=reason)
