"""What a kind of resource is: the one place that knows its table, tracked fields, labels and related resources.

Snapshots, diffs, event names, labels and related resources all follow from these declarations. Whoever adds a kind, or
adds or takes away a tracked field or an edge, raises `SCHEMA_VERSION` in `app/models/snapshot.py`: older workers then
leave the new snapshots alone, instead of misreading them or parking them as unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from uuid import UUID

from sqlalchemy import Table, UniqueConstraint

from app.database import Base
from app.errors import UnknownKind
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue


class Same(Enum):
    """When two values of a tracked field count as the same, so that storing one over the other is no change."""

    EQUAL = "equal"
    """PostgreSQL's own equality: key order is nothing, and `1` equals `1.0`."""
    UNORDERED = "unordered"
    """A list of strings with the same members."""
    SAME_CONTENT = "same content"
    """A list of objects that are equal but for their `id`."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A related resource: `column` of the row holds the id of a resource of `kind`, related in `role`."""

    role: str
    kind: str
    column: str


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of resource.

    `model` is None for a resource that lives outside the registry and is known by its id only. A kind without
    tracked fields makes no events; it is declared because others relate to it. `labels` maps an event label to the
    column that holds it. The edges of a related resource are followed too (a queue leads to its pool).
    """

    name: str
    model: type[Base] | None = None
    tracked: Mapping[str, Same] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()

    def resource_id(self, id_: object) -> str:
        """Return the resource id that events carry, for example `prefect.deployment.<uuid>`."""
        return f"prefect.{self.name}.{id_}"

    def event_name(self, operation: str) -> str:
        """Return the event's name, for example `prefect.deployment.created`."""
        return f"prefect.{self.name}.{operation}"

    def skip_event_name(self) -> str:
        """Return the name of the event that stands for a skipped change; Prefect has none, so it is ours."""
        return f"aftercommit.{self.name}.skipped"

    @property
    def owner(self) -> Edge | None:
        """Return the edge to what the name is unique within (a deployment's flow), as the table's constraint says."""
        if self.model is None:
            return None
        table = self.model.__table__
        assert isinstance(table, Table)
        unique = [set(rule.columns.keys()) for rule in table.constraints if isinstance(rule, UniqueConstraint)]
        return next((edge for edge in self.edges if {edge.column, "name"} in unique), None)


FLOW: Final = ResourceKind("flow", Flow)
WORK_POOL: Final = ResourceKind("work-pool", WorkPool, labels={"prefect.work-pool.type": "type"})
WORK_QUEUE: Final = ResourceKind("work-queue", WorkQueue, edges=(Edge("work-pool", "work-pool", "work_pool_id"),))
CONCURRENCY_LIMIT: Final = ResourceKind("concurrency-limit", ConcurrencyLimit)
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
    """Return the declared kind of that name.

    Raises:
        UnknownKind: no such kind is declared, which a newer version may have written.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownKind(f"There is no resource kind named {name!r}.") from None


def kind_of(resource_id: str) -> tuple[ResourceKind, UUID] | None:
    """Return the declared kind and the id that a resource id such as `prefect.deployment.<uuid>` names, if it does."""
    name, _, id_ = resource_id.removeprefix("prefect.").rpartition(".")
    if name not in KINDS or not resource_id.startswith("prefect."):
        return None
    try:
        return KINDS[name], UUID(id_)
    except ValueError:
        return None


def tracked_kinds() -> Iterator[ResourceKind]:
    """Yield the kinds whose changes become events."""
    return (kind for kind in KINDS.values() if kind.tracked)


def _assert_complete() -> None:
    for kind in KINDS.values():
        columns = set(kind.model.__table__.columns.keys()) if kind.model is not None else set()
        named = {*kind.tracked, *kind.labels.values(), *(edge.column for edge in kind.edges)}
        assert named <= columns, f"{kind.name} names columns that its table lacks: {named - columns}"
        assert all(edge.kind in KINDS for edge in kind.edges), f"{kind.name} has an edge to an unknown kind"
        if kind.tracked:
            assert {"revision", "event_id", "updated", "name"} <= columns, f"{kind.name} cannot be tracked"


_assert_complete()
