"""Which operations a state or an event names: their tokens stand in the version and in the schedules."""

from collections.abc import Mapping
from typing import Any

from tests.chaos.facts import EventFact


def tokens_in(state: Mapping[str, Any]) -> set[str]:
    """Return the tokens that these fields hold."""
    found = {state.get("version")}
    for schedule in state.get("schedules") or []:
        found |= {schedule.get("slug"), schedule.get("parameters", {}).get("chaos")}
    return {str(token) for token in found if token is not None}


def new_tokens(event: EventFact) -> set[str]:
    """Return the tokens that this event brought in."""
    if event.what == "created":
        return tokens_in(event.fields)
    before = {name: update.get("from") for name, update in event.updates.items()}
    after = {name: update.get("to") for name, update in event.updates.items()}
    return tokens_in(after) - tokens_in(before)


def schedule_ids(schedules: Any) -> set[str]:
    """Return the ids of these schedules."""
    return {schedule["id"] for schedule in schedules or []}
