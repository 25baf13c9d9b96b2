"""Reads the events about the service's own acts."""

import getpass
import socket

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow

OPERATOR = f"cli:{getpass.getuser()}@{socket.gethostname()}"
"""The actor of the commands that the tests run."""
DECISIONS = ("broker", "credentials", "key", "masking", "snapshot", "source")
"""What acts are about: the second part of the names of their events."""


def acts(sessions: sessionmaker[Session]) -> list[EventRow]:
    """Return the events about acts, in their order."""
    with sessions() as session:
        rows = session.scalars(select(EventRow).order_by(EventRow.position)).all()
    prefixes = tuple(f"aftercommit.{about}." for about in DECISIONS)
    return [row for row in rows if row.event.startswith(prefixes)]


def label(event: EventRow, part: str) -> str | None:
    """Return a part of the attribution of an event."""
    return event.resource.get(f"aftercommit.{part}")


def actors(event: EventRow) -> list[str]:
    """Return the ids of the related resources that acted."""
    return [one["prefect.resource.id"] for one in event.related if one["prefect.resource.role"] == "actor"]
