"""A change that does not start from the last value of its field is reported as disordered."""

from typing import Any

import pytest

from tests.integration.audit.audited_world import AuditedWorld


def test_an_update_that_starts_from_another_value_is_disordered_and_the_finding_names_the_fields(
    audited: AuditedWorld,
) -> None:
    payload = audited.settled.payload(4)
    payload["updates"]["description"]["from"] = "hunter2"
    payload["updates"]["parameters"]["from"] = {"half": 9}
    audited.change_event(audited.settled, 4, payload=payload)
    found = audited.audit()
    assert found.disordered == 1
    (finding,) = found.findings
    assert finding.text.endswith("does not start from the previous values of: description, parameters.")


def test_an_update_that_skips_an_intermediate_change_is_disordered(audited: AuditedWorld) -> None:
    payload = audited.settled.payload(3)
    payload["updates"]["parameters"] = {"from": {"half": 1}, "to": {"half": 7}}
    audited.change_event(audited.settled, 3, payload=payload)
    assert audited.problems() == {"disordered": 1}


def test_a_creation_with_another_value_than_the_first_update_starts_from_is_disordered(audited: AuditedWorld) -> None:
    audited.change_event(
        audited.settled, 1, payload={"fields": {**(audited.settled.state(1) or {}), "description": "other"}}
    )
    assert audited.problems() == {"disordered": 1}


def test_a_deletion_with_another_value_than_the_last_is_disordered(audited: AuditedWorld) -> None:
    # No update ever named this field, so the creation gives its value.
    audited.change_event(audited.gone, 3, payload={"fields": {**(audited.gone.state(2) or {}), "version": "2"}})
    assert audited.problems() == {"disordered": 1}


def test_a_pending_snapshot_that_starts_from_another_value_is_disordered(audited: AuditedWorld) -> None:
    audited.change_snapshot(audited.busy, 4, before={**(audited.busy.state(3) or {}), "description": "other"})
    assert audited.problems() == {"disordered": 1}


def test_a_pending_deletion_with_another_value_than_the_last_is_disordered(audited: AuditedWorld) -> None:
    audited.change_snapshot(audited.going, 3, before={**(audited.going.state(2) or {}), "version": "2"})
    assert audited.problems() == {"disordered": 1}


@pytest.mark.parametrize("holder", [[1], "text", 7, None])
def test_a_malformed_payload_does_not_stop_the_audit(audited: AuditedWorld, holder: Any) -> None:
    audited.change_event(audited.gone, 3, payload={"fields": holder})
    audited.change_event(audited.settled, 4, payload={"updates": holder})
    assert audited.audit().lost == 0


def test_equal_numbers_are_the_same_value(audited: AuditedWorld) -> None:
    payload = audited.settled.payload(4)
    payload["updates"]["parameters"]["from"] = {"half": 1.0}
    audited.change_event(audited.settled, 4, payload=payload)
    assert audited.problems() == {}


def test_an_omitted_value_is_not_compared(audited: AuditedWorld) -> None:
    omitted = {"$omitted": "2000000"}
    payload = audited.settled.payload(3)
    payload["updates"]["description"] = {"from": omitted, "to": omitted}
    audited.change_event(audited.settled, 3, payload=payload)
    assert audited.problems() == {}


def test_a_text_that_looks_like_an_omission_is_a_value(audited: AuditedWorld) -> None:
    payload = audited.settled.payload(3)
    payload["updates"]["description"]["from"] = "$omitted"
    audited.change_event(audited.settled, 3, payload=payload)
    assert audited.problems() == {"disordered": 1}
