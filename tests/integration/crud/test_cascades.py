"""All changes that one request causes have their own events in the same transaction, none before its cause."""

from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.crud import deletions, flows
from app.crud.deployments.upsert import upsert_deployment
from app.models import EventRow
from app.schemas.deployments import DeploymentCreate
from tests.integration.outbox_world import OutboxWorld
from tests.statements import StatementCount
from tests.world import World, assert_audit_is_clean, operations, updates


def events_since(world: World, since: int) -> list[tuple[str, str]]:
    """Return (event, resource name) after position `since`, in order of occurrence."""
    with world.sessions() as session:
        rows: Sequence[EventRow] = session.query(EventRow).where(EventRow.position > since).all()
    rows = sorted(rows, key=lambda row: row.occurred)
    names = [(row.event.removeprefix("prefect."), row.resource["prefect.resource.name"]) for row in rows]
    return [(event, name.removesuffix(f"-{world.token}")) for event, name in names if "ready" not in event]


def position(world: World) -> int:
    """Return the log's last position."""
    with world.sessions() as session:
        return session.query(EventRow).count()


def test_a_flow_is_deleted_before_its_deployments_and_their_limits(world: World) -> None:
    flow = world.flow()
    deployment = world.deploy(concurrency_limit=3)
    before = position(world)
    world.delete(f"/flows/{flow}")
    assert events_since(world, before) == [
        ("flow.deleted", "etl"),
        ("deployment.deleted", "nightly"),
        ("concurrency-limit.deleted", f"deployment:{deployment}"),
    ]
    assert_audit_is_clean(world.sessions)


def test_each_deployment_that_is_deleted_with_its_flow_has_an_event(world: World) -> None:
    lives = [world.deploy(flow=flow, name=name) for flow, name in (("a", "1"), ("a", "2"), ("b", "1"))]
    flows = [world.flow("a"), world.flow("b")]

    answer = world.post("/flows/bulk_delete", {"flows": {"id": {"any_": flows}}})

    assert sorted(answer["deleted"]) == sorted(flows)
    assert [operations(world.life(deployment)) for deployment in lives] == [["created", "deleted"]] * 3
    assert [operations(world.life(flow, "flow")) for flow in flows] == [["created", "deleted"]] * 2


def test_a_pool_is_deleted_after_its_queues_and_before_its_deployments_change(world: World) -> None:
    pool = world.pool()
    world.deploy(work_pool_name=pool)
    before = position(world)
    world.delete(f"/work_pools/{pool}")
    assert events_since(world, before) == [
        ("work-queue.deleted", "default"),
        ("work-pool.deleted", "pool"),
        ("deployment.updated", "nightly"),
    ]
    assert_audit_is_clean(world.sessions)


def test_a_queue_is_deleted_before_its_deployments_change(world: World) -> None:
    pool = world.pool()
    queue = world.post(f"/work_pools/{pool}/queues", {"name": "q1"}, 201)["id"]
    world.deploy(work_pool_name=pool, work_queue_name="q1")
    before = position(world)
    world.delete(f"/work_queues/{queue}")
    assert events_since(world, before) == [("work-queue.deleted", "q1"), ("deployment.updated", "nightly")]


def test_a_queue_that_takes_a_priority_shifts_the_next_ones_each_with_an_event(world: World) -> None:
    pool = world.pool()
    for name in ("q2", "q3"):
        world.post(f"/work_pools/{pool}/queues", {"name": name}, 201)
    before = position(world)
    world.post(f"/work_pools/{pool}/queues", {"name": "new", "priority": 2}, 201)
    moved = events_since(world, before)
    assert moved[0] == ("work-queue.created", "new")
    assert sorted(moved[1:]) == [("work-queue.updated", "q2"), ("work-queue.updated", "q3")]
    events = world.post("/events/filter", {"filter": {"event": {"name": ["prefect.work-queue.updated"]}}})["events"]
    shifts = {event["resource"]["prefect.resource.name"]: updates(event)["priority"] for event in events}
    assert shifts == {"q2": {"from": 2, "to": 3}, "q3": {"from": 3, "to": 4}}


def test_a_missing_pool_and_queue_are_created_before_their_deployment(world: World) -> None:
    flow = world.flow()
    before = position(world)
    world.post("/deployments/", {"name": world.name("d"), "flow_id": flow, "work_queue_name": "q"}, 201)
    assert events_since(world, before) == [
        ("work-pool.created", "default-agent-pool"),
        ("work-queue.created", "default"),
        ("work-queue.created", "q"),
        ("deployment.created", "d"),
    ]


def test_an_own_limit_is_created_changed_and_deleted_with_the_number_of_its_deployment(world: World) -> None:
    deployment = world.deploy()
    before = position(world)
    for number in (3, 4, None):
        world.patch(f"/deployments/{deployment}", {"concurrency_limit": number})
    own = f"deployment:{deployment}"
    assert events_since(world, before) == [
        ("deployment.updated", "nightly"),
        ("concurrency-limit.created", own),
        ("deployment.updated", "nightly"),
        ("concurrency-limit.updated", own),
        ("deployment.updated", "nightly"),
        ("concurrency-limit.deleted", own),
    ]
    assert_audit_is_clean(world.sessions)


def test_a_shared_limit_is_neither_changed_nor_deleted_with_a_deployment(world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("g"), "limit": 5}, 201)["id"]
    one = world.deploy(name="one", global_concurrency_limit_id=limit)
    two = world.deploy(name="two", global_concurrency_limit_id=limit)
    before = position(world)
    world.patch(f"/deployments/{one}", {"concurrency_limit": 9})
    world.delete(f"/deployments/{one}")
    assert world.client.get(f"/v2/concurrency_limits/{limit}").json()["limit"] == 5
    assert world.client.get(f"/deployments/{two}").json()["global_concurrency_limit"]["id"] == limit
    assert ("concurrency-limit.updated", "g") not in events_since(world, before)
    assert ("concurrency-limit.deleted", "g") not in events_since(world, before)


def test_deleting_a_flow_needs_the_same_statements_for_any_number_of_deployments(
    outbox_world: OutboxWorld, sessions: sessionmaker[Session], engine: Engine
) -> None:
    def statements(deployments_of_it: int) -> int:
        with sessions.begin() as session:
            flow, _ = flows.get_or_create_flow(session, f"flow-{deployments_of_it}")
            for number in range(deployments_of_it):
                body = DeploymentCreate(name=f"d{number}", flow_id=flow.id)
                upsert_deployment(session, body)
        seen = StatementCount(engine)
        with sessions.begin() as session:
            deletions.delete_flow(session, flow.id)
        return len(seen.statements)

    few, many = statements(3), statements(300)
    assert many == few
