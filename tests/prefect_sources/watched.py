"""The attached database of a Prefect server, and what the log tells about it."""

from dataclasses import dataclass
from typing import Any, Final

import httpx2
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow, Source
from app.settings import Settings
from tests.chaos.source.judge import judge_states, parse
from tests.chaos.source.reading import count_waiting, read_states
from tests.integration.sources.attached import assert_chains
from workers.follow.move import Mover

NAME: Final = "prod"


@dataclass
class Watched:
    """The database of a Prefect server, attached."""

    sessions: sessionmaker[Session]
    settings: Settings
    foreign_url: str
    api_url: str
    position: int = 0
    """The position of the last event that `news` has returned."""

    def follow(self) -> None:
        """Move what waits, as a worker does."""
        with self.sessions() as session:
            (source_id,) = session.scalars(select(Source.id).where(Source.name == NAME))
        Mover(self.sessions, self.settings, source_id).run()
        assert count_waiting(self.address) == 0

    @property
    def address(self) -> str:
        """The URL of its database in psycopg's form."""
        return make_url(self.foreign_url).set(drivername="postgresql").render_as_string(hide_password=False)

    def events(self, after: int = 0) -> list[EventRow]:
        """Return the events of this source behind a position."""
        mine = EventRow.resource_id.startswith(f"aftercommit.{NAME}.")
        with self.sessions() as session:
            return list(
                session.scalars(select(EventRow).where(mine, EventRow.position > after).order_by(EventRow.position))
            )

    def news(self) -> list[str]:
        """Move what waits; return the events since the last call: `deployment nightly updated schedules`, sorted."""
        self.follow()
        events = self.events(self.position)
        if events:
            self.position = events[-1].position
        return sorted(map(_text, events))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the Prefect server, successfully."""
        response = httpx2.request(method, f"{self.api_url}{path}", json=body, timeout=30)
        assert response.is_success, f"{response.status_code} {response.text}"
        return response.json() if response.content else None

    def assert_agrees(self) -> None:
        """Check that the events of all resources add up to what the tables have, and that each chain is unbroken."""
        self.follow()
        events = self.events()
        assert_chains(events)
        lines = [parse(event.position, event.event, event.resource_id, event.payload) for event in events]
        states = read_states(self.address)
        judged = {*states, *((line.kind, line.key) for line in lines)}
        assert [finding.text for finding in judge_states(states, judged, lines)] == []


def _text(event: EventRow) -> str:
    kind, operation = event.event.split(".")[1:]
    fields = event.payload.get("updated_fields", [])
    return " ".join([kind, event.resource["prefect.resource.name"], operation, *sorted(fields)])
