"""The settings. Only this package reads them from the environment."""

from app.settings.logs import LogSettings, log_settings, start_logging
from app.settings.settings import Settings, get_settings
from app.settings.texts import MaskingKey

__all__ = ["LogSettings", "MaskingKey", "Settings", "get_settings", "log_settings", "start_logging"]
