"""The WebSockets that a Prefect server has and this registry does not: each is refused with the reason.

A worker that is told 404 takes the polling routes instead, and does not ask again. Without a route the server's own
answer would be 403, by which a client believes that its credentials are wrong.
"""

from http import HTTPStatus
from typing import Final

from fastapi import WebSocket
from fastapi.responses import JSONResponse

from app.web.routing import make_router

ABSENT_SOCKETS: Final = {
    "/work_pools/{name}/workers/connect": "aftercommit has no channel for workers: they poll.",
    "/logs/out": "aftercommit has no logs of runs.",
    "/task_runs/subscriptions/scheduled": "aftercommit has no task runs.",
}
"""The reason, by the path."""

router = make_router()


def _add(path: str, reason: str) -> None:
    @router.websocket(path)
    async def refuse(websocket: WebSocket) -> None:
        await websocket.send_denial_response(JSONResponse({"detail": reason}, HTTPStatus.NOT_FOUND))


for _path, _reason in ABSENT_SOCKETS.items():
    _add(_path, _reason)
