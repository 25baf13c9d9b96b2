"""The chaos verdict on the log as a whole, its readers and the outbox."""

from dataclasses import replace

from tests.chaos.facts import PendingFact
from tests.unit.chaos.chaos_histories import DEPLOYMENT, categories, correct_history


def test_a_correct_run_has_no_findings() -> None:
    assert categories(correct_history()) == []


def test_a_gap_in_the_positions_is_disordered() -> None:
    found = correct_history()
    moved = [*found.events[:2], replace(found.events[2], position=4)]
    tail = [(each.position, each.id) for each in moved]
    assert categories(replace(found, events=moved, head=4, tails=[tail])) == ["disordered"]


def test_a_head_that_is_not_the_last_position_is_disordered() -> None:
    assert categories(replace(correct_history(), head=4)) == ["disordered"]


def test_an_event_id_that_occurs_twice_is_a_duplicate() -> None:
    found = correct_history()
    twice = replace(found.events[1], id=found.events[0].id)
    spoilt = replace(found, events=[found.events[0], twice, found.events[2]], tails=[])
    assert "duplicated" in categories(spoilt)


def test_an_event_with_an_unknown_name_is_a_phantom() -> None:
    found = correct_history()
    odd = replace(found.events[2], event="prefect.deployment.renamed")
    assert "phantom" in categories(replace(found, events=[*found.events[:2], odd]))


def test_an_event_that_a_reader_missed_is_disordered() -> None:
    found = correct_history()
    assert categories(replace(found, tails=[found.tails[0], found.tails[0][::2]])) == ["disordered"]


def test_an_event_that_a_reader_saw_and_the_log_lacks_is_lost() -> None:
    found = correct_history()
    assert categories(replace(found, tails=[[*found.tails[0], (4, "gone")]])) == ["lost"]


def test_a_snapshot_that_remains_in_the_outbox_is_lost_and_reported_once() -> None:
    found = correct_history()
    pending = PendingFact(DEPLOYMENT, 4, attempts=0, parked=False, error=None)
    assert categories(replace(found, pending=[pending])) == ["lost"]


def test_a_failed_snapshot_is_reported_as_failed() -> None:
    pending = PendingFact(DEPLOYMENT, 4, attempts=10, parked=True, error="KeyError")
    assert categories(replace(correct_history(), pending=[pending])) == ["failed"]
