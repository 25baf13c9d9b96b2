"""Changes of a deployment's list of schedules."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.crud.deployments.schedules import Schedules, added, changed, patched, removed, replaced
from app.errors import Conflict, InvalidRequest, NotFound
from app.schemas.schedules import ScheduleCreate, ScheduleUpdate


def given(minutes: int, **more: Any) -> ScheduleCreate:
    return ScheduleCreate.model_validate({"schedule": {"interval": minutes * 60.0}, **more})


def stored(*schedules: ScheduleCreate) -> Schedules:
    return replaced([], schedules)


def minutes(schedules: Schedules) -> list[int]:
    return [int(schedule["schedule"]["interval"] // 60) for schedule in schedules]


def ids(schedules: Schedules) -> list[str]:
    return [schedule["id"] for schedule in schedules]


def test_replacing_keeps_the_id_of_what_is_equal_and_gives_new_ones_to_the_rest() -> None:
    before = stored(given(1), given(2))
    after = replaced(before, [given(2), given(3)])
    assert minutes(after) == [2, 3]
    assert ids(after)[0] == ids(before)[1]
    assert ids(after)[1] not in ids(before)


def test_replacing_keeps_the_id_of_the_same_slug() -> None:
    before = stored(given(1, slug="a"))
    assert ids(replaced(before, [given(2, slug="a")])) == ids(before)


def test_equal_schedules_keep_an_id_each() -> None:
    before = stored(given(1), given(1))
    assert ids(replaced(before, [given(1), given(1)])) == ids(before)


def test_patching_by_slugs_keeps_those_that_are_not_named() -> None:
    before = stored(given(1, slug="a"), given(2, slug="b"))
    after = patched(before, [given(5, slug="b"), given(9, slug="c")])
    assert minutes(after) == [1, 5, 9]
    assert ids(after)[:2] == ids(before)


def test_patching_slugged_schedules_with_nothing_changes_nothing() -> None:
    before = stored(given(1, slug="a"))
    assert patched(before, []) == before


def test_patching_schedules_without_slugs_replaces_them() -> None:
    assert patched(stored(given(1), given(2, slug="b")), []) == []
    assert minutes(patched([], [given(4)])) == [4]


def test_patching_slugged_schedules_without_a_slug_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="slug"):
        patched(stored(given(1, slug="a")), [given(2)])


def test_adding_puts_one_of_the_same_slug_in_its_place() -> None:
    before = stored(given(1, slug="a"), given(2))
    after = added(before, [given(7, slug="a"), given(8)])
    assert minutes(after) == [7, 2, 8]
    assert ids(after)[:2] == ids(before)


def test_replaces_takes_the_place_and_renames() -> None:
    before = stored(given(1, slug="old"))
    after = added(before, [given(3, slug="new", replaces="old")])
    assert ids(after) == ids(before)
    assert [schedule["slug"] for schedule in after] == ["new"]
    assert "replaces" not in after[0]


def test_two_schedules_cannot_share_a_slug() -> None:
    with pytest.raises(Conflict, match="slug"):
        replaced([], [given(1, slug="a"), given(2, slug="a")])


def test_changing_one_changes_only_what_is_given() -> None:
    before = stored(given(1, slug="a", max_scheduled_runs=3), given(2))
    update = ScheduleUpdate.model_validate({"active": False, "max_scheduled_runs": None, "parameters": None})
    after = changed(before, UUID(before[0]["id"]), update)
    assert after == [{**before[0], "active": False, "max_scheduled_runs": None}, before[1]]


def test_changing_into_a_taken_slug_is_refused() -> None:
    before = stored(given(1, slug="a"), given(2, slug="b"))
    with pytest.raises(Conflict):
        changed(before, UUID(before[0]["id"]), ScheduleUpdate(slug="b"))


def test_removing_takes_one_off() -> None:
    before = stored(given(1), given(2))
    assert minutes(removed(before, UUID(before[0]["id"]))) == [2]


def test_one_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        removed([], uuid4())
    with pytest.raises(NotFound):
        changed([], uuid4(), ScheduleUpdate())
