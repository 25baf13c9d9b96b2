"""The processes of a chaos run, and which of them are being disrupted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.local.embedded import Server
from tests.acceptance.stack import Api, Role, Stack, running_servers
from tests.chaos.plan import Plan

TINY_QUEUE: Final = {"publish_queue_size": "5", "publish_linger_ms": "500"}
"""One API drops most of its doorbells: its queue overflows as soon as more than a few changes come."""

SHORT_SILENCE: Final = {"readiness_silence": "4", "readiness_interval": "1"}
"""Who polls is forgotten within a short run, so that beat has something to find."""

BROKER: Final = "broker"
DATABASE: Final = "database"
SOURCE: Final = "source"
"""The database of a Prefect server, in a run with a source."""
PREFECT: Final = "prefect"


@dataclass
class Fleet:
    """All processes. A name in `busy` is being disrupted, so no other disruption may use it."""

    stack: Stack
    apis: list[Api] = field(default_factory=list)
    workers: list[Role] = field(default_factory=list)
    beats: list[Role] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    stubborn: list[str] = field(default_factory=list)
    """Who did not end when asked to, and had to be killed."""

    def free(self, names: list[str]) -> list[str]:
        """Return the names that are not being disrupted."""
        return [name for name in names if name not in self.busy]

    def servers(self) -> dict[str, Server]:
        """Return the database servers and the broker, by name."""
        return {BROKER: self.stack.broker, DATABASE: self.stack.database}

    def names(self, part: str) -> list[str]:
        """Return the names of the processes of a part: `api`, `worker`, `beat`, `broker` or `database`."""
        if part in self.servers():
            return [part]
        return [role.name for role in self.roles() if role.name.startswith(part)]

    def roles(self) -> list[Role]:
        """Return all processes of the product."""
        return [*(api.role for api in self.apis), *self.workers, *self.beats]

    def role(self, name: str) -> Role:
        """Return the process of that name."""
        return next(role for role in self.roles() if role.name == name)

    def pid(self, name: str) -> int:
        """Return the id of the main process of that name."""
        server = self.servers().get(name)
        return self.role(name).pid if server is None else server.pid

    def urls(self) -> list[str]:
        """Return the addresses of the APIs."""
        return [api.url for api in self.apis]

    @property
    def database_url(self) -> str:
        """The database URL in psycopg's form."""
        return self.address(DATABASE)

    def address(self, name: str) -> str:
        """Return the URL of a database server in psycopg's form."""
        return self.servers()[name].url.replace("postgresql+psycopg", "postgresql")


@contextmanager
def running_fleet(plan: Plan, folder: Path, say: Callable[[str], None]) -> Iterator[Fleet]:
    """Start the plan's processes and wait until the APIs answer; stop everything at the end."""
    # No guard: the database must not stop a planted bug that a real one lets through.
    with running_servers(folder, guarded=False) as stack:
        if plan.bug is not None:
            stack.wrap_command = planted(plan.bug)
        stack.common_settings = {**stack.common_settings, **SHORT_SILENCE}
        fleet = Fleet(stack)
        fleet.workers = [stack.start_worker(number) for number in range(1, plan.workers + 1)]
        fleet.beats = [stack.start_beat(f"beat{number}") for number in range(1, plan.beats + 1) if plan.sweep]
        # Without a sweep, snapshots whose doorbells the small queue drops would stay: not a bug of the product.
        usual = {"publish_linger_ms": str(plan.linger_ms)}
        small = TINY_QUEUE if plan.sweep else usual
        fleet.apis = [stack.start_api(**(usual if number else small)) for number in range(plan.apis)]
        say(f"{len(fleet.apis)} APIs, {len(fleet.workers)} workers and {len(fleet.beats)} beats run in {folder}")
        yield fleet


def planted(bug: str) -> Callable[[list[str]], list[str]]:
    """Return what rewrites the command of a role so that it runs with the planted bug."""

    def wrap_command(command: list[str]) -> list[str]:
        python, dash_m, module, *arguments = command
        assert dash_m == "-m", command
        return [python, "-m", "tests.chaos.planted", bug, module, *arguments]

    return wrap_command
