"""The class `ResourceKind` and its parts. `app.capture.kinds` declares the kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import Table, UniqueConstraint

from app.postgres.base import Base, core_table


class Same(Enum):
    """When two values of a tracked field are the same. Replacing a value by the same value is no change."""

    EQUAL = "equal"
    """PostgreSQL's equality: the order of keys does not matter, and `1` equals `1.0`."""
    UNORDERED = "unordered"
    """Lists of strings with the same members, in any order."""
    SAME_CONTENT = "same content"
    """Lists of objects that are equal except for their `id`, in any order."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation: `column` of the row contains the id of a related resource of the kind `kind`, with this role.

    If the edge is `supplied`, the row has no such column, and the CRUD function supplies the id with the change
    (`Change.supplied`). The related resource then appears only in the resource's own events, and its own edges are not
    followed.
    """

    role: str
    kind: str
    column: str
    supplied: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """A label text that is the same for all resources of a kind."""

    text: str


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of resource.

    Attributes:
        name: the name in resource ids and event names.
        model: the model of its table; None if the registry does not store such resources and knows only their ids.
        tracked: the tracked fields. A kind without any has no events; it is declared because others relate to it.
        labels: for each event label, the column that contains it, or its constant text.
        own_keys: the keys that the payload of its events has in Prefect: `name`, or tracked fields.
        unlabelled_status: the labels that its status events do not have in Prefect.
        edges: the related resources. The edges of a related resource are followed too: from a queue to its pool.
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
        """Return the name of the event that replaces a skipped change. Prefect has no such event."""
        return f"aftercommit.{self.name}.skipped"

    def label_values(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return the labels of a resource from its columns. A missing or null column gives no label."""
        labels = {
            label: source.text if isinstance(source, Constant) else row.get(source)
            for label, source in self.labels.items()
        }
        return {label: str(value) for label, value in labels.items() if value is not None}

    @property
    def table(self) -> Table:
        """The Core table of the kind, which must have a model."""
        assert self.model is not None, f"{self.name} has no table"
        return core_table(self.model)

    @property
    def owner(self) -> Edge | None:
        """Return the edge to the resource within which names are unique, such as a deployment's flow, or None.

        The unique constraint of the table decides.
        """
        if self.model is None:
            return None
        constraints = self.table.constraints
        unique = [set(item.columns.keys()) for item in constraints if isinstance(item, UniqueConstraint)]
        return next((edge for edge in self.edges if {edge.column, "name"} in unique), None)

    @property
    def followed(self) -> tuple[Edge, ...]:
        """The edges that are followed from a related resource of this kind."""
        return tuple(edge for edge in self.edges if not edge.supplied)

    @property
    def described_by(self) -> tuple[str, ...]:
        """The columns that events of other resources need for this one's labels and to follow its edges."""
        columns = [source for source in self.labels.values() if isinstance(source, str)]
        return (*columns, *(edge.column for edge in self.followed))
