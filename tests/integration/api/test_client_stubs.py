"""The routes that Prefect's client calls in passing during other commands."""

from fastapi.testclient import TestClient

AUTOMATIONS_OF = "prefect.deployment.e4f61bd2-5348-4a3c-ba83-2f9cc749a810"


def test_the_csrf_route_reports_that_no_token_is_needed_as_prefect_does(client: TestClient) -> None:
    response = client.get("/csrf-token?client=a2467b1f-ad56-4ea4-b38f-840c6272c7f1")

    assert (response.status_code, response.json()) == (422, {"detail": "CSRF protection is disabled."})


def test_a_pool_can_be_created_from_each_offered_worker_type(client: TestClient) -> None:
    packages = client.get("/collections/views/aggregate-worker-metadata").json()

    offered = {name: worker for types in packages.values() for name, worker in types.items()}
    assert {"process", "docker", "kubernetes", "ecs", "cloud-run-v2", "azure-container-instance"} <= set(offered)
    for name, worker in offered.items():
        assert worker["type"] == name
        template = worker["default_base_job_configuration"]
        body = {"name": f"a-{name}", "type": name, "base_job_template": template}
        response = client.post("/work_pools/", json=body)
        assert (response.status_code, response.json()["base_job_template"]) == (201, template)


def test_deleting_the_automations_of_a_deployment_is_accepted(client: TestClient) -> None:
    response = client.delete(f"/automations/owned-by/{AUTOMATIONS_OF}")

    assert (response.status_code, response.json()) == (202, None)


def test_a_deployment_has_no_related_automations(client: TestClient) -> None:
    response = client.get(f"/automations/related-to/{AUTOMATIONS_OF}")

    assert (response.status_code, response.json()) == (200, [])
