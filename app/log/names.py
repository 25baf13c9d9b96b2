"""Finds what bears a name, or has ever borne it: in the registry, among what was deleted, and in the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, cast, exists, literal_column, or_, select, text, union
from sqlalchemy.orm import Session, aliased

from app.capture.kinds import KINDS, kind_of
from app.capture.resource_kind import Edge, ResourceKind
from app.capture.statements import table_of
from app.errors import NotFound
from app.log.patterns import starts_with_one_of
from app.models import NAMES_A_RESOURCE, EventRow, Tombstone
from app.schemas.event import RESOURCE_NAME, RESOURCE_ROLE


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A name of a resource of some kind; `owner` names what it is unique within, if the kind has such a thing."""

    kind: ResourceKind
    name: str
    owner: str | None = None

    def __str__(self) -> str:
        """Return the name as a person writes it, for example `etl/nightly`."""
        return self.name if self.owner is None else f"{self.owner}/{self.name}"


def find_ids(session: Session, wanted: ResourceName) -> list[UUID]:
    """Return the ids of all resources that have or had this name, one after the other or (renamed) side by side.

    An owner is known by its last name. What is deleted is found after its owner was deleted too.

    Raises:
        NotFound: no resource of that kind is known by that name.
    """
    found = set(session.scalars(union(_live(wanted), _buried(wanted))))
    for resource_id in session.scalars(_logged(wanted)):
        known = kind_of(resource_id)
        if known is not None:
            found.add(known[1])
    if not found:
        raise NotFound(
            f"No {wanted.kind.name} is known by that name: none lives, none was deleted, and the log has none."
        )
    return sorted(found)


def _live(wanted: ResourceName) -> Select[UUID]:
    table, edge = table_of(wanted.kind), wanted.kind.owner
    statement = select(table.c.id).where(table.c.name == wanted.name)
    if edge is not None:
        owner = table_of(KINDS[edge.kind])
        statement = statement.where(table.c[edge.column].in_(select(owner.c.id).where(owner.c.name == wanted.owner)))
    return statement


def _buried(wanted: ResourceName) -> Select[UUID]:
    statement = select(Tombstone.id).where(Tombstone.kind == wanted.kind.name, Tombstone.name == wanted.name)
    edge = wanted.kind.owner
    if edge is not None:
        owners = union(*_owner_ids(edge, wanted.owner))
        statement = statement.where(Tombstone.attributes[edge.column].astext.in_(owners))
    return statement


def _owner_ids(edge: Edge, name: str | None) -> Iterator[Select[str]]:
    owner, buried = table_of(KINDS[edge.kind]), aliased(Tombstone)
    yield select(cast(owner.c.id, Text)).where(owner.c.name == name)
    yield select(cast(buried.id, Text)).where(buried.kind == edge.kind, buried.name == name)


def _logged(wanted: ResourceName) -> Select[str]:
    """The resources with an event that gave them this name."""
    statement = select(EventRow.resource_id).where(
        _name_in_event() == wanted.name,
        # The words of the index, so that it is used.
        text(NAMES_A_RESOURCE),
        starts_with_one_of(EventRow.resource_id.expression, [wanted.kind.resource_id("")]),
    )
    edge = wanted.kind.owner
    if edge is not None:
        statement = statement.where(_belongs_to([{RESOURCE_ROLE: edge.role, RESOURCE_NAME: wanted.owner}]))
    return statement.distinct()


def _belongs_to(owner: list[dict[str, str | None]]) -> ColumnElement[bool]:
    """Match the events of what has this owner: one that was skipped tells of nothing related, so another event must."""
    other = aliased(EventRow)
    told_elsewhere = exists().where(
        other.resource_id == EventRow.resource_id,
        other.revision.is_not(None),
        other.related.expression.op("@>")(owner),
    )
    told_here = EventRow.related.expression.op("@>")(owner)
    return or_(told_here, and_(EventRow.payload.has_key("skipped"), told_elsewhere))


def _name_in_event() -> ColumnElement[Any]:
    return EventRow.resource.expression.op("->>")(literal_column(f"'{RESOURCE_NAME}'"))
