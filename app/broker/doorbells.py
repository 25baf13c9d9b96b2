"""Rings doorbells: a separate thread sends the ids of stored snapshots to the workers, so no request waits for it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from celery import Celery
from celery.exceptions import OperationalError
from redis import RedisError

from app.broker.contract import DISPATCH, make_celery
from app.broker.doorbell import Doorbell
from app.broker.problems import describe
from app.broker.publisher import Publisher
from app.errors import Unavailable
from app.settings import Settings, get_settings

LABELS_SHOWN: Final = 5


def ring(doorbells: Sequence[Doorbell]) -> None:
    """Ring these doorbells soon, or at once in eager mode. Call it after the commit that stored the snapshots."""
    settings = get_settings()
    if settings.task_always_eager:
        send(settings, doorbells)
    else:
        publisher(settings).ring(doorbells)


def close(timeout: float = 3.0) -> None:
    """Send what is still queued, for at most `timeout` seconds, before the process ends."""
    if publisher.cache_info().currsize:
        publisher(get_settings()).stop(timeout)


def send(settings: Settings, doorbells: Sequence[Doorbell]) -> None:
    """Send one dispatch task for these snapshots.

    A signature runs the task here if it is registered, so eager mode works; `send_task` ignores eager mode.
    """
    labels = [doorbell.label for doorbell in doorbells[:LABELS_SHOWN]]
    ids = [str(doorbell.snapshot_id) for doorbell in doorbells]
    celery(settings).signature(DISPATCH, args=[ids]).apply_async(argsrepr=first_labels(labels, len(doorbells)))


def first_labels(labels: Sequence[str], count: int) -> str:
    """Return the first labels in one line, and how many of `count` are left out."""
    shown = labels[:LABELS_SHOWN]
    more = f", and {count - len(shown)} more" if count > len(shown) else ""
    return ", ".join(shown) + more


def purge_queues(settings: Settings) -> int:
    """Remove all messages that wait in the queues, and return how many there were.

    Raises:
        Unavailable: the broker does not answer, or refuses.
    """
    app = celery(settings)
    try:
        with app.connection_for_write() as connection:
            removed: int = app.control.purge(connection)
    except (OperationalError, RedisError) as error:
        raise Unavailable(f"The broker {describe(error)}.") from error
    return removed


@lru_cache
def publisher(settings: Settings) -> Publisher:
    """Return the publisher of this process."""
    return Publisher(
        lambda doorbells: send(settings, doorbells),
        size=settings.publish_queue_size,
        pace=settings.publish_pace_ms / 1000,
        linger=settings.publish_linger_ms / 1000,
    )


@lru_cache
def celery(settings: Settings) -> Celery:
    """Return the Celery app with which this process publishes."""
    return make_celery("publisher", lambda: settings)
