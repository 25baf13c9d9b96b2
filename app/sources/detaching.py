"""Pauses, resumes and detaches sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from sqlalchemy import func
from sqlalchemy.orm import Session

from app.errors import AppError, Conflict, SourceUnavailable
from app.log.acts import record_acts
from app.models import Source
from app.settings import Settings
from app.sources.acts import source_act
from app.sources.attachment import delete_moved, read_attachment, require_same_database
from app.sources.foreign import Connection, connect, parse_url, patiently, shown_url, transaction
from app.sources.held import forget_held, held_transactions
from app.sources.installation import UNINSTALL
from app.sources.known import lock_attached
from app.sources.sealing import seal, unseal

LOCK: Final = "LOCK TABLE aftercommit.row_change IN ACCESS EXCLUSIVE MODE"
COUNT: Final = "SELECT count(*) FROM aftercommit.row_change"


@dataclass(frozen=True, slots=True)
class Removal:
    """What detaching has done. `lost` is the number of row changes that were not moved; None: it is not known.

    `left` says why something was left in the database of the source, if it was.
    """

    lost: int | None
    left: str | None


def pause(session: Session, settings: Settings, name: str) -> None:
    """Stop moving the changes of a source. They gather in its database.

    Raises:
        NotFound: there is no such source.
        Conflict: it is detached, or paused already.
    """
    source = lock_attached(session, name)
    if source.paused is not None:
        raise Conflict(f"{name} is paused already.")
    source.paused = func.clock_timestamp()
    record_acts(session, settings, [source_act("paused", source)])


def resume(session: Session, settings: Settings, name: str, url: str | None) -> None:
    """Move the changes of a source again, at once even if the last tries failed. `url` replaces its URL.

    Raises:
        NotFound: there is no such source.
        Conflict: it is detached.
        InvalidRequest: the URL is not valid.
        SourceUnavailable: the database at the new URL does not answer, or is another one.
    """
    source = lock_attached(session, name)
    if url is not None:
        parsed = parse_url(url)
        with connect(parsed) as connection, transaction(connection):
            require_same_database(connection, source)
        source.url, source.shown_url = seal(url, settings.masking_key), shown_url(parsed)
    source.paused = source.error = source.failing_since = source.retry_at = None
    source.failures = 0
    record_acts(session, settings, [source_act("resumed", source, has_new_url=url is not None)])


def detach(session: Session, settings: Settings, name: str, *, force: bool) -> Removal:
    """Remove everything from the database of a source, and forget its URL. Its events and revisions stay.

    With `force`, changes that were not moved are given up, and a database that cannot be reached is left as it is.

    Raises:
        NotFound: there is no such source.
        Conflict: it is detached already, or has changes that were not moved.
        SourceUnavailable: its database does not answer.
    """
    source = lock_attached(session, name)
    try:
        held = held_transactions(session, source.id)
        removal = Removal(_uninstall(source, settings.masking_key, held, force=force), None)
    except Conflict:
        raise
    except AppError as error:
        if not force:
            raise
        removal = Removal(None, str(error))
    forget_held(session, source.id)
    source.url, source.detached, source.paused = None, func.clock_timestamp(), None
    record_acts(session, settings, [source_act("detached", source, lost=removal.lost, left=removal.left)])
    return removal


def _uninstall(source: Source, masking_key: SecretStr, held: Sequence[int], *, force: bool) -> int:
    assert source.url is not None, "an attached source has a URL"
    with connect(parse_url(unseal(source.url, masking_key))) as connection:
        return patiently(connection, lambda: _uninstall_once(connection, source, held, force=force))


def _uninstall_once(connection: Connection, source: Source, held: Sequence[int], *, force: bool) -> int:
    """Lock the table of changes first, so that none comes between their count and the removal of the triggers."""
    found = read_attachment(connection)
    if found is None:
        return 0
    if found.source != source.id:
        raise SourceUnavailable(f"The database of {source.name} is attached to another source, which stays.")
    if not force:
        require_same_database(connection, source)
    connection.execute(LOCK)
    delete_moved(connection, source, held)
    row = connection.execute(COUNT).fetchone()
    waiting = row[0] if row is not None else 0
    if waiting and not force:
        raise Conflict(
            f"{waiting} row changes of {source.name} are not moved to the log yet. Wait for the workers, "
            "or give these changes up with --force."
        )
    connection.execute(UNINSTALL.encode())
    return int(waiting)
