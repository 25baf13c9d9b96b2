"""The filters of the list routes. A null or missing part restricts nothing; an unknown key is an error."""

from typing import Literal
from uuid import UUID

from app.postgres.engine import JsonObject
from app.schemas.shared import Text, WireModel


class IdFilter(WireModel):
    """Ids that a row must have one of, and ids that it must have none of."""

    any_: list[UUID] | None = None
    not_any_: list[UUID] | None = None


class AnyIdFilter(WireModel):
    """Ids that a row must have one of; repeats are fine."""

    any_: list[UUID] | None = None


class AnyNameFilter(WireModel):
    """Names that a row must have one of."""

    any_: list[Text] | None = None


class NameFilter(AnyNameFilter):
    """Names that a row must have one of, and a part that the name must hold, in either case."""

    like_: Text | None = None


class StartFilter(AnyNameFilter):
    """Names that a row must have one of, and beginnings of which the name must have one, in either case."""

    startswith_: list[Text] | None = None


class LikeFilter(WireModel):
    """A part that the name must hold, in either case."""

    like_: Text | None = None


class NullFilter(WireModel):
    """Whether there must be none (true) or at least one (false)."""

    is_null_: bool | None = None


class BooleanFilter(WireModel):
    """The value that a flag must have."""

    eq_: bool | None = None


class Combined(WireModel):
    """Conditions that must hold all together, or of which one must hold."""

    operator: Literal["and_", "or_"] = "and_"


class TagFilter(Combined):
    """Tags that a row must all have, and whether it must have none at all."""

    all_: list[Text] | None = None
    is_null_: bool | None = None


class AnyTagFilter(TagFilter):
    """As a tag filter, with tags of which a row must have one."""

    any_: list[Text] | None = None


class FlowFilter(Combined):
    """What a flow must be like."""

    id: IdFilter | None = None
    name: NameFilter | None = None
    tags: TagFilter | None = None
    deployment: NullFilter | None = None


class DeploymentFilter(Combined):
    """What a deployment must be like; `concurrency_limit` is accepted and restricts nothing, as in Prefect."""

    id: IdFilter | None = None
    name: NameFilter | None = None
    flow_or_deployment_name: LikeFilter | None = None
    paused: BooleanFilter | None = None
    tags: AnyTagFilter | None = None
    work_queue_name: AnyNameFilter | None = None
    concurrency_limit: JsonObject | None = None


class WorkPoolFilter(Combined):
    """What a work pool must be like."""

    id: AnyIdFilter | None = None
    name: AnyNameFilter | None = None
    type: AnyNameFilter | None = None


class WorkQueueFilter(Combined):
    """What a work queue must be like."""

    id: AnyIdFilter | None = None
    name: StartFilter | None = None
