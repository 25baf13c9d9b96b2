"""Logs an event when an address sends many wrong credentials: one in a period, not one for each try."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.access.failed_tries import FREE_TRIES
from app.access.writing_thread import WritingThread
from app.capture.attribution import SERVICE, Attribution, acting_as
from app.log.acts import Act, record_acts
from app.log.append import lock_log
from app.models import EventRow
from app.schemas.event import RESERVED_PREFIX
from app.settings import Settings

Refused = Mapping[str, None]
"""The addresses whose credentials were refused too often."""

EVENT: Final = "credentials.refused"
PERIOD_SECONDS: Final = 3600.0
"""For this long, an address has no second event."""
MOST_ADDRESSES: Final = 100
"""How many addresses one process logs in a period. An attacker with many addresses must not fill the log."""


class Refusals:
    """Logs the addresses that send many wrong credentials, from a thread of its own."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        """Prepare the thread, which starts with the first address and uses one connection."""
        self._sessions = sessions
        self._settings = settings
        self._noted: set[str] = set()
        self._since = 0.0
        self._thread = WritingThread("refusals", self._write)

    def note(self, address: str) -> None:
        """Note that this address has sent too many wrong credentials. Only the event loop calls this."""
        now = time.monotonic()
        if now - self._since > PERIOD_SECONDS:
            self._noted.clear()
            self._since = now
        if address not in self._noted and len(self._noted) < MOST_ADDRESSES:
            self._noted.add(address)
            self._thread.add(address, None)

    def close(self) -> None:
        """Try once more to write what waits, and end the thread."""
        self._thread.close()

    def _write(self, addresses: Refused) -> None:
        with self._sessions.begin() as session:
            record_refusals(session, self._settings, addresses)


def record_refusals(session: Session, settings: Settings, addresses: Refused) -> None:
    """Append an event for each address that has none in this period yet, also none of another process.

    If the settings leave addresses out of the log, all addresses count as one.
    """
    named = addresses if "address" in settings.actor_fields else {"unknown": None}
    # While the log is locked, no other process can append the same.
    lock_log(session)
    since: datetime = session.scalars(select(func.clock_timestamp())).one() - timedelta(seconds=PERIOD_SECONDS)
    ids = {f"{RESERVED_PREFIX}address.{address}": address for address in named}
    logged = select(EventRow.resource_id).where(
        EventRow.resource_id.in_(ids), EventRow.event == RESERVED_PREFIX + EVENT, EventRow.occurred > since
    )
    known = set(session.scalars(logged))
    acts = [
        Act(EVENT, f"address.{address}", address, {"more_than": FREE_TRIES, "period_seconds": PERIOD_SECONDS})
        for id_, address in ids.items()
        if id_ not in known
    ]
    with acting_as(Attribution(f"{SERVICE}:access")):
        record_acts(session, settings, acts)
