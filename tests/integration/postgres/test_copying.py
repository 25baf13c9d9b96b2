"""COPY as a statement: it writes the same rows as INSERT, and its failures are SQLAlchemy errors."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow
from app.postgres.base import core_table
from app.postgres.bulk import copy_rows, json_field, labels_field
from app.postgres.refusals import is_refusal
from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from workers import batch, build
from workers.claimed import Claimed

NAMES = ("position", "id", "occurred", "event", "resource_id", "resource", "related", "payload", "follows", "revision")
ID, OTHER = UUID("01890000-0000-7000-8000-000000000001"), UUID("01890000-0000-7000-8000-000000000002")
OCCURRED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
LABELS = {"prefect.resource.id": "a", "a\tb\\n": 'a "quoted" name\n\\N'}
PAYLOAD = {"number": 10**40, "real": 1e-9, "text": "\u00e9\u2028\U0001f600\t\\", "nested": [None, True, {}, []]}
ROW = (7, ID, OCCURRED, "a.b", "a", LABELS, [LABELS], PAYLOAD, None, None)


def as_fields(*row: Any) -> tuple[Any, ...]:
    """Return the row with its JSON columns serialized."""
    resource, related, payload = row[5:8]
    return (*row[:5], labels_field(resource), labels_field(related), json_field(payload), *row[8:])


def copied(session: Session, *rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Copy rows into the log and return the log's rows in the order in which they were written."""
    table = core_table(EventRow)
    copy_rows(session, table, NAMES, [as_fields(*row) for row in rows])
    return [tuple(row) for row in session.execute(select(*(table.c[name] for name in NAMES)))]


def row_with(**values: Any) -> tuple[Any, ...]:
    """Return `ROW` with some values changed."""
    return tuple({**dict(zip(NAMES, ROW, strict=True)), **values}.values())


def test_copied_rows_are_read_as_they_were_given(sessions: sessionmaker[Session]) -> None:
    other = row_with(position=6, id=OTHER, follows=ID, revision=3)
    with sessions() as session:
        found = copied(session, ROW, other)
    assert found == [ROW, other]
    assert found[0][2].astimezone(UTC).microsecond == 678901


def test_a_rollback_removes_copied_rows(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        copied(session, ROW)
        session.rollback()
        assert copied(session) == []


def test_a_refusal_of_the_database_is_an_sqlalchemy_error(sessions: sessionmaker[Session]) -> None:
    with sessions() as session, pytest.raises(IntegrityError) as caught:
        copied(session, ROW, row_with(position=8))
    assert is_refusal(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        {"payload": {"a": Decimal(1)}},
        {"payload": {"a": "\ud800"}},
        {"payload": {"a": float("nan")}},
        {"payload": {"a": "\0"}},
        {"event": "\ud800"},
        {"occurred": "soon"},
    ],
)
def test_an_unwritable_value_is_an_sqlalchemy_error_too(value: dict[str, Any], sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        with pytest.raises(DataError) as caught, session.begin_nested():
            copied(session, ROW, row_with(position=8, id=OTHER, **value))
        assert is_refusal(caught.value)
        assert copied(session, ROW) == [ROW]


@pytest.mark.parametrize("write", [json_field, labels_field])
def test_half_of_a_surrogate_pair_cannot_be_written(write: Callable[[dict[str, str]], bytes]) -> None:
    with pytest.raises(DataError) as caught:
        write({"a": "\ud800"})
    assert is_refusal(caught.value)


def test_an_event_that_cannot_be_written_blocks_only_its_own_resource(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(snapshot: Claimed, *arguments: Any) -> Event:
        event = build.build(snapshot, *arguments)
        return event.model_copy(update={"payload": {"a": Decimal(1)}}) if snapshot.name == "odd" else event

    monkeypatch.setattr(batch, "build", odd)
    outbox_world.create("odd", "even")
    assert outbox_world.dispatch_all() == 1
    assert [(row.name, row.attempts) for row in outbox_world.pending()] == [("odd", 1)]
