"""The event that the service sends, in Prefect's format. This module imports nothing from `app`."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

RESOURCE_ID: Final = "prefect.resource.id"
RESOURCE_NAME: Final = "prefect.resource.name"
RESOURCE_ROLE: Final = "prefect.resource.role"
RESERVED_PREFIX: Final = "aftercommit."
"""Only the service itself sets labels, and names resources, that begin so."""
REVISION: Final = f"{RESERVED_PREFIX}revision"
SOURCE: Final = f"{RESERVED_PREFIX}source"
"""The name of the attached source from which the event comes. Events of our own registry have no such label."""
ACTOR_ROLE: Final = "actor"
"""The role of the related resource that made the change. Prefect Cloud uses the same."""

OMITTED: Final = "$omitted"
"""The key of the object that replaces a value too large for the payload: `{"$omitted": <size in bytes>}`."""

Resource = dict[str, str]
"""The labels of a resource. `prefect.resource.id` is always present."""

RelatedResource = dict[str, str]
"""The labels of a related resource. `prefect.resource.id` and `prefect.resource.role` are always present."""


class Event(BaseModel):
    """An event. `follows` is the id of the previous event of the same resource, or null."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: UUID
    occurred: datetime
    event: str
    resource: Resource
    related: list[RelatedResource]
    payload: dict[str, Any]
    follows: UUID | None


class ReceivedEvent(Event):
    """An event read from the log. `received` is the time when it was appended, `position` its place in the log."""

    received: datetime
    position: int
