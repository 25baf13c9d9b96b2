"""Whoever can write to the broker can neither end a worker nor steer it."""

import json
from typing import Any
from uuid import uuid4

import pytest
import redis

from app.broker.contract import DISPATCH, DISPATCH_QUEUE, SWEEP_QUEUE, make_celery
from tests.acceptance.stack import Role, Stack
from tests.waiting import wait_until
from tests.world import World, operations

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def worker(stack: Stack) -> Role:
    """The only worker."""
    return stack.start_worker()


@pytest.fixture
def broker(stack: Stack) -> "redis.Redis":
    """A client that may write everything."""
    return redis.Redis.from_url(stack.broker.url)


def envelope(headers: Any, body: Any = "W1tbXV0sIHt9LCB7fV0=", **properties: Any) -> dict[str, Any]:
    """Return a message as kombu stores it; the body is that of an empty doorbell."""
    delivery = {"exchange": "", "routing_key": DISPATCH_QUEUE}
    return {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "body_encoding": "base64",
            "delivery_info": delivery,
            "delivery_mode": 2,
            "delivery_tag": str(uuid4()),
            "priority": 0,
            **properties,
        },
    }


VALID_HEADERS = {"task": DISPATCH, "id": "a", "lang": "py", "retries": 0, "timelimit": [None, None], "argsrepr": "()"}
MESSAGES: list[Any] = [
    "no JSON",
    b"\xff\xfe\x00",
    "[]",
    "5",
    "null",
    "{}",
    {"body": "x", "properties": {}},
    {"body": "x", "properties": {"delivery_tag": 5, "delivery_info": 5}},
    envelope({**VALID_HEADERS, "timelimit": ["a", "b"]}),
    envelope({**VALID_HEADERS, "timelimit": 5}),
    envelope({**VALID_HEADERS, "eta": "tomorrow"}),
    envelope({**VALID_HEADERS, "expires": {"a": 1}}),
    envelope({**VALID_HEADERS, "retries": "x"}),
    envelope({**VALID_HEADERS, "id": ["x"]}),
    envelope({**VALID_HEADERS, "group": 5}),
    envelope({**VALID_HEADERS, "task": "no.such.task"}),
    envelope({**VALID_HEADERS, "task": {"a": 1}}),
    envelope(None),
    envelope([]),
    envelope("x"),
    envelope(VALID_HEADERS, body="no base64"),
    envelope(VALID_HEADERS, body=5),
    envelope(VALID_HEADERS, body="bm8gSlNPTg=="),
    envelope(VALID_HEADERS, body_encoding="rot13"),
    envelope(VALID_HEADERS, priority="high"),
    envelope(VALID_HEADERS, reply_to=["x"], correlation_id={"a": 1}),
    {**envelope(VALID_HEADERS), "content-type": "application/x-python-serialize"},
    {**envelope(VALID_HEADERS), "content-encoding": "binary"},
]


def encoded(message: Any) -> bytes | str:
    return message if isinstance(message, str | bytes) else json.dumps(message)


def assert_works(world: World, worker: Role, pid: int) -> None:
    """Assert that the same worker process dispatches a change."""
    deployment = world.deploy(name=str(uuid4()))
    assert operations(world.life(deployment)) == ["created"]
    assert (worker.is_running(), worker.pid) == (True, pid)


def test_no_foreign_message_ends_the_worker(world: World, worker: Role, broker: "redis.Redis") -> None:
    pid = worker.pid
    assert_works(world, worker, pid)
    for message in MESSAGES:
        for queue in (DISPATCH_QUEUE, SWEEP_QUEUE):
            broker.lpush(queue, encoded(message))
    wait_until(lambda: not broker.llen(DISPATCH_QUEUE) and not broker.llen(SWEEP_QUEUE), "all messages to be taken")
    assert_works(world, worker, pid)
    assert worker.read_log().count("message_set_aside") >= len(MESSAGES)
    assert "Traceback" not in worker.read_log()


@pytest.mark.slow
def test_a_malformed_unacknowledged_message_does_not_end_the_worker(
    world: World, worker: Role, broker: "redis.Redis"
) -> None:
    pid = worker.pid
    odd = ["no JSON", "[]", "5", json.dumps([5, 5, 5]), json.dumps([{}, "", DISPATCH_QUEUE])]
    for number, message in enumerate(odd):
        broker.hset("unacked", f"odd-{number}", message)
        broker.zadd("unacked_index", {f"odd-{number}": 1.0})
    # kombu looks for messages to restore only on every tenth try, so wait until it has looked.
    wait_until(lambda: not broker.zcount("unacked_index", 1, 1), "the odd messages to be taken out", timeout=150)
    assert_works(world, worker, pid)


STEERING = ["shutdown", "pool_shrink", "cancel_consumer", "time_limit", "revoke", "rate_limit"]


@pytest.mark.parametrize("command", STEERING)
def test_a_remote_control_command_that_steers_workers_has_no_effect(
    command: str, world: World, worker: Role, stack: Stack
) -> None:
    pid = worker.pid
    celery = make_celery("publisher", lambda: stack.settings)
    arguments = {
        "cancel_consumer": {"queue": DISPATCH_QUEUE},
        "time_limit": {"task_name": DISPATCH, "hard": 0.001},
        "revoke": {"task_id": "a", "terminate": True},
        "rate_limit": {"task_name": DISPATCH, "rate_limit": "1/h"},
    }.get(command, {})
    celery.control.broadcast(command, arguments=arguments)
    assert celery.control.ping(timeout=5)
    assert_works(world, worker, pid)


def test_read_only_remote_control_commands_are_answered(stack: Stack) -> None:
    inspect = make_celery("publisher", lambda: stack.settings).control.inspect(timeout=5)
    assert inspect.stats()
    assert inspect.active() is not None
    assert inspect.registered()


@pytest.mark.parametrize("message", ["no JSON", "[]", "{}", json.dumps(envelope({}, body="bm8=")), "5"])
def test_a_malformed_remote_control_command_does_not_end_the_worker(
    message: str, world: World, worker: Role, broker: "redis.Redis"
) -> None:
    pid = worker.pid
    broker.publish("/0.celery.pidbox", message)
    assert_works(world, worker, pid)
