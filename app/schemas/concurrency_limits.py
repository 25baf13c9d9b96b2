"""The bodies of the routes of global concurrency limits."""

from typing import Annotated

from pydantic import Field

from app.schemas.shared import Changes, Count, Name, Paging, ResourceResponse, WireModel

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
