"""A world with a deployment whose snapshot kills workers, and worker processes that may die."""

import sys
from typing import Any

from sqlalchemy import text

from tests.integration.outbox_world import OutboxWorld
from workers.deaths import Marks
from workers.dispatch import Dispatcher

DEADLY = "deadly"


class Killed(BaseException):
    """Simulates SIGKILL: nothing in this process runs afterwards."""


class Process(Marks):
    """The death marks of one worker process; a killed process does not remove its marks."""

    def remove(self) -> None:
        if not isinstance(sys.exc_info()[1], Killed):
            super().remove()


def create_with_neighbours(world: OutboxWorld) -> OutboxWorld:
    """Make three revisions of a deadly deployment between two healthy ones, all in one lane."""
    for name in ("before", DEADLY, "after"):
        (change,) = world.create(name)
        world.update(change, version="1")
        world.update(change, version="2")
    with world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = 3"))
        session.commit()
    return world


def handle_doorbell(world: OutboxWorld, **how: Any) -> bool:
    """Handle one doorbell as a separate worker process; return whether that process survived."""
    try:
        make_dispatcher(world, Process(world.sessions), **how).dispatch(world.pending_ids())
    except Killed:
        return False
    return True


def make_dispatcher(world: OutboxWorld, marks: Marks, **how: Any) -> Dispatcher:
    cap = world.settings.event_size_cap
    return Dispatcher(world.sessions, 500, cap, marks=marks, **how)


def remaining_snapshots(world: OutboxWorld) -> list[tuple[str, int, int, int]]:
    return [(row.name, row.revision, row.attempts, row.deaths) for row in world.pending()]
