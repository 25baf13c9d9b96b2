"""Health probes for the processes that `up` has just started."""

import json
import signal
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Self
from urllib.error import HTTPError

from app.errors import ConfigurationError
from app.local.embedded.process import kill_group, spawn
from app.settings.broker_url import read_broker_url

NO_ANSWER = "it does not answer"
_HTTP_TIMEOUT = 2.0
_REASON_BYTES = 10_000
# Requests to this machine must not use a proxy from the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def problem_at(url: str) -> str | None:
    """Return None if a GET is answered with 200 within two seconds, or else why not, in the words of the answer."""
    try:
        with _opener.open(url, timeout=_HTTP_TIMEOUT) as response:
            return None if response.status == 200 else f"it answers {response.status}"
    except HTTPError as error:
        return _reason_in(error.read(_REASON_BYTES)) or f"it answers {error.code}"
    except (OSError, HTTPException):
        return NO_ANSWER


def _reason_in(body: bytes) -> str | None:
    """Return the `message` of a JSON answer, such as that of `/ready`."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else None


def require_broker_url(url: str) -> None:
    """Check, without connecting, that this is the URL of a Redis or Valkey server.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        read_broker_url(url)
    except ValueError as error:
        raise ConfigurationError(f"AFTERCOMMIT_BROKER_URL {error}.") from None


@dataclass
class Ping:
    """Asks Celery workers by name whether they accept commands, in a child process that the caller polls.

    This is Celery's own `inspect ping`, so it works with any broker. Unlike a log line or a process list, an answer
    proves that the worker is connected and subscribed. A ping costs a second of CPU time. Usually one is enough; a ping
    that is sent before the worker listens is lost and must be repeated.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    names: Sequence[str]
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def ask(self) -> subprocess.Popen[bytes]:
        """Start a ping, unless one is running, and return at once."""
        if self._process is None:
            self._process = spawn(
                self.command,
                env=self.env,
                cwd=self.cwd,
                death_signal=signal.SIGKILL,
                output=subprocess.PIPE,
            )
        return self._process

    def all_answered(self) -> bool:
        """Return whether all workers have answered; start a ping if none is running."""
        process = self.ask()
        if process.poll() is None:
            return False
        # The answer is a few lines and fits into the buffer of the pipe.
        reply, _ = process.communicate()
        self._process = None
        return all(f'"{name}"' in reply.decode(errors="replace") for name in self.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill a running ping."""
        if self._process is not None:
            kill_group(self._process)
            self._process.communicate()
            self._process = None
