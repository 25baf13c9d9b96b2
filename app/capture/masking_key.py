"""Makes sure that all masks of a database are made with one key.

With another key, equal secrets have different masks: events would show changes that never happened, and hide that a
secret changed back. So the first transaction that uses a key stores its fingerprint, and every connection that stores
masks compares it once.
"""

from typing import Final

from sqlalchemy import column, func, literal_column, select, table, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from app.capture.masking import Masker
from app.errors import Conflict, WrongMaskingKey
from app.models import MaskingKey
from app.postgres.base import Json

CHECKED: Final = "aftercommit.masking_key"
"""Set on a connection that has compared the fingerprints. While one is open, `replace_key` refuses."""
WRITERS: Final = ("aftercommit-api", "aftercommit-worker")
"""The names of the connections that store masks."""
ACTIVITY: Final = table("pg_stat_activity", column("datname"), column("application_name"))


def require_known_key(session: Session, masker: Masker) -> None:
    """Check that this database knows the masker's key. If it knows none yet, the open transaction stores this one.

    Raises:
        WrongMaskingKey: the database knows another key.
    """
    connection = session.connection()
    if CHECKED in connection.info:
        return
    read = select(MaskingKey.fingerprint, MaskingKey.since)
    known = session.execute(read).one_or_none()
    if is_new := known is None:
        # If another transaction does the same, this waits for its end.
        session.execute(_insert(masker).on_conflict_do_nothing())
        known = session.execute(read).one()
    if known.fingerprint != masker.fingerprint:
        raise WrongMaskingKey(
            "The masking key is not the one that the masks in the database have been made with since "
            f"{known.since:%Y-%m-%d}. Set AFTERCOMMIT_MASKING_KEY to that key (`aftercommit up` without the variable: "
            "put it into masking.key in the data folder). To change the key on purpose, stop all processes and run "
            "`aftercommit migrate --replace-masking-key`, or start `aftercommit up --replace-masking-key`."
        )
    if not is_new:
        # A new row may still be rolled back.
        connection.info[CHECKED] = True


def replace_key(session: Session, masker: Masker) -> bool:
    """Make the masker's key the known one; return whether another one was known. The caller commits.

    Raises:
        Conflict: processes that may use the known key are connected.
    """
    writers = ACTIVITY.c.application_name.in_(WRITERS)
    here = ACTIVITY.c.datname == func.current_database()
    if session.scalar(select(func.count()).select_from(ACTIVITY).where(here, writers)):
        raise Conflict("An API process or a worker is connected to this database. Stop all of them first.")
    new = _insert(masker)
    changed = {"fingerprint": new.excluded.fingerprint, "since": func.clock_timestamp()}
    is_another = MaskingKey.fingerprint != new.excluded.fingerprint
    statement = new.on_conflict_do_update(index_elements=[MaskingKey.id], set_=changed, where=is_another)
    return session.scalar(statement.returning(literal_column("old.fingerprint"))) is not None


def replace_rules(session: Session, masker: Masker) -> list[str]:
    """Make the masker's rules the known ones; return the names of the settings that differ from the known ones before.

    The database must know a masking key. The caller commits.
    """
    rules = masker.rules.fingerprints()
    statement = update(MaskingKey).where(MaskingKey.rules != rules).values(rules=rules)
    before = session.scalar(
        statement.returning(literal_column("old.rules", Json)), execution_options={"synchronize_session": False}
    )
    return [] if before is None else [name for name, rule in rules.items() if before.get(name) != rule]


def _insert(masker: Masker) -> Insert:
    return insert(MaskingKey).values(id=1, fingerprint=masker.fingerprint, rules=masker.rules.fingerprints())
