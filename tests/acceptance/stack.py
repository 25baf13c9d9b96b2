"""The stack of the acceptance tests: PostgreSQL, Valkey, API, worker and beat as real processes."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.cli.migrate import upgrade
from app.local import programs
from app.local.embedded import Server, start_postgres, start_valkey
from app.local.embedded.process import free_port, kill_group, spawn
from app.local.ports import Address
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings
from tests import guard
from tests.waiting import wait_until
from tests.world import World

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Role:
    """One process of the product; it can be started again."""

    name: str
    command: list[str]
    env: Mapping[str, str] = field(repr=False)
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its output is appended to its log."""
        with self.log.open("ab") as output:
            self.process = spawn(self.command, env=self.env, death_signal=signal.SIGTERM, output=output, cwd=ROOT)

    def kill(self) -> None:
        """Send SIGKILL to the process and all its children, like a power cut."""
        if self.process is not None:
            kill_group(self.process)
            self.process = None

    @property
    def pid(self) -> int:
        """The process id of its main process."""
        assert self.process is not None
        return self.process.pid

    def is_running(self) -> bool:
        """Return whether its main process is alive; it may be starting or stopping."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send SIGTERM to its main process and return at once."""
        assert self.process is not None
        self.process.terminate()

    def stop(self, timeout: float = 30) -> int:
        """Send SIGTERM to its main process, as an operator would, and return its exit code."""
        self.ask_to_stop()
        assert self.process is not None
        code = self.process.wait(timeout)
        self.kill()
        return code

    def read_log(self) -> str:
        """Return its log so far."""
        return self.log.read_text(errors="replace")


@dataclass
class Stack:
    """The servers, and the processes (roles) that use them."""

    database: Server
    broker: Server
    settings: Settings
    sessions: sessionmaker[Session]
    engine: Engine
    folder: Path
    roles: list[Role] = field(default_factory=list)
    wrap_command: Callable[[list[str]], list[str]] = list
    """Rewrites the command line of each role before it is started."""
    common_settings: Mapping[str, str] = field(default_factory=lambda: {"sweep_interval": "1", "sweep_grace": "1"})
    """The default settings of every role."""

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a role, with these additional settings."""
        ours = {
            "AFTERCOMMIT_DATABASE_URL": self.settings.database_url,
            "AFTERCOMMIT_BROKER_URL": self.broker.url,
            "AFTERCOMMIT_MASKING_KEY": "a key for tests, of 32 characters",
        }
        given = {**self.common_settings, **settings}
        return {**os.environ, **ours, **{f"AFTERCOMMIT_{name.upper()}": value for name, value in given.items()}}

    def start(self, name: str, command: list[str], **settings: str) -> Role:
        """Start a role."""
        role = Role(name, self.wrap_command(command), self.environment(**settings), self.folder / f"{name}.log")
        role.start()
        self.roles.append(role)
        return role

    def start_worker(self, number: int = 1, /, **settings: str) -> Role:
        """Start a Celery worker with two children."""
        return self.start(f"worker{number}", programs.worker(number), **settings)

    def start_beat(self, name: str = "beat", /, **settings: str) -> Role:
        """Start a beat with its own schedule file."""
        folder = self.folder / f"{name}-schedule"
        folder.mkdir(exist_ok=True)
        return self.start(name, programs.beat(folder), **settings)

    def start_api(self, **settings: str) -> "Api":
        """Start an API process and wait until it answers."""
        address = Address("API", "127.0.0.1", free_port(), "--port")
        # Each API gets its own core while one is free, as an operator would start them.
        core = sum(role.name.startswith("api-") for role in self.roles)
        role = self.start(f"api-{address.port}", programs.api(address, core), **settings)
        api = Api(role, address.url)
        api.wait()
        return api

    def world(self, client: httpx2.Client) -> World:
        """Return a world that uses this client and the database."""
        return World(client, self.sessions)

    def stop(self) -> None:
        """End everything."""
        for role in self.roles:
            role.kill()
        self.engine.dispose()


@contextmanager
def running_servers(
    folder: Path, *, durable: bool = False, install: Path | None = None, guarded: bool = True
) -> Iterator[Stack]:
    """Yield PostgreSQL and Valkey with an empty registry and no roles; stop everything afterwards.

    Unless `guarded`, the database also commits changes that have no snapshot. The other arguments are those of
    `start_postgres`.
    """
    with ExitStack() as ends:
        database = start_postgres(folder, durable=durable, install=install)
        ends.callback(database.stop)
        broker = start_valkey(folder)
        ends.callback(broker.stop)
        upgrade(database.url)
        if guarded:
            guard.install(database.url)
        settings = Settings(
            database_url=database.url, broker_url=broker.url, masking_key="a key for tests, of 32 characters"
        )
        engine = make_engine(settings, application_name="aftercommit-test")
        stack = Stack(database, broker, settings, make_sessions(engine), engine, folder)
        ends.callback(stack.stop)
        yield stack


@dataclass
class Api:
    """An API process and its address."""

    role: Role
    url: str

    def wait(self) -> None:
        """Wait until it answers `/health` with 200."""

        def answers() -> bool:
            try:
                return httpx2.get(f"{self.url}/health", timeout=2).status_code == 200
            except httpx2.TransportError:
                assert self.role.process is not None
                assert self.role.process.poll() is None, self.role.read_log()
                return False

        wait_until(answers, "the API to answer", timeout=90)

    def restart(self) -> None:
        """Start it again after it was killed, on the same port."""
        self.role.start()
        self.wait()

    @contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """Yield a client of the routes below `/api`."""
        with httpx2.Client(base_url=f"{self.url}/api", timeout=30, follow_redirects=True) as client:
            yield client
