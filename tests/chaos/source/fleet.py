"""The processes of a chaos run with a source: our workers, and a Prefect server with its database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import select

from app.local.embedded import Server
from app.models import Source
from app.sources.attaching import Request, attach
from app.sources.profile_file import read_profile_text
from tests.acceptance.stack import Role, running_servers
from tests.chaos.fleet import PREFECT, SOURCE, Fleet, planted
from tests.chaos.plan import SourcePlan
from tests.chaos.source.transactions import prepare
from tests.old_postgres import old_server
from tests.prefect_server import start_prefect
from tests.waiting import wait_until

NAME: Final = "prod"
OFTEN: Final = {"source_interval": "0.2"}


@dataclass
class SourceFleet(Fleet):
    """The fleet with the Prefect server and its database."""

    source: Server | None = None
    prefect: Role | None = None
    prefect_url: str = ""

    def servers(self) -> dict[str, Server]:
        """Return the database servers and the broker, by name."""
        assert self.source is not None, "it is set when the fleet starts"
        return {**super().servers(), SOURCE: self.source}

    def roles(self) -> list[Role]:
        """Return all processes of the product, and the Prefect server."""
        assert self.prefect is not None, "it is set when the fleet starts"
        return [*super().roles(), self.prefect]


@contextmanager
def running_source_fleet(plan: SourcePlan, folder: Path, say: Callable[[str], None]) -> Iterator[SourceFleet]:
    """Start everything, attach the source, and wait until its existing resources are in the log."""
    with ExitStack() as ends:
        stack = ends.enter_context(running_servers(folder, guarded=False))
        if plan.bug is not None:
            stack.wrap_command = planted(plan.bug)
        fleet = SourceFleet(stack, source=ends.enter_context(old_server()))
        server = start_prefect(plan.prefect, fleet.address(SOURCE), folder, PREFECT)
        fleet.prefect, fleet.prefect_url = server.role, server.url
        stack.roles.append(server.role)
        with psycopg.connect(fleet.address(SOURCE)) as connection:
            connection.execute(Path(__file__).with_name("model.sql").read_bytes())
            prepare(connection)
        attach(
            stack.sessions,
            Request(NAME, fleet.address(SOURCE), read_profile_text("prefect")),
            stack.settings,
        )
        fleet.workers = [stack.start_worker(number, **OFTEN) for number in range(1, plan.workers + 1)]
        fleet.beats = [stack.start_beat(**OFTEN)]
        # What is committed before the first look is not a change, but what exists.
        wait_until(lambda: _is_observed(fleet), "the existing resources to be read", timeout=60)
        say(f"a Prefect server, {len(fleet.workers)} workers and a beat run in {folder}")
        yield fleet


def _is_observed(fleet: SourceFleet) -> bool:
    with fleet.stack.sessions() as session:
        return session.scalar(select(Source.moved_until).where(Source.name == NAME)) is not None
