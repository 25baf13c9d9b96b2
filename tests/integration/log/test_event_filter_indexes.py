"""Which index can find the events of a filter, and that PostgreSQL may use it for the requested values."""

from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

from app.log.filter import matching
from app.log.read import read_first_page
from app.models import EventRow
from app.postgres.engine import make_engine, make_sessions
from app.schemas.event_queries import EventFilter
from app.settings import Settings
from tests.integration.events_in_log import a_related, an_event, append


@pytest.mark.own_database
def test_the_most_common_filters_use_an_index(engine: Engine) -> None:
    _fill_the_log(engine)
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


def _fill_the_log(engine: Engine) -> None:
    """Append enough events that the choice of index matters, and have PostgreSQL analyze them."""
    append(
        make_sessions(engine),
        *(an_event(resource_id=f"r{n}", related=[a_related(f"f{n}", "flow")]) for n in range(500)),
    )
    with engine.connect() as connection:
        connection.execute(text("ANALYZE event"))
        connection.commit()


def _index_used(engine: Engine, event_filter: dict[str, Any], index: str) -> str:
    """Return the index's name if the plan uses it, otherwise the plan."""
    with make_sessions(engine)() as session:
        connection = session.connection()
        # A sequential scan is cheapest when all events match; the test asks whether the index can be used.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(connection, "before_cursor_execute", _explained, retval=True)
        statement = select(EventRow.event).where(matching(EventFilter.model_validate(event_filter)))
        plan = "\n".join(session.scalars(statement))
    return index if index in plan else plan


def _explained(*arguments: Any) -> tuple[str, Any]:
    _connection, _cursor, statement, parameters, *_ = arguments
    return f"EXPLAIN {statement}", parameters


@pytest.mark.own_database
def test_a_repeated_filter_is_still_planned_for_its_own_values(settings: Settings) -> None:
    engine = make_engine(settings, application_name="tests", pool_size=1)
    append(make_sessions(engine), *(an_event(related=[a_related("a", "flow")]) for _ in range(2)))
    event_filter = EventFilter.model_validate({"related": {"id": ["a"]}})
    with make_sessions(engine)() as session:
        for _ in range(10):
            read_first_page(session, event_filter, limit=1)
        prepared = session.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    engine.dispose()
    assert [statement for statement in prepared if "related" in statement] == []
