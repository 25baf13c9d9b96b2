"""Finds for each event the operation that caused it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tests.chaos.facts import EventFact, agrees
from tests.chaos.ledger import CARRYING, Operation
from tests.chaos.report import Finding
from tests.chaos.verdict.tokens import new_tokens, schedule_ids, tokens_in

FLOW_LABEL: Final = "prefect.flow.id"
LIMIT: Final = frozenset({"concurrency_limit", "concurrency_limit_id"})
READINESS: Final = frozenset({"ready", "not-ready"})
"""Time causes these, and workers that ask for work: no operation does."""

Cause = tuple[str, str]
"""For an operation that leaves no token: what it did to which id."""


class Causes:
    """The operations, and the events that each of them has been given so far."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Take all operations of the run."""
        self.by_token: Mapping[str, Operation] = {operation.token: operation for operation in operations}
        self.told: defaultdict[str, list[EventFact]] = defaultdict(list)
        """By token."""
        self.silent: Counter[Cause] = Counter()
        """How many events were explained by which cause."""
        self._possible: Counter[Cause] = Counter()
        for operation in self.by_token.values():
            for cause in causes_of(operation):
                self._possible[cause] += operation.effects

    def explain(self, event: EventFact, state: Mapping[str, Any]) -> Iterator[Finding]:
        """Give an event to its operation; `state` is the one after it. Say so when it has none."""
        if event.what in READINESS:
            return
        if event.what == "deleted":
            flow = str((event.fields.get("labels") or {}).get(FLOW_LABEL))
            if not self._possible["delete", event.subject] and not self._possible["delete-flow", flow]:
                yield Finding("phantom", f"nobody deleted what {event} tells")
            return
        tokens = new_tokens(event)
        if not tokens:
            if not self._explain_silently(event, state):
                yield Finding("phantom", f"nobody caused {event}, which changes {sorted(event.updates)}")
        elif len(tokens) > 1 or not tokens <= self.by_token.keys():
            yield Finding("phantom", f"no operation of the run caused {event}, which brings in {sorted(tokens)}")
        else:
            operation = self.by_token[tokens.pop()]
            self.told[operation.token].append(event)
            yield from _compare(operation, event, state)

    def _explain_silently(self, event: EventFact, state: Mapping[str, Any]) -> bool:
        for cause in _silent_causes(event):
            # The deletion of a limit changes any number of deployments, but each of them once.
            if self.silent[cause] < self._possible[cause] or (cause[0] == "delete-limit" and self._possible[cause]):
                self.silent[cause] += 1
                return True
        for token in tokens_in(state):
            operation = self.by_token.get(token)
            # A try that arrives again, after others changed some of the same fields, brings in no token.
            if (
                operation is not None
                and operation.effects > len(self.told[token])
                and operation.fields >= event.updates.keys()
            ):
                self.told[token].append(event)
                return True
        return False


def causes_of(operation: Operation) -> list[Cause]:
    """Return what an operation that leaves no token may have caused."""
    if operation.verb in CARRYING:
        return []
    verb = "delete" if operation.verb == "bulk-delete" else operation.verb
    return [(verb, target) for target in operation.targets]


def _silent_causes(event: EventFact) -> Iterator[Cause]:
    changed = event.updates.keys()
    if changed == {"paused"}:
        yield ("pause" if event.updates["paused"]["to"] else "resume"), event.subject
    if changed == {"schedules"}:
        before, after = (schedule_ids(event.updates["schedules"][side]) for side in ("from", "to"))
        if after < before and len(before - after) == 1:
            yield "remove-schedule", (before - after).pop()
    if changed <= LIMIT and all(update["to"] is None for update in event.updates.values()):
        yield "delete-limit", str(event.updates.get("concurrency_limit_id", {}).get("from"))


def _compare(operation: Operation, event: EventFact, state: Mapping[str, Any]) -> Iterator[Finding]:
    flow = (state.get("labels") or {}).get(FLOW_LABEL)
    if (flow if operation.verb == "upsert" else event.subject) not in operation.targets:
        yield Finding("phantom", f"{operation.token} was about {operation.targets}, but there is {event}")
    if event.what == "updated" and not operation.fields >= event.updates.keys():
        more = sorted(event.updates.keys() - operation.fields)
        yield Finding("phantom", f"{event} changes {more}, which {operation.token} did not ask for")
    if event.what == "created" and operation.verb != "upsert":
        yield Finding("phantom", f"{operation.token} created nothing, but there is {event}")
    for name, value in operation.values.items():
        # The order of tags is nothing, so the stored order stays when only that differs.
        same = set(state.get(name) or ()) == set(value) if name == "tags" else agrees(state.get(name), value)
        if not same:
            yield Finding("lost", f"{operation.token} set {name} to {value!r}, after {event} it is {state.get(name)!r}")
