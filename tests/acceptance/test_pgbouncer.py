"""The whole service behind PgBouncer in transaction mode, with few sessions of the server and a careless neighbour.

The tests themselves look at the database directly.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text, update

from app.models import EventLog
from tests.acceptance.stack import Api, Role, Stack
from tests.acceptance.up_process import command, start
from tests.pgbouncer import running_pgbouncer
from tests.scenarios import SCENARIOS
from tests.sockets import receive, subscribed
from tests.waiting import wait_until
from tests.world import World, assert_audit_is_clean, assert_unbroken, operations

pytestmark = pytest.mark.slow
SESSIONS = 5
CARELESS = (
    "SET statement_timeout = 50",
    "SET datestyle = German",
    "SET search_path = pg_catalog",
    "SET default_transaction_isolation = serializable",
    "SET synchronous_commit = off",
    "SELECT 'theirs' AS a_prepared_statement",
)
WAITING_WORKERS = "FROM pg_stat_activity WHERE application_name = 'aftercommit-worker' AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def bouncer(stack: Stack) -> Iterator[str]:
    """The URL of the stack's database behind PgBouncer."""
    with running_pgbouncer(stack.database.url, default_pool_size=str(SESSIONS)) as url:
        yield url


@pytest.fixture(scope="module")
def neighbour(bouncer: str) -> Iterator[None]:
    """A client of the same pool that changes its sessions all the time and prepares its statements."""
    is_over = threading.Event()

    def disturb() -> None:
        address = bouncer.replace("+psycopg", "")
        while not is_over.wait(0.02):
            # Its own settings end its own statements, and PgBouncer mixes up its prepared ones.
            with suppress(psycopg.Error), psycopg.connect(address, autocommit=True, prepare_threshold=0) as connection:
                for statement in CARELESS:
                    connection.execute(statement)

    thread = threading.Thread(target=disturb)
    thread.start()
    yield
    is_over.set()
    thread.join()


@pytest.fixture(scope="module")
def worker(stack: Stack, bouncer: str, neighbour: None) -> Role:
    """The only worker, with beat beside it. From now on, every process of the stack uses PgBouncer."""
    stack.common_settings = {**stack.common_settings, "database_url": bouncer, "database_pooler": "transaction"}
    stack.start_beat()
    return stack.start_worker()


@pytest.fixture(scope="module")
def api(stack: Stack, worker: Role) -> Api:
    """An API process."""
    return stack.start_api()


@pytest.fixture(autouse=True)
def _clean_audit(stack: Stack, world: World) -> Iterator[None]:
    """After the test, check that no event is lost, invented, duplicated or out of order."""
    yield
    world.drain_outbox()
    assert_audit_is_clean(stack.sessions)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_scenario_holds_behind_a_pooler(scenario: Callable[[World], None], world: World) -> None:
    scenario(world)


def test_many_concurrent_changes_make_unbroken_chains(world: World, api: Api) -> None:
    deployments = [world.deploy(name=f"d{number}", version="first") for number in range(3)]

    def change(number: int) -> None:
        with api.client() as client:
            World(client, world.sessions).patch(f"/deployments/{deployments[number % 3]}", {"version": f"{number}"})

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(change, range(60)))
    for deployment in deployments:
        events = world.life(deployment)
        assert_unbroken(events)
        assert operations(events) == ["created", *["updated"] * 20]


def test_no_event_is_lost_when_a_worker_is_killed_during_a_task(stack: Stack, world: World, worker: Role) -> None:
    deployment = world.deploy()
    world.drain_outbox()
    with stack.sessions() as holder:
        # The append lock is held here, so the worker waits inside its transaction until it is killed.
        holder.execute(update(EventLog).values(position=EventLog.position))
        for version in range(3):
            world.patch(f"/deployments/{deployment}", {"version": str(version)})

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


def test_a_reader_gets_each_event_once_without_notifications(stack: Stack, world: World, api: Api) -> None:
    deployment = world.deploy()
    # The events of the tests before are in the same minute, so the filter names the deployment.
    only = {"resource": {"id": [f"prefect.deployment.{deployment}"]}}
    with subscribed(api.url.removeprefix("http://"), only) as socket:
        world.deploy(200, version="2")
        events = receive(socket, 2)
    assert_unbroken(events)
    assert events == world.life(deployment)
    with stack.sessions() as session:
        assert session.scalars(text("SELECT query FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")).all() == []


def test_up_and_the_commands_work_behind_a_pooler(bouncer: str, stack: Stack, tmp_path: Path) -> None:
    variables = {
        "AFTERCOMMIT_DATABASE_URL": bouncer,
        "AFTERCOMMIT_DATABASE_POOLER": "transaction",
        "AFTERCOMMIT_MASKING_KEY": stack.settings.masking_key.get_secret_value(),
    }
    up = start(tmp_path / "data", "--no-flower", **variables)
    try:
        up.wait_until_ready()
        # The run file names the database, and that it is behind a pooler.
        for words in (["outbox", "status"], ["outbox", "reconcile"], ["events", "list"], ["migrate"]):
            result = command(*words, "--data-dir", str(up.folder))
            assert result.returncode == 0, result.stderr
    finally:
        up.process.terminate()
        assert up.process.wait(60) == 0
