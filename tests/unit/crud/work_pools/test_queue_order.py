"""The priorities of queues in their pool."""

from uuid import UUID

import pytest

from app.crud.work_pools.queue_order import first_free, moved_down


def ids(places: list[int]) -> list[tuple[UUID, int]]:
    return [(UUID(int=number), place) for number, place in enumerate(places)]


@pytest.mark.parametrize(
    ("taken", "expected"), [([], 1), ([1], 2), ([2], 1), ([1, 3], 2), ([3, 2, 1], 4), ([1, 1, 2], 3)]
)
def test_the_first_free_priority_is_the_smallest_unused_number(taken: list[int], expected: int) -> None:
    assert first_free(taken) == expected


@pytest.mark.parametrize(
    ("places", "priority", "moved"),
    [
        ([], 1, {}),
        ([1], 2, {}),
        ([1], 1, {0: 2}),
        ([1, 2], 1, {0: 2, 1: 3}),
        ([1, 2, 3], 2, {1: 3, 2: 4}),
        ([1, 3], 1, {0: 2}),
        ([1, 2, 4], 1, {0: 2, 1: 3}),
        ([5], 3, {}),
        ([3, 1, 2], 1, {1: 2, 2: 3, 0: 4}),
        ([2, 2], 2, {0: 3, 1: 4}),
    ],
)
def test_conflicting_queues_are_shifted_down_to_the_first_gap(
    places: list[int], priority: int, moved: dict[int, int]
) -> None:
    assert moved_down(ids(places), priority) == {UUID(int=number): place for number, place in moved.items()}
