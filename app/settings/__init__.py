"""The settings. Only this package reads them from the environment."""

from app.settings.settings import MaskingKey, Settings, get_settings

__all__ = ["MaskingKey", "Settings", "get_settings"]
