"""Finds resources of attached sources by what people call them, and reads their histories."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from sqlalchemy import or_, select, text, tuple_
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind, Same
from app.errors import InvalidRequest, NotFound
from app.log.history import ResourceHistory, read_events
from app.log.names import name_in_event
from app.log.patterns import starts_with_one_of
from app.models import NAMES_A_RESOURCE, EventRow, Source, SourceResource
from app.schemas.event import RESERVED_PREFIX, RESOURCE_NAME
from app.sources.profile import Profile
from app.sources.profile_file import parse_profile


class SourceResourceKey(NamedTuple):
    """Identifies a resource within its source."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class SourceKind(ResourceKind):
    """A kind of resources of a source, as far as their histories need it."""

    source: str = ""

    def resource_id(self, id_: object) -> str:
        """Return the resource id that events carry."""
        return f"{RESERVED_PREFIX}{self.source}.{self.name}.{id_}"

    @classmethod
    def of(cls, source: Source, profile: Profile, name: str) -> Self:
        """Return a kind of the profile. One that the profile does not have any more has no fields of its own."""
        kind = profile.kinds.get(name)
        fields = {} if kind is None else {**kind.fields, **dict.fromkeys(kind.children, Same.SAME_CONTENT)}
        return cls(name, tracked=fields, source=source.name)


def parse_source_id(resource_id: str) -> tuple[str, SourceResourceKey] | None:
    """Return the name of the source, the kind and the key of an id such as `aftercommit.prod.flow.<key>`, or None."""
    # Only the key may contain dots.
    parts = resource_id.removeprefix(RESERVED_PREFIX).split(".", 2)
    if not resource_id.startswith(RESERVED_PREFIX) or len(parts) < 3:
        return None
    return parts[0], SourceResourceKey(parts[1], parts[2])


def read_histories_by_name(session: Session, source: Source, name: str) -> list[ResourceHistory]:
    """Return the histories of all resources of the source that have or had this name, by their first changes.

    The name is one of `name`, `owner/name`, where the owner is a resource to which it refers, and each with `kind:`
    before it. Former names are found if a field of the profile is called `name`.

    Raises:
        NotFound: no resource is known by this name.
        InvalidRequest: resources of several kinds have it.
    """
    profile = parse_profile(source.profile)
    kind, colon, rest = name.partition(":")
    if not colon or kind not in profile.kinds:
        kind, rest = "", name
    found = set(_named(session, source, profile, rest))
    found = {key for key in found if kind in ("", key.kind)}
    if not found:
        raise NotFound(f"No resource of the source {source.name} is known by the name {name}.")
    kinds = sorted({key.kind for key in found})
    if len(kinds) > 1:
        forms = " or ".join(f"{source.name}:{kind}:{rest}" for kind in kinds)
        raise InvalidRequest(f"Resources of several kinds have this name. Write {forms}.")
    return _read(session, source, profile, sorted(found))


def read_history_by_key(session: Session, source: Source, key: SourceResourceKey) -> list[ResourceHistory]:
    """Return the history of the resource with this key, as a list of one.

    Raises:
        NotFound: the log has no event of it.
    """
    histories = _read(session, source, parse_profile(source.profile), [key])
    if not histories[0].events:
        raise NotFound("No resource with this id is known: the log has no event of it.")
    return histories


def _read(
    session: Session, source: Source, profile: Profile, keys: Sequence[SourceResourceKey]
) -> list[ResourceHistory]:
    kinds = {key: SourceKind.of(source, profile, key.kind) for key in keys}
    events = read_events(session, [kind.resource_id(key.key) for key, kind in kinds.items()])
    histories = [ResourceHistory(kind, key.key, events[kind.resource_id(key.key)], []) for key, kind in kinds.items()]
    return sorted(histories, key=lambda history: history.first_change)


def _named(session: Session, source: Source, profile: Profile, name: str) -> Iterator[SourceResourceKey]:
    """Yield the resources with this name: as a whole, or behind that of an owner."""
    owner, slash, tail = name.partition("/")
    for row in _rows(session, source, [name, tail] if slash else [name]):
        key = SourceResourceKey(row.kind, row.key)
        if row.name == name or owner in _owners(session, source, profile, row):
            yield key
    for event in _events(session, source, [name, tail] if slash else [name]):
        found = parse_source_id(event.resource_id)
        names = {one.get(RESOURCE_NAME) for one in event.related}
        if found is not None and (event.resource.get(RESOURCE_NAME) == name or owner in names):
            yield found[1]


def _rows(session: Session, source: Source, names: Iterable[str]) -> Sequence[SourceResource]:
    wanted = SourceResource.source_id == source.id, SourceResource.revision > 0, SourceResource.name.in_(names)
    return session.scalars(select(SourceResource).where(*wanted)).all()


def _owners(session: Session, source: Source, profile: Profile, row: SourceResource) -> set[str]:
    """Return the names of the resources to which this one refers."""
    kind = profile.kinds.get(row.kind)
    edges = () if kind is None else kind.edges
    keys = [(edge.kind, row.references.get(edge.column)) for edge in edges if row.references.get(edge.column)]
    if not keys:
        return set()
    is_owner = tuple_(SourceResource.kind, SourceResource.key).in_(keys)
    return set(session.scalars(select(SourceResource.name).where(SourceResource.source_id == source.id, is_owner)))


def _events(session: Session, source: Source, names: Iterable[str]) -> Sequence[EventRow]:
    """Return the events that gave resources of this source one of these names."""
    return session.scalars(
        select(EventRow).where(
            or_(*(name_in_event() == name for name in names)),
            # The condition of the partial index, in the same words, so that PostgreSQL uses the index.
            text(NAMES_A_RESOURCE),
            starts_with_one_of(EventRow.resource_id.expression, [f"{RESERVED_PREFIX}{source.name}."]),
        )
    ).all()
