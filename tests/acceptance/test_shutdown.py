"""An API process shuts down in order. No beat runs here, so the sweep cannot hide a lost doorbell."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
from sqlalchemy import select

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from app.models import EventLog
from tests.acceptance.holding import commits_blocked, count_blocked, deployments_locked, wait_until_blocked
from tests.acceptance.stack import Api, Role, Stack
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean, assert_unbroken, operations, updates

API = "aftercommit-api"
BOUND = 15.0
"""Seconds within which a process with a grace of one second must end, with a large margin."""


@pytest.fixture(scope="module", autouse=True)
def worker(stack: Stack) -> Role:
    """The only worker."""
    return stack.start_worker()


@pytest.fixture(autouse=True)
def _clean_audit_without_the_sweep(stack: Stack, world: World) -> Iterator[None]:
    """After the test, check that no event is lost, invented, duplicated, out of order or left to the sweep."""
    yield
    world.drain_outbox()
    assert_audit_is_clean(stack.sessions)
    with stack.sessions() as session:
        assert session.scalar(select(EventLog.rescued)) == 0


@contextmanager
def stopping_api(stack: Stack, *options: str, **settings: str) -> Iterator[Api]:
    """Yield an API process that the test asks to stop."""
    address = Address("API", "127.0.0.1", free_port(), "--port")
    # A blocked request must wait longer than the process waits for it.
    limits = {"database_lock_timeout_ms": "25000", **settings}
    role = stack.start(f"leaving-{address.port}", [*programs.api(address), *options], **limits)
    api = Api(role, address.url)
    api.wait()
    yield api
    role.kill()


def process_of(api: Api) -> subprocess.Popen[bytes]:
    assert api.role.process is not None
    return api.role.process


def refuses_connections(api: Api) -> bool:
    """Return whether a new connection is refused."""
    try:
        httpx2.get(f"{api.url}/health", timeout=5)
    except httpx2.TransportError:
        # The connection may also be reset: the kernel accepted it, but the process did not.
        return True
    return False


Answer = Future[httpx2.Response]
Send = Callable[[Sequence[str], str], list[Answer]]


@contextmanager
def clients(api: Api, count: int = 1) -> Iterator[Send]:
    """Yield a function that sends one change per deployment, each on a connection that was used before.

    Enter it before the context that blocks the requests: its exit waits for their answers.
    """
    with ExitStack() as open_, ThreadPoolExecutor(count) as pool:
        used = [open_.enter_context(api.client()) for _ in range(count)]
        for client in used:
            assert client.get("/hello").status_code == 200

        def send(deployments: Sequence[str], description: str) -> list[Answer]:
            return [
                pool.submit(client.patch, f"/deployments/{deployment}", json={"description": description})
                for client, deployment in zip(used, deployments, strict=True)
            ]

        yield send


def test_requests_in_open_transactions_are_answered_and_have_their_events(stack: Stack, world: World) -> None:
    deployments = [world.deploy(name=f"d{number}") for number in range(3)]
    with stopping_api(stack) as api, api.client() as idle:
        assert idle.get("/hello").status_code == 200
        with clients(api, 3) as send, deployments_locked(stack, deployments):
            answers = send(deployments, "in hand")
            wait_until_blocked(stack, API, 3)
            process_of(api).terminate()
            wait_until(lambda: refuses_connections(api), "new connections to be refused")
            assert not any(answer.done() for answer in answers)
        assert [answer.result().status_code for answer in answers] == [204] * 3
        assert process_of(api).wait(BOUND) == 0
    for deployment in deployments:
        assert operations(world.life(deployment)) == ["created", "updated"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_hanging_request_does_not_delay_the_exit_and_changes_nothing(
    stack: Stack, world: World, number: signal.Signals
) -> None:
    deployment = world.deploy(description="orig")
    with stopping_api(stack, "--grace", "1") as api:
        with clients(api) as send, deployments_locked(stack, [deployment]):
            (answer,) = send([deployment], "phantom")
            wait_until_blocked(stack, API)
            process_of(api).send_signal(number)
            assert process_of(api).wait(BOUND) == 0
            assert outcome(answer) >= 500
        wait_until(lambda: count_blocked(stack, API) == 0, "the database to notice")
    world.patch(f"/deployments/{deployment}", {"description": "real"})
    events = world.life(deployment)
    assert_unbroken(events)
    assert updates(events[1])["description"] == {"from": "orig", "to": "real"}


def test_a_request_that_hangs_in_its_commit_keeps_its_change_and_snapshot(stack: Stack, world: World) -> None:
    deployment = world.deploy(description="orig")
    with stopping_api(stack, "--grace", "1") as api, clients(api) as send, commits_blocked(stack):
        (answer,) = send([deployment], "committed")
        wait_until_blocked(stack, API)
        process_of(api).terminate()
        assert process_of(api).wait(BOUND) == 0
        assert outcome(answer) >= 500
    # No doorbell was sent. The next change of the resource dispatches this one too, as the sweep would.
    world.patch(f"/deployments/{deployment}", {"description": "real"})
    events = world.life(deployment)
    assert_unbroken(events)
    assert [updates(event)["description"]["to"] for event in events[1:]] == ["committed", "real"]


def outcome(answer: Answer) -> int:
    """Return the status; a connection that was closed without an answer counts as 599."""
    try:
        return answer.result().status_code
    except httpx2.TransportError:
        return 599


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_open_requests_and_queued_doorbells_are_still_published(
    stack: Stack, world: World, second: signal.Signals
) -> None:
    blocked, queued = world.deploy(name="blocked"), world.deploy(name="queued")
    world.drain_outbox()
    with (
        stopping_api(stack, "--grace", "600", publish_linger_ms="1000") as api,
        clients(api) as send,
        api.client() as other,
    ):
        with deployments_locked(stack, [blocked]):
            (answer,) = send([blocked], "phantom")
            wait_until_blocked(stack, API)
            stack.world(other).patch(f"/deployments/{queued}", {"description": "queued"})
            process_of(api).terminate()
            wait_until(lambda: refuses_connections(api), "it to leave")
            process_of(api).send_signal(second)
            assert process_of(api).wait(BOUND) == 0
        assert outcome(answer) >= 500
    assert operations(world.life(queued)) == ["created", "updated"]
    assert operations(world.life(blocked)) == ["created"]


def test_health_reports_the_shutdown_before_the_port_is_closed(stack: Stack, world: World) -> None:
    deployment = world.deploy()
    with stopping_api(stack, "--drain", "600") as api, api.client() as client:
        assert client.get("/health").status_code == 200
        process_of(api).terminate()
        wait_until(lambda: client.get("/health").status_code == 503, "it to say that it leaves")
        assert "api" in client.get("/ready").json()["reasons"]
        answer = client.patch(f"/deployments/{deployment}", json={"description": "still served"})
        assert (answer.status_code, answer.headers["connection"]) == (204, "close")
        process_of(api).terminate()
        assert process_of(api).wait(BOUND) == 0
    assert operations(world.life(deployment)) == ["created", "updated"]
