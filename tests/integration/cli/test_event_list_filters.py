"""The filter options of `aftercommit events list`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kinds import tracked_kinds
from app.settings import Settings
from tests.integration.cli.command_output import create_twice, json_output, operations, run
from tests.integration.events_in_log import an_event, append
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]
START = datetime(2026, 1, 1, tzinfo=UTC)


def listed(*arguments: str) -> list[str]:
    return operations(json_output("events", "list", "--oldest-first", *arguments))


def positions(*arguments: str) -> list[int]:
    return [event["position"] for event in json_output("events", "list", "--oldest-first", *arguments)]


def test_a_name_finds_the_events_of_all_resources_that_had_it(client: TestClient) -> None:
    create_twice(client)
    make_deployment(client, make_flow(client, "other"), "nightly")
    make_deployment(client, client.get("/flows/name/etl").json(), "hourly")
    both_lives = ["nightly created", "nightly updated", "nightly deleted", "nightly created", "nightly updated"]
    assert listed("--name", "etl/nightly") == both_lives
    assert listed("--name", "deployment:etl/nightly", "--name", "other/nightly") == [*both_lives, "nightly created"]


def test_an_unknown_name_is_an_error(client: TestClient) -> None:
    create_twice(client)
    result = run("events", "list", "--name", "etl/never")
    assert result.exit_code == 1
    assert str(result.exception).startswith("No deployment is known by that name")


def test_a_field_finds_the_events_that_changed_it(client: TestClient) -> None:
    _, second = create_twice(client)
    client.patch(f"/deployments/{second}", json={"version": "3"})
    client.patch(f"/deployments/{second}", json={"paused": True})
    found = json_output("events", "list", "--field", "version", "--field", "paused", "--oldest-first")
    assert [list(event["payload"]["updates"]) for event in found] == [["version"], ["paused"]]
    client.patch(f"/deployments/{second}", json={"job_variables": {"image": "x"}})
    assert len(json_output("events", "list", "--field", "job_variables")) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--field", "no_such_field"], "No update can contain the field"),
        (["--field", "status"], "an event of its own"),
        (["--kind", "deploymnt"], "Choose one of"),
    ],
)
def test_an_impossible_filter_is_refused_with_the_reason(
    arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    result = run("events", "list", *arguments)
    assert result.exit_code == 2
    assert reason in result.output


def test_a_short_event_name_and_a_bare_id_are_accepted(client: TestClient) -> None:
    _, second = create_twice(client)
    both = listed("--event", "prefect.deployment")
    assert listed("--event", "deployment") == both
    assert listed("--event", "deployment.deleted") == ["nightly deleted"]
    assert listed("--resource", second) == listed("--resource", f"prefect.deployment.{second}") != []


def test_a_kind_finds_the_events_of_the_registry_about_it(settings: Settings, sessions: Sessions) -> None:
    names = [kind.name for kind in tracked_kinds()]
    for name in names:
        append(sessions, an_event(event=f"prefect.{name}.updated"), an_event(event=f"aftercommit.{name}.skipped"))
    append(sessions, an_event(event="my.event"), an_event(event="prefect.deployments.updated"))
    for at, name in enumerate(names):
        assert positions("--kind", name) == [2 * at + 1, 2 * at + 2]


def test_an_unknown_kind_is_an_error_that_names_the_known_ones(settings: Settings) -> None:
    result = run("events", "list", "--kind", "deploiment")
    assert result.exit_code == 2
    assert "Choose one of:" in result.output


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--since", "2026-01-01T02:00Z"], [3, 4]),
        (["--until", "2026-01-01T02:00Z"], [1, 2, 3]),
        (["--since", "2026-01-01T01:00", "--until", "2026-01-01T03:00+01:00"], [2, 3]),
        (["--since", "2026-01-02"], []),
        (["--since", "1s"], []),
    ],
)
def test_since_and_until_are_inclusive(
    arguments: list[str], found: list[int], settings: Settings, sessions: Sessions
) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(hours=hour)) for hour in range(4)))
    assert positions(*arguments) == found


def test_an_age_is_counted_back_from_now(settings: Settings, sessions: Sessions) -> None:
    now = datetime.now(UTC)
    append(sessions, an_event(occurred=now - timedelta(hours=3)), an_event(occurred=now - timedelta(hours=1)))
    assert positions("--since", "2h ago") == [2]
    assert positions("--until", "2h") == [1]


def test_an_invalid_time_is_an_error(settings: Settings) -> None:
    result = run("events", "list", "--since", "yesteryear")
    assert result.exit_code == 2
    assert "Not a time" in result.output


@pytest.mark.parametrize(
    "narrowing",
    [
        lambda first, second: ["--resource", f"prefect.deployment.{first}"],
        lambda first, second: ["--event", "prefect.deployment.updated", "--until", "1h"],
        lambda first, second: ["--field", "version"],
    ],
    ids=["resource", "time", "field"],
)
def test_all_filters_must_match(narrowing: Callable[[str, str], list[str]], client: TestClient) -> None:
    first, second = create_twice(client)
    assert listed("--name", "etl/nightly", "--kind", "deployment", *narrowing(first, second)) == (
        ["nightly created", "nightly updated", "nightly deleted"] if "--resource" in narrowing(first, second) else []
    )


def test_a_deployment_is_shown_with_the_name_of_its_flow(client: TestClient) -> None:
    make_deployment(client, make_flow(client, "etl"), "nightly")
    (line,) = run("events", "list", "--kind", "deployment").stdout.splitlines()
    assert line.split("\t")[3] == "etl/nightly"
