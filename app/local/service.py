"""Starts the processes of the service and waits until they are ready."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from app.broker.probe import problem_with_broker
from app.errors import StartupError
from app.local import programs
from app.local.embedded.process import wait_until
from app.local.ports import Address
from app.local.probes import NO_ANSWER, Ping, problem_at
from app.local.supervisor import DOWN_AFTER, Output, Program, Supervisor
from app.settings.run_file import RunFile

API_TIMEOUT = 60.0
REST_TIMEOUT = 30.0
_POLL_SECONDS = 0.1


class Stage(IntEnum):
    """The order in which processes are stopped: first the API, last the database."""

    API = 1
    BEAT_AND_FLOWER = 2
    WORKERS = 3
    BROKER = 4
    DATABASE = 5


def _without_root_warning() -> str:
    """Return Python's warning filters, extended to hide Celery's warning about root.

    The warning is about pickle, which the workers refuse.
    """
    filters = os.environ.get("PYTHONWARNINGS", "")
    return ",".join(filter(None, [filters, "ignore:You're running the worker with superuser privileges"]))


@dataclass
class _Waiting:
    """Waits until a URL is answered with 200, and prints each new reason why it is not."""

    url: str
    output: Output
    problem: str | None = NO_ANSWER

    def is_over(self) -> bool:
        """Ask once, and return whether the answer was 200."""
        problem = problem_at(self.url)
        if problem not in (None, NO_ANSWER, self.problem):
            self.output.say("waiting", f"Still waiting: {problem}")
        self.problem = problem
        return problem is None


@dataclass(frozen=True)
class Service:
    """The API, the workers, beat and Flower of one `aftercommit up`."""

    folder: Path
    run: RunFile
    supervisor: Supervisor
    output: Output

    def start(self, api: Address, flower: Address | None, workers: int) -> None:
        """Start all processes under the supervisor and wait until they are ready.

        Only the API must become ready; Flower and the workers are waited for at most 30 s each, and only if the broker
        answers. Beat and Flower start after the API is ready: loading their code would delay it.

        Raises:
            StartupError: the API is not ready within a minute, or keeps dying.
            KeyboardInterrupt: the operator asked to stop.
        """
        self._start("api", programs.api(api), Stage.API, stop_timeout=programs.API_GRACE + 5)
        for number in range(1, workers + 1):
            # A worker has ten seconds to finish its tasks, and ten to return unfinished ones.
            extra = {"PYTHONWARNINGS": _without_root_warning()}
            self._start(f"worker{number}", programs.worker(number), Stage.WORKERS, stop_timeout=25, extra=extra)
        has_broker = self._wait_for_api()
        self._start("beat", programs.beat(self.folder), Stage.BEAT_AND_FLOWER, stop_timeout=5)
        if flower is not None:
            self._start("flower", programs.flower(flower), Stage.BEAT_AND_FLOWER, stop_timeout=5)
        if has_broker:
            self._wait_for_flower_and_workers(workers)

    def _wait_for_api(self) -> bool:
        """Wait until the API is ready; return whether the broker answers. If it does not, explain what that means."""
        problem = problem_with_broker(self.run.broker_url)
        has_broker = problem is None
        if not has_broker:
            self.output.say(
                "no_broker",
                f"The broker {problem}. The API works without it and loses nothing; "
                "the workers keep trying and catch up once the broker can be used.",
                is_warning=True,
            )
        self.output.say("waiting", "Waiting for the API ...")
        # /ready needs the broker; /health does not.
        url = f"{self.run.api_url}/{'ready' if has_broker else 'health'}"
        waiting = _Waiting(url, self.output)
        if not self._wait_until(lambda: waiting.is_over() or self.supervisor.deaths("api") >= DOWN_AFTER, API_TIMEOUT):
            raise StartupError(f"The API did not become ready within {API_TIMEOUT:g} s: {waiting.problem}.")
        if waiting.problem is not None:
            raise StartupError("The API does not start; its last lines say why.")
        return has_broker

    def _wait_for_flower_and_workers(self, workers: int) -> None:
        names = [programs.node_name(number) for number in range(1, workers + 1)]
        with Ping(programs.ping(workers), self._environment(), self.folder, names) as ping:
            # The workers started with the API and listen now. The ping can load its code while Flower does the same.
            ping.ask()
            if self.run.flower_url is not None:
                self._wait_or_continue("Flower", _Waiting(f"{self.run.flower_url}/healthcheck", self.output).is_over)
            self._wait_or_continue("the workers", ping.all_answered)

    def _wait_or_continue(self, name: str, condition: Callable[[], bool]) -> None:
        self.output.say("waiting", f"Waiting for {name} ...")
        if not self._wait_until(condition, REST_TIMEOUT):
            text = f"No answer from {name} within {REST_TIMEOUT:g} s: continuing anyway."
            self.output.say("no_answer", text, is_warning=True)

    def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        return wait_until(condition, timeout=timeout, check=self.supervisor.tick, every=_POLL_SECONDS)

    def _start(
        self, name: str, command: list[str], stage: Stage, *, stop_timeout: float, extra: dict[str, str] | None = None
    ) -> None:
        # Run it in the data folder: Celery and uvicorn import from the current folder, and the operator's current
        # folder may hold an `app` of another project.
        program = Program(name, command, self._environment() | (extra or {}), self.folder, self.output)
        program.start()
        self.supervisor.add(program, stage=stage, stop_timeout=stop_timeout)

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "AFTERCOMMIT_DATABASE_URL": self.run.database_url,
            "AFTERCOMMIT_DATABASE_POOLER": self.run.database_pooler,
            "AFTERCOMMIT_BROKER_URL": self.run.broker_url,
            "AFTERCOMMIT_MASKING_KEY": self.run.masking_key,
            "AFTERCOMMIT_DATA_DIR": str(self.folder),
        }
