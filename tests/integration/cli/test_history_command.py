"""`aftercommit history`: the history of all resources that had a name."""

from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kinds import DEPLOYMENT
from app.log import history as log_history
from app.log.history import read_histories
from app.log.state import Phase
from app.models import SnapshotRow
from app.settings import Settings
from tests.integration.cli.audit_view import history, live_twice, operations, run, told
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]
NAME = "etl/nightly"


def test_the_history_tells_all_lives_of_a_name_the_newest_first(client: TestClient) -> None:
    live_twice(client)
    both_lives = ["nightly created", "nightly updated", "nightly deleted", "nightly created", "nightly updated"]
    assert operations(told("history", NAME, "--oldest-first")) == both_lives
    assert operations(told("history", NAME)) == both_lives[::-1]
    assert operations(told("history", NAME, "--limit", "3")) == both_lives[:1:-1]


def test_a_name_whose_flow_is_deleted_has_its_history(client: TestClient) -> None:
    flow = make_flow(client, "etl")
    make_deployment(client, flow, "nightly")
    client.delete(f"/flows/{flow['id']}")
    assert operations(told("history", NAME)) == ["nightly deleted", "nightly created"]


def test_each_life_is_told_with_its_changes(client: TestClient) -> None:
    first, second = live_twice(client)
    shown = history(NAME, "--oldest-first")
    heads = [line for line in shown if line.startswith("prefect.")]
    assert [head.partition(":")[0] for head in heads] == [
        f"prefect.deployment.{id_} etl/nightly" for id_ in (first, second)
    ]
    assert ": deleted, revision 3 of " in heads[0]
    assert ": alive, revision 2 of " in heads[1]
    assert shown.count('        ~ description: null -> "life 1"') == 1
    assert shown.count('        + version: "2"') == 1
    assert not any("parameters" in line for line in shown), "a creation leaves out empty fields"


def test_a_resource_id_has_one_life(client: TestClient) -> None:
    first, _ = live_twice(client)
    events = told("history", f"prefect.deployment.{first}", "--oldest-first")
    assert operations(events) == ["nightly created", "nightly updated", "nightly deleted"]
    result = run("history", f"prefect.deployment.{UUID(int=1)}")
    assert (result.exit_code, str(result.exception)[:17]) == (1, "No resource with ")


def test_a_name_that_never_was_is_an_error(client: TestClient) -> None:
    live_twice(client)
    for name in ("etl/never", "never/nightly", "nightly/etl"):
        result = run("history", name)
        assert (result.exit_code, str(result.exception)[:35]) == (1, "No deployment is known by that name")


@pytest.mark.parametrize("arguments", [["nightly"], [NAME, "--at", "soon"], [NAME, "--kind", "deploiment"]])
def test_what_cannot_be_understood_is_refused(arguments: list[str], settings: Settings) -> None:
    assert run("history", *arguments).exit_code == 2


def test_what_was_deleted_before_its_first_event_is_found_by_its_name(
    outbox_world: OutboxWorld, client: TestClient
) -> None:
    (change,) = outbox_world.create("nightly")
    assert client.delete(f"/deployments/{change.row['id']}").status_code == 204
    assert history(NAME)[0].startswith(f"prefect.deployment.{change.row['id']}: no event of it is in the log")


def test_a_change_that_becomes_an_event_between_two_statements_is_told_once(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_world.create("nightly")

    def select_after_dispatch(*columns: Any) -> Any:
        if columns[0] is SnapshotRow.resource_id:
            assert outbox_world.dispatch_all() == 1
        return select(*columns)

    monkeypatch.setattr(log_history, "select", select_after_dispatch)
    (line,) = [line for line in history(NAME) if line]
    assert line.endswith("changes that wait for their events: 1")


def test_a_life_of_a_kind_is_read_by_its_ids(client: TestClient, sessions: Sessions) -> None:
    first, second = live_twice(client)
    with sessions() as session:
        histories = read_histories(session, DEPLOYMENT, [UUID(second), UUID(first)])
    assert [(str(history.id), history.phase()) for history in histories] == [
        (first, Phase.DELETED),
        (second, Phase.ALIVE),
    ]
