"""A child process whose output is passed on line by line."""

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from app.local.embedded.process import kill_group, spawn
from app.local.supervisor.output import Output

_LINE_LIMIT = 64 * 1024
_LAST_LINES_TIMEOUT = 1.0


@dataclass
class Program:
    """A child process with its own process group. Only its main process is asked to stop."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    output: Output = field(repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _reader: threading.Thread | None = field(default=None, repr=False)

    @property
    def returncode(self) -> int | None:
        """The exit code of the last run, negative for a signal, or None."""
        return None if self._process is None else self._process.poll()

    def is_running(self) -> bool:
        """Return whether the main process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, check: Callable[[], object] | None = None) -> None:  # noqa: ARG002  # It does not wait.
        """Start the process and return at once. It gets SIGKILL when `up` dies, so it never outlives `up`.

        SIGTERM is not enough: a Celery worker that is asked to stop while the broker disappears, for example because
        the broker died with `up`, waits for the broker without end.
        """
        self._process = spawn(
            self.command, env=self.env, cwd=self.cwd, death_signal=signal.SIGKILL, output=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._show, args=[self._process.stdout], daemon=True)
        self._reader.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the main process."""
        if self._process is not None and self.is_running():
            self._process.terminate()

    def kill(self) -> None:
        """Kill the process and the rest of its group, and print its last lines."""
        if self._process is None or self._reader is None:
            return
        kill_group(self._process)
        self._reader.join(_LAST_LINES_TIMEOUT)

    def _show(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in iter(lambda: pipe.readline(_LINE_LIMIT), b""):
                if text := line.decode(errors="replace").rstrip():
                    self.output.line(self.name, text)
