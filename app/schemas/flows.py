"""The bodies of the flow routes."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.postgres.engine import JsonObject
from app.schemas.filters import DeploymentFilter, FlowFilter, WorkPoolFilter
from app.schemas.shared import Labels, Name, PageNumber, Paging, Query, ResourceResponse, Tags, WireModel


class FlowCreate(WireModel):
    """A flow to create unless one of that name exists."""

    name: Name
    tags: Tags = Field(default_factory=list)
    labels: Labels = Field(default_factory=dict)


class FlowUpdate(WireModel):
    """What may change of a flow."""

    tags: Tags = Field(default_factory=list)


class FlowSort(StrEnum):
    """The orders in which flows are listed."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"


class FlowMatch(Query):
    """Which flows are meant: those that all the given filters match."""

    flows: FlowFilter | None = None
    deployments: DeploymentFilter | None = None
    work_pools: WorkPoolFilter | None = None


class FlowQuery(FlowMatch, Paging):
    """Which flows to list, and in which order."""

    sort: FlowSort = FlowSort.NAME_ASC


class FlowPageQuery(FlowMatch, PageNumber):
    """Which page of flows to list, and in which order."""

    sort: FlowSort = FlowSort.NAME_ASC


class FlowBulkDelete(Query):
    """Which flows to delete, at most `limit` of them."""

    flows: FlowFilter | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 50


class FlowResponse(ResourceResponse):
    """A flow."""

    name: str
    tags: list[str]
    labels: JsonObject


class FlowPage(BaseModel):
    """A page of flows, and how many there are in all."""

    results: list[FlowResponse]
    count: int
    limit: int
    pages: int
    page: int


class Deleted(BaseModel):
    """The ids of what a bulk deletion deleted."""

    deleted: list[UUID]
