"""What an upsert of a deployment meets, in one statement: what it refers to, locked, and whether anything differs.

Most deployments that come are there already as they are: a project is deployed again when one of its flows changed.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, join, select, true
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.readiness import polled_lately
from app.capture.sameness import any_differs
from app.capture.statements import parameter
from app.crud.deployments.reading import DEPLOYMENT as TABLE
from app.crud.deployments.reading import LIMIT, POOL, QUEUE, VIEWED, DeploymentView, read_deployment, view
from app.crud.work_pools.pools import AGENT_POOL
from app.crud.work_pools.queues import named_queue, resolve_queue
from app.errors import Conflict
from app.models import Flow
from app.postgres.engine import JsonObject, core_table
from app.schemas.deployments import DeploymentCreate

FLOW: Final = core_table(Flow)
FLOW_ID: Final = "of_flow"
NAME: Final = "named"
POOL_NAME: Final = "pool_name"
QUEUE_NAME: Final = "queue_name"
OF_SAME: Final = (*VIEWED, POOL.c.base_job_template)


class Queue(NamedTuple):
    """The queue that a deployment names, with its names, the last poll, and the template of its pool."""

    id: UUID
    name: str
    pool_name: str
    last_polled: datetime | None
    polled_lately: bool
    template: JsonObject


class Standing(NamedTuple):
    """What there is of what a deployment refers to, and of itself.

    `same` is the deployment of that flow and name, if nothing differs. Otherwise the flow's labels and the named queue
    are there, neither of the two goes meanwhile, and `exists` tells whether there was such a deployment.
    """

    same: DeploymentView | None
    template: JsonObject | None
    flow_labels: JsonObject
    queue: Queue | None
    exists: bool

    @property
    def queue_id(self) -> UUID | None:
        """The id of the queue, if one is named."""
        return self.queue.id if self.queue is not None else None

    @property
    def silent_queue(self) -> UUID | None:
        """Its id if nobody has polled it lately."""
        return self.queue.id if self.queue is not None and not self.queue.polled_lately else None


def look(session: Session, body: DeploymentCreate, values: Mapping[str, Any]) -> Standing:
    """Find out whether a deployment is there as it is to be, and if not, hold its flow and its queue.

    To hold them is a write, for whose commit the disk is waited for: what changes nothing is spared it.

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
        held = _held_flow(_look(session, body, values, names_queue=False), body)
        queue_id = resolve_queue(session, body.work_pool_name, body.work_queue_name)
        assert queue_id is not None, "a queue is named"
        queue = _read_queue(session, queue_id)
        return Standing(None, queue.template, held.flow_labels, queue, exists=True)
    return _held_flow(found, body)


def view_after(session: Session, standing: Standing, row: Mapping[str, Any]) -> DeploymentView:
    """Return the view of a deployment that has just been written, by its row; what is not known of it is read."""
    if row["concurrency_limit_id"] is not None or row["work_queue_id"] != standing.queue_id:
        return read_deployment(session, row["id"])
    _, queue_name, pool_name, last_polled, *_ = standing.queue or (None,) * len(Queue._fields)
    return DeploymentView(row, queue_name, pool_name, None, last_polled)


def _held_flow(found: Standing | None, body: DeploymentCreate) -> Standing:
    if found is None:
        raise Conflict(f"There is no flow {body.flow_id}.")
    return found


def _look(session: Session, body: DeploymentCreate, values: Mapping[str, Any], *, names_queue: bool) -> Standing | None:
    statement = _statement(tuple(values), names_queue, body.work_queue_name is not None)
    parameters = {
        FLOW_ID: body.flow_id,
        NAME: body.name,
        POOL_NAME: body.work_pool_name if body.work_pool_name is not None else AGENT_POOL,
        QUEUE_NAME: body.work_queue_name,
        **{parameter(field): value for field, value in values.items()},
    }
    row = session.execute(statement, parameters).one_or_none()
    if row is None:
        return None
    same, held = row[: len(OF_SAME)], row[len(OF_SAME) :]
    if any(same):
        template = same[-1] if names_queue else None
        return Standing(view(same[:-1]), template, {}, None, exists=True)
    flow_labels, exists_, *of_queue = held
    queue = Queue(*of_queue) if names_queue else None
    return Standing(None, queue.template if queue is not None else None, flow_labels, queue, exists_)


def _read_queue(session: Session, queue_id: UUID) -> Queue:
    found = select(*_of_queue()).join(POOL, POOL.c.id == QUEUE.c.work_pool_id).where(QUEUE.c.id == queue_id)
    return Queue(*session.execute(found).one())


@lru_cache(maxsize=512)
def _statement(fields: tuple[str, ...], names_queue: bool, by_its_name: bool) -> Select[*tuple[Any, ...]]:
    """One row of what is the same, or else of what is held, or none where a flow, pool or queue is missing."""
    new: dict[str, ColumnElement[Any]] = {
        field: bindparam(parameter(field), type_=TABLE.c[field].type) for field in fields
    }
    new["labels"] = FLOW.c.labels.op("||")(new["labels"])
    named = named_queue(bindparam(POOL_NAME), bindparam(QUEUE_NAME) if by_its_name else None) if names_queue else true()
    in_pool = POOL.c.id == QUEUE.c.work_pool_id
    this_flow = FLOW.c.id == bindparam(FLOW_ID)
    is_it = and_(TABLE.c.flow_id == FLOW.c.id, TABLE.c.name == bindparam(NAME))
    same = (
        select(*_numbered(*OF_SAME))
        .select_from(FLOW)
        .join(TABLE, is_it)
        .outerjoin(QUEUE, QUEUE.c.id == TABLE.c.work_queue_id)
        .outerjoin(POOL, in_pool)
        .outerjoin(LIMIT, LIMIT.c.id == TABLE.c.concurrency_limit_id)
        .where(this_flow, named, ~any_differs(DEPLOYMENT, TABLE, new))
        .cte("same")
    )
    found = (FLOW.c.labels, exists().where(is_it).correlate(FLOW), *(_of_queue() if names_queue else ()))
    held = select(*_numbered(*found)).select_from(FLOW).where(this_flow, named, ~exists().select_from(same))
    if names_queue:
        held = held.join(QUEUE, true()).join(POOL, in_pool)
    locked = held.with_for_update(read=True, key_share=True, of=[FLOW, QUEUE] if names_queue else [FLOW]).cte("held")
    return select(*same.c, *locked.c).select_from(join(same, locked, true(), full=True))


def _of_queue() -> tuple[ColumnElement[Any], ...]:
    """The columns of a `Queue`."""
    polled = QUEUE.c.last_polled
    return QUEUE.c.id, QUEUE.c.name, POOL.c.name, polled, polled_lately(polled), POOL.c.base_job_template


def _numbered(*columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Columns of several tables have the same names, and are told apart by their places."""
    return [column.label(f"c{number}") for number, column in enumerate(columns)]
