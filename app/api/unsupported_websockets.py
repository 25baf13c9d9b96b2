"""Refuses the WebSockets of a Prefect server that this registry does not support, with the reason.

A worker that gets 404 uses the polling routes instead, and does not try again. Without these routes the server would
answer 403, which a client takes for wrong credentials.
"""

from http import HTTPStatus
from typing import Final

from fastapi import WebSocket
from fastapi.responses import JSONResponse

from app.web.routing import make_router

UNSUPPORTED_WEBSOCKETS: Final = {
    "/work_pools/{name}/workers/connect": "aftercommit has no WebSocket for workers: use the polling routes.",
    "/logs/out": "aftercommit has no run logs.",
    "/task_runs/subscriptions/scheduled": "aftercommit has no task runs.",
}
"""The reason for the refusal, by path."""

router = make_router()


def _add(path: str, reason: str) -> None:
    @router.websocket(path)
    async def refuse(websocket: WebSocket) -> None:
        await websocket.send_denial_response(JSONResponse({"detail": reason}, HTTPStatus.NOT_FOUND))


for _path, _reason in UNSUPPORTED_WEBSOCKETS.items():
    _add(_path, _reason)
