"""Compares the log with the model and with the tables of the source: a pure verdict."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.chaos.report import Finding
from tests.chaos.source.fleet import NAME

Key = tuple[str, str]

MASKED: Final = "$masked"
"""The only key of a value that is masked in our log."""

OWN: Final = {"deployment": "description", "work-pool": "description", "flow": "labels", "concurrency-limit": "limit"}
"""The field of each kind in which the writers leave their marks."""
MARK: Final = re.compile(r"[wh]\d*-\d+")
"""What a mark looks like. Events of the server's own changes have none."""


@dataclass(frozen=True)
class Committed:
    """A change of a resource, as the model has it."""

    mark: str
    operation: str
    own: bool
    schedules: bool


@dataclass(frozen=True)
class Told:
    """An event: which marks are new in the resource's own row and in its schedules."""

    position: int
    operation: str
    own: str | None
    schedules: frozenset[str]

    @property
    def marks(self) -> set[str]:
        """All of them."""
        return {*self.schedules, *([] if self.own is None else [self.own])}


@dataclass(frozen=True)
class EventLine:
    """An event of the source in our log."""

    position: int
    kind: str
    key: str
    operation: str
    payload: Mapping[str, Any]


def parse(position: int, event: str, resource_id: str, payload: Mapping[str, Any]) -> EventLine:
    """Take an event's row apart."""
    kind, _, key = resource_id.removeprefix(f"aftercommit.{NAME}.").partition(".")
    return EventLine(position, kind, key, event.rpartition(".")[2], payload)


def judge_model(model: Mapping[Key, Sequence[Committed]], events: Sequence[EventLine]) -> Iterator[Finding]:
    """Yield what is wrong with the changes of the writers."""
    told: defaultdict[Key, list[Told]] = defaultdict(list)
    for event in events:
        told[event.kind, event.key].append(_told(event))
    for key, changes in model.items():
        yield from _judge(f"{key[0]} {key[1]}", changes, [one for one in told[key] if one.operation != "observed"])
    for key in told.keys() - model.keys():
        for one in told[key]:
            if found := [mark for mark in one.marks if mark.startswith("w") and MARK.fullmatch(mark)]:
                yield Finding("phantom", f"{key[0]} {key[1]}: {found} at {one.position} was never committed")


def judge_requests(
    sent: Mapping[str, Sequence[str]], acknowledged: set[str], events: Sequence[EventLine]
) -> Iterator[Finding]:
    """Yield what is wrong with the changes over HTTP. One that was not acknowledged may be committed or not."""
    for key, marks in sent.items():
        told = [_told(event) for event in events if event.key == key]
        seen = [one.own for one in told if one.own is not None and MARK.fullmatch(one.own)]
        changes = [
            Committed(mark, "updated", own=True, schedules=False) for mark in marks if mark in {*acknowledged, *seen}
        ]
        real = [one for one in told if one.own in seen or one.operation not in ("created", "observed", "updated")]
        yield from _judge(f"deployment {key} over HTTP", changes, real)


def _judge(name: str, changes: Sequence[Committed], told: Sequence[Told]) -> Iterator[Finding]:
    expected = {change.mark: change for change in changes}
    seen = Counter(mark for one in told for mark in one.marks if one.operation != "deleted")
    deleted = sum(one.operation == "deleted" for one in told)
    for mark in expected.keys() - seen.keys() - {"deleted"}:
        yield Finding("lost", f"{name}: {mark} has no event")
    for mark in seen.keys() - expected.keys():
        yield Finding("phantom", f"{name}: an event has {mark}, which was not committed")
    for mark, count in seen.items():
        if count > 1:
            yield Finding("duplicated", f"{name}: {mark} has {count} events")
    if deleted != ("deleted" in expected):
        yield Finding("lost" if not deleted else "phantom", f"{name}: {deleted} events of its deletion")
    for one in told:
        if len(one.marks) > 1 and one.operation != "deleted":
            yield Finding("lost", f"{name}: the event at {one.position} has several changes: {sorted(one.marks)}")
        if one.operation == "resynced":
            yield Finding("disordered", f"{name}: the event at {one.position} says that a change was not captured")
        elif not one.marks and one.operation != "deleted":
            yield Finding("phantom", f"{name}: the event at {one.position} has no change")
    yield from _judge_order(name, expected, told)


def _judge_order(name: str, expected: Mapping[str, Committed], told: Sequence[Told]) -> Iterator[Finding]:
    """The changes of one row must be told in the order of their commits. Those of two rows need no order."""
    told_own = [one.own for one in told if one.own in expected]
    told_schedules = [mark for one in told for mark in one.schedules if mark in expected]
    own = [mark for mark, change in expected.items() if change.own and mark in told_own]
    schedules = [mark for mark, change in expected.items() if change.schedules and mark in told_schedules]
    for what, right, found in (("its row", own, told_own), ("its schedules", schedules, told_schedules)):
        if list(dict.fromkeys(found)) != right:
            yield Finding("disordered", f"{name}: the changes of {what} are told as {found[:5]}..., not {right[:5]}...")
    if any(one.operation == "deleted" for one in told[:-1]):
        yield Finding("disordered", f"{name}: events follow that of its deletion")


def judge_states(
    states: Mapping[Key, Mapping[str, Any]], judged: set[Key], events: Sequence[EventLine]
) -> Iterator[Finding]:
    """Yield the resources whose rows are not what the events add up to."""
    folded: dict[Key, dict[str, Any] | None] = {}
    for event in events:
        key = (event.kind, event.key)
        if "updates" in event.payload:
            new = {name: change["to"] for name, change in event.payload["updates"].items()}
            folded[key] = {**(folded.get(key) or {}), **new}
        else:
            is_gone = event.operation == "deleted" or event.payload.get("exists") is False
            folded[key] = None if is_gone else dict(event.payload.get("fields", {}))
    for key in judged:
        ours, theirs = folded.get(key), states.get(key)
        if (ours is None) != (theirs is None) or not _agree(ours, theirs):
            yield Finding("lost", f"{key[0]} {key[1]}: the events add up to {ours}, and the tables have {theirs}")


def _agree(ours: Any, theirs: Any) -> bool:
    """Return whether a value of ours is theirs; lists in any order. What is masked cannot be compared."""
    if isinstance(ours, dict) and ours.keys() == {MASKED}:
        return True
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_agree(ours[name], theirs[name]) for name in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        left = list(theirs)
        for each in ours:
            found = next((other for other in left if _agree(each, other)), MASKED)
            if found is MASKED:
                return False
            left.remove(found)
        return not left
    return bool(ours == theirs)


def _told(event: EventLine) -> Told:
    payload, field = event.payload, OWN.get(event.kind, "")
    if "updates" in payload:
        updates = payload["updates"]
        own = _mark(updates[field]["to"]) if field in updates else None
        change = updates.get("schedules", {"from": [], "to": []})
        schedules = frozenset(_marks(change["to"])) - frozenset(_marks(change["from"]))
    else:
        fields = payload.get("fields", {})
        own, schedules = _mark(fields.get(field)), frozenset(_marks(fields.get("schedules", [])))
    return Told(event.position, event.operation, own, schedules)


def _mark(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("mark")
    return None if value is None else str(value)


def _marks(schedules: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str((schedule.get("parameters") or {}).get("mark")) for schedule in schedules]
