"""The process of the API, `python -m app.server`: uvicorn, and our way of leaving.

uvicorn alone ends with the signal's own exit code, waits for requests that hang in their threads after Ctrl-C, takes a
second SIGTERM for nothing, and tells no load balancer that it is about to go.
"""

import asyncio
import gc
import os
import socket
import sys
import time
from types import FrameType
from typing import Annotated, Any, Final, Literal, NoReturn

import typer
import uvicorn
from fastapi import FastAPI

from app.access import is_loopback, require_credential
from app.affinity import keep_to_one_core
from app.errors import AppError
from app.main import create_app

TICK_SECONDS: Final = 0.1
TELLING_SECONDS: Final = 1.0
"""How long the readers of the log may take to go once they are told to."""
CONTAINERS_BETWEEN_COLLECTIONS: Final = 50_000
"""How many more dictionaries, lists and objects there may be before the garbage collector looks for what is lost."""
WEBSOCKETS: Final[dict[str, Any]] = {
    "ws_max_size": 4 * 1024 * 1024,
    # A reader that is slow but reads finds the ping behind what is in its buffers.
    "ws_ping_timeout": 120,
    # It would compress each event anew for each reader.
    "ws_per_message_deflate": False,
}


LogLevel = Literal["info", "warning", "error", "critical"]
"""Not `debug`: there uvicorn writes what goes over each WebSocket, before anything in it is masked."""


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, and then leaves in order, within `drain` + `grace` + 4 seconds.

    1. The readers of the log are told to connect again. For `drain` seconds it serves as before, but `/health` and
       `/ready` answer 503, and each answer closes its connection: a load balancer sends its requests elsewhere.
    2. It refuses new connections, and finishes the requests in hand for `grace` seconds at most. What is not
       finished then is cut off before its commit, or after it: never in between.
    3. It publishes what is queued, and ends with exit code 0.

    A second signal ends the waiting of the first two steps.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config, *, drain: float) -> None:
        """Take the app, the configuration that serves it, and the seconds to announce the leave for."""
        super().__init__(config)
        self._app = app
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # The interface is uvicorn's.
        """Note the wish to leave, or to hurry. The signal is not raised again at the end: this is no failure."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, leave, and end the process."""
        if self._app.state.settings.api_one_core:
            # It ends with the process. The event loop alone would not keep it from being collected.
            self._keeping = asyncio.create_task(keep_to_one_core())
        await super().serve(sockets)
        _end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leave in the order that the class tells."""
        self._app.state.leaving = True
        self.config.encoded_headers.append((b"connection", b"close"))
        self._app.state.live.stop()
        until = time.monotonic() + self._drain
        while not self.force_exit and time.monotonic() < until:
            await self.on_tick(0)
            await asyncio.sleep(TICK_SECONDS)
        await self._see_readers_off()
        await super().shutdown(sockets)
        if self.force_exit:
            # In a hurry uvicorn leaves this out, and the doorbells would be lost.
            await self.lifespan.shutdown()

    async def _see_readers_off(self) -> None:
        """Wait for the readers to be told why: uvicorn closes what is left of them without a word."""
        until = time.monotonic() + TELLING_SECONDS
        while self._app.state.live.readers and not self.force_exit and time.monotonic() < until:
            await asyncio.sleep(TICK_SECONDS / 10)


def _end() -> NoReturn:
    """End at once: a request that was cut off may hang in its thread, for which a normal end would wait."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 4200,
    log_level: Annotated[LogLevel, typer.Option(help="Of uvicorn's own lines.")] = "info",
    drain: Annotated[float, typer.Option(min=0, help="Seconds to serve on after SIGTERM, with /health at 503.")] = 0.0,
    grace: Annotated[int, typer.Option(min=0, help="Seconds to finish the requests in hand, after that.")] = 5,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    try:
        app = create_app(is_exposed=not is_loopback(host))
        notice = require_credential(app.state.settings, host, app.state.credentials.read_keys)
    except AppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    if notice is not None:
        typer.echo(notice, err=True)
    bounds: dict[str, Any] = {"timeout_graceful_shutdown": grace, **WEBSOCKETS}
    # What is there by now lives as long as the process: the garbage collector need not look at it again and again.
    # Nor at what a request needs, which goes with it; it holds some thousand containers.
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_COLLECTIONS)
    config = uvicorn.Config(app, host=host, port=port, log_level=log_level, access_log=False, **bounds)
    Server(app, config, drain=drain).run()


if __name__ == "__main__":
    typer.run(serve)
