"""The Celery tasks. Each is thin: it opens what it needs and calls a plain function.

They are shared tasks, so that in eager mode the publishing Celery app finds them too, in the same process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from celery import Celery, Task, shared_task
from celery.app.task import Context
from celery.utils.time import get_exponential_backoff_interval
from sqlalchemy.orm import Session, sessionmaker

from app.broker.contract import DISPATCH, DISPATCH_QUEUE, READINESS, SWEEP, SWEEP_EXPIRES
from app.broker.doorbells import LABELS_SHOWN, first_labels
from app.capture.kinds import KINDS
from app.capture.snapshot import change_label
from app.postgres.engine import make_engine, make_sessions
from app.postgres.refusals import OUTAGE
from app.schemas.event import RESOURCE_NAME, RESOURCE_ROLE, Event
from app.settings import Settings, get_settings
from app.telemetry import get_logger
from workers.claimed import Claimed
from workers.deaths import Marks
from workers.dispatch import Dispatcher
from workers.key_expiry import note_expired_keys
from workers.planner_statistics import analyze_grown_tables
from workers.readiness import refresh_all_statuses
from workers.sweep import Waiting, sweep

logger = get_logger(__name__)

RETRIES: Final[dict[str, Any]] = {
    # A few tries within seconds for a short hiccup. After a longer outage the sweep rings again.
    "max_retries": 3,
    # A message whose worker was killed comes back at once; Celery's default is to wait three minutes.
    "default_retry_delay": 1,
}
LONGEST_RETRY_SECONDS: Final = 4

CONNECTIONS: Final = 3
"""A careful batch needs one for itself and one for its marks; in eager mode, the sweep that calls it holds a third."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a task, as a text for operators. Celery sends it to Flower as it is shown here, without quotes."""

    text: str

    def __repr__(self) -> str:
        return self.text


class Delivered:
    """The events that a task has appended: their number, and the labels of the first ones."""

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._count = 0

    def add(self, built: Sequence[tuple[Claimed, Event]]) -> None:
        """Add the events of a committed transaction."""
        room = LABELS_SHOWN - len(self._labels)
        self._labels += [_label(snapshot, event) for snapshot, event in built[:room]]
        self._count += len(built)

    def outcome(self) -> Outcome:
        """Return the text for operators."""
        return Outcome(first_labels(self._labels, self._count) or "nothing waited")


def _label(snapshot: Claimed, event: Event) -> str:
    kind = KINDS.get(snapshot.kind)
    role = kind.owner.role if kind is not None and kind.owner is not None else None
    # A skipped change has no related resources, and its kind may be unknown.
    owner = next((other.get(RESOURCE_NAME) for other in event.related if other[RESOURCE_ROLE] == role), None)
    operation = snapshot.operation if snapshot.skip_reason is None else "skipped"
    return change_label(snapshot.kind, snapshot.name, operation, snapshot.revision, owner)


@shared_task(name=DISPATCH, bind=True, **RETRIES)
def dispatch(self: Task, snapshot_ids: list[str], swept: bool = False, outages: int = 0) -> Outcome:
    """Dispatch the lanes of these snapshots. A message holds only ids: the rows are the truth.

    `outages` counts how often this message was retried because the database was away. A message with more retries than
    that was redelivered because its process died.
    """
    settings = get_settings()
    delivered = Delivered()

    def ring_again(ids: Sequence[UUID]) -> None:
        self.app.signature(DISPATCH, args=[[str(id_) for id_ in ids]], kwargs={"swept": swept}).apply_async(
            argsrepr=f"{len(ids)} lanes, again"
        )

    dispatcher = Dispatcher(
        sessions=worker_sessions(settings),
        batch_size=settings.dispatch_batch_size,
        size_cap=settings.event_size_cap,
        rescue_after=settings.sweep_grace if swept else None,
        was_redelivered=was_redelivered(self.request, outages),
        # In eager mode several threads of one process dispatch at once, and one must not remove another's marks.
        marks=None if self.request.is_eager else _marks(settings),
        ring_again=ring_again,
        tell=delivered.add,
    )
    try:
        appended = dispatcher.dispatch([UUID(id_) for id_ in snapshot_ids])
    except OUTAGE as error:
        delay = get_exponential_backoff_interval(1, self.request.retries, LONGEST_RETRY_SECONDS, full_jitter=True)
        again = {"swept": swept, "outages": outages + 1}
        raise self.retry(args=[snapshot_ids], kwargs=again, exc=error, countdown=delay) from error
    logger.debug("dispatched", appended=appended, task_id=self.request.id)
    return delivered.outcome()


def was_redelivered(request: Context, outages: int) -> bool:
    """Return whether Celery or the broker redelivered this message because its process died."""
    return request.retries > outages or bool((request.delivery_info or {}).get("redelivered"))


@shared_task(name=SWEEP, bind=True, max_retries=0)
def sweep_outbox(self: Task) -> Outcome:
    """Ring again for snapshots that have waited too long, note expired keys, and analyze tables that have grown."""
    settings = get_settings()

    def ring(waiting: Waiting) -> None:
        self.app.signature(DISPATCH, args=[[str(waiting.snapshot_id)]], kwargs={"swept": True}).apply_async(
            argsrepr=f"swept {waiting.label}",
            kwargsrepr="{swept}",
            # Later sweeps ring again, so unanswered doorbells must not pile up in the broker.
            expires=SWEEP_EXPIRES,
        )

    with worker_sessions(settings)() as session, session.begin():
        rung = sweep(session, settings.sweep_grace, ring, queued=0 if self.request.is_eager else _queued(self.app))
    if rung:
        logger.info("swept", lanes=rung)
    if expired := note_expired_keys(worker_sessions(settings), settings):
        logger.info("keys_expired", keys=expired)
    analyzed = analyze_grown_tables(worker_sessions(settings))
    if analyzed:
        logger.info("analyzed", tables=analyzed)
    return Outcome(f"{rung} lanes rung for")


@shared_task(name=READINESS, max_retries=0)
def refresh_readiness() -> Outcome:
    """Correct every status that is wrong now. Beat sends this task again soon, so an outage just ends it."""
    changes = refresh_all_statuses(worker_sessions(get_settings()))
    if changes:
        logger.info("readiness_refreshed", changes=changes)
    return Outcome(f"{changes} statuses changed")


def _queued(app: Celery) -> int:
    """Return how many doorbells no worker has taken yet; the broker counts them when the queue is declared."""
    with app.connection_for_write() as connection:
        count: int = connection.default_channel.queue_declare(DISPATCH_QUEUE).message_count
    return count


def close() -> None:
    """Close the database connections of this process; the next task makes new ones."""
    if worker_sessions.cache_info().currsize:
        worker_sessions(get_settings()).kw["bind"].dispose()
        worker_sessions.cache_clear()
        _marks.cache_clear()


@lru_cache
def worker_sessions(settings: Settings) -> sessionmaker[Session]:
    """One engine per process, made at its first task: after the fork, so no two processes share a connection."""
    name = "aftercommit-worker"
    return make_sessions(make_engine(settings, application_name=name, pool_size=CONNECTIONS, generic_plans=True))


@lru_cache
def _marks(settings: Settings) -> Marks:
    return Marks(worker_sessions(settings))
