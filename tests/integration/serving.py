"""Serves the API on a real port in this process, so that tests can inspect it, delay it, and use real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import uvicorn
from fastapi import FastAPI

from app.local.embedded.process import free_port
from app.log.live import LiveHub
from app.main import create_app
from app.server import Server
from app.web.http_protocol import BoundedHttpProtocol
from tests.waiting import wait_until

LIKE_THE_PRODUCT: Final[dict[str, Any]] = {
    "log_level": "info",
    "access_log": False,
    "ws_per_message_deflate": False,
    "http": BoundedHttpProtocol,
}


@dataclass(frozen=True)
class Served:
    """The app, its address, and a client of the routes below `/api`."""

    app: FastAPI
    server: uvicorn.Server
    address: str
    client: httpx2.Client

    @property
    def connections(self) -> int:
        """Count the open connections."""
        return len(self.server.server_state.connections)

    def set(self, **settings: object) -> None:
        """Change settings of the routes."""
        self.app.state.settings = self.app.state.settings.model_copy(update=settings)

    def post(self, *events: dict[str, Any]) -> None:
        """Append events as a client does."""
        response = self.client.post("/events", json=events)
        assert response.status_code == 204, response.text

    @property
    def live(self) -> LiveHub:
        """Return the hub of the log's live readers."""
        live: LiveHub = self.app.state.live
        return live


class ServerWithoutEnd(Server):
    """The product's server, except that it does not end the process when it stops."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until the server is asked to stop."""
        await uvicorn.Server.serve(self, sockets)


@contextmanager
def serving() -> Iterator[Served]:
    """Serve the API while the block runs."""
    app = create_app()
    port = free_port()
    # Without a grace time the server waits for its connections without limit: none of ours may cause that.
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        forwarded_allow_ips=list(app.state.settings.trusted_proxies),
        **LIKE_THE_PRODUCT,
    )
    server = ServerWithoutEnd(app, config, drain=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the API to listen")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as client:
            yield Served(app, server, f"127.0.0.1:{port}", client)
    finally:
        server.should_exit = True
        thread.join()
