"""Commands on rows that no process of ours has written: they show what is damaged, and end normally."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.cli.command_output import create_twice, json_output, run
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import as_json, make_parked

Sessions = sessionmaker[Session]
DAMAGED_STATES = ["[1, 2]", '"hunter"', "7", "true", "null", "[" * 5000 + "]" * 5000]
DAMAGED_PAYLOADS = [
    '{"updates": [1]}',
    '{"updates": {"version": 7}}',
    '{"updates": {"version": {"from": "1"}}}',
    '{"fields": "text"}',
    '{"updates": "text", "fields": [1], "omitted_fields": 7, "updated_fields": 7}',
    "{}",
]


@pytest.mark.parametrize("state", DAMAGED_STATES, ids=lambda state: state[:10])
def test_a_damaged_state_of_a_snapshot_is_shown_unchanged(state: str, outbox_world: OutboxWorld) -> None:
    id_ = make_parked(outbox_world).id
    with outbox_world.sessions.begin() as session:
        statement = text("UPDATE snapshot SET after = CAST(:state AS jsonb) WHERE id = :id")
        session.execute(statement, {"state": state, "id": id_})
    shown = as_json("show", id_)
    assert shown["damaged"] == {"after": state}
    assert shown["changes"]["version"] == {"before": None, "after": None}
    printed = run("outbox", "show", str(id_))
    assert printed.exit_code == 0, printed.exception
    assert "The state after the change is damaged" in printed.stdout
    assert as_json("parked")[0]["id"] == str(id_)


def damage(sessions: Sessions, position: int, payload: str) -> None:
    with sessions.begin() as session:
        statement = text("UPDATE event SET payload = CAST(:payload AS jsonb) WHERE position = :position")
        session.execute(statement, {"payload": payload, "position": position})


@pytest.mark.parametrize("operation", ["created", "updated", "deleted"])
def test_no_command_ends_in_an_error_at_a_damaged_event(operation: str, client: TestClient, sessions: Sessions) -> None:
    create_twice(client)
    (*_, event) = json_output("events", "list", "--name", "etl/nightly", "--event", f"prefect.deployment.{operation}")
    for payload in DAMAGED_PAYLOADS:
        damage(sessions, event["position"], payload)
        for words in (
            ("events", "show", str(event["position"])),
            ("events", "list"),
            ("history", "etl/nightly"),
            ("history", "etl/nightly", "--at", event["occurred"]),
            ("history", "etl/nightly", "--at", "now"),
        ):
            for more in ((), ("--json",)):
                done = run(*words, *more)
                assert done.exit_code in (0, 3), (payload, words, done.exception)


def test_the_state_after_a_damaged_event_is_unknown(client: TestClient, sessions: Sessions) -> None:
    create_twice(client)
    (event,) = json_output("events", "list", "--name", "etl/nightly", "--field", "description", "--limit", "1")
    damage(sessions, event["position"], '{"updates": [1]}')
    (state,) = json_output("history", "etl/nightly", "--at", "now")
    assert state["fields"] == {}
    assert {unknown["reason"] for unknown in state["unknown"].values()} == {"damaged"}
    assert "an event is damaged" in run("history", "etl/nightly", "--at", "now").stdout
