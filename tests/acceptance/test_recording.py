"""Recorded requests of a real client get the recorded status codes, and every change gets its event."""

from collections import defaultdict

import pytest

from tests.acceptance.recording import Exchange, Replay, differences, recorded
from tests.acceptance.stack import Api, Stack
from tests.world import JsonEvent, World, assert_audit_is_clean, assert_unbroken, operations

EXCHANGE_COUNT = 234
"""The number of recorded exchanges."""

Answered = tuple[Exchange, int, list[str]]
"""An exchange, our status, and the differences between our answer and the recorded one."""


@pytest.fixture(scope="module")
def replayed(stack: Stack, api: Api) -> list[Answered]:
    """The whole recording, sent once."""
    stack.start_worker()
    stack.start_beat()
    results = []
    with api.client() as client:
        replay = Replay(client)
        for exchange in recorded():
            response = replay.send(exchange)
            same_kind = response.content and response.status_code == exchange.status
            different = sorted(set(differences(exchange.response, response.json()))) if same_kind else []
            results.append((exchange, response.status_code, different))
    return results


@pytest.fixture
def lives(replayed: list[object], world: World) -> dict[str, list[JsonEvent]]:
    """The events of each deployment by name, oldest first."""
    world.drain_outbox()
    found: dict[str, list[JsonEvent]] = defaultdict(list)
    wanted = {"event": {"prefix": ["prefect.deployment."]}, "order": "ASC"}
    for event in world.post("/events/filter", {"filter": wanted, "limit": 100})["events"]:
        found[event["resource"]["prefect.resource.name"]].append(event)
    return found


def test_every_status_is_the_recorded_one(replayed: list[Answered]) -> None:
    wrong = [
        f"{exchange.action}: {exchange.method} {exchange.path} answered {status}, not {exchange.expected_status}"
        for exchange, status, _ in replayed
        if status != exchange.expected_status
    ]
    assert wrong == []


def test_every_response_has_the_recorded_keys_with_their_types(replayed: list[Answered]) -> None:
    assert {f"{ours.path}: {where}" for ours, _, different in replayed for where in different} == set()


def test_the_whole_recording_is_replayed(replayed: list[Answered]) -> None:
    assert len(replayed) == EXCHANGE_COUNT
    sent = {exchange.path.split("/")[1] for exchange, _, _ in replayed}
    assert {"deployments", "flows", "work_pools", "work_queues", "v2", "concurrency_limits", "events"} <= sent


@pytest.mark.parametrize(
    ("name", "happened"),
    [
        (
            "dep1",
            [
                "created",
                "concurrency_limit concurrency_limit_id description parameters tags version",
                "concurrency_limit concurrency_options description parameters tags version",
                "concurrency_limit concurrency_limit_id concurrency_options schedules",
                "schedules",
                "schedules",
                "deleted",
            ],
        ),
        ("yaml-dep", ["created", "deleted"]),
        ("cli-dep", ["created", *["schedules"] * 4, "deleted"]),
    ],
)
def test_every_change_of_a_deployment_has_its_event(
    name: str, happened: list[str], lives: dict[str, list[JsonEvent]]
) -> None:
    assert_unbroken(lives[name])
    assert [changes(event) for event in lives[name]] == happened


def test_no_other_deployment_has_events(lives: dict[str, list[JsonEvent]]) -> None:
    assert set(lives) == {"dep1", "yaml-dep", "cli-dep"}


def test_the_audit_is_clean(stack: Stack, lives: dict[str, list[JsonEvent]]) -> None:
    assert_audit_is_clean(stack.sessions)


def changes(event: JsonEvent) -> str:
    """Return the operation and the changed fields."""
    (operation,) = operations([event])
    return operation if operation != "updated" else " ".join(event["payload"]["updated_fields"])
