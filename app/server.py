"""The API process, `python -m app.server`: uvicorn with a shutdown of our own.

Plain uvicorn exits with the code of the signal, waits after Ctrl-C for requests that hang in their threads, ignores a
second SIGTERM, and does not announce its shutdown to load balancers.
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
from app.errors import AppError
from app.log.masking_at_start import settle_masking_at_start
from app.main import create_app
from app.postgres.session_check import require_suitable_server
from app.settings import start_logging
from app.telemetry import get_logger
from app.web.http_protocol import BoundedHttpProtocol

TICK_SECONDS: Final = 0.1
READERS_STOP_SECONDS: Final = 1.0
"""How long the shutdown waits for the readers of the log to disconnect."""
CONTAINERS_BETWEEN_COLLECTIONS: Final = 50_000
"""The garbage collector runs after this net number of new container objects (dictionaries, lists, instances)."""
WEBSOCKETS: Final[dict[str, Any]] = {
    "ws_max_size": 4 * 1024 * 1024,
    # A slow reader receives the ping only after the data in its buffers.
    "ws_ping_timeout": 120,
    # Compression would be repeated for each event and each reader.
    "ws_per_message_deflate": False,
}


LogLevel = Literal["info", "warning", "error", "critical"]
"""Without `debug`: at that level uvicorn logs all WebSocket data, before secrets in it are masked."""

logger = get_logger("app.server")


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, and then shuts down in order, within `drain` + `grace` + 4 seconds.

    1. The readers of the log are told to connect again. For `drain` seconds the server still accepts requests, but
       `/health` and `/ready` answer 503 and each response closes its connection, so that a load balancer sends its
       requests elsewhere.
    2. The server refuses new connections and gives the running requests `grace` seconds to finish. A request that is
       cut off after that has either committed everything or nothing.
    3. The server publishes the queued doorbells and exits with code 0.

    A second signal ends the waiting of steps 1 and 2.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config, *, drain: float) -> None:
        """Prepare the server.

        Args:
            app: the app that `config` serves.
            config: uvicorn's configuration.
            drain: seconds to go on serving after the signal, while `/health` answers 503.
        """
        super().__init__(config)
        self._app = app
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # The interface is uvicorn's.
        """Start the shutdown; at the second signal, stop waiting. Unlike in uvicorn, the signal is not raised again."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, shut down, and end the process."""
        await super().serve(sockets)
        logger.info("api_stopped")
        _exit()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        logger.info("api_started", host=self.config.host, port=self.config.port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down in the steps that the docstring of the class describes."""
        logger.info("api_stopping")
        self._app.state.is_stopping = True
        self.config.encoded_headers.append((b"connection", b"close"))
        self._app.state.live.stop()
        deadline = time.monotonic() + self._drain
        while not self.force_exit and time.monotonic() < deadline:
            await self.on_tick(0)
            await asyncio.sleep(TICK_SECONDS)
        await self._wait_for_readers()
        await super().shutdown(sockets)
        if self.force_exit:
            # A forced exit of uvicorn skips this, and the queued doorbells would be lost.
            await self.lifespan.shutdown()

    async def _wait_for_readers(self) -> None:
        """Let the readers disconnect with a reason: uvicorn would close their connections without one."""
        deadline = time.monotonic() + READERS_STOP_SECONDS
        while self._app.state.live.readers and not self.force_exit and time.monotonic() < deadline:
            await asyncio.sleep(TICK_SECONDS / 10)


def pin_to_core(number: int) -> None:
    """Pin this process to one of the cores that it may use: `number` modulo their count.

    Python runs one thread at a time. On several cores the interpreter lock moves from core to core with each SQL
    statement, which halves the throughput (docs/decisions/one-core-per-api-process.md). This works only on Linux;
    elsewhere it does nothing.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def _exit() -> NoReturn:
    """Exit at once. A normal exit would wait for a request that was cut off but still hangs in its thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 4200,
    log_level: Annotated[LogLevel, typer.Option(help="The level of uvicorn's own log lines.")] = "warning",
    drain: Annotated[float, typer.Option(min=0, help="Seconds to serve on after SIGTERM, with /health at 503.")] = 0.0,
    grace: Annotated[int, typer.Option(min=0, help="Seconds for running requests to finish after that.")] = 5,
    core: Annotated[int | None, typer.Option(min=0, help="Pin the process to the Nth core that it may use.")] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    if core is not None:
        pin_to_core(core)
    logs = start_logging()
    try:
        app = create_app(is_exposed=not is_loopback(host))
        require_suitable_server(app.state.engine)
        settle_masking_at_start(app.state.settings)
        notice = require_credential(app.state.settings, host, app.state.credentials.read_keys)
    except AppError as error:
        logs.tell("start_refused", str(error), is_error=True)
        raise typer.Exit(1) from None
    if notice is not None:
        logs.tell("no_credential", notice)
    options: dict[str, Any] = {"timeout_graceful_shutdown": grace, **WEBSOCKETS}
    # Exclude the imported modules from garbage collection. A request allocates some thousand containers and frees them
    # itself, so a collection after every few hundred allocations would find nothing.
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_COLLECTIONS)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        # Its lines go through the loggers that `start_logging` has configured.
        log_config=None,
        log_level=log_level,
        # `RequestContext` logs the requests, without their paths and query strings.
        access_log=False,
        http=BoundedHttpProtocol,
        forwarded_allow_ips=list(app.state.settings.trusted_proxies),
        **options,
    )
    Server(app, config, drain=drain).run()


if __name__ == "__main__":
    typer.run(serve)
