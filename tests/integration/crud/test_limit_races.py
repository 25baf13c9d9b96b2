"""A change that refers to a limit while another request deletes it: one waits for the other, without deadlock."""

import threading
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.deployments import writing as deployments
from app.crud.limits import concurrency_limits
from app.errors import NotFound
from app.models import Deployment
from app.schemas.deployments import DeploymentUpdate
from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import together, while_all_blocked

ROUNDS = 20


def delete_owner(deployment_id: UUID, session: Session) -> None:
    deployments.delete_deployment(session, deployment_id)


def patch_owner(deployment_id: UUID, session: Session) -> None:
    deployments.update_deployment(session, deployment_id, DeploymentUpdate(concurrency_limit=7))


def clear_number(deployment_id: UUID, session: Session) -> None:
    deployments.update_deployment(session, deployment_id, DeploymentUpdate(concurrency_limit=None))


def delete_limit(limit_id: UUID, session: Session) -> None:
    deletions.delete_concurrency_limit(session, str(limit_id))


def deploy_with_limit(world: OutboxWorld, name: str) -> tuple[UUID, UUID]:
    """Create a deployment with its own limit; return both ids."""
    (change,) = world.create(name)
    deployment_id: UUID = change.row["id"]
    with world.sessions() as session:
        deployments.update_deployment(session, deployment_id, DeploymentUpdate(concurrency_limit=3))
        session.commit()
        limit_id = session.get_one(Deployment, deployment_id, populate_existing=True).concurrency_limit_id
    assert limit_id is not None
    return deployment_id, limit_id


def run_behind_barrier(world: OutboxWorld, barrier: threading.Barrier, work: Callable[[Session], None]) -> None:
    """Do the work in its own transaction, concurrently with the other thread."""
    with world.sessions() as session:
        barrier.wait(10)
        try:
            work(session)
        except NotFound:
            # The other thread was faster.
            return
        session.commit()


def test_a_change_of_a_limit_that_is_being_deleted_is_refused(outbox_world: OutboxWorld, engine: Engine) -> None:
    with outbox_world.sessions.begin() as session:
        limit = concurrency_limits.create_concurrency_limit(session, {"name": "shared", "limit": 1})
        limit_id = str(limit.id)

    def change() -> None:
        with outbox_world.sessions() as session, pytest.raises(NotFound):
            concurrency_limits.update_concurrency_limit(session, limit_id, {"limit": 2})

    with outbox_world.sessions() as deleting:
        deletions.delete_concurrency_limit(deleting, limit_id)
        with while_all_blocked(engine, change) as futures:
            deleting.commit()
        futures[0].result()


@pytest.mark.parametrize("change", [delete_owner, patch_owner, clear_number])
def test_changing_a_deployment_while_its_limit_is_deleted_never_deadlocks(
    change: Callable[[UUID, Session], None], outbox_world: OutboxWorld
) -> None:
    for number in range(ROUNDS):
        deployment_id, limit_id = deploy_with_limit(outbox_world, f"d{number}")
        barrier = threading.Barrier(2)
        together(
            partial(run_behind_barrier, outbox_world, barrier, partial(change, deployment_id)),
            partial(run_behind_barrier, outbox_world, barrier, partial(delete_limit, limit_id)),
        )
    outbox_world.dispatch_all()
    assert all(seen == list(range(1, len(seen) + 1)) for seen in outbox_world.ids_by_resource().values())
