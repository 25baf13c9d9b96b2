"""Verifies a source: compares all its rows with the states of its resources, a stretch with each batch of changes.

A stretch is compared after the changes that its snapshot sees were applied, so a change that is on its way is no
difference. Between two stretches the changes of the source are moved as usual.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import EventLog, Source, SourceVerification
from app.sources.profile import Profile
from app.sources.verification import ask
from workers.follow.reading import Existing, Stretch

RESOURCES: Final = 2000
"""How many resources a stretch has at most."""


def request_due_verifications(session: Session, interval_seconds: float) -> None:
    """Ask for the verification of each source that was not verified for this long."""
    last = func.coalesce(SourceVerification.requested, Source.attached)
    is_finished = or_(SourceVerification.source_id.is_(None), SourceVerification.finished.is_not(None))
    due = (
        select(Source.id)
        .outerjoin(SourceVerification, SourceVerification.source_id == Source.id)
        .where(Source.url.is_not(None), Source.paused.is_(None), is_finished)
        .where(last <= func.clock_timestamp() - timedelta(seconds=interval_seconds))
        .with_for_update(of=Source, key_share=True, skip_locked=True)
    )
    for source_id in session.scalars(due).all():
        ask(session, source_id)


def unfinished(session: Session, source: Source) -> SourceVerification | None:
    """Return the verification of this source that was asked for and is not finished, if there is one."""
    wanted = SourceVerification.source_id == source.id, SourceVerification.finished.is_(None)
    return session.scalar(select(SourceVerification).where(*wanted))


def next_stretch(verification: SourceVerification, profile: Profile) -> Stretch:
    """Return the stretch that is to be compared next."""
    return Stretch(verification.kind or next(iter(profile.kinds)), verification.after, RESOURCES)


def advance(session: Session, verification: SourceVerification, profile: Profile, existing: Existing) -> bool:
    """Move the place behind the stretch that was compared, and return whether there is more to compare.

    The events of the stretch must be in the log.
    """
    kinds, kind = list(profile.kinds), existing.stretch.kind
    following = kinds[kinds.index(kind) + 1 :]
    verification.compared += len(existing.rows[profile.kinds[kind].table])
    if existing.until is not None:
        verification.kind, verification.after = kind, existing.until
    elif following:
        verification.kind, verification.after = following[0], None
    else:
        # Read first: the database refuses an end without a position.
        position = session.scalar(select(EventLog.position))
        verification.finished, verification.until_position = func.clock_timestamp(), position
        return False
    return True
