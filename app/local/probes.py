"""Whether the parts of a service that was just started are there for work."""

import signal
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Self

import redis

from app.errors import ConfigurationError
from app.local.embedded.process import kill_group, spawn

_HTTP_TIMEOUT = 2.0
# A proxy that the environment names has no business with an address of this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers_ok(url: str) -> bool:
    """Tell whether a GET is answered with 200 within two seconds."""
    try:
        with _opener.open(url, timeout=_HTTP_TIMEOUT) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False


def require_redis(url: str) -> None:
    """Return when this is the URL of a Redis or Valkey; nothing is connected to.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        redis.Redis.from_url(url).close()
    except ValueError as error:
        example = "redis://:password@host:6379/0"
        raise ConfigurationError(f"AFTERCOMMIT_BROKER_URL is not a URL like {example}.") from error


@dataclass
class Ping:
    """Asks Celery workers by name whether they take commands, in a child process that is looked at now and then.

    It is Celery's own question, so it holds whatever the broker is, and unlike a log line or a process list it tells
    that the worker has a connection and is subscribed. It costs a second of CPU time, once in the usual case: a
    question that is asked before the worker listens is lost, and costs a new one.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    names: Sequence[str]
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def ask(self) -> subprocess.Popen[bytes]:
        """Start asking, unless it is being asked, and return at once."""
        if self._process is None:
            self._process = spawn(
                self.command,
                env=self.env,
                cwd=self.cwd,
                death_signal=signal.SIGKILL,
                output=subprocess.PIPE,
            )
        return self._process

    def answered(self) -> bool:
        """Tell whether all workers have answered; start asking, again if need be."""
        process = self.ask()
        if process.poll() is None:
            return False
        # An answer is a few lines, which a pipe holds.
        reply, _ = process.communicate()
        self._process = None
        return all(f'"{name}"' in reply.decode(errors="replace") for name in self.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        if self._process is not None:
            kill_group(self._process)
            self._process.communicate()
            self._process = None
