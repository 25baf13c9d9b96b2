"""What can be said of a kind of resource; the kinds themselves are declared in `app.capture.kinds`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import UniqueConstraint

from app.postgres.engine import Base, core_table


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
    def owner(self) -> Edge | None:
        """Return the edge to what the name is unique within (a deployment's flow), as the table's constraint says."""
        if self.model is None:
            return None
        constraints = core_table(self.model).constraints
        unique = [set(rule.columns.keys()) for rule in constraints if isinstance(rule, UniqueConstraint)]
        return next((edge for edge in self.edges if {edge.column, "name"} in unique), None)

    @property
    def followed(self) -> tuple[Edge, ...]:
        """The edges that lead on from a related resource of this kind."""
        return tuple(edge for edge in self.edges if not edge.given)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The columns that an event of another resource needs to name this one and to follow its edges."""
        columns = [source for source in self.labels.values() if isinstance(source, str)]
        return (*columns, *(edge.column for edge in self.followed))
