"""Concurrent requests for the same deployments, twenty rounds each: every response, row and event is right."""

from functools import partial
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Deployment, Flow
from tests.integration.races.racing import Races, statuses, unbroken_events
from tests.world import World, operations, updates

pytestmark = pytest.mark.slow


def lock_flow(flow: str, session: Session) -> None:
    """Block the requests that write a deployment of this flow."""
    session.execute(select(Flow.id).where(Flow.id == flow).with_for_update()).one()


def lock_deployments(ids: list[str], session: Session) -> None:
    """Block the requests that change one of these deployments."""
    session.execute(select(Deployment.id).where(Deployment.id.in_(ids)).order_by(Deployment.id).with_for_update())


def create(world: World, body: dict[str, Any], _number: int) -> httpx2.Response:
    return world.client.post("/deployments/", json=body)


def describe(world: World, body: dict[str, Any], number: int) -> httpx2.Response:
    return world.client.post("/deployments/", json={**body, "description": str(number)})


def set_version(world: World, deployment: str, number: int) -> httpx2.Response:
    return world.client.patch(f"/deployments/{deployment}", json={"version": str(number)})


def delete_all(world: World, ids: list[str], _number: int) -> httpx2.Response:
    return world.client.post("/deployments/bulk_delete", json={"deployments": {"id": {"any_": ids}}})


def only_deployment(world: World, flow: str) -> dict[str, Any]:
    """Return the flow's only deployment."""
    (found,) = world.post("/deployments/filter", {"flows": {"id": {"any_": [flow]}}})
    row: dict[str, Any] = found
    return row


def test_fifty_identical_creations_create_one_deployment_with_one_event(races: Races) -> None:
    for world in races.rounds():
        flow = world.flow()
        body = {"name": "same", "flow_id": flow, "description": "same"}

        answers = races.run(partial(lock_flow, flow), 50, partial(create, world, body))

        assert statuses(answers) == [200] * 49 + [201]
        row = only_deployment(world, flow)
        assert {answer.json()["id"] for answer in answers} == {row["id"]}
        assert operations(unbroken_events(world, "deployment", row["id"])) == ["created"]


def test_fifty_different_creations_make_one_creation_and_an_unbroken_chain(races: Races) -> None:
    for world in races.rounds():
        flow = world.flow()
        body = {"name": "different", "flow_id": flow}

        answers = races.run(partial(lock_flow, flow), 50, partial(describe, world, body))

        assert statuses(answers) == [200] * 49 + [201]
        row = only_deployment(world, flow)
        events = unbroken_events(world, "deployment", row["id"])
        assert operations(events) == ["created", *["updated"] * 49]
        new_values = [
            events[0]["payload"]["fields"]["description"],
            *(updates(e)["description"]["to"] for e in events[1:]),
        ]
        assert sorted(new_values, key=int) == [str(number) for number in range(50)]
        assert new_values[-1] == row["description"]


def test_twenty_updates_make_an_unbroken_chain(races: Races) -> None:
    for world in races.rounds():
        deployment = world.deploy(version="first")

        answers = races.run(partial(lock_deployments, [deployment]), 20, partial(set_version, world, deployment))

        assert statuses(answers) == [204] * 20
        events = unbroken_events(world, "deployment", deployment)
        assert operations(events) == ["created", *["updated"] * 20]
        new_values = [updates(event)["version"]["to"] for event in events[1:]]
        assert sorted(new_values, key=int) == [str(number) for number in range(20)]
        assert world.client.get(f"/deployments/{deployment}").json()["version"] == new_values[-1]


def test_ten_bulk_deletions_report_each_deployment_once_and_each_has_one_event(races: Races) -> None:
    for world in races.rounds():
        ids = [world.deploy(name=f"bulk{number}") for number in range(4)]

        answers = races.run(partial(lock_deployments, ids), 10, partial(delete_all, world, ids))

        assert statuses(answers) == [200] * 10
        assert sorted(id_ for answer in answers for id_ in answer.json()["deleted"]) == sorted(ids)
        assert [world.client.get(f"/deployments/{id_}").status_code for id_ in ids] == [404] * 4
        assert [operations(unbroken_events(world, "deployment", id_)) for id_ in ids] == [["created", "deleted"]] * 4
