"""Deployments as they leave on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from app.models import Readiness
from app.postgres.engine import JsonObject
from app.schemas.schedules import ScheduleResponse
from app.schemas.shared import ResourceResponse


class LimitOfDeployment(ResourceResponse):
    """The concurrency limit that a deployment uses."""

    active: bool
    name: str
    limit: int
    active_slots: int
    slot_decay_per_second: float


class DeploymentResponse(BaseModel):
    """A deployment with the names of its queue and pool, and with its limit.

    `concurrency_limit` is always null, as clients of this protocol expect: the number stands in the limit.
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
    global_concurrency_limit: LimitOfDeployment | None
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
    """One page of deployments."""

    results: list[DeploymentResponse]
    count: int
    limit: int
    pages: int
    page: int


class DeletedIds(BaseModel):
    """The ids of what this request deleted, and nobody else."""

    deleted: list[UUID]
