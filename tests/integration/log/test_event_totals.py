"""The number of matching events: exact up to a limit, and a lower bound beyond it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from app.log import totals as event_totals
from app.log.totals import total_of
from app.schemas.event_queries import EventFilter
from tests.integration.events_in_log import an_event, append

Sessions = sessionmaker[Session]
START = datetime.now(UTC) - timedelta(days=1)
NAMED = {"event": {"prefix": ["prefect."]}}


@pytest.fixture(autouse=True)
def _count_to_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_totals, "MAX_COUNTED", 3)


def _total(client: TestClient, event_filter: dict[str, Any], limit: int = 1) -> tuple[int, bool]:
    page = client.post("/events/filter", json={"filter": event_filter, "limit": limit}).json()
    return page["total"], page["total_is_exact"]


@pytest.mark.parametrize(("matching", "expected"), [(2, (2, True)), (3, (3, True)), (4, (3, False)), (9, (3, False))])
def test_a_total_is_exact_up_to_the_limit_of_counting_and_a_lower_bound_above_it(
    client: TestClient, sessions: Sessions, matching: int, expected: tuple[int, bool]
) -> None:
    append(sessions, *(an_event() for _ in range(matching)), *(an_event(event="other") for _ in range(5)))
    assert _total(client, NAMED) == expected
    assert _total(client, NAMED, limit=0) == expected


def test_a_first_page_that_holds_all_events_has_an_exact_total(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(9)))
    assert _total(client, NAMED, limit=9) == (9, True)


@pytest.mark.parametrize("event_filter", [{}, NAMED])
def test_every_page_has_the_total_of_the_first_one(
    client: TestClient, sessions: Sessions, event_filter: dict[str, Any]
) -> None:
    append(sessions, *(an_event() for _ in range(9)))
    page = client.post("/events/filter", json={"filter": event_filter, "limit": 2}).json()
    first = page["total"], page["total_is_exact"]
    while page["next_page"] is not None:
        page = client.get(page["next_page"]).json()
        assert (page["total"], page["total_is_exact"]) == first


def test_a_filter_by_time_has_an_exact_total_for_a_log_of_any_length(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=second)) for second in range(9)))
    window = {"since": (START + timedelta(seconds=2)).isoformat(), "until": (START + timedelta(seconds=7)).isoformat()}
    assert _total(client, {}) == (9, True)
    assert _total(client, {"order": "ASC"}) == (9, True)
    assert _total(client, {"occurred": window}) == (6, True)


def test_a_window_that_excludes_more_than_the_limit_has_a_lower_bound(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=second)) for second in range(12)))
    assert _total(client, {"occurred": {"since": (START + timedelta(seconds=4)).isoformat()}}) == (3, False)
    assert _total(client, {"occurred": {"until": (START + timedelta(seconds=2)).isoformat()}}) == (3, True)


def test_the_default_window_excludes_events_older_than_180_days(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START - timedelta(days=days)) for days in (400, 300, 20, 10, 1)))
    assert _total(client, {}) == (3, True)


def test_a_window_that_ends_before_it_begins_has_no_events(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(occurred=START))
    window = {"since": (START + timedelta(seconds=2)).isoformat(), "until": (START - timedelta(seconds=2)).isoformat()}
    assert _total(client, {"occurred": window}, limit=0) == (0, True)


def test_the_database_stops_counting_at_the_limit(sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(9)))
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        plan = connection.connection.cursor().execute(f"EXPLAIN (ANALYZE) {statement}", parameters)
        plans.extend(line for (line,) in plan.fetchall())

    with sessions() as session:
        event.listen(session.connection(), "before_cursor_execute", explain)
        total_of(session, EventFilter.model_validate(NAMED), head=9)
    [limit] = [line for line in plans if "Limit" in line]
    assert "rows=4.00" in limit
