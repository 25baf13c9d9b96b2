"""Response bodies of the deployment routes."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from app.models import Readiness
from app.postgres.base import JsonObject
from app.schemas.concurrency_limits import ConcurrencyLimitResponse
from app.schemas.schedules import ScheduleResponse
from app.schemas.shared import ResourceResponse


class DeploymentResponse(ResourceResponse):
    """A deployment, with the names of its work queue and work pool and with its concurrency limit.

    `concurrency_limit` is always null, as Prefect's clients expect. The number is in `global_concurrency_limit`.
    """

    name: str
    version: str | None
    description: str | None
    flow_id: UUID
    paused: bool
    schedules: list[ScheduleResponse]
    concurrency_limit: None = None
    global_concurrency_limit: ConcurrencyLimitResponse | None
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
