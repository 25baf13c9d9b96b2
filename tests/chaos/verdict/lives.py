"""Checks the history of each resource: its events against each other, and against its row or tombstone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from tests.chaos.facts import EventFact, History, RowFact, agrees
from tests.chaos.report import Finding


def judge_lives(history: History) -> Iterator[Finding]:
    """Judge every resource that has a row, a tombstone or events."""
    lives = history.lives()
    waiting = {(pending.subject, pending.revision) for pending in history.pending}
    for id_ in sorted({*lives, *history.rows, *history.tombstones}):
        row = history.rows.get(id_)
        life = lives.get(id_, [])
        last = row.revision if row is not None else history.tombstones.get(id_)
        if last is None:
            yield Finding("phantom", f"there are {len(life)} events of {id_}, which never existed")
            continue
        yield from _judge_revisions(id_, life, last, waiting)
        yield from _judge_kinds(life, last, dead=row is None)
        for earlier, later in pairwise(life):
            yield from _judge_pair(earlier, later)
        yield from _judge_diffs(life)
        if row is not None and life and life[-1].revision == row.revision:
            yield from _judge_row(row, life)


def replay(life: Sequence[EventFact]) -> dict[str, Any]:
    """Return the state that results from the events."""
    state: dict[str, Any] = {}
    for event in life:
        state = after(state, event)
    return state


def after(state: dict[str, Any], event: EventFact) -> dict[str, Any]:
    """Return the state after one more event."""
    if event.what == "created":
        return dict(event.fields)
    return {**state, **{name: update.get("to") for name, update in event.updates.items()}}


def _judge_revisions(
    id_: str, life: Sequence[EventFact], last: int, waiting: set[tuple[str, int]]
) -> Iterator[Finding]:
    logged = Counter(event.revision for event in life)
    for revision in range(1, last + 1):
        # `judge_outbox` reports snapshots that are still in the outbox.
        if revision not in logged and (id_, revision) not in waiting:
            yield Finding("lost", f"{id_} has no event for revision {revision} of {last}")
    for event in life:
        if event.revision is None or event.revision > last:
            yield Finding("phantom", f"{id_} got no further than revision {last}, but there is {event}")
    for known, count in logged.items():
        if count > 1:
            yield Finding("duplicated", f"{id_} has {count} events for revision {known}")


def _judge_kinds(life: Sequence[EventFact], last: int, *, dead: bool) -> Iterator[Finding]:
    for event in life:
        if (event.what == "created") != (event.revision == 1):
            yield Finding("phantom", f"only revision 1 is a creation, but there is {event}")
        if (event.what == "deleted") != (dead and event.revision == last):
            yield Finding("phantom", f"{event}, of something that is {'dead' if dead else 'alive'} at {last}")


def _judge_pair(earlier: EventFact, later: EventFact) -> Iterator[Finding]:
    if later.position <= earlier.position:
        yield Finding("disordered", f"{later} does not come after {earlier}")
    if later.occurred <= earlier.occurred:
        yield Finding("disordered", f"{later} occurred no later than {earlier}")
    if later.revision == (earlier.revision or 0) + 1 and later.follows != earlier.id:
        yield Finding("disordered", f"{later} follows {later.follows}, not {earlier.id}")


def _judge_diffs(life: Sequence[EventFact]) -> Iterator[Finding]:
    """Check that each change starts from the previous state and changes something."""
    state: dict[str, Any] = {}
    unbroken = 1
    for event in life:
        # After a gap the state is unknown; `_judge_revisions` reports the gap.
        if event.revision == unbroken:
            unbroken += 1
            yield from _judge_start(event, state)
        for name, update in event.updates.items():
            if agrees(update.get("from"), update.get("to"), masked=False):
                yield Finding("phantom", f"{event} does not change {name}")
        if event.what == "updated" and not event.updates:
            yield Finding("phantom", f"{event} changes nothing")
        state = after(state, event)


def _judge_start(event: EventFact, state: dict[str, Any]) -> Iterator[Finding]:
    starts = {name: update.get("from") for name, update in event.updates.items()}
    if event.what == "deleted":
        starts = dict(event.fields)
    for name, value in starts.items():
        if not agrees(value, state.get(name), masked=False):
            yield Finding("disordered", f"{event} starts {name} from {value!r}, it was {state.get(name)!r}")
    if event.revision == 1 and event.follows is not None:
        yield Finding("disordered", f"{event} is the first and follows {event.follows}")


def _judge_row(row: RowFact, life: Sequence[EventFact]) -> Iterator[Finding]:
    if row.event_id != life[-1].id:
        yield Finding("disordered", f"{row.id} names event {row.event_id} as its last, the log has {life[-1].id}")
    logged = replay(life)
    for name, value in row.state.items():
        if name not in logged or not agrees(logged[name], value):
            yield Finding("lost", f"{row.id} has {name} {value!r}, its events lead to {logged.get(name)!r}")
