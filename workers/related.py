"""Finds the related resources of the events of a batch, usually in one statement."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    Uuid,
    any_,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.capture.kind_classes import Edge, ResourceKind
from app.capture.kinds import KINDS
from app.models import Tombstone
from app.postgres.base import core_table
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, RelatedResource
from workers.claimed import Claimed


@dataclass(frozen=True, slots=True)
class Known:
    """The name of a resource, and its label and edge columns as text."""

    name: str
    attributes: Mapping[str, str | None]


Resources = dict[tuple[str, str], Known]
"""Resources by kind and id."""

Level = tuple[tuple[Edge, ...], Mapping[str, Any]]
"""The edges to follow from a resource, and its columns with the ids."""


def related_resources(session: Session, snapshots: Sequence[Claimed]) -> dict[UUID, list[RelatedResource]]:
    """Return the related resources of each snapshot, by snapshot id, in the order of the kind's edges.

    A resource that was deleted since appears with its last known name, an unknown one with its id only.
    """
    # Many changes of a batch have the same references, so these are resolved once.
    keys = [_references_key(snapshot) for snapshot in snapshots]
    levels = {key: (_edges(snapshot), snapshot.references) for key, snapshot in zip(keys, snapshots, strict=True)}
    found = _read(session, list(levels.values()))
    related = {
        key: [_related(kind, id_, edge.role, found) for edge, kind, id_ in _follow(edges, references, found)]
        for key, (edges, references) in levels.items()
    }
    return {snapshot.id: related[key] for key, snapshot in zip(keys, snapshots, strict=True)}


def _edges(snapshot: Claimed) -> tuple[Edge, ...]:
    # A kind that this version does not know has no edges here; building its event fails and reports it.
    kind = KINDS.get(snapshot.kind)
    return kind.edges if kind is not None else ()


def _references_key(snapshot: Claimed) -> tuple[str | None, ...]:
    """Return the kind of the resource and the ids of its edges, which determine its related resources."""
    return (snapshot.kind, *[snapshot.references.get(edge.column) for edge in _edges(snapshot)])


def _read(session: Session, level: list[Level]) -> Resources:
    """Read the resources that the edges lead to, and what these lead to, level by level until nothing is missing."""
    found: Resources = {}
    while wanted := _wanted(level, found):
        rows = session.execute(_known_resources(tuple(sorted(wanted))), _ids(wanted)).all()
        # A live row takes precedence over a tombstone, and a tombstone over nothing.
        new = {(kind, str(id_)): Known("", {}) for kind, ids in wanted.items() for id_ in ids}
        for kind, id_, name, attributes, _alive in sorted(rows, key=lambda row: row.alive):
            new[kind, str(id_)] = Known(name, attributes)
        found.update(new)
        level = [(KINDS[kind].followed, known.attributes) for (kind, _), known in new.items()]
    return found


def _wanted(level: Iterable[Level], found: Resources) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for edges, references in level:
        for edge in edges:
            id_ = references.get(edge.column)
            if id_ is not None and KINDS[edge.kind].model is not None and (edge.kind, id_) not in found:
                wanted[edge.kind].add(id_)
    return wanted


@lru_cache(maxsize=512)
def _known_resources(kinds: tuple[str, ...]) -> CompoundSelect[Any]:
    """Return the statement that reads live resources of these kinds and tombstones; `_ids` makes its parameters.

    It also reads the resources that the live ones lead to.
    """
    gone = core_table(Tombstone).c
    tombstones = select(gone.kind, gone.id, gone.name, gone.attributes, literal(0).label("alive")).where(
        gone.id == any_(_array("all"))
    )
    live = [_select_live(KINDS[name], _is_wanted(KINDS[name])) for name in kinds]
    targets = [_select_targets(KINDS[name], edge) for name in kinds for edge in KINDS[name].followed]
    return union_all(*live, *targets, tombstones)


def _ids(wanted: Mapping[str, set[str]]) -> dict[str, list[UUID]]:
    every = {"all": set().union(*wanted.values()), **wanted}
    return {f"ids_of_{name}": [UUID(id_) for id_ in sorted(ids)] for name, ids in every.items()}


def _array(name: str) -> ColumnElement[Any]:
    return bindparam(f"ids_of_{name}", type_=ARRAY(Uuid(), dimensions=1))


def _is_wanted(kind: ResourceKind) -> ColumnElement[bool]:
    return _table(kind).c.id == any_(_array(kind.name))


def _select_targets(kind: ResourceKind, edge: Edge) -> Select[Any]:
    """Select the resources to which this edge leads from the wanted live resources of the kind."""
    ids = select(_table(kind).c[edge.column]).where(_is_wanted(kind))
    target = KINDS[edge.kind]
    return _select_live(target, _table(target).c.id.in_(ids))


def _select_live(kind: ResourceKind, condition: ColumnElement[bool]) -> Select[Any]:
    table = _table(kind)
    pairs: list[ColumnElement[Any]] = []
    for column in kind.described_by:
        pairs += [literal(column), table.c[column]]
    return select(
        literal(kind.name).label("kind"),
        table.c.id,
        table.c.name,
        func.jsonb_build_object(*pairs).label("attributes"),
        literal(1).label("alive"),
    ).where(condition)


def _table(kind: ResourceKind) -> Table:
    assert kind.model is not None, "only kinds with a table are read"
    return core_table(kind.model)


def _follow(
    edges: tuple[Edge, ...], references: Mapping[str, Any], found: Resources
) -> Iterator[tuple[Edge, ResourceKind, str]]:
    for edge in edges:
        id_ = references.get(edge.column)
        if id_ is None:
            continue
        kind = KINDS[edge.kind]
        yield edge, kind, id_
        known = found.get((kind.name, id_))
        if known is not None and not edge.supplied:
            yield from _follow(kind.followed, known.attributes, found)


def _related(kind: ResourceKind, id_: str, role: str, found: Resources) -> RelatedResource:
    known = found.get((kind.name, id_))
    labels = {RESOURCE_NAME: known.name, **kind.label_values(known.attributes)} if known and known.name else {}
    return {
        RESOURCE_ID: kind.resource_id(id_),
        **labels,
        # The role in this relation comes last: some kinds have a label for the role in their own events.
        RESOURCE_ROLE: role,
    }
