"""The chaos verdict on the log as a whole, its readers and the outbox."""

from dataclasses import replace

from tests.chaos.facts import PendingFact
from tests.unit.chaos.chaos_histories import DEPLOYMENT, well, words


def test_a_run_in_which_all_is_well_has_no_findings() -> None:
    assert words(well()) == []


def test_a_gap_in_the_positions_is_disorder() -> None:
    found = well()
    moved = [*found.events[:2], replace(found.events[2], position=4)]
    tail = [(each.position, each.id) for each in moved]
    assert words(replace(found, events=moved, head=4, tails=[tail])) == ["disordered"]


def test_a_head_that_is_not_the_last_position_is_disorder() -> None:
    assert words(replace(well(), head=4)) == ["disordered"]


def test_an_event_id_that_is_told_twice_is_a_duplicate() -> None:
    found = well()
    twice = replace(found.events[1], id=found.events[0].id)
    spoilt = replace(found, events=[found.events[0], twice, found.events[2]], tails=[])
    assert "duplicated" in words(spoilt)


def test_an_event_of_something_unknown_is_a_phantom() -> None:
    found = well()
    odd = replace(found.events[2], event="prefect.deployment.renamed")
    assert "phantom" in words(replace(found, events=[*found.events[:2], odd]))


def test_an_event_that_a_reader_missed_is_disorder() -> None:
    found = well()
    assert words(replace(found, tails=[found.tails[0], found.tails[0][::2]])) == ["disordered"]


def test_an_event_that_a_reader_saw_and_that_is_gone_is_lost() -> None:
    found = well()
    assert words(replace(found, tails=[[*found.tails[0], (4, "gone")]])) == ["lost"]


def test_a_snapshot_that_is_left_in_the_outbox_is_lost_once() -> None:
    found = well()
    pending = PendingFact(DEPLOYMENT, 4, attempts=0, parked=False, error=None)
    assert words(replace(found, pending=[pending])) == ["lost"]


def test_a_snapshot_that_failed_is_named_so() -> None:
    pending = PendingFact(DEPLOYMENT, 4, attempts=10, parked=True, error="KeyError")
    assert words(replace(well(), pending=[pending])) == ["failed"]
