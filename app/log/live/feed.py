"""A feed holds the newest matching events for all readers with the same filter; a subscription is one reader."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Final

from app.errors import AppError
from app.log.live.reading import Frame, Page
from app.schemas.event_queries import OccurredFilter

ReadPage = Callable[[int], Awaitable[Page]]
"""Reads the page after a position from the database."""

FRAMES_AT_ONCE: Final = 100
"""The most frames that a reader takes at once, so that the other tasks of the event loop get their turn."""


class Signal:
    """Wakes the waiting tasks of one event loop."""

    def __init__(self) -> None:
        """Start without waiting tasks."""
        self._next = asyncio.Event()

    def notify_all(self) -> None:
        """Wake all tasks that are waiting now."""
        current, self._next = self._next, asyncio.Event()
        current.set()

    async def wait(self) -> None:
        """Wait for the next `notify_all`.

        Check the awaited condition first, without an `await` in between: an earlier `notify_all` does not count.
        """
        await self._next.wait()


class Feed:
    """Holds the matching frames with positions after `held_after`, up to and including `read_until`.

    When the frames need too much memory, the oldest are dropped and `held_after` rises. A reader whose position is
    before `held_after` reads its pages from the database until it has caught up.
    """

    def __init__(self, start: int) -> None:
        """Start after the position `start` of the log, without frames."""
        self.held_after = start
        self.read_until = start
        self.readers = 0
        self.changed = Signal()
        self.failure: AppError | None = None
        self._frames: deque[Frame] = deque()
        self._size = 0

    async def run(self, read_next: Callable[[int], Awaitable[Page]], budget: Callable[[], int]) -> None:
        """Add page after page until cancelled or until a read fails.

        Args:
            read_next: waits for the page after a position and returns it.
            budget: returns how many characters of frames the feed may hold now.
        """
        while True:
            try:
                page = await read_next(self.read_until)
            except AppError as error:
                self.fail(error)
                return
            self._add(page, budget())

    def fail(self, error: AppError) -> None:
        """End all readers with this error."""
        self.failure = error
        self.changed.notify_all()

    def frames_after(self, position: int) -> tuple[list[Frame], int]:
        """Return the next frames after a position, and the position up to which there are no others.

        The position must not be before `held_after`.
        """
        first = bisect_right(self._frames, position, key=attrgetter("position"))
        frames = [self._frames[index] for index in range(first, min(first + FRAMES_AT_ONCE, len(self._frames)))]
        read_until = frames[-1].position if len(frames) == FRAMES_AT_ONCE else self.read_until
        return frames, max(read_until, position)

    def _add(self, page: Page, budget: int) -> None:
        self._frames.extend(page.frames)
        self._size += sum(len(frame.text) for frame in page.frames)
        self.read_until = page.read_until
        while self._size > budget and self._frames:
            dropped = self._frames.popleft()
            self._size -= len(dropped.text)
            self.held_after = dropped.position
        self.changed.notify_all()


class Subscription:
    """Returns each matching event after the position `after` once, in the order of the log.

    Each page comes from the shared feed, or from the database when the feed no longer holds the reader's position.
    Both kinds of page end at a position, and the next page starts after it. So there are no gaps and no duplicates,
    and a slow reader loses no events.
    """

    def __init__(
        self, feed: Feed, occurred: OccurredFilter, after: int, read: ReadPage, on_close: Callable[[], None]
    ) -> None:
        """Start after the position `after`.

        `read` reads the page after a position from the database. `close` calls `on_close`.
        """
        self.after = after
        self._feed = feed
        self._occurred = occurred
        self._read = read
        self._on_close = on_close

    async def next(self) -> Sequence[Frame]:
        """Wait for the next events and return at least one and at most a page. A cancelled call consumes no event.

        Raises:
            AppError: the database cannot answer this filter, or the log was replaced.
        """
        while True:
            frames, self.after = await self._next_page()
            if wanted := [frame for frame in frames if self._is_in_time(frame)]:
                return wanted

    def close(self) -> None:
        """Free the reader's place in the hub."""
        self._on_close()

    async def _next_page(self) -> tuple[Sequence[Frame], int]:
        feed = self._feed
        while self.after >= feed.read_until and feed.failure is None:
            await feed.changed.wait()
        if feed.failure is not None:
            raise feed.failure
        if self.after >= feed.held_after:
            return feed.frames_after(self.after)
        page = await self._read(self.after)
        return page.frames, page.read_until

    def _is_in_time(self, frame: Frame) -> bool:
        since, until = self._occurred.since, self._occurred.until
        return frame.occurred >= since and (until is None or frame.occurred <= until)
