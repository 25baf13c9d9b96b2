"""The opening handshake and the close of a WebSocket, as Prefect's clients expect them."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

from fastapi import WebSocket, WebSocketDisconnect, status
from fastapi.responses import JSONResponse

from app.access import Credentials, Secrets, read_secrets
from app.errors import AppError, ExpiredKey, NotAllowed, Unauthorized
from app.web.errors import unauthorized
from app.web.roles import REASON, require_role
from app.web.sender import address_of

SUBPROTOCOL: Final = "prefect"
HANDSHAKE_SECONDS: Final = 10.0
"""How long a client may take to send each frame of the handshake."""
CLOSING_SECONDS: Final = 10.0
"""How long closing a connection may wait for a client that does not read."""
FRAME_LENGTH: Final = 64 * 1024
"""The longest frame of the handshake. A filter has at most half of that."""
REASON_BYTES: Final = 123
"""The maximum length of the reason in a close frame."""

NO_TOKEN: Final = "Auth required but no token provided"  # noqa: S105  # The text of Prefect's server.
WRONG_TOKEN: Final = "Invalid token"  # noqa: S105  # The text of Prefect's server.


class Refused(AppError):
    """The client broke the protocol, or is not allowed: the connection is closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        """Take the close code and the reason."""
        super().__init__(reason)
        self.code = code


async def accept_and_authenticate(websocket: WebSocket) -> Secrets | None:
    """Accept the connection and authenticate the client.

    The credential is in the `Authorization` header. A client that offers the subprotocol `prefect` must also send an
    `auth` frame, which may contain the credential instead.

    Returns:
        The secrets that the client sent. None when the connection was not accepted, because the header contains no
        valid credential of a sufficient role, and the client does not offer `prefect`.

    Raises:
        Refused: the first frame is not `{"type": "auth", ...}`, or neither it nor the header has a valid credential.
        NotAllowed: the role is not enough.
        Unavailable: this process has not been able to read the API keys yet.
    """
    header = websocket.headers.get("authorization")
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        return await _accept_with_header(websocket, read_secrets(header))
    await websocket.accept(SUBPROTOCOL)
    frame = await receive_object(websocket, status.WS_1008_POLICY_VIOLATION)
    if frame.get("type") != "auth":
        raise Refused(status.WS_1008_POLICY_VIOLATION, "Expected 'auth' message")
    secrets = read_secrets(header, frame.get("token"))
    try:
        await _authenticate(websocket, secrets)
    except Unauthorized as error:
        raise refusal(error, secrets) from None
    await websocket.send_text(json.dumps({"type": "auth_success"}))
    return secrets


def refusal(error: Unauthorized, secrets: Secrets) -> Refused:
    """Return the refusal of a client that sent these secrets, with the reason that Prefect's server gives."""
    wrong = str(error) if isinstance(error, ExpiredKey) else WRONG_TOKEN
    return Refused(status.WS_1008_POLICY_VIOLATION, wrong if secrets else NO_TOKEN)


async def _accept_with_header(websocket: WebSocket, secrets: Secrets) -> Secrets | None:
    """Accept the connection, or refuse it with an HTTP response."""
    try:
        await _authenticate(websocket, secrets)
    except Unauthorized as error:
        await websocket.send_denial_response(unauthorized(error))
    except NotAllowed as error:
        await websocket.send_denial_response(JSONResponse({"detail": str(error)}, error.status))
    else:
        await websocket.accept()
        return secrets
    return None


async def _authenticate(websocket: WebSocket, secrets: Secrets) -> None:
    credentials: Credentials = websocket.app.state.credentials
    try:
        holder = await credentials.admit(secrets, address_of(websocket.scope))
    except Unauthorized as error:
        websocket.scope[REASON] = str(error)
        raise
    require_role(websocket.scope, websocket.scope["route"].path, holder.role)


async def receive_object(websocket: WebSocket, code: int) -> dict[str, Any]:
    """Return the next frame, which must be a JSON object.

    Raises:
        Refused: it is not a JSON object, is too long, or does not arrive within `HANDSHAKE_SECONDS`. The close code is
            `code`.
    """
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            text = await receive_text(websocket)
        if len(text) > FRAME_LENGTH:
            raise Refused(code, f"The frame is longer than {FRAME_LENGTH} characters.")
        frame = json.loads(text)
    except TimeoutError:
        raise Refused(code, f"Nothing was sent for {HANDSHAKE_SECONDS:g} s.") from None
    except (ValueError, RecursionError):
        raise Refused(code, "Expected a JSON object") from None
    if not isinstance(frame, dict):
        raise Refused(code, "Expected a JSON object")
    return frame


async def receive_text(websocket: WebSocket) -> str:
    """Return the text of the next frame.

    Raises:
        Refused: it is a binary frame.
        WebSocketDisconnect: the client has disconnected.
    """
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    text = message.get("text")
    if not isinstance(text, str):
        raise Refused(status.WS_1003_UNSUPPORTED_DATA, "Expected a text frame")
    return text


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close the connection with a reason. A client that has disconnected, or does not read, causes no error."""
    short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
    with suppress(TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await websocket.close(code, short)
