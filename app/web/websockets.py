"""Runs the handler of a WebSocket and closes the connection with the right code, however the handler ends."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect, status
from sqlalchemy.exc import SQLAlchemyError

from app.access import Credentials, Secrets
from app.errors import AppError, Unavailable
from app.log.live import LiveHub
from app.telemetry import get_logger, innermost_frames
from app.web.connections import abort_connection_later, run_until_first_ends
from app.web.handshake import Refused, accept_and_authenticate, close, refusal

logger = get_logger(__name__)

STOPPING = "The server is stopping: connect again."


async def serve_websocket(websocket: WebSocket, handler: Callable[[WebSocket], Coroutine[Any, Any, None]]) -> None:
    """Authenticate the client, run the handler, and close the connection with the code of its outcome."""
    live: LiveHub = websocket.app.state.live
    try:
        secrets = await accept_and_authenticate(websocket)
        if secrets is not None:
            await run_until_first_ends(handler(websocket), _raise_when_refused(websocket, secrets))
            await _close_after_handler(websocket, live)
    except WebSocketDisconnect:
        # The client has closed the connection, or lost it.
        return
    except Refused as error:
        # The reason is not logged: it may quote what the client sent.
        logger.info("websocket_refused", code=error.code, path=websocket.url.path)
        await close(websocket, error.code, str(error))
    except Unavailable as error:
        await close(websocket, status.WS_1013_TRY_AGAIN_LATER, str(error))
    except AppError as error:
        await close(websocket, status.WS_1008_POLICY_VIOLATION, str(error))
    except SQLAlchemyError as error:
        logger.warning("database_unavailable", reason=type(error).__name__)
        await close(websocket, status.WS_1013_TRY_AGAIN_LATER, "Service Unavailable")
    except Exception as error:  # noqa: BLE001  # The client gets a close code, and the log no values.
        path = websocket.url.path
        logger.error("request_failed", error=type(error).__name__, path=path, frames=innermost_frames(error))
        await close(websocket, status.WS_1011_INTERNAL_ERROR, "Internal Server Error")
    finally:
        abort_connection_later(websocket.scope, live)


async def _raise_when_refused(websocket: WebSocket, secrets: Secrets) -> None:
    """Raise Refused as soon as the client's secrets are no longer valid: its key was revoked, or has expired."""
    credentials: Credentials = websocket.app.state.credentials
    raise refusal(await credentials.wait_until_refused(secrets), secrets)


async def _close_after_handler(websocket: WebSocket, live: LiveHub) -> None:
    if live.is_closing:
        await close(websocket, status.WS_1012_SERVICE_RESTART, STOPPING)
    else:
        await close(websocket, status.WS_1000_NORMAL_CLOSURE, "")
