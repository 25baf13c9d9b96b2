"""Which index can find the events of a filter."""

from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

from app.crud.event_filters import matching
from app.database import make_sessions
from app.models import EventRow
from app.schemas.events import EventFilter


@pytest.mark.own_database
def test_an_index_serves_what_is_asked_for_most(engine: Engine) -> None:
    expected: list[tuple[dict[str, Any], str]] = [
        ({"related": {"id": ["a"]}}, "ix_event_related"),
        ({"related": {"id": ["a", "b"], "role": ["flow"]}}, "ix_event_related"),
        ({"related": {"resources_in_roles": [["a", "flow"], ["b", "flow"]]}}, "ix_event_related"),
        ({"any_resource": {"id": ["a"]}}, "ix_event_related"),
        ({"resource": {"id": ["a"]}}, "ix_event_resource_occurred"),
        ({"event": {"name": ["a"]}}, "ix_event_name_occurred"),
        ({"event": {"prefix": ["a", "b"]}}, "ix_event_name_occurred"),
        ({}, "ix_event_occurred_position"),
    ]
    found = [(event_filter, _index_used(engine, event_filter, index)) for event_filter, index in expected]
    assert found == expected


def _index_used(engine: Engine, event_filter: dict[str, Any], index: str) -> str:
    """Return the index if the plan names it, or else the plan."""
    with make_sessions(engine)() as session:
        connection = session.connection()
        # On a small table a scan of all rows is cheapest: the question is what the index could do.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(connection, "before_cursor_execute", _explained, retval=True)
        statement = select(EventRow.event).where(matching(EventFilter.model_validate(event_filter)))
        plan = "\n".join(session.scalars(statement))
    return index if index in plan else plan


def _explained(*arguments: Any) -> tuple[str, Any]:
    _connection, _cursor, statement, parameters, *_ = arguments
    return f"EXPLAIN {statement}", parameters
