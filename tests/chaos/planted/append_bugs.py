"""Planted bugs in how a worker writes to the log."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from app.log.append import COLUMNS, _row
from app.models import EventLog, EventRow
from app.postgres.base import JsonObject, core_table
from app.postgres.bulk import copy_rows
from app.schemas.event import Event, RelatedResource
from tests.chaos.planted.delays import random_delay
from tests.chaos.planted.patching import replace
from workers.claimed import Claimed

SEQUENCE: Final = "planted_position"
SEQUENCE_LOCK: Final = 0x61CF


def position_from_a_plain_sequence() -> None:
    """Number the events from a sequence: transactions can commit in another order than their numbers.

    `id BIGSERIAL` and `WHERE id > :last_seen` is how nearly every log in a table is read. The log looks correct
    afterwards; only readers during the run have missed events.
    """

    def make(_original: Any) -> Any:
        def append(session: Session, events: Sequence[Event], *, rescued: int) -> int:
            bind = session.get_bind()
            assert isinstance(bind, Engine)
            _make_sequence(bind)
            numbers = select(func.nextval(SEQUENCE)).select_from(func.generate_series(1, len(events)))
            positions: list[int] = sorted(session.scalars(numbers))
            rows = [(position, *_row(event)) for event, position in zip(events, positions, strict=True)]
            copy_rows(session, core_table(EventRow), COLUMNS, rows)
            random_delay(0.2)
            last = func.greatest(EventLog.position, positions[-1])
            session.execute(update(EventLog).values(position=last, rescued=EventLog.rescued + rescued))
            return positions[-1]

        return append

    replace("app.log.append", "append", make, used_by="workers.batch")


@lru_cache
def _make_sequence(engine: Engine) -> None:
    """Create the sequence at the first append, in raw SQL because the migrations do not define it."""
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(SEQUENCE_LOCK)))
        connection.execute(text(f"CREATE SEQUENCE IF NOT EXISTS {SEQUENCE}"))


def event_id_created_in_the_worker() -> None:
    """Create the event id when the event is built: each retry makes a new id, and nothing can refer to it earlier.

    `id: UUID = Field(default_factory=uuid4)` on the event's class does this.
    """

    def make(original: Any) -> Any:
        def build(
            snapshot: Claimed, related: Sequence[RelatedResource], updates: JsonObject | None, size_cap: int
        ) -> Event:
            event: Event = original(snapshot, related, updates, size_cap)
            return event.model_copy(update={"id": uuid4()})

        return build

    replace("workers.build", "build", make, used_by="workers.batch")
