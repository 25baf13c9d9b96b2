"""How the list of a deployment's schedules changes: pure functions from one stored list to the next."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from app.errors import Conflict, InvalidRequest, NotFound
from app.postgres.engine import JsonObject
from app.schemas.schedules import ScheduleCreate, ScheduleUpdate

Schedules = list[JsonObject]


def replaced(stored: Sequence[JsonObject], given: Sequence[ScheduleCreate]) -> Schedules:
    """Return the given schedules in place of the stored ones; one with the same slug or content keeps its id."""
    left = list(stored)
    result = [_with_id(_take_equal(left, schedule), schedule) for schedule in given]
    return _checked(result)


def patched(stored: Sequence[JsonObject], given: Sequence[ScheduleCreate]) -> Schedules:
    """Return the stored schedules with the given ones put in place by slug, when all have one.

    Those not named are kept, so an empty list changes nothing. While any stored one lacks a slug, the given list
    replaces the stored one.

    Raises:
        InvalidRequest: the stored ones have slugs and a given one has none: it could only be a mistake.
    """
    if not stored or any(schedule["slug"] is None for schedule in stored):
        return replaced(stored, given)
    if any(schedule.slug is None for schedule in given):
        raise InvalidRequest(
            "Please provide a slug for each schedule in your request to ensure schedules are updated correctly."
        )
    return added(stored, given)


def added(stored: Sequence[JsonObject], given: Sequence[ScheduleCreate]) -> Schedules:
    """Return the stored schedules with the given ones added, or in the place of the one of their slug."""
    result = list(stored)
    for schedule in given:
        place = _place_of(result, schedule)
        if place is None:
            result.append(_with_id(None, schedule))
        else:
            result[place] = _with_id(result[place]["id"], schedule)
    return _checked(result)


def changed(stored: Sequence[JsonObject], schedule_id: UUID, update: ScheduleUpdate) -> Schedules:
    """Return the stored schedules with one of them changed.

    Raises:
        NotFound: there is none of that id.
    """
    _existing(stored, schedule_id)
    changes = update.changes()
    return _checked(
        [{**schedule, **changes} if schedule["id"] == str(schedule_id) else schedule for schedule in stored]
    )


def removed(stored: Sequence[JsonObject], schedule_id: UUID) -> Schedules:
    """Return the stored schedules without one of them.

    Raises:
        NotFound: there is none of that id.
    """
    _existing(stored, schedule_id)
    return [schedule for schedule in stored if schedule["id"] != str(schedule_id)]


def _existing(stored: Sequence[JsonObject], schedule_id: UUID) -> None:
    if all(schedule["id"] != str(schedule_id) for schedule in stored):
        raise NotFound("Schedule not found.")


def _take_equal(left: list[JsonObject], given: ScheduleCreate) -> Any:
    """Take the stored schedule that the given one continues off the list, and return its id."""
    content = given.content()
    slugs = {slug for slug in (given.slug, given.replaces) if slug is not None}
    same_slug = (at for at, stored in enumerate(left) if stored["slug"] in slugs)
    same_content = (at for at, stored in enumerate(left) if {**stored, "id": None} == {**content, "id": None})
    at = next(same_slug, next(same_content, None))
    return left.pop(at)["id"] if at is not None else None


def _place_of(schedules: Schedules, given: ScheduleCreate) -> int | None:
    for slug in (given.replaces, given.slug):
        if slug is not None:
            for at, schedule in enumerate(schedules):
                if schedule["slug"] == slug:
                    return at
    return None


def _with_id(id_: Any, given: ScheduleCreate) -> JsonObject:
    return {"id": id_ or str(uuid4()), **given.content()}


def _checked(schedules: Schedules) -> Schedules:
    slugs = [schedule["slug"] for schedule in schedules if schedule["slug"] is not None]
    if len(slugs) != len(set(slugs)):
        raise Conflict("Two schedules of a deployment cannot have the same slug.")
    return schedules
