"""Finds the operation that caused each event."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.chaos.facts import QUEUE, EventFact, agrees
from tests.chaos.ledger import CREATING, Operation
from tests.chaos.report import Finding
from tests.chaos.verdict.tokens import new_tokens, tokens_in
from tests.chaos.verdict.without_token import FLOW_LABEL, SHARED, Cause, causes_of, causes_without_token, is_consequence


class Causes:
    """The operations, and the events assigned to each so far."""

    def __init__(self, operations: Iterable[Operation], events: Iterable[EventFact]) -> None:
        """Index all operations and events of the run."""
        self.by_token: Mapping[str, Operation] = {operation.token: operation for operation in operations}
        self.events_by_token: defaultdict[str, list[EventFact]] = defaultdict(list)
        """By token."""
        self.explained: Counter[Cause] = Counter()
        """How many events were explained by which cause."""
        self._pool_of = {event.subject: event.pool for event in events if event.kind == QUEUE}
        self._possible: Counter[Cause] = Counter()
        for operation in self.by_token.values():
            for verb, target in causes_of(operation):
                # A change of priority names its own queue; the other queues that it moves are in the same pool.
                place = self._pool_of.get(target, target) if verb == "move" else target
                self._possible[verb, place] += operation.effects

    def explain(self, event: EventFact, state: Mapping[str, Any]) -> Iterator[Finding]:
        """Assign an event to its operation, or report that it has none; `state` is the state after the event."""
        if is_consequence(event):
            return
        tokens = new_tokens(event) if event.what in {"created", "updated"} else set()
        if not tokens:
            if not self._explain_without_token(event, state):
                yield Finding("phantom", f"nobody caused {event}, which changes {sorted(event.updates)}")
        elif len(tokens) > 1 or not tokens <= self.by_token.keys():
            yield Finding("phantom", f"no operation of the run caused {event}, which brings in {sorted(tokens)}")
        else:
            operation = self.by_token[tokens.pop()]
            self.events_by_token[operation.token].append(event)
            yield from _compare(operation, event, state)

    def _explain_without_token(self, event: EventFact, state: Mapping[str, Any]) -> bool:
        for cause in causes_without_token(event, self._pool_of):
            # `judge_lives` finds repeated deletions; deleting a flow deletes all of its deployments.
            any_number = cause[0] in SHARED or event.what == "deleted"
            if self.explained[cause] < self._possible[cause] or (any_number and self._possible[cause]):
                self.explained[cause] += 1
                return True
        for token in tokens_in(event.kind, state):
            operation = self.by_token.get(token)
            # A repeated try, after others changed some of the same fields, adds no new token.
            if (
                operation is not None
                and operation.effects > len(self.events_by_token[token])
                and operation.fields >= event.updates.keys()
                and event.what == "updated"
            ):
                self.events_by_token[token].append(event)
                return True
        return False


def _compare(operation: Operation, event: EventFact, state: Mapping[str, Any]) -> Iterator[Finding]:
    if operation.targets and _about(operation, event, state) not in operation.targets:
        yield Finding("phantom", f"{operation.token} was about {operation.targets}, but there is {event}")
    if event.what == "updated" and not operation.fields >= event.updates.keys():
        more = sorted(event.updates.keys() - operation.fields)
        yield Finding("phantom", f"{event} changes {more}, which {operation.token} did not ask for")
    if event.what == "created" and operation.verb not in CREATING:
        yield Finding("phantom", f"{operation.token} created nothing, but there is {event}")
    for name, value in operation.values.items():
        # The order of tags does not matter: the stored order stays if only the order differs.
        same = set(state.get(name) or ()) == set(value) if name == "tags" else agrees(state.get(name), value)
        if not same:
            yield Finding("lost", f"{operation.token} set {name} to {value!r}, after {event} it is {state.get(name)!r}")


def _about(operation: Operation, event: EventFact, state: Mapping[str, Any]) -> str:
    """Return the id that the operation must have named: the parent of a new resource, or the changed one."""
    if operation.verb == "upsert":
        return str((state.get("labels") or {}).get(FLOW_LABEL))
    return event.pool if operation.verb == "create-queue" else event.subject
