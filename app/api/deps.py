"""What the routes share: the session of a request, paging, and the settings."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.settings import Settings


def get_session(request: Request) -> Iterator[Session]:
    """Give a route its transaction: committed when the route returns, rolled back when it raises."""
    with request.app.state.sessions() as session:
        yield session
        session.commit()


# Function scope: the commit comes before the response. By default it would come after, and a client could see 201
# for a change that then fails to commit.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]


def get_app_settings(request: Request) -> Settings:
    """Return the settings that the app was created with."""
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(get_app_settings)]
