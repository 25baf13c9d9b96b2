"""The status of sources: what our database knows, and what waits in theirs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Source, SourceResource
from app.sources.attachment import require_same_database
from app.sources.foreign import connect, parse_url, transaction
from app.sources.held import count_held
from app.sources.profile_file import parse_profile
from app.sources.sealing import unseal

WAITING: Final = """
SELECT count(*), extract(epoch FROM clock_timestamp() - min(at))::float8,
       pg_total_relation_size('aftercommit.row_change')
FROM aftercommit.row_change
WHERE pg_visible_in_snapshot(xid, coalesce(%s::pg_snapshot, '1:1:')) IS NOT TRUE
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
class Waiting:
    """What waits in the database of a source: row changes, the age of the oldest in seconds, and the table's bytes."""

    row_changes: int
    oldest_seconds: float | None
    bytes: int


def summarize(session: Session, source: Source) -> SourceSummary:
    """Return what our database knows of this source."""
    exists = SourceResource.fields.is_not(None)
    of_source = SourceResource.source_id == source.id
    resources = session.scalar(select(func.count()).select_from(SourceResource).where(of_source, exists))
    counts = count_held(session, source.id)
    return SourceSummary(
        name=source.name,
        state="detached" if source.detached is not None else "paused" if source.paused is not None else "attached",
        profile=parse_profile(source.profile).name,
        url=source.shown_url,
        resources=resources or 0,
        attached=source.attached,
        moved=source.moved,
        error=source.error,
        failing_since=source.failing_since,
        held=counts.held,
        parked=counts.parked,
    )


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
    assert row is not None, "an aggregate has one row"
    return Waiting(*row)
