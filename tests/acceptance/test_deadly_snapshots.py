"""A snapshot that kills its worker is parked after three kills, and a replay dispatches it. Others are not held up."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text, update
from typer.testing import CliRunner

from app.audit.reconcile import reconcile
from app.broker import doorbells as broker
from app.cli.main import app
from app.local import programs
from app.models import SnapshotRow
from app.outbox import record
from tests.acceptance.deadly_worker import DEADLY
from tests.acceptance.stack import Role, Stack
from tests.integration.outbox_world import OutboxWorld
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ERROR = "The worker process died three times while it had this snapshot in hand."
SHARED_LANE = 9


class Deadly(NamedTuple):
    """A worker that the deadly snapshot kills, and a file with one line per kill."""

    worker: Role
    kills: Path

    def kills_so_far(self) -> int:
        """Return the number of kills so far."""
        return len(self.kills.read_text().splitlines()) if self.kills.exists() else 0


@pytest.fixture
def world(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[OutboxWorld]:
    """Changes that this process commits; `rung` keeps their doorbells until the test sends them."""
    world = OutboxWorld(stack.sessions, stack.settings)
    with stack.sessions() as session:
        session.execute(text("TRUNCATE deployment, flow, event, snapshot"))
        session.execute(text("UPDATE event_log SET position = 0"))
        session.commit()
    with monkeypatch.context() as patch:
        # In eager mode the commit itself calls `send`, which is replaced here to keep the doorbells.
        here = stack.settings.model_copy(update={"task_always_eager": True})
        for module in (broker, record):
            patch.setattr(module, "get_settings", lambda: here)
        patch.setattr(broker, "send", lambda _settings, doorbells: world.rung.extend(doorbells))
        # Two neighbours share the lane of the deadly deployment; ten other deployments keep their own lanes.
        for name in ("before", DEADLY[0], "after"):
            (change,) = world.create(name)
            world.update(change, version="1")
            world.update(change, version="2")
        with stack.sessions() as session:
            session.execute(update(SnapshotRow).values(lane=SHARED_LANE))
            session.commit()
        world.create(*(f"elsewhere{number}" for number in range(10)))
    yield world
    with stack.sessions() as session:
        found = reconcile(session)
    assert found.is_clean, found.findings
    with stack.sessions() as session:
        assert session.query(SnapshotRow).all() == []


@pytest.fixture
def deadly_worker(stack: Stack, tmp_path: Path) -> Iterator[Deadly]:
    """The only worker."""
    kills = tmp_path / "kills"
    command = programs.worker(1)
    arguments = command[command.index("worker") :]
    launcher = [sys.executable, "-m", "tests.acceptance.deadly_worker", str(kills)]
    worker = stack.start("deadly", [*launcher, *arguments])
    yield Deadly(worker, kills)
    worker.kill()


def wait_until_parked(world: OutboxWorld, deadly_worker: Deadly) -> SnapshotRow:
    """Wait until only the deadly snapshot, now parked, and its successor are left; return the deadly one."""

    def parked() -> bool:
        rows = world.pending()
        return len(rows) == 2 and rows[0].parked is not None

    wait_until(parked, "the deadly one to be parked", timeout=60)
    row, behind = world.pending()
    assert (row.name, row.revision) == DEADLY
    assert (behind.name, behind.revision, behind.attempts) == (DEADLY[0], 3, 0)
    assert (row.error, row.deaths) == (ERROR, 3)
    return row


def revisions(world: OutboxWorld, name: str) -> list[int | None]:
    return [event.revision for event in world.log() if event.resource["prefect.resource.name"] == name]


@pytest.mark.parametrize("rung_by", ["the api", "the sweep alone"])
def test_the_third_kill_parks_the_snapshot_and_a_replay_dispatches_it(
    rung_by: str, stack: Stack, world: OutboxWorld, deadly_worker: Deadly
) -> None:
    beat = None
    if rung_by == "the api":
        broker.send(stack.settings, world.rung)
    else:
        beat = stack.start_beat()
    row = wait_until_parked(world, deadly_worker)
    assert deadly_worker.kills_so_far() == 3
    assert revisions(world, "before") == revisions(world, "after") == [1, 2, 3]
    assert revisions(world, "elsewhere9") == [1]
    deadly_worker.worker.kill()
    healthy = stack.start_worker(2)
    beat = beat or stack.start_beat()
    result = CliRunner().invoke(app, ["outbox", "replay", str(row.id)], env=stack.environment())
    assert result.exit_code == 0, result.output
    wait_until(lambda: world.pending() == [], "the replayed one and the one behind it", timeout=60)
    assert revisions(world, DEADLY[0]) == [1, 2, 3]
    beat.kill()
    healthy.kill()
