"""What Prefect's client asks on its way."""

from fastapi.testclient import TestClient

AUTOMATIONS_OF = "prefect.deployment.e4f61bd2-5348-4a3c-ba83-2f9cc749a810"


def test_the_client_is_told_in_its_own_words_that_it_needs_no_token(client: TestClient) -> None:
    response = client.get("/csrf-token?client=a2467b1f-ad56-4ea4-b38f-840c6272c7f1")

    assert (response.status_code, response.json()) == (422, {"detail": "CSRF protection is disabled."})


def test_a_pool_can_be_created_from_each_offered_worker_type(client: TestClient) -> None:
    offered = client.get("/collections/views/aggregate-worker-metadata").json()["prefect"]

    assert set(offered) == {"prefect-agent", "process"}
    for type_, worker in offered.items():
        assert worker["type"] == type_
        body = {"name": f"a-{type_}", "type": type_, "base_job_template": worker["default_base_job_configuration"]}
        assert client.post("/work_pools/", json=body).status_code == 201


def test_the_process_type_declares_the_variables_that_it_uses(client: TestClient) -> None:
    offered = client.get("/collections/views/aggregate-worker-metadata").json()["prefect"]["process"]

    template = offered["default_base_job_configuration"]
    assert template["job_configuration"] == {
        name: "{{ " + name + " }}" for name in ("command", "env", "labels", "name", "stream_output", "working_dir")
    }
    assert template["variables"]["properties"]["working_dir"]["anyOf"] == [
        {"format": "path", "type": "string"},
        {"type": "null"},
    ]


def test_deleting_the_automations_of_a_deployment_is_accepted(client: TestClient) -> None:
    response = client.delete(f"/automations/owned-by/{AUTOMATIONS_OF}")

    assert (response.status_code, response.json()) == (202, None)


def test_no_automation_is_related_to_a_deployment(client: TestClient) -> None:
    response = client.get(f"/automations/related-to/{AUTOMATIONS_OF}")

    assert (response.status_code, response.json()) == (200, [])


def test_nothing_is_scheduled_for_a_served_flow(client: TestClient) -> None:
    body = {"deployment_ids": ["e4f61bd2-5348-4a3c-ba83-2f9cc749a810"], "scheduled_before": None}

    response = client.post("/deployments/get_scheduled_flow_runs", json=body)

    assert (response.status_code, response.json()) == (200, [])
