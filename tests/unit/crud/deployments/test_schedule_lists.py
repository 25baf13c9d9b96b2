"""Changes of a deployment's list of schedules."""

import itertools
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.crud.deployments.schedules import Schedules, added, changed, created, patched, removed
from app.errors import Conflict, InvalidRequest, NotFound, RequestError
from app.schemas.schedules import ScheduleCreate, ScheduleUpdate


def every_minutes(minutes: int) -> dict[str, Any]:
    return {"interval": minutes * 60.0}


def stored(*schedules: tuple[str | None, int], **more: Any) -> Schedules:
    """Return stored schedules, each with a slug and an interval in minutes; `more` are fields of all of them."""
    bodies = [{"slug": slug, "schedule": every_minutes(minutes), **more} for slug, minutes in schedules]
    return created(ScheduleCreate.model_validate(body) for body in bodies)


def entry(slug: str | None = None, minutes: int | None = None, **more: Any) -> ScheduleUpdate:
    """Return an entry of a PATCH that states only these fields."""
    named = {"slug": slug} if slug is not None else {}
    timed = {"schedule": every_minutes(minutes)} if minutes is not None else {}
    return ScheduleUpdate.model_validate({**named, **timed, **more})


def minutes(schedules: Schedules) -> dict[str | None, int]:
    return {schedule["slug"]: int(schedule["schedule"]["interval"] // 60) for schedule in schedules}


def ids(schedules: Schedules) -> dict[str | None, str]:
    return {schedule["slug"]: schedule["id"] for schedule in schedules}


STATED: dict[str, Any] = {"active": False, "max_scheduled_runs": 3, "parameters": {"n": 1}}


@pytest.mark.parametrize("slugs", [("a", "b"), ("a", None)], ids=["all have slugs", "one has none"])
@pytest.mark.parametrize("nulls", [{}, dict.fromkeys(STATED)], ids=["omitted", "null"])
@pytest.mark.parametrize(
    "change", [{}, {"schedule": every_minutes(1)}, {"schedule": every_minutes(7)}, {"active": True}]
)
def test_an_entry_keeps_the_fields_that_it_does_not_contain(
    slugs: tuple[str | None, str | None], nulls: dict[str, Any], change: dict[str, Any]
) -> None:
    before = stored((slugs[0], 1), (slugs[1], 2), **STATED)
    after = patched(before, [entry("a", **{**nulls, **change})])
    expected = ScheduleCreate.model_validate({"slug": "a", "schedule": every_minutes(1), **STATED, **change}).content()
    assert after[0] == {"id": before[0]["id"], **expected}


def test_a_schedule_without_a_slug_is_recognized_by_its_schedule() -> None:
    before = stored((None, 1), (None, 2), active=False)
    assert patched(before, [entry(None, 2), entry(None, 1)]) == [before[1], before[0]]
    assert patched(before, [entry(None, 2, active=True)]) == [{**before[1], "active": True}]


def test_of_equal_schedules_the_one_with_the_stated_fields_is_recognized() -> None:
    before = [*stored((None, 1)), *stored((None, 1), active=False)]
    assert patched(before, [entry(None, 1, active=False)]) == [before[1]]
    assert patched(before, [entry(None, 1), entry(None, 1)]) == before


def test_a_schedule_that_gets_a_slug_keeps_its_other_fields() -> None:
    before = stored((None, 1), active=False)
    assert patched(before, [entry("a", 1)]) == [{**before[0], "slug": "a"}]


def test_patching_by_slugs_keeps_the_other_schedules() -> None:
    before = stored(("a", 1), ("b", 2))
    after = patched(before, [entry("b", 5), entry("c", 9)])
    assert minutes(after) == {"a": 1, "b": 5, "c": 9}
    assert {**ids(after), "c": None} == {**ids(before), "c": None}
    assert patched(before, []) == before


def test_patching_schedules_without_slugs_replaces_them() -> None:
    assert patched(stored((None, 1), ("b", 2)), []) == []
    assert minutes(patched([], [entry(None, 4)])) == {None: 4}


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
@pytest.mark.parametrize("renames", [*itertools.permutations("abc")])
def test_renames_refer_to_the_stored_list_in_every_order(renames: tuple[str, ...], order: tuple[int, ...]) -> None:
    before = stored(("a", 1), ("b", 2), ("c", 3))
    entries = [entry(new, 10 + at, replaces=old) for at, (old, new) in enumerate(zip("abc", renames, strict=True))]
    after = patched(before, [entries[at] for at in order])
    assert minutes(after) == {new: 10 + at for at, new in enumerate(renames)}
    assert ids(after) == {new: ids(before)[old] for old, new in zip("abc", renames, strict=True)}


def test_a_chain_of_renames_moves_each_schedule_by_one() -> None:
    before = stored(("a", 1), ("b", 2))
    after = patched(before, [entry("b", 11, replaces="a"), entry("c", 12, replaces="b")])
    assert minutes(after) == {"b": 11, "c": 12}
    assert ids(after) == {"b": ids(before)["a"], "c": ids(before)["b"]}


def test_the_slug_of_a_renamed_schedule_is_free_for_a_new_one() -> None:
    before = stored(("a", 1))
    for entries in itertools.permutations([entry("b", 11, replaces="a"), entry("a", 12)]):
        after = patched(before, entries)
        assert minutes(after) == {"b": 11, "a": 12}
        assert ids(after)["b"] == ids(before)["a"] != ids(after)["a"]


@pytest.mark.parametrize(
    "renames", [{"a": "b"}, {"a": "b", "b": "c"}, {"a": "b", "b": "c", "c": "d"}, {"b": "d", "a": "b"}]
)
@pytest.mark.parametrize("order", [1, -1])
def test_repeated_renames_change_nothing(renames: dict[str, str], order: int) -> None:
    before = stored(*((slug, minute) for minute, slug in enumerate(renames, start=1)), active=False)
    entries = [entry(new, 9, replaces=old) for old, new in renames.items()][::order]
    after = patched(before, entries)
    assert patched(after, entries) == after
    assert ids(after) == {new: ids(before)[old] for old, new in renames.items()}


def test_a_rename_whose_old_slug_was_given_to_a_new_schedule_can_be_repeated() -> None:
    entries = [entry("b", 11, replaces="a"), entry("a", 12)]
    after = patched(stored(("a", 1)), entries)
    assert patched(after, entries) == after


def test_a_new_chain_of_renames_is_applied_even_if_its_first_slug_is_not_stored() -> None:
    before = stored(("b", 1), ("c", 2))
    after = patched(before, [entry(new, 9, replaces=old) for old, new in ("ab", "bc", "cd")])
    assert {**ids(after), "b": None} == {"b": None, "c": ids(before)["b"], "d": ids(before)["c"]}


@pytest.mark.parametrize("slugs", [("a", "b"), ("a", None), (None, None)], ids=str)
def test_an_interval_without_an_anchor_keeps_the_stored_anchor(slugs: tuple[str | None, str | None]) -> None:
    anchored = {"schedule": {**every_minutes(1), "anchor_date": "2026-03-01T10:17:00Z"}, "active": False}
    before = created([ScheduleCreate.model_validate({"slug": slug, **anchored}) for slug in slugs])
    entries = [entry(slug, 1) for slug in slugs]
    assert patched(before, entries) == before
    (first, _) = changed(before, UUID(before[0]["id"]), entry(None, 2))
    assert first["schedule"] == {**before[0]["schedule"], **every_minutes(2)}
    (first, _) = changed(before, UUID(before[0]["id"]), entry(schedule={"cron": "0 3 * * *"}))
    assert "anchor_date" not in first["schedule"]


@pytest.mark.parametrize(
    ("slugs", "entries", "error"),
    [
        ("ab", [entry("n", 1), entry("n", 2)], Conflict),
        ("ab", [entry("a", 1), entry("a", 2)], Conflict),
        ("ab", [entry("n", 1), entry("n", 2, replaces="a")], Conflict),
        ("", [entry("n", 1), entry("n", 2)], Conflict),
        ("ab", [entry("x", 1, replaces="a"), entry("y", 2, replaces="a")], InvalidRequest),
        ("", [entry("x", 1, replaces="a"), entry("y", 2, replaces="a")], InvalidRequest),
        ("ab", [entry("b", 1, replaces="a")], InvalidRequest),
        ("ab", [entry("b", 1, replaces="a"), entry("x", 2, replaces="gone")], InvalidRequest),
        ("ab", [entry("n", active=True)], InvalidRequest),
        ("", [entry("n", active=True)], InvalidRequest),
        ("a", [entry(None, 2)], InvalidRequest),
    ],
)
def test_entries_that_contradict_each_other_or_are_incomplete_are_refused(
    slugs: str, entries: list[ScheduleUpdate], error: type[RequestError]
) -> None:
    with pytest.raises(error):
        patched(stored(*((slug, 1) for slug in slugs)), entries)


def test_adding_never_changes_a_stored_schedule() -> None:
    before = stored(("a", 1), (None, 2))
    assert added(before, [ScheduleCreate.model_validate({"schedule": every_minutes(2)})])[:2] == before
    with pytest.raises(Conflict, match="slug"):
        added(before, [ScheduleCreate.model_validate({"schedule": every_minutes(2), "slug": "a"})])


def test_two_new_schedules_cannot_share_a_slug() -> None:
    with pytest.raises(Conflict, match="slug"):
        stored(("a", 1), ("a", 2))


def test_changing_one_schedule_changes_only_the_stated_fields() -> None:
    before = stored(("a", 1), (None, 2), max_scheduled_runs=3)
    update = entry(active=False, max_scheduled_runs=None, parameters=None, slug=None)
    after = changed(before, UUID(before[0]["id"]), update)
    assert after == [{**before[0], "active": False}, before[1]]


def test_changing_to_a_taken_slug_is_refused() -> None:
    before = stored(("a", 1), ("b", 2))
    with pytest.raises(Conflict):
        changed(before, UUID(before[0]["id"]), entry("b"))


def test_removing_one_schedule_keeps_the_other() -> None:
    before = stored((None, 1), (None, 2))
    assert removed(before, UUID(before[0]["id"])) == before[1:]


def test_an_unknown_id_is_not_found() -> None:
    with pytest.raises(NotFound):
        removed([], uuid4())
    with pytest.raises(NotFound):
        changed([], uuid4(), ScheduleUpdate())
