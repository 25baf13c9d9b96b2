"""Reads deployments with their limit and the names of their queue and pool, in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, func, select, true
from sqlalchemy.orm import Session

from app.crud.filters import deployment_condition, deployments_in_pools, flow_condition, work_queue_condition
from app.errors import NotFound
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue
from app.postgres.base import core_table
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
HIDDEN_COLUMNS: Final = frozenset({"concurrency_limit", "event_id", "revision"})
SHOWN_COLUMNS: Final = tuple(column for column in DEPLOYMENT.columns if column.name not in HIDDEN_COLUMNS)
"""The columns of a deployment that responses need."""
SHOWN_NAMES: Final = tuple(column.name for column in SHOWN_COLUMNS)
LIMIT_START: Final = len(SHOWN_COLUMNS)
LIMIT_END: Final = LIMIT_START + len(LIMIT.columns)

VIEW_COLUMNS: Final = (*SHOWN_COLUMNS, *LIMIT.columns, QUEUE.c.name, POOL.c.name, QUEUE.c.last_polled)
"""The columns of a view. They bypass the ORM, which takes longer to load the rows than PostgreSQL."""

IS_THIS_DEPLOYMENT: Final = DEPLOYMENT.c.id == bindparam("deployment_id")


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment (`SHOWN_COLUMNS`, by name), and the columns of other rows that responses show.

    It is not an ORM object, because creating one takes as long as reading a row from PostgreSQL.
    """

    deployment: Mapping[str, Any]
    work_queue_name: str | None
    work_pool_name: str | None
    limit: ConcurrencyLimit | None
    queue_last_polled: datetime | None

    @property
    def last_polled(self) -> datetime | None:
        """The time of the last poll of the deployment or of its queue; None if there was none."""
        polls = [time for time in (self.deployment["last_polled"], self.queue_last_polled) if time is not None]
        return max(polls, default=None)


def read_deployment(session: Session, deployment_id: UUID) -> DeploymentView:
    """Return the deployment with this id.

    Raises:
        NotFound: it does not exist.
    """
    return _read_one(session, _select_by_id(), {"deployment_id": deployment_id})


def read_deployment_by_name(session: Session, flow_name: str, name: str) -> DeploymentView:
    """Return the deployment with this name of the flow with that name.

    Raises:
        NotFound: it does not exist.
    """
    statement = _select_views().join(Flow, Flow.id == Deployment.flow_id)
    return _read_one(session, statement.where(Flow.name == flow_name, Deployment.name == name))


def read_deployment_of_flow(session: Session, flow_id: UUID, name: str) -> DeploymentView:
    """Return the deployment with this name of the flow with this id.

    Raises:
        NotFound: it does not exist.
    """
    return _read_one(session, _select_views().where(Deployment.flow_id == flow_id, Deployment.name == name))


def list_deployments(
    session: Session, selection: DeploymentSelection, sort: Sort, limit: int, offset: int
) -> list[DeploymentView]:
    """Return at most `limit` selected deployments after the first `offset`, in this order."""
    statement = _select_views().where(is_selected(selection)).order_by(*ORDERS[sort]).limit(limit).offset(offset)
    return [view(row) for row in session.execute(statement)]


def count_deployments(session: Session, selection: DeploymentSelection) -> int:
    """Return how many deployments are selected."""
    statement = select(func.count()).select_from(Deployment).where(is_selected(selection))
    return session.scalars(statement).one()


def select_ids(session: Session, selection: DeploymentSelection, limit: int) -> Sequence[UUID]:
    """Return the ids of at most `limit` selected deployments, ordered by id."""
    return session.scalars(
        select(Deployment.id).where(is_selected(selection)).order_by(Deployment.id).limit(limit)
    ).all()


def is_selected(selection: DeploymentSelection) -> ColumnElement[bool]:
    """Return the condition that a deployment matches all filters of the selection."""
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
    return and_(false() if selection.need_runs() else true(), *conditions)


def view(row: Sequence[Any]) -> DeploymentView:
    """Return the view of a row with the columns `VIEW_COLUMNS`. Its limit belongs to no session."""
    limit = row[LIMIT_START:LIMIT_END]
    queue_name, pool_name, queue_last_polled = row[LIMIT_END:]
    return DeploymentView(
        dict(zip(SHOWN_NAMES, row, strict=False)),
        queue_name,
        pool_name,
        ConcurrencyLimit(**dict(zip(LIMIT.columns.keys(), limit, strict=True))) if any(limit) else None,
        queue_last_polled,
    )


@lru_cache
def _select_by_id() -> Select[*tuple[Any, ...]]:
    return _select_views().where(IS_THIS_DEPLOYMENT)


def _select_views() -> Select[*tuple[Any, ...]]:
    return (
        select(*VIEW_COLUMNS)
        .select_from(DEPLOYMENT)
        .outerjoin(QUEUE, QUEUE.c.id == DEPLOYMENT.c.work_queue_id)
        .outerjoin(POOL, POOL.c.id == QUEUE.c.work_pool_id)
        .outerjoin(LIMIT, LIMIT.c.id == DEPLOYMENT.c.concurrency_limit_id)
    )


def _read_one(session: Session, statement: Select[*tuple[Any, ...]], parameters: Any = None) -> DeploymentView:
    row = session.execute(statement, parameters).one_or_none()
    if row is None:
        raise NotFound("Deployment not found")
    return view(row)
