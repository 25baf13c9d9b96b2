"""The live end of the log for one filter, shared by all its readers."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Final

from app.errors import AppError
from app.log.live.reading import Frame, Page
from app.schemas.event_queries import EventFilter

TAKE: Final = 100
"""Frames that a reader takes at once; then it is the turn of others."""


class Growth:
    """Something that grows, and those who wait for it. All of it happens in one event loop."""

    def __init__(self) -> None:
        """Nothing has grown yet."""
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Let all go on that wait now."""
        grown, self._next = self._next, asyncio.Event()
        grown.set()

    async def wait(self) -> None:
        """Wait until the next `tell`. Look at what grows before, without an `await` in between."""
        await self._next.wait()


class Feed:
    """Holds all matching frames of the positions behind `floor`, up to `reached`.

    `floor` rises as old frames make room. A reader below it reads the log itself, until it has caught up.
    """

    def __init__(self, wanted: EventFilter, start: int) -> None:
        """Begin at that position of the log, with nothing."""
        self.wanted = wanted
        self.floor = start
        self.reached = start
        self.readers = 0
        self.growth = Growth()
        self.failure: AppError | None = None
        self._frames: deque[Frame] = deque()
        self._size = 0

    async def run(self, read_on: Callable[[int], Awaitable[Page]], budget: Callable[[], int]) -> None:
        """Take over what `read_on` returns for the position behind which to read, until cancelled.

        `budget` tells how many bytes of frames may be held now.
        """
        while True:
            try:
                page = await read_on(self.reached)
            except AppError as error:
                self.fail(error)
                return
            self._take_over(page, budget())

    def fail(self, error: AppError) -> None:
        """End all readers with this error."""
        self.failure = error
        self.growth.tell()

    def frames_after(self, position: int) -> tuple[list[Frame], int]:
        """Return the next frames behind a position that is not below `floor`, and the position that they reach."""
        at = bisect_right(self._frames, position, key=attrgetter("position"))
        frames = [self._frames[index] for index in range(at, min(at + TAKE, len(self._frames)))]
        reached = frames[-1].position if len(frames) == TAKE else self.reached
        return frames, max(reached, position)

    def _take_over(self, page: Page, budget: int) -> None:
        self._frames.extend(page.frames)
        self._size += sum(len(frame.json) for frame in page.frames)
        self.reached = page.reached
        while self._size > budget and self._frames:
            gone = self._frames.popleft()
            self._size -= len(gone.json)
            self.floor = gone.position
        self.growth.tell()
