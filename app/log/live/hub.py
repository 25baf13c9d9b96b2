"""All who follow the log in this process, and what they share: the tail, the threads that read, and the feeds."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict, InvalidRequest, Unavailable
from app.log.live.feed import Feed, Growth
from app.log.live.reading import Page, following, position_before, read_page
from app.log.live.subscription import Subscription
from app.log.live.tail import Tail
from app.log.read import Newest, newest_event
from app.postgres.engine import make_engine, make_sessions, sqlstate
from app.schemas.event_queries import EventFilter
from app.settings import Settings
from app.telemetry import get_logger

logger = get_logger(__name__)
T = TypeVar("T")

READING_THREADS: Final = 3
FEED_BYTES: Final = 16 * 1024 * 1024
"""What all feeds together hold in memory."""
RETRY_SECONDS: Final = 1.0
QUERY_CANCELED: Final = "57014"
REPLACED: Final = "The log is not the one any more that was read here: it was restored. Begin anew."
TOO_EXPENSIVE: Final = "The database takes too long to answer this filter: ask for less."


class Live:
    """The readers that follow the log in this process.

    However many they are, one thread watches the log, at most three read it, each on a connection of its own, and
    everything else happens in the event loop. Nothing runs before the first reader.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing connects yet."""
        self._engine = make_engine(settings, application_name="aftercommit-live", pool_size=READING_THREADS + 1)
        self._sessions: sessionmaker[Session] = make_sessions(self._engine)
        self._broker_url = settings.broker_url
        self._most_readers = settings.live_readers
        self._threads = CapacityLimiter(READING_THREADS)
        self._feeds: dict[str, tuple[Feed, asyncio.Task[None]]] = {}
        self._tail: Tail | None = None
        self._readers = 0
        self._head = 0
        self._growth = Growth()
        self._closed = asyncio.Event()

    @property
    def is_closing(self) -> bool:
        """Tell whether the process is about to end."""
        return self._closed.is_set()

    @property
    def readers(self) -> int:
        """Return how many follow the log now."""
        return self._readers

    async def closing(self) -> None:
        """Wait until the process is about to end."""
        await self._closed.wait()

    async def subscribe(
        self, event_filter: EventFilter, *, after: int | None = None, since: datetime | None = None
    ) -> Subscription:
        """Follow the log: behind the position `after`, or from what occurred `since`, or from now on.

        Raises:
            Conflict: the log ends before that position.
            Unavailable: the process has as many readers as it takes, or is about to end.
        """
        if self.is_closing or self._readers >= self._most_readers:
            raise Unavailable("There are too many readers, or the server is stopping: try again later.")
        # Counted before anything is waited for, so that the bound holds.
        self._readers += 1
        try:
            newest, start = await self._run(partial(self._find_start, after, since))
        except BaseException:
            self._readers -= 1
            raise
        self._watch(newest)
        wanted = following(event_filter)
        key = wanted.as_json()
        feed = self._feed(key, wanted)
        feed.readers += 1
        read = partial(self._read, wanted)
        return Subscription(feed, event_filter.occurred, start, read, partial(self._leave, key, feed))

    def stop(self) -> None:
        """Let all readers know that the process is about to end. Call it in the event loop."""
        self._closed.set()

    async def close(self) -> None:
        """End everything that runs here."""
        self.stop()
        for _, task in self._feeds.values():
            task.cancel()
        if self._tail is not None:
            await to_thread.run_sync(self._tail.stop)
        self._engine.dispose()

    def _watch(self, newest: Newest) -> None:
        """Watch the log from its newest event on. From then on only the tail tells how far it reaches."""
        if self._tail is None:
            loop = asyncio.get_running_loop()
            self._head = newest.position
            self._tail = Tail(
                self._sessions,
                self._broker_url,
                newest,
                grown=lambda head: _call(loop, partial(self._grow, head)),
                replaced=lambda head: _call(loop, partial(self._begin_anew, head)),
            )
            self._tail.start()

    def _feed(self, key: str, wanted: EventFilter) -> Feed:
        if key not in self._feeds:
            feed = Feed(wanted, self._head)
            run = feed.run(partial(self._read_new, wanted), lambda: FEED_BYTES // len(self._feeds))
            self._feeds[key] = feed, asyncio.create_task(run)
        return self._feeds[key][0]

    def _leave(self, key: str, feed: Feed) -> None:
        self._readers -= 1
        feed.readers -= 1
        if feed.readers == 0 and key in self._feeds and self._feeds[key][0] is feed:
            self._feeds.pop(key)[1].cancel()

    def _grow(self, head: int) -> None:
        if head > self._head:
            self._head = head
            self._growth.tell()

    def _begin_anew(self, head: int) -> None:
        """End all readers: positions that they have read are given again, and they would pass over the new events."""
        for feed, task in self._feeds.values():
            task.cancel()
            feed.fail(Conflict(REPLACED))
        self._feeds.clear()
        self._head = head

    async def _read_new(self, wanted: EventFilter, after: int) -> Page:
        while after >= self._head:
            await self._growth.wait()
        return await self._read(wanted, after)

    async def _read(self, wanted: EventFilter, after: int) -> Page:
        """Read a page; while the database is away, wait for it."""
        while True:
            try:
                return await self._run(partial(self._read_page, wanted, after, self._head))
            except SQLAlchemyError as error:
                if isinstance(error, DBAPIError) and sqlstate(error) == QUERY_CANCELED:
                    raise InvalidRequest(TOO_EXPENSIVE) from error
                if not isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
                    raise InvalidRequest("The database cannot answer this filter.") from error
                logger.debug("log_not_read", reason=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    def _read_page(self, wanted: EventFilter, after: int, head: int) -> Page:
        with self._sessions() as session:
            return read_page(session, wanted, after, head)

    def _find_start(self, after: int | None, since: datetime | None) -> tuple[Newest, int]:
        with self._sessions() as session:
            newest = newest_event(session)
            head = newest.position
            if after is not None and after > head:
                raise Conflict(f"The log ends at position {head}, before {after}: it was restored, or is another one.")
            if after is None:
                after = head if since is None else position_before(session, since, head)
            return newest, after

    async def _run(self, read: Callable[[], T]) -> T:
        return await to_thread.run_sync(read, limiter=self._threads, abandon_on_cancel=True)


def _call(loop: asyncio.AbstractEventLoop, function: partial[None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        # The loop has ended in this moment: there is nobody left to tell.
        logger.debug("loop_has_ended")
