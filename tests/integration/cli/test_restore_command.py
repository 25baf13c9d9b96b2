"""`aftercommit history NAME --restore REVISION`: brings a deployment back to a revision."""

import getpass
import socket
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.crud.deployments.writing import update_deployment
from app.schemas.deployments import DeploymentUpdate
from app.settings import Settings
from tests.integration.cli.command_output import json_output, run
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow, make_limit, make_pool, make_queue
from tests.integration.side_by_side import while_blocked

NAME = "etl/nightly"
pytestmark = pytest.mark.usefixtures("audited")


def deployed(client: TestClient, *bodies: dict[str, Any], **created: Any) -> str:
    """Create a deployment, change it by each of these bodies, and return its id."""
    id_: str = make_deployment(client, make_flow(client, "etl"), "nightly", **created)["id"]
    for body in bodies:
        assert client.patch(f"/deployments/{id_}", json=body).status_code == 204
    return id_


def restored(revision: int, *more: str) -> list[str]:
    result = run("history", NAME, "--restore", str(revision), *more)
    assert result.exit_code == 0, (result.output, result.exception)
    # Tasks run in this process, which logs them.
    return [line for line in result.stdout.splitlines() if " [debug " not in line]


def refusal(revision: int, *more: str, name: str = NAME) -> str:
    result = run("history", name, "--restore", str(revision), *more)
    assert result.exit_code == 1, result.output
    return str(result.exception)


def newest_event() -> dict[str, Any]:
    event: dict[str, Any] = json_output("events", "list", "--limit", "1")[0]
    return event


def test_a_deployment_is_brought_back_to_a_revision_by_one_change(client: TestClient) -> None:
    schedule = {"schedule": {"interval": 60.0}, "active": True, "slug": "s"}
    values = {"tags": ["a"], "parameters": {"x": 1}, "version": "1", "schedules": [schedule], "pull_steps": [{"a": 1}]}
    id_ = deployed(
        client,
        {"version": "2", "tags": ["b"], "parameters": {"x": 2}, "pull_steps": None, "job_variables": {"image": "i"}},
        {"description": "x", "paused": True, "schedules": [{**schedule, "active": False}]},
        **values,
    )
    before = json_output("history", NAME, "--at", "now")[0]
    restored(1)
    after = json_output("history", NAME, "--at", "now")[0]
    assert (before["revision"], after["revision"]) == (3, 4)
    assert json_output("diff", NAME, "1", "4")[0]["changes"] == {}
    now = client.get(f"/deployments/{id_}").json()
    assert (now["version"], now["paused"], now["parameters"], now["job_variables"]) == ("1", False, {"x": 1}, {})
    assert now["schedules"][0]["active"] is True


def test_the_event_names_the_user_and_the_reason(client: TestClient) -> None:
    deployed(client, {"version": "2"}, version="1")
    restored(1)
    labels = newest_event()["resource"]
    assert labels["aftercommit.actor"] == f"cli:{getpass.getuser()}@{socket.gethostname()}"
    assert labels["aftercommit.reason"] == "restored to revision 1"
    restored(2, "--reason", "it was right")
    assert newest_event()["resource"]["aftercommit.reason"] == "it was right"


def test_the_output_shows_the_difference(client: TestClient) -> None:
    deployed(client, {"version": "2"}, version="1")
    assert restored(1) == [
        "etl/nightly is restored to revision 1, as revision 3:",
        '~ version: "2" -> "1"',
    ]


def test_a_dry_run_shows_the_difference_and_changes_nothing(client: TestClient) -> None:
    id_ = deployed(client, {"version": "2"}, version="1")
    assert restored(1, "--dry-run") == [
        "etl/nightly would be restored to revision 1, as revision 3:",
        '~ version: "2" -> "1"',
    ]
    (result,) = json_output("history", NAME, "--restore", "1", "--dry-run")
    assert (result["dry_run"], result["changes"]) == (True, {"version": {"from": "2", "to": "1"}})
    assert client.get(f"/deployments/{id_}").json()["version"] == "2"
    assert newest_event()["resource"]["aftercommit.revision"] == "2"


def test_nothing_is_changed_if_nothing_differs(client: TestClient) -> None:
    deployed(client, {"version": "2"}, {"version": "1"}, version="1")
    assert restored(1) == ["Nothing differs: etl/nightly is as in revision 1."]
    assert newest_event()["resource"]["aftercommit.revision"] == "3"


def test_a_secret_that_has_not_changed_is_kept(client: TestClient) -> None:
    secrets = {"token": "s3cret", "db": "postgresql://u:pw@host/db"}
    id_ = deployed(client, {"parameters": {"x": 2, **secrets}}, parameters={"x": 1, **secrets})
    restored(1)
    assert client.get(f"/deployments/{id_}").json()["parameters"] == {"x": 1, **secrets}


def test_a_secret_that_has_changed_is_refused_by_its_place(client: TestClient) -> None:
    id_ = deployed(client, {"parameters": {"token": "new"}}, parameters={"token": "old", "x": 1})
    assert refusal(1) == "Revision 1 cannot be restored: parameters.token is masked, and not the current value."
    assert client.get(f"/deployments/{id_}").json()["parameters"] == {"token": "new"}


