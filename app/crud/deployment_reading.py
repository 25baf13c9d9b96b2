"""Reads deployments with the names of their queue and pool, and with their limit, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, true
from sqlalchemy.orm import Session

from app.crud.filters import deployment_condition, deployments_in_pools, flow_condition, work_queue_condition
from app.errors import NotFound
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue
from app.schemas.deployments import DeploymentSelection, Sort

ORDERS: dict[Sort, tuple[ColumnElement[Any], ...]] = {
    "CREATED_DESC": (Deployment.created.desc(), Deployment.id.asc()),
    "UPDATED_DESC": (Deployment.updated.desc(), Deployment.id.asc()),
    "NAME_ASC": (Deployment.name.asc(), Deployment.id.asc()),
    "NAME_DESC": (Deployment.name.desc(), Deployment.id.asc()),
}
"""The id breaks ties, so that pages neither repeat nor skip a row."""


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment and what its answer shows of other rows."""

    deployment: Deployment
    work_queue_name: str | None
    work_pool_name: str | None
    limit: ConcurrencyLimit | None
    queue_last_polled: datetime | None

    @property
    def last_polled(self) -> datetime | None:
        """When somebody last asked for its runs: for those of its queue, or of itself."""
        polls = [time for time in (self.deployment.last_polled, self.queue_last_polled) if time is not None]
        return max(polls, default=None)


def read_deployment(session: Session, deployment_id: UUID) -> DeploymentView:
    """Return a deployment.

    Raises:
        NotFound: it does not exist.
    """
    return _one(session, _views().where(Deployment.id == deployment_id))


def read_deployment_by_name(session: Session, flow_name: str, name: str) -> DeploymentView:
    """Return the deployment of that name of the flow of that name.

    Raises:
        NotFound: there is none.
    """
    statement = _views().join(Flow, Flow.id == Deployment.flow_id)
    return _one(session, statement.where(Flow.name == flow_name, Deployment.name == name))


def list_deployments(
    session: Session, selection: DeploymentSelection, sort: Sort, limit: int, offset: int
) -> list[DeploymentView]:
    """Return the selected deployments in that order, `limit` at most, after the first `offset`."""
    statement = _views().where(selected(selection)).order_by(*ORDERS[sort]).limit(limit).offset(offset)
    return [_view(row) for row in session.execute(statement)]


def count_deployments(session: Session, selection: DeploymentSelection) -> int:
    """Return how many deployments are selected."""
    statement = select(func.count()).select_from(Deployment).where(selected(selection))
    return session.scalars(statement).one()


def select_ids(session: Session, selection: DeploymentSelection, limit: int) -> Sequence[UUID]:
    """Return the ids of the selected deployments, the lowest `limit` of them."""
    return session.scalars(select(Deployment.id).where(selected(selection)).order_by(Deployment.id).limit(limit)).all()


def selected(selection: DeploymentSelection) -> ColumnElement[bool]:
    """Return the condition on deployments that a selection describes; all its parts must hold."""
    conditions: list[ColumnElement[bool]] = []
    if selection.deployments is not None:
        conditions.append(deployment_condition(selection.deployments))
    if selection.flows is not None:
        conditions.append(Deployment.flow_id.in_(select(Flow.id).where(flow_condition(selection.flows))))
    if selection.work_pools is not None:
        conditions.append(deployments_in_pools(selection.work_pools))
    if selection.work_pool_queues is not None:
        queues = select(WorkQueue.id).where(work_queue_condition(selection.work_pool_queues))
        conditions.append(Deployment.work_queue_id.in_(queues))
    return and_(true(), *conditions)


def _views() -> Select[Deployment, str | None, str | None, ConcurrencyLimit | None, datetime | None]:
    return (
        select(Deployment, WorkQueue.name, WorkPool.name, ConcurrencyLimit, WorkQueue.last_polled)
        .outerjoin(WorkQueue, WorkQueue.id == Deployment.work_queue_id)
        .outerjoin(WorkPool, WorkPool.id == WorkQueue.work_pool_id)
        .outerjoin(ConcurrencyLimit, ConcurrencyLimit.id == Deployment.concurrency_limit_id)
        # The statements that change rows go past the session's identity map.
        .execution_options(populate_existing=True)
    )


def _one(session: Session, statement: Select[Any, Any, Any, Any, Any]) -> DeploymentView:
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFound("Deployment not found")
    return _view(row)


def _view(row: Row[Any, Any, Any, Any, Any]) -> DeploymentView:
    return DeploymentView(*row)
