"""Work pools over HTTP: creating, reading and updating."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.schemas.worker_types import template_of
from tests.integration.registry import make_pool
from tests.integration.side_by_side import all_at_once
from tests.statements import StatementCount

NOT_SET = {"bundle_upload_step": None, "bundle_execution_step": None, "default_result_storage_block_id": None}


def test_a_new_pool_is_returned_in_the_wire_format(client: TestClient) -> None:
    pool = make_pool(client, base_job_template=template_of("prefect", "process"), is_paused=False)

    for key in ("id", "created", "updated", "default_queue_id"):
        assert pool.pop(key)
    assert pool == {
        "name": "pool",
        "description": None,
        "type": "process",
        "base_job_template": template_of("prefect", "process"),
        "is_paused": False,
        "concurrency_limit": None,
        "status": "NOT_READY",
        "storage_configuration": NOT_SET,
        "active_slots": None,
    }


def test_a_new_pool_has_its_default_queue(client: TestClient) -> None:
    pool = make_pool(client)

    [queue] = client.post("/work_pools/pool/queues/filter").json()

    assert (queue["id"], queue["work_pool_id"]) == (pool["default_queue_id"], pool["id"])
    assert (queue["name"], queue["priority"]) == ("default", 1)
    assert queue["description"] == "The work pool's default queue."


def test_a_pool_without_a_type_is_an_agent_pool_and_has_no_status(client: TestClient) -> None:
    pool = client.post("/work_pools/", json={"name": "pool", "is_paused": True}).json()

    assert (pool["type"], pool["status"], pool["base_job_template"]) == ("prefect-agent", None, {})


def test_a_pool_that_is_created_paused_has_the_status_paused(client: TestClient) -> None:
    make_pool(client)

    client.patch("/work_pools/pool", json={"is_paused": True})

    assert client.get("/work_pools/pool").json()["status"] == "PAUSED"


def test_a_pool_with_a_limit_reports_its_active_slots(client: TestClient) -> None:
    assert make_pool(client, concurrency_limit=3)["active_slots"] == 0


def test_a_taken_name_is_a_conflict(client: TestClient) -> None:
    make_pool(client)

    again = client.post("/work_pools/", json={"name": "pool", "type": "docker"})

    assert (again.status_code, again.json()) == (409, {"detail": "A work pool with this name already exists."})
    assert client.get("/work_pools/pool").json()["type"] == "process"


def test_of_twenty_concurrent_creations_one_succeeds(client: TestClient) -> None:
    answers = all_at_once(20, lambda _: client.post("/work_pools/", json={"name": "pool"}).status_code)

    assert sorted(answers) == [201] + [409] * 19


def test_a_change_is_stored_with_a_later_time(client: TestClient) -> None:
    pool = make_pool(client)
    steps = {"bundle_upload_step": {"a": 1}, "default_result_storage_block_id": str(uuid4())}

    answer = client.patch(
        "/work_pools/pool", json={"description": "hello", "concurrency_limit": 7, "storage_configuration": steps}
    )

    after = client.get("/work_pools/pool").json()
    assert answer.status_code == 204
    assert (after["description"], after["concurrency_limit"]) == ("hello", 7)
    assert after["storage_configuration"] == {**NOT_SET, **steps}
    assert after["updated"] > pool["updated"]


def test_null_clears_a_field_of_a_pool(client: TestClient) -> None:
    fields = ("description", "base_job_template", "concurrency_limit", "storage_configuration")
    make_pool(
        client,
        description="x",
        base_job_template=template_of("prefect", "process"),
        concurrency_limit=1,
        storage_configuration={"bundle_upload_step": {"a": 1}},
    )

    assert client.patch("/work_pools/pool", json=dict.fromkeys(fields)).status_code == 204

    after = client.get("/work_pools/pool").json()
    assert [after[field] for field in fields] == [None, {}, None, NOT_SET]


def test_prefects_overwriting_update_changes_nothing_if_all_values_are_equal(client: TestClient) -> None:
    pool = make_pool(client, base_job_template=template_of("prefect", "process"))
    body = {
        "description": None,
        "is_paused": False,
        "base_job_template": template_of("prefect", "process"),
        "concurrency_limit": None,
        "storage_configuration": NOT_SET,
    }

    assert client.patch("/work_pools/pool", json=body).status_code == 204

    assert client.get("/work_pools/pool").json() == pool


@pytest.mark.parametrize(
    ("agent", "omitted"),
    [
        ("prefect/3.3.7 (API 0.8.4)", True),
        ("prefect/2.20.1 (API 0.8.4)", True),
        ("prefect/3.3.8 (API 0.8.4)", False),
        ("prefect/3.10.0 (API 0.8.4)", False),
        ("curl/8", False),
    ],
)
def test_the_result_block_is_omitted_for_clients_that_refuse_it(client: TestClient, agent: str, omitted: bool) -> None:
    headers = {"user-agent": agent}
    created = client.post("/work_pools/", json={"name": "pool"}, headers=headers).json()
    read = client.get("/work_pools/pool", headers=headers).json()
    [listed] = client.post("/work_pools/filter", headers=headers).json()

    for pool in (created, read, listed):
        assert ("default_result_storage_block_id" not in pool["storage_configuration"]) is omitted


def test_polls_of_workers_find_no_runs(client: TestClient) -> None:
    make_pool(client)
    online = {"workers": {"status": {"any_": ["ONLINE"]}}, "offset": None, "limit": None}

    assert client.post("/work_pools/pool/workers/filter", json=online).json() == []
    assert client.post("/work_pools/pool/get_scheduled_flow_runs", json={}).json() == []
    assert client.post("/work_pools/pool/workers/heartbeat", json={"name": "w"}).status_code == 204


def test_a_poll_reads_all_its_queues_with_one_statement(client: TestClient) -> None:
    make_pool(client)
    for name in ("a", "b"):
        client.post("/work_pools/pool/queues", json={"name": name})
    seen = StatementCount(client.app.state.engine)  # type: ignore[attr-defined]  # Starlette does not know the state.
    poll = {"work_queue_names": ["default", "a", "b", "a"]}
    assert client.post("/work_pools/pool/get_scheduled_flow_runs", json=poll).status_code == 200
    assert len(seen.of("SELECT")) == 2  # The pool, and its queues.
    poll = {"work_queue_names": ["a", "none"]}
    answer = client.post("/work_pools/pool/get_scheduled_flow_runs", json=poll)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Work queue not found"})
