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
from tests.integration.cli.command_output import create_twice, history_lines, json_output, operations, run
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow

Sessions = sessionmaker[Session]
NAME = "etl/nightly"


def test_a_history_shows_all_resources_that_had_the_name_newest_first(client: TestClient) -> None:
    create_twice(client)
    both_lives = ["nightly created", "nightly updated", "nightly deleted", "nightly created", "nightly updated"]
    assert operations(json_output("history", NAME, "--oldest-first")) == both_lives
    assert operations(json_output("history", NAME)) == both_lives[::-1]
    assert operations(json_output("history", NAME, "--limit", "3")) == both_lives[:1:-1]


def test_a_deployment_whose_flow_is_deleted_has_a_history(client: TestClient) -> None:
    flow = make_flow(client, "etl")
    make_deployment(client, flow, "nightly")
    client.delete(f"/flows/{flow['id']}")
    assert operations(json_output("history", NAME)) == ["nightly deleted", "nightly created"]


def test_each_resource_is_shown_with_its_changes(client: TestClient) -> None:
    first, second = create_twice(client)
    shown = history_lines(NAME, "--oldest-first")
    heads = [line for line in shown if line.startswith("prefect.")]
    assert [head.partition(":")[0] for head in heads] == [
        f"prefect.deployment.{id_} etl/nightly" for id_ in (first, second)
    ]
    assert ": deleted, revision 3 of " in heads[0]
    assert ": alive, revision 2 of " in heads[1]
    assert shown.count('        ~ description: null -> "life 1"') == 1
    assert shown.count('        + version: "2"') == 1
    assert not any("parameters" in line for line in shown), "a creation leaves out empty fields"


def test_a_resource_id_shows_one_resource(client: TestClient) -> None:
    first, _ = create_twice(client)
    events = json_output("history", f"prefect.deployment.{first}", "--oldest-first")
    assert operations(events) == ["nightly created", "nightly updated", "nightly deleted"]
    result = run("history", f"prefect.deployment.{UUID(int=1)}")
    assert (result.exit_code, str(result.exception)[:17]) == (1, "No resource with ")


def test_an_unknown_name_is_an_error(client: TestClient) -> None:
    create_twice(client)
    for name in ("etl/never", "never/nightly", "nightly/etl"):
        result = run("history", name)
        assert (result.exit_code, str(result.exception)[:35]) == (1, "No deployment is known by that name")


@pytest.mark.parametrize("arguments", [["nightly"], [NAME, "--at", "soon"], [NAME, "--kind", "deploiment"]])
def test_invalid_arguments_are_refused(arguments: list[str], settings: Settings) -> None:
    assert run("history", *arguments).exit_code == 2


def test_a_resource_deleted_before_its_first_event_is_found_by_name(
    outbox_world: OutboxWorld, client: TestClient
) -> None:
    (change,) = outbox_world.create("nightly")
    assert client.delete(f"/deployments/{change.row['id']}").status_code == 204
    assert history_lines(NAME)[0].startswith(f"prefect.deployment.{change.row['id']}: no event of it is in the log")


def test_a_change_that_becomes_an_event_between_two_statements_is_shown_once(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_world.create("nightly")

    def select_after_dispatch(*columns: Any) -> Any:
        if columns[0] is SnapshotRow.resource_id:
            assert outbox_world.dispatch_all() == 1
        return select(*columns)

    monkeypatch.setattr(log_history, "select", select_after_dispatch)
    (line,) = [line for line in history_lines(NAME) if line]
    assert line.endswith("changes that wait for their events: 1")


def test_histories_are_read_by_id(client: TestClient, sessions: Sessions) -> None:
    first, second = create_twice(client)
    with sessions() as session:
        histories = read_histories(session, DEPLOYMENT, [UUID(second), UUID(first)])
    assert [(str(history_lines.id), history_lines.phase()) for history_lines in histories] == [
        (first, Phase.DELETED),
        (second, Phase.ALIVE),
    ]
