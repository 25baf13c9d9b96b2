"""An attached foreign application, and what the log tells about it."""

from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow, Source
from app.settings import Settings
from tests.integration.sources.attach_command import run_successfully
from tests.integration.sources.shop import PROFILE, Shop
from workers.follow.move import Mover
from workers.follow.turns import follow

Row = tuple[Any, ...]


@dataclass
class Attached:
    """The application, attached under a name."""

    shop: Shop
    sessions: sessionmaker[Session]
    settings: Settings
    name: str = "shop"

    def attach(self) -> None:
        """Attach it."""
        run_successfully(self.shop.address, "--name", self.name, "--profile", str(PROFILE))

    def source(self) -> Source:
        """Return what our database knows of it."""
        with self.sessions() as session:
            return session.scalars(select(Source).where(Source.name == self.name)).one()

    def follow(self) -> int:
        """Move what waits, as a worker does. It must not fail."""
        return Mover(self.sessions, self.settings, self.source().id).run()

    def try_to_follow(self) -> str | None:
        """Move what waits, as a worker does; return the error that it stores."""
        follow(self.sessions, self.settings, self.source().id)
        return self.source().error

    def run(self, *statements: str) -> None:
        """Let the application run these statements in one transaction, then move what waits."""
        self.shop.run(*statements)
        self.follow()

    def log(self) -> list[EventRow]:
        """Return the events of this source, in order."""
        with self.sessions() as session:
            mine = EventRow.resource.expression["aftercommit.source"].astext == self.name
            return list(session.scalars(select(EventRow).where(mine).order_by(EventRow.position)))

    def told(self, after: int = 0) -> list[str]:
        """Return resource and operation of each event behind the first `after` ones: `order.1 created`."""
        prefix = f"aftercommit.{self.name}."
        return [
            f"{event.resource_id.removeprefix(prefix)} {event.event.rpartition('.')[2]}" for event in self.log()[after:]
        ]

    def waiting(self) -> int:
        """Return the number of row changes in the application's database."""
        return int(self.shop.read("SELECT count(*) FROM aftercommit.row_change")[0][0])

    def updates(self) -> dict[str, Row]:
        """Return the fields that the last event changed, with their values before and after."""
        updates = self.log()[-1].payload["updates"]
        return {name: (change["from"], change["to"]) for name, change in updates.items()}

    def second_session(self) -> psycopg.Connection[Row]:
        """Return another connection of the application, to be closed by the caller."""
        return psycopg.connect(self.shop.address)


def assert_chains(events: list[EventRow]) -> None:
    """Check each resource: revisions without gaps, `follows`, growing times, and each `from` the last `to`."""
    last: dict[str, EventRow] = {}
    fields: dict[str, dict[str, Any] | None] = {}
    for event in events:
        if event.revision is None:
            continue
        before = last.get(event.resource_id)
        assert event.revision == (1 if before is None else (before.revision or 0) + 1)
        assert event.follows == (None if before is None else before.id)
        assert before is None or event.occurred > before.occurred
        state = fields.get(event.resource_id)
        payload = event.payload
        if event.event.endswith("skipped"):
            pass  # It does not say what the change did.
        elif "updates" in payload:
            assert state is not None
            assert payload["updates"]
            for name, change in payload["updates"].items():
                assert state[name] == change["from"]
                assert change["from"] != change["to"]
            state = {**state, **{name: change["to"] for name, change in payload["updates"].items()}}
        elif event.event.endswith("deleted") or payload.get("exists") is False:
            assert payload["fields"] == state
            state = None
        else:
            assert state is None
            state = payload["fields"]
        last[event.resource_id], fields[event.resource_id] = event, state
