"""Response bodies of the deployment routes."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from app.models import Readiness
from app.postgres.base import JsonObject
from app.schemas.schedules import ScheduleResponse
from app.schemas.shared import ResourceResponse


class DeploymentLimit(ResourceResponse):
    """The concurrency limit that a deployment uses."""

    active: bool
    name: str
    limit: int
    active_slots: int
    slot_decay_per_second: float


class DeploymentResponse(BaseModel):
    """A deployment, with the names of its work queue and work pool and with its concurrency limit.

    `concurrency_limit` is always null, as Prefect's clients expect. The number is in `global_concurrency_limit`.
    """

    id: UUID
    created: datetime
    updated: datetime
    name: str
    version: str | None
    description: str | None
    flow_id: UUID
    paused: bool
    schedules: list[ScheduleResponse]
    concurrency_limit: None = None
    global_concurrency_limit: DeploymentLimit | None
    concurrency_options: JsonObject | None
    job_variables: JsonObject
    parameters: JsonObject
    tags: list[str]
    labels: JsonObject
    work_queue_name: str | None
    work_queue_id: UUID | None
    last_polled: datetime | None
    parameter_openapi_schema: JsonObject | None
    path: str | None
    pull_steps: list[JsonObject] | None
    entrypoint: str | None
    storage_document_id: UUID | None
    infrastructure_document_id: UUID | None
    created_by: None = None
    updated_by: None = None
    work_pool_name: str | None
    status: Readiness
    enforce_parameter_schema: bool


class DeploymentPage(BaseModel):
    """A page of deployments, and the number of all matching deployments."""

    results: list[DeploymentResponse]
    count: int
    limit: int
    pages: int
    page: int


class DeletedIds(BaseModel):
    """The ids of the deployments that this request deleted."""

    deleted: list[UUID]
