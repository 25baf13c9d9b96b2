"""Prints the changes and the states for `aftercommit history`."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from app.cli.diff_lines import Line, value_lines
from app.cli.diff_printing import print_labelled_value, print_lines
from app.cli.events.lines import author_of, operation_of, resource_name, summarize_changes
from app.cli.events.showing import change_lines
from app.cli.text_printing import print_text
from app.cli.times import format_time
from app.log.history import ResourceHistory
from app.log.state import Phase, State, Unknown
from app.models import EventRow


def print_history(history: ResourceHistory, events: Sequence[EventRow]) -> None:
    """Print a heading for the resource, and the given events with the fields that they changed."""
    print_text(_heading(history), style="bold")
    for event in events:
        line = f"{event.revision:>4}  {format_time(event.occurred)}  {operation_of(event)}"
        summary = summarize_changes(event)
        print_text("  ".join(part for part in (line, summary, author_of(event), f"(event {event.position})") if part))
        print_lines(_changed_fields(event), depth=2)
    print_text("")


def _heading(history: ResourceHistory) -> str:
    state = history.state()
    name = f" {resource_name(history.events[-1])}" if history.events else ""
    parts = [f"{history.resource_id}{name}: {_status(state)}"]
    if history.pending:
        parts.append(_waiting(history))
    return "; ".join(parts)


def _status(state: State) -> str:
    if state.changed is None:
        return "no event of it is in the log"
    return f"{state.phase}, revision {state.revision} of {format_time(state.changed)}"


def _waiting(history: ResourceHistory) -> str:
    return f"changes that wait for their events: {len(history.pending)}"


def _changed_fields(event: EventRow) -> Iterable[Line]:
    """Return the lines for what an event changed.

    A creation shows only its non-empty fields. A deletion shows none: earlier events have shown them.
    """
    operation = operation_of(event)
    return () if operation == "deleted" else change_lines(event, with_empty=operation != "created")


def print_state(history: ResourceHistory, state: State, at: datetime) -> None:
    """Print the state of a resource that existed at this time."""
    assert state.changed is not None, "a resource that exists has an event"
    print_labelled_value("name", resource_name(history.events[-1]))
    print_labelled_value("resource", history.resource_id)
    print_labelled_value("at", format_time(at))
    print_labelled_value("revision", f"{state.revision} of {format_time(state.changed)}")
    if history.pending:
        print_labelled_value("not included", _waiting(history))
    for field, value in sorted(state.fields.items()):
        print_lines(value_lines(field, value))


def state_as_json(history: ResourceHistory, state: State, at: datetime) -> str:
    """Return a state as one line of JSON, without fields if the resource did not exist at this time."""
    alive = state.phase is Phase.ALIVE
    unknown = {field: value for field, value in state.fields.items() if isinstance(value, Unknown)}
    fields = {field: value for field, value in sorted(state.fields.items()) if field not in unknown}
    return json.dumps(
        {
            "kind": history.kind.name,
            "name": state.name,
            "resource": history.resource_id,
            "at": format_time(at),
            "status": state.phase.value,
            "revision": state.revision,
            "changed": None if state.changed is None else format_time(state.changed),
            "waiting": len(history.pending),
            **({"fields": fields, "unknown": {f: _as_json(unknown[f]) for f in sorted(unknown)}} if alive else {}),
        },
        ensure_ascii=False,
        default=str,
    )


def _as_json(unknown: Unknown) -> dict[str, object]:
    return {"since": unknown.since, "reason": unknown.reason.value}


def print_absence(
    typed_name: str,
    histories: Sequence[ResourceHistory],
    past_states: Sequence[tuple[ResourceHistory, State]],
    at: datetime,
) -> None:
    """Print that no resource had this name at that time, and why each of `histories` does not match."""
    print_text(
        f"There was no {typed_name} at {format_time(at)}."
        if format_time(at) != "now"
        else f"There is no {typed_name} now."
    )
    for history, (past, state) in zip(histories, past_states, strict=True):
        print_text(f"{history.resource_id}: {_absence(history, past, state)}")


def _absence(history: ResourceHistory, past: ResourceHistory, state: State) -> str:
    match state.phase:
        case Phase.DELETED:
            assert state.changed is not None, "a deleted resource has an event"
            return f"it was deleted at {format_time(state.changed)}, revision {state.revision}."
        case Phase.ALIVE:
            return f"its name was {resource_name(past.events[-1])} then."
        case Phase.NOT_CREATED if past.pending:
            return f"it existed, but is not in the log yet; {_waiting(past)}."
        case Phase.NOT_CREATED if history.events:
            return f"it was created later, at {format_time(history.events[0].occurred)}."
        case _:
            return "the log has no event of it."
