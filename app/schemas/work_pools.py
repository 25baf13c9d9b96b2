"""Request and response bodies of the work pool routes."""

import re
from typing import Annotated, Any, ClassVar, Final, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool

from app.models import AGENT_TYPE, Readiness, WorkPool
from app.postgres.base import JsonObject
from app.schemas.bodies import Changes, WireModel
from app.schemas.examples import WORK_POOL, WORK_POOL_CHANGES, WORK_POOL_SELECTION, WORK_POOLS, example
from app.schemas.filters import WorkPoolFilter
from app.schemas.job_template import BaseJobTemplate
from app.schemas.shared import Count, Name, Object, Paging, Query, ResourceResponse, Text

RESULT_BLOCK: Final = "default_result_storage_block_id"
RESULT_BLOCK_SINCE: Final = (3, 3, 8)
"""The first client version that accepts the key. Older clients reject a storage configuration that contains it."""
CLIENT_VERSION: Final = re.compile(r"prefect/(\d+)\.(\d+)\.(\d+)")

NOT_BLANK: Final = "^[^/%&><]*[^/%&><'\" ][^/%&><]*$"
"""The pattern of names, with a character that is neither a space nor a quotation mark."""


def _not_blank(name: str) -> str:
    if not name.strip("' \""):
        raise ValueError("A work pool's name must not be blank.")
    return name


PoolName = Annotated[Name, Field(json_schema_extra={"pattern": NOT_BLANK}), AfterValidator(_not_blank)]
PoolType = Annotated[Name, Field(pattern="^[^?]+$", json_schema_extra={"pattern": "^[^/%&><?]+$"})]
"""Events contain the type in a label, unmasked. So it is short and cannot be a URL, which may contain a password."""


class StorageConfiguration(WireModel):
    """Where the code and the results of the work pool's runs are stored."""

    bundle_upload_step: Object | None = None
    bundle_execution_step: Object | None = None
    default_result_storage_block_id: UUID | None = None


class WorkPoolCreate(WireModel):
    """A work pool to create."""

    model_config = example(WORK_POOL)

    name: PoolName
    description: Text | None = None
    type: PoolType = AGENT_TYPE
    base_job_template: BaseJobTemplate = Field(default_factory=dict)
    is_paused: StrictBool = False
    concurrency_limit: Count | None = None
    storage_configuration: StorageConfiguration = StorageConfiguration()

    def column_values(self) -> dict[str, Any]:
        """Return the values of the new row's columns."""
        return {**self.model_dump(), "storage_configuration": _to_stored(self.storage_configuration)}


class WorkPoolUpdate(Changes):
    """Changes to a work pool. Omitted fields stay unchanged. Null clears a field that can be empty."""

    model_config = example(WORK_POOL_CHANGES)

    clearable: ClassVar[frozenset[str]] = frozenset(
        {"description", "base_job_template", "concurrency_limit", "storage_configuration"}
    )

    description: Text | None = None
    is_paused: StrictBool | None = None
    base_job_template: BaseJobTemplate | None = None
    concurrency_limit: Count | None = None
    storage_configuration: StorageConfiguration | None = None

    def column_values(self) -> dict[str, Any]:
        """Return the values of the columns to change."""
        values = self.fields_set()
        if "base_job_template" in values:
            values["base_job_template"] = self.base_job_template or {}
        if "storage_configuration" in values:
            values["storage_configuration"] = _to_stored(self.storage_configuration)
        return values


class WorkPoolMatch(Query):
    """Work pools to select."""

    model_config = example(WORK_POOL_SELECTION)

    work_pools: WorkPoolFilter | None = None


class WorkPoolQuery(WorkPoolMatch, Paging):
    """The work pools to list."""

    model_config = example(WORK_POOLS)


class WorkPoolResponse(ResourceResponse):
    """A work pool."""

    name: str
    description: str | None
    type: str
    base_job_template: JsonObject
    is_paused: bool
    concurrency_limit: int | None
    status: Readiness | None
    default_queue_id: UUID
    storage_configuration: JsonObject
    active_slots: int | None

    @classmethod
    def of(cls, pool: WorkPool, default_queue_id: UUID, user_agent: str | None) -> Self:
        """Return the response for the work pool, in the form that the client with this `User-Agent` accepts."""
        return cls(
            id=pool.id,
            created=pool.created,
            updated=pool.updated,
            name=pool.name,
            description=pool.description,
            type=pool.type,
            base_job_template=pool.base_job_template,
            is_paused=pool.is_paused,
            concurrency_limit=pool.concurrency_limit,
            status=Readiness(pool.status) if pool.status is not None else None,
            default_queue_id=default_queue_id,
            storage_configuration=_from_stored(pool.storage_configuration, user_agent),
            active_slots=None if pool.concurrency_limit is None else 0,
        )


def supports_result_block(user_agent: str | None) -> bool:
    """Return whether the client with this `User-Agent` accepts the key of the result storage block."""
    match = CLIENT_VERSION.match(user_agent or "")
    return match is None or tuple(map(int, match.groups())) >= RESULT_BLOCK_SINCE


def _to_stored(configuration: StorageConfiguration | None) -> JsonObject:
    """Return the JSON to store, without nulls: null and a missing key are stored in the same way."""
    return configuration.model_dump(mode="json", exclude_none=True) if configuration is not None else {}


def _from_stored(stored: JsonObject, user_agent: str | None) -> JsonObject:
    keys = set(StorageConfiguration.model_fields)
    if not supports_result_block(user_agent):
        keys.remove(RESULT_BLOCK)
    return {key: stored.get(key) for key in StorageConfiguration.model_fields if key in keys}
