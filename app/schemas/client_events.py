"""An event as a client sends it: Prefect's shape, bounded, and with nothing in it that the database cannot hold."""

import json
import re
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.schemas.event import RESOURCE_ID, RESOURCE_ROLE
from app.schemas.shared import Object, UtcTime
from app.schemas.storable import within_digits

MAX_BATCH: Final = 10_000
"""Events in one request: the append lock is held for all of them together."""
MAX_EVENT_BYTES: Final = 1_500_000
MAX_NAME: Final = 1024
MAX_INDEXED_BYTES: Final = 2000
"""An entry of an index has 2704 bytes at most, with a time and a position in it."""
MAX_LABELS: Final = 500
MAX_RELATED: Final = 100
NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL character as JSON writes it, and not a backslash that is followed by `u0000`."""


def _indexable(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_INDEXED_BYTES:
        raise ValueError(f"must not be longer than {MAX_INDEXED_BYTES} bytes")
    return text


def _identified(labels: dict[str, str]) -> dict[str, str]:
    if not labels.get(RESOURCE_ID):
        raise ValueError(f"a resource must have the label {RESOURCE_ID}, and not an empty one")
    _indexable(labels[RESOURCE_ID])
    return labels


def _in_a_role(labels: dict[str, str]) -> dict[str, str]:
    if not labels.get(RESOURCE_ROLE):
        raise ValueError(f"a related resource must have the label {RESOURCE_ROLE}, and not an empty one")
    return labels


Labels = Annotated[dict[str, str], Field(max_length=MAX_LABELS), AfterValidator(_identified)]
RelatedLabels = Annotated[Labels, AfterValidator(_in_a_role)]


class ClientEvent(BaseModel):
    """An event that a client made. Keys that are not known are left out, as Prefect's server does."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    occurred: UtcTime
    event: Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_indexable)]
    resource: Labels
    related: Annotated[list[RelatedLabels], Field(max_length=MAX_RELATED)] = []
    payload: Annotated[Object, AfterValidator(within_digits)] = {}
    follows: UUID | None = None

    @model_validator(mode="after")
    def _is_storable(self) -> "ClientEvent":
        text = _as_json([self.event, self.resource, self.related, self.payload])
        if NUL.search(text):
            raise ValueError("texts must not hold NUL characters")
        if len(text.encode()) > MAX_EVENT_BYTES:
            raise ValueError(f"an event must not be larger than {MAX_EVENT_BYTES} bytes")
        return self


def _as_json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        # Half of a surrogate pair is found here: no encoding has it.
        text.encode()
    except ValueError:
        raise ValueError("numbers must be finite, and texts whole characters") from None
    return text


ClientEvents = Annotated[list[ClientEvent], Field(max_length=MAX_BATCH)]
