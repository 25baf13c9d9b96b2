"""The event as it leaves the service: Prefect's shape. It imports nothing of ours."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

RESOURCE_ID: Final = "prefect.resource.id"
RESOURCE_NAME: Final = "prefect.resource.name"
RESOURCE_ROLE: Final = "prefect.resource.role"
REVISION: Final = "aftercommit.revision"

OMITTED: Final = "$omitted"
"""The only key of what stands in a payload for a value that was too large for it; its value is the size in bytes."""

Resource = dict[str, str]
"""Labels of a resource; `prefect.resource.id` is always there."""

RelatedResource = dict[str, str]
"""Labels of a related resource; `prefect.resource.id` and `prefect.resource.role` are always there."""


class Event(BaseModel):
    """A change that happened. `follows` is the id of the same resource's event before, if there was one."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: UUID
    occurred: datetime
    event: str
    resource: Resource
    related: list[RelatedResource]
    payload: dict[str, Any]
    follows: UUID | None


class ReceivedEvent(Event):
    """An event as the log gives it: with the time when it was appended and its position."""

    received: datetime
    position: int
