"""`aftercommit history --at`: the state at a time."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kinds import DEPLOYMENT
from app.models import EventRow, SnapshotRow
from app.settings import Settings
from tests.integration.cli.command_output import create_twice, history_lines, json_output
from tests.integration.events_in_log import a_related, an_event, append
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]
NAME = "etl/nightly"


def times() -> list[datetime]:
    """Return the times of the events, oldest first."""
    return [datetime.fromisoformat(event["occurred"]) for event in json_output("history", NAME, "--oldest-first")]


def at_option(time: datetime) -> list[str]:
    return ["--at", time.isoformat()]


def test_the_state_at_a_time_is_that_of_the_resource_that_existed_then(client: TestClient) -> None:
    create_twice(client)
    moments = times()
    states = [json_output("history", NAME, *at_option(moments[event]))[0] for event in (0, 1, 3, 4)]
    assert [(state["fields"]["version"], state["fields"]["description"]) for state in states] == [
        ("1", None),
        ("1", "life 1"),
        ("2", None),
        ("2", "life 2"),
    ]
    assert json_output("history", NAME, "--at", "now")[0]["fields"] == states[-1]["fields"]


def test_the_output_says_that_no_resource_existed_before_the_creation_and_after_the_deletion(
    client: TestClient,
) -> None:
    first, second = create_twice(client)
    moments = times()
    before, between = moments[0] - timedelta(microseconds=1), moments[2]
    (line, *why) = history_lines(NAME, *at_option(before), exit_code=3)
    assert line.startswith("There was no etl/nightly at ")
    assert [reason.partition(": it was ")[2].split()[0] for reason in why] == ["created", "created"]
    (_, *why) = history_lines(NAME, *at_option(between), exit_code=3)
    assert [reason.partition(": it was ")[2].split()[0] for reason in why] == ["deleted", "created"]
    states = json_output("history", NAME, *at_option(between), exit_code=3)
    assert [(state["resource"], state["status"]) for state in states] == [
        (f"prefect.deployment.{first}", "deleted"),
        (f"prefect.deployment.{second}", "not created"),
    ]
    assert "fields" not in states[0]


def test_a_deleted_resource_does_not_exist_now(client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "nightly")
    client.delete(f"/deployments/{deployment['id']}")
    assert history_lines(NAME, "--at", "now", exit_code=3)[0] == "There is no etl/nightly now."


def test_the_output_counts_pending_changes_that_are_not_included(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    (state,) = json_output("history", NAME, "--at", "now", exit_code=3)
    assert (state["status"], state["waiting"]) == ("not created", 1)
    assert history_lines(NAME, "--at", "now", exit_code=3)[1].endswith(
        "it existed, but is not in the log yet; changes that wait for their events: 1."
    )
    outbox_world.dispatch_all()
    outbox_world.update(change, description="1")
    (state,) = json_output("history", NAME, "--at", "now")
    assert (state["revision"], state["waiting"], state["fields"]["description"]) == (1, 1, "0")
    assert "not included      changes that wait for their events: 1" in history_lines(NAME, "--at", "now")
    assert history_lines(NAME)[0].endswith("; changes that wait for their events: 1")
    (state,) = json_output("history", NAME, *at_option(change.occurred))
    assert state["waiting"] == 0


def test_after_a_skipped_change_the_unknown_fields_are_listed(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.dispatch_all()
    outbox_world.update(change, description="lost")
    outbox_world.update(change, version="2")
    skip_first_pending(outbox_world.sessions)
    outbox_world.dispatch_all()
    (state,) = json_output("history", NAME, "--at", "now")
    assert state["fields"] == {"version": "2"}
    assert state["unknown"]["description"] == {"since": 2, "reason": "skipped"}
    assert "  description: unknown since revision 2: a change was skipped" in history_lines(NAME, "--at", "now")


def skip_first_pending(sessions: Sessions) -> None:
    """Skip the oldest pending snapshot, as an operator does."""
    with sessions.begin() as session:
        first = session.scalars(select(SnapshotRow.id).order_by(SnapshotRow.sequence).limit(1)).one()
        session.execute(
            update(SnapshotRow)
            .where(SnapshotRow.id == first)
            .values(attempts=1, error="broken", next_attempt=datetime(2020, 1, 1, tzinfo=UTC), skip_reason="broken row")
        )


def test_a_field_whose_event_is_missing_is_unknown(client: TestClient, sessions: Sessions) -> None:
    create_twice(client)
    with sessions.begin() as session:
        session.execute(delete(EventRow).where(EventRow.revision == 1))
    (state,) = json_output("history", NAME, "--at", "now")
    assert list(state["fields"]) == ["description"]
    assert state["unknown"]["version"] == {"since": 1, "reason": "missing"}


def test_a_value_that_was_omitted_is_unknown(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.settings = settings.model_copy(update={"event_size_cap": 1000})
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, parameters={"x": "x" * 2000})
    outbox_world.dispatch_all()
    (state,) = json_output("history", NAME, "--at", "now")
    assert state["unknown"] == {"parameters": {"since": 2, "reason": "omitted"}}


def test_the_text_shows_the_facts_and_every_field(client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "nightly", tags=["a"])
    shown = history_lines(NAME, "--at", "now")
    assert shown[:3] == [
        "name              etl/nightly",
        f"resource          prefect.deployment.{deployment['id']}",
        "at                now",
    ]
    assert {"  tags:", '      [0]: "a"', "  version: null"} <= set(shown)
    fields = {line.split(":")[0].strip() for line in shown[4:] if not line.startswith("      ")}
    assert fields == set(DEPLOYMENT.tracked)


def test_the_json_is_one_line(client: TestClient) -> None:
    make_deployment(client, make_flow(client, "etl"), "nightly")
    (line,) = history_lines(NAME, "--at", "now", "--json")
    state = json.loads(line)
    assert (state["kind"], state["name"], state["status"], state["unknown"]) == ("deployment", "nightly", "alive", {})


def test_a_renamed_resource_is_found_by_the_name_that_it_had_at_that_time(
    settings: Settings, sessions: Sessions
) -> None:
    flow = [a_related("prefect.flow.1", "flow", prefect_resource_name="etl")]
    rename = {"updates": {"name": {"from": "old", "to": "new"}}}
    for revision, name, payload in ((1, "old", {"fields": {}}), (2, "new", rename)):
        event = an_event(
            event=f"prefect.deployment.{'created' if revision == 1 else 'updated'}",
            resource_id=DEPLOYMENT.resource_id(UUID(int=1)),
            name=name,
            related=flow,
            occurred=datetime(2026, 1, revision, tzinfo=UTC),
            payload=payload,
        )
        event.revision = revision
        append(sessions, event)
    assert json_output("history", "etl/old", "--at", "2026-01-01")[0]["name"] == "old"
    assert json_output("history", "etl/new", "--at", "now")[0]["name"] == "new"
    assert history_lines("etl/old", "--at", "now", exit_code=3)[1].endswith(": its name was etl/new then.")
    assert history_lines("etl/new", "--at", "2026-01-01", exit_code=3)[1].endswith(": its name was etl/old then.")
