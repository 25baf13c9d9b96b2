"""What a change of a deployment costs: counted statements."""

from typing import Any

from tests.statements import StatementCount
from tests.world import World


def test_a_change_is_one_statement_one_snapshot_and_one_commit(world: World, client: Any) -> None:
    deployment = world.deploy(version="1", description="d")
    seen = StatementCount(client.app.state.engine)
    world.post("/deployments/", {"name": world.name("nightly"), "flow_id": world.flow(), "version": "2"}, 200)
    assert len(seen.of("INSERT INTO deployment")) == 1
    assert len(seen.of("INSERT INTO snapshot")) == 1
    assert len(seen.of("UPDATE")) == 0
    # The flow's route reads and the flow is locked; then upsert, snapshot, and the answer.
    assert len([statement for statement in seen.statements if "deployment" in statement]) == 2
    seen.statements.clear()
    world.patch(f"/deployments/{deployment}", {"version": "3"})
    assert [statement.split()[0] for statement in seen.statements] == ["SELECT", "UPDATE", "INSERT"]


def test_an_unchanged_upsert_writes_no_row(world: World, client: Any) -> None:
    world.deploy(version="1")
    seen = StatementCount(client.app.state.engine)
    world.deploy(200, version="1")
    assert seen.of("INSERT INTO snapshot") == []


def test_bulk_deletion_costs_the_same_whatever_its_number(world: World, client: Any) -> None:
    def statements(count: int) -> int:
        ids = [world.deploy(name=f"c{count}-{number}") for number in range(count)]
        seen = StatementCount(client.app.state.engine)
        world.post("/deployments/bulk_delete", {"deployments": {"id": {"any_": ids}}})
        return len(seen.statements)

    assert statements(1) == statements(20)
