"""What happens to deployments. Every function that changes one records the change, in plain sight."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Table, and_, select
from sqlalchemy.orm import Session

from app.crud.deployment_limits import lock_own_limits, settle_own_limits
from app.crud.deployment_readiness import follow_queues
from app.crud.deployment_values import check_job_variables, check_parameters, given_values
from app.crud.filters import one_of
from app.crud.schedule_lists import Schedules, patched, replaced
from app.crud.tombstones import bury
from app.errors import Conflict, InvalidRequest, NotFound
from app.events.kinds import DEPLOYMENT
from app.events.snapshot import Change
from app.events.tracked import delete_rows, update_rows, upsert_row
from app.events.tracked_statements import Keep
from app.models import Deployment, Flow
from app.outbox import record
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate

FLOW_LABEL = "prefect.flow.id"
IDENTITY = ("flow_id", "name")
OWN_LIMIT_STAYS = (("concurrency_limit_id", "concurrency_limit"),)
"""A deployment that has a limit of its own keeps that row when it is given another number."""


def upsert_deployment(session: Session, body: DeploymentCreate) -> tuple[UUID, bool]:
    """Create the deployment, or update the one of that flow and name where it differs.

    Returns:
        Its id, and whether it was created: told by the database, not by a clock.

    Raises:
        Conflict: the flow does not exist, or two schedules have the same slug.
        NotFound: the work pool or the global concurrency limit does not exist.
        InvalidRequest: the parameters or the job variables do not fit their schema.
    """
    labels = _labels(session, body)
    values = {
        "name": body.name,
        "flow_id": body.flow_id,
        **given_values(session, body),
        "parameters": body.parameters,
        "labels": labels,
        "schedules": replaced([], body.schedules),
    }
    check_parameters(values, InvalidRequest)
    check_job_variables(session, values.get("work_queue_id"), body.job_variables)
    keeps: tuple[Keep, ...] = ()
    if "concurrency_limit" in values:
        where = and_(Deployment.flow_id == body.flow_id, Deployment.name == body.name)
        own = next(iter(lock_own_limits(session, where).values()), None)
        if body.concurrency_limit is not None:
            values["concurrency_limit_id"] = own or uuid4()
            keeps = OWN_LIMIT_STAYS
    change = upsert_row(session, DEPLOYMENT, values, IDENTITY, keeps)
    if change is None:
        # Nothing differs. The row cannot be gone: its flow is locked against deletion, and so is the row itself.
        return _id_of(session, body), False
    _settle(session, [change])
    return change.row["id"], change.before is None


def update_deployment(session: Session, deployment_id: UUID, body: DeploymentUpdate) -> None:
    """Change the given fields of a deployment; a body that changes nothing writes nothing.

    Raises:
        NotFound: the deployment, the work pool or the global concurrency limit does not exist.
        Conflict: the parameters do not fit the schema, or two schedules have the same slug.
        InvalidRequest: the job variables do not fit the work pool, or schedules lack slugs.
    """
    values = given_values(session, body)
    where = Deployment.id == deployment_id
    own = lock_own_limits(session, where) if "concurrency_limit" in values else {}
    current = lock_deployment(session, deployment_id)
    if body.concurrency_limit is not None:
        has_own = current.concurrency_limit is not None
        values["concurrency_limit_id"] = current.concurrency_limit_id if has_own else own.get(deployment_id) or uuid4()
    if "schedules" in body.model_fields_set:
        values["schedules"] = patched(current.schedules, body.schedules)
    stored = {column.key: getattr(current, column.key) for column in _table().columns}
    if values.keys() & {"parameters", "parameter_openapi_schema", "enforce_parameter_schema"}:
        check_parameters({**stored, **values}, Conflict)
    check_job_variables(session, {**stored, **values}["work_queue_id"], body.job_variables)
    change_deployments(session, where, values)


def set_schedules(session: Session, deployment: Deployment, schedules: Schedules) -> None:
    """Give a deployment, which the caller has locked, this list of schedules."""
    change_deployments(session, Deployment.id == deployment.id, {"schedules": schedules})


def set_paused(session: Session, deployment_id: UUID, paused: bool) -> None:
    """Pause or resume a deployment.

    Raises:
        NotFound: it does not exist.
    """
    lock_deployment(session, deployment_id)
    change_deployments(session, Deployment.id == deployment_id, {"paused": paused})


def delete_deployment(session: Session, deployment_id: UUID) -> None:
    """Delete a deployment.

    Raises:
        NotFound: it does not exist, or another request was quicker; then nothing is recorded.
    """
    if not delete_deployments(session, Deployment.id == deployment_id):
        raise NotFound("Deployment not found")


def delete_deployments(session: Session, where: ColumnElement[bool]) -> list[UUID]:
    """Delete the deployments that match; return the ids of those that this transaction deleted."""
    changes = _delete(session, where)
    record(session, changes)
    return [change.row["id"] for change in changes if change.kind is DEPLOYMENT]


def delete_deployments_of_flows(session: Session, flow_ids: Sequence[UUID], cause: datetime) -> list[Change]:
    """Delete the deployments of flows that the caller has locked and is about to delete.

    Here and below: `cause` is the time of that deletion, and the changes, which occur later, are for the caller to
    record.
    """
    return _delete(session, one_of(Deployment.flow_id, flow_ids), cause)


def clear_queues(session: Session, queue_ids: Sequence[UUID], cause: datetime) -> list[Change]:
    """Take the deployments off queues that the caller has locked and is about to delete."""
    where = one_of(Deployment.work_queue_id, queue_ids)
    _lock(session, where)
    cleared = update_rows(session, DEPLOYMENT, where, {"work_queue_id": None}, cause=cause)
    return [*cleared, *follow_queues(session, cleared)]


def clear_limit(session: Session, limit_id: UUID, cause: datetime) -> list[Change]:
    """Free the deployments of a concurrency limit that the caller has locked and is about to delete."""
    where = Deployment.concurrency_limit_id == limit_id
    _lock(session, where)
    values = {"concurrency_limit": None, "concurrency_limit_id": None}
    return update_rows(session, DEPLOYMENT, where, values, cause=cause)


def lock_deployment(session: Session, deployment_id: UUID) -> Deployment:
    """Return a deployment whose row no other transaction can change before this one ends.

    Raises:
        NotFound: it does not exist.
    """
    statement = select(Deployment).where(Deployment.id == deployment_id).with_for_update()
    deployment = session.scalar(statement.execution_options(populate_existing=True))
    if deployment is None:
        raise NotFound("Deployment not found")
    return deployment


def change_deployments(session: Session, where: ColumnElement[bool], values: dict[str, Any]) -> None:
    """Give the deployments that match these values, and record a change for each that differs."""
    if values:
        _settle(session, update_rows(session, DEPLOYMENT, where, values))


def _settle(session: Session, changes: Sequence[Change]) -> None:
    record(session, [*changes, *settle_own_limits(session, changes), *follow_queues(session, changes)])


def _delete(session: Session, where: ColumnElement[bool], cause: datetime | None = None) -> list[Change]:
    lock_own_limits(session, where)
    _lock(session, where)
    deletions = delete_rows(session, DEPLOYMENT, where, cause=cause)
    bury(session, deletions)
    return [*deletions, *settle_own_limits(session, deletions)]


def _lock(session: Session, where: ColumnElement[bool]) -> None:
    """Lock rows in the order of their ids, so that two bulk changes wait for each other and never deadlock."""
    session.execute(select(Deployment.id).where(where).order_by(Deployment.id).with_for_update())


def _labels(session: Session, body: DeploymentCreate) -> dict[str, Any]:
    """The flow's labels, the flow's id, and the given ones; the flow stays locked against deletion."""
    statement = select(Flow.labels).where(Flow.id == body.flow_id).with_for_update(read=True, key_share=True)
    flow_labels = session.scalar(statement)
    if flow_labels is None:
        raise Conflict(f"There is no flow {body.flow_id}.")
    return {**flow_labels, FLOW_LABEL: str(body.flow_id), **(body.labels or {})}


def _id_of(session: Session, body: DeploymentCreate) -> UUID:
    statement = select(Deployment.id).where(Deployment.flow_id == body.flow_id, Deployment.name == body.name)
    return session.scalars(statement).one()


def _table() -> Table:
    table = Deployment.__table__
    assert isinstance(table, Table)
    return table
