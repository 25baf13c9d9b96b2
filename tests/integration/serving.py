"""The API on a real port, in this process: what it is made of can be looked at and held up; its sockets are real."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import uvicorn
from fastapi import FastAPI

from app.embedded.process import free_port
from app.live import Live
from app.main import create_app
from tests.waiting import wait_until


@dataclass(frozen=True)
class Served:
    """The app, its address, and a client of the routes below `/api`."""

    app: FastAPI
    address: str
    client: httpx2.Client

    @property
    def live(self) -> Live:
        """Return those who follow the log."""
        live: Live = self.app.state.live
        return live


@contextmanager
def serving() -> Iterator[Served]:
    """Serve the API for the length of the block."""
    app = create_app()
    port = free_port()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=5, ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the API to listen")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as client:
            yield Served(app, f"127.0.0.1:{port}", client)
    finally:
        # No signal comes to a server outside of the main thread.
        app.state.live.stop()
        server.should_exit = True
        thread.join()
