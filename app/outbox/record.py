"""Records snapshots in the transaction of their change, and rings for them after its commit.

`record` is called in plain sight by the CRUD functions. Whatever happens between the commit and the ring, the stored
rows stay, and the sweep rings for them again.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Final

from celery import Celery
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.broker.contract import DISPATCH, make_celery
from app.broker.doorbells import Doorbell, Publisher
from app.capture.snapshot import Change
from app.outbox.store import store
from app.settings import Settings, get_settings

PENDING: Final = "aftercommit.doorbells"
LABELS_SHOWN: Final = 5


def record(session: Session, changes: Sequence[Change]) -> None:
    """Store the snapshots of these changes in the session's open transaction and ring for them after its commit.

    A rollback takes the snapshots and their doorbells with it.
    """
    if changes:
        pending: list[Doorbell] = session.info.setdefault(PENDING, [])
        pending.extend(Doorbell(snapshot.id, snapshot.label) for snapshot in store(session, changes))


def close(timeout: float = 3.0) -> None:
    """Publish what is still queued, for at most `timeout` seconds; the process is about to end."""
    if publisher.cache_info().currsize:
        publisher(get_settings()).stop(timeout)


@event.listens_for(Session, "after_commit")
def _ring_after_commit(session: Session) -> None:
    # The hook also runs when a savepoint is released, where nothing is committed yet.
    if session.in_nested_transaction():
        return
    doorbells: list[Doorbell] = session.info.pop(PENDING, [])
    if not doorbells:
        return
    settings = get_settings()
    if settings.task_always_eager:
        send(settings, doorbells)
    else:
        publisher(settings).ring(doorbells)


@event.listens_for(Session, "after_rollback")
def _forget_after_rollback(session: Session) -> None:
    # A rolled-back savepoint leaves what was recorded before it; a doorbell for what it took is harmless.
    if not session.in_nested_transaction():
        session.info.pop(PENDING, None)


def send(settings: Settings, doorbells: Sequence[Doorbell]) -> None:
    """Send one dispatch task for these snapshots, by name.

    A signature uses the registered task where there is one, so eager mode works; `send_task` would ignore it.
    """
    labels = ", ".join(doorbell.label for doorbell in doorbells[:LABELS_SHOWN])
    more = f", and {len(doorbells) - LABELS_SHOWN} more" if len(doorbells) > LABELS_SHOWN else ""
    _celery(settings).signature(DISPATCH, args=[[str(doorbell.snapshot_id) for doorbell in doorbells]]).apply_async(
        argsrepr=f"({labels}{more})"
    )


@lru_cache
def publisher(settings: Settings) -> Publisher:
    """Return the publisher of this process."""
    return Publisher(
        partial(send, settings),
        size=settings.publish_queue_size,
        pace=settings.publish_pace_ms / 1000,
        linger=settings.publish_linger_ms / 1000,
    )


@lru_cache
def _celery(settings: Settings) -> Celery:
    return make_celery("publisher", lambda: settings)
