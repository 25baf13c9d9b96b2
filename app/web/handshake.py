"""The beginning and the end of a WebSocket, as Prefect's clients know them."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import WebSocket, WebSocketDisconnect, status

from app.access import Credentials, Presented, presented
from app.errors import AppError
from app.web.errors import unauthorized

SUBPROTOCOL: Final = "prefect"
GREETING_SECONDS: Final = 10.0
"""How long a client has for each frame that it owes at the beginning."""
CLOSING_SECONDS: Final = 10.0
"""How long a client that does not read has for reading why it is disconnected."""
REASON_BYTES: Final = 123
"""A close frame has no room for more."""

NO_TOKEN: Final = "Auth required but no token provided"  # noqa: S105  # The words of Prefect's server.
WRONG_TOKEN: Final = "Invalid token"  # noqa: S105  # As well.


class Refused(AppError):
    """A client does not keep to the protocol; the code is the one that the connection is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        """Take the WebSocket's close code and the reason for it."""
        super().__init__(reason)
        self.code = code


async def greet(websocket: WebSocket) -> Presented | None:
    """Accept the connection, and ask for the `auth` frame when the client offers the subprotocol `prefect`.

    The credential may be in that frame or in the header `Authorization`; without the subprotocol, in the header.

    Returns:
        What the client came in with; None when the connection is not accepted, because it comes from a page of
        another site in somebody's browser, or without a credential.

    Raises:
        Refused: the first frame is not `{"type": "auth", ...}`, or nothing in it and the header lets the client in.
        Unavailable: nobody can know yet who may come in.
    """
    credentials: Credentials = websocket.app.state.credentials
    header = websocket.headers.get("authorization")
    if _is_from_another_site(websocket):
        await websocket.close()
        return None
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        secrets = presented(header)
        if not await credentials.admits(secrets):
            await websocket.send_denial_response(unauthorized())
            return None
        await websocket.accept()
        return secrets
    await websocket.accept(SUBPROTOCOL)
    frame = await receive_object(websocket, status.WS_1008_POLICY_VIOLATION)
    if frame.get("type") != "auth":
        raise Refused(status.WS_1008_POLICY_VIOLATION, "Expected 'auth' message")
    secrets = presented(header, frame.get("token"))
    if not await credentials.admits(secrets):
        raise Refused(status.WS_1008_POLICY_VIOLATION, WRONG_TOKEN if secrets else NO_TOKEN)
    await websocket.send_text(json.dumps({"type": "auth_success"}))
    return secrets


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
