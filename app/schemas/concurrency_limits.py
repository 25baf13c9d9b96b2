"""Request and response bodies of the routes for concurrency limits."""

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StrictFloat

from app.models import ConcurrencyLimit
from app.schemas.bodies import Changes, WireModel
from app.schemas.bounds import BoundedList
from app.schemas.examples import CONCURRENCY_LIMIT, CONCURRENCY_LIMIT_CHANGES, TAG_LIMIT, TAG_LIMIT_RESET, example
from app.schemas.shared import NAME_LENGTH, Count, Name, Paging, Query, ResourceResponse

TAG_PREFIX: Final = "tag:"
"""A tag's limit is stored as a global limit whose name starts with this prefix."""

Decay = Annotated[StrictFloat, Field(ge=0, allow_inf_nan=False)]


class ConcurrencyLimitCreate(WireModel):
    """A concurrency limit to create."""

    model_config = example(CONCURRENCY_LIMIT)

    name: Name
    limit: Count
    active: StrictBool = True
    active_slots: Count = 0
    denied_slots: Count = 0
    slot_decay_per_second: Decay = 0.0


class ConcurrencyLimitUpdate(Changes):
    """Changes to a concurrency limit. Omitted fields stay unchanged."""

    model_config = example(CONCURRENCY_LIMIT_CHANGES)

    name: Name | None = None
    limit: Count | None = None
    active: StrictBool | None = None
    active_slots: Count | None = None
    denied_slots: Count | None = None
    slot_decay_per_second: Decay | None = None


class ConcurrencyLimitQuery(Paging):
    """The page of concurrency limits to list."""


class ConcurrencyLimitResponse(ResourceResponse):
    """A concurrency limit."""

    active: bool
    name: str
    limit: int
    active_slots: int
    slot_decay_per_second: float


class CreatedConcurrencyLimitResponse(ConcurrencyLimitResponse):
    """A new concurrency limit, with two more fields than the other responses."""

    denied_slots: int
    avg_slot_occupancy_seconds: float


class TagLimitCreate(WireModel):
    """A concurrency limit for the task runs with a tag. It replaces the limit that the tag already has."""

    model_config = example(TAG_LIMIT)

    tag: Annotated[Name, Field(max_length=NAME_LENGTH - len(TAG_PREFIX))]
    concurrency_limit: Count


class TagLimitReset(Query):
    """The task runs that hold the slots after the reset. Only none are possible: this registry has no task runs."""

    model_config = example(TAG_LIMIT_RESET)

    slot_override: BoundedList[UUID] | None = None


class TagLimitResponse(BaseModel):
    """A tag's concurrency limit. This registry runs no tasks, so `active_slots` is always empty."""

    id: UUID
    created: datetime
    updated: datetime
    tag: str
    concurrency_limit: int
    active_slots: list[UUID] = []

    @classmethod
    def of(cls, limit: ConcurrencyLimit) -> Self:
        """Return the response for a tag's limit, which is stored as a global limit."""
        return cls(
            id=limit.id,
            created=limit.created,
            updated=limit.updated,
            tag=limit.name.removeprefix(TAG_PREFIX),
            concurrency_limit=limit.limit,
        )
