"""`aftercommit events show`."""

import json

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from tests.integration.cli.command_output import json_output, run
from tests.integration.events_in_log import an_event, append
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]


def shown(*arguments: str) -> list[str]:
    result = run("events", "show", *arguments)
    assert result.exit_code == 0, result.output
    return [line.rstrip() for line in result.stdout.splitlines()]


def change(client: TestClient) -> str:
    """Create a deployment and change its job variables; return its id."""
    flow = make_flow(client, "etl")
    variables = {"env": {"API_KEY": "s3cr3t-one"}, "image": "a", "cpu": 1}
    make_deployment(client, flow, "nightly", job_variables=variables, description="one")
    changed = {"env": {"API_KEY": "s3cr3t-two", "MORE": "x"}, "image": "b", "cpu": 1}
    body = {"name": "nightly", "flow_id": flow["id"], "job_variables": changed, "description": "x" * 500}
    id_: str = client.post("/deployments/", json=body).json()["id"]
    return id_


def newest(name: str = "etl/nightly") -> str:
    return str(json_output("events", "list", "--name", name, "--limit", "1")[0]["position"])


def test_an_event_is_shown_with_its_facts_and_a_nested_diff(client: TestClient) -> None:
    id_ = change(client)
    lines = shown(newest())
    facts = dict(line.split(None, 1) for line in lines if not line.startswith(("~", " ")))
    assert facts["event"] == "prefect.deployment.updated"
    assert facts["name"] == "etl/nightly"
    assert facts["resource"] == f"prefect.deployment.{id_}"
    assert facts["revision"] == "2"
    assert facts["flow"].endswith("(name etl)")
    diff = lines[lines.index("~ infra_overrides:") :]
    masked = json_output("events", "list", "--limit", "1")[0]["payload"]["updates"]["infra_overrides"]
    old, new = (masked[side]["env"]["API_KEY"]["$masked"] for side in ("from", "to"))
    assert old != new
    assert diff[:3] == ["~ infra_overrides:", "    ~ env:", f"        ~ API_KEY: masked ({old}) -> masked ({new})"]
    assert diff[3].startswith("        + MORE: masked (")
    assert diff[4:] == ['    ~ image: "a" -> "b"']


def test_values_are_whole_in_a_pipe_and_shortened_on_a_terminal(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(client)
    position = newest()
    assert f'~ description: "one" -> "{"x" * 500}"' in shown(position)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = shown(position)
    (line,) = [line for line in lines if "description" in line]
    assert '"one" -> "xxx' in line
    assert line.endswith("…")
    assert max(map(len, lines)) <= 100


def test_a_creation_and_a_deletion_show_every_field(client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "nightly", tags=["a"])
    assert {"+ tags:", '    + [0]: "a"', "+ version: null"} <= set(shown(newest()))
    client.delete(f"/deployments/{deployment['id']}")
    assert {"- tags:", '    - [0]: "a"', "- version: null"} <= set(shown(newest()))


def test_an_event_is_found_by_its_id_or_its_position(client: TestClient) -> None:
    change(client)
    (by_position,) = json_output("events", "show", newest())
    assert json_output("events", "show", by_position["id"]) == [by_position]
    assert [by_position] == json_output("events", "list", "--limit", "1")


def test_skipped_changes_and_omitted_values_are_marked(settings: Settings, sessions: Sessions) -> None:
    skipped = an_event(payload={"skipped": {"operation": "updated", "reason": "broken row", "attempts": 3}})
    payload = {"updates": {"tags": {"from": {"$omitted": "9999"}, "to": []}}, "omitted_fields": ["tags"]}
    omitted = an_event(payload=payload)
    skipped.revision, omitted.revision = 1, 2
    append(sessions, skipped, omitted)
    assert shown("1")[-4:] == [
        "  skipped:",
        "      attempts: 3",
        '      operation: "updated"',
        '      reason: "broken row"',
    ]
    assert shown("2")[-3:] == ["~ tags: omitted (9999 bytes) -> []", "  omitted_fields:", '      [0]: "tags"']


def test_a_client_event_is_shown_as_it_was_sent(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(event="ship.sailed", payload={"updates": "to Hull", "fields": 2}))
    assert shown("1")[-2:] == ["  fields: 2", '  updates: "to Hull"']


@pytest.mark.parametrize("wanted", ["17", "01a20914-5d54-7537-a2c1-c1878b12b7c9"])
def test_an_unknown_event_is_an_error(wanted: str, settings: Settings) -> None:
    result = run("events", "show", wanted)
    assert result.exit_code == 1
    assert str(result.exception).startswith("The log has no such event.")


def test_an_invalid_id_is_refused(settings: Settings) -> None:
    result = run("events", "show", "nightly")
    assert result.exit_code == 2
    assert "Neither an event's id nor a position" in result.output


def test_json_output_is_the_event_as_logged(client: TestClient) -> None:
    change(client)
    event = json.loads(run("events", "show", newest(), "--json").stdout)
    assert event["payload"]["updated_fields"] == ["description", "infra_overrides"]
