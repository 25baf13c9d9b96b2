"""Pages of events: every event once and in order, even while others are appended."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker

from app.log.read import read_first_page, read_next_page
from app.log.totals import Total
from app.main import create_app
from app.models import EventRow
from app.schemas.event_queries import EventFilter
from app.schemas.page_token import PageToken
from app.settings import Settings
from tests.integration.events_in_log import an_event, append
from tests.statements import StatementCount

Sessions = sessionmaker[Session]
START = datetime.now(UTC) - timedelta(days=1)


def _pages(client: TestClient, body: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    page = client.post("/events/filter", json=body).json()
    yield page
    while page["next_page"] is not None:
        page = client.get(page["next_page"]).json()
        yield page


def _positions(page: dict[str, Any]) -> list[int]:
    return [found["position"] for found in page["events"]]


def test_the_newest_50_events_come_first(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=at)) for at in range(60)))
    first, second = _pages(client)
    assert _positions(first) == list(range(60, 10, -1))
    assert _positions(second) == list(range(10, 0, -1))


def test_ascending_order_begins_with_the_oldest(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=at)) for at in range(5)))
    pages = list(_pages(client, {"filter": {"order": "ASC"}, "limit": 2}))
    assert [_positions(page) for page in pages] == [[1, 2], [3, 4], [5]]


def test_every_page_has_the_total(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(5)))
    assert [page["total"] for page in _pages(client, {"limit": 2})] == [5, 5, 5]


def test_the_last_full_page_has_no_next_page(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(4)))
    assert [len(page["events"]) for page in _pages(client, {"limit": 2})] == [2, 2]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_events_that_are_appended_between_pages_do_not_shift_them(
    client: TestClient, sessions: Sessions, order: str
) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=at)) for at in range(4)))
    seen = []
    for page in _pages(client, {"filter": {"order": order}, "limit": 2}):
        seen += _positions(page)
        append(sessions, an_event(occurred=START), an_event(occurred=START + timedelta(hours=1)))
    assert sorted(seen) == [1, 2, 3, 4]


def test_pages_of_distinct_resources_do_not_shift_either(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(resource_id=f"r{at}", occurred=START + timedelta(seconds=at)) for at in range(4)))
    seen = []
    for page in _pages(client, {"filter": {"resource": {"distinct": True}}, "limit": 2}):
        seen += [found["resource"]["prefect.resource.id"] for found in page["events"]]
        append(sessions, an_event(resource_id="r0", occurred=START + timedelta(hours=1)))
    assert seen == ["r3", "r2", "r1", "r0"]


def test_a_page_of_any_size_needs_the_same_statements(settings: Settings, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(50)))
    app = create_app()
    with TestClient(app, base_url="http://localhost/api") as client:
        seen = StatementCount(app.state.engine)
        costs = []
        for limit in (1, 40):
            before = len(seen.statements)
            page = client.post("/events/filter", json={"limit": limit}).json()
            between = len(seen.statements)
            client.get(page["next_page"])
            costs.append((between - before, len(seen.statements) - between))
    assert costs == [(3, 1), (3, 1)]


@given(
    seconds=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 5),
    order=st.sampled_from(["ASC", "DESC"]),
)
@hypothesis_settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pages_contain_every_event_once_in_order(
    sessions: Sessions, seconds: list[int], limit: int, order: str
) -> None:
    with sessions.begin() as session:
        session.execute(delete(EventRow))
    append(sessions, *(an_event(occurred=START + timedelta(seconds=second)) for second in seconds))
    places = sorted((second, position) for position, second in enumerate(seconds, 1))
    expected = [position for _, position in (places if order == "ASC" else reversed(places))]

    event_filter = EventFilter.model_validate({"order": order})
    with sessions() as session:
        page = read_first_page(session, event_filter, limit)
        found = [row.position for row in page.events]
        while page.next is not None:
            page = read_next_page(session, PageToken.decode(page.next.encode()))
            assert len(page.events) > 0
            assert page.total == Total(len(seconds), is_exact=True)
            found += [row.position for row in page.events]
    assert found == expected
