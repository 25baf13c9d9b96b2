"""What a kind of resource is: the one place that knows its table, tracked fields, labels and related resources.

Snapshots, diffs, event names, labels and related resources all follow from these declarations. Whoever adds a kind, or
adds or takes away a tracked field or an edge, raises `SCHEMA_VERSION` in `app/models/snapshot.py`: older workers then
leave the new snapshots alone, instead of misreading them or parking them as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from app.database import Base
from app.errors import UnknownKind
from app.events.schema import RESOURCE_ROLE
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue

DEFAULT_QUEUE_ID: Final = "default_queue_id"
RESULT_STORAGE_ID: Final = "default_result_storage_block_id"


STATUS: Final = "status"
"""The tracked column whose changes have events of their own: ready, not-ready, paused."""


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
    """A related resource: `column` of the row holds the id of a resource of `kind`, related in `role`.

    A `given` edge has no column of its own: the CRUD function gives the id with the change (`Change.given`), where it
    is to be told. It is told by the resource's own events only, and nobody follows it any further.
    """

    role: str
    kind: str
    column: str
    given: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """The text of a label that is the same for all resources of a kind."""

    text: str


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of resource.

    `model` is None for a resource that lives outside the registry and is known by its id only. A kind without
    tracked fields makes no events; it is declared because others relate to it. `labels` maps an event label to the
    column that holds it, or to its constant text; `unlabelled_status` are those that its status events lack in Prefect.
    `own_keys` are the keys that the payload of each of its events has there: its `name`, or tracked fields. The edges
    of a related resource are followed too (a queue leads to its pool).
    """

    name: str
    model: type[Base] | None = None
    tracked: Mapping[str, Same] = field(default_factory=dict)
    labels: Mapping[str, str | Constant] = field(default_factory=dict)
    own_keys: tuple[str, ...] = ()
    unlabelled_status: tuple[str, ...] = ()
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

    def label_values(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return the labels of the resource whose columns are given; a missing or null column makes no label."""
        found = {
            label: source.text if isinstance(source, Constant) else row.get(source)
            for label, source in self.labels.items()
        }
        return {label: str(value) for label, value in found.items() if value is not None}

    @property
    def followed(self) -> tuple[Edge, ...]:
        """The edges that lead on from a related resource of this kind."""
        return tuple(edge for edge in self.edges if not edge.given)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The columns that an event of another resource needs to name this one and to follow its edges."""
        columns = [source for source in self.labels.values() if isinstance(source, str)]
        return (*columns, *(edge.column for edge in self.followed))


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
        Edge("default-queue", "work-queue", DEFAULT_QUEUE_ID, given=True),
        Edge("result-storage", "block-document", RESULT_STORAGE_ID, given=True),
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
    """Return the declared kind of that name.

    Raises:
        UnknownKind: no such kind is declared, which a newer version may have written.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownKind(f"There is no resource kind named {name!r}.") from None


def tracked_kinds() -> tuple[ResourceKind, ...]:
    """Return the kinds whose changes become events."""
    return tuple(kind for kind in KINDS.values() if kind.tracked)


def _assert_complete() -> None:
    for kind in KINDS.values():
        columns = set(kind.model.__table__.columns.keys()) if kind.model is not None else set()
        named = {*kind.tracked, *kind.described_by}
        assert named <= columns, f"{kind.name} names columns that its table lacks: {named - columns}"
        assert {*kind.own_keys} <= {"name", *kind.tracked}, f"{kind.name} shows what its snapshots do not hold"
        assert all(edge.kind in KINDS for edge in kind.edges), f"{kind.name} has an edge to an unknown kind"
        if kind.tracked:
            assert {"revision", "event_id", "updated", "name"} <= columns, f"{kind.name} cannot be tracked"


_assert_complete()
