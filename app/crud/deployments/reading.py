"""Reads deployments with the names of their queue and pool, and with their limit, in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, true
from sqlalchemy.orm import Session

from app.crud.filters import deployment_condition, deployments_in_pools, flow_condition, work_queue_condition
from app.errors import NotFound
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue
from app.postgres.engine import core_table
from app.schemas.deployments import DeploymentSelection, Sort

ORDERS: dict[Sort, tuple[ColumnElement[Any], ...]] = {
    "CREATED_DESC": (Deployment.created.desc(), Deployment.id.asc()),
    "UPDATED_DESC": (Deployment.updated.desc(), Deployment.id.asc()),
    "NAME_ASC": (Deployment.name.asc(), Deployment.id.asc()),
    "NAME_DESC": (Deployment.name.desc(), Deployment.id.asc()),
}
"""The id breaks ties, so that pages neither repeat nor skip a row."""


DEPLOYMENT: Final = core_table(Deployment)
LIMIT: Final = core_table(ConcurrencyLimit)
QUEUE: Final = core_table(WorkQueue)
POOL: Final = core_table(WorkPool)
UNSEEN: Final = frozenset({"concurrency_limit", "event_id", "revision"})
SEEN: Final = tuple(column for column in DEPLOYMENT.columns if column.name not in UNSEEN)
"""The columns of a deployment without those that no answer shows."""
NAMES: Final = tuple(column.name for column in SEEN)
FIRST_OF_LIMIT: Final = len(SEEN)
FIRST_OF_OTHERS: Final = FIRST_OF_LIMIT + len(LIMIT.columns)

VIEWED: Final = (*SEEN, *LIMIT.columns, QUEUE.c.name, POOL.c.name, QUEUE.c.last_polled)
"""What a view is made of. The rows are read past the ORM, which takes longer to load them than PostgreSQL."""

THIS: Final = DEPLOYMENT.c.id == bindparam("deployment_id")


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment, by column as in `SEEN`, and what its answer shows of other rows.

    It is no object of the ORM: to make one takes as long as to ask PostgreSQL for a row.
    """

    deployment: Mapping[str, Any]
    work_queue_name: str | None
    work_pool_name: str | None
    limit: ConcurrencyLimit | None
    queue_last_polled: datetime | None

    @property
    def last_polled(self) -> datetime | None:
        """When somebody last asked for its runs: for those of its queue, or of itself."""
        polls = [time for time in (self.deployment["last_polled"], self.queue_last_polled) if time is not None]
        return max(polls, default=None)


def read_deployment(session: Session, deployment_id: UUID) -> DeploymentView:
    """Return a deployment.

    Raises:
        NotFound: it does not exist.
    """
    return _one(session, _this(), {"deployment_id": deployment_id})


def read_deployment_by_name(session: Session, flow_name: str, name: str) -> DeploymentView:
    """Return the deployment of that name of the flow of that name.

    Raises:
        NotFound: there is none.
    """
    statement = _views().join(Flow, Flow.id == Deployment.flow_id)
    return _one(session, statement.where(Flow.name == flow_name, Deployment.name == name))


def read_deployment_of_flow(session: Session, flow_id: UUID, name: str) -> DeploymentView:
    """Return the deployment of that name of the flow of that id.

    Raises:
        NotFound: there is none.
    """
    return _one(session, _views().where(Deployment.flow_id == flow_id, Deployment.name == name))


def list_deployments(
    session: Session, selection: DeploymentSelection, sort: Sort, limit: int, offset: int
) -> list[DeploymentView]:
    """Return the selected deployments in that order, `limit` at most, after the first `offset`."""
    statement = _views().where(selected(selection)).order_by(*ORDERS[sort]).limit(limit).offset(offset)
    return [view(row) for row in session.execute(statement)]


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


def view(row: Sequence[Any]) -> DeploymentView:
    """Return the view that a row of the columns `VIEWED` is; its limit belongs to no session."""
    limit = row[FIRST_OF_LIMIT:FIRST_OF_OTHERS]
    queue_name, pool_name, queue_last_polled = row[FIRST_OF_OTHERS:]
    return DeploymentView(
        dict(zip(NAMES, row, strict=False)),
        queue_name,
        pool_name,
        ConcurrencyLimit(**dict(zip(LIMIT.columns.keys(), limit, strict=True))) if any(limit) else None,
        queue_last_polled,
    )


@lru_cache
def _this() -> Select[*tuple[Any, ...]]:
    return _views().where(THIS)


def _views() -> Select[*tuple[Any, ...]]:
    return (
        select(*VIEWED)
        .select_from(DEPLOYMENT)
        .outerjoin(QUEUE, QUEUE.c.id == DEPLOYMENT.c.work_queue_id)
        .outerjoin(POOL, POOL.c.id == QUEUE.c.work_pool_id)
        .outerjoin(LIMIT, LIMIT.c.id == DEPLOYMENT.c.concurrency_limit_id)
    )


def _one(session: Session, statement: Select[*tuple[Any, ...]], given: Any = None) -> DeploymentView:
    row = session.execute(statement, given).one_or_none()
    if row is None:
        raise NotFound("Deployment not found")
    return view(row)
