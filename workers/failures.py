"""What becomes of a snapshot that cannot be dispatched: it is retried later, then parked with its error."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.errors import DeadlySnapshot
from app.models import SnapshotRow
from app.postgres.engine import describe
from app.telemetry import get_logger
from workers.claimed import Claimed
from workers.retry import next_delay

logger = get_logger(__name__)

ERROR_LENGTH: Final = 1000


def record_failures(session: Session, failures: Mapping[Claimed, Exception], now: datetime) -> None:
    """Store one more failed attempt with each of these snapshots; its resource waits until it is due, or parked.

    A deadly one is parked at once.
    `now` is the database's time: the delays count from it, and the claim compares with the same clock.
    """
    if failures:
        session.execute(update(SnapshotRow), [_failed(snapshot, error, now) for snapshot, error in failures.items()])


def _failed(snapshot: Claimed, error: Exception, now: datetime) -> dict[str, object]:
    attempts = snapshot.attempts + 1
    delay = None if isinstance(error, DeadlySnapshot) else _delay(attempts)
    text = _text(error)
    logger.error(
        "snapshot_parked" if delay is None else "snapshot_failed",
        snapshot_id=str(snapshot.id),
        kind=snapshot.kind,
        resource_id=str(snapshot.resource_id),
        revision=snapshot.revision,
        attempts=attempts,
        error=text,
        correlation_id=snapshot.correlation_id,
    )
    return {
        "id": snapshot.id,
        "attempts": attempts,
        "error": text,
        "next_attempt": now + timedelta(seconds=delay) if delay is not None else None,
        "parked": now if delay is None else None,
    }


def _delay(attempts: int) -> float | None:
    return next_delay(attempts, random.random())  # noqa: S311  # It spreads retries; nobody gains by guessing it.


def _text(error: Exception) -> str:
    if isinstance(error, DeadlySnapshot):
        return str(error)
    if isinstance(error, DBAPIError):
        return describe(error)
    return f"{type(error).__name__}: {error}"[:ERROR_LENGTH]
