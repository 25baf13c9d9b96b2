"""Converts the filters of the list routes into SQL conditions."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, all_, and_, any_, cast, exists, false, literal, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from app.models import Deployment, Flow, WorkPool, WorkQueue
from app.schemas.filters import (
    AnyIdFilter,
    AnyNameFilter,
    AnyTagFilter,
    CombinedFilter,
    DeploymentFilter,
    FlowFilter,
    IdFilter,
    NameFilter,
    PrefixFilter,
    TagFilter,
    WorkPoolFilter,
    WorkQueueFilter,
)


def flow_condition(wanted: FlowFilter) -> ColumnElement[bool]:
    """Return the SQL condition on flows for this filter."""
    conditions = [
        *_id_conditions(Flow.id, wanted.id),
        *_name_conditions(Flow.name, wanted.name),
        *_tag_conditions(Flow.tags, wanted.tags),
    ]
    if wanted.deployment is not None and wanted.deployment.is_null_ is not None:
        deployed = exists().where(Deployment.flow_id == Flow.id)
        conditions.append(~deployed if wanted.deployment.is_null_ else deployed)
    return _combine(wanted, conditions)


def deployment_condition(wanted: DeploymentFilter) -> ColumnElement[bool]:
    """Return the SQL condition on deployments for this filter. It needs no join."""
    conditions = [
        *_id_conditions(Deployment.id, wanted.id),
        *_name_conditions(Deployment.name, wanted.name),
        *_tag_conditions(Deployment.tags, wanted.tags),
    ]
    if wanted.flow_or_deployment_name is not None and wanted.flow_or_deployment_name.like_ is not None:
        conditions.append(_flow_or_deployment_like(wanted.flow_or_deployment_name.like_))
    if wanted.paused is not None and wanted.paused.eq_ is not None:
        conditions.append(Deployment.paused.is_(wanted.paused.eq_))
    if wanted.work_queue_name is not None and wanted.work_queue_name.any_ is not None:
        names = is_any_of(WorkQueue.name, wanted.work_queue_name.any_)
        conditions.append(Deployment.work_queue_id.in_(select(WorkQueue.id).where(names).correlate(None)))
    return _combine(wanted, conditions)


def work_pool_condition(wanted: WorkPoolFilter) -> ColumnElement[bool]:
    """Return the SQL condition on work pools for this filter."""
    return _combine(
        wanted,
        [
            *_id_conditions(WorkPool.id, wanted.id),
            *_name_conditions(WorkPool.name, wanted.name),
            *_name_conditions(WorkPool.type, wanted.type),
        ],
    )


def work_queue_condition(wanted: WorkQueueFilter) -> ColumnElement[bool]:
    """Return the SQL condition on work queues for this filter."""
    return _combine(wanted, [*_id_conditions(WorkQueue.id, wanted.id), *_name_conditions(WorkQueue.name, wanted.name)])


def deployments_in_pools(wanted: WorkPoolFilter) -> ColumnElement[bool]:
    """Return the SQL condition on deployments whose work pool matches this filter."""
    queues = select(WorkQueue.id).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id)
    return Deployment.work_queue_id.in_(queues.where(work_pool_condition(wanted)).correlate(None))


def has_conditions(wanted: CombinedFilter | None) -> bool:
    """Return whether the filter has any condition. A filter without one matches every row."""
    if wanted is None:
        return False
    parts = wanted.model_dump(exclude_none=True, exclude={"operator", "concurrency_limit"})
    return any(set(part) - {"operator"} for part in parts.values())


def is_any_of(column: InstrumentedAttribute[Any] | ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition `column = ANY(values)`. The values are sent as one array parameter."""
    return column == any_(literal(list(values), ARRAY(column.type)))


def _combine(wanted: CombinedFilter, conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    operator: Callable[..., ColumnElement[bool]] = and_ if wanted.operator == "and_" else or_
    return operator(*conditions) if conditions else true()


def _id_conditions(
    column: InstrumentedAttribute[Any], wanted: IdFilter | AnyIdFilter | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted is not None and wanted.any_ is not None:
        conditions.append(is_any_of(column, wanted.any_))
    if isinstance(wanted, IdFilter) and wanted.not_any_ is not None:
        conditions.append(column != all_(literal(wanted.not_any_, ARRAY(column.type))))
    return _all_of(conditions)


def _name_conditions(column: InstrumentedAttribute[str], wanted: AnyNameFilter | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted is not None and wanted.any_ is not None:
        conditions.append(is_any_of(column, wanted.any_))
    if isinstance(wanted, NameFilter) and wanted.like_ is not None:
        conditions.append(column.icontains(wanted.like_, autoescape=True))
    if isinstance(wanted, PrefixFilter) and wanted.startswith_ is not None:
        conditions.append(or_(false(), *(column.istartswith(start, autoescape=True) for start in wanted.startswith_)))
    return _all_of(conditions)


def _tag_conditions(column: InstrumentedAttribute[list[str]], wanted: TagFilter | None) -> list[ColumnElement[bool]]:
    if wanted is None:
        return []
    tags = cast(column, JSONB)
    conditions: list[ColumnElement[bool]] = []
    if wanted.all_ is not None:
        conditions.append(tags.contains(wanted.all_))
    if wanted.is_null_ is not None:
        conditions.append((tags == literal([], JSONB)) if wanted.is_null_ else (tags != literal([], JSONB)))
    if isinstance(wanted, AnyTagFilter) and wanted.any_ is not None:
        conditions.append(tags.has_any(literal(wanted.any_, ARRAY(Text))))
    return [_combine(wanted, conditions)] if conditions else []


def _flow_or_deployment_like(like: str) -> ColumnElement[bool]:
    """Match `flow/deployment` by a part of both names. Without a slash, either name may contain the text."""
    flow_part, slash, deployment_part = like.partition("/")
    flow_names = select(Flow.id).where(Flow.name.icontains(flow_part, autoescape=True)).correlate(None)
    flow_matches = Deployment.flow_id.in_(flow_names)
    if slash:
        return and_(flow_matches, Deployment.name.icontains(deployment_part, autoescape=True))
    return or_(flow_matches, Deployment.name.icontains(like, autoescape=True))


def _all_of(conditions: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """Join the conditions of one part of a filter with AND, whatever operator joins the parts."""
    return [and_(*conditions)] if conditions else []
