"""Resources of a Prefect server that the registry does not support: empty lists, 404, or 501 with the reason."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.api.unsupported import LIMIT_PATHS, SLOT_ACTIONS, UNSUPPORTED
from tests.integration.registry import make_deployment, make_flow

ID = str(uuid4())
every_prefix = pytest.mark.parametrize("prefix", UNSUPPORTED)


@every_prefix
def test_the_list_is_empty(prefix: str, client: TestClient) -> None:
    for answer in (
        client.post(f"/{prefix}/filter", json={"limit": 5, "anything": None}),
        client.post(f"/{prefix}/{ID}/input/filter", json={}),
        client.post(f"/{prefix}/history", json={}),
        client.get(f"/{prefix}/"),
    ):
        assert (answer.status_code, answer.json()) == (200, [])


@every_prefix
def test_the_count_is_zero(prefix: str, client: TestClient) -> None:
    assert client.post(f"/{prefix}/count", json={}).json() == 0


@every_prefix
def test_a_page_is_empty(prefix: str, client: TestClient) -> None:
    page = client.post(f"/{prefix}/paginate", json={"limit": 5, "page": 2})

    assert page.json() == {"results": [], "count": 0, "limit": 5, "pages": 0, "page": 2}


@every_prefix
def test_a_single_resource_is_not_found(prefix: str, client: TestClient) -> None:
    answers = [
        client.get(f"/{prefix}/{ID}"),
        client.get(f"/{prefix}/name/x"),
        client.patch(f"/{prefix}/{ID}", json={}),
        client.delete(f"/{prefix}/{ID}"),
        client.post(f"/{prefix}/{ID}/set_state", json={}),
    ]

    assert {(answer.status_code, answer.text) for answer in answers} == {
        (404, f'{{"detail":"aftercommit has no {UNSUPPORTED[prefix]}."}}')
    }


@every_prefix
def test_a_creation_is_refused_with_the_reason(prefix: str, client: TestClient) -> None:
    answer = client.post(f"/{prefix}/", json={"name": "x"})

    assert (answer.status_code, answer.json()) == (501, {"detail": f"aftercommit has no {UNSUPPORTED[prefix]}."})


def test_there_are_no_latest_artifacts(client: TestClient) -> None:
    assert client.post("/artifacts/latest/filter", json={}).json() == []
    assert client.post("/artifacts/latest/count", json={}).json() == 0


@pytest.mark.parametrize("action", ["create_flow_run", "branch"])
def test_no_flow_run_can_be_created_from_a_deployment(action: str, client: TestClient) -> None:
    deployment = make_deployment(client, make_flow(client, "etl"), "d")

    answer = client.post(f"/deployments/{deployment['id']}/{action}", json={"state": {"type": "SCHEDULED"}})

    assert answer.status_code == 501
    assert answer.json()["detail"].startswith("aftercommit ")
    assert client.post(f"/deployments/{ID}/{action}", json={}).status_code == 404


@pytest.mark.parametrize("limits", LIMIT_PATHS)
@pytest.mark.parametrize("change", SLOT_ACTIONS)
def test_no_slot_can_be_acquired(limits: str, change: str, client: TestClient) -> None:
    answer = client.post(f"{limits}/{change}", json={"names": ["a"], "slots": 1})

    assert (answer.status_code, "nothing runs here" in answer.json()["detail"]) == (501, True)


def test_there_is_no_result_storage_block(client: TestClient) -> None:
    assert client.get("/admin/storage").json() == {"default_result_storage_block_id": None}
    assert client.put("/admin/storage", json={"default_result_storage_block_id": ID}).status_code == 501
    assert client.delete("/admin/storage").status_code == 501


def test_telemetry_is_disabled(client: TestClient) -> None:
    settings = client.get("/admin/settings").json()["server"]
    assert settings == {"analytics_enabled": False, "ui": {"show_promotional_content": False}}
