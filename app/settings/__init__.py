"""The settings. Only this package reads them from the environment."""

from app.settings.logs import LogSettings, log_settings, start_logging
from app.settings.settings import MaskingKey, Settings, get_settings

__all__ = ["LogSettings", "MaskingKey", "Settings", "get_settings", "log_settings", "start_logging"]
