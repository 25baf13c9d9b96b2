"""All readers that follow the log in this process, and their shared parts: the tail, the threads, and the feeds."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict, InvalidRequest, Unavailable
from app.log.filter import matching
from app.log.live.feed import Feed, Signal, Subscription
from app.log.live.reading import Page, position_before, read_page, without_times
from app.log.live.watch import LogReplaced, LogWatch, Newest, Tail, newest_event
from app.postgres.engine import make_engine, make_sessions
from app.postgres.refusals import is_canceled
from app.schemas.event_queries import EventFilter
from app.settings import Settings
from app.telemetry import get_logger
from app.threads import Threads

logger = get_logger(__name__)
T = TypeVar("T")

READING_THREADS: Final = 3
FEED_CHARACTERS: Final = 16 * 1024 * 1024
"""The most characters of frames that all feeds together hold in memory."""
RETRY_SECONDS: Final = 1.0
TOO_EXPENSIVE: Final = "The database takes too long for this filter. Use a narrower one."


class LiveHub:
    """Serves all readers that follow the log in this process.

    For any number of readers, one thread watches the log and at most three threads read it, each on its own
    connection. Everything else runs in the event loop. No thread starts before the first reader.
    """

    def __init__(self, settings: Settings) -> None:
        """Create the hub. It connects with the first reader."""
        self._engine = make_engine(settings, application_name="aftercommit-live", pool_size=READING_THREADS + 1)
        self._sessions: sessionmaker[Session] = make_sessions(self._engine)
        self._max_readers = settings.live_readers
        self._threads = Threads(READING_THREADS)
        self._feeds: dict[str, tuple[Feed, asyncio.Task[None]]] = {}
        self._tail: Tail | None = None
        self._readers = 0
        self._head = 0
        self._head_moved = Signal()
        self._closed = asyncio.Event()

    @property
    def is_closing(self) -> bool:
        """Return whether the process is about to end."""
        return self._closed.is_set()

    @property
    def readers(self) -> int:
        """Return the number of readers."""
        return self._readers

    async def wait_until_closing(self) -> None:
        """Wait until the process is about to end."""
        await self._closed.wait()

    async def subscribe(
        self, event_filter: EventFilter, *, after: int | None = None, since: datetime | None = None
    ) -> Subscription:
        """Follow the log after the position `after`, from the events that occurred at `since` or later, or from now on.

        Raises:
            Conflict: the log ends before the position `after`.
            Unavailable: the process has the maximum number of readers, or is about to end.
        """
        if self.is_closing or self._readers >= self._max_readers:
            raise Unavailable("There are too many readers, or the server is stopping: try again later.")
        # Counted before the first `await`, so that concurrent calls cannot exceed the limit.
        self._readers += 1
        try:
            newest, start = await self._run(partial(self._find_start, after, since))
        except BaseException:
            self._readers -= 1
            raise
        self._start_tail(newest)
        wanted = without_times(event_filter)
        key, matches = wanted.as_json(), matching(wanted)
        feed = self._find_or_start_feed(key, matches)
        feed.readers += 1
        read = partial(self._read, matches)
        return Subscription(feed, event_filter.occurred, start, read, partial(self._remove_reader, key, feed))

    def stop(self) -> None:
        """Announce to all readers that the process is about to end. Call it in the event loop."""
        self._closed.set()

    async def close(self) -> None:
        """Stop the tail, the threads and the feeds, and close the connections."""
        self.stop()
        for _, task in self._feeds.values():
            task.cancel()
        if self._tail is not None:
            await self._threads.run(self._tail.stop)
        self._threads.close()
        self._engine.dispose()

    def _start_tail(self, newest: Newest) -> None:
        """Start watching the log after its newest event. From then on, only the tail moves `_head`."""
        if self._tail is None:
            loop = asyncio.get_running_loop()
            self._head = newest.position
            self._tail = Tail(
                LogWatch(self._sessions, newest),
                on_head=lambda head: _call_soon(loop, partial(self._move_head, head)),
                on_replaced=lambda error: _call_soon(loop, partial(self._end_all, error)),
            )
            self._tail.start()

    def _find_or_start_feed(self, key: str, matches: ColumnElement[bool]) -> Feed:
        if key not in self._feeds:
            feed = Feed(self._head)
            run = feed.run(partial(self._read_new, matches), lambda: FEED_CHARACTERS // len(self._feeds))
            self._feeds[key] = feed, asyncio.create_task(run)
        return self._feeds[key][0]

    def _remove_reader(self, key: str, feed: Feed) -> None:
        self._readers -= 1
        feed.readers -= 1
        if feed.readers == 0 and key in self._feeds and self._feeds[key][0] is feed:
            self._feeds.pop(key)[1].cancel()

    def _move_head(self, head: int) -> None:
        if head > self._head:
            self._head = head
            self._head_moved.notify_all()

    def _end_all(self, error: LogReplaced) -> None:
        """End all readers, because the positions that they have read now belong to other events."""
        for feed, task in self._feeds.values():
            task.cancel()
            feed.fail(error)
        self._feeds.clear()
        self._head = error.head

    async def _read_new(self, matches: ColumnElement[bool], after: int) -> Page:
        while after >= self._head:
            await self._head_moved.wait()
        return await self._read(matches, after)

    async def _read(self, matches: ColumnElement[bool], after: int) -> Page:
        """Read a page. While the database does not answer, retry every `RETRY_SECONDS`."""
        while True:
            try:
                return await self._run(partial(self._read_page, matches, after, self._head))
            except SQLAlchemyError as error:
                if is_canceled(error):
                    raise InvalidRequest(TOO_EXPENSIVE) from error
                if not isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
                    raise InvalidRequest("The database cannot answer this filter.") from error
                logger.debug("log_not_read", reason=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    def _read_page(self, matches: ColumnElement[bool], after: int, head: int) -> Page:
        with self._sessions() as session:
            return read_page(session, matches, after, head)

    def _find_start(self, after: int | None, since: datetime | None) -> tuple[Newest, int]:
        with self._sessions() as session:
            newest = newest_event(session)
            head = newest.position
            if after is not None and after > head:
                raise Conflict(
                    f"The log ends at position {head}, before {after}: it was restored, or it is another log."
                )
            if after is None:
                after = head if since is None else position_before(session, since, head)
            return newest, after

    async def _run(self, read: Callable[[], T]) -> T:
        return await self._threads.run(read)


def _call_soon(loop: asyncio.AbstractEventLoop, function: partial[None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        # The event loop has just ended, so there are no readers any more.
        logger.debug("loop_has_ended")
