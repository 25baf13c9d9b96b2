"""The number of SQL statements that a change of a deployment needs."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.crud.deployments.upsert import upsert_deployment
from app.schemas.deployments import DeploymentCreate
from tests.statements import StatementCount
from tests.world import World


def test_a_change_is_one_statement_one_snapshot_and_one_commit(world: World, client: Any) -> None:
    deployment = world.deploy(version="1", description="d")
    flow = world.flow()
    seen = StatementCount(client.app.state.engine)
    world.post("/deployments/", {"name": world.name("nightly"), "flow_id": flow, "version": "2"}, 200)
    # WITH reads the references and compares; the upsert returns the response; the last INSERT is the snapshot.
    assert [statement.split()[0] for statement in seen.statements] == ["WITH", "INSERT", "INSERT"]
    assert len(seen.of("INSERT INTO deployment")) == 1
    seen.statements.clear()
    world.patch(f"/deployments/{deployment}", {"version": "3"})
    assert [statement.split()[0] for statement in seen.statements] == ["UPDATE", "INSERT"]


def test_an_unchanged_upsert_is_one_statement_whatever_it_refers_to(world: World, client: Any) -> None:
    pool = world.pool()
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("limit"), "limit": 1}, 201)["id"]
    flow = world.post("/flows/", {"name": world.name("labelled"), "labels": {"of": "flow"}}, 201)["id"]
    schedule = {"schedule": {"interval": 60.0}, "slug": "often"}
    everything: dict[str, Any] = {
        "work_pool_name": pool,
        "parameters": {"n": 1},
        "tags": ["b", "a"],
        "labels": {"l": 1.0},
    }
    for number, fields in enumerate(
        [
            {"version": "1", "job_variables": {"env": {"A": "1"}}},
            {**everything, "work_queue_name": "q", "schedules": [schedule]},
            {**everything, "global_concurrency_limit_id": limit},
            {**everything, "concurrency_limit": 2, "concurrency_options": {"collision_strategy": "ENQUEUE"}},
            {"work_pool_name": None, "concurrency_limit": None, "description": None},
        ]
    ):
        body = {"name": world.name(f"d{number}"), "flow_id": flow, **fields}
        created = world.post("/deployments/", body, 201)
        seen = StatementCount(client.app.state.engine)
        assert world.post("/deployments/", body, 200) == created
        assert [statement.split()[0] for statement in seen.statements] == ["WITH"]


def test_an_unchanged_upsert_takes_no_transaction_id_so_its_commit_writes_nothing_to_disk(world: World) -> None:
    body = DeploymentCreate(name=world.name("d"), flow_id=UUID(world.flow()), work_pool_name=world.pool())
    with world.sessions() as session:
        assert upsert_deployment(session, body).created
        session.commit()
        assert not upsert_deployment(session, body).created
        assert session.scalar(select(func.pg_current_xact_id_if_assigned())) is None


def test_the_status_after_a_change_of_queue_is_read_by_the_key_of_the_deployment(world: World, client: Any) -> None:
    flow, pool = world.flow(), world.pool()
    body = {"name": world.name("d"), "flow_id": flow, "work_pool_name": pool}
    world.client.post(f"/work_pools/{pool}/workers/heartbeat", json={"name": "w"})
    world.post(f"/work_pools/{pool}/get_scheduled_flow_runs", {})
    seen = StatementCount(client.app.state.engine)
    assert world.post("/deployments/", body, 201)["status"] == "READY"
    (status,) = seen.of("SELECT deployment.id")
    # For a list of any length, PostgreSQL caches a plan that reads the whole table.
    assert "ANY" not in status


def test_a_new_deployment_in_a_queue_without_polls_needs_no_extra_statement(world: World, client: Any) -> None:
    flow, pool = world.flow(), world.pool()
    seen = StatementCount(client.app.state.engine)
    world.post("/deployments/", {"name": world.name("d"), "flow_id": flow, "work_pool_name": pool}, 201)
    assert [statement.split()[0] for statement in seen.statements] == ["WITH", "INSERT", "INSERT"]
    # A new row has no previous row to compare with.
    assert "DO NOTHING" in seen.of("INSERT INTO deployment")[0]


def test_a_deletion_is_one_statement_besides_the_lock_of_its_own_limit_and_the_snapshot(
    world: World, client: Any
) -> None:
    deployment = world.deploy()
    seen = StatementCount(client.app.state.engine)
    world.delete(f"/deployments/{deployment}")
    assert [statement.split()[0] for statement in seen.statements] == ["SELECT", "WITH", "INSERT"]
    assert len(seen.of("WITH deleted")) == 1


def test_a_bulk_deletion_needs_the_same_statements_for_any_number_of_deployments(world: World, client: Any) -> None:
    def statements(count: int) -> int:
        ids = [world.deploy(name=f"c{count}-{number}") for number in range(count)]
        seen = StatementCount(client.app.state.engine)
        world.post("/deployments/bulk_delete", {"deployments": {"id": {"any_": ids}}})
        return len(seen.statements)

    assert statements(1) == statements(20)
