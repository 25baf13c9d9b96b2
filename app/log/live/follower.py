"""Follows the log in one thread, for a program that handles one page at a time."""

from collections.abc import Callable

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.log.filter import matching
from app.log.live.reading import ANY_TIME, Page, Render, as_json, read_page
from app.log.live.watch import LogWatch
from app.postgres.refusals import describe
from app.postgres.session_check import unsuitability
from app.schemas.event_queries import EventFilter


class Follower:
    """Reads the events that were appended since the last call, each once and in the order of the log."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        after: int | None,
        report: Callable[[str], None],
        *,
        wanted: EventFilter | None = None,
        render: Render = as_json,
    ) -> None:
        """Start after the position `after`, or after the newest event if it is None.

        `report` is called once when the database stops answering, and once when it answers again. `wanted` selects the
        events.
        """
        self.watch = LogWatch(sessions)
        self._sessions = sessions
        self._after = after
        self._report = report
        self._matches = matching(wanted or EventFilter(occurred=ANY_TIME, order="ASC"))
        self._render = render
        self._is_unreachable = False

    def read(self) -> Page | None:
        """Return the next page, or None if the log has not grown or the database does not answer.

        Raises:
            LogReplaced: the log was replaced by another one.
            sqlalchemy.exc.OperationalError: the server is unsuitable, so waiting for it is no use.
        """
        try:
            page = self._read()
        except (OperationalError, InterfaceError) as error:
            if unsuitability(error) is not None:
                raise
            if not self._is_unreachable:
                self._report(f"The database does not answer ({describe(error)}): trying again.")
            self._is_unreachable = True
            return None
        if self._is_unreachable:
            self._report("The database answers again.")
        self._is_unreachable = False
        return page

    def _read(self) -> Page | None:
        head = self.watch.head()
        if self._after is None:
            self._after = head
        if self._after >= head:
            return None
        with self._sessions() as session:
            page = read_page(session, self._matches, self._after, head, self._render)
        self._after = page.read_until
        return page
