"""The scenarios, races and server guarantees on real processes: two APIs, two workers and two beats."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.audit.reconcile import reconcile
from tests.acceptance.stack import Api, Stack
from tests.scenarios import SCENARIOS
from tests.world import World, assert_unbroken, operations, updates


@pytest.fixture(scope="module")
def apis(stack: Stack, api: Api) -> list[Api]:
    """Two API processes, with two workers and a beat."""
    for number in (1, 2):
        stack.start_worker(number)
    stack.start_beat()
    return [api, stack.start_api()]


@pytest.fixture(autouse=True)
def _whole_stack(apis: list[Api]) -> None:
    """Start the whole stack for every test."""


@pytest.fixture
def clients(apis: list[Api]) -> Iterator[list[httpx2.Client]]:
    """Fifty clients, spread over both API processes."""
    with ExitStack() as open_clients:
        yield [open_clients.enter_context(apis[number % 2].client()) for number in range(50)]


def at_once(clients: list[httpx2.Client], request: Callable[[int, httpx2.Client], httpx2.Response]) -> list[int]:
    """Let every client send its request at the same time, and return the statuses."""
    with ThreadPoolExecutor(len(clients)) as pool:
        responses = pool.map(lambda numbered: request(*numbered), enumerate(clients))
        return [response.status_code for response in responses]


def only_deployment(world: World) -> str:
    """Return the id of the deployment of this world's flow."""
    (found,) = world.post("/deployments/filter", {"flows": {"name": {"any_": [world.name("etl")]}}})
    return str(found["id"])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_scenario_holds_on_real_processes(scenario: Callable[[World], None], world: World) -> None:
    scenario(world)


def test_fifty_concurrent_identical_posts_create_one_deployment(world: World, clients: list[httpx2.Client]) -> None:
    body = {"name": "same", "flow_id": world.flow(), "description": "same"}
    statuses = at_once(clients, lambda _, client: client.post("/deployments/", json=body))
    assert sorted(statuses) == [200] * 49 + [201]
    assert operations(world.life(only_deployment(world))) == ["created"]


def test_fifty_concurrent_different_posts_make_one_creation_and_an_unbroken_chain(
    world: World, clients: list[httpx2.Client]
) -> None:
    body = {"name": "different", "flow_id": world.flow()}
    statuses = at_once(
        clients, lambda number, client: client.post("/deployments/", json={**body, "description": str(number)})
    )
    assert sorted(statuses) == [200] * 49 + [201]
    events = world.life(only_deployment(world))
    assert_unbroken(events)
    assert operations(events) == ["created", *["updated"] * 49]
    new_values = [events[0]["payload"]["fields"]["description"], *(updates(e)["description"]["to"] for e in events[1:])]
    assert sorted(new_values, key=int) == [str(number) for number in range(50)]


def test_twenty_concurrent_patches_make_an_unbroken_chain(world: World, clients: list[httpx2.Client]) -> None:
    deployment = world.deploy(version="first")
    statuses = at_once(
        clients[:20],
        lambda number, client: client.patch(f"/deployments/{deployment}", json={"version": str(number)}),
    )
    assert statuses == [204] * 20
    events = world.life(deployment)
    assert_unbroken(events)
    assert sorted((updates(e)["version"]["to"] for e in events[1:]), key=int) == [str(n) for n in range(20)]
    assert updates(events[-1])["version"]["to"] == world.client.get(f"/deployments/{deployment}").json()["version"]


def test_twenty_concurrent_deletions_delete_once(world: World, clients: list[httpx2.Client]) -> None:
    deployment = world.deploy()
    statuses = at_once(clients[:20], lambda _, client: client.delete(f"/deployments/{deployment}"))
    assert sorted(statuses) == [204] + [404] * 19
    assert operations(world.life(deployment)) == ["created", "deleted"]


def test_ten_concurrent_bulk_deletions_report_each_deployment_once(world: World, clients: list[httpx2.Client]) -> None:
    deployments = [world.deploy(name=f"bulk{number}") for number in range(4)]
    body = {"deployments": {"id": {"any_": deployments}}}
    answers: list[Any] = []
    with ThreadPoolExecutor(10) as pool:
        for response in pool.map(lambda client: client.post("/deployments/bulk_delete", json=body), clients[:10]):
            assert response.status_code == 200, response.text
            answers += response.json()["deleted"]
    assert sorted(answers) == sorted(deployments)
    assert [operations(world.life(deployment)) for deployment in deployments] == [["created", "deleted"]] * 4


def test_twenty_concurrent_deployments_to_the_same_new_queue_succeed(
    world: World, clients: list[httpx2.Client]
) -> None:
    pool_name, flow = world.pool(), world.flow()
    body = {"flow_id": flow, "work_pool_name": pool_name, "work_queue_name": "new"}
    statuses = at_once(
        clients[:20], lambda number, client: client.post("/deployments/", json={**body, "name": f"d{number}"})
    )
    assert statuses == [201] * 20


def test_a_request_that_is_rolled_back_has_no_event(world: World) -> None:
    deployment = world.deploy(description="orig")
    twice = [{"schedule": {"interval": 60.0}, "slug": "s"}] * 2
    world.patch(f"/deployments/{deployment}", {"description": "phantom", "schedules": twice}, 409)
    assert world.client.get(f"/deployments/{deployment}").json()["description"] == "orig"
    assert operations(world.life(deployment)) == ["created"]


@pytest.fixture
def failing_commit(stack: Stack) -> Iterator[str]:
    """A name: commits that set the description `phantom` on such a deployment fail with SQLSTATE 40001."""
    name = "fails-at-commit"
    with stack.sessions() as session:
        session.execute(
            text(
                "CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'not this one' USING ERRCODE = '40001'; END $$"
            )
        )
        session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT OR UPDATE ON deployment"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
                f" WHEN (NEW.name LIKE '{name}%' AND NEW.description = 'phantom') EXECUTE FUNCTION fail_at_commit()"
            )
        )
        session.commit()
    yield name
    with stack.sessions() as session:
        session.execute(text("DROP TRIGGER fail_at_commit ON deployment"))
        session.execute(text("DROP FUNCTION fail_at_commit()"))
        session.commit()


def test_a_creation_whose_commit_fails_has_no_event(world: World, failing_commit: str) -> None:
    body = {"name": world.name(failing_commit), "flow_id": world.flow(), "description": "phantom"}
    response = world.client.post("/deployments/", json=body)
    assert response.status_code == 503
    assert response.headers["retry-after"]
    world.drain_outbox()
    assert world.post("/deployments/filter", {"deployments": {"name": {"any_": [body["name"]]}}}) == []
    wanted = {"text": {"query": body["name"]}}
    assert world.post("/events/filter", {"filter": wanted})["total"] == 0


def test_an_update_whose_commit_fails_has_no_event(world: World, failing_commit: str) -> None:
    deployment = world.deploy(name=failing_commit, description="orig")
    world.patch(f"/deployments/{deployment}", {"description": "phantom"}, 503)
    world.patch(f"/deployments/{deployment}", {"description": "real"})
    events = world.life(deployment)
    assert_unbroken(events)
    assert updates(events[1])["description"] == {"from": "orig", "to": "real"}


def test_the_audit_is_clean_after_all_tests(stack: Stack, world: World) -> None:
    world.drain_outbox()
    with stack.sessions() as session:
        result = reconcile(session)
    assert (result.lost, result.phantom, result.duplicate, result.disordered) == (0, 0, 0, 0)
    assert result.events > 100
