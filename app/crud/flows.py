"""Flows: created by name once, read, listed, and given other tags. `app.crud.deletions` deletes them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import UnaryExpression, and_, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.capture.kinds import FLOW
from app.capture.tracked import insert_row, update_rows
from app.crud.filters import Condition, deployment_condition, deployments_in_pools, flow_condition
from app.errors import NotFound
from app.models import Deployment, Flow
from app.outbox.record import record
from app.postgres.engine import JsonObject
from app.schemas.flows import FlowMatch, FlowSort

NOT_FOUND: Final = "Flow not found"

ORDERS: Final[dict[FlowSort, tuple[UnaryExpression[Any], InstrumentedAttribute[UUID]]]] = {
    FlowSort.CREATED_DESC: (Flow.created.desc(), Flow.id),
    FlowSort.UPDATED_DESC: (Flow.updated.desc(), Flow.id),
    FlowSort.NAME_ASC: (Flow.name.asc(), Flow.id),
    FlowSort.NAME_DESC: (Flow.name.desc(), Flow.id),
}


def get_or_create_flow(
    session: Session, name: str, tags: Sequence[str] = (), labels: JsonObject | None = None
) -> tuple[Flow, bool]:
    """Return the flow of that name, and whether this call created it; an existing one stays as it is.

    The unique name decides, so of any number of concurrent calls exactly one creates the flow.
    """
    values = {"name": name, "tags": list(tags), "labels": labels or {}}
    while True:
        created = insert_row(session, FLOW, values, ("name",))
        if created is not None:
            record(session, [created])
            return session.get_one(Flow, created.row["id"]), True
        existing = session.scalars(select(Flow).where(Flow.name == name)).one_or_none()
        if existing is not None:
            return existing, False
        # It was deleted between the two statements: now this call may create it.


def read_flow(session: Session, flow_id: UUID) -> Flow:
    """Return the flow.

    Raises:
        NotFound: there is none of that id.
    """
    return _found(session, Flow.id == flow_id)


def read_flow_by_name(session: Session, name: str) -> Flow:
    """Return the flow.

    Raises:
        NotFound: there is none of that name.
    """
    return _found(session, Flow.name == name)


def list_flows(session: Session, match: FlowMatch, sort: FlowSort, *, limit: int, offset: int) -> Sequence[Flow]:
    """Return a window of the matching flows in a total order."""
    statement = select(Flow).where(_matching(match)).order_by(*ORDERS[sort])
    return session.scalars(statement.limit(limit).offset(offset)).all()


def count_flows(session: Session, match: FlowMatch) -> int:
    """Return how many flows match."""
    return session.scalars(select(func.count()).select_from(Flow).where(_matching(match))).one()


def update_flow(session: Session, flow_id: UUID, tags: Sequence[str]) -> None:
    """Give the flow these tags; the same tags in another order are no change.

    Raises:
        NotFound: there is no such flow.
    """
    changes = update_rows(session, FLOW, Flow.id == flow_id, {"tags": list(tags)})
    if not changes:
        read_flow(session, flow_id)
    record(session, changes)


def _found(session: Session, where: Condition) -> Flow:
    flow = session.scalars(select(Flow).where(where)).one_or_none()
    if flow is None:
        raise NotFound(NOT_FOUND)
    return flow


def _matching(match: FlowMatch) -> Condition:
    conditions = [flow_condition(match.flows)] if match.flows is not None else []
    of_deployments = [deployment_condition(match.deployments)] if match.deployments is not None else []
    if match.work_pools is not None:
        of_deployments.append(deployments_in_pools(match.work_pools))
    if of_deployments:
        conditions.append(exists().where(Deployment.flow_id == Flow.id, *of_deployments))
    return and_(True, *conditions)
