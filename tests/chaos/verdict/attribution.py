"""Checks that each event names the key and the request that made the change."""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.chaos.caller import key_name
from tests.chaos.facts import EventFact, History
from tests.chaos.ledger import Operation
from tests.chaos.report import Finding
from tests.chaos.verdict.tokens import new_tokens

BY_ITSELF: Final = "service:readiness"
"""The actor of the changes that the service makes by itself."""
STATUSES: Final = frozenset({"ready", "not-ready", "paused"})


def judge_attribution(history: History) -> Iterator[Finding]:
    """Compare the actor and the request of each event with the operation that the request was sent for."""
    operations = {operation.token: operation for operation in history.operations}
    for event in history.events:
        yield from _judge(event, operations)


def _judge(event: EventFact, operations: Mapping[str, Operation]) -> Iterator[Finding]:
    if event.actor == BY_ITSELF and event.what in STATUSES:
        return
    operation = operations.get(event.request or "")
    if operation is None:
        yield Finding("misattributed", f"{event} names no request of the run, but {event.request} by {event.actor}")
        return
    if event.actor != f"key:{key_name(operation)}":
        yield Finding("misattributed", f"{event} names {event.actor}, but {operation.token} was sent with another key")
    if event.what in {"created", "updated"} and not new_tokens(event) <= {operation.token}:
        yield Finding("misattributed", f"{event} names the request of {operation.token}, but changes what others sent")
