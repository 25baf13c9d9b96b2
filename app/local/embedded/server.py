"""An embedded database or broker server: its address, and how to start, stop, kill and restart it."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import StartupError
from app.local.embedded.process import free_port, kill_group, tail, wait_until

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0

_PORT_TAKEN = "already in use"
# Errors that pass: the previous server was killed a moment ago and still holds the port or the shared memory.
_TRANSIENT_ERRORS = (_PORT_TAKEN, "pre-existing shared memory block")

Check = Callable[[], object]


@dataclass
class Server:
    """A server on 127.0.0.1. It keeps its port and its data over `stop`, `kill` and `restart`."""

    name: str
    log: Path
    url_format: str = field(repr=False)
    """The URL with a placeholder `{port}`; it contains the password."""
    launch: Callable[[int], subprocess.Popen[bytes]] = field(repr=False)
    """Starts the program on a port and returns at once."""
    answers: Callable[[str], bool] = field(repr=False)
    """Returns whether the server at this URL accepts a login and a command."""
    stop_signal: signal.Signals
    port: int = field(default_factory=free_port)
    _started_once: bool = field(default=False, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _log_size: int = field(default=0, repr=False)

    @property
    def url(self) -> str:
        """The URL with user and password, for SQLAlchemy or redis-py."""
        return self.url_format.format(port=self.port)

    @property
    def pid(self) -> int:
        """The process id of the main process of the server, running or not."""
        if self._process is None:
            raise StartupError(f"{self.name} was never started.")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code of the last run, negative for a signal, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def is_running(self) -> bool:
        """Return whether the main process is alive; it may be starting or stopping."""
        return self._process is not None and self._process.poll() is None

    def start(self, check: Check | None = None) -> None:
        """Start the server and return when it accepts connections; do nothing if it is running.

        Args:
            check: called repeatedly while waiting. If it raises, the server is killed and the exception propagates.

        Raises:
            StartupError: the server did not come up; the text ends with the last lines of its log.
        """
        if self.is_running():
            return
        with self._kill_on_failure():
            self._spawn()
            if not wait_until(self._is_ready, timeout=START_TIMEOUT, check=check):
                raise StartupError(f"{self.name} does not accept connections.\n{tail(self.log)}")
        self._started_once = True

    def stop(self, timeout: float = STOP_TIMEOUT) -> bool:
        """Stop the server, by SIGKILL after `timeout` seconds; return whether it stopped in time."""
        self.ask_to_stop()
        stopped_in_time = wait_until(lambda: not self.is_running(), timeout=timeout)
        self.kill()
        return stopped_in_time

    def ask_to_stop(self) -> None:
        """Ask the server to stop and return at once; `is_running` is False when it has stopped."""
        if self._process is not None and self.is_running():
            self._process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """Kill the server, like a crash: it flushes nothing. Its data stays for the next start."""
        if self._process is not None and self.is_running():
            kill_group(self._process)

    def restart(self) -> None:
        """Stop the server if it runs, and start it on the same port with the same data."""
        self.stop()
        self.start()

    def _spawn(self) -> None:
        self._log_size = self.log.stat().st_size if self.log.exists() else 0
        self._process = self.launch(self.port)

    def _is_ready(self) -> bool:
        if self.is_running():
            return self.answers(self.url)
        log_tail = tail(self.log, since=self._log_size)
        if not any(reason in log_tail for reason in _TRANSIENT_ERRORS):
            raise StartupError(f"{self.name} ended with exit code {self.returncode}.\n{log_tail}")
        if _PORT_TAKEN in log_tail and not self._started_once:
            self.port = free_port()
        self._spawn()
        return False

    @contextmanager
    def _kill_on_failure(self) -> Iterator[None]:
        started = False
        try:
            yield
            started = True
        finally:
            if not started:
                self.kill()


@contextmanager
def open_log(log: Path) -> Iterator[int]:
    """Yield a file descriptor for appending to a log, which only its owner can read."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def rotate_log(log: Path) -> None:
    """Rename the log of the previous run, so that the logs of at most two runs are kept."""
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))