def test_a_secret_inside_a_text_that_has_changed_is_refused(client: TestClient) -> None:
    deployed(client, {"path": "https://u:new@host/"}, path="https://u:old@host/")
    assert "path is masked" in refusal(1)


def test_an_unknown_value_that_has_changed_since_is_refused(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.settings = settings.model_copy(update={"event_size_cap": 1000})
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, parameters={"x": "x" * 2000})
    outbox_world.update(change, version="2")
    outbox_world.dispatch_all()
    # It has not changed, so it needs no restore.
    assert restored(2)[1:] == ['~ version: "2" -> null']
    assert "parameters is unknown" in refusal(2), "the event of the latest change is not in the log yet"
    outbox_world.update(change, parameters={})
    outbox_world.dispatch_all()
    assert refusal(2) == (
        "Revision 2 cannot be restored: parameters is unknown, because the value was too large for its event."
    )


def test_a_work_queue_that_no_longer_exists_is_refused(client: TestClient) -> None:
    make_pool(client, "pool")
    queue = make_queue(client, "q")
    deployed(client, {"work_pool_name": "pool"}, work_pool_name="pool", work_queue_name="q")
    restored(1)
    restored(2)
    assert client.delete("/work_pools/pool/queues/q").status_code == 204
    assert refusal(1) == f"Revision 1 has the work queue {queue['id']}, which no longer exists."


def test_a_concurrency_limit_that_no_longer_exists_is_refused(client: TestClient) -> None:
    limit = make_limit(client)["id"]
    deployed(client, {"global_concurrency_limit_id": None}, global_concurrency_limit_id=limit)
    restored(1)
    restored(2)
    assert client.delete(f"/v2/concurrency_limits/{limit}").status_code == 204
    assert refusal(1) == f"Revision 1 has the concurrency limit {limit}, which no longer exists."


def test_a_limit_of_its_own_is_restored(client: TestClient) -> None:
    id_ = deployed(client, {"concurrency_limit": None}, {"concurrency_limit": 3}, concurrency_limit=2)
    for revision, limit in ((1, 2), (2, None), (3, 3)):
        restored(revision)
        found = client.get(f"/deployments/{id_}").json()["global_concurrency_limit"]
        assert (found and found["limit"]) == limit


def test_the_values_are_checked_as_in_a_patch(client: TestClient) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    template = {"variables": {"type": "object", "properties": {"image": {"type": "string"}}}}
    make_pool(client, "pool", base_job_template={"job_configuration": {}, **template})
    deployed(
        client,
        {"job_variables": {"image": "b"}, "parameters": {"x": 1}},
        parameters={"x": 2},
        parameter_openapi_schema=schema,
        work_pool_name="pool",
        job_variables={"image": "a"},
    )
    template["variables"]["properties"]["image"]["type"] = "integer"  # type: ignore[index]
    changed = {"base_job_template": {"job_configuration": {}, **template}}
    assert client.patch("/work_pools/pool", json=changed).status_code == 204
    assert refusal(1).startswith("The job variables do not fit their schema")


def test_a_deleted_deployment_is_refused(client: TestClient) -> None:
    id_ = deployed(client, {"version": "2"}, version="1")
    client.delete(f"/deployments/{id_}")
    assert refusal(1).startswith("etl/nightly was deleted, and cannot be restored: deploy it again.")


def test_a_revision_that_does_not_exist_is_refused(client: TestClient) -> None:
    deployed(client)
    assert refusal(7).startswith("etl/nightly has no revision 7 in the log.")


def test_other_kinds_are_refused(client: TestClient) -> None:
    make_pool(client, "pool")
    text = "Only deployments can be restored, and work-pool:pool is a work-pool."
    assert refusal(1, name="work-pool:pool") == text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--dry-run"],
        ["--reason", "x"],
        ["--restore", "0"],
        ["--restore", "1", "--at", "now"],
        ["--restore", "1", "--limit", "1"],
        ["--restore", "1", "--reason", "x" * 501],
        ["--restore", "1", "--reason", "a\nb"],
    ],
)
def test_contradictory_options_are_refused(arguments: list[str], client: TestClient) -> None:
    deployed(client)
    assert run("history", NAME, *arguments).exit_code == 2


def test_a_change_that_is_not_committed_yet_is_waited_for_and_undone_too(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    id_ = deployed(client, {"version": "2"}, version="1", tags=["a"])
    with sessions() as session:
        update_deployment(session, UUID(id_), DeploymentUpdate(version="3", tags=["b"]))
        with while_blocked(engine, lambda: restored(1)) as output:
            session.commit()
    assert output.result()[0] == "etl/nightly is restored to revision 1, as revision 4:"
    event = newest_event()["payload"]["updates"]
    assert event == {"tags": {"from": ["b"], "to": ["a"]}, "version": {"from": "3", "to": "1"}}
