"""One reader's way through the log: from where it begins, as far as the log reaches, and on as it grows."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from app.log.live.feed import Feed
from app.log.live.reading import Frame, Page
from app.schemas.event_queries import OccurredFilter

ReadPage = Callable[[int], Awaitable[Page]]


class Leave(Protocol):
    """What is to be called when a reader goes."""

    def __call__(self) -> None:
        """Let go of what the reader held."""


class Subscription:
    """Gives each matching event behind `after` once, in the order of the log.

    What is past and what is live come the same way: by position. Whether a page is read from the database or taken
    from the shared feed changes nothing about where the next one begins, so there is no gap and nothing comes twice.
    A reader is never behind by what it could not take in time: it only gets it later.
    """

    def __init__(self, feed: Feed, occurred: OccurredFilter, after: int, read: ReadPage, leave: Leave) -> None:
        """Begin behind that position; `leave` is called by `close`."""
        self.after = after
        self._feed = feed
        self._occurred = occurred
        self._read = read
        self._leave = leave

    async def next(self) -> Sequence[Frame]:
        """Wait for the next events: at least one, and not more than a page. Cancelled, it has taken none.

        Raises:
            AppError: the database refuses to answer this filter, or the log is another one than before.
        """
        while True:
            frames, self.after = await self._go_on()
            if wanted := [frame for frame in frames if self._is_in_time(frame)]:
                return wanted

    def close(self) -> None:
        """Let others have the place."""
        self._leave()

    async def _go_on(self) -> tuple[Sequence[Frame], int]:
        feed = self._feed
        while self.after >= feed.reached and feed.failure is None:
            await feed.growth.wait()
        if feed.failure is not None:
            raise feed.failure
        if self.after >= feed.floor:
            return feed.frames_after(self.after)
        page = await self._read(self.after)
        return page.frames, page.reached

    def _is_in_time(self, frame: Frame) -> bool:
        since, until = self._occurred.since, self._occurred.until
        return frame.occurred >= since and (until is None or frame.occurred <= until)
