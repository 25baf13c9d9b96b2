"""The checks after every step: the log and the outbox together hold the model's histories, in order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import EventLog, EventRow, SnapshotRow
from app.schemas.event import RESOURCE_ID
from tests.integration.model.histories import ATTEMPTS, Entry, History, Registry
from tests.integration.model.rows import read_rows
from tests.integration.model.states import known_part, plain


def check_everything(session: Session, registry: Registry) -> None:
    """Compare the whole database with the model."""
    events = session.scalars(select(EventRow).order_by(EventRow.position)).all()
    snapshots = session.scalars(select(SnapshotRow).order_by(SnapshotRow.sequence)).all()
    head = session.scalars(select(EventLog.position)).one()
    assert [event.position for event in events] == list(range(1, head + 1)), "positions are dense up to the head"
    assert len({event.id for event in events}) == len(events)
    logged, waiting = _by_resource(events, snapshots)
    assert logged.keys() | waiting.keys() <= registry.histories.keys(), "nothing is invented"
    for id_, history in registry.histories.items():
        _check_history(history, logged.get(id_, []), waiting.get(id_, []))
    _check_causes(registry.histories.values(), events, snapshots)
    _check_rows(session, registry)


def copy_progress(session: Session, histories: Sequence[History]) -> None:
    """Copy an interrupted worker's progress into the model; the checks decide later whether it is valid."""
    for history in histories:
        is_of = EventRow.resource_id == f"prefect.{history.kind}.{history.id}"
        logged = session.scalars(select(func.count()).select_from(EventRow).where(is_of)).one()
        for entry in history.entries[:logged]:
            entry.is_logged = True
        held = session.scalars(select(SnapshotRow).where(SnapshotRow.resource_id == history.id)).all()
        failed = {row.revision: row for row in held if row.attempts}
        for entry in history.pending[:1]:
            if entry.revision in failed and failed[entry.revision].attempts == entry.attempts + 1:
                entry.attempts, entry.is_due = entry.attempts + 1, False
                entry.is_parked = entry.attempts == ATTEMPTS


def _by_resource(
    events: Sequence[EventRow], snapshots: Sequence[SnapshotRow]
) -> tuple[dict[UUID, list[EventRow]], dict[UUID, list[SnapshotRow]]]:
    logged: dict[UUID, list[EventRow]] = {}
    waiting: dict[UUID, list[SnapshotRow]] = {}
    for event in events:
        logged.setdefault(UUID(event.resource[RESOURCE_ID].rpartition(".")[2]), []).append(event)
    for snapshot in snapshots:
        waiting.setdefault(snapshot.resource_id, []).append(snapshot)
    return logged, waiting


def _check_history(history: History, events: Sequence[EventRow], snapshots: Sequence[SnapshotRow]) -> None:
    """The log holds the first part of the history and the outbox the rest: no loss, no duplicates, in order."""
    logged_events = [(event.id, event.revision, event.event) for event in events]
    held = [(row.id, row.revision, row.operation) for row in snapshots]
    logged_entries = [entry for entry in history.entries if entry.is_logged]
    assert logged_entries == history.entries[: len(logged_entries)]
    assert logged_events == [(entry.id, entry.revision, _event_name(history.kind, entry)) for entry in logged_entries]
    assert {event.resource_id for event in events} <= {f"prefect.{history.kind}.{history.id}"}
    assert {row.kind for row in snapshots} <= {history.kind}
    assert held == [(entry.id, entry.revision, entry.operation) for entry in history.pending]
    ids = [entry.id for entry in history.entries]
    follows = [None, *ids[:-1]]
    assert [event.follows for event in events] + [row.follows for row in snapshots] == follows
    for row, entry in zip(snapshots, history.pending, strict=True):
        assert (row.attempts, row.parked is not None) == (entry.attempts, entry.is_parked)
        assert row.skip_reason == entry.skip_reason
    times = [event.occurred for event in events] + [row.occurred for row in snapshots]
    assert times == sorted(set(times))
    _check_states(history, events, snapshots)


def _event_name(kind: str, entry: Entry) -> str:
    return f"prefect.{kind}.{entry.operation}" if entry.skip_reason is None else f"aftercommit.{kind}.skipped"


def _check_causes(histories: Iterable[History], events: Sequence[EventRow], snapshots: Sequence[SnapshotRow]) -> None:
    """No change occurs before its cause; if both are in the outbox, the cause also comes first there."""
    occurred = {event.id: event.occurred for event in events} | {row.id: row.occurred for row in snapshots}
    places = {row.id: row.sequence for row in snapshots}
    for effect in (entry for history in histories for entry in history.entries):
        for cause in effect.causes:
            assert cause.id is not None
            assert effect.id is not None
            assert occurred[cause.id] < occurred[effect.id], f"{cause} is the cause of {effect}"
            if {cause.id, effect.id} <= places.keys():
                assert places[cause.id] < places[effect.id], f"{cause} is the cause of {effect}"


def _check_states(history: History, events: Sequence[EventRow], snapshots: Sequence[SnapshotRow]) -> None:
    """Every change starts from the state that the previous one left, and leads to the state in the model."""
    kind, entries = history.kind, history.entries
    state: dict[str, Any] | None = None
    for entry, event in zip(entries, events, strict=False):
        if entry.skip_reason is not None:
            # A `skipped` event has only the reason; the log does not show the state after it.
            assert event.payload["skipped"]["reason"] == entry.skip_reason
            state = None
            continue
        state = _state_after(event, state)
        _assert_same(kind, state, entry)
    for entry, row in zip(entries[len(events) :], snapshots, strict=True):
        if state is not None:
            assert row.before == state
        state = row.after
        _assert_same(kind, state, entry)


def _state_after(event: EventRow, state: dict[str, Any] | None) -> dict[str, Any] | None:
    payload = event.payload
    if "fields" in payload:
        if event.event.endswith(".deleted"):
            assert state is None or payload["fields"] == state
            return None
        assert state is None
        fields: dict[str, Any] = payload["fields"]
        return fields
    assert payload["updated_fields"] == sorted(payload["updates"])
    assert payload["updates"]
    if state is None:
        return None
    for field, change in payload["updates"].items():
        assert plain(change["from"]) == plain(state[field])
        assert plain(change["from"]) != plain(change["to"])
    return {**state, **{field: change["to"] for field, change in payload["updates"].items()}}


def _assert_same(kind: str, state: Mapping[str, Any] | None, entry: Entry) -> None:
    if state is None:
        # Deleted, or unknown after a skipped change.
        return
    assert entry.after is not None
    assert plain(known_part(kind, state)) == plain(entry.after)


def _check_rows(session: Session, registry: Registry) -> None:
    """The existing resources are those of the model, with the same revision and state."""
    found = read_rows(session)
    assert found.keys() == registry.alive.keys()
    for key, living in registry.alive.items():
        row = found[key]
        last = registry.histories[living.id].entries[-1]
        assert (row["id"], row["revision"], row["event_id"]) == (living.id, living.revision, last.id)
        assert plain(known_part(key[0], row)) == plain(living.state)
