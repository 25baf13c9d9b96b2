"""Keeps processes running: restarts those that die, and stops all of them in order."""

import itertools
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.errors import StartupError
from app.local.supervisor.output import Say
from app.local.supervisor.stop_requests import StopRequests

RESTART_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""The seconds before each restart of a process that keeps dying. The last one is repeated."""
DOWN_AFTER = 5
"""The deaths in a row after which a process is shown as down."""
STEADY_SECONDS = 60.0
"""After running this long, a process is restarted quickly again."""
HURRIED_STOP_TIMEOUT = 2.0
_POLL_SECONDS = 0.1


class ManagedProcess(Protocol):
    """A process that the supervisor keeps running: a child process or an embedded server."""

    @property
    def name(self) -> str:
        """The name that the operator sees."""
        ...

    @property
    def returncode(self) -> int | None:
        """The exit code of the last run, negative for a signal."""
        ...

    def start(self, check: Callable[[], object] | None = None) -> None:
        """Start the process; raise StartupError if it does not come up."""
        ...

    def is_running(self) -> bool:
        """Return whether the main process is alive."""
        ...

    def ask_to_stop(self) -> None:
        """Ask the main process to stop in order, and return at once."""
        ...

    def kill(self) -> None:
        """Kill the process and its remaining children."""
        ...


@dataclass
class _Watched:
    process: ManagedProcess
    stage: int
    stop_timeout: float
    failures: int = 0
    started: float = 0.0
    retry_at: float | None = None


class Supervisor:
    """Keeps its processes running until it is asked to stop. It does all work in the thread of the caller."""

    def __init__(self, say: Say, stop_requests: StopRequests) -> None:
        """Start without processes; `say` prints a line for the operator."""
        self._say = say
        self._stop_requests = stop_requests
        self._watched: list[_Watched] = []

    def add(self, process: ManagedProcess, *, stage: int, stop_timeout: float) -> None:
        """Keep this process running from now on, whether it runs already or not, and stop it at the end.

        Args:
            stage: processes of a higher stage are asked to stop when all processes of lower stages have ended.
            stop_timeout: seconds that the process has to stop before it is killed.
        """
        self._watched.append(_Watched(process, stage, stop_timeout, started=time.monotonic()))

    def tick(self) -> None:
        """Check every process once and restart those that died; call this often.

        A process that keeps dying is restarted ever more slowly, and the others go on.

        Raises:
            KeyboardInterrupt: the operator asked to stop.
        """
        self._stop_requests.check()
        for watched in self._watched:
            if watched.process.is_running():
                if time.monotonic() - watched.started > STEADY_SECONDS:
                    watched.failures = 0
            elif watched.retry_at is None:
                self._note_death(watched)
            elif time.monotonic() >= watched.retry_at:
                self._start_again(watched)

    def deaths(self, name: str) -> int:
        """Return how often in a row the process with this name has died."""
        return sum(watched.failures for watched in self._watched if watched.process.name == name)

    def run(self) -> None:
        """Keep the processes running; return only by an exception.

        Raises:
            KeyboardInterrupt: the operator asked to stop.
        """
        while True:
            self.tick()
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop all processes, stage by stage, and return when all have ended. A second request shortens the wait."""
        ordered = sorted(self._watched, key=lambda watched: watched.stage)
        for _, stage in itertools.groupby(ordered, key=lambda watched: watched.stage):
            self._stop_stage(list(stage))

    def _note_death(self, watched: _Watched) -> None:
        name, reason = watched.process.name, _describe(watched.process.returncode)
        # The remaining children, for example those of a Celery worker, must not go on working.
        watched.process.kill()
        delay = RESTART_DELAYS[min(watched.failures, len(RESTART_DELAYS) - 1)]
        watched.failures += 1
        watched.retry_at = time.monotonic() + delay
        if watched.failures < DOWN_AFTER:
            self._say("process_died", f"{name} {reason}; starting it again in {delay:g} s.", is_warning=True)
            return
        text = f"{name} is down: it {reason}, {watched.failures} times in a row; next try in {delay:g} s."
        self._say("process_down", text, is_warning=True)

    def _start_again(self, watched: _Watched) -> None:
        watched.retry_at = None
        watched.started = time.monotonic()
        try:
            watched.process.start(self._stop_requests.check)
        except StartupError as error:
            # The next tick finds that it does not run, and counts the failure.
            self._say("process_not_started", str(error), is_warning=True)

    def _stop_stage(self, stage: list[_Watched]) -> None:
        begun = time.monotonic()
        for watched in stage:
            watched.process.ask_to_stop()
        waiting = stage
        while waiting:
            waiting = [watched for watched in waiting if not self._has_stopped(watched, begun)]
            time.sleep(_POLL_SECONDS if waiting else 0)

    def _has_stopped(self, watched: _Watched, begun: float) -> bool:
        process, is_hurried = watched.process, self._stop_requests.count > 1
        stop_timeout = min(watched.stop_timeout, HURRIED_STOP_TIMEOUT) if is_hurried else watched.stop_timeout
        is_late = time.monotonic() - begun > stop_timeout
        if process.is_running() and not is_late:
            return False
        if process.is_running():
            text = f"{process.name} did not stop within {stop_timeout:g} s: killing it."
            self._say("process_killed", text, is_warning=True)
        process.kill()
        return True


def _describe(returncode: int | None) -> str:
    if returncode is None:
        return "did not start"
    if returncode < 0:
        return f"was killed by signal {-returncode} ({signal.strsignal(-returncode)})"
    return f"ended with exit code {returncode}"
