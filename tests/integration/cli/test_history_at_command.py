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
from tests.integration.cli.audit_view import history, live_twice, told
from tests.integration.events_in_log import a_related, an_event, append
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]
NAME = "etl/nightly"


def times() -> list[datetime]:
    """Return the times of the events, oldest first."""
    return [datetime.fromisoformat(event["occurred"]) for event in told("history", NAME, "--oldest-first")]


def at(time: datetime) -> list[str]:
    return ["--at", time.isoformat()]


def test_the_state_at_each_moment_is_that_of_the_life_of_that_time(client: TestClient) -> None:
    live_twice(client)
    moments = times()
    states = [told("history", NAME, *at(moments[event]))[0] for event in (0, 1, 3, 4)]
    assert [(state["fields"]["version"], state["fields"]["description"]) for state in states] == [
        ("1", None),
        ("1", "life 1"),
        ("2", None),
        ("2", "life 2"),
    ]
    assert told("history", NAME, "--at", "now")[0]["fields"] == states[-1]["fields"]


def test_before_the_creation_and_after_the_deletion_it_is_said_that_there_was_none(client: TestClient) -> None:
    first, second = live_twice(client)
    moments = times()
    before, between = moments[0] - timedelta(microseconds=1), moments[2]
    (line, *why) = history(NAME, *at(before), exit_code=3)
    assert line.startswith("There was no etl/nightly at ")
    assert [reason.partition(": it was ")[2].split()[0] for reason in why] == ["created", "created"]
    (_, *why) = history(NAME, *at(between), exit_code=3)
    assert [reason.partition(": it was ")[2].split()[0] for reason in why] == ["deleted", "created"]
    states = told("history", NAME, *at(between), exit_code=3)
    assert [(state["resource"], state["status"]) for state in states] == [
        (f"prefect.deployment.{first}", "deleted"),
        (f"prefect.deployment.{second}", "not created"),
    ]
    assert "fields" not in states[0]


def test_what_is_deleted_is_not_there_now(client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "nightly")
    client.delete(f"/deployments/{deployment['id']}")
    assert history(NAME, "--at", "now", exit_code=3)[0] == "There is no etl/nightly now."


def test_changes_that_wait_for_their_events_are_said_to_be_left_out(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    (state,) = told("history", NAME, "--at", "now", exit_code=3)
    assert (state["status"], state["waiting"]) == ("not created", 1)
    assert history(NAME, "--at", "now", exit_code=3)[1].endswith(
        "it existed, but is not in the log yet; changes that wait for their events: 1."
    )
    outbox_world.dispatch_all()
    outbox_world.update(change, description="1")
    (state,) = told("history", NAME, "--at", "now")
    assert (state["revision"], state["waiting"], state["fields"]["description"]) == (1, 1, "0")
    assert "not included      changes that wait for their events: 1" in history(NAME, "--at", "now")
    assert history(NAME)[0].endswith("; changes that wait for their events: 1")
    (state,) = told("history", NAME, *at(change.occurred))
    assert state["waiting"] == 0


def test_after_a_skipped_change_the_state_says_what_is_unknown(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.dispatch_all()
    outbox_world.update(change, description="lost")
    outbox_world.update(change, version="2")
    skip_first_pending(outbox_world.sessions)
    outbox_world.dispatch_all()
    (state,) = told("history", NAME, "--at", "now")
    assert state["fields"] == {"version": "2"}
    assert state["unknown"]["description"] == {"since": 2, "reason": "skipped"}
    assert "  description: unknown since revision 2: a change was skipped" in history(NAME, "--at", "now")


def skip_first_pending(sessions: Sessions) -> None:
    """Skip the oldest pending snapshot, as an operator does."""
    with sessions.begin() as session:
        first = session.scalars(select(SnapshotRow.id).order_by(SnapshotRow.sequence).limit(1)).one()
        session.execute(
            update(SnapshotRow)
            .where(SnapshotRow.id == first)
            .values(attempts=1, error="broken", next_attempt=datetime(2020, 1, 1, tzinfo=UTC), skip_reason="broken row")
        )


def test_what_the_log_lost_is_unknown(client: TestClient, sessions: Sessions) -> None:
    live_twice(client)
    with sessions.begin() as session:
        session.execute(delete(EventRow).where(EventRow.revision == 1))
    (state,) = told("history", NAME, "--at", "now")
    assert list(state["fields"]) == ["description"]
    assert state["unknown"]["version"] == {"since": 1, "reason": "missing"}


def test_a_value_too_large_for_its_event_is_unknown(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.settings = settings.model_copy(update={"event_size_cap": 1000})
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, parameters={"x": "x" * 2000})
    outbox_world.dispatch_all()
    (state,) = told("history", NAME, "--at", "now")
    assert state["unknown"] == {"parameters": {"since": 2, "reason": "omitted"}}


def test_the_state_as_text_has_its_facts_and_every_field(client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "nightly", tags=["a"])
    shown = history(NAME, "--at", "now")
    assert shown[:3] == [
        "name              etl/nightly",
        f"resource          prefect.deployment.{deployment['id']}",
        "at                now",
    ]
    assert {"  tags:", '      [0]: "a"', "  version: null"} <= set(shown)
    fields = {line.split(":")[0].strip() for line in shown[4:] if not line.startswith("      ")}
    assert fields == set(DEPLOYMENT.tracked)


def test_the_state_as_json_has_one_line(client: TestClient) -> None:
    make_deployment(client, make_flow(client, "etl"), "nightly")
    (line,) = history(NAME, "--at", "now", "--json")
    state = json.loads(line)
    assert (state["kind"], state["name"], state["status"], state["unknown"]) == ("deployment", "nightly", "alive", {})


def test_what_was_renamed_is_there_under_the_name_of_that_time(settings: Settings, sessions: Sessions) -> None:
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
    assert told("history", "etl/old", "--at", "2026-01-01")[0]["name"] == "old"
    assert told("history", "etl/new", "--at", "now")[0]["name"] == "new"
    assert history("etl/old", "--at", "now", exit_code=3)[1].endswith(": its name was etl/new then.")
    assert history("etl/new", "--at", "2026-01-01", exit_code=3)[1].endswith(": its name was etl/old then.")
