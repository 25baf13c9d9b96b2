"""The report: of the changes that were committed in a Prefect server's database, which did the server tell?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.errors import Conflict, NotSupported
from app.models import EventRow, Source
from app.settings import Settings
from app.sources.attachment import require_same_database
from app.sources.foreign import LONGEST_STATEMENT_SECONDS, connect, parse_url, transaction
from app.sources.known import find_source
from app.sources.masking import make_kind_masker
from app.sources.profile_file import parse_profile
from app.sources.report.matching import CLOSE, Pair, Problem, match
from app.sources.report.reading import (
    read_end,
    read_events,
    read_first_look,
    read_held,
    read_oldest,
    read_tellings,
    read_told_names,
)
from app.sources.report.result import Counts, Finding, Report, WrongField
from app.sources.report.tellings import Change, Telling, changes_of
from app.sources.sealing import unseal

PREFECT: Final = "prefect"
SETTLED: Final = timedelta(seconds=30)
"""A change is judged after this time. Prefect stores its events some seconds after they happened."""


def make_report(session: Session, settings: Settings, name: str, since: datetime) -> Report:
    """Compare what the server of this source told with what was committed.

    It begins when the source was attached, if that is later, and ends before changes that may still be on their way.

    Raises:
        NotFound: there is no such source.
        Conflict: it is detached, or nothing can be judged yet.
        NotSupported: it is no Prefect server.
        SourceUnavailable: its database does not answer.
    """
    source = find_source(session, name)
    profile = parse_profile(source.profile)
    if profile.name != PREFECT:
        raise NotSupported(f"Only Prefect servers have such events, and {name} has the profile {profile.name}.")
    if source.url is None:
        raise Conflict(f"{name} is detached. Its database has the events of the server.")
    maskers = {kind: make_kind_masker(settings, declared) for kind, declared in profile.kinds.items()}
    url = parse_url(unseal(source.url, settings.masking_key))
    with connect(url) as connection, transaction(connection, LONGEST_STATEMENT_SECONDS, consistent=True):
        require_same_database(connection, source)
        until = min(read_end(connection, source, SETTLED), read_held(session, source))
        since = max(since, source.attached, read_first_look(session, source) or since)
        if since >= until:
            raise Conflict(
                f"Nothing can be judged yet: the changes of the last {SETTLED.seconds} seconds are left out."
            )
        tellings = list(read_tellings(connection, maskers, since - CLOSE, until + CLOSE))
        known, oldest = read_told_names(connection, list(profile.kinds)), read_oldest(connection)
    events = read_events(session, source, since - CLOSE, until + CLOSE)
    pairs, not_judged = _judged(events, tellings, since, until)
    return _summarize(source, since, until, pairs, not_judged, known, oldest)


def _judged(
    events: Sequence[EventRow], tellings: Sequence[Telling], since: datetime, until: datetime
) -> tuple[list[Pair], int]:
    """Return the pairs in this time, and the number of events that cannot be judged."""
    changes = [
        change
        for event in events
        if event.event.endswith((".created", ".updated", ".deleted"))
        for change in changes_of(event)
    ]
    pairs = [pair for pair in match(changes, tellings) if since <= _at(pair) <= until]
    lapses = _lapses(events)
    open_ones = [pair for pair in pairs if pair.problem == "invented" and _passed_by(pair, lapses)]
    return [pair for pair in pairs if pair not in open_ones], len(open_ones)


def _lapses(events: Iterable[EventRow]) -> dict[str, datetime]:
    """Return the last time at which something had passed by the triggers, by resource id in Prefect."""
    return {
        "prefect." + event.resource_id.split(".", 2)[2]: event.occurred
        for event in events
        if event.event.endswith(".resynced")
    }


def _passed_by(pair: Pair, lapses: dict[str, datetime]) -> bool:
    return pair.told is not None and pair.told.resource in lapses and pair.told.at <= lapses[pair.told.resource]


def _at(pair: Pair) -> datetime:
    return _one(pair).at


def _one(pair: Pair) -> Change | Telling:
    one = pair.change or pair.told
    assert one is not None, "a pair has at least one side"
    return one


def _summarize(
    source: Source,
    since: datetime,
    until: datetime,
    pairs: Sequence[Pair],
    not_judged: int,
    known: set[str],
    oldest: datetime | None,
) -> Report:
    by_event: dict[str, Counter[str]] = {}
    for pair in pairs:
        counter = by_event.setdefault(_one(pair).event, Counter())
        counter["changes"] += pair.change is not None and pair.problem != "twice"
        counter["told"] += pair.change is not None and pair.problem in (None, "wrong")
        counter[pair.problem or "right"] += 1
    total = sum(by_event.values(), Counter())
    counted = ("changes", "told", "lost", "invented", "twice", "wrong")
    return Report(
        source=source.name,
        since=since,
        until=until,
        **{name: total[name] for name in counted},
        not_judged=not_judged,
        oldest_event=oldest,
        counts=tuple(
            Counts(event, **{name: counter[name] for name in counted}, is_known=event in known)
            for event, counter in sorted(by_event.items())
        ),
        findings=tuple(_finding(pair, pair.problem) for pair in sorted(pairs, key=_at) if pair.problem is not None),
    )


def _finding(pair: Pair, problem: Problem) -> Finding:
    change, told, one = pair.change, pair.told, _one(pair)
    return Finding(
        problem=problem,
        event=one.event,
        resource=one.resource,
        name=one.name,
        at=one.at,
        change=None if change is None else change.id,
        position=None if change is None else change.position,
        told=None if told is None else told.id,
        told_before=None if pair.first is None else pair.first.id,
        fields=() if change is None else tuple(sorted(change.updates)),
        wrong=tuple(WrongField(*field) for field in pair.wrong),
    )
