"""A worker that shuts down finishes what it can and returns the rest. No beat runs here, so no sweep can repair it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from sqlalchemy import select

from app.broker.contract import DISPATCH_QUEUE, SWEEP_QUEUE
from app.local import programs
from app.models import EventLog, SnapshotRow
from tests.acceptance.holding import append_lock_held, wait_until_blocked
from tests.acceptance.stack import Role, Stack
from tests.freezing import descendants
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean, assert_unbroken, operations

pytestmark = pytest.mark.slow

WORKER = "aftercommit-worker"
SHORT = ["--", "worker.soft_shutdown_timeout=3"]
"""Three seconds instead of ten to finish the running tasks."""
BOUND = 30.0
"""Seconds within which such a worker must end: its three, and a margin for a slow machine."""
MODES = {"by itself": {}, "remapped": {"REMAP_SIGTERM": "SIGQUIT"}}
"""Environments: the default, and one in which Celery handles SIGTERM as SIGQUIT."""


@pytest.fixture
def stopping_worker(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Role]:
    """The only worker; the test asks it to stop."""
    with redis.Redis.from_url(stack.broker.url) as broker:
        # Remove the messages that a killed worker of another test has left.
        broker.delete(DISPATCH_QUEUE, SWEEP_QUEUE, "unacked", "unacked_index")
    environment = {**stack.environment(), **MODES[getattr(request, "param", "by itself")]}
    role = Role("leaving", [*programs.worker(1), *SHORT], environment, stack.folder / f"{uuid4()}.log")
    stack.roles.append(role)
    role.start()
    yield role
    role.kill()


@pytest.fixture(autouse=True)
def _clean_audit(stack: Stack, world: World) -> Iterator[None]:
    """After the test, check that no event is lost, invented, duplicated or out of order."""
    yield
    world.drain_outbox()
    assert_audit_is_clean(stack.sessions)


def assert_no_sweep_was_needed(stack: Stack) -> None:
    """Fail unless every event was dispatched without a sweep."""
    with stack.sessions() as session:
        assert session.scalar(select(EventLog.rescued)) == 0


def begin_shutdown(role: Role) -> None:
    """Send SIGTERM and wait until the worker has begun to shut down."""
    assert role.process is not None
    role.process.terminate()
    wait_until(lambda: "shutdown" in role.read_log().lower(), "the worker to leave")


def wait_for_exit(role: Role) -> None:
    """Wait until the worker ends; it must exit with 0."""
    assert role.process is not None
    assert role.process.wait(BOUND) == 0, role.read_log()


def signal_children(children: list[int], number: signal.Signals) -> None:
    """Send a signal to the children only."""
    for child in children:
        os.kill(child, number)


def count_messages(stack: Stack) -> tuple[int, int]:
    """Return the number of queued messages and of delivered, unacknowledged messages."""
    with redis.Redis.from_url(stack.broker.url) as broker:
        return broker.llen(DISPATCH_QUEUE), broker.hlen("unacked")


@pytest.mark.parametrize("stopping_worker", MODES, indirect=True)
def test_unfinished_tasks_are_returned_and_done_by_another_worker(
    stack: Stack, world: World, stopping_worker: Role
) -> None:
    deployments = [world.deploy(name=f"d{number}") for number in range(6)]
    world.drain_outbox()
    with append_lock_held(stack):
        for deployment in deployments:
            world.patch(f"/deployments/{deployment}", {"description": "changed"})
        # One child waits for the append lock; the other child may wait for it too.
        wait_until_blocked(stack, WORKER)
        begin_shutdown(stopping_worker)
        wait_for_exit(stopping_worker)
        waiting, unacknowledged = count_messages(stack)
        assert waiting > 0
        assert unacknowledged == 0
    with stack.sessions() as session:
        assert len(session.scalars(select(SnapshotRow.id)).all()) == len(deployments)
    next_one = stack.start_worker(2)
    for deployment in deployments:
        assert operations(world.life(deployment)) == ["created", "updated"]
    assert_no_sweep_was_needed(stack)
    next_one.kill()


def test_a_task_that_ends_in_time_is_finished_and_acknowledged(
    stack: Stack, world: World, stopping_worker: Role
) -> None:
    deployment = world.deploy()
    world.drain_outbox()
    with append_lock_held(stack):
        world.patch(f"/deployments/{deployment}", {"description": "finished"})
        wait_until_blocked(stack, WORKER)
        begin_shutdown(stopping_worker)
    wait_for_exit(stopping_worker)
    assert count_messages(stack) == (0, 0)
    events = world.life(deployment)
    assert_unbroken(events)
    assert len(events) == 2
    assert_no_sweep_was_needed(stack)


def test_a_doorbell_during_the_shutdown_is_left_to_another_worker(
    stack: Stack, world: World, stopping_worker: Role
) -> None:
    deployments = [world.deploy(name=f"d{number}") for number in range(2)]
    world.drain_outbox()
    with append_lock_held(stack):
        world.patch(f"/deployments/{deployments[0]}", {"description": "in hand"})
        wait_until_blocked(stack, WORKER)
        begin_shutdown(stopping_worker)
        world.patch(f"/deployments/{deployments[1]}", {"description": "too late"})
        wait_for_exit(stopping_worker)
    next_one = stack.start_worker(2)
    # The leaving worker may have requested one more message and leave without reading the answer. Redis has then
    # removed that doorbell, so the sweep rings for its row.
    beat = stack.start_beat()
    for deployment in deployments:
        assert operations(world.life(deployment)) == ["created", "updated"]
    next_one.kill()
    beat.kill()


def test_a_child_that_has_not_begun_its_task_does_not_delay_the_shutdown(
    stack: Stack, world: World, stopping_worker: Role
) -> None:
    deployments = [world.deploy(name=f"d{number}") for number in range(2)]
    world.drain_outbox()
    wait_until(lambda: count_messages(stack) == (0, 0), "the creations to be acknowledged")
    children = descendants(stopping_worker.pid)
    signal_children(children, signal.SIGSTOP)
    # When the second message is fetched, the first is in the pipe of a child that is stopped and cannot read it.
    for number, deployment in enumerate(deployments, start=1):
        world.patch(f"/deployments/{deployment}", {"description": "handed over, and not begun"})
        wait_until(lambda fetched=number: count_messages(stack) == (0, fetched), "its message to be fetched")  # type: ignore[misc]
    begin_shutdown(stopping_worker)
    threads = Path(f"/proc/{stopping_worker.pid}/task")
    # While the worker waits for its children, it runs a timer thread and has forgotten the tasks it handed over.
    wait_until(lambda: len([*threads.iterdir()]) > 1, "the worker to wait for its children")
    signal_children(children, signal.SIGCONT)
    wait_for_exit(stopping_worker)
    next_one = stack.start_worker(2)
    for deployment in deployments:
        assert operations(world.life(deployment)) == ["created", "updated"]
    assert_no_sweep_was_needed(stack)
    next_one.kill()
