"""Notices that API keys have expired, and appends an event for each."""

from typing import Final

from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from app.capture.attribution import SERVICE, Attribution, acting_as
from app.log.acts import key_act, record_acts
from app.models import ApiKey
from app.settings import Settings

ATTRIBUTION: Final = Attribution(f"{SERVICE}:key-expiry")


def note_expired_keys(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Append an event for each key that has expired since the last call; return how many there were.

    There is one event for each key, however many processes do this: the same transaction marks the key. A key that was
    revoked before has none.
    """
    now = func.clock_timestamp()
    is_new = (ApiKey.expires <= now, ApiKey.revoked.is_(None), ApiKey.expiry_noticed.is_(None))
    columns = (ApiKey.name, ApiKey.role, ApiKey.expires, ApiKey.may_act_for_others)
    statement = update(ApiKey).where(*is_new).values(expiry_noticed=now).returning(*columns)
    with sessions.begin() as session, acting_as(ATTRIBUTION):
        rows = session.execute(statement, execution_options={"synchronize_session": False}).all()
        acts = [
            key_act("expired", row.name, role=row.role, expires=row.expires, may_act_for_others=row.may_act_for_others)
            for row in sorted(rows, key=lambda row: (row.expires, row.name))
        ]
        record_acts(session, settings, acts)
    return len(acts)
