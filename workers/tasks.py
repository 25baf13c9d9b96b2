"""The Celery tasks, thin: each opens what it needs and calls a plain function.

They are shared tasks, so that an app that publishes by name finds them too when it is in the same process (eager mode).
"""

from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from celery import Task, shared_task
from sqlalchemy.orm import Session, sessionmaker

from app.broker import DISPATCH, SWEEP, SWEEP_EXPIRES
from app.database import make_engine, make_sessions
from app.settings import Settings, get_settings
from app.telemetry import get_logger
from app.wakeup import notify
from workers.dispatch import Dispatcher
from workers.outage import OUTAGE
from workers.sweep import Waiting, sweep

logger = get_logger(__name__)

RETRIES: Final[dict[str, Any]] = {
    # A few tries within seconds for a hiccup. A longer outage is the sweep's: its rows wait in the database.
    "autoretry_for": OUTAGE,
    "max_retries": 3,
    "retry_backoff": 1,
    "retry_backoff_max": 4,
    "retry_jitter": True,
    # A message whose worker was killed comes back at once; Celery's default is to wait three minutes.
    "default_retry_delay": 1,
}


@shared_task(name=DISPATCH, bind=True, **RETRIES)
def dispatch(self: Task, snapshot_ids: list[str], swept: bool = False) -> None:
    """Dispatch the lanes of these snapshots. Ids only: the rows are the truth, and no payload goes to the broker."""
    settings = get_settings()
    dispatcher = Dispatcher(
        sessions=_sessions(settings),
        batch_size=settings.dispatch_batch_size,
        size_cap=settings.event_size_cap,
        appended=lambda position: notify(settings.broker_url, position),
        rescue_after=settings.sweep_grace if swept else None,
    )
    appended = dispatcher.dispatch([UUID(id_) for id_ in snapshot_ids])
    logger.debug("dispatched", appended=appended, task_id=self.request.id)


@shared_task(name=SWEEP, bind=True, max_retries=0)
def sweep_outbox(self: Task) -> None:
    """Ring again for what waits too long."""
    settings = get_settings()

    def ring(waiting: Waiting) -> None:
        self.app.signature(DISPATCH, args=[[str(waiting.snapshot_id)]], kwargs={"swept": True}).apply_async(
            argsrepr=f"({waiting.label})",
            kwargsrepr="{swept}",
            # The next sweeps ring again: doorbells that nobody answered must not pile up in the broker.
            expires=SWEEP_EXPIRES,
        )

    with _sessions(settings)() as session, session.begin():
        rung = sweep(session, settings.sweep_grace, ring)
    if rung:
        logger.info("swept", lanes=rung)


def close() -> None:
    """Let go of the database connections of this process; the next task makes new ones."""
    if _sessions.cache_info().currsize:
        _sessions(get_settings()).kw["bind"].dispose()
        _sessions.cache_clear()


@lru_cache
def _sessions(settings: Settings) -> sessionmaker[Session]:
    """One engine a process, made at its first task: after the fork, so no two processes share a connection."""
    return make_sessions(make_engine(settings, application_name="aftercommit-worker", pool_size=2))
