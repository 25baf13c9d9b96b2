"""The Celery tasks, thin: each opens what it needs and calls a plain function.

They are shared tasks, so that an app that publishes by name finds them too when it is in the same process (eager mode).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from celery import Celery, Task, shared_task
from celery.app.task import Context
from celery.utils.time import get_exponential_backoff_interval
from sqlalchemy.orm import Session, sessionmaker

from app.broker.contract import DISPATCH, DISPATCH_QUEUE, READINESS, SWEEP, SWEEP_EXPIRES
from app.capture.snapshot import Snapshot
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings, get_settings
from app.telemetry import get_logger
from app.wakeup import notify
from workers.deaths import Marks
from workers.dispatch import Dispatcher
from workers.outage import OUTAGE
from workers.readiness import settle_all
from workers.statistics import renew_statistics
from workers.sweep import Waiting, sweep

logger = get_logger(__name__)

RETRIES: Final[dict[str, Any]] = {
    # A few tries within seconds for a hiccup. A longer outage is the sweep's: its rows wait in the database.
    "max_retries": 3,
    # A message whose worker was killed comes back at once; Celery's default is to wait three minutes.
    "default_retry_delay": 1,
}
LONGEST_RETRY_SECONDS: Final = 4

CONNECTIONS: Final = 3
"""A careful batch needs one and one for its marks; in eager mode the sweep that rings for it holds another."""


@shared_task(name=DISPATCH, bind=True, **RETRIES)
def dispatch(self: Task, snapshot_ids: list[str], swept: bool = False, outages: int = 0) -> None:
    """Dispatch the lanes of these snapshots. Ids only: the rows are the truth, and no payload goes to the broker.

    `outages` counts how often it was sent again because the database was away. What was sent again more often than
    that came back because its process died.
    """
    settings = get_settings()

    def ring_again(ids: Sequence[UUID]) -> None:
        self.app.signature(DISPATCH, args=[[str(id_) for id_ in ids]], kwargs={"swept": swept}).apply_async(
            argsrepr=f"({len(ids)} lanes, again)"
        )

    dispatcher = Dispatcher(
        sessions=_sessions(settings),
        batch_size=settings.dispatch_batch_size,
        size_cap=settings.event_size_cap,
        appended=lambda position: notify(settings.broker_url, position),
        rescue_after=settings.sweep_grace if swept else None,
        came_again=came_again(self.request, outages),
        # In eager mode the threads of one process dispatch side by side, and one must not take back another's marks.
        marks=None if self.request.is_eager else _marks(settings),
        ring_again=ring_again,
    )
    try:
        appended = dispatcher.dispatch([UUID(id_) for id_ in snapshot_ids])
    except OUTAGE as error:
        delay = get_exponential_backoff_interval(1, self.request.retries, LONGEST_RETRY_SECONDS, full_jitter=True)
        again = {"swept": swept, "outages": outages + 1}
        raise self.retry(args=[snapshot_ids], kwargs=again, exc=error, countdown=delay) from error
    logger.debug("dispatched", appended=appended, task_id=self.request.id)


def came_again(request: Context, outages: int) -> bool:
    """Tell whether this message comes again because a process died that had it: Celery or the broker sent it again."""
    return request.retries > outages or bool((request.delivery_info or {}).get("redelivered"))


@shared_task(name=SWEEP, bind=True, max_retries=0)
def sweep_outbox(self: Task) -> None:
    """Ring again for what waits too long, and have PostgreSQL look anew at tables that have grown."""
    settings = get_settings()

    def ring(waiting: Waiting) -> None:
        self.app.signature(DISPATCH, args=[[str(waiting.snapshot_id)]], kwargs={"swept": True}).apply_async(
            argsrepr=f"({waiting.label})",
            kwargsrepr="{swept}",
            # The next sweeps ring again: doorbells that nobody answered must not pile up in the broker.
            expires=SWEEP_EXPIRES,
        )

    with _sessions(settings)() as session, session.begin():
        rung = sweep(session, settings.sweep_grace, ring, queued=0 if self.request.is_eager else _queued(self.app))
    if rung:
        logger.info("swept", lanes=rung)
    analyzed = renew_statistics(_sessions(settings))
    if analyzed:
        logger.info("analyzed", tables=analyzed)


@shared_task(name=READINESS, bind=True, max_retries=0)
def settle_readiness(self: Task) -> None:
    """Find what has become silent, and ring for these changes. Beat sends it again soon, so an outage ends it."""

    def ring(stored: Sequence[Snapshot]) -> None:
        # One for each lane is enough: whoever answers drains the lane.
        first = {snapshot.lane: snapshot for snapshot in reversed(stored)}
        self.app.signature(DISPATCH, args=[[str(snapshot.id) for snapshot in first.values()]]).apply_async(
            argsrepr=f"({stored[0].label}, {len(stored)} in all)"
        )

    settled = settle_all(_sessions(get_settings()), ring)
    if settled:
        logger.info("readiness_settled", changes=settled)


def _queued(app: Celery) -> int:
    """Return how many doorbells no worker has taken yet: those of a declared queue are counted with its declaration."""
    with app.connection_for_write() as connection:
        count: int = connection.default_channel.queue_declare(DISPATCH_QUEUE).message_count
    return count


def close() -> None:
    """Let go of the database connections of this process; the next task makes new ones."""
    if _sessions.cache_info().currsize:
        _sessions(get_settings()).kw["bind"].dispose()
        _sessions.cache_clear()
        _marks.cache_clear()


@lru_cache
def _sessions(settings: Settings) -> sessionmaker[Session]:
    """One engine a process, made at its first task: after the fork, so no two processes share a connection."""
    name = "aftercommit-worker"
    return make_sessions(make_engine(settings, application_name=name, pool_size=CONNECTIONS, plans_once=True))


@lru_cache
def _marks(settings: Settings) -> Marks:
    return Marks(_sessions(settings))
