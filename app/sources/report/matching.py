"""Finds for each committed change the event that tells it: pure functions.

The events of a Prefect server name no change. So a change and an event belong together if they are about the same
resource, have the same name and are close in time; of several, first those with the same content.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, Final, Literal

from app.capture.canonical import canonical_text
from app.log.state import is_omitted
from app.sources.report.tellings import Change, Telling, Updates

CLOSE: Final = timedelta(seconds=60)
"""How far the times of a change and of its event may be apart: the clocks differ, and a commit takes its time."""

Problem = Literal["lost", "invented", "twice", "wrong"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A change, and the event that tells it. One of them may be missing.

    `problem` is None if the event tells the change as it was. `first` is the event that told the change before.
    `wrong` has the fields that are told wrongly or left out: what was told, and what was committed.
    """

    change: Change | None
    told: Telling | None
    problem: Problem | None
    first: Telling | None = None
    wrong: tuple[tuple[str, Any, Any], ...] = ()


def match(changes: Iterable[Change], tellings: Iterable[Telling]) -> Iterator[Pair]:
    """Yield each change and each event exactly once as part of a pair, by resource and name."""

    def subject(item: Change | Telling) -> tuple[str, str]:
        return item.resource, item.event

    committed = {key: list(group) for key, group in groupby(sorted(changes, key=_order), key=subject)}
    told = {key: list(group) for key, group in groupby(sorted(tellings, key=_order), key=subject)}
    for key in sorted(committed.keys() | told.keys()):
        yield from _match_one(committed.get(key, []), told.get(key, []))


def _order(item: Change | Telling) -> tuple[Any, ...]:
    return item.resource, item.event, item.at, item.id


def _match_one(changes: list[Change], tellings: list[Telling]) -> Iterator[Pair]:
    pairs: list[tuple[Change, Telling]] = []
    for is_content_equal in (True, False):
        for told in list(tellings):
            near = [
                one for one in changes if _is_close(one, told) and (not is_content_equal or not differing(one, told))
            ]
            if near:
                change = min(near, key=lambda one: abs(one.at - told.at))
                changes.remove(change)
                tellings.remove(told)
                pairs.append((change, told))
    for change, told in pairs:
        wrong = tuple(differing(change, told))
        yield Pair(change, told, "wrong" if wrong else None, wrong=wrong)
    for told in tellings:
        again = [(change, first) for change, first in pairs if _is_close(change, told) and not differing(change, told)]
        if again:
            change, first = again[0]
            yield Pair(change, told, "twice", first=first)
        else:
            yield Pair(None, told, "invented")
    for change in changes:
        yield Pair(change, None, "lost")


def _is_close(change: Change, told: Telling) -> bool:
    return abs(change.at - told.at) <= CLOSE


def differing(change: Change, told: Telling) -> Sequence[tuple[str, Any, Any]]:
    """Return the fields in which the event does not tell the change as it was: what it tells, and what was committed.

    An event without updates can only differ in the values after the change.
    """
    if told.updates is None:
        after = {name: to for name, (_, to) in change.updates.items() if name in told.values}
        return [(name, told.values[name], to) for name, to in after.items() if not _equal(told.values[name], to)]
    names = sorted(told.updates.keys() | change.updates.keys())
    return [
        (name, told.updates.get(name), change.updates.get(name))
        for name in names
        if not _equal(_side(told.updates, name), _side(change.updates, name))
    ]


def _side(updates: Updates, name: str) -> list[Any] | None:
    return list(updates[name]) if name in updates else None


def _equal(told: Any, committed: Any) -> bool:
    """Compare as PostgreSQL does. A value that was too large for our event is not known, and so not wrong."""
    if isinstance(told, list) and isinstance(committed, list) and len(told) == len(committed):
        return all(map(_equal, told, committed))
    return is_omitted(committed) or canonical_text(told) == canonical_text(committed)
