"""Request and response bodies of the flow routes."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from app.postgres.base import JsonObject
from app.schemas.bodies import WireModel
from app.schemas.examples import FLOW, FLOW_CHANGES, FLOW_PAGE, FLOW_SELECTION, FLOWS, example
from app.schemas.filters import DeploymentFilter, FlowFilter, RunFilters, WorkPoolFilter
from app.schemas.numbers import WHOLE
from app.schemas.shared import Labels, Name, PageNumber, Paging, Query, ResourceResponse, Tags


class FlowCreate(WireModel):
    """A flow to create. If a flow with this name exists, that one is returned unchanged."""

    model_config = example(FLOW)

    name: Name
    tags: Tags = Field(default_factory=list)
    labels: Labels = Field(default_factory=dict)


class FlowUpdate(WireModel):
    """The new tags of a flow."""

    model_config = example(FLOW_CHANGES)

    tags: Tags = Field(default_factory=list)


class FlowSort(StrEnum):
    """The order in which flows are listed."""

    CREATED_DESC = "CREATED_DESC"
    UPDATED_DESC = "UPDATED_DESC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"


class FlowMatch(RunFilters):
    """Flows to select: those that match all the filters, on themselves, their deployments and their work pools."""

    model_config = example(FLOW_SELECTION)

    flows: FlowFilter | None = None
    deployments: DeploymentFilter | None = None
    work_pools: WorkPoolFilter | None = None


class FlowQuery(FlowMatch, Paging):
    """The flows to list, and their order."""

    model_config = example(FLOWS)

    sort: FlowSort = FlowSort.NAME_ASC


class FlowPageQuery(FlowMatch, PageNumber):
    """The page of flows to list, and their order."""

    model_config = example(FLOW_PAGE)

    sort: FlowSort = FlowSort.NAME_ASC


class FlowBulkDelete(Query):
    """The flows to delete, at most `limit` of them. The filter must state a condition."""

    model_config = example(FLOWS)

    flows: FlowFilter | None = None
    limit: Annotated[int, Field(ge=1, le=50), WHOLE] = 50


class FlowResponse(ResourceResponse):
    """A flow."""

    name: str
    tags: list[str]
    labels: JsonObject


class FlowPage(BaseModel):
    """A page of flows, and the number of all matching flows."""

    results: list[FlowResponse]
    count: int
    limit: int
    pages: int
    page: int
