"""Gives each source its turns: chooses those that are due, and remembers failures, which operators see."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.models import Source
from app.postgres.refusals import is_absence
from app.settings import Settings
from app.telemetry import get_logger
from workers.follow.failures import describe_failure
from workers.follow.move import Mover

LONGEST_DELAY_SECONDS: Final = 60.0

logger = get_logger(__name__)


def due_sources(session: Session) -> Sequence[tuple[UUID, str]]:
    """Return the ids and names of the sources that are to be followed now. One that failed waits for its next try."""
    is_due = or_(Source.retry_at.is_(None), Source.retry_at <= func.clock_timestamp())
    statement = select(Source.id, Source.name).where(Source.url.is_not(None), Source.paused.is_(None), is_due)
    return [(id_, name) for id_, name in session.execute(statement.order_by(Source.name))]


def follow(sessions: sessionmaker[Session], settings: Settings, source_id: UUID) -> int:
    """Move the changes of a source, and return the number of events. A failure is stored with the source.

    Raises:
        sqlalchemy.exc.DBAPIError: our own database does not answer. The next turn tries again.
    """
    try:
        return Mover(sessions, settings, source_id).run()
    except Exception as error:  # A bug in one source must not stop the others, and must be visible.
        if isinstance(error, DBAPIError) and is_absence(error):
            raise
        reason = describe_failure(error)
    logger.warning("source_failed", source_id=str(source_id), reason=reason)
    with sessions() as session, session.begin():
        _remember_failure(session, source_id, reason)
    return 0


def _remember_failure(session: Session, source_id: UUID, reason: str) -> None:
    delay = func.least(func.power(2, func.least(Source.failures, 16)), LONGEST_DELAY_SECONDS)
    session.execute(
        update(Source)
        .where(Source.id == source_id, Source.url.is_not(None))
        .values(
            failures=Source.failures + 1,
            error=reason,
            failing_since=func.coalesce(Source.failing_since, func.clock_timestamp()),
            retry_at=func.clock_timestamp() + delay * timedelta(seconds=1),
        ),
        execution_options={"synchronize_session": False},
    )
