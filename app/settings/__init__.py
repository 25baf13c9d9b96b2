"""The settings. Only this package reads them from the environment."""

from app.settings.settings import Settings, get_settings

__all__ = ["Settings", "get_settings"]
