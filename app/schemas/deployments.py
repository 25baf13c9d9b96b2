"""Request bodies of the deployment routes."""

import json
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, model_validator

from app.schemas.bodies import WireModel
from app.schemas.bounds import BoundedList
from app.schemas.examples import (
    DEPLOYMENT,
    DEPLOYMENT_CHANGES,
    DEPLOYMENT_PAGE,
    DEPLOYMENT_SELECTION,
    DEPLOYMENTS,
    example,
)
from app.schemas.filters import DeploymentFilter, FlowFilter, RunFilters, WorkPoolFilter, WorkQueueFilter
from app.schemas.numbers import WHOLE
from app.schemas.schedules import ScheduleCreate, ScheduleUpdate
from app.schemas.shared import INTEGER_MAX, Labels, Name, Object, PageNumber, Paging, Query, Tags, Text

PARAMETERS_LIMIT: Final = 512 * 1024
DELETE_LIMIT: Final = 50

IGNORED_KEYS: Final = frozenset(
    {
        "worker_pool_queue_id",
        "worker_pool_name",
        "worker_pool_queue_name",
        "work_pool_queue_name",
    }
)
"""Renamed keys that old clients still send. Prefect ignores them; every other unknown key is an error."""


def _within_parameters_limit(parameters: Object | None) -> Object | None:
    if parameters is not None and len(json.dumps(parameters)) > PARAMETERS_LIMIT:
        raise ValueError(f"The parameters are larger than {PARAMETERS_LIMIT} bytes.")
    return parameters


def _none_if_empty(steps: list[Object] | None) -> list[Object] | None:
    return steps or None


def _none_if_named_so(text: str | None) -> str | None:
    return None if text == "None" else text


PullSteps = Annotated[BoundedList[Object] | None, AfterValidator(_none_if_empty)]
"""The client sends an empty list and null for the same: no steps. Otherwise an unchanged redeploy would be a change."""

Description = Annotated[Text | None, AfterValidator(_none_if_named_so)]
"""Some versions of the client send the text "None" when they create a deployment without a description."""

Parameters = Annotated[Object, AfterValidator(_within_parameters_limit)]


class ConcurrencyOptions(WireModel):
    """What happens to a run that starts when the deployment's concurrency limit is reached."""

    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]
    grace_period_seconds: Annotated[int, Field(ge=60, le=86400), WHOLE] | None = None


class _DeploymentBody(WireModel):
    """The fields that are the same for creating and updating a deployment."""

    concurrency_limit: Annotated[int, Field(gt=0, le=INTEGER_MAX), WHOLE] | None = None
    concurrency_options: ConcurrencyOptions | None = None
    global_concurrency_limit_id: UUID | None = None
    parameter_openapi_schema: Object | None = None
    pull_steps: PullSteps = None
    work_queue_name: Name | None = None
    work_pool_name: Name | None = None
    storage_document_id: UUID | None = None
    infrastructure_document_id: UUID | None = None
    description: Description = None
    path: Text | None = None
    version: Text | None = None
    entrypoint: Text | None = None
    job_variables: Object | None = None
    version_info: Object | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_ignored_keys(cls, data: Any) -> Any:
        if isinstance(data, dict) and not IGNORED_KEYS.isdisjoint(data):
            return {key: value for key, value in data.items() if key not in IGNORED_KEYS}
        return data

    @model_validator(mode="after")
    def _has_at_most_one_limit(self) -> "_DeploymentBody":
        if self.concurrency_limit is not None and self.global_concurrency_limit_id is not None:
            raise ValueError("Set `concurrency_limit` or `global_concurrency_limit_id`, not both.")
        return self


class DeploymentCreate(_DeploymentBody):
    """A deployment to create. If the flow already has a deployment with this name, that one is updated."""

    model_config = example(DEPLOYMENT)

    name: Name
    flow_id: UUID
    paused: StrictBool = False
    schedules: BoundedList[ScheduleCreate] = Field(default_factory=list)
    enforce_parameter_schema: StrictBool = True
    parameters: Parameters = Field(default_factory=dict)
    tags: Tags = Field(default_factory=list)
    labels: Labels | None = Field(default_factory=dict)


class DeploymentUpdate(_DeploymentBody):
    """Changes to a deployment. Omitted fields stay unchanged.

    Null is an error for `tags`, `paused`, `schedules`, `parameters` and `enforce_parameter_schema`.
    """

    model_config = example(DEPLOYMENT_CHANGES)

    # The model accepts null for the last two, and PostgreSQL refuses it, as in Prefect.

    paused: StrictBool = False
    schedules: BoundedList[ScheduleUpdate] = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    enforce_parameter_schema: StrictBool | None = None
    parameters: Annotated[Object | None, AfterValidator(_within_parameters_limit)] = None


Sort = Literal["CREATED_DESC", "UPDATED_DESC", "NAME_ASC", "NAME_DESC"]


class DeploymentSelection(RunFilters):
    """Deployments to select: those that match all the filters, on themselves, their flow, work pool and work queue."""

    model_config = example(DEPLOYMENT_SELECTION)

    deployments: DeploymentFilter | None = None
    flows: FlowFilter | None = None
    work_pools: WorkPoolFilter | None = None
    work_pool_queues: WorkQueueFilter | None = None


class DeploymentQuery(DeploymentSelection, Paging):
    """The deployments to list, and their order."""

    model_config = example(DEPLOYMENTS)

    sort: Sort = "NAME_ASC"


class DeploymentPageQuery(DeploymentSelection, PageNumber):
    """The page of deployments to list, and their order."""

    model_config = example(DEPLOYMENT_PAGE)

    sort: Sort = "NAME_ASC"


class DeploymentBulkDelete(Query):
    """The deployments to delete, at most `limit` of them. The filter must state a condition."""

    model_config = example(DEPLOYMENTS)

    deployments: DeploymentFilter | None = None
    limit: Annotated[int, Field(ge=1, le=DELETE_LIMIT), WHOLE] = DELETE_LIMIT
