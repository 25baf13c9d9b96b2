"""A log whose positions do not count 1, 2, 3 is reported as disordered."""

import pytest
from sqlalchemy import delete, update

from app.models import EventLog, EventRow
from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import client_event


def test_a_gap_in_the_positions_is_disordered(audited: AuditedWorld) -> None:
    audited.append(client_event(audited.last + 2))
    found = audited.audit()
    assert found.disordered == 1
    assert found.findings[0].text == f"Position {audited.last + 2} comes after position {audited.last}."


def test_positions_that_do_not_begin_at_1_are_disordered(audited: AuditedWorld) -> None:
    audited.session.execute(update(EventRow).values(position=EventRow.position + 100))
    audited.session.execute(update(EventLog).values(position=audited.last + 100))
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize("off", [-1, 1])
def test_a_head_that_is_not_the_last_position_is_disordered(audited: AuditedWorld, off: int) -> None:
    audited.session.execute(update(EventLog).values(position=audited.last + off))
    assert audited.problems() == {"disordered": 1}


def test_a_log_without_its_head_row_is_disordered(audited: AuditedWorld) -> None:
    audited.session.execute(delete(EventLog))
    assert audited.problems() == {"disordered": 1}


def test_foreign_events_take_positions_and_are_not_audited(audited: AuditedWorld) -> None:
    audited.append(client_event(audited.last + 1, resource_id=audited.settled.resource_id))
    found = audited.audit()
    assert found.is_clean
    assert found.events == audited.last
