"""Translates the filter of a request into SQL conditions on the event log."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Text, and_, any_, column, exists, func, literal, not_, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from app.capture.kind_classes import ResourceKind
from app.log.patterns import is_one_of, matches_values, starts_with_one_of
from app.log.text import text_conditions
from app.models import EventRow
from app.schemas.event import RESOURCE_ID, RESOURCE_ROLE
from app.schemas.event_queries import AnyResourceFilter, EventFilter, Labels, NameFilter, OccurredFilter, RelatedFilter

T = TypeVar("T")
Conditions = list[ColumnElement[bool]]


def matching(event_filter: EventFilter, *, head: int | None = None) -> ColumnElement[bool]:
    """Return the condition for the events that match the filter, up to the position `head` if it is not None.

    With `resource.distinct`, only the latest of these events of each resource matches.
    """
    condition = and_(true(), *_conditions(event_filter))
    if head is not None:
        condition = and_(condition, EventRow.position <= head)
    if not event_filter.resource.distinct:
        return condition
    latest = (
        select(EventRow.position)
        .where(condition)
        .ext(distinct_on(EventRow.resource_id))
        .order_by(EventRow.resource_id.desc(), EventRow.occurred.desc(), EventRow.position.desc())
    )
    return EventRow.position.in_(latest)


def of_kinds(kinds: Iterable[ResourceKind]) -> ColumnElement[bool]:
    """Match the registry's events of resources of these kinds, by the names of the events."""
    prefixes = [prefix for kind in kinds for prefix in (kind.event_name(""), kind.skip_event_name())]
    return starts_with_one_of(EventRow.event.expression, prefixes)


def of_resources(resource_ids: Sequence[str]) -> ColumnElement[bool]:
    """Match the events of these resources."""
    return is_one_of(EventRow.resource_id.expression, resource_ids)


def changes_one_of(fields: Sequence[str]) -> ColumnElement[bool]:
    """Match the events that contain a change of one of these fields, with its old and new value."""
    return EventRow.payload["updates"].op("?|", is_comparison=True)(literal(list(fields), ARRAY(Text)))


def _conditions(event_filter: EventFilter) -> Conditions:
    resource = event_filter.resource
    conditions = [
        *_time_conditions(event_filter.occurred),
        *_name_conditions(event_filter.event),
        *_value_conditions(EventRow.resource_id.expression, resource.id, resource.id_prefix),
        *_label_conditions(EventRow.resource.expression, resource.labels),
    ]
    for related in _as_list(event_filter.related):
        conditions += _related_conditions(related)
    for any_resource in _as_list(event_filter.any_resource):
        conditions += _any_resource_conditions(any_resource)
    if event_filter.id.id:
        conditions.append(EventRow.id.in_(event_filter.id.id))
    if event_filter.text is not None:
        conditions += text_conditions(event_filter.text.query)
    return conditions


def _time_conditions(part: OccurredFilter) -> Conditions:
    conditions = [EventRow.occurred >= part.since]
    if part.until is not None:
        conditions.append(EventRow.occurred <= part.until)
    return conditions


def _name_conditions(part: NameFilter) -> Conditions:
    name = EventRow.event.expression
    conditions = _value_conditions(name, part.name, part.prefix)
    if part.exclude_name:
        conditions.append(not_(is_one_of(name, part.exclude_name)))
    if part.exclude_prefix:
        conditions.append(not_(starts_with_one_of(name, part.exclude_prefix)))
    return conditions


def _related_conditions(part: RelatedFilter) -> Conditions:
    """Match events with one related resource for which all conditions hold.

    The GIN index supports only containment (`@>`). So ids, and pairs of id and role, are also matched by containment,
    which narrows the events down to candidates.
    """
    entry = _related_resource()
    identity, role = entry[RESOURCE_ID].astext, entry[RESOURCE_ROLE].astext
    conditions = [
        *_value_conditions(identity, part.id),
        *_value_conditions(role, part.role),
        *_label_conditions(entry, part.labels),
    ]
    candidates = []
    if part.id:
        candidates.append(_related_contains({RESOURCE_ID: id_} for id_ in part.id))
    if part.resources_in_roles:
        pairs = part.resources_in_roles
        conditions.append(or_(*(and_(identity == id_, role == name) for id_, name in pairs)))
        candidates.append(_related_contains({RESOURCE_ID: id_, RESOURCE_ROLE: name} for id_, name in pairs))
    if len(conditions) == len(candidates) == 1:
        # The filter has only ids, or only pairs of id and role. For these, the candidates are the exact result.
        return candidates
    return [*candidates, _exists_related(conditions)] if conditions else []


def _any_resource_conditions(part: AnyResourceFilter) -> Conditions:
    entry = _related_resource()
    own = [
        *_value_conditions(EventRow.resource_id.expression, part.id, part.id_prefix),
        *_label_conditions(EventRow.resource.expression, part.labels),
    ]
    related = [
        *_value_conditions(entry[RESOURCE_ID].astext, part.id, part.id_prefix),
        *_label_conditions(entry, part.labels),
    ]
    if not own:
        return []
    condition = or_(and_(*own), _exists_related(related))
    if not part.id:
        return [condition]
    candidates = or_(
        is_one_of(EventRow.resource_id.expression, part.id), _related_contains({RESOURCE_ID: id_} for id_ in part.id)
    )
    return [candidates] if len(own) == 1 else [candidates, condition]


def _value_conditions(text: ColumnElement[Any], values: list[str], prefixes: Iterable[str] = ()) -> Conditions:
    conditions = []
    if values:
        conditions.append(is_one_of(text, values))
    if prefixes:
        conditions.append(starts_with_one_of(text, prefixes))
    return conditions


def _label_conditions(resource: ColumnElement[Any], labels: Labels) -> Conditions:
    return [matches_values(resource[label].astext, _as_list(values)) for label, values in labels.items()]


def _related_contains(entries: Iterable[dict[str, str]]) -> ColumnElement[bool]:
    """Match the list of related resources as a whole. Its GIN index needs one scan for each of the entries."""
    wanted = literal([[entry] for entry in entries], ARRAY(JSONB, dimensions=1))
    return EventRow.related.expression.op("@>")(any_(wanted))


def _related_resource() -> ColumnElement[Any]:
    return (
        func.jsonb_array_elements(EventRow.related)
        .table_valued(column("value", JSONB), name="related_resource")
        .c.value
    )


def _exists_related(conditions: Conditions) -> ColumnElement[bool]:
    return exists(select(literal(1)).where(*conditions))


def _as_list(one_or_many: T | list[T]) -> list[T]:
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]
