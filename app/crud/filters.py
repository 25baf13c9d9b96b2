"""Turns the filters of the list routes into SQL conditions."""

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
    Combined,
    DeploymentFilter,
    FlowFilter,
    IdFilter,
    NameFilter,
    StartFilter,
    TagFilter,
    WorkPoolFilter,
    WorkQueueFilter,
)

Condition = ColumnElement[bool]


def flow_condition(wanted: FlowFilter) -> Condition:
    """Return the condition on flows that the filter describes."""
    conditions = [
        *_id_conditions(Flow.id, wanted.id),
        *_name_conditions(Flow.name, wanted.name),
        *_tag_conditions(Flow.tags, wanted.tags),
    ]
    if wanted.deployment is not None and wanted.deployment.is_null_ is not None:
        deployed = exists().where(Deployment.flow_id == Flow.id)
        conditions.append(~deployed if wanted.deployment.is_null_ else deployed)
    return _combine(wanted, conditions)


def deployment_condition(wanted: DeploymentFilter) -> Condition:
    """Return the condition on deployments that the filter describes; it needs no join."""
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
        names = one_of(WorkQueue.name, wanted.work_queue_name.any_)
        conditions.append(Deployment.work_queue_id.in_(select(WorkQueue.id).where(names).correlate(None)))
    return _combine(wanted, conditions)


def work_pool_condition(wanted: WorkPoolFilter) -> Condition:
    """Return the condition on work pools that the filter describes."""
    return _combine(
        wanted,
        [
            *_id_conditions(WorkPool.id, wanted.id),
            *_name_conditions(WorkPool.name, wanted.name),
            *_name_conditions(WorkPool.type, wanted.type),
        ],
    )


def work_queue_condition(wanted: WorkQueueFilter) -> Condition:
    """Return the condition on work queues that the filter describes."""
    return _combine(wanted, [*_id_conditions(WorkQueue.id, wanted.id), *_name_conditions(WorkQueue.name, wanted.name)])


def deployments_in_pools(wanted: WorkPoolFilter) -> Condition:
    """Return the condition on deployments whose work pool is as the filter describes."""
    queues = select(WorkQueue.id).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id)
    return Deployment.work_queue_id.in_(queues.where(work_pool_condition(wanted)).correlate(None))


def restricts(wanted: Combined | None) -> bool:
    """Tell whether the filter states any condition at all; an empty one matches every row."""
    if wanted is None:
        return False
    stated = wanted.model_dump(exclude_none=True, exclude={"operator", "concurrency_limit"})
    return any(set(part) - {"operator"} for part in stated.values())


def one_of(column: InstrumentedAttribute[Any] | ColumnElement[Any], values: Sequence[Any]) -> Condition:
    """Return the condition that the column has one of these values, which are sent as one array however many."""
    return column == any_(literal(list(values), ARRAY(column.type)))


def _combine(wanted: Combined, conditions: Sequence[Condition]) -> Condition:
    together: Callable[..., Condition] = and_ if wanted.operator == "and_" else or_
    return together(*conditions) if conditions else true()


def _id_conditions(column: InstrumentedAttribute[Any], wanted: IdFilter | AnyIdFilter | None) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted is not None and wanted.any_ is not None:
        conditions.append(one_of(column, wanted.any_))
    if isinstance(wanted, IdFilter) and wanted.not_any_ is not None:
        conditions.append(column != all_(literal(wanted.not_any_, ARRAY(column.type))))
    return _all_of(conditions)


def _name_conditions(column: InstrumentedAttribute[str], wanted: AnyNameFilter | None) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted is not None and wanted.any_ is not None:
        conditions.append(one_of(column, wanted.any_))
    if isinstance(wanted, NameFilter) and wanted.like_ is not None:
        conditions.append(column.icontains(wanted.like_, autoescape=True))
    if isinstance(wanted, StartFilter) and wanted.startswith_ is not None:
        conditions.append(or_(false(), *(column.istartswith(start, autoescape=True) for start in wanted.startswith_)))
    return _all_of(conditions)


def _tag_conditions(column: InstrumentedAttribute[list[str]], wanted: TagFilter | None) -> list[Condition]:
    if wanted is None:
        return []
    tags = cast(column, JSONB)
    conditions: list[Condition] = []
    if wanted.all_ is not None:
        conditions.append(tags.contains(wanted.all_))
    if wanted.is_null_ is not None:
        conditions.append((tags == literal([], JSONB)) if wanted.is_null_ else (tags != literal([], JSONB)))
    if isinstance(wanted, AnyTagFilter) and wanted.any_ is not None:
        conditions.append(tags.has_any(literal(wanted.any_, ARRAY(Text))))
    return [_combine(wanted, conditions)] if conditions else []


def _flow_or_deployment_like(like: str) -> Condition:
    """A text with a slash is a flow's part and a deployment's part; without one, either name may hold it."""
    flow_part, slash, deployment_part = like.partition("/")
    flow_names = select(Flow.id).where(Flow.name.icontains(flow_part, autoescape=True)).correlate(None)
    of_flow = Deployment.flow_id.in_(flow_names)
    if slash:
        return and_(of_flow, Deployment.name.icontains(deployment_part, autoescape=True))
    return or_(of_flow, Deployment.name.icontains(like, autoescape=True))


def _all_of(conditions: Sequence[Condition]) -> list[Condition]:
    """One part of a filter counts as one condition, whatever operator joins the parts."""
    return [and_(*conditions)] if conditions else []
