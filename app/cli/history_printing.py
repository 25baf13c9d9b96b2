"""Prints lives and states for `aftercommit history`."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

import typer
from rich.console import Console
from rich.text import Text

from app.cli.diff_lines import Line, whole
from app.cli.diff_printing import print_fact, print_lines
from app.cli.events.lines import changed, named
from app.cli.events.showing import changes
from app.cli.times import shown
from app.cli.visible import visible
from app.log.lives import Life
from app.log.state import Phase, State, Unknown
from app.models import EventRow

EMPTY: tuple[object, ...] = (None, "", [], {})


def print_life(life: Life, events: Sequence[EventRow]) -> None:
    """Print what is known of a life, and these of its events, each with what it changed."""
    _print(_heading(life), style="bold")
    for event in events:
        line = f"{event.revision:>4}  {shown(event.occurred)}  {event.event.rpartition('.')[2]}"
        told = changed(event)
        _print(f"{line}  {told}  (event {event.position})" if told else f"{line}  (event {event.position})")
        print_lines(_told(event), depth=2)
    _print("")


def _heading(life: Life) -> str:
    state = life.state()
    name = f" {named(life.events[-1])}" if life.events else ""
    parts = [f"{life.resource_id}{name}: {_status(state)}"]
    if life.pending:
        parts.append(_waiting(life))
    return "; ".join(parts)


def _status(state: State) -> str:
    if state.changed is None:
        return "no event of it is in the log"
    return f"{state.phase}, revision {state.revision} of {shown(state.changed)}"


def _waiting(life: Life) -> str:
    return f"changes that wait for their events: {len(life.pending)}"


def _told(event: EventRow) -> Iterator[Line]:
    """What an event changed; of a creation what is not empty, of a deletion nothing that was not told before."""
    operation = event.event.rpartition(".")[2]
    if operation == "created":
        for field, value in sorted(event.payload.get("fields", {}).items()):
            if value not in EMPTY:
                yield from whole(field, value, sign="+")
    elif operation != "deleted":
        yield from changes(event)


def print_state(life: Life, state: State, at: datetime) -> None:
    """Print the state of a living resource at a time."""
    assert state.changed is not None, "a living resource has an event"
    print_fact("name", named(life.events[-1]))
    print_fact("resource", life.resource_id)
    print_fact("at", shown(at))
    print_fact("revision", f"{state.revision} of {shown(state.changed)}")
    if life.pending:
        print_fact("not in it", _waiting(life))
    for field, value in sorted(state.fields.items()):
        print_lines(whole(field, value))


def state_as_json(life: Life, state: State, at: datetime) -> str:
    """Return a state as one line of JSON; of what does not live, only what became of it."""
    alive = state.phase is Phase.ALIVE
    unknown = {field: value for field, value in state.fields.items() if isinstance(value, Unknown)}
    fields = {field: value for field, value in sorted(state.fields.items()) if field not in unknown}
    return json.dumps(
        {
            "kind": life.kind.name,
            "name": state.name,
            "resource": life.resource_id,
            "at": shown(at),
            "status": state.phase.value,
            "revision": state.revision,
            "changed": None if state.changed is None else shown(state.changed),
            "waiting": len(life.pending),
            **({"fields": fields, "unknown": {f: _as_json(unknown[f]) for f in sorted(unknown)}} if alive else {}),
        },
        ensure_ascii=False,
        default=str,
    )


def _as_json(unknown: Unknown) -> dict[str, object]:
    return {"since": unknown.since, "reason": unknown.reason.value}


def tell_absence(asked: str, lives: Sequence[Life], then: Sequence[tuple[Life, State]], at: datetime) -> None:
    """Say that nothing had this name at that time, and what each life of the name was then."""
    _print(f"There was no {asked} at {shown(at)}." if shown(at) != "now" else f"There is no {asked} now.")
    for life, (past, state) in zip(lives, then, strict=True):
        _print(f"{life.resource_id}: {_absence(life, past, state)}")


def _absence(life: Life, past: Life, state: State) -> str:
    match state.phase:
        case Phase.DELETED:
            assert state.changed is not None, "a deletion has its event"
            return f"it was deleted at {shown(state.changed)}, revision {state.revision}."
        case Phase.ALIVE:
            return f"its name was {named(past.events[-1])} then."
        case Phase.UNBORN if past.pending:
            return f"it was there, but {_waiting(past)}."
        case Phase.UNBORN if life.events:
            return f"it was created later, at {shown(life.events[0].occurred)}."
        case _:
            return "the log has no event of it."


def _print(text: str, style: str = "") -> None:
    console = Console()
    if console.is_terminal:
        console.print(Text(visible(text), style=style))
    else:
        typer.echo(visible(text))
