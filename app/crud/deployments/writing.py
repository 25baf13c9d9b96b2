"""What happens to deployments. Every function that changes one records the change, in plain sight."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.snapshot import Change
from app.capture.statements import Given, Keep, table_of
from app.capture.tracked import insert_row, update_rows, upsert_row
from app.crud.deployments.cascades import delete_where
from app.crud.deployments.existing import look, view_after
from app.crud.deployments.own_limits import lock_own_limits, settle_own_limits
from app.crud.deployments.readiness import follow_queues
from app.crud.deployments.reading import THIS, DeploymentView, read_deployment_of_flow
from app.crud.deployments.schedules import Schedules, patched, replaced
from app.crud.deployments.values import (
    check_job_variables,
    check_parameters,
    given_values,
    hold_shared_limit,
    job_template,
    limit_values,
    plain_values,
)
from app.errors import Conflict, InvalidRequest, NotFound
from app.models import Deployment
from app.outbox.record import record
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate

NEED_WHAT_IS_STORED: Final = frozenset({
    "concurrency_limit", "enforce_parameter_schema", "job_variables", "parameter_openapi_schema", "parameters",
    "schedules",
})  # fmt: skip
"""The keys of a change that is checked against what is stored, or put together with it."""
FLOW_LABEL = "prefect.flow.id"
IDENTITY = ("flow_id", "name")
OWN_LIMIT_STAYS = (("concurrency_limit_id", "concurrency_limit"),)
"""A deployment that has a limit of its own keeps that row when it is given another number."""


class Upserted(NamedTuple):
    """The deployment as it is now, and whether it was created."""

    view: DeploymentView
    created: bool

    @property
    def id(self) -> UUID:
        """The deployment's id."""
        id_: UUID = self.view.deployment["id"]
        return id_


def upsert_deployment(session: Session, body: DeploymentCreate) -> Upserted:
    """Create the deployment, or update the one of that flow and name where it differs.

    Whether it was created is told by the database, not by a clock. One that is as the body says already is not even
    locked: it was so at one moment, and what another request changes in the next comes after this one.

    Raises:
        Conflict: the flow does not exist, or two schedules have the same slug.
        NotFound: the work pool or the global concurrency limit does not exist.
        InvalidRequest: the parameters or the job variables do not fit their schema.
    """
    given = body.given()
    values = {
        **plain_values(body, given),
        **limit_values(given),
        "parameters": body.parameters,
        "labels": {FLOW_LABEL: str(body.flow_id), **(body.labels or {})},
        "schedules": replaced([], body.schedules),
    }
    takes_off = "work_pool_name" in given and body.work_pool_name is None and body.work_queue_name is None
    standing = look(session, body, {**values, "work_queue_id": None} if takes_off else values)
    check_parameters(values, InvalidRequest)
    check_job_variables(standing.template, body.job_variables)
    if standing.same is not None:
        return Upserted(standing.same, created=False)
    hold_shared_limit(session, given)
    values |= {"name": body.name, "flow_id": body.flow_id, "labels": {**standing.flow_labels, **values["labels"]}}
    if takes_off or standing.queue is not None:
        values["work_queue_id"] = standing.queue_id
    keeps: tuple[Keep, ...] = ()
    if "concurrency_limit" in values:
        where = and_(Deployment.flow_id == body.flow_id, Deployment.name == body.name)
        own = next(iter(lock_own_limits(session, where).values()), None)
        if body.concurrency_limit is not None:
            values["concurrency_limit_id"] = own or uuid4()
            keeps = OWN_LIMIT_STAYS
    # One that is new needs a smaller statement, unless somebody was quicker.
    change = None if standing.exists else insert_row(session, DEPLOYMENT, values, IDENTITY)
    change = change or upsert_row(session, DEPLOYMENT, values, IDENTITY, keeps)
    if change is None:
        # Somebody was quicker. The row cannot be gone: its flow is locked against deletion, and so is the row itself.
        return Upserted(read_deployment_of_flow(session, body.flow_id, body.name), created=False)
    latest = _settle(session, [change], silent_queue=standing.silent_queue)[-1]
    row = latest.row if latest.row["id"] == change.row["id"] else change.row
    return Upserted(view_after(session, standing, row), created=change.before is None)


