"""`aftercommit diff --since`: what changed over everything, folded by request."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kinds import DEPLOYMENT
from app.log import requests
from app.settings import Settings
from tests.integration.cli.command_output import json_output, run
from tests.integration.cli.test_history_at_command import skip_first_pending
from tests.integration.events_in_log import an_event, append
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]
EVER = ("--since", "1d")


def changed(*arguments: str) -> list[Any]:
    return json_output("diff", *EVER, *arguments)


def appended(sessions: Sessions, *changes: tuple[str, int, dict[str, Any]]) -> None:
    """Append updates of a deployment: the request, the revision, and the updates."""
    for request, revision, updates in changes:
        event = an_event(
            resource_id=DEPLOYMENT.resource_id(UUID(int=1)),
            labels={"aftercommit.request": request, "aftercommit.actor": "key:ci"} if request else {},
            occurred=datetime.now(UTC) - timedelta(minutes=10 - revision),
            payload={"updates": updates},
        )
        event.revision = revision
        append(sessions, event)


def version(before: str, after: str) -> dict[str, Any]:
    return {"version": {"from": before, "to": after}}


def test_the_changes_of_one_request_are_one_block(client: TestClient) -> None:
    headers = {"X-Request-Id": "build-7", "X-Aftercommit-Reason": "release", "X-Aftercommit-Change": "abc123"}
    flow = make_flow(client, "etl")
    for name in ("nightly", "hourly"):
        make_deployment(client, flow, name)
    assert client.delete(f"/flows/{flow['id']}", headers=headers).status_code == 204
    newest, *others = changed()
    assert (newest["actor"], newest["request"], newest["reason"], newest["change"]) == (
        "anonymous", "build-7", "release", "abc123",
    )  # fmt: skip
    assert sorted((change["name"], change["operation"]) for change in newest["resources"]) == [
        ("etl", "deleted"),
        ("etl/hourly", "deleted"),
        ("etl/nightly", "deleted"),
    ]
    assert [[change["operation"] for change in block["resources"]] for block in others] == [["created"]] * 3


def test_the_changes_of_one_field_are_folded_into_one(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("a", 1, version("1", "2")), ("a", 2, version("2", "3")))
    (block,) = changed()
    assert block["resources"][0]["changes"] == version("1", "3")
    assert block["resources"][0]["revisions"] == [1, 2]


def test_requests_that_take_turns_are_folded_each(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("a", 1, version("1", "2")), ("b", 2, version("2", "3")), ("a", 3, version("3", "4")))
    assert [(block["request"], block["resources"][0]["changes"]) for block in changed()] == [
        ("a", version("1", "4")),
        ("b", version("2", "3")),
    ]


def test_events_without_a_request_stand_alone(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("", 1, version("1", "2")), ("", 2, version("2", "3")))
    assert [block["resources"][0]["revisions"] for block in changed()] == [[2, 2], [1, 1]]
    assert {block["request"] for block in changed()} == {None}


def test_what_was_changed_back_is_said_to_be_so(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("a", 1, version("1", "2")), ("a", 2, version("2", "1")))
    assert changed()[0]["resources"][0]["changes"] == {}
    assert "      note: changed and changed back" in run("diff", *EVER).stdout.splitlines()


def test_the_text_shows_who_why_and_what(client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "nightly", version="1")
    headers = {"X-Request-Id": "build-7", "X-Aftercommit-Reason": "release"}
    client.patch(f"/deployments/{deployment['id']}", json={"version": "2"}, headers=headers)
    shown = run("diff", *EVER, "--limit", "1").stdout.splitlines()
    assert shown[0].endswith("Z  by anonymous")
    assert shown[1:] == [
        "  request         build-7",
        "  reason          release",
        "  deployment etl/nightly: updated, revision 2",
        '    ~ version: "1" -> "2"',
        "",
    ]


def test_a_request_is_selected_by_time_actor_and_kind(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("a", 1, version("1", "2")), ("b", 8, version("2", "3")))
    assert [block["request"] for block in json_output("diff", "--since", "5m")] == ["b"]
    assert json_output("diff", *EVER, "--kind", "flow") == []
    assert len(json_output("diff", *EVER, "--kind", "deployment")) == 2
    assert json_output("diff", *EVER, "--by", "ci") == []
    assert run("diff", "--since", "now").stdout.startswith("Nothing has changed since now.")


def test_only_changes_by_an_actor_are_shown(client: TestClient) -> None:
    make_flow(client, "etl")
    assert len(changed("--by", "anonymous")) == 1
    assert changed("--by", "ci") == []


def test_events_of_clients_are_no_changes(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(event="my.event"))
    assert changed() == []


def test_requests_are_ordered_by_time_and_not_by_place_in_the_log(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("late", 8, version("1", "2")), ("early", 2, version("2", "3")))
    assert [block["request"] for block in changed()] == ["late", "early"]


def test_the_output_says_how_many_requests_are_left_out(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, *((str(at), at, version("1", "2")) for at in range(1, 4)))
    result = run("diff", *EVER, "--limit", "2", "--json")
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.startswith("The newest 2 of 3 requests are shown")
    assert run("diff", *EVER, "--limit", "3", "--json").stderr == ""


def test_the_output_says_how_many_resources_of_a_request_are_left_out(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "RESOURCES_SHOWN", 2)
    flow = make_flow(client, "etl")
    for name in ("a", "b", "c"):
        make_deployment(client, flow, name)
    client.delete(f"/flows/{flow['id']}")
    newest, *_ = changed()
    assert (len(newest["resources"]), newest["left_out"]) == (2, 2)
    assert "  and 2 more resources: " in run("diff", *EVER).stdout


def test_a_skipped_change_is_noted(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.dispatch_all()
    outbox_world.update(change, description="lost")
    skip_first_pending(outbox_world.sessions)
    outbox_world.dispatch_all()
    newest, *_ = changed()
    assert newest["resources"][0]["notes"] == ["revision 2 was skipped, and may have changed any field"]


def test_a_damaged_event_is_noted(settings: Settings, sessions: Sessions) -> None:
    appended(sessions, ("a", 1, {"version": "no object"}))
    assert changed()[0]["resources"][0]["notes"] == ["the event of revision 1 is damaged"]
