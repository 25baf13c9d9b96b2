"""The chaos verdict on who is named in an event."""

from dataclasses import replace

import pytest

from tests.chaos.facts import EventFact, History
from tests.chaos.verdict.attribution import judge_attribution
from tests.chaos.verdict.tokens import new_tokens
from tests.unit.chaos.chaos_histories import correct_history


def attributed() -> History:
    """Return a history whose events name the requests that brought in their tokens."""
    history = correct_history()
    return replace(history, events=[_attributed(event) for event in history.events])


def _attributed(event: EventFact) -> EventFact:
    [token] = new_tokens(event)
    return replace(event, actor=f"key:{token.rpartition('-')[0]}", request=token)


def categories(event: EventFact) -> list[str]:
    history = attributed()
    return [finding.category for finding in judge_attribution(replace(history, events=[event]))]


def test_events_that_name_their_own_request_have_no_findings() -> None:
    assert list(judge_attribution(attributed())) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"actor": "key:c2"},
        {"actor": None, "request": None},
        {"request": "not-of-this-run"},
        {"actor": "service:readiness"},
    ],
)
def test_an_event_that_names_somebody_else_is_misattributed(wrong: dict[str, str | None]) -> None:
    assert categories(replace(attributed().events[1], **wrong)) == ["misattributed"]  # type: ignore[arg-type]


def test_an_event_that_names_another_request_of_the_same_key_is_misattributed() -> None:
    first, second, *_ = attributed().events
    assert categories(replace(second, request=first.request, actor=first.actor)) == ["misattributed"]


def test_a_status_that_the_service_changes_by_itself_needs_no_request() -> None:
    event = attributed().events[1]
    by_itself = replace(event, event="prefect.deployment.not-ready", actor="service:readiness", request=None)
    assert categories(by_itself) == []