def update_deployment(session: Session, deployment_id: UUID, body: DeploymentUpdate) -> None:
    """Change the given fields of a deployment; a body that changes nothing writes nothing.

    Raises:
        NotFound: the deployment, the work pool or the global concurrency limit does not exist.
        Conflict: the parameters do not fit the schema, or two schedules have the same slug.
        InvalidRequest: the job variables do not fit the work pool, or schedules lack slugs.
    """
    values = given_values(session, body)
    if not body.model_fields_set & NEED_WHAT_IS_STORED:
        if not _change(session, deployment_id, values):
            lock_deployment(session, deployment_id)
        return
    own = lock_own_limits(session, THIS, {"deployment_id": deployment_id}) if "concurrency_limit" in values else {}
    current = lock_deployment(session, deployment_id)
    if body.concurrency_limit is not None:
        has_own = current.concurrency_limit is not None
        values["concurrency_limit_id"] = current.concurrency_limit_id if has_own else own.get(deployment_id) or uuid4()
    if "schedules" in body.model_fields_set:
        values["schedules"] = patched(current.schedules, body.schedules)
    stored = {column.key: getattr(current, column.key) for column in table_of(DEPLOYMENT).columns}
    if values.keys() & {"parameters", "parameter_openapi_schema", "enforce_parameter_schema"}:
        check_parameters({**stored, **values}, Conflict)
    if body.job_variables:
        check_job_variables(job_template(session, {**stored, **values}["work_queue_id"]), body.job_variables)
    _change(session, deployment_id, values)


def set_schedules(session: Session, deployment: Deployment, schedules: Schedules) -> None:
    """Give a deployment, which the caller has locked, this list of schedules."""
    _change(session, deployment.id, {"schedules": schedules})


def set_paused(session: Session, deployment_id: UUID, paused: bool) -> None:
    """Pause or resume a deployment.

    Raises:
        NotFound: it does not exist.
    """
    if not _change(session, deployment_id, {"paused": paused}):
        lock_deployment(session, deployment_id)


def delete_deployment(session: Session, deployment_id: UUID) -> None:
    """Delete a deployment.

    Raises:
        NotFound: it does not exist, or another request was quicker; then nothing is recorded.
    """
    if not delete_deployments(session, THIS, {"deployment_id": deployment_id}):
        raise NotFound("Deployment not found")


def delete_deployments(session: Session, where: ColumnElement[bool], given: Given = None) -> list[UUID]:
    """Delete the deployments that match; return the ids of those that this transaction deleted.

    `given` are the condition's parameters.
    """
    changes = delete_where(session, where, given)
    record(session, changes)
    return [change.row["id"] for change in changes if change.kind is DEPLOYMENT]


def lock_deployment(session: Session, deployment_id: UUID) -> Deployment:
    """Return a deployment whose row no other transaction can change before this one ends.

    Raises:
        NotFound: it does not exist.
    """
    deployment = session.scalar(_locked_deployment(), {"deployment_id": deployment_id})
    if deployment is None:
        raise NotFound("Deployment not found")
    return deployment


@lru_cache
def _locked_deployment() -> Select[Deployment]:
    return select(Deployment).where(THIS).with_for_update().execution_options(populate_existing=True)


def _change(session: Session, deployment_id: UUID, values: dict[str, Any]) -> bool:
    """Give the deployment these values and record the change; tell whether there is one: it may not exist, too."""
    changes = update_rows(session, DEPLOYMENT, THIS, values, given={"deployment_id": deployment_id}) if values else []
    _settle(session, changes)
    return bool(changes)


def _settle(session: Session, changes: Sequence[Change], *, silent_queue: UUID | None = None) -> list[Change]:
    """Record these changes and what follows from them, and return all of them in their order.

    `silent_queue` is a queue that nobody has polled lately.
    """
    settled = [*changes, *settle_own_limits(session, changes), *follow_queues(session, changes, silent_queue)]
    record(session, settled)
    return settled
