"""The filters of the list routes. A null or missing part matches every row. An unknown key is an error."""

from typing import Any, Literal
from uuid import UUID

from pydantic import StrictBool

from app.postgres.base import JsonObject
from app.schemas.bodies import WireModel
from app.schemas.bounds import BoundedList
from app.schemas.shared import Query, Text


class RunFilters(Query):
    """Filters on the runs of what is listed. Nothing matches them, because there are no runs."""

    flow_runs: Any = None
    task_runs: Any = None

    def need_runs(self) -> bool:
        """Return whether a filter on runs is stated."""
        return self.flow_runs is not None or self.task_runs is not None


class IdFilter(WireModel):
    """Rows whose id is one of `any_` and none of `not_any_`."""

    any_: BoundedList[UUID] | None = None
    not_any_: BoundedList[UUID] | None = None


class AnyIdFilter(WireModel):
    """Rows whose id is one of `any_`."""

    any_: BoundedList[UUID] | None = None


class AnyNameFilter(WireModel):
    """Rows whose name is one of `any_`."""

    any_: BoundedList[Text] | None = None


class NameFilter(AnyNameFilter):
    """Rows whose name is one of `any_` and contains `like_` (ignoring case)."""

    like_: Text | None = None


class PrefixFilter(AnyNameFilter):
    """Rows whose name is one of `any_` and starts with one of `startswith_` (ignoring case)."""

    startswith_: BoundedList[Text] | None = None


class LikeFilter(WireModel):
    """Rows whose name contains `like_` (ignoring case)."""

    like_: Text | None = None


class BooleanFilter(WireModel):
    """Rows in which the flag has the value `eq_`."""

    eq_: StrictBool | None = None


class CombinedFilter(WireModel):
    """A filter whose conditions must all match (`and_`), or of which at least one must match (`or_`)."""

    operator: Literal["and_", "or_"] = "and_"


class NullFilter(CombinedFilter):
    """Rows without any such object (`is_null_` true), or with at least one (`is_null_` false)."""

    is_null_: StrictBool | None = None


class TagFilter(CombinedFilter):
    """Conditions on tags: the row has all tags of `all_`; it has no tags (`is_null_` true) or some (false)."""

    all_: BoundedList[Text] | None = None
    is_null_: StrictBool | None = None


class AnyTagFilter(TagFilter):
    """A tag filter with one more condition: the row has at least one of the tags in `any_`."""

    any_: BoundedList[Text] | None = None


class FlowFilter(CombinedFilter):
    """Conditions on flows. `deployment` selects flows with or without deployments."""

    id: IdFilter | None = None
    name: NameFilter | None = None
    tags: TagFilter | None = None
    deployment: NullFilter | None = None


class DeploymentFilter(CombinedFilter):
    """Conditions on deployments. `concurrency_limit` is accepted and ignored, as in Prefect."""

    id: IdFilter | None = None
    name: NameFilter | None = None
    flow_or_deployment_name: LikeFilter | None = None
    paused: BooleanFilter | None = None
    tags: AnyTagFilter | None = None
    work_queue_name: AnyNameFilter | None = None
    concurrency_limit: JsonObject | None = None


class WorkPoolFilter(CombinedFilter):
    """Conditions on work pools."""

    id: AnyIdFilter | None = None
    name: AnyNameFilter | None = None
    type: AnyNameFilter | None = None


class WorkQueueFilter(CombinedFilter):
    """Conditions on work queues."""

    id: AnyIdFilter | None = None
    name: PrefixFilter | None = None
