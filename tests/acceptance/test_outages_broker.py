"""The broker is down, hangs, is slow or is full: requests are not affected, and the service recovers on its own."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import redis

from tests.acceptance.outages import BROKER_SECONDS, Client, Record, Recovery, assert_nothing_lost
from tests.acceptance.slow_proxy import slow_proxy
from tests.acceptance.stack import Role, Stack
from tests.freezing import frozen
from tests.waiting import wait_until
from tests.world import World, assert_unbroken

DELAY_SECONDS = 0.4
"""Seconds that each chunk takes on the slow connection; a publish needs several chunks."""

Outage = Callable[[Stack], AbstractContextManager[None]]


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
    yield
    assert_nothing_lost(stack, world)


@pytest.fixture(autouse=True)
def _same_processes(worker: Role, beat: Role) -> Iterator[None]:
    """Check that the worker and beat neither ended nor were restarted."""
    assert worker.process is not None
    assert beat.process is not None
    before = (worker.process.pid, beat.process.pid)
    yield
    assert (worker.process.pid, beat.process.pid) == before
    assert (worker.process.poll(), beat.process.poll()) == (None, None)


@pytest.fixture
def client(world: World) -> Client:
    """A client with a deployment whose `created` event is in the log."""
    client = Client(world.client, world.deploy())
    world.drain_outbox()
    return client


@contextmanager
def broker_down(stack: Stack) -> Iterator[None]:
    """The broker's address refuses connections."""
    stack.broker.kill()
    yield
    stack.broker.start()


def broker_hung(stack: Stack) -> AbstractContextManager[None]:
    """The broker accepts connections and never answers."""
    return frozen(stack.broker.pid)


@contextmanager
def broker_full(stack: Stack) -> Iterator[None]:
    """The broker's append-only file cannot grow, so the broker refuses writes, also those of the worker."""
    before = resource.prlimit(stack.broker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stack.broker.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    with redis.Redis.from_url(stack.broker.url) as client:

        def refuses() -> bool:
            try:
                client.set("filling", "x")
            except redis.ResponseError as error:
                return "MISCONF" in str(error)
            return False

        wait_until(refuses, "the broker to refuse writes")
    (worker,) = (role for role in stack.roles if role.name == "worker1")
    wait_until(lambda: "MISCONF" in worker.read_log(), "the worker to be refused")
    yield
    resource.prlimit(stack.broker.pid, resource.RLIMIT_FSIZE, before)


def assert_answered_in_time(client: Client, changes: int = 30) -> None:
    """Fail unless each change is acknowledged within `BROKER_SECONDS`."""
    answers = [client.change() for _ in range(changes)] + client.changes_at_once(changes)
    assert {answer.status for answer in answers} == {204}
    assert max(answer.seconds for answer in answers) < BROKER_SECONDS


@pytest.mark.parametrize(
    ("outage", "name"),
    [
        (broker_down, "a broker that is away"),
        (broker_hung, "a hung broker"),
        (broker_full, "a broker without space"),
    ],
)
def test_requests_are_not_affected_by_an_outage_of_the_broker(
    stack: Stack, client: Client, record_property: Record, outage: Outage, name: str
) -> None:
    with outage(stack):
        assert_answered_in_time(client)
        ready = client.http.get("/ready", timeout=BROKER_SECONDS)
        assert (ready.status_code, list(ready.json()["reasons"])) == (503, ["broker"])
        assert client.http.get("/health", timeout=1).status_code == 200
    Recovery(client, record_property).wait(name)
    assert client.count_events() == 1 + client.changes


def test_requests_are_not_affected_by_a_slow_broker(stack: Stack, world: World) -> None:
    with slow_proxy(stack.broker.port, DELAY_SECONDS) as port:
        url = stack.broker.url_format.format(port=port)
        distant = stack.start_api(broker_url=url)
        with distant.client() as http:
            client = Client(http, stack.world(http).deploy())
            assert_answered_in_time(client)
        distant.role.stop()
    events = world.life(client.deployment)
    assert_unbroken(events)
    assert len(events) == 1 + client.changes
