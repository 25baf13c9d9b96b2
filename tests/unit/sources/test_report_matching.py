"""Which event tells which change, and what is lost, invented, told twice or told wrongly."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.sources.report.matching import Pair, match
from app.sources.report.tellings import Change, Telling, Updates

START = datetime(2026, 12, 1, 12, tzinfo=UTC)
RESOURCE = "prefect.deployment.1"


def change(second: float, event: str = "updated", resource: str = RESOURCE, **updates: tuple[Any, Any]) -> Change:
    at = START + timedelta(seconds=second)
    return Change(f"prefect.deployment.{event}", resource, "nightly", at, uuid4(), 1, updates)


def told(second: float, event: str = "updated", resource: str = RESOURCE, **updates: tuple[Any, Any]) -> Telling:
    at = START + timedelta(seconds=second)
    stated: Updates | None = updates or None
    return Telling(f"prefect.deployment.{event}", resource, "nightly", at, uuid4(), stated, {})


def problems(pairs: list[Pair]) -> list[str]:
    return sorted(pair.problem or "right" for pair in pairs)


def test_a_change_that_is_told_once_and_right_is_no_problem() -> None:
    (pair,) = match([change(0, version=("1", "2"))], [told(0.5, version=("1", "2"))])

    assert (pair.problem, pair.wrong) == (None, ())


def test_a_change_without_an_event_is_lost() -> None:
    (pair,) = match([change(0, "created")], [])

    assert (pair.problem, pair.told) == ("lost", None)


def test_an_event_without_a_change_is_invented() -> None:
    (pair,) = match([], [told(0, "created")])

    assert (pair.problem, pair.change) == ("invented", None)


def test_a_second_event_for_a_change_is_told_twice() -> None:
    one, first, second = change(0, version=("1", "2")), told(0, version=("1", "2")), told(1, version=("1", "2"))

    pairs = list(match([one], [first, second]))

    assert problems(pairs) == ["right", "twice"]
    (twice,) = [pair for pair in pairs if pair.problem == "twice"]
    assert (twice.change, twice.told, twice.first) == (one, second, first)


@pytest.mark.parametrize(
    ("committed", "stated", "wrong"),
    [
        ({"version": ("1", "2")}, {"version": ("0", "2")}, [("version", ("0", "2"), ("1", "2"))]),
        ({"version": ("1", "2")}, {"path": ("a", "b")}, [("path", ("a", "b"), None), ("version", None, ("1", "2"))]),
        ({"version": ("1", "2"), "path": (None, "a")}, {"version": ("1", "2")}, [("path", None, (None, "a"))]),
    ],
    ids=["another value", "another field", "a field left out"],
)
def test_an_event_with_other_values_is_wrong(committed: Any, stated: Any, wrong: list[Any]) -> None:
    (pair,) = match([change(0, **committed)], [told(0, **stated)])

    assert (pair.problem, list(pair.wrong)) == ("wrong", wrong)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 1.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ("x" * 9, {"$omitted": 9})],
    ids=["numbers", "order of keys", "too large for our event"],
)
def test_equal_values_are_not_wrong(left: Any, right: Any) -> None:
    (pair,) = match([change(0, parameters=(None, right))], [told(0, parameters=(None, left))])

    assert pair.problem is None


def test_true_is_not_one() -> None:
    (pair,) = match([change(0, paused=(None, True))], [told(0, paused=(None, 1))])

    assert pair.problem == "wrong"


def test_events_of_concurrent_changes_are_matched_by_their_content() -> None:
    changes = [change(0, version=("1", "2")), change(0.01, version=("2", "3")), change(0.02, version=("3", "4"))]
    tellings = [told(0.05, version=("3", "4")), told(0.06, version=("1", "2")), told(0.07, version=("2", "3"))]

    assert problems(list(match(changes, tellings))) == ["right"] * 3


def test_an_event_that_repeats_an_older_from_is_wrong_and_not_invented() -> None:
    changes = [change(0, version=("1", "2")), change(0.01, version=("2", "3"))]
    tellings = [told(0, version=("1", "2")), told(0.01, version=("1", "3"))]

    assert problems(list(match(changes, tellings))) == ["right", "wrong"]


def test_what_is_more_than_a_minute_apart_does_not_belong_together() -> None:
    assert problems(list(match([change(0, "deleted")], [told(61, "deleted")]))) == ["invented", "lost"]
    assert problems(list(match([change(0, "deleted")], [told(-59, "deleted")]))) == ["right"]


def test_resources_and_names_are_kept_apart() -> None:
    pairs = list(match([change(0, "created")], [told(0, "deleted"), told(0, "created", "prefect.deployment.2")]))

    assert problems(pairs) == ["invented", "invented", "lost"]


def test_an_event_that_states_no_updates_is_compared_by_its_values() -> None:
    at, id_ = START, UUID(int=1)
    right = Telling("prefect.deployment.updated", RESOURCE, "", at, id_, None, {"limit": 5, "name": "x"})
    wrong = Telling("prefect.deployment.updated", RESOURCE, "", at, id_, None, {"limit": 4, "name": "x"})

    assert problems(list(match([change(0, limit=(3, 5))], [right]))) == ["right"]
    (pair,) = match([change(0, limit=(3, 5))], [wrong])
    assert (pair.problem, pair.wrong) == ("wrong", (("limit", 4, 5),))
