"""A skipped change is a valid part of its history. The audit accepts any value that it may have changed."""

import uuid
from typing import Any

import pytest

from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import Life

SKIPPED = {"operation": "updated", "reason": "why", "error": "odd", "attempts": 10}


def skip(audited: AuditedWorld, life: Life, revision: int, name: str = "aftercommit.deployment.skipped") -> None:
    """Turn the event of that revision into a `skipped` event."""
    audited.change_event(life, revision, event=name, payload={"skipped": SKIPPED})


def set_old_value(audited: AuditedWorld, life: Life, revision: int, field: str, value: Any) -> None:
    """Make the event of that revision claim this old value for the field."""
    payload = life.payload(revision)
    left = payload["updates"].get(field, {"to": "2"})["to"]
    payload["updates"][field] = {"from": value, "to": left}
    audited.change_event(life, revision, payload=payload)


@pytest.mark.parametrize(
    ("life", "revision"), [("settled", 1), ("settled", 2), ("settled", 4), ("gone", 3), ("busy", 3)]
)
def test_a_skip_of_any_change_is_clean(audited: AuditedWorld, life: str, revision: int) -> None:
    skip(audited, getattr(audited, life), revision)
    assert audited.problems() == {}


def test_two_skips_of_one_deployment_are_clean(audited: AuditedWorld) -> None:
    for revision in (2, 3):
        skip(audited, audited.settled, revision)
    assert audited.problems() == {}


def test_a_skip_with_the_name_of_another_kind_is_disordered(audited: AuditedWorld) -> None:
    skip(audited, audited.settled, 3, name="aftercommit.flow.skipped")
    finding = audited.audit().findings[0]
    assert (finding.problem.value, finding.revision) == ("disordered", 3)
    assert "is named for another operation" in finding.text


def test_a_skip_beyond_the_last_change_is_a_phantom(audited: AuditedWorld) -> None:
    name = "aftercommit.deployment.skipped"
    audited.append(audited.settled.event(5, audited.last + 1, id=uuid.uuid4(), event=name))
    assert audited.problems() == {"phantom": 1}


def test_a_field_whose_next_event_comes_after_a_skip_is_not_compared(audited: AuditedWorld) -> None:
    # The creation has a version; the skipped change may have changed it.
    skip(audited, audited.settled, 3)
    set_old_value(audited, audited.settled, 4, "version", "from the skipped change")
    assert audited.problems() == {}


def test_without_the_skip_another_old_value_is_disordered(audited: AuditedWorld) -> None:
    set_old_value(audited, audited.settled, 4, "version", "from nowhere")
    assert audited.problems() == {"disordered": 1}


def test_a_wrong_old_value_before_a_skip_is_disordered(audited: AuditedWorld) -> None:
    skip(audited, audited.settled, 4)
    set_old_value(audited, audited.settled, 3, "version", "from nowhere")
    assert audited.problems() == {"disordered": 1}


def test_a_wrong_old_value_after_a_skip_is_disordered(audited: AuditedWorld) -> None:
    # Revision 2, the first change after the skip, contains the description; revision 3 must start from that value.
    skip(audited, audited.settled, 1)
    set_old_value(audited, audited.settled, 3, "description", "from nowhere")
    assert audited.problems() == {"disordered": 1}


def test_a_wrong_old_value_in_the_outbox_after_a_skip_is_disordered(audited: AuditedWorld) -> None:
    skip(audited, audited.busy, 2)
    audited.change_snapshot(audited.busy, 4, before={**(audited.busy.state(3) or {}), "description": "other"})
    assert audited.problems() == {"disordered": 1}
