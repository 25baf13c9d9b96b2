"""`aftercommit diff NAME REVISION REVISION`: what is different between two revisions."""

from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow
from app.settings import Settings
from tests.integration.cli.command_output import create_twice, json_output, run
from tests.integration.cli.test_history_at_command import skip_first_pending
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow, make_pool

NAME = "etl/nightly"


def patched(client: TestClient, *bodies: dict[str, Any]) -> str:
    """Create a deployment, change it by each of these bodies, and return its id."""
    id_: str = make_deployment(client, make_flow(client, "etl"), "nightly", version="1", tags=["a"])["id"]
    for body in bodies:
        assert client.patch(f"/deployments/{id_}", json=body).status_code == 204
    return id_


def lines(*arguments: str) -> list[str]:
    result = run("diff", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_only_what_differs_between_the_two_revisions_is_shown(client: TestClient) -> None:
    patched(client, {"version": "2"}, {"description": "x"}, {"version": "3", "tags": ["a", "b"]})
    (difference,) = json_output("diff", NAME, "2", "4")
    assert difference["changes"] == {
        "description": {"from": None, "to": "x"},
        "tags": {"from": ["a"], "to": ["a", "b"]},
        "version": {"from": "2", "to": "3"},
    }
    assert difference["unknown"] == {}
    assert [difference[side]["revision"] for side in ("from", "to")] == [2, 4]
    assert '~ version: "2" -> "3"' in lines(NAME, "2", "4")


def test_the_difference_in_the_other_direction_is_reversed(client: TestClient) -> None:
    patched(client, {"version": "2"})
    assert '~ version: "2" -> "1"' in lines(NAME, "2", "1")


def test_a_value_that_was_changed_and_changed_back_does_not_differ(client: TestClient) -> None:
    patched(client, {"version": "2"}, {"version": "1"})
    assert lines(NAME, "1", "3")[-1] == "No tracked field differs."


def test_a_resource_id_and_a_kind_name_the_resource(client: TestClient) -> None:
    id_ = patched(client, {"version": "2"})
    assert lines(f"prefect.deployment.{id_}", "1", "2") == lines(NAME, "1", "2")
    make_pool(client, "pool")
    client.patch("/work_pools/pool", json={"description": "big"})
    assert lines("work-pool:pool", "1", "2") == lines("pool", "1", "2", "--kind", "work-pool")
    assert '~ description: null -> "big"' in lines("work-pool:pool", "1", "2")


def test_each_revision_is_shown_with_who_made_it_and_why(client: TestClient) -> None:
    client.headers["X-Aftercommit-Reason"] = "rollback"
    patched(client, {"version": "2"})
    (to,) = [line for line in lines(NAME, "1", "2") if line.startswith("to ")]
    assert to.endswith(", updated by anonymous: rollback")


def test_a_revision_that_does_not_exist_is_an_error_that_names_those_that_do(client: TestClient) -> None:
    id_ = patched(client, {"version": "2"})
    result = run("diff", NAME, "1", "9")
    assert result.exit_code == 1
    assert str(result.exception) == (
        f"{NAME} has no revision 9 in the log. The log has the revisions 1 to 2 of prefect.deployment.{id_}."
    )


def test_of_several_resources_with_a_name_the_existing_one_is_compared(client: TestClient) -> None:
    first, second = create_twice(client)
    (difference,) = json_output("diff", NAME, "1", "2")
    assert difference["resource"] == f"prefect.deployment.{second}"
    assert "2 resources have had this name" in str(run("diff", NAME, "1", "3").exception)
    (difference,) = json_output("diff", f"prefect.deployment.{first}", "2", "3")
    assert (difference["to"]["operation"], difference["changes"]) == ("deleted", {})


def test_unknown_values_are_shown_with_the_reason(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.dispatch_all()
    outbox_world.update(change, description="lost")
    outbox_world.update(change, version="2")
    skip_first_pending(outbox_world.sessions)
    outbox_world.dispatch_all()
    (difference,) = json_output("diff", NAME, "1", "3")
    assert difference["changes"] == {"version": {"from": None, "to": "2"}}
    assert difference["unknown"]["description"] == {"from": {"value": "0"}, "to": {"since": 2, "reason": "skipped"}}
    assert '~ description: "0" -> unknown since revision 2: a change was skipped' in lines(NAME, "1", "3")
    # Between these two, nothing can have changed but the version.
    (difference,) = json_output("diff", NAME, "2", "3")
    assert list(difference["unknown"]) == ["version"]


def test_omitted_values_are_shown_as_unknown(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.settings = settings.model_copy(update={"event_size_cap": 1000})
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, parameters={"x": "x" * 2000})
    outbox_world.dispatch_all()
    (difference,) = json_output("diff", NAME, "1", "2")
    assert difference["unknown"]["parameters"]["to"] == {"since": 2, "reason": "omitted"}


def test_a_revision_whose_event_is_missing_is_an_error(client: TestClient, sessions: sessionmaker[Session]) -> None:
    patched(client, {"version": "2"}, {"version": "3"})
    with sessions.begin() as session:
        session.execute(delete(EventRow).where(EventRow.revision == 2))
    assert "some of which are missing" in str(run("diff", NAME, "2", "3").exception)


def test_a_masked_value_stays_masked(client: TestClient) -> None:
    patched(client, {"parameters": {"token": "s3cret"}}, {"parameters": {"token": "other"}})
    output = "\n".join(lines(NAME, "2", "3"))
    assert "~ token: masked (" in output
    assert "s3cret" not in output
    assert "other" not in output


def test_an_unknown_resource_is_an_error(client: TestClient) -> None:
    assert str(run("diff", NAME, "1", "2").exception).startswith("No deployment is known by that name")
    assert str(run("diff", f"prefect.flow.{UUID(int=1)}", "1", "2").exception).startswith("No resource with this id")


@pytest.mark.parametrize(
    "arguments",
    [[], [NAME], [NAME, "1"], [NAME, "0", "1"], [NAME, "1", "2", "--limit", "3"], [NAME, "1", "2", "--since", "2h"]],
)
def test_incomplete_or_contradictory_arguments_are_refused(arguments: list[str], settings: Settings) -> None:
    assert run("diff", *arguments).exit_code == 2
