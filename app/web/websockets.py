"""Runs the handler of a WebSocket and closes the connection with the right code, however the handler ends."""

import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import WebSocket, WebSocketDisconnect, status
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocketState

from app.access import Credentials, Secrets
from app.errors import AppError, Unavailable
from app.log.live import LiveHub
from app.telemetry import get_logger, innermost_frames
from app.web.connections import abort_connection_later, run_until_first_ends
from app.web.handshake import Refused, accept_and_authenticate, close, refusal
from app.web.request_log import log_websocket
from app.web.route_path import route_path
from app.web.sender import SECRETS

logger = get_logger(__name__)

Handler = Callable[[WebSocket], Coroutine[Any, Any, None]]
NORMAL: Final = status.WS_1000_NORMAL_CLOSURE
STOPPING: Final = "The server is stopping: connect again."


async def serve_websocket(websocket: WebSocket, handler: Handler) -> None:
    """Authenticate the client, run the handler, and close the connection with the code of its outcome."""
    live: LiveHub = websocket.app.state.live
    begun = time.monotonic()
    code: int | None = None
    try:
        code = await _serve(websocket, handler, live)
    finally:
        event = "websocket_closed" if SECRETS in websocket.scope else "websocket_refused"
        log_websocket(event, websocket.scope, code=code, seconds=round(time.monotonic() - begun, 1))
        abort_connection_later(websocket.scope, live)


async def _serve(websocket: WebSocket, handler: Handler, live: LiveHub) -> int | None:
    """Run the handler and close the connection.

    Returns:
        The close code, or the HTTP status of a refusal. None if the client has closed or lost the connection.
    """
    try:
        secrets = await accept_and_authenticate(websocket)
        if secrets is None:
            return HTTPStatus.UNAUTHORIZED.value
        websocket.scope[SECRETS] = secrets
        log_websocket("websocket_opened", websocket.scope)
        await run_until_first_ends(handler(websocket), _raise_when_refused(websocket, secrets))
        if websocket.client_state is WebSocketState.DISCONNECTED:
            return None
        code, reason = (status.WS_1012_SERVICE_RESTART, STOPPING) if live.is_closing else (NORMAL, "")
    except WebSocketDisconnect:
        return None
    except Refused as error:
        code, reason = error.code, str(error)
    except Unavailable as error:
        code, reason = status.WS_1013_TRY_AGAIN_LATER, str(error)
    except AppError as error:
        code, reason = status.WS_1008_POLICY_VIOLATION, str(error)
    except SQLAlchemyError as error:
        logger.warning("database_unavailable", reason=type(error).__name__)
        code, reason = status.WS_1013_TRY_AGAIN_LATER, "Service Unavailable"
    except Exception as error:  # noqa: BLE001  # The client gets a close code, and the log no values.
        route = route_path(websocket.scope)
        logger.error("request_failed", error=type(error).__name__, route=route, frames=innermost_frames(error))
        code, reason = status.WS_1011_INTERNAL_ERROR, "Internal Server Error"
    # The reason is not logged: it may quote what the client sent.
    await close(websocket, code, reason)
    return code


async def _raise_when_refused(websocket: WebSocket, secrets: Secrets) -> None:
    """Raise Refused as soon as the client's secrets are no longer valid: its key was revoked, or has expired."""
    credentials: Credentials = websocket.app.state.credentials
    raise refusal(await credentials.wait_until_refused(secrets), secrets)
