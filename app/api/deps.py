"""What the routes share: the session of a request, paging, and the settings."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.settings import Settings


async def get_session(request: Request) -> AsyncIterator[Session]:
    """Give a route its transaction: committed when the route returns, rolled back when it raises.

    It begins here, on the event loop, since it does nothing before the route's first statement. Its end waits for the
    database, in a thread.
    """
    session: Session = request.app.state.sessions()
    try:
        yield session
        await _in_a_thread(session.commit)
    finally:
        with CancelScope(shield=True):
            if session.in_transaction():
                await _in_a_thread(session.close)


async def _in_a_thread(end: Callable[[], None]) -> None:
    # Not one of the threads of the routes: all of these may wait for the very rows that this transaction lets go.
    await run_sync(end, limiter=CapacityLimiter(1))


# Function scope: the commit comes before the response. By default it would come after, and a client could see 201
# for a change that then fails to commit.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]


def get_app_settings(request: Request) -> Settings:
    """Return the settings that the app was created with."""
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(get_app_settings)]
