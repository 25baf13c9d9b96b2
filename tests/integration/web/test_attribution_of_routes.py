"""The events of each route that changes something, and of its effects, name the request that caused them."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow
from app.models.api_key import Role
from app.settings import Settings
from tests.integration.web.changing_routes import (
    REQUESTS,
    WITHOUT_EVENT,
    Resources,
    make_resources,
    routes_that_may_change_something,
)
from tests.integration.web.guarded import api, bearer, new_key

PEOPLE = ("alice", "bob", "ci-2026")


@pytest.fixture
def keys(settings: Settings, sessions: sessionmaker[Session]) -> dict[str, str]:
    """Keys that may do everything, by their names."""
    return {name: new_key(sessions, name, Role.ADMIN) for name in PEOPLE}


@pytest.fixture
def client(keys: dict[str, str]) -> Iterator[TestClient]:
    """A client that sends the key of alice unless told otherwise."""
    with api(headers=bearer(keys["alice"])) as client:
        yield client


def send(client: TestClient, route: str, on: Resources, key: str, request_id: str) -> int:
    """Send the request for the route on these resources, and return the status of the response."""
    path, body = REQUESTS[route](on)
    headers = {**bearer(key), "X-Request-Id": request_id}
    return client.request(route.partition(" ")[0], path, json=body, headers=headers).status_code


def attributions(sessions: sessionmaker[Session]) -> Counter[tuple[str, str, str]]:
    """Return how many events have which request, actor and related actor."""
    with sessions() as session:
        rows = session.scalars(select(EventRow).order_by(EventRow.position)).all()
    return Counter(
        (
            row.resource["aftercommit.request"],
            row.resource["aftercommit.actor"],
            ",".join(one["prefect.resource.id"] for one in row.related if one["prefect.resource.role"] == "actor"),
        )
        for row in rows
    )


def test_the_requests_of_this_test_cover_all_routes() -> None:
    """If this fails for a new route, give it a request in `changing_routes.py`, or a reason to have none."""
    assert REQUESTS.keys().isdisjoint(WITHOUT_EVENT)
    assert REQUESTS.keys() | WITHOUT_EVENT.keys() == routes_that_may_change_something()


def test_the_events_of_each_route_name_the_actor_and_the_request(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    for number, route in enumerate(REQUESTS):
        on = make_resources(client, str(number))
        before = attributions(sessions)
        assert send(client, route, on, keys["bob"], "the-request") < 300, route
        added = attributions(sessions) - before
        assert set(added) == {("the-request", "key:bob", "aftercommit.key.bob")}, route


def test_in_any_order_and_with_retries_each_event_names_the_request_that_made_it(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    """A retry is the same request with another id, and another key. Only one of them changes something."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    some_of_each = [make_resources(client, str(number)) for number in range(3)]
    names: dict[str, str] = {}
    before = attributions(sessions)
    for number in range(200):
        route, on = chance.choice(list(REQUESTS)), chance.choice(some_of_each)
        for attempt in range(chance.choice((1, 1, 2))):
            request_id, name = f"request-{number}.{attempt}", chance.choice(PEOPLE)
            names[request_id] = name
            assert send(client, route, on, keys[name], request_id) < 500
    added = attributions(sessions) - before
    assert len(added) > 30
    for request_id, actor, related in added:
        assert (actor, related) == (f"key:{names[request_id]}", f"aftercommit.key.{names[request_id]}")
