"""A reader gets each matching event once, wherever it starts and however far it falls behind."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.log.live.feed import Feed, Subscription
from app.log.live.reading import ANY_TIME, Frame, Page, without_times
from app.schemas.event_queries import EventFilter, OccurredFilter

NOW = datetime.now(UTC)


def frame(position: int, occurred: datetime = NOW) -> Frame:
    return Frame(position, occurred, "x" * 10)


class Log:
    """A log with matching events at some positions. It returns pages of at most three events."""

    def __init__(self, matching: Sequence[int], head: int) -> None:
        """Take the positions of the matching events, and the last position."""
        self.matching = matching
        self.head = head
        self.pages = 0

    async def read(self, after: int) -> Page:
        """Read the next page. Other tasks run meanwhile."""
        self.pages += 1
        head = self.head
        await asyncio.sleep(0)
        found = [frame(position) for position in self.matching if after < position <= head][:3]
        return Page(found, found[-1].position if len(found) == 3 else head)

    async def read_new(self, after: int) -> Page:
        """Read the next page as soon as there is one."""
        while after >= self.head:
            await asyncio.sleep(0)
        return await self.read(after)


async def positions_of(subscription: Subscription, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += [each.position for each in await subscription.next()]
    return found


@given(
    matching=st.sets(st.integers(1, 60)).map(sorted),
    start=st.integers(0, 30),
    begin=st.integers(0, 30),
    budget=st.integers(0, 200),
    steps=st.lists(st.integers(1, 10), min_size=1, max_size=6),
    pauses=st.lists(st.integers(0, 4), min_size=1, max_size=10),
)
def test_each_event_comes_once_whether_past_live_or_dropped_from_the_feed(
    matching: list[int], start: int, begin: int, budget: int, steps: list[int], pauses: list[int]
) -> None:
    async def follow() -> tuple[list[int], list[int]]:
        log = Log(matching, start)
        feed = Feed(start)
        running = asyncio.create_task(feed.run(log.read_new, lambda: budget))
        after = min(begin, start)
        subscription = Subscription(feed, ANY_TIME, after, log.read, lambda: None)
        last = start + sum(steps)
        expected = [position for position in matching if after < position <= last]
        reading = asyncio.create_task(positions_of(subscription, len(expected)))
        for step, pause in zip(steps, pauses * len(steps), strict=False):
            log.head += step
            for _ in range(pause):
                await asyncio.sleep(0)
        found = await asyncio.wait_for(reading, 10)
        running.cancel()
        return found, expected

    found, expected = asyncio.run(follow())
    assert found == expected


def test_readers_of_one_feed_share_its_pages() -> None:
    async def follow() -> int:
        log = Log(range(1, 31), 0)
        feed = Feed(0)
        running = asyncio.create_task(feed.run(log.read_new, lambda: 10_000))
        readers = [
            asyncio.create_task(positions_of(Subscription(feed, ANY_TIME, 0, log.read, lambda: None), 30))
            for _ in range(20)
        ]
        log.head = 30
        for reader in readers:
            assert await asyncio.wait_for(reader, 10) == list(range(1, 31))
        running.cancel()
        return log.pages

    # A page holds three.
    assert asyncio.run(follow()) == 10


def test_a_feed_holds_no_more_than_its_budget() -> None:
    async def follow() -> tuple[int, int]:
        log = Log(range(1, 31), 30)
        feed = Feed(0)
        running = asyncio.create_task(feed.run(log.read_new, lambda: 50))
        while feed.read_until < 30:
            await asyncio.sleep(0)
        running.cancel()
        return feed.held_after, len(feed.frames_after(feed.held_after)[0])

    # Five frames of ten bytes.
    assert asyncio.run(follow()) == (25, 5)


def test_each_reader_has_its_own_times() -> None:
    async def follow() -> list[int]:
        feed = Feed(0)
        ages = [3, 1, 2, 0]

        async def read(_after: int) -> Page:
            frames = [frame(at, NOW - timedelta(days=age)) for at, age in enumerate(ages, start=1)]
            return Page(frames, len(frames))

        occurred = OccurredFilter(since=NOW - timedelta(days=2), until=NOW - timedelta(days=1))
        feed.read_until = feed.held_after = 4
        return [each.position for each in await Subscription(feed, occurred, 0, read, lambda: None).next()]

    assert asyncio.run(follow()) == [2, 3]


def test_an_unanswerable_filter_ends_all_its_readers() -> None:
    async def fail(_after: int) -> Page:
        raise InvalidRequest("no")

    async def follow() -> None:
        feed = Feed(0)
        reader = asyncio.create_task(Subscription(feed, ANY_TIME, 0, fail, lambda: None).next())
        await asyncio.sleep(0)
        await feed.run(fail, lambda: 0)
        await reader

    with pytest.raises(InvalidRequest):
        asyncio.run(follow())


def test_a_reader_behind_a_failed_feed_ends_as_well() -> None:
    async def read_on() -> Sequence[Frame]:
        feed = Feed(5)
        feed.fail(InvalidRequest("The log was restored."))
        # There is an event after this position, but it may belong to another log.
        return await Subscription(feed, ANY_TIME, 0, Log([1], head=2).read, lambda: None).next()

    with pytest.raises(InvalidRequest):
        asyncio.run(read_on())


def test_a_cancelled_wait_loses_no_event() -> None:
    async def follow() -> list[int]:
        log = Log([1], 0)
        feed = Feed(0)
        subscription = Subscription(feed, ANY_TIME, 0, log.read, lambda: None)
        waiting = asyncio.create_task(subscription.next())
        await asyncio.sleep(0)
        waiting.cancel()
        running = asyncio.create_task(feed.run(log.read_new, lambda: 1000))
        log.head = 1
        found = await positions_of(subscription, 1)
        running.cancel()
        return found

    assert asyncio.run(follow()) == [1]


def test_filters_that_differ_in_times_order_or_distinct_share_a_feed() -> None:
    bodies = [
        {"event": {"name": ["a"]}},
        {"event": {"name": ["a"]}, "order": "ASC", "occurred": {"since": "2020-01-01T00:00:00Z"}},
        {"event": {"name": ["a"]}, "resource": {"distinct": True}, "id": {"id": []}},
    ]
    assert len({without_times(EventFilter.model_validate(body)).as_json() for body in bodies}) == 1
