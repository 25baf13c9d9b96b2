"""The processes that make up the service: how each is started, and when all of them are ready."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from app.errors import StartupError
from app.local import programs
from app.local.embedded.process import wait_until
from app.local.embedded.valkey import answers as broker_answers
from app.local.ports import Address
from app.local.probes import Ping, answers_ok
from app.local.supervisor import Output, Program, Supervisor
from app.settings.run_file import RunFile

API_TIMEOUT = 60.0
REST_TIMEOUT = 30.0
_POLL_SECONDS = 0.1


class Stage(IntEnum):
    """The order of stopping: first who takes requests, last who keeps the data."""

    API = 1
    CLOCK_AND_MONITOR = 2
    WORKERS = 3
    BROKER = 4
    DATABASE = 5


def _without_root_warning() -> str:
    """Python's warning filters without the one of Celery about root: it is about pickle, which we refuse anyway."""
    filters = os.environ.get("PYTHONWARNINGS", "")
    return ",".join(filter(None, [filters, "ignore:You're running the worker with superuser privileges"]))


@dataclass(frozen=True)
class Service:
    """The API, the workers, the beat and Flower of one `aftercommit up`."""

    folder: Path
    run: RunFile
    supervisor: Supervisor
    output: Output

    def start(self, api: Address, flower: Address | None, workers: int) -> None:
        """Start all processes, hand them to the supervisor, and wait for them as far as they can be had.

        The API is ready first: with all processes at once, those that load their code would hold up each other.

        Raises:
            StartupError: the API is not ready within a minute, or a process keeps dying.
            KeyboardInterrupt: the operator wants an end.
        """
        self._start("api", programs.api(api), Stage.API, patience=programs.API_GRACE + 5)
        for number in range(1, workers + 1):
            # Ten seconds to finish tasks, and ten to give back those that are not.
            quiet = {"PYTHONWARNINGS": _without_root_warning()}
            self._start(f"worker{number}", programs.worker(number), Stage.WORKERS, patience=25, extra=quiet)
        has_broker = self._wait_for_the_api()
        self._start("beat", programs.beat(self.folder), Stage.CLOCK_AND_MONITOR, patience=5)
        if flower is not None:
            self._start("flower", programs.flower(flower), Stage.CLOCK_AND_MONITOR, patience=5)
        if has_broker:
            self._wait_for_the_rest(workers)

    def _wait_for_the_api(self) -> bool:
        """Return when the API is ready, and tell whether there is a broker; without one, say what that means."""
        has_broker = broker_answers(self.run.broker_url)
        if not has_broker:
            self.output.say(
                "The broker does not answer. The API works without it and loses nothing; "
                "the workers go on trying and catch up once it is back."
            )
        self.output.say("Waiting for the API ...")
        # Readiness includes the broker.
        url = f"{self.run.api_url}/{'ready' if has_broker else 'health'}"
        if not self._holds(lambda: answers_ok(url), API_TIMEOUT):
            raise StartupError(f"The API did not become ready: {url} gives no 200 after {API_TIMEOUT:g} s.")
        return has_broker

    def _wait_for_the_rest(self, workers: int) -> None:
        names = [programs.node_name(number) for number in range(1, workers + 1)]
        with Ping(programs.ping(workers), self._environment(), self.folder, names) as ping:
            # The workers started with the API: by now they listen, and what asks them can load while Flower does.
            ping.ask()
            if self.run.flower_url is not None:
                healthcheck = f"{self.run.flower_url}/healthcheck"
                self._wait("Flower", lambda: answers_ok(healthcheck))
            self._wait("the workers", ping.answered)

    def _wait(self, name: str, holds: Callable[[], bool]) -> None:
        self.output.say(f"Waiting for {name} ...")
        if not self._holds(holds, REST_TIMEOUT):
            self.output.say(f"No answer from {name} within {REST_TIMEOUT:g} s: going on without.")

    def _holds(self, condition: Callable[[], bool], timeout: float) -> bool:
        return wait_until(condition, timeout=timeout, check=self.supervisor.tick, every=_POLL_SECONDS)

    def _start(
        self, name: str, command: list[str], stage: Stage, *, patience: float, extra: dict[str, str] | None = None
    ) -> None:
        # In the data folder: Celery and uvicorn import from where they stand, and the operator may stand in a
        # folder with an `app` of another project.
        program = Program(name, command, self._environment() | (extra or {}), self.folder, self.output)
        program.start()
        self.supervisor.add(program, stage=stage, patience=patience)

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "AFTERCOMMIT_DATABASE_URL": self.run.database_url,
            "AFTERCOMMIT_BROKER_URL": self.run.broker_url,
            "AFTERCOMMIT_MASKING_KEY": self.run.masking_key,
            "AFTERCOMMIT_DATA_DIR": str(self.folder),
        }
