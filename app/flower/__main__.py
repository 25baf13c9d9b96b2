"""The Flower process, `python -m app.flower`: it takes Flower's own options, and all runners get the same defaults."""

import os
import signal
import sys
from contextlib import closing, redirect_stderr, suppress
from typing import Any, Final

from flower.api import BaseApiHandler
from flower.app import Flower
from flower.command import extract_settings, setup_logging
from flower.urls import settings as flower_settings
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.options import Error, options
from tornado.routing import PathMatches

from app.access import Credentials, SiteRules, is_loopback, require_credential
from app.broker.contract import make_celery
from app.errors import AppError
from app.flower.gate import Gate, GatedRequest
from app.postgres.session_check import require_suitable_server
from app.settings import get_settings, start_logging

DEFAULTS: Final[dict[str, Any]] = {
    "address": "127.0.0.1",
    # Flower asks the workers when it starts and when a page is shown, and warns four to eight times if none answers.
    "logging": "error",
    # What a message was sent for is in its arguments, what the worker delivered in its result.
    "tasks_columns": "uuid,name,args,result,state,received,runtime,worker",
    # Flower keeps a list of tasks in memory. Asking an absent worker must not delay its pages.
    "max_tasks": 10_000,
    "inspect_timeout": 2000.0,
    # Our workers always send events, and do not obey this command.
    "enable_events": False,
}
"""The defaults of Flower's options, where they differ from its own."""


class GatedFlower(Flower):
    """Flower behind a gate."""

    def __init__(self, gate: Gate, **options: Any) -> None:
        super().__init__(**options)
        self._gate = gate

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return what handles the next request of a connection."""
        inner = super().start_request(server_conn, request_conn)
        return GatedRequest(self._gate, request_conn, inner, self.route_of)

    def route_of(self, request: HTTPServerRequest) -> str | None:
        """Return the pattern of the route that a request is for."""
        for rule in self.wildcard_router.rules:
            if isinstance(rule.matcher, PathMatches) and rule.matcher.match(request) is not None:
                return rule.matcher.regex.pattern.removesuffix("$")
        return None


def serve() -> None:
    """Serve Flower's pages until SIGTERM or Ctrl-C.

    Raises:
        AppError: a setting is missing or not valid, the database server is unsuitable, or other machines can reach the
            address without a credential.
        Error: an option is not one of Flower's, or its value is not valid.
        OSError: the address is taken, or not one of this machine.
    """
    for name, value in DEFAULTS.items():
        setattr(options, name, value)
    # Tornado prints its help also for an unknown option, where the logs go.
    with redirect_stderr(sys.stdout):
        options.parse_command_line()
    settings = get_settings()
    # The same setting makes workers obey what Flower's buttons send.
    options.read_only = not settings.worker_remote_control
    with closing(Credentials(settings, is_exposed=not is_loopback(options.address))) as credentials:
        require_suitable_server(credentials.engine)
        require_credential(settings, options.address, credentials.read_keys, service="Flower")
        extract_settings()
        setup_logging()
        # This method answers 401 to the buttons unless a variable opens Flower's API to all. The gate decides instead.
        del BaseApiHandler.prepare
        gate = Gate(credentials, SiteRules(credentials, settings.allowed_hosts))
        flower = GatedFlower(gate, capp=make_celery("worker", get_settings), options=options, **flower_settings)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        flower.start_http_server()
        with suppress(KeyboardInterrupt, SystemExit):
            flower.start()
        flower.stop()


if __name__ == "__main__":
    # First of all: Tornado, which reads the options, would configure the logs if nobody has.
    logs = start_logging()
    try:
        serve()
    except (AppError, Error, OSError) as error:
        logs.tell("start_refused", str(error), is_error=True)
        sys.exit(1)
    # Threads that ask workers wait two seconds for each answer, one question after the other. The end waits for none.
    sys.stdout.flush()
    os._exit(0)
