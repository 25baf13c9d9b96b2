"""Finds the operation tokens in a state or an event. Each kind of resource has its own fields for them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tests.chaos.facts import DEPLOYMENT, FLOW, LIMIT, EventFact

TOKEN: Final = re.compile(r"\w+-op\d+")
"""What other kinds hold in these fields besides tokens is no token: the name of an own limit, for example."""


def tokens_in(kind: str, state: Mapping[str, Any]) -> set[str]:
    """Return the tokens in the fields of this state."""
    if kind == DEPLOYMENT:
        found = {state.get("version")}
        for schedule in state.get("schedules") or []:
            found |= {schedule.get("slug"), schedule.get("parameters", {}).get("chaos")}
        return {str(token) for token in found if token is not None}
    if kind == FLOW:
        return set(state.get("tags") or ())
    text = state.get("name" if kind == LIMIT else "description") or ""
    return {text} if TOKEN.fullmatch(text) else set()


def new_tokens(event: EventFact) -> set[str]:
    """Return the tokens that this event added."""
    if event.what == "created":
        return tokens_in(event.kind, event.fields)
    before = {name: update.get("from") for name, update in event.updates.items()}
    after = {name: update.get("to") for name, update in event.updates.items()}
    return tokens_in(event.kind, after) - tokens_in(event.kind, before)


def schedule_ids(schedules: Any) -> set[str]:
    """Return the ids of these schedules."""
    return {schedule["id"] for schedule in schedules or []}
