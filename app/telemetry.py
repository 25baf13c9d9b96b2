"""Structured logs, and the correlation id that is passed from a request to the worker that dispatches its events."""

import logging
import sys
import traceback
import uuid
from contextvars import ContextVar

import structlog

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def new_correlation_id() -> str:
    """Return a new id, for a request that has none."""
    return uuid.uuid4().hex


def _add_correlation_id(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    current = correlation_id.get()
    if current is not None:
        event.setdefault("correlation_id", current)
    return event


def configure_logging(level: str, *, as_json: bool) -> None:
    """Configure structlog to write to standard error, one line for each log event at `level` and above."""
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
    """Return a logger. Its methods take a constant event name, and the fields as keyword arguments."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def innermost_frames(error: BaseException) -> list[str]:
    """Return the innermost 8 frames of an error's traceback, for the log. The text of an error may contain a secret."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)][-8:]
