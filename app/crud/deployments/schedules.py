"""Changes the list of a deployment's schedules. These are pure functions: they return the new list to store.

All of them raise `Conflict` if two schedules of the new list would have the same slug.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from app.errors import Conflict, InvalidRequest, NotFound
from app.postgres.base import JsonObject
from app.schemas.schedules import ScheduleCreate, ScheduleUpdate

Schedules = list[JsonObject]


def replaced(stored: Sequence[JsonObject], new: Sequence[ScheduleCreate]) -> Schedules:
    """Return the new schedules instead of the stored ones.

    A new schedule gets the id of a stored one with the same slug or content, or else a new id.
    """
    remaining = list(stored)
    return _check_slugs([_with_id(_take_matching_id(remaining, schedule), schedule) for schedule in new])


def patched(stored: Sequence[JsonObject], new: Sequence[ScheduleCreate]) -> Schedules:
    """Return the stored schedules, updated with the new ones by slug as in `added`.

    Stored schedules with other slugs are kept, so an empty list changes nothing. But if nothing is stored, or a stored
    schedule has no slug, the new schedules replace the stored ones as in `replaced`.

    Raises:
        InvalidRequest: all stored schedules have slugs, but a new one has none.
    """
    if not stored or any(schedule["slug"] is None for schedule in stored):
        return replaced(stored, new)
    if any(schedule.slug is None for schedule in new):
        raise InvalidRequest(
            "Please provide a slug for each schedule in your request to ensure schedules are updated correctly."
        )
    return added(stored, new)


def added(stored: Sequence[JsonObject], new: Sequence[ScheduleCreate]) -> Schedules:
    """Return the stored schedules and the new ones.

    A new schedule takes the position and the id of the stored one with the slug in `replaces` or with the same slug.
    """
    result = list(stored)
    for schedule in new:
        index = _index_to_replace(result, schedule)
        if index is None:
            result.append(_with_id(None, schedule))
        else:
            result[index] = _with_id(result[index]["id"], schedule)
    return _check_slugs(result)


def changed(stored: Sequence[JsonObject], schedule_id: UUID, update: ScheduleUpdate) -> Schedules:
    """Return the stored schedules, one of them changed by `update`.

    Raises:
        NotFound: no schedule has this id.
    """
    _require(stored, schedule_id)
    changes = update.changes()
    return _check_slugs(
        [{**schedule, **changes} if schedule["id"] == str(schedule_id) else schedule for schedule in stored]
    )


def removed(stored: Sequence[JsonObject], schedule_id: UUID) -> Schedules:
    """Return the stored schedules without this one.

    Raises:
        NotFound: no schedule has this id.
    """
    _require(stored, schedule_id)
    return [schedule for schedule in stored if schedule["id"] != str(schedule_id)]


def _require(stored: Sequence[JsonObject], schedule_id: UUID) -> None:
    if all(schedule["id"] != str(schedule_id) for schedule in stored):
        raise NotFound("Schedule not found.")


def _take_matching_id(remaining: list[JsonObject], new: ScheduleCreate) -> Any:
    """Remove the first stored schedule with the same slug, or else with the same content; return its id, or None."""
    content = new.content()
    slugs = {slug for slug in (new.slug, new.replaces) if slug is not None}
    same_slug = (index for index, stored in enumerate(remaining) if stored["slug"] in slugs)
    same_content = (
        index for index, stored in enumerate(remaining) if {**stored, "id": None} == {**content, "id": None}
    )
    index = next(same_slug, next(same_content, None))
    return remaining.pop(index)["id"] if index is not None else None


def _index_to_replace(schedules: Schedules, new: ScheduleCreate) -> int | None:
    for slug in (new.replaces, new.slug):
        if slug is not None:
            for index, schedule in enumerate(schedules):
                if schedule["slug"] == slug:
                    return index
    return None


def _with_id(id_: Any, new: ScheduleCreate) -> JsonObject:
    return {"id": id_ or str(uuid4()), **new.content()}


def _check_slugs(schedules: Schedules) -> Schedules:
    slugs = [schedule["slug"] for schedule in schedules if schedule["slug"] is not None]
    if len(slugs) != len(set(slugs)):
        raise Conflict("Two schedules of a deployment cannot have the same slug.")
    return schedules
