"""Finds the work queues whose `filter` matches a deployment. Only queues of old clients have such a filter."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, cast, func, literal_column, or_, select
from sqlalchemy.orm import Session

from app.crud.work_pools.queues import QueueView
from app.errors import NotFound
from app.models import Deployment, WorkPool, WorkQueue


def list_queues_by_filter(session: Session, deployment_id: UUID) -> Sequence[QueueView]:
    """Return the queues whose filter matches the deployment: it has all their tags, and its id is in their list.

    An empty list and null match every deployment. A queue without a filter is left out, as in Prefect.

    Raises:
        NotFound: the deployment does not exist.
    """
    if session.get(Deployment, deployment_id) is None:
        raise NotFound("Deployment not found")
    tags, ids = WorkQueue.filter.expression["tags"], WorkQueue.filter.expression["deployment_ids"]
    nothing: tuple[ColumnElement[Any], ...] = (literal_column("'[]'::jsonb"), literal_column("'null'::jsonb"))
    matches = and_(
        or_(tags.in_(nothing), Deployment.tags.expression.op("@>")(tags)),
        or_(ids.in_(nothing), ids.op("@>")(func.to_jsonb(cast(Deployment.id, String)))),
    )
    statement = (
        select(WorkQueue, WorkPool.name)
        .join(WorkPool, WorkPool.id == WorkQueue.work_pool_id)
        .join(Deployment, matches)
        .where(Deployment.id == deployment_id)
        .order_by(WorkPool.name, WorkQueue.name)
    )
    return [QueueView(*row) for row in session.execute(statement)]
