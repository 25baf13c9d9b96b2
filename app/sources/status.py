"""The status of sources: what our database knows, and what waits in theirs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import AppError
from app.models import Source, SourceResource
from app.sources.attachment import require_same_database
from app.sources.foreign import APPLICATION, connect, parse_url, transaction
from app.sources.held import count_held
from app.sources.profile_file import parse_profile
from app.sources.sealing import unseal
from app.sources.verification import Verification, find_verification

WAITING: Final = """
SELECT count(*), extract(epoch FROM clock_timestamp() - min(at))::float8,
       pg_total_relation_size('aftercommit.row_change')
FROM aftercommit.row_change
WHERE pg_visible_in_snapshot(xid, coalesce(%s::pg_snapshot, '1:1:')) IS NOT TRUE
"""

# Who has inserted into the table and not committed. Only some roles see more of others than their process.
HOLDING: Final = """
SELECT pid, usename::text, application_name, state, extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE relation = 'aftercommit.row_change'::regclass AND mode = 'RowExclusiveLock' AND granted
  AND application_name IS DISTINCT FROM %s
ORDER BY xact_start, pid LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What our database knows of a source.

    `state` is `attached`, `paused` or `detached`. `resources` counts those that exist. `moved` is the time of the last
    batch. `error` is that of the last try, if it failed, and `failing_since` the time of the first failure in a row.
    `held` counts the changes that could not be moved, or wait for one that could not; `parked` those of them that wait
    for an operator.
    """

    name: str
    state: str
    profile: str
    url: str
    resources: int
    attached: datetime
    moved: datetime | None
    error: str | None
    failing_since: datetime | None
    held: int
    parked: int


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction of the source's database that holds back its own changes: it has not committed them.

    What our role may not see is None.
    """

    pid: int
    role: str | None
    application: str | None
    state: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in the database of a source: row changes, the age of the oldest in seconds, and the table's bytes.

    `open_transactions` are the oldest ones that hold back changes; theirs are not among the row changes.
    """

    row_changes: int
    oldest_seconds: float | None
    bytes: int
    open_transactions: tuple[OpenTransaction, ...]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source, what waits in its database, and its latest verification without the differences.

    `problem` says why what waits is not known.
    """

    summary: SourceSummary
    waiting: Waiting | None
    problem: str | None
    verification: Verification | None


def summarize(session: Session, source: Source) -> SourceSummary:
    """Return what our database knows of this source."""
    counts = count_held(session, source.id)
    return SourceSummary(
        name=source.name,
        state="detached" if source.detached is not None else "paused" if source.paused is not None else "attached",
        profile=parse_profile(source.profile).name,
        url=source.shown_url,
        resources=count_resources(session, source),
        attached=source.attached,
        moved=source.moved,
        error=source.error,
        failing_since=source.failing_since,
        held=counts.held,
        parked=counts.parked,
    )


def count_resources(session: Session, source: Source) -> int:
    """Return how many resources of this source exist, as the log tells."""
    exists = SourceResource.source_id == source.id, SourceResource.fields.is_not(None)
    return session.scalar(select(func.count()).select_from(SourceResource).where(*exists)) or 0


def read_waiting(source: Source, masking_key: SecretStr) -> Waiting:
    """Return what waits in the database of an attached source.

    Raises:
        SourceUnavailable: it does not answer, or is another database.
        WrongMaskingKey: its URL was stored with another masking key.
    """
    assert source.url is not None, "an attached source has a URL"
    with connect(parse_url(unseal(source.url, masking_key))) as connection, transaction(connection):
        require_same_database(connection, source)
        row = connection.execute(WAITING, (source.moved_until,)).fetchone()
        holding = connection.execute(HOLDING, (APPLICATION,)).fetchall()
    assert row is not None, "an aggregate has one row"
    return Waiting(row[0], row[1], row[2], tuple(OpenTransaction(*columns) for columns in holding))


def read_status(session: Session, source: Source, masking_key: SecretStr) -> SourceStatus:
    """Return all that is known of a source. A database that cannot be looked into is a `problem`, and no error."""
    waiting, problem = None, None
    if source.detached is None:
        try:
            waiting = read_waiting(source, masking_key)
        except AppError as error:
            problem = str(error)
    return SourceStatus(summarize(session, source), waiting, problem, find_verification(session, source, listed=0))
