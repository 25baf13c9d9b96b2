"""The FastAPI dependency that gives routes the settings."""

from typing import Annotated

from fastapi import Depends, Request

from app.settings import Settings


# Asynchronous, because FastAPI would run a synchronous dependency in a thread.
async def get_app_settings(request: Request) -> Settings:
    """Return the settings that the app was created with."""
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(get_app_settings)]
