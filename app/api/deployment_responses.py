"""Builds the responses that describe a deployment and its schedules."""

from collections.abc import Mapping
from typing import Any

from app.crud.deployments.reading import DeploymentView
from app.models import Readiness
from app.schemas.concurrency_limits import ConcurrencyLimitResponse
from app.schemas.deployment_responses import DeploymentResponse
from app.schemas.schedules import ScheduleResponse

SAME_NAMES = (
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
"""The fields of the response that have the name of their column."""


def deployment_response(view: DeploymentView) -> DeploymentResponse:
    """Return the response for the deployment."""
    deployment = view.deployment
    return DeploymentResponse(
        **{name: deployment[name] for name in SAME_NAMES},
        schedules=schedule_responses(deployment),
        job_variables=deployment["infra_overrides"],
        global_concurrency_limit=ConcurrencyLimitResponse.model_validate(view.limit)
        if view.limit is not None
        else None,
        work_queue_name=view.work_queue_name,
        work_pool_name=view.work_pool_name,
        last_polled=view.last_polled,
        status=Readiness(deployment["status"]),
    )


def schedule_responses(deployment: Mapping[str, Any]) -> list[ScheduleResponse]:
    """Return the responses for all schedules of the deployment, the newest first, as in Prefect."""
    return [
        ScheduleResponse(
            **schedule,
            created=deployment["created"],
            updated=deployment["updated"],
            deployment_id=deployment["id"],
        )
        for schedule in reversed(deployment["schedules"])
    ]
