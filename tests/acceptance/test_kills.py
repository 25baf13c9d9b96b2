"""No event is lost or duplicated when a process is killed at the worst moment."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text, update

from app.models import EventLog
from tests.acceptance.stack import Role, Stack
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean, assert_unbroken, operations

WAITING_WORKERS = "FROM pg_stat_activity WHERE application_name = 'aftercommit-worker' AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Role:
    """The only worker."""
    return stack.start_worker()


@pytest.fixture(scope="module", autouse=True)
def beat(stack: Stack, worker: Role) -> Role:
    """Beat, which triggers the sweep."""
    return stack.start_beat()


@pytest.fixture(autouse=True)
def _clean_audit(stack: Stack, world: World) -> Iterator[None]:
    """After the test, check that no event is lost, invented, duplicated or out of order."""
    yield
    world.drain_outbox()
    assert_audit_is_clean(stack.sessions)


def change_repeatedly(world: World, deployment: str, times: int) -> None:
    for version in range(times):
        world.patch(f"/deployments/{deployment}", {"version": str(version)})


def test_no_event_is_lost_when_the_api_is_killed_before_it_publishes(stack: Stack, world: World) -> None:
    # This API collects doorbells for a minute, so none has been sent when it is killed.
    lingering_api = stack.start_api(publish_linger_ms="60000")
    with lingering_api.client() as client:
        doomed = stack.world(client)
        deployments = [doomed.deploy(name=f"d{number}") for number in range(50)]
    lingering_api.role.kill()
    for deployment in deployments:
        assert operations(world.life(deployment)) == ["created"]
    with stack.sessions() as session:
        # Snapshots too young for the sweep were dispatched with their lane and do not count as rescued.
        assert session.query(EventLog).one().rescued > 0


def test_no_event_is_lost_when_a_worker_is_killed_during_a_task(stack: Stack, world: World, worker: Role) -> None:
    deployment = world.deploy()
    world.drain_outbox()
    with stack.sessions() as holder:
        # The append lock is held here, so the worker waits inside its transaction until it is killed.
        holder.execute(update(EventLog).values(position=EventLog.position))
        change_repeatedly(world, deployment, 3)

        def worker_waits_for_the_lock() -> bool:
            with stack.sessions() as session:
                return bool(session.scalar(text(f"SELECT count(*) {WAITING_WORKERS}")))

        wait_until(worker_waits_for_the_lock, "a worker inside its transaction")
        worker.kill()
        holder.rollback()
    worker.start()
    events = world.life(deployment)
    assert_unbroken(events)
    assert len(events) == 4


def test_no_event_is_lost_when_a_worker_loses_the_database_during_a_task(
    stack: Stack, world: World, worker: Role
) -> None:
    deployment = world.deploy()
    world.drain_outbox()
    with stack.sessions() as holder:
        holder.execute(update(EventLog).values(position=EventLog.position))
        change_repeatedly(world, deployment, 3)

        def cut_the_worker_off() -> bool:
            with stack.sessions() as session:
                return bool(session.scalars(text(f"SELECT pg_terminate_backend(pid) {WAITING_WORKERS}")).all())

        wait_until(cut_the_worker_off, "a worker inside its transaction")
        holder.rollback()
    assert_unbroken(world.life(deployment))


def test_no_event_is_lost_when_the_broker_is_killed_under_load(stack: Stack, world: World) -> None:
    deployment = world.deploy()
    change_repeatedly(world, deployment, 5)
    stack.broker.kill()
    change_repeatedly(world, deployment, 20)
    assert world.client.get("/ready").status_code == 503
    stack.broker.start()
    change_repeatedly(world, deployment, 5)
    events = world.life(deployment)
    assert_unbroken(events)
    # Each round sets the versions 0 to n-1, and each value differs from the one before.
    assert len(events) == 1 + 5 + 20 + 5
    wait_until(lambda: world.client.get("/ready").status_code == 200, "the API to be ready again")


def test_the_service_recovers_from_a_kill_of_the_database_without_restarts(stack: Stack, world: World) -> None:
    deployment = world.deploy()
    stack.database.kill()
    response = world.client.patch(f"/deployments/{deployment}", json={"version": "never"})
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert world.client.get("/ready").status_code == 503
    assert world.client.get("/health").status_code == 200
    stack.database.start()
    wait_until(lambda: world.client.get("/ready").status_code == 200, "the API to be ready again")
    change_repeatedly(world, deployment, 2)
    events = world.life(deployment)
    assert_unbroken(events)
    assert len(events) == 3


def test_a_new_worker_dispatches_what_changed_while_no_worker_ran(stack: Stack, world: World, worker: Role) -> None:
    deployment = world.deploy()
    worker.stop()
    change_repeatedly(world, deployment, 5)
    worker.start()
    events = world.life(deployment)
    assert_unbroken(events)
    assert len(events) == 6


def test_an_api_that_starts_without_a_broker_works_and_reports_it(stack: Stack, world: World) -> None:
    stack.broker.kill()
    late = stack.start_api()
    with late.client() as client:
        other = stack.world(client)
        deployment = other.deploy()
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert "broker" in ready.json()["reasons"]
        stack.broker.start()
        assert operations(other.life(deployment)) == ["created"]
    late.role.kill()


def test_a_stopping_api_publishes_the_queued_doorbells(stack: Stack, world: World) -> None:
    # With a linger of two seconds, the doorbell is still queued when the API is stopped.
    leaving = stack.start_api(publish_linger_ms="2000")
    with leaving.client() as client:
        deployment = stack.world(client).deploy()
    leaving.role.stop()
    assert operations(world.life(deployment)) == ["created"]
