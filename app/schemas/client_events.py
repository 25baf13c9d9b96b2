"""The event that a client sends: Prefect's format, with size limits and without values that PostgreSQL cannot store."""

import json
import re
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from app.schemas.bodies import with_few_keys, within_digits
from app.schemas.event import RESERVED_PREFIX, RESOURCE_ID, RESOURCE_ROLE
from app.schemas.examples import CLIENT_EVENT, example
from app.schemas.shared import Object
from app.schemas.times import UtcTime

MAX_BATCH: Final = 10_000
"""The most events in one request: one transaction appends them all and holds the append lock meanwhile."""
MAX_EVENT_BYTES: Final = 1_500_000
MAX_NAME: Final = 1024
MAX_INDEXED_BYTES: Final = 2000
"""An entry of a PostgreSQL index has at most 2704 bytes. Ours also hold a time and a position."""
MAX_LABELS: Final = 500
MAX_RELATED: Final = 100
NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL character as JSON writes it. An escaped backslash followed by `u0000` does not match."""


def _fits_index(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_INDEXED_BYTES:
        raise ValueError(f"must not be longer than {MAX_INDEXED_BYTES} bytes")
    return text


def _is_free(text: str) -> str:
    if text.startswith(RESERVED_PREFIX):
        raise ValueError(f"must not begin with {RESERVED_PREFIX}: only the service itself sends such events")
    return text


def _is_free_resource(labels: dict[str, str]) -> dict[str, str]:
    _is_free(labels[RESOURCE_ID])
    return labels


def _has_few_labels(labels: Any) -> Any:
    return with_few_keys(labels, MAX_LABELS)


def _has_id(labels: dict[str, str]) -> dict[str, str]:
    if not labels.get(RESOURCE_ID):
        raise ValueError(f"a resource must have a non-empty label {RESOURCE_ID}")
    _fits_index(labels[RESOURCE_ID])
    return labels


def _has_role(labels: dict[str, str]) -> dict[str, str]:
    if not labels.get(RESOURCE_ROLE):
        raise ValueError(f"a related resource must have a non-empty label {RESOURCE_ROLE}")
    return labels


LABEL: Final[JsonDict] = {"type": "string", "minLength": 1}
ID_LABEL: Final[JsonDict] = {
    RESOURCE_ID: {**LABEL, "maxLength": MAX_INDEXED_BYTES, "description": "The id of the resource."}
}
FREE: Final[JsonDict] = {"not": {"pattern": r"^aftercommit\."}}
FREE_ID_LABEL: Final[JsonDict] = {RESOURCE_ID: {**ID_LABEL[RESOURCE_ID], **FREE}}  # type: ignore[dict-item]  # An object.
ROLE_LABEL: Final[JsonDict] = {RESOURCE_ROLE: {**LABEL, "description": "The role of the related resource."}}

Labels = Annotated[
    dict[str, str],
    Field(json_schema_extra={"required": [RESOURCE_ID], "properties": ID_LABEL}),
    BeforeValidator(_has_few_labels),
    AfterValidator(_has_id),
]
RelatedLabels = Annotated[
    Labels,
    Field(json_schema_extra={"required": [RESOURCE_ID, RESOURCE_ROLE], "properties": {**ID_LABEL, **ROLE_LABEL}}),
    AfterValidator(_has_role),
]


SubjectLabels = Annotated[
    Labels,
    Field(json_schema_extra={"required": [RESOURCE_ID], "properties": FREE_ID_LABEL}),
    AfterValidator(_is_free_resource),
]


class ClientEvent(BaseModel):
    """An event from a client. Unknown keys are ignored, as in Prefect's server."""

    model_config = ConfigDict(frozen=True, extra="ignore", **example(CLIENT_EVENT))

    id: UUID
    occurred: UtcTime
    event: Annotated[
        str,
        Field(min_length=1, max_length=MAX_NAME, json_schema_extra=FREE),
        AfterValidator(_fits_index),
        AfterValidator(_is_free),
    ]
    resource: SubjectLabels
    related: Annotated[list[RelatedLabels], Field(max_length=MAX_RELATED, fail_fast=True)] = []
    payload: Annotated[Object, AfterValidator(within_digits)] = {}
    follows: UUID | None = None

    @model_validator(mode="after")
    def _is_storable(self) -> "ClientEvent":
        text = _as_json([self.event, self.resource, self.related, self.payload])
        if NUL.search(text):
            raise ValueError("texts must not contain NUL characters")
        if len(text.encode()) > MAX_EVENT_BYTES:
            raise ValueError(f"an event must not be larger than {MAX_EVENT_BYTES} bytes")
        return self


def _as_json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        # Raises for half a surrogate pair, which UTF-8 cannot encode.
        text.encode()
    except ValueError:
        raise ValueError("numbers must be finite, and texts must not contain half a surrogate pair") from None
    return text


ClientEvents = Annotated[list[ClientEvent], Field(max_length=MAX_BATCH, fail_fast=True)]
