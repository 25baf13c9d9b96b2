"""Deletions against creations, updates and other deletions of the same deployment, in every order."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.crud import deletions, deployments, work_pools, work_queues
from app.errors import Conflict, NotFound
from app.models import Deployment, Flow
from app.schemas.deployments import DeploymentCreate
from tests.integration.outbox_world import OutboxWorld, settled_flow
from tests.integration.races.blocking import all_held_up
from tests.world import assert_audit_is_clean

Life = list[tuple[str, Any]]
"""The operations of a deployment in the log, each with the description after it, or before it for a deletion."""


@pytest.fixture
def flow_id(outbox_world: OutboxWorld) -> UUID:
    """The id of a flow."""
    return settled_flow(outbox_world.sessions)


def upsert(flow_id: UUID, description: str, session: Session) -> tuple[UUID, bool]:
    """Create or update the deployment."""
    body = DeploymentCreate(name="nightly", flow_id=flow_id, description=description)
    upserted = deployments.upsert_deployment(session, body)
    return upserted.id, upserted.created


def alone(world: OutboxWorld, work: Callable[[Session], Any]) -> Any:
    """Do the work in a transaction of its own, as a request does; return what it returns, or its refusal."""
    with world.sessions() as session:
        try:
            result = work(session)
            session.commit()
        except (Conflict, NotFound) as refusal:
            return type(refusal)
        return result


def lives(world: OutboxWorld) -> list[Life]:
    """Dispatch everything and return the life of each deployment in the order of their creation, once audited."""
    world.dispatch_all()
    assert_audit_is_clean(world.sessions)
    found: dict[str, Life] = {}
    # Two deployments are in two lanes, so the log says nothing about which came first; their times do.
    for event in sorted(world.log(), key=lambda event: event.occurred):
        life = found.setdefault(event.resource_id, [])
        payload = event.payload
        description = (
            payload["updates"]["description"]["to"] if "updates" in payload else payload["fields"]["description"]
        )
        life.append((event.event.rpartition(".")[2], description))
        assert event.revision == len(life)
    return list(found.values())


def delete_flow(flow_id: UUID, session: Session) -> None:
    deletions.delete_flow(session, flow_id)


def delete(deployment_id: UUID, session: Session) -> None:
    deployments.delete_deployment(session, deployment_id)


def test_a_deployment_that_is_being_created_is_deleted_with_its_flow_and_both_are_told(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    with outbox_world.sessions() as creating:
        upsert(flow_id, "new", creating)
        with all_held_up(engine, partial(alone, outbox_world, partial(delete_flow, flow_id))) as (deletion,):
            creating.commit()
    assert deletion.result() is None
    assert lives(outbox_world) == [[("created", "new"), ("deleted", "new")]]
    with outbox_world.sessions() as session:
        assert session.scalars(select(Flow)).all() == []


def test_a_creation_in_a_flow_that_is_being_deleted_is_refused_and_leaves_no_trace(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    with outbox_world.sessions() as deleting:
        delete_flow(flow_id, deleting)
        with all_held_up(engine, partial(alone, outbox_world, partial(upsert, flow_id, "late"))) as (creation,):
            deleting.commit()
    assert creation.result() is Conflict
    assert [doorbell.label.split()[1] for doorbell in outbox_world.rung] == [f"prefect.flow.{flow_id}"]
    assert lives(outbox_world) == []


def test_a_creation_for_a_queue_that_is_being_deleted_makes_it_anew(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    def create(session: Session) -> tuple[UUID | None, UUID | None]:
        body = DeploymentCreate(name="d", flow_id=flow_id, work_pool_name="pool", work_queue_name="q")
        return deployments.upsert_deployment(session, body).view.deployment["work_queue_id"], queue_id

    with outbox_world.sessions() as session:
        work_pools.create_work_pool(session, {"name": "pool", "type": "process"})
        queue_id = work_queues.create_work_queue(session, "pool", {"name": "q"}).queue.id
        session.commit()
    with outbox_world.sessions() as deleting:
        deletions.delete_work_queue(deleting, queue_id)
        with all_held_up(engine, partial(alone, outbox_world, create)) as (creation,):
            deleting.commit()
    new_queue, old_queue = creation.result()
    assert new_queue not in (None, old_queue)
    outbox_world.dispatch_all()
    assert_audit_is_clean(outbox_world.sessions)


def test_a_creation_goes_through_when_the_deletion_of_its_flow_rolls_back(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    with outbox_world.sessions() as deleting:
        delete_flow(flow_id, deleting)
        with all_held_up(engine, partial(alone, outbox_world, partial(upsert, flow_id, "late"))) as (creation,):
            deleting.rollback()
    assert creation.result()[1] is True
    assert lives(outbox_world) == [[("created", "late")]]


def test_an_upsert_that_waited_for_a_deletion_creates_a_new_deployment(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    old, _ = alone(outbox_world, partial(upsert, flow_id, "old"))
    with outbox_world.sessions() as deleting:
        delete(old, deleting)
        with all_held_up(engine, partial(alone, outbox_world, partial(upsert, flow_id, "new"))) as (creation,):
            deleting.commit()
    new, created = creation.result()
    assert created
    assert new != old
    assert lives(outbox_world) == [[("created", "old"), ("deleted", "old")], [("created", "new")]]


def test_of_several_upserts_that_waited_for_a_deletion_one_creates_and_the_others_update(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    old, _ = alone(outbox_world, partial(upsert, flow_id, "old"))
    several = [partial(alone, outbox_world, partial(upsert, flow_id, text)) for text in ("a", "b", "c")]
    with outbox_world.sessions() as deleting:
        delete(old, deleting)
        with all_held_up(engine, *several) as upserts:
            deleting.commit()
    results = [future.result() for future in upserts]
    assert sorted(created for _, created in results) == [False, False, True]
    assert {id_ for id_, _ in results}.isdisjoint({old})
    before, after = lives(outbox_world)
    assert before == [("created", "old"), ("deleted", "old")]
    assert [operation for operation, _ in after] == ["created", "updated", "updated"]
    assert sorted(text for _, text in after) == ["a", "b", "c"]


def test_a_deletion_that_waited_for_an_upsert_deletes_what_that_left(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    id_, _ = alone(outbox_world, partial(upsert, flow_id, "old"))
    with outbox_world.sessions() as updating:
        assert upsert(flow_id, "new", updating) == (id_, False)
        with all_held_up(engine, partial(alone, outbox_world, partial(delete, id_))) as (deletion,):
            updating.commit()
    assert deletion.result() is None
    assert lives(outbox_world) == [[("created", "old"), ("updated", "new"), ("deleted", "new")]]


def test_upserts_and_a_deletion_that_waited_together_leave_whole_lives(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    """Whoever comes first when the row is free: each life is complete, and at most the last one goes on."""
    id_, _ = alone(outbox_world, partial(upsert, flow_id, "old"))
    waiting = [
        *(partial(alone, outbox_world, partial(upsert, flow_id, text)) for text in ("a", "b")),
        partial(alone, outbox_world, partial(delete, id_)),
        *(partial(alone, outbox_world, partial(upsert, flow_id, text)) for text in ("c", "d")),
    ]
    with outbox_world.sessions() as holding:
        holding.execute(select(Deployment).where(Deployment.id == id_).with_for_update())
        with all_held_up(engine, *waiting) as futures:
            holding.commit()
    results = [future.result() for future in futures]
    assert results[2] is None
    first, *second = lives(outbox_world)
    assert first[-1][0] == "deleted"
    # The upserts that came after the deletion made a second life, and the first of them created it.
    assert sum(created for _, created in results[:2] + results[3:]) == len(second) <= 1
    assert len(first) + sum(map(len, second)) == 6


def test_of_two_deletions_of_a_deployment_one_finds_it_and_one_event_tells_it(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    id_, _ = alone(outbox_world, partial(upsert, flow_id, "old"))
    with outbox_world.sessions() as deleting:
        delete(id_, deleting)
        with all_held_up(engine, partial(alone, outbox_world, partial(delete, id_))) as (late,):
            deleting.commit()
    assert late.result() is NotFound
    assert lives(outbox_world) == [[("created", "old"), ("deleted", "old")]]
