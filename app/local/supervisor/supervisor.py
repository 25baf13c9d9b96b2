"""Keeps a set of named parts alive: starts again what dies, and stops all of them in order."""

import itertools
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.errors import StartupError
from app.local.supervisor.requests import StopRequests

RESTART_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
STEADY_SECONDS = 60.0
"""A process that ran this long has earned its restarts back."""
HURRIED_PATIENCE = 2.0
_POLL_SECONDS = 0.1


class Part(Protocol):
    """Something that the supervisor keeps alive: a child process or an embedded server."""

    @property
    def name(self) -> str:
        """What the operator reads."""
        ...

    @property
    def returncode(self) -> int | None:
        """The exit code of the last run, negative for a signal."""
        ...

    def start(self, check: Callable[[], object] | None = None) -> None:
        """Start it, and return when it can be told whether it runs; StartupError when it does not."""
        ...

    def is_running(self) -> bool:
        """Tell whether its main process lives."""
        ...

    def ask_to_stop(self) -> None:
        """Send the signal for an orderly end to the main process, and return at once."""
        ...

    def kill(self) -> None:
        """Kill what is left of it."""
        ...


@dataclass
class _Watched:
    part: Part
    stage: int
    patience: float
    failures: int = 0
    started: float = 0.0
    retry_at: float | None = None


class Supervisor:
    """Keeps its parts alive until it is told to stop. Everything happens in the thread that calls it."""

    def __init__(self, say: Callable[[str], None], requests: StopRequests) -> None:
        """Make one without parts; `say` prints a line for the operator."""
        self._say = say
        self._requests = requests
        self._watched: list[_Watched] = []

    def add(self, part: Part, *, stage: int, patience: float) -> None:
        """Take charge of a part, running or not: from now on it is kept alive, and stopped at the end.

        Args:
            stage: parts of a lower stage are stopped, and gone, before those of a higher one are asked to stop.
            patience: how many seconds an orderly end may take.
        """
        self._watched.append(_Watched(part, stage, patience, started=time.monotonic()))

    def tick(self) -> None:
        """Look at every part once, and start again what died; to be called often.

        Raises:
            StartupError: a part keeps dying.
            KeyboardInterrupt: the operator wants an end.
        """
        self._requests.check()
        for watched in self._watched:
            if watched.part.is_running():
                if time.monotonic() - watched.started > STEADY_SECONDS:
                    watched.failures = 0
            elif watched.retry_at is None:
                self._note_death(watched)
            elif time.monotonic() >= watched.retry_at:
                self._start_again(watched)

    def run(self) -> None:
        """Keep the parts alive until the operator wants an end, by KeyboardInterrupt, or one keeps dying.

        Raises:
            StartupError: a part keeps dying.
            KeyboardInterrupt: the operator wants an end.
        """
        while True:
            self.tick()
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop all parts, stage by stage; return when all are gone. A further wish to stop shortens the wait."""
        ordered = sorted(self._watched, key=lambda watched: watched.stage)
        for _, stage in itertools.groupby(ordered, key=lambda watched: watched.stage):
            self._stop_stage(list(stage))

    def _note_death(self, watched: _Watched) -> None:
        name, reason = watched.part.name, _describe(watched.part.returncode)
        # What a dead main process left behind, for example the children of a Celery worker, must not work on.
        watched.part.kill()
        if watched.failures >= len(RESTART_DELAYS):
            raise StartupError(f"{name} {reason} again, {watched.failures} restarts did not help: giving up.")
        delay = RESTART_DELAYS[watched.failures]
        watched.failures += 1
        watched.retry_at = time.monotonic() + delay
        tries = f"try {watched.failures} of {len(RESTART_DELAYS)}"
        self._say(f"{name} {reason}; starting it again in {delay:g} s ({tries}).")

    def _start_again(self, watched: _Watched) -> None:
        watched.retry_at = None
        watched.started = time.monotonic()
        try:
            watched.part.start(self._requests.check)
        except StartupError as error:
            # The next look finds it dead and counts it.
            self._say(str(error))

    def _stop_stage(self, stage: list[_Watched]) -> None:
        begun = time.monotonic()
        for watched in stage:
            watched.part.ask_to_stop()
        waiting = stage
        while waiting:
            waiting = [watched for watched in waiting if not self._is_over(watched, begun)]
            time.sleep(_POLL_SECONDS if waiting else 0)

    def _is_over(self, watched: _Watched, begun: float) -> bool:
        part, hurried = watched.part, self._requests.count > 1
        patience = min(watched.patience, HURRIED_PATIENCE) if hurried else watched.patience
        late = time.monotonic() - begun > patience
        if part.is_running() and not late:
            return False
        if part.is_running():
            self._say(f"{part.name} did not stop within {patience:g} s: killing it.")
        part.kill()
        return True


def _describe(returncode: int | None) -> str:
    if returncode is None:
        return "did not start"
    if returncode < 0:
        return f"was killed by signal {-returncode} ({signal.strsignal(-returncode)})"
    return f"ended with exit code {returncode}"
