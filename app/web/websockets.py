"""The rim of a WebSocket: however its conversation ends, the client is told why, and nothing of it stays."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect, status
from sqlalchemy.exc import SQLAlchemyError

from app.access import Credentials, Presented
from app.errors import AppError, Unavailable
from app.log.live import Live
from app.telemetry import get_logger, innermost_frames
from app.web.connections import cut_later, first_to_end
from app.web.handshake import WRONG_TOKEN, Refused, close, greet

logger = get_logger(__name__)

STOPPING = "The server is stopping: connect again."


async def converse(websocket: WebSocket, talk: Callable[[WebSocket], Coroutine[Any, Any, None]]) -> None:
    """Greet the client, talk with it, and close with the code that fits how that ended."""
    live: Live = websocket.app.state.live
    try:
        secrets = await greet(websocket)
        if secrets is not None:
            await first_to_end(talk(websocket), _until_refused(websocket, secrets))
            await _bid_farewell(websocket, live)
    except WebSocketDisconnect:
        # The client has closed, or is gone.
        return
    except Refused as error:
        # Without the reason: it may quote what the client sent.
        logger.info("websocket_refused", code=error.code, path=websocket.url.path)
        await close(websocket, error.code, str(error))
    except Unavailable as error:
        await close(websocket, status.WS_1013_TRY_AGAIN_LATER, str(error))
    except AppError as error:
        await close(websocket, status.WS_1008_POLICY_VIOLATION, str(error))
    except SQLAlchemyError as error:
        logger.warning("database_unavailable", reason=type(error).__name__)
        await close(websocket, status.WS_1013_TRY_AGAIN_LATER, "Service Unavailable")
    except Exception as error:  # noqa: BLE001  # The rim: the client is told, and no log line quotes a value.
        path = websocket.url.path
        logger.error("request_failed", error=type(error).__name__, path=path, frames=innermost_frames(error))
        await close(websocket, status.WS_1011_INTERNAL_ERROR, "Internal Server Error")
    finally:
        cut_later(websocket.scope, live)


async def _until_refused(websocket: WebSocket, secrets: Presented) -> None:
    """Turn a client out whose key was revoked meanwhile."""
    credentials: Credentials = websocket.app.state.credentials
    await credentials.until_refused(secrets)
    raise Refused(status.WS_1008_POLICY_VIOLATION, WRONG_TOKEN)


async def _bid_farewell(websocket: WebSocket, live: Live) -> None:
    if live.is_closing:
        await close(websocket, status.WS_1012_SERVICE_RESTART, STOPPING)
    else:
        await close(websocket, status.WS_1000_NORMAL_CLOSURE, "")
