"""Pages of events: every event once, in order, whatever is appended meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event
from sqlalchemy.orm import Session, sessionmaker

from app.crud.event_totals import Total
from app.crud.events import read_first_page, read_next_page
from app.main import create_app
from app.models import EventRow
from app.schemas.events import EventFilter
from app.schemas.page_token import PageToken
from app.settings import Settings
from tests.integration.events_in_log import an_event, append

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


def test_the_newest_50_come_first(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=at)) for at in range(60)))
    first, second = _pages(client)
    assert _positions(first) == list(range(60, 10, -1))
    assert _positions(second) == list(range(10, 0, -1))


def test_ascending_order_begins_with_the_oldest(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=at)) for at in range(5)))
    pages = list(_pages(client, {"filter": {"order": "ASC"}, "limit": 2}))
    assert [_positions(page) for page in pages] == [[1, 2], [3, 4], [5]]


def test_every_page_knows_the_total(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(5)))
    assert [page["total"] for page in _pages(client, {"limit": 2})] == [5, 5, 5]


def test_the_last_full_page_has_no_next_page(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(4)))
    assert [len(page["events"]) for page in _pages(client, {"limit": 2})] == [2, 2]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_events_appended_meanwhile_shift_no_page(client: TestClient, sessions: Sessions, order: str) -> None:
    append(sessions, *(an_event(occurred=START + timedelta(seconds=at)) for at in range(4)))
    seen = []
    for page in _pages(client, {"filter": {"order": order}, "limit": 2}):
        seen += _positions(page)
        append(sessions, an_event(occurred=START), an_event(occurred=START + timedelta(hours=1)))
    assert sorted(seen) == [1, 2, 3, 4]


def test_distinct_pages_do_not_shift_either(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(resource_id=f"r{at}", occurred=START + timedelta(seconds=at)) for at in range(4)))
    seen = []
    for page in _pages(client, {"filter": {"resource": {"distinct": True}}, "limit": 2}):
        seen += [found["resource"]["prefect.resource.id"] for found in page["events"]]
        append(sessions, an_event(resource_id="r0", occurred=START + timedelta(hours=1)))
    assert seen == ["r3", "r2", "r1", "r0"]


@pytest.mark.parametrize("body", [{}, {"filter": None}, {"filter": {}}, {"filter": None, "limit": None}, None])
def test_a_body_may_say_nothing(client: TestClient, sessions: Sessions, body: dict[str, Any] | None) -> None:
    append(sessions, an_event())
    assert client.post("/events/filter", json=body).json()["total"] == 1


def test_there_may_be_no_body(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event())
    assert client.post("/events/filter").json()["total"] == 1


def test_an_empty_log_is_an_empty_page(client: TestClient) -> None:
    assert client.post("/events/filter").json() == {
        "events": [],
        "total": 0,
        "total_is_exact": True,
        "next_page": None,
    }


def test_a_limit_of_0_asks_for_the_total_and_ends(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(), an_event())
    answer = client.post("/events/filter", json={"limit": 0}).json()
    assert answer == {"events": [], "total": 2, "total_is_exact": True, "next_page": None}


def test_the_clients_default_of_100_is_accepted(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(101)))
    assert len(client.post("/events/filter", json={"limit": 100}).json()["events"]) == 100


def test_a_limit_above_100_is_refused_in_clear_words(client: TestClient) -> None:
    answer = client.post("/events/filter", json={"limit": 101})
    assert answer.status_code == 422
    assert answer.json()["exception_detail"][0]["msg"] == "Input should be less than or equal to 100"


def test_a_bad_token_is_forbidden(client: TestClient) -> None:
    assert client.get("/events/filter/next", params={"page-token": "nonsense"}).status_code == 403


def test_a_missing_token_is_invalid(client: TestClient) -> None:
    assert client.get("/events/filter/next").status_code == 422


def test_the_next_page_is_found_behind_a_path_prefix(settings: Settings, sessions: Sessions) -> None:
    append(sessions, an_event(), an_event())
    with TestClient(create_app(), base_url="https://example.org", root_path="/registry") as client:
        page = client.post("/registry/api/events/filter", json={"limit": 1}).json()
        assert page["next_page"].startswith("https://example.org/registry/api/events/filter/next?page-token=")
        assert len(client.get(page["next_page"]).json()["events"]) == 1


def test_an_event_is_answered_whole(client: TestClient, sessions: Sessions) -> None:
    [row] = append(
        sessions,
        an_event(occurred=START.replace(microsecond=123), related=[{"a": "b"}], payload={"updated_fields": ["tags"]}),
    )
    [found] = client.post("/events/filter").json()["events"]
    assert found == {
        "id": str(row.id),
        "occurred": START.replace(microsecond=123).isoformat().replace("+00:00", "Z"),
        "event": row.event,
        "resource": row.resource,
        "related": [{"a": "b"}],
        "payload": {"updated_fields": ["tags"]},
        "follows": None,
        "received": row.received.isoformat().replace("+00:00", "Z"),
        "position": 1,
    }


def test_a_page_costs_the_same_statements_whatever_its_size(settings: Settings, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(50)))
    app = create_app()
    with TestClient(app, base_url="http://testserver/api") as client:
        costs = []
        for limit in (1, 40):
            with _counted(app.state.engine) as first:
                page = client.post("/events/filter", json={"limit": limit}).json()
            with _counted(app.state.engine) as following:
                client.get(page["next_page"])
            costs.append((len(first), len(following)))
    assert costs == [(3, 1), (3, 1)]


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@given(
    seconds=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 5),
    order=st.sampled_from(["ASC", "DESC"]),
)
@hypothesis_settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pages_hold_every_event_once_in_order(
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
