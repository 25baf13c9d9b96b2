"""Declares the kinds of resources, each with its table, tracked fields, labels and related resources.

Snapshots, diffs, event names, labels and related resources all follow from these declarations. When you add a kind, or
add or remove a tracked field or an edge, increase `SCHEMA_VERSION` in `app/models/snapshot.py`. Older workers then
leave the new snapshots alone, instead of misreading them or parking them as unknown.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from app.capture.kind_classes import Constant, Edge, ResourceKind, Same
from app.errors import UnknownKind
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue
from app.schemas.event import RESOURCE_ROLE

DEFAULT_QUEUE_ID: Final = "default_queue_id"
RESULT_STORAGE_ID: Final = "default_result_storage_block_id"

STATUS: Final = "status"
"""The tracked column whose changes have their own events: ready, not-ready, paused."""

FLOW: Final = ResourceKind(
    "flow",
    Flow,
    tracked={"labels": Same.EQUAL, "tags": Same.UNORDERED},
    own_keys=("name", "tags", "labels"),
)
WORK_POOL: Final = ResourceKind(
    "work-pool",
    WorkPool,
    tracked={
        "base_job_template": Same.EQUAL,
        "concurrency_limit": Same.EQUAL,
        "description": Same.EQUAL,
        "is_paused": Same.EQUAL,
        STATUS: Same.EQUAL,
        "storage_configuration": Same.EQUAL,
    },
    labels={RESOURCE_ROLE: Constant("work-pool"), "prefect.work-pool.type": "type"},
    unlabelled_status=(RESOURCE_ROLE,),
    edges=(
        Edge("default-queue", "work-queue", DEFAULT_QUEUE_ID, supplied=True),
        Edge("result-storage", "block-document", RESULT_STORAGE_ID, supplied=True),
    ),
)
WORK_QUEUE: Final = ResourceKind(
    "work-queue",
    WorkQueue,
    tracked={
        "concurrency_limit": Same.EQUAL,
        "description": Same.EQUAL,
        "filter": Same.EQUAL,
        "is_paused": Same.EQUAL,
        "name": Same.EQUAL,
        "priority": Same.EQUAL,
        STATUS: Same.EQUAL,
    },
    labels={RESOURCE_ROLE: Constant("work-queue")},
    edges=(Edge("work-pool", "work-pool", "work_pool_id"),),
)
CONCURRENCY_LIMIT: Final = ResourceKind(
    "concurrency-limit",
    ConcurrencyLimit,
    tracked={
        "active": Same.EQUAL,
        "limit": Same.EQUAL,
        "name": Same.EQUAL,
        "slot_decay_per_second": Same.EQUAL,
    },
    own_keys=("name", "limit", "active", "slot_decay_per_second"),
)
BLOCK_DOCUMENT: Final = ResourceKind("block-document")
DEPLOYMENT: Final = ResourceKind(
    "deployment",
    Deployment,
    tracked={
        "concurrency_limit": Same.EQUAL,
        "concurrency_limit_id": Same.EQUAL,
        "concurrency_options": Same.EQUAL,
        "description": Same.EQUAL,
        "enforce_parameter_schema": Same.EQUAL,
        "entrypoint": Same.EQUAL,
        "infra_overrides": Same.EQUAL,
        "infrastructure_document_id": Same.EQUAL,
        "labels": Same.EQUAL,
        "parameter_openapi_schema": Same.EQUAL,
        "parameters": Same.EQUAL,
        "path": Same.EQUAL,
        "paused": Same.EQUAL,
        "pull_steps": Same.EQUAL,
        "schedules": Same.SAME_CONTENT,
        STATUS: Same.EQUAL,
        "storage_document_id": Same.EQUAL,
        "tags": Same.UNORDERED,
        "version": Same.EQUAL,
        "work_queue_id": Same.EQUAL,
    },
    edges=(
        Edge("flow", "flow", "flow_id"),
        Edge("work-queue", "work-queue", "work_queue_id"),
        Edge("storage", "block-document", "storage_document_id"),
        Edge("infrastructure", "block-document", "infrastructure_document_id"),
        Edge("concurrency-limit", "concurrency-limit", "concurrency_limit_id"),
    ),
)

KINDS: Final[Mapping[str, ResourceKind]] = {
    kind.name: kind for kind in (FLOW, WORK_POOL, WORK_QUEUE, CONCURRENCY_LIMIT, BLOCK_DOCUMENT, DEPLOYMENT)
}


def kind_named(name: str) -> ResourceKind:
    """Return the kind with this name.

    Raises:
        UnknownKind: no kind has this name. A newer version may have written it.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownKind(f"There is no resource kind named {name!r}.") from None


def kind_of(resource_id: str) -> tuple[ResourceKind, UUID] | None:
    """Return the kind and the id that a resource id such as `prefect.deployment.<uuid>` contains, or None."""
    name, _, id_ = resource_id.removeprefix("prefect.").rpartition(".")
    if name not in KINDS or not resource_id.startswith("prefect."):
        return None
    try:
        return KINDS[name], UUID(id_)
    except ValueError:
        return None


def tracked_kinds() -> tuple[ResourceKind, ...]:
    """Return the kinds whose changes become events."""
    return tuple(kind for kind in KINDS.values() if kind.tracked)


def _assert_complete() -> None:
    for kind in KINDS.values():
        columns = set(kind.model.__table__.columns.keys()) if kind.model is not None else set()
        named = {*kind.tracked, *kind.described_by}
        assert named <= columns, f"The table of {kind.name} lacks columns: {named - columns}"
        assert {*kind.own_keys} <= {"name", *kind.tracked}, f"own_keys of {kind.name} are not all in its snapshots"
        assert all(edge.kind in KINDS for edge in kind.edges), f"{kind.name} has an edge to an undeclared kind"
        if kind.tracked:
            assert {"revision", "event_id", "updated", "name"} <= columns, (
                f"The table of {kind.name} lacks columns that tracked kinds need"
            )


_assert_complete()
