"""A schema whose check never ends: the request is refused with 422, and the others are served meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.unit.crud.deployments.test_check_budget import doubling
from tests.world import World, operations

OPEN_TRANSACTIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%%'
"""
ENDLESS_SCHEMA = doubling("allOf")
LARGE_SCHEMA = {"properties": {f"p{number}": {"type": "string"} for number in range(400)}}
"""Its check takes more work than a transaction may wait for, and ends."""


def body_with(schema: dict[str, Any], world: World, **parameters: Any) -> dict[str, Any]:
    return {
        "name": world.name("d"),
        "flow_id": world.flow(),
        "parameter_openapi_schema": schema,
        "parameters": parameters or {"n": 1},
        "enforce_parameter_schema": True,
    }


def test_an_endless_schema_is_refused_when_a_deployment_is_created(world: World) -> None:
    answer = world.post("/deployments/", body_with(ENDLESS_SCHEMA, world), 422)
    assert "too much work" in answer["detail"]


def test_an_endless_schema_is_refused_when_a_deployment_is_changed(world: World) -> None:
    deployment = world.deploy(parameter_openapi_schema=ENDLESS_SCHEMA)
    world.patch(f"/deployments/{deployment}", {"parameters": {"n": 1}}, 422)
    assert operations(world.life(deployment)) == ["created"]


def test_an_endless_schema_in_a_job_template_is_refused_when_a_deployment_uses_it(world: World) -> None:
    template = {"job_configuration": {}, "variables": ENDLESS_SCHEMA}
    world.post("/work_pools/", {"name": world.name("odd"), "type": "process", "base_job_template": template}, 201)
    body = {"name": "d", "flow_id": world.flow(), "work_pool_name": world.name("odd"), "job_variables": {"n": 1}}
    assert "too much work" in world.post("/deployments/", body, 422)["detail"]


def test_a_large_schema_is_checked(world: World) -> None:
    answer = world.post("/deployments/", body_with(LARGE_SCHEMA, world, p7=7), 422)
    assert "at p7: it breaks the rule 'type'" in answer["detail"]
    deployment = world.post("/deployments/", body_with(LARGE_SCHEMA, world, p7="text"), 201)["id"]
    world.patch(f"/deployments/{deployment}", {"parameters": {"p8": 8}}, 409)
    world.patch(f"/deployments/{deployment}", {"parameters": {"p8": "text"}})
    assert operations(world.life(deployment)) == ["created", "updated"]


def test_no_transaction_is_open_during_a_long_check(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = world.deploy(parameter_openapi_schema=LARGE_SCHEMA)
    open_transactions: list[int] = []
    monkeypatch.setattr("app.long_checks.LongChecks.run", _noting(open_transactions, engine))
    world.patch(f"/deployments/{deployment}", {"parameters": {"p8": "text"}})
    assert open_transactions == [0]


def _noting(noted: list[int], engine: Engine) -> Any:
    async def run(_self: Any, check: Any) -> None:
        with engine.connect() as connection:
            noted.append(connection.exec_driver_sql(OPEN_TRANSACTIONS).scalar_one())
        check()

    return run


def test_of_many_concurrent_long_checks_some_get_429(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.long_checks.WAITING_LIMIT", 2)
    body = body_with(ENDLESS_SCHEMA, world)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: world.client.post("/deployments/", json=body), range(8)))
    assert {answer.status_code for answer in answers} == {422, 429}
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 429} == {"13"}
