"""The routes of a deployment's schedules. A change of a schedule is recorded as a change of its deployment."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator
from sqlalchemy.orm import Session

from app.api.deployment_responses import schedule_responses
from app.crud.deployments import schedules as schedule_lists
from app.crud.deployments.reading import read_deployment
from app.crud.deployments.writing import lock_deployment, set_schedules
from app.schemas.bodies import within_digits
from app.schemas.bounds import BoundedList
from app.schemas.schedules import ScheduleCreate, ScheduleResponse, ScheduleUpdate
from app.web.routing import make_router

router = make_router("/deployments/{deployment_id:uuid}/schedules", tags=["deployments"])


@router.get("")
def read_schedules(deployment_id: UUID, session: Session) -> list[ScheduleResponse]:
    """List the schedules of a deployment."""
    return schedule_responses(read_deployment(session, deployment_id).deployment)


@router.post("", status_code=HTTPStatus.CREATED)
def create_schedules(
    deployment_id: UUID,
    body: Annotated[BoundedList[ScheduleCreate], BeforeValidator(within_digits)],
    session: Session,
) -> list[ScheduleResponse]:
    """Add schedules to a deployment, and return them in the order of the body."""
    deployment = lock_deployment(session, deployment_id)
    stored = len(deployment.schedules)
    set_schedules(session, deployment, schedule_lists.added(deployment.schedules, body))
    oldest_first = schedule_responses(read_deployment(session, deployment_id).deployment)[::-1]
    return oldest_first[stored:]


@router.patch("/{schedule_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def update_schedule(deployment_id: UUID, schedule_id: UUID, body: ScheduleUpdate, session: Session) -> None:
    """Update a schedule: only the fields that the body contains."""
    deployment = lock_deployment(session, deployment_id)
    set_schedules(session, deployment, schedule_lists.changed(deployment.schedules, schedule_id, body))


@router.delete("/{schedule_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def delete_schedule(deployment_id: UUID, schedule_id: UUID, session: Session) -> None:
    """Delete a schedule."""
    deployment = lock_deployment(session, deployment_id)
    set_schedules(session, deployment, schedule_lists.removed(deployment.schedules, schedule_id))
