"""A supervisor with child processes that the test chooses."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app.local.embedded.process import wait_until
from app.local.supervisor import Output, Program, StopRequests, Supervisor

READY = "print('ready', flush=True); "
DIES = "import sys; print('bye'); sys.exit(3)"
STAYS = READY + "import time; time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAYS


class Supervised:
    """A supervisor that records its own lines and those of its child processes."""

    def __init__(self, folder: Path) -> None:
        self.own_lines: list[str] = []
        self.stream = io.StringIO()
        self.requests = StopRequests()
        self.supervisor = Supervisor(self._say, self.requests)
        self._output = Output(self.stream, width=4, coloured=False)
        self._folder = folder

    def _say(self, event: str, text: str, *, is_warning: bool = False) -> None:
        self.own_lines.append(text)

    def program(self, name: str, code: str, *, stage: int = 1, stop_timeout: float = 10) -> Program:
        """Start a child process that runs this code, and supervise it."""
        program = Program(name, [sys.executable, "-c", code], dict(os.environ), self._folder, self._output)
        program.start()
        self.supervisor.add(program, stage=stage, stop_timeout=stop_timeout)
        return program

    def tick_until(self, condition: Callable[[], bool]) -> None:
        """Call `tick` until the condition holds."""
        assert wait_until(condition, timeout=30, check=self.supervisor.tick)

    def lines(self, name: str) -> list[str]:
        """Return the lines that a child process has printed."""
        return [line for line in self.stream.getvalue().splitlines() if line.startswith(name)]
