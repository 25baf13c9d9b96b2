"""Creates, reads, lists and updates flows. `app.crud.deletions` deletes them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, UnaryExpression, and_, exists, false, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.capture.kinds import FLOW
from app.capture.row_changes import insert_row, update_rows
from app.crud.filters import deployment_condition, deployments_in_pools, flow_condition, is_any_of
from app.errors import NotFound
from app.models import Deployment, Flow
from app.outbox.record import record
from app.postgres.base import JsonObject
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
    """Return the flow with this name, and whether this call created it. An existing flow is not changed.

    The name is unique, so exactly one of several concurrent calls creates the flow.
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
        # Another transaction deleted the flow between the two statements. Try again.


def read_flow(session: Session, flow_id: UUID) -> Flow:
    """Return the flow with this id.

    Raises:
        NotFound: it does not exist.
    """
    return _read_one(session, Flow.id == flow_id)


def read_flow_by_name(session: Session, name: str) -> Flow:
    """Return the flow with this name.

    Raises:
        NotFound: it does not exist.
    """
    return _read_one(session, Flow.name == name)


def list_flows(session: Session, match: FlowMatch, sort: FlowSort, *, limit: int, offset: int) -> Sequence[Flow]:
    """Return at most `limit` matching flows after the first `offset`. Flows that sort as equal are ordered by id."""
    statement = select(Flow).where(_condition(match)).order_by(*ORDERS[sort])
    return session.scalars(statement.limit(limit).offset(offset)).all()


def count_flows(session: Session, match: FlowMatch) -> int:
    """Return how many flows match."""
    return session.scalars(select(func.count()).select_from(Flow).where(_condition(match))).one()


def count_deployments(session: Session, flow_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the number of deployments of each of these flows, 0 for flows that do not exist."""
    counted = select(Deployment.flow_id, func.count()).where(is_any_of(Deployment.flow_id, flow_ids))
    rows = session.execute(counted.group_by(Deployment.flow_id)).all()
    return dict.fromkeys(flow_ids, 0) | {row[0]: row[1] for row in rows}


def update_flow(session: Session, flow_id: UUID, tags: Sequence[str]) -> None:
    """Set the tags of the flow. The same tags in another order are not a change.

    Raises:
        NotFound: the flow does not exist.
    """
    changes = update_rows(session, FLOW, Flow.id == flow_id, {"tags": list(tags)})
    if not changes:
        read_flow(session, flow_id)
    record(session, changes)


def _read_one(session: Session, where: ColumnElement[bool]) -> Flow:
    flow = session.scalars(select(Flow).where(where)).one_or_none()
    if flow is None:
        raise NotFound(NOT_FOUND)
    return flow


def _condition(match: FlowMatch) -> ColumnElement[bool]:
    conditions = [flow_condition(match.flows)] if match.flows is not None else []
    on_deployments = [deployment_condition(match.deployments)] if match.deployments is not None else []
    if match.work_pools is not None:
        on_deployments.append(deployments_in_pools(match.work_pools))
    if on_deployments:
        conditions.append(exists().where(Deployment.flow_id == Flow.id, *on_deployments))
    return and_(false() if match.need_runs() else true(), *conditions)
