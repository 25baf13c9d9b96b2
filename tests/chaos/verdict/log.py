"""Checks the log as a whole, its readers, and the rest of the outbox."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.facts import TRACKED, History
from tests.chaos.report import Finding

WHAT = ("created", "updated", "deleted", "ready", "not-ready", "paused")


def judge_log(history: History) -> Iterator[Finding]:
    """Check that positions run from 1 to the head, ids are unique, and every event is of a known kind."""
    expected = 1
    for event in history.events:
        if event.position != expected:
            yield Finding("disordered", f"position {expected} should come next, but there is {event}")
        expected = event.position + 1
    if history.head != expected - 1:
        yield Finding("disordered", f"the log's head says {history.head}, its last position is {expected - 1}")
    for id_, count in Counter(event.id for event in history.events).items():
        if count > 1:
            yield Finding("duplicated", f"event id {id_} is in the log {count} times")
    for event in history.events:
        kind = event.resource_id.removeprefix("prefect.").rpartition(".")[0]
        if kind not in TRACKED or event.event not in {f"prefect.{kind}.{what}" for what in WHAT}:
            yield Finding("phantom", f"nobody can have caused {event.event} of {event.resource_id}")


def judge_tails(history: History) -> Iterator[Finding]:
    """Check that each reader saw the whole log: no event was added below its position, and none vanished."""
    log = {(event.position, event.id) for event in history.events}
    for number, tail in enumerate(history.tails, start=1):
        seen = set(tail)
        for position, id_ in sorted(log - seen):
            yield Finding("disordered", f"reader {number} never saw event {id_} at position {position}")
        for position, id_ in sorted(seen - log):
            yield Finding("lost", f"reader {number} saw event {id_} at position {position}, and it is gone")


def judge_outbox(history: History) -> Iterator[Finding]:
    """Check that no snapshot is waiting or has failed."""
    for pending in history.pending:
        who = f"{pending.subject} revision {pending.revision}"
        if pending.attempts:
            word = "parked" if pending.parked else "failed"
            yield Finding("failed", f"the snapshot of {who} is {word}, {pending.attempts} attempts: {pending.error}")
        else:
            yield Finding("lost", f"the snapshot of {who} is still in the outbox")
