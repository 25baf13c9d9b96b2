"""A newer API with an older worker: snapshots that the older worker cannot read wait for a newer worker."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from app.models import SCHEMA_VERSION, SnapshotRow
from tests.acceptance.stack import Api, Role, Stack
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean, assert_unbroken, updates

pytestmark = pytest.mark.slow

LONG = timedelta(seconds=5)
"""Several sweeps: beat runs one every second, for snapshots older than one second."""


def as_next_version(command: list[str]) -> list[str]:
    """Return the command line of the same role in the next version."""
    python, _, module, *arguments = command
    return [python, "-m", "tests.acceptance.next_version", module, *arguments]


@pytest.fixture(scope="module", autouse=True)
def old_worker(stack: Stack) -> Role:
    """The worker of this version; beat runs too."""
    stack.start_beat()
    return stack.start_worker(1)


@pytest.fixture
def next_version_client(stack: Stack) -> Iterator[httpx2.Client]:
    """A client of an API of the next version."""
    address = Address("API", "127.0.0.1", free_port(), "--port")
    api = Api(stack.start("newer-api", as_next_version(programs.api(address))), address.url)
    api.wait()
    with api.client() as client:
        yield client


def pending_snapshots(stack: Stack, deployment: str) -> list[SnapshotRow]:
    """Return a deployment's snapshots in the outbox, in order of revision."""
    with stack.sessions() as session:
        rows = select(SnapshotRow).where(SnapshotRow.resource_id == UUID(deployment))
        return list(session.scalars(rows.order_by(SnapshotRow.revision)))


def have_waited_long(stack: Stack, deployment: str) -> bool:
    """Return whether all snapshots of a deployment are older than `LONG`, by the database's clock."""
    with stack.sessions() as session:
        young = SnapshotRow.captured > func.clock_timestamp() - LONG
        return not session.scalars(
            select(SnapshotRow.id).where(SnapshotRow.resource_id == UUID(deployment), young)
        ).all()


def test_newer_snapshots_wait_without_failures_and_a_newer_worker_dispatches_them_in_order(
    stack: Stack, world: World, next_version_client: httpx2.Client, old_worker: Role
) -> None:
    newer_world = World(next_version_client, stack.sessions, token=world.token)
    mixed, other = world.deploy(name="mixed"), world.deploy(name="other")
    world.drain_outbox()
    numbers = iter(range(100))

    def change(through: World, deployment: str) -> None:
        through.patch(f"/deployments/{deployment}", {"version": str(next(numbers))})

    change(newer_world, mixed)
    change(newer_world, mixed)
    # The older API still runs. Its snapshot is readable, but must stay behind the unreadable ones.
    change(world, mixed)
    versions = [SCHEMA_VERSION + 1, SCHEMA_VERSION + 1, SCHEMA_VERSION]
    for _ in range(3):
        change(world, other)
        wait_until(lambda: not pending_snapshots(stack, other), "the other resource to go on")
    wait_until(lambda: have_waited_long(stack, mixed), "several sweeps")
    rows = pending_snapshots(stack, mixed)
    assert [row.schema_version for row in rows] == versions
    assert [(row.attempts, row.deaths, row.parked, row.error) for row in rows] == [(0, 0, None, None)] * 3

    stack.start("newer-worker", as_next_version(programs.worker(2)))
    wait_until(lambda: not pending_snapshots(stack, mixed), "the newer worker to read them")
    change(newer_world, mixed)
    change(world, other)
    for deployment, count in ((mixed, 5), (other, 5)):
        events = world.life(deployment)
        assert_unbroken(events)
        assert len(events) == count
    assert [updates(event)["version"]["to"] for event in world.life(mixed)[1:]] == ["0", "1", "2", "6"]
    assert old_worker.process is not None
    assert old_worker.process.poll() is None, "the old worker must still be running"
    assert_audit_is_clean(stack.sessions)
