"""Deployments that share a concurrency limit, twenty rounds each: one changes or is deleted while another uses it."""

from functools import partial
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ConcurrencyLimit, Deployment
from tests.integration.races.racing import Races, statuses, unbroken_events
from tests.world import World, operations, updates

pytestmark = pytest.mark.slow

Sent = tuple[str, str, dict[str, Any] | None]
"""A method, a path and a body."""


def lock(limits: list[str], deployments: list[str], session: Session) -> None:
    """Block the requests that change one of these deployments, or begin to use one of these limits."""
    for model, ids in ((ConcurrencyLimit, limits), (Deployment, deployments)):
        session.execute(select(model.id).where(model.id.in_(ids)).order_by(model.id).with_for_update())


def send(world: World, requests: list[Sent], number: int) -> httpx2.Response:
    method, path, body = requests[number]
    return world.client.request(method, path, json=body)


def share(world: World, limit: str, name: str) -> Sent:
    """Return a request that creates a deployment with this limit."""
    body = {"name": world.name(name), "flow_id": world.flow(), "global_concurrency_limit_id": limit}
    return "POST", "/deployments/", body


def limit_of(world: World, deployment: str) -> dict[str, Any] | None:
    """Return the concurrency limit in the API's response for a deployment."""
    limit: dict[str, Any] | None = world.client.get(f"/deployments/{deployment}").json()["global_concurrency_limit"]
    return limit


def test_a_shared_limit_does_not_change_with_the_deployments_that_share_it(races: Races) -> None:
    for world in races.rounds():
        limit = world.post("/v2/concurrency_limits/", {"name": world.name("shared"), "limit": 5}, 201)["id"]
        names = ("deleted", "numbered", "cleared", "keeping")
        ids = [world.deploy(name=name, global_concurrency_limit_id=limit) for name in names]
        deleted, numbered, cleared, keeping = ids
        requests: list[Sent] = [
            ("DELETE", f"/deployments/{deleted}", None),
            ("PATCH", f"/deployments/{numbered}", {"concurrency_limit": 9}),
            ("PATCH", f"/deployments/{cleared}", {"concurrency_limit": None}),
            ("PATCH", f"/deployments/{keeping}", {"version": "2"}),
            share(world, limit, "coming"),
        ]

        answers = races.run(partial(lock, [limit], ids), len(requests), partial(send, world, requests))

        assert [answer.status_code for answer in answers] == [204, 204, 204, 204, 201]
        coming = answers[4].json()["id"]
        shared = world.client.get(f"/v2/concurrency_limits/{limit}").json()
        assert shared["limit"] == 5
        assert [limit_of(world, id_) for id_ in (keeping, coming)] == [shared, shared]
        assert operations(unbroken_events(world, "concurrency-limit", limit)) == ["created"]
        assert operations(unbroken_events(world, "deployment", coming)) == ["created"]
        assert [sorted(updates(event)) for event in unbroken_events(world, "deployment", keeping)[1:]] == [["version"]]
        assert operations(unbroken_events(world, "deployment", deleted)) == ["created", "deleted"]
        (event,) = unbroken_events(world, "deployment", cleared)[1:]
        assert updates(event) == {"concurrency_limit_id": {"from": limit, "to": None}}
        own = limit_of(world, numbered)
        assert own is not None
        assert (own["limit"], operations(unbroken_events(world, "concurrency-limit", own["id"]))) == (9, ["created"])


def test_an_own_limit_remains_after_its_deployment_only_if_another_one_uses_it(races: Races) -> None:
    for world in races.rounds():
        owner = world.deploy(name="owner", concurrency_limit=3)
        own = limit_of(world, owner)
        assert own is not None
        requests: list[Sent] = [("DELETE", f"/deployments/{owner}", None), share(world, own["id"], "coming")]

        deletion, creation = races.run(partial(lock, [own["id"]], []), 2, partial(send, world, requests))

        assert deletion.status_code == 204
        assert operations(unbroken_events(world, "deployment", owner)) == ["created", "deleted"]
        kept = creation.status_code == 201
        if kept:
            assert limit_of(world, creation.json()["id"]) == own
        else:
            assert creation.status_code == 404
        of_limit = operations(unbroken_events(world, "concurrency-limit", own["id"]))
        assert of_limit == (["created"] if kept else ["created", "deleted"])
        assert statuses([world.client.get(f"/v2/concurrency_limits/{own['id']}")]) == [200 if kept else 404]
