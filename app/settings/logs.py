"""The settings of the logs, which every process reads first: also those that find the others invalid."""

import sys
from typing import Annotated

from pydantic import AfterValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.telemetry import configure_logging, get_logger

logger = get_logger(__name__)

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _require_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


class LogSettings(BaseSettings):
    """What is logged, and in which format."""

    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore", frozen=True)

    log_level: Annotated[str, AfterValidator(_require_level)] = "INFO"
    log_json: bool = False
    log_reads: bool = False
    """Whether requests that change nothing are logged too."""

    def tell(self, event: str, text: str, *, is_error: bool = False) -> None:
        """Tell the operator something: as a plain sentence, or with JSON logs as a log event."""
        if self.log_json:
            (logger.error if is_error else logger.info)(event, text=text)
        elif is_error:
            print(f"error: {text}", file=sys.stderr)
        else:
            print(text, flush=True)


def start_logging() -> LogSettings:
    """Configure the logs of this process as the environment says, and return the settings of the logs."""
    settings = log_settings()
    configure_logging(settings.log_level, as_json=settings.log_json)
    return settings


def log_settings() -> LogSettings:
    """Read the settings of the logs. An invalid variable counts as not set; `Settings` refuses it."""
    try:
        return LogSettings()
    except ValidationError as error:
        invalid = {str(each["loc"][0]) for each in error.errors()}
        return LogSettings(**{name: LogSettings.model_fields[name].default for name in invalid})
