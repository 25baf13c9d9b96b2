"""Finds the sources in our database, and locks them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import Source


def list_sources(session: Session) -> Sequence[Source]:
    """Return all sources, also the detached ones, by name."""
    return session.scalars(select(Source).order_by(Source.name)).all()


def find_source(session: Session, name: str) -> Source:
    """Return the source with this name, attached or not.

    Raises:
        NotFound: there is none.
    """
    source = session.scalar(select(Source).where(Source.name == name))
    if source is None:
        raise NotFound(f"There is no source named {name}. `aftercommit attach ls` shows all.")
    return source


def lock_attached(session: Session, name: str) -> Source:
    """Return the attached source with this name, and lock it until the transaction ends.

    It waits for a worker that is moving its changes.

    Raises:
        NotFound: there is none.
        Conflict: it is detached.
    """
    source = session.scalar(select(Source).where(Source.name == name).with_for_update(key_share=True))
    if source is None:
        return find_source(session, name)
    if source.detached is not None:
        raise Conflict(f"{name} was detached at {source.detached:%Y-%m-%d %H:%M} UTC.")
    return source
