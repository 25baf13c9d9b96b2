"""The bodies of the routes of global concurrency limits."""

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.models import ConcurrencyLimit
from app.schemas.shared import NAME_LENGTH, Changes, Count, Name, Paging, Query, ResourceResponse, WireModel

TAG_PREFIX: Final = "tag:"
"""A tag's limit is a global limit whose name begins like this."""

Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ConcurrencyLimitCreate(WireModel):
    """A concurrency limit to create."""

    name: Name
    limit: Count
    active: bool = True
    active_slots: Count = 0
    denied_slots: Count = 0
    slot_decay_per_second: Decay = 0.0


class ConcurrencyLimitUpdate(Changes):
    """What may change of a concurrency limit."""

    name: Name | None = None
    limit: Count | None = None
    active: bool | None = None
    active_slots: Count | None = None
    denied_slots: Count | None = None
    slot_decay_per_second: Decay | None = None


class ConcurrencyLimitQuery(Paging):
    """Which concurrency limits to list."""


class ConcurrencyLimitResponse(ResourceResponse):
    """A concurrency limit."""

    active: bool
    name: str
    limit: int
    active_slots: int
    slot_decay_per_second: float


class CreatedConcurrencyLimitResponse(ConcurrencyLimitResponse):
    """A concurrency limit as its creation answers it."""

    denied_slots: int
    avg_slot_occupancy_seconds: float


class TagLimitCreate(WireModel):
    """A limit on the runs of tasks with a tag; the tag's limit, when there is one, is changed to it."""

    tag: Annotated[Name, Field(max_length=NAME_LENGTH - len(TAG_PREFIX))]
    concurrency_limit: Count


class TagLimitReset(Query):
    """Which task runs hold the slots from now on."""

    slot_override: list[UUID] | None = None


class TagLimitResponse(BaseModel):
    """A tag's limit. No task runs here, so no slot is ever held."""

    id: UUID
    created: datetime
    updated: datetime
    tag: str
    concurrency_limit: int
    active_slots: list[UUID] = []

    @classmethod
    def of(cls, limit: ConcurrencyLimit) -> Self:
        """Return the tag's limit that is stored as this global one."""
        return cls(
            id=limit.id,
            created=limit.created,
            updated=limit.updated,
            tag=limit.name.removeprefix(TAG_PREFIX),
            concurrency_limit=limit.limit,
        )
