"""Finds the resources that have or had a name: in the registry, among the tombstones, and in the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, cast, exists, literal_column, or_, select, text, union
from sqlalchemy.orm import Session, aliased

from app.capture.kind_classes import Edge, ResourceKind
from app.capture.kinds import KINDS, kind_of
from app.errors import NotFound
from app.log.patterns import starts_with_one_of
from app.models import NAMES_A_RESOURCE, EventRow, Tombstone
from app.schemas.event import RESOURCE_NAME, RESOURCE_ROLE


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A name of a resource. `owner` is the name of the resource that it is unique within, for kinds with an owner."""

    kind: ResourceKind
    name: str
    owner: str | None = None

    def __str__(self) -> str:
        """Return the name with its owner, for example `etl/nightly`."""
        return self.name if self.owner is None else f"{self.owner}/{self.name}"


def find_ids(session: Session, wanted: ResourceName) -> list[UUID]:
    """Return the ids of all resources that have or had this name.

    There can be several: after a deletion or a renaming, another resource can take the name. An owner is matched by
    its current or last name; for names in the log, by its name in the event. The owner may be deleted too.

    Raises:
        NotFound: no resource of this kind is known by this name.
    """
    ids = set(session.scalars(union(_in_registry(wanted), _among_tombstones(wanted))))
    for resource_id in session.scalars(_in_log(wanted)):
        kind_and_id = kind_of(resource_id)
        if kind_and_id is not None:
            ids.add(kind_and_id[1])
    if not ids:
        raise NotFound(
            f"No {wanted.kind.name} is known by that name: no existing or deleted one has it, and no event contains it."
        )
    return sorted(ids)


def _in_registry(wanted: ResourceName) -> Select[UUID]:
    table, edge = wanted.kind.table, wanted.kind.owner
    statement = select(table.c.id).where(table.c.name == wanted.name)
    if edge is not None:
        owner = KINDS[edge.kind].table
        statement = statement.where(table.c[edge.column].in_(select(owner.c.id).where(owner.c.name == wanted.owner)))
    return statement


def _among_tombstones(wanted: ResourceName) -> Select[UUID]:
    statement = select(Tombstone.id).where(Tombstone.kind == wanted.kind.name, Tombstone.name == wanted.name)
    edge = wanted.kind.owner
    if edge is not None:
        owners = union(*_owner_ids(edge, wanted.owner))
        statement = statement.where(Tombstone.attributes[edge.column].astext.in_(owners))
    return statement


def _owner_ids(edge: Edge, name: str | None) -> Iterator[Select[str]]:
    owner, tombstone = KINDS[edge.kind].table, aliased(Tombstone)
    yield select(cast(owner.c.id, Text)).where(owner.c.name == name)
    yield select(cast(tombstone.id, Text)).where(tombstone.kind == edge.kind, tombstone.name == name)


def _in_log(wanted: ResourceName) -> Select[str]:
    """Select the resources with an event that gave them this name."""
    statement = select(EventRow.resource_id).where(
        name_in_event() == wanted.name,
        # The condition of the partial index, in the same words, so that PostgreSQL uses the index.
        text(NAMES_A_RESOURCE),
        starts_with_one_of(EventRow.resource_id.expression, [wanted.kind.resource_id("")]),
    )
    edge = wanted.kind.owner
    if edge is not None:
        statement = statement.where(_belongs_to([{RESOURCE_ROLE: edge.role, RESOURCE_NAME: wanted.owner}]))
    return statement.distinct()


def _belongs_to(owner: list[dict[str, str | None]]) -> ColumnElement[bool]:
    """Match the events of resources with this owner.

    The event of a skipped change has no related resources, so another event of the resource must have the owner.
    """
    other = aliased(EventRow)
    in_other_event = exists().where(
        other.resource_id == EventRow.resource_id,
        other.revision.is_not(None),
        other.related.expression.op("@>")(owner),
    )
    in_this_event = EventRow.related.expression.op("@>")(owner)
    return or_(in_this_event, and_(EventRow.payload.has_key("skipped"), in_other_event))


def name_in_event() -> ColumnElement[Any]:
    """Return the name of an event's resource, as the index has it."""
    return EventRow.resource.expression.op("->>")(literal_column(f"'{RESOURCE_NAME}'"))
