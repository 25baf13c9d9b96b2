"""Searches for secrets where they must not be: in stored data outside the registry's rows, and in readable events."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx2
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow
from app.postgres.base import Base
from tests.canary.secrets import Canaries
from tests.sockets import receive, subscribed
from tests.streams import streamed

REGISTRY_TABLES: Final = frozenset(
    {"flow", "work_pool", "work_queue", "pool_worker", "concurrency_limit", "deployment"}
)
"""The registry's own rows: they hold what the API must answer to those who deploy. Every other table is searched."""


def stored_texts(sessions: sessionmaker[Session]) -> Iterator[tuple[str, str]]:
    """Yield the name of each searched table with all its rows as one text."""
    for name in sorted(set(Base.metadata.tables) - REGISTRY_TABLES):
        with sessions() as session:
            # SQLAlchemy has no expression for a whole row as text, which includes any later column.
            rows = session.scalars(text(f'SELECT t::text FROM "{name}" AS t')).all()
        yield name, "\n".join(rows)


def read_events(client: httpx2.Client, sessions: sessionmaker[Session]) -> list[dict[str, Any]]:
    """Read all events over HTTP, the WebSocket and the stream, assert the same ids, and return them."""
    page = client.post("/events/filter", json={"limit": 50, "filter": {"order": "ASC"}}).json()
    events: list[dict[str, Any]] = page["events"]
    while page["next_page"]:
        page = client.get(page["next_page"]).json()
        events += page["events"]
    with sessions() as session:
        count = session.scalars(select(func.count()).select_from(EventRow)).one()
    address = f"{client.base_url.host}:{client.base_url.port}"
    with subscribed(address) as socket:
        live = receive(socket, count)
    with streamed(client, after=0) as stream:
        stream_events = stream.receive(count)
    for others in (live, stream_events):
        assert {event["id"] for event in others} == {event["id"] for event in events}
    return [*events, *live, *stream_events]


def assert_clean(canaries: Canaries, **texts: str) -> None:
    """Assert that no text holds a secret. A failure shows where it was planted, never the secret."""
    found = {name: canaries.found_in(content) for name, content in texts.items()}
    assert {name: places for name, places in found.items() if places} == {}


def as_text(value: Any) -> str:
    """Return JSON as text."""
    return json.dumps(value, ensure_ascii=False)
