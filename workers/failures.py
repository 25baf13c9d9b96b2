"""Records snapshots that cannot be dispatched: each is retried later, and parked with its error in the end."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.errors import DeadlySnapshot
from app.models import SnapshotRow
from app.postgres.refusals import describe
from app.telemetry import get_logger
from workers.claimed import Claimed
from workers.retry import next_delay

logger = get_logger(__name__)

ERROR_LENGTH: Final = 1000


def record_failures(session: Session, failures: Mapping[Claimed, Exception], now: datetime) -> None:
    """Add a failed attempt to each of these snapshots. Its resource waits until the snapshot is due again.

    A snapshot is parked after its last attempt, or at once if it has killed too many workers. `now` is the database's
    time: delays count from it, and the claim compares with the same clock.
    """
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
        correlation_id=snapshot.attribution.get("request"),
    )
    return {
        "id": snapshot.id,
        "attempts": attempts,
        "error": text,
        "next_attempt": now + timedelta(seconds=delay) if delay is not None else None,
        "parked": now if delay is None else None,
    }


def _delay(attempts: int) -> float | None:
    return next_delay(attempts, random.random())  # noqa: S311  # It spreads retries and needs no secrecy.


def _text(error: Exception) -> str:
    if isinstance(error, DeadlySnapshot):
        return str(error)
    if isinstance(error, DBAPIError):
        return describe(error)
    return f"{type(error).__name__}: {error}"[:ERROR_LENGTH]
