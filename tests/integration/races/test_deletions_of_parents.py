"""Deletions of a flow or a queue against the creation of a deployment that refers to it."""

from functools import partial
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.deployments.upsert import upsert_deployment
from app.crud.work_pools import pools as work_pools
from app.crud.work_pools import queues as work_queues
from app.errors import Conflict
from app.models import Flow
from app.schemas.deployments import DeploymentCreate
from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import while_all_blocked
from tests.integration.races.lives import delete_flow, in_transaction, lives, upsert
from tests.world import assert_audit_is_clean


def test_a_deployment_that_is_being_created_is_deleted_with_its_flow_and_has_both_events(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    with outbox_world.sessions() as creating:
        upsert(flow_id, "new", creating)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, partial(delete_flow, flow_id))) as (
            deletion,
        ):
            creating.commit()
    assert deletion.result() is None
    assert lives(outbox_world) == [[("created", "new"), ("deleted", "new")]]
    with outbox_world.sessions() as session:
        assert session.scalars(select(Flow)).all() == []


def test_a_creation_in_a_flow_that_is_being_deleted_is_refused_and_leaves_no_snapshot(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    with outbox_world.sessions() as deleting:
        delete_flow(flow_id, deleting)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, partial(upsert, flow_id, "late"))) as (
            creation,
        ):
            deleting.commit()
    assert creation.result() is Conflict
    assert [doorbell.label for doorbell in outbox_world.rung] == ["flow:etl deleted r2"]
    assert lives(outbox_world) == []


def test_a_creation_in_a_queue_that_is_being_deleted_creates_the_queue_again(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    def create(session: Session) -> tuple[UUID | None, UUID | None]:
        body = DeploymentCreate(name="d", flow_id=flow_id, work_pool_name="pool", work_queue_name="q")
        return upsert_deployment(session, body).view.deployment["work_queue_id"], queue_id

    with outbox_world.sessions() as session:
        work_pools.create_work_pool(session, {"name": "pool", "type": "process"})
        queue_id = work_queues.create_work_queue(session, "pool", {"name": "q"}).queue.id
        session.commit()
    with outbox_world.sessions() as deleting:
        deletions.delete_work_queue(deleting, queue_id)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, create)) as (creation,):
            deleting.commit()
    new_queue, old_queue = creation.result()
    assert new_queue not in (None, old_queue)
    outbox_world.dispatch_all()
    assert_audit_is_clean(outbox_world.sessions)


def test_a_creation_succeeds_if_the_deletion_of_its_flow_is_rolled_back(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    with outbox_world.sessions() as deleting:
        delete_flow(flow_id, deleting)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, partial(upsert, flow_id, "late"))) as (
            creation,
        ):
            deleting.rollback()
    assert creation.result()[1] is True
    assert lives(outbox_world) == [[("created", "late")]]
