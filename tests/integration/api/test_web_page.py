"""The routes below `/ui`, which only Prefect's web pages call."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.integration.registry import make_deployment, make_flow

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_the_deployments_of_each_flow_are_counted(client: TestClient) -> None:
    flow = make_flow(client, "etl")
    for name in ("a", "b"):
        make_deployment(client, flow, name)
    ids = [flow["id"], make_flow(client, "other")["id"], str(uuid4())]
    counted = client.post("/ui/flows/count-deployments", json={"flow_ids": ids})
    assert counted.json() == dict(zip(ids, (2, 0, 0), strict=True))


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/ui/flows/next-runs", {"flow_ids": [str(uuid4())]}, None),
        ("/ui/flow_runs/count-task-runs", {"flow_run_ids": [str(uuid4())]}, 0),
    ],
)
def test_no_run_is_known_of_any_id(path: str, body: dict[str, list[str]], expected: Any, client: TestClient) -> None:
    ((name, ids),) = body.items()
    assert client.post(path, json=body).json() == dict.fromkeys(ids, expected)
    assert client.post(path, json={name: [str(uuid4())] * 201}).status_code == 422


@pytest.mark.parametrize("path", ["/ui/flow_runs/history", "/ui/task_runs/count", "/ui/task_runs/dashboard/counts"])
def test_there_are_no_runs_to_list(path: str, client: TestClient) -> None:
    answer = client.post(path, json={"limit": 1000})
    assert (answer.status_code, answer.json()) == (200, [])


def test_there_is_no_task_run(client: TestClient) -> None:
    assert client.get(f"/ui/task_runs/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("values", "is_valid"),
    [({"n": 1}, True), ({}, True), ({"n": "text"}, False), ({"n": {"__prefect_kind": "json", "value": "2"}}, True)],
)
def test_the_values_of_a_form_are_checked(values: Any, is_valid: bool, client: TestClient) -> None:
    answer = client.post("/ui/schemas/validate", json={"schema": SCHEMA, "values": values})
    assert answer.json()["valid"] is is_valid
    assert bool(answer.json()["errors"]) is not is_valid


def test_an_invalid_schema_of_a_form_is_refused(client: TestClient) -> None:
    answer = client.post("/ui/schemas/validate", json={"schema": {"type": 3}, "values": {}})
    assert answer.status_code == 422
