"""The beginning and the end of a WebSocket, as Prefect's clients know them."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import WebSocket, WebSocketDisconnect, status

from app.errors import AppError

SUBPROTOCOL: Final = "prefect"
GREETING_SECONDS: Final = 10.0
"""How long a client has for each frame that it owes at the beginning."""
CLOSING_SECONDS: Final = 10.0
"""How long a client that does not read has for reading why it is disconnected."""
REASON_BYTES: Final = 123
"""A close frame has no room for more."""


class Refused(AppError):
    """A client does not keep to the protocol; the code is the one that the connection is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        """Take the WebSocket's close code and the reason for it."""
        super().__init__(reason)
        self.code = code


async def greet(websocket: WebSocket) -> bool:
    """Accept the connection, and ask for the `auth` frame when the client offers the subprotocol `prefect`.

    Returns:
        False when the connection is not accepted: it comes from a page of another site in somebody's browser.

    Raises:
        Refused: the first frame is not `{"type": "auth", ...}`.
    """
    if _is_from_another_site(websocket):
        await websocket.close()
        return False
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        await websocket.accept()
        return True
    await websocket.accept(SUBPROTOCOL)
    frame = await receive_object(websocket, status.WS_1008_POLICY_VIOLATION)
    if frame.get("type") != "auth":
        raise Refused(status.WS_1008_POLICY_VIOLATION, "Expected 'auth' message")
    await websocket.send_text(json.dumps({"type": "auth_success"}))
    return True


async def receive_object(websocket: WebSocket, code: int) -> dict[str, Any]:
    """Return the next frame, which must be a JSON object and come soon.

    Raises:
        Refused: it is none, or does not come; with that code.
    """
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            text = await receive_text(websocket)
        frame = json.loads(text)
    except TimeoutError:
        raise Refused(code, f"Nothing was sent for {GREETING_SECONDS:g} s.") from None
    except (ValueError, RecursionError):
        raise Refused(code, "Expected a JSON object") from None
    if not isinstance(frame, dict):
        raise Refused(code, "Expected a JSON object")
    return frame


async def receive_text(websocket: WebSocket) -> str:
    """Return the text of the next frame.

    Raises:
        Refused: the frame is a binary one.
        WebSocketDisconnect: the client is gone.
    """
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    text = message.get("text")
    if not isinstance(text, str):
        raise Refused(status.WS_1003_UNSUPPORTED_DATA, "Expected a text frame")
    return text


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close the connection and say why; a client that is gone is no error, and one that does not read has a moment."""
    short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
    with suppress(TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await websocket.close(code, short)


def _is_from_another_site(websocket: WebSocket) -> bool:
    """Browsers let any page open a WebSocket to anywhere, and say only here which page it is."""
    origin = websocket.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != websocket.headers.get("host")
