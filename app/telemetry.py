"""Structured logs, and the correlation id that travels from a request to the event log's worker."""

import logging
import sys
import traceback
import uuid
from contextvars import ContextVar

import structlog

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def new_correlation_id() -> str:
    """Return a fresh id for a request that brought none."""
    return uuid.uuid4().hex


def _add_correlation_id(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    current = correlation_id.get()
    if current is not None:
        event.setdefault("correlation_id", current)
    return event


def configure_logging(level: str, *, as_json: bool) -> None:
    """Send structured log lines of our own to standard error, one line an event, at `level` and above."""
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_correlation_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose first argument is a constant event name and whose keywords are its fields."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def innermost_frames(error: BaseException) -> list[str]:
    """Return where an error happened, for a log line: the text of an error may quote a value."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)][-8:]
