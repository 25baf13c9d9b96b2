"""Puts a deployment into the shape in which it leaves."""

from collections.abc import Mapping
from typing import Any

from app.crud.deployments.reading import DeploymentView
from app.models import Readiness
from app.schemas.deployment_answers import DeploymentResponse, LimitOfDeployment
from app.schemas.schedules import ScheduleResponse

SAME_NAME = (
    "id",
    "created",
    "updated",
    "name",
    "version",
    "description",
    "flow_id",
    "paused",
    "concurrency_options",
    "parameters",
    "tags",
    "labels",
    "work_queue_id",
    "parameter_openapi_schema",
    "path",
    "pull_steps",
    "entrypoint",
    "storage_document_id",
    "infrastructure_document_id",
    "enforce_parameter_schema",
)


def answer(view: DeploymentView) -> DeploymentResponse:
    """Return the deployment as a client reads it."""
    deployment = view.deployment
    return DeploymentResponse(
        **{name: deployment[name] for name in SAME_NAME},
        schedules=schedule_answers(deployment),
        job_variables=deployment["infra_overrides"],
        global_concurrency_limit=LimitOfDeployment.model_validate(view.limit) if view.limit is not None else None,
        work_queue_name=view.work_queue_name,
        work_pool_name=view.work_pool_name,
        last_polled=view.last_polled,
        status=Readiness(deployment["status"]),
    )


def schedule_answers(deployment: Mapping[str, Any]) -> list[ScheduleResponse]:
    """Return the schedules of a deployment as a client reads them."""
    return [
        ScheduleResponse(
            **schedule,
            created=deployment["created"],
            updated=deployment["updated"],
            deployment_id=deployment["id"],
        )
        for schedule in deployment["schedules"]
    ]
