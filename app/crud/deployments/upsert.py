"""Creates or updates a deployment by its flow and name."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import and_
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.row_changes import insert_row, upsert_row
from app.capture.snapshot import Change
from app.capture.statements import Keep
from app.crud.deployments.effects import lock_own_limits
from app.crud.deployments.existing import Existing, find_existing, view_after
from app.crud.deployments.reading import DeploymentView, read_deployment_of_flow
from app.crud.deployments.schedules import created
from app.crud.deployments.values import (
    check_job_variables,
    check_parameters,
    limit_values,
    lock_shared_limit,
    plain_values,
)
from app.crud.deployments.writing import record_with_effects
from app.errors import InvalidRequest
from app.models import Deployment
from app.schemas.deployments import DeploymentCreate

FLOW_LABEL: Final = "prefect.flow.id"
IDENTITY: Final = ("flow_id", "name")
KEEP_OWN_LIMIT: Final[tuple[Keep, ...]] = (("concurrency_limit_id", "concurrency_limit"),)
"""A deployment that already has its own limit keeps the limit's row when `concurrency_limit` changes."""


class Upserted(NamedTuple):
    """The deployment as it is now, and whether this request created it."""

    view: DeploymentView
    created: bool

    @property
    def id(self) -> UUID:
        """The deployment's id."""
        id_: UUID = self.view.deployment["id"]
        return id_


def upsert_deployment(session: Session, body: DeploymentCreate) -> Upserted:
    """Create the deployment, or update the existing one with this flow and name if it differs.

    The database decides whether it was created, not a clock. An unchanged deployment is not locked: it was stored like
    this at one moment of the request, and a concurrent change counts as a later one.

    Raises:
        Conflict: the flow does not exist, or two schedules have the same slug.
        NotFound: the work pool or the global concurrency limit does not exist.
        InvalidRequest: the parameters or the job variables do not match their schema.
    """
    fields = body.fields_set()
    values = {
        **plain_values(body, fields),
        **limit_values(fields),
        "parameters": body.parameters,
        "labels": {FLOW_LABEL: str(body.flow_id), **(body.labels or {})},
        "schedules": created(body.schedules),
    }
    clears_queue = "work_pool_name" in fields and body.work_pool_name is None and body.work_queue_name is None
    existing = find_existing(session, body, {**values, "work_queue_id": None} if clears_queue else values)
    check_parameters(values, InvalidRequest)
    check_job_variables(existing.template, body.job_variables)
    if existing.unchanged is not None:
        return Upserted(existing.unchanged, created=False)
    lock_shared_limit(session, fields)
    values |= {"name": body.name, "flow_id": body.flow_id, "labels": {**existing.flow_labels, **values["labels"]}}
    if clears_queue or existing.queue is not None:
        values["work_queue_id"] = existing.queue_id
    change = _write(session, body, existing, values)
    if change is None:
        # Another request wrote the same values first. The row still exists: it is locked, and its flow too.
        return Upserted(read_deployment_of_flow(session, body.flow_id, body.name), created=False)
    # The last recorded change may be the new status of this deployment.
    latest = record_with_effects(session, [change], unpolled_queue=existing.unpolled_queue)[-1]
    row = latest.row if latest.row["id"] == change.row["id"] else change.row
    return Upserted(view_after(session, existing, row), created=change.before is None)


def _write(session: Session, body: DeploymentCreate, existing: Existing, values: Mapping[str, Any]) -> Change | None:
    """Write the row, with the id of its own limit if it has one. Return None if nothing differs."""
    keeps: tuple[Keep, ...] = ()
    if "concurrency_limit" in values:
        where = and_(Deployment.flow_id == body.flow_id, Deployment.name == body.name)
        own_limit_id = next(iter(lock_own_limits(session, where).values()), None)
        if body.concurrency_limit is not None:
            values = {**values, "concurrency_limit_id": own_limit_id or uuid4()}
            keeps = KEEP_OWN_LIMIT
    # The insert is a smaller statement. It is enough unless another request has created the deployment meanwhile.
    change = None if existing.exists else insert_row(session, DEPLOYMENT, values, IDENTITY)
    return change or upsert_row(session, DEPLOYMENT, values, IDENTITY, keeps)
