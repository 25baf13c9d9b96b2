"""Changes the list of a deployment's schedules. These are pure functions: they return the new list to store.

The oldest schedule comes first. Every `slug` and `replaces` of a request refers to the stored list, never to a schedule
that another entry of the same request has changed. All functions raise `Conflict` if two schedules of the new list
would have the same slug.
"""

from collections.abc import Iterable, Sequence, Set
from typing import Final
from uuid import UUID, uuid4

from app.errors import Conflict, InvalidRequest, NotFound
from app.postgres.base import JsonObject
from app.schemas.schedules import ScheduleCreate, ScheduleUpdate

Schedules = list[JsonObject]

SAME_SLUG: Final = "Two schedules of a deployment cannot have the same slug."


def created(new: Iterable[ScheduleCreate]) -> Schedules:
    """Return new schedules, each with a new id."""
    return _check_slugs([_new_schedule(schedule) for schedule in new])


def added(stored: Sequence[JsonObject], new: Iterable[ScheduleCreate]) -> Schedules:
    """Return the stored schedules, followed by the new ones."""
    return _check_slugs([*stored, *created(new)])


def patched(stored: Sequence[JsonObject], entries: Sequence[ScheduleUpdate]) -> Schedules:
    """Return the stored schedules, changed by these entries. An entry keeps the fields that it does not contain.

    If all stored schedules have slugs, an entry changes the schedule with the slug `replaces`, or else with the slug
    `slug`, or adds one. The other schedules are kept, so an empty list changes nothing. If nothing is stored, or a
    stored schedule has no slug, only the schedules of the entries remain.

    Raises:
        InvalidRequest: an entry has no slug although all stored schedules have one; a new schedule has no `schedule`;
            two entries replace the same schedule; or an entry renames a schedule to a slug that another one keeps.
    """
    _check_entries(entries)
    if not stored or any(schedule["slug"] is None for schedule in stored):
        return _replaced(stored, entries)
    if any(entry.slug is None for entry in entries):
        raise InvalidRequest(
            "Please provide a slug for each schedule in your request to ensure schedules are updated correctly."
        )
    return _merged(stored, entries)


def changed(stored: Sequence[JsonObject], schedule_id: UUID, update: ScheduleUpdate) -> Schedules:
    """Return the stored schedules, one of them changed by `update`.

    Raises:
        NotFound: no schedule has this id.
    """
    _require(stored, schedule_id)
    return _check_slugs(
        [update.applied_to(schedule) if schedule["id"] == str(schedule_id) else schedule for schedule in stored]
    )


def removed(stored: Sequence[JsonObject], schedule_id: UUID) -> Schedules:
    """Return the stored schedules without this one.

    Raises:
        NotFound: no schedule has this id.
    """
    _require(stored, schedule_id)
    return [schedule for schedule in stored if schedule["id"] != str(schedule_id)]


def _check_entries(entries: Sequence[ScheduleUpdate]) -> None:
    """Raise an error if two entries contradict each other, since one of them would be lost."""
    if _has_repeats(entry.slug for entry in entries):
        raise Conflict(SAME_SLUG)
    if _has_repeats(entry.replaces for entry in entries):
        raise InvalidRequest("Two schedules of a request cannot replace the same schedule.")


def _merged(stored: Sequence[JsonObject], entries: Sequence[ScheduleUpdate]) -> Schedules:
    """Return all stored schedules, changed by the entries that name their slugs, and the new ones."""
    index_by_slug = {schedule["slug"]: index for index, schedule in enumerate(stored)}
    made_before = _renames_made_before(entries, index_by_slug.keys())
    renamed = {entry.replaces for entry in entries if entry.slug not in made_before} & index_by_slug.keys()
    result = list(stored)
    for entry in entries:
        slug_is_kept = entry.slug in index_by_slug and entry.slug not in renamed
        if entry.replaces in renamed:
            if slug_is_kept:
                raise InvalidRequest(
                    f"Cannot rename schedule from '{entry.replaces}' to '{entry.slug}': "
                    f"a schedule with slug '{entry.slug}' already exists."
                )
            index = index_by_slug[entry.replaces]
        elif slug_is_kept:
            index = index_by_slug[entry.slug]
        else:
            result.append(_from_update(entry))
            continue
        result[index] = entry.applied_to(stored[index])
    return _check_slugs(result)


def _renames_made_before(entries: Iterable[ScheduleUpdate], slugs: Set[str]) -> set[str | None]:
    """Return the slugs of the entries whose renames an earlier request has made, so that each deploy can be repeated.

    After the chain `a -> b -> c`, `a` is not stored, but `b` and `c` are. The same holds after `b -> c` and a new `b`.
    """
    next_by_slug = {entry.replaces: entry for entry in entries}
    found: set[str | None] = set()
    for first in entries:
        chain, entry = set(), None if first.replaces in slugs else first
        while entry is not None and entry.slug in slugs:
            chain.add(entry.slug)
            entry = next_by_slug.get(entry.slug)
        if entry is None:
            found |= chain
    return found


def _replaced(stored: Sequence[JsonObject], entries: Sequence[ScheduleUpdate]) -> Schedules:
    """Return one schedule for each entry: a stored one that the entry changes, or a new one."""
    remaining = list(stored)
    result = []
    for entry in entries:
        schedule = _take_match(remaining, entry)
        result.append(entry.applied_to(schedule) if schedule is not None else _from_update(entry))
    return _check_slugs(result)


def _take_match(remaining: list[JsonObject], entry: ScheduleUpdate) -> JsonObject | None:
    """Remove and return the stored schedule that the entry describes, or return None.

    It has the slug `replaces` or `slug`, or no slug and the same `schedule`. If several have the same `schedule`, one
    that has the same other fields, too, is preferred.
    """
    unnamed = [
        stored
        for stored in remaining
        if entry.schedule and stored["slug"] is None and entry.applied_to(stored)["schedule"] == stored["schedule"]
    ]
    matches = [
        *(stored for stored in remaining if entry.replaces and stored["slug"] == entry.replaces),
        *(stored for stored in remaining if entry.slug and stored["slug"] == entry.slug),
        *(stored for stored in unnamed if {**entry.applied_to(stored), "slug": None} == stored),
        *unnamed,
    ]
    if not matches:
        return None
    remaining.remove(matches[0])
    return matches[0]


def _from_update(entry: ScheduleUpdate) -> JsonObject:
    """Return a new schedule. Raises InvalidRequest if the entry has no `schedule`; the text is Prefect's."""
    if entry.schedule is None:
        raise InvalidRequest("Unable to create new deployment schedules without a schedule configuration.")
    return _new_schedule(ScheduleCreate.model_validate(entry.model_dump(exclude_none=True)))


def _new_schedule(new: ScheduleCreate) -> JsonObject:
    return {"id": str(uuid4()), **new.content()}


def _require(stored: Sequence[JsonObject], schedule_id: UUID) -> None:
    if all(schedule["id"] != str(schedule_id) for schedule in stored):
        raise NotFound("Schedule not found.")


def _check_slugs(schedules: Schedules) -> Schedules:
    if _has_repeats(schedule["slug"] for schedule in schedules):
        raise Conflict(SAME_SLUG)
    return schedules


def _has_repeats(slugs: Iterable[str | None]) -> bool:
    texts = [slug for slug in slugs if slug is not None]
    return len(texts) != len(set(texts))
