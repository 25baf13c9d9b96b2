"""What an upsert of a deployment meets, in one statement: what it refers to, locked, and whether anything differs.

Most deployments that come are there already as they are: a project is deployed again when one of its flows changed.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, select, true
from sqlalchemy.orm import Session

from app.crud.deployment_reading import DeploymentView
from app.crud.deployment_values import job_template
from app.crud.work_pools import AGENT_POOL
from app.crud.work_queues import named_queue, resolve_queue
from app.database import JsonObject, core_table
from app.errors import Conflict
from app.events.kinds import DEPLOYMENT
from app.events.sameness import any_differs
from app.events.tracked_statements import parameter
from app.models import ConcurrencyLimit, Deployment, Flow, WorkPool, WorkQueue
from app.schemas.deployments import DeploymentCreate

FLOW_ID: Final = "of_flow"
NAME: Final = "named"
POOL: Final = "pool_name"
QUEUE: Final = "queue_name"


class Standing(NamedTuple):
    """The flow's labels, and the id of the named queue with its pool's template; none of them goes meanwhile.

    `same` is the deployment of that flow and name, if nothing differs.
    """

    flow_labels: JsonObject
    queue_id: UUID | None
    template: JsonObject | None
    same: DeploymentView | None


def look(session: Session, body: DeploymentCreate, values: Mapping[str, Any]) -> Standing:
    """Hold the flow and the queue of a deployment, and find out whether it is there as it is to be.

    Args:
        session: the open transaction.
        body: the deployment, with the names of its flow, pool and queue.
        values: the tracked columns as they are to be; of the labels those over the flow's, of the queue a null alone.

    Raises:
        Conflict: the flow does not exist.
        NotFound: the work pool does not exist.
    """
    names_queue = body.work_pool_name is not None or body.work_queue_name is not None
    found = _look(session, body, values, names_queue=names_queue)
    if found is None and names_queue:
        # The queue may have to be made first. Nothing is said of the deployment then: the upsert will find out.
        flow_labels = _held_flow(_look(session, body, values, names_queue=False), body).labels
        queue_id = resolve_queue(session, body.work_pool_name, body.work_queue_name)
        return Standing(flow_labels, queue_id, job_template(session, queue_id), None)
    row = _held_flow(found, body)
    view = None
    if row.Deployment is not None:
        view = DeploymentView(row.Deployment, row.queue_name, row.pool_name, row.ConcurrencyLimit, row.last_polled)
    return (
        Standing(row.labels, row.id, row.base_job_template, view)
        if names_queue
        else Standing(row.labels, None, None, view)
    )


def _held_flow(row: Row[Any] | None, body: DeploymentCreate) -> Row[Any]:
    if row is None:
        raise Conflict(f"There is no flow {body.flow_id}.")
    return row


def _look(session: Session, body: DeploymentCreate, values: Mapping[str, Any], *, names_queue: bool) -> Row[Any] | None:
    statement = _statement(tuple(values), names_queue, body.work_queue_name is not None)
    parameters = {
        FLOW_ID: body.flow_id,
        NAME: body.name,
        POOL: body.work_pool_name if body.work_pool_name is not None else AGENT_POOL,
        QUEUE: body.work_queue_name,
        **{parameter(field): value for field, value in values.items()},
    }
    return session.execute(statement, parameters).one_or_none()


@lru_cache(maxsize=512)
def _statement(fields: tuple[str, ...], names_queue: bool, by_its_name: bool) -> Select[*tuple[Any, ...]]:
    table = core_table(Deployment)
    new: dict[str, ColumnElement[Any]] = {
        field: bindparam(parameter(field), type_=table.c[field].type) for field in fields
    }
    new["labels"] = Flow.labels.op("||")(new["labels"])
    same = and_(Deployment.flow_id == Flow.id, Deployment.name == bindparam(NAME), ~any_differs(DEPLOYMENT, table, new))
    of_deployment = WorkQueue.id == Deployment.work_queue_id
    in_pool = WorkPool.id == WorkQueue.work_pool_id
    statement = select(
        Flow.labels.label("labels"),
        WorkQueue.id,
        WorkPool.base_job_template,
        Deployment,
        ConcurrencyLimit,
        WorkQueue.name.label("queue_name"),
        WorkPool.name.label("pool_name"),
        WorkQueue.last_polled,
    ).select_from(Flow)
    if names_queue:
        which = named_queue(bindparam(POOL), bindparam(QUEUE) if by_its_name else None)
        statement = statement.join(WorkQueue, true()).join(WorkPool, and_(in_pool, which))
        statement = statement.outerjoin(Deployment, and_(same, of_deployment))
    else:
        statement = statement.outerjoin(Deployment, same)
        statement = statement.outerjoin(WorkQueue, of_deployment).outerjoin(WorkPool, in_pool)
    locked = statement.outerjoin(ConcurrencyLimit, ConcurrencyLimit.id == Deployment.concurrency_limit_id)
    locked = locked.where(Flow.id == bindparam(FLOW_ID)).execution_options(populate_existing=True)
    return locked.with_for_update(read=True, key_share=True, of=[Flow, WorkQueue] if names_queue else [Flow])
