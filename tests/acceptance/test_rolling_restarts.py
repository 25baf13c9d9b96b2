"""A rolling restart of every process under load causes no failed request, although the clients never retry."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.proxy import balanced
from tests.acceptance.stack import Api, Role, Stack
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean, assert_unbroken

pytestmark = pytest.mark.slow

CLIENTS = 3
CHANGES_PER_STEP = 5
"""Changes that each client must complete after each restart, so that every restart is under load."""


@dataclass
class Load:
    """One client: it changes its own deployment and a shared one, and never retries."""

    deployment: str
    shared: str
    client: httpx2.Client
    over: threading.Event
    changes: int = 0

    def run(self) -> None:
        """Send requests until `over` is set; a wrong or missing answer is an error."""
        while not self.over.is_set():
            number = self.changes + 1
            self._answered(self.client.patch(f"/deployments/{self.deployment}", json={"version": str(number)}), 204)
            self.changes = number
            self._answered(self.client.patch(f"/deployments/{self.shared}", json={"version": self.deployment}), 204)
            read = self.client.get(f"/deployments/{self.deployment}")
            self._answered(read, 200)
            assert read.json()["version"] == str(number)

    def _answered(self, response: httpx2.Response, status: int) -> None:
        assert response.status_code == status, f"{response.request.method} {response.url}: {response.text}"


@dataclass
class AllLoads:
    """The load of all clients."""

    loads: list[Load]
    running: list[Future[None]]

    def wait_for_progress(self) -> None:
        """Wait until every client has completed `CHANGES_PER_STEP` more changes; raise the error of a failed client."""
        before = [load.changes for load in self.loads]

        def more() -> bool:
            for future in self.running:
                if future.done():
                    future.result()
            return all(load.changes >= was + CHANGES_PER_STEP for load, was in zip(self.loads, before, strict=True))

        wait_until(more, "the load to go on", 60)


@pytest.fixture(scope="module")
def apis(stack: Stack) -> list[Api]:
    """Two API processes with a drain time of two seconds, two workers and two beats."""
    for number in (1, 2):
        stack.start_worker(number)
        folder = stack.folder / f"beat{number}"
        folder.mkdir()
        stack.start(f"beat{number}", programs.beat(folder))
    return [_start_api(stack, number) for number in (1, 2)]


def _start_api(stack: Stack, number: int) -> Api:
    address = Address("API", "127.0.0.1", free_port(), "--port")
    api = Api(stack.start(f"api{number}", [*programs.api(address), "--drain", "2"]), address.url)
    api.wait()
    return api


@pytest.fixture
def api(apis: list[Api]) -> Api:
    """The first API process, for the world."""
    return apis[0]


def role(stack: Stack, name: str) -> Role:
    """Return a role by its name."""
    return next(role for role in stack.roles if role.name == name)


def port_of(api: Api) -> int:
    return int(api.url.rpartition(":")[2])


@contextmanager
def under_load(world: World, url: str) -> Iterator[AllLoads]:
    """Let clients change deployments through the balancer without retries; check all events at the end."""
    over = threading.Event()
    shared = world.deploy(name="shared")
    clients = [httpx2.Client(base_url=f"{url}/api", timeout=60) for _ in range(CLIENTS)]
    loads = [Load(world.deploy(name=f"own{n}"), shared, client, over) for n, client in enumerate(clients)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        all_loads = AllLoads(loads, [pool.submit(load.run) for load in loads])
        try:
            yield all_loads
        finally:
            over.set()
    for future, client in zip(all_loads.running, clients, strict=True):
        future.result()
        client.close()
    for load in loads:
        events = world.life(load.deployment)
        assert_unbroken(events)
        assert len(events) == 1 + load.changes
    assert_unbroken(world.life(shared))


@pytest.fixture(autouse=True)
def _clean_audit(stack: Stack, world: World) -> Iterator[None]:
    """After the test, check that no event is lost, invented, duplicated or out of order."""
    yield
    world.drain_outbox()
    assert_audit_is_clean(stack.sessions)


def restart(role: Role) -> None:
    """Send SIGTERM, wait for the end of the process and start it again."""
    assert role.stop(timeout=30) == 0, role.read_log()
    role.start()


@pytest.mark.timeout(240)
def test_a_rolling_restart_behind_a_draining_load_balancer_fails_no_request(
    stack: Stack, world: World, apis: list[Api]
) -> None:
    with balanced([port_of(api) for api in apis]) as (balancer, url), under_load(world, url) as all_loads:
        for backend, api in zip(balancer.backends, apis, strict=True):
            balancer.drain(backend)
            restart(api.role)
            api.wait()
            backend.is_out = False
            all_loads.wait_for_progress()
        for name in ("worker1", "worker2", "beat1", "beat2"):
            restart(role(stack, name))
            all_loads.wait_for_progress()
        stack.broker.stop()
        stack.broker.start()
        all_loads.wait_for_progress()
    assert balancer.failures == []


def test_a_load_balancer_that_polls_health_sends_no_request_to_a_stopping_api(
    stack: Stack, world: World, apis: list[Api]
) -> None:
    with (
        balanced([port_of(api) for api in apis], watching=True) as (balancer, url),
        under_load(world, url) as all_loads,
    ):
        for backend, api in zip(balancer.backends, apis, strict=True):
            restart(api.role)
            api.wait()
            wait_until(lambda known=backend: not known.is_out, "the balancer to take it back")  # type: ignore[misc]
            all_loads.wait_for_progress()
    assert balancer.failures == []
