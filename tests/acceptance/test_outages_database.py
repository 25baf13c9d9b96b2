"""The database hangs, dies, restarts or is out of connections: requests get 503 in time, and the service recovers."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import make_url, update

from app.local import programs
from app.models import EventLog
from tests.acceptance.outages import (
    DATABASE_SECONDS,
    Client,
    Record,
    Recovery,
    assert_nothing_lost,
    assert_unavailable,
    lock_deployment,
    wait_for_backend,
)
from tests.acceptance.stack import Role, Stack
from tests.databases import administer
from tests.freezing import freeze, frozen, thaw
from tests.waiting import wait_until
from tests.world import World, assert_unbroken, updates

AT_ONCE = 40
"""Concurrent requests: more than the API has threads or connections."""


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Role:
    """The only worker; its transactions may be idle for one second."""
    return stack.start("worker1", programs.worker(1), database_idle_transaction_timeout_ms="1000")


@pytest.fixture(scope="module", autouse=True)
def beat(stack: Stack, worker: Role) -> Role:
    """Beat, which triggers the sweep."""
    return stack.start_beat()


@pytest.fixture(autouse=True)
def _clean_audit(stack: Stack, world: World) -> Iterator[None]:
    yield
    wait_until(lambda: world.client.get("/ready").status_code == 200, "the API to be ready again")
    assert_nothing_lost(stack, world)


@pytest.fixture
def client(world: World) -> Client:
    """A client with a deployment whose `created` event is in the log."""
    client = Client(world.client, world.deploy())
    world.drain_outbox()
    return client


def assert_only_the_database_is_unavailable(client: Client) -> None:
    assert client.http.get("/health", timeout=1).status_code == 200
    ready = client.http.get("/ready", timeout=DATABASE_SECONDS)
    assert ready.status_code == 503
    assert list(ready.json()["reasons"]) == ["database"]


def test_with_a_hung_database_each_of_many_requests_gets_503_in_time(
    stack: Stack, client: Client, record_property: Record
) -> None:
    client.changes_at_once(AT_ONCE)
    with frozen(stack.database.pid):
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(client.changes_at_once, AT_ONCE)
            while not running.done():
                assert client.http.get("/health", timeout=1).status_code == 200
        assert_unavailable(running.result())
        assert_unavailable([client.change(), client.change()])
        assert_only_the_database_is_unavailable(client)
        assert_unavailable(client.changes_at_once(AT_ONCE))
    Recovery(client, record_property).wait("a hung database")


def test_a_request_inside_a_statement_gets_503_when_the_database_hangs(stack: Stack, client: Client) -> None:
    with ThreadPoolExecutor(1) as pool, lock_deployment(stack, client):
        running = pool.submit(client.change)
        wait_for_backend(stack, "aftercommit-api", "transactionid|tuple")
        with frozen(stack.database.pid):
            assert_unavailable([running.result()])


def test_a_request_whose_commit_hangs_gets_503_and_its_change_has_an_event(
    stack: Stack, world: World, client: Client
) -> None:
    # The commit waits for a standby that does not exist: PostgreSQL has written it but does not confirm it.
    administer(stack.settings.database_url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    administer(stack.settings.database_url, "SELECT pg_reload_conf()")
    try:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(client.change)
            wait_for_backend(stack, "aftercommit-api", "SyncRep")
            with frozen(stack.database.pid):
                assert_unavailable([running.result()])
    finally:
        administer(stack.settings.database_url, "ALTER SYSTEM RESET synchronous_standby_names")
        administer(stack.settings.database_url, "SELECT pg_reload_conf()")
    wait_until(lambda: client.count_events() == 2, "the event of the change that nobody acknowledged")
    assert "version" in updates(world.life(client.deployment)[1])


def test_only_requests_that_wait_for_a_stuck_transaction_get_503(stack: Stack, world: World, client: Client) -> None:
    other = Client(world.client, world.deploy(name="other"))
    with ThreadPoolExecutor(1) as pool, lock_deployment(stack, client):
        blocked = pool.submit(client.changes_at_once, AT_ONCE)
        wait_for_backend(stack, "aftercommit-api", "transactionid|tuple")
        assert_unavailable(blocked.result())
        assert other.change().status == 204
    assert client.change().status == 204


def test_a_database_without_a_free_connection_means_503_in_time(
    stack: Stack, client: Client, record_property: Record
) -> None:
    conninfo = make_url(stack.settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.ExitStack() as taken:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                taken.callback(psycopg.connect(conninfo).close)
        # A new API has no connections yet; the running API would keep using its own.
        late = stack.start_api()
        with late.client() as http:
            newcomer = Client(http, client.deployment)
            assert_unavailable(newcomer.changes_at_once(AT_ONCE))
            assert_only_the_database_is_unavailable(newcomer)
            taken.close()
            Recovery(newcomer, record_property).wait("a database without a free connection")
    late.role.kill()


@pytest.mark.parametrize("how", ["killed", "stopped in order"])
def test_an_unreachable_database_means_503_in_time(
    stack: Stack, client: Client, record_property: Record, how: str
) -> None:
    if how == "killed":
        stack.database.kill()
    else:
        assert stack.database.stop()
    assert_unavailable(client.changes_at_once(AT_ONCE))
    assert_only_the_database_is_unavailable(client)
    stack.database.start()
    Recovery(client, record_property).wait(f"a database {how}")


def test_a_worker_treats_a_hung_database_as_an_outage(stack: Stack, world: World, client: Client, worker: Role) -> None:
    assert worker.process is not None
    before, outages_before = worker.process.pid, worker.read_log().count("database_silent")
    with stack.sessions() as holder:
        # The append lock is held here, so the worker waits inside its transaction.
        holder.execute(update(EventLog).values(position=EventLog.position))
        client.change()
        wait_for_backend(stack, "aftercommit-worker", "transactionid|tuple")
        with frozen(stack.database.pid):
            wait_until(
                lambda: worker.read_log().count("database_silent") > outages_before, "the worker to notice", timeout=10
            )
        holder.rollback()
    assert len(world.life(client.deployment)) == 2
    assert (worker.process.pid, worker.process.poll()) == (before, None)


def test_a_hung_worker_loses_the_append_lock(stack: Stack, world: World, client: Client, worker: Role) -> None:
    assert worker.process is not None
    with stack.sessions() as holder:
        holder.execute(update(EventLog).values(position=EventLog.position))
        client.change()
        wait_for_backend(stack, "aftercommit-worker", "transactionid|tuple")
        freeze(worker.process.pid)
        # Now the frozen worker's backend gets the lock, and the worker cannot release it.
        holder.rollback()
    next_worker = stack.start_worker(2)
    assert len(world.life(client.deployment)) == 2
    thaw(worker.process.pid)
    client.change()
    assert_unbroken(world.life(client.deployment))
    assert worker.process.poll() is None
    next_worker.kill()
