"""The settings: read from the environment in this one place."""

from app.settings.settings import Settings, get_settings

__all__ = ["Settings", "get_settings"]
