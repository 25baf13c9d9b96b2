"""Logs in one format for the whole process, and the correlation id that is passed from a request to its events."""

import contextlib
import logging
import sys
import threading
import traceback
import uuid
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

ORDER: Final = ("time", "level", "event", "logger")
"""The fields that every line has, first and in this order."""

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def new_correlation_id() -> str:
    """Return a new id, for a request that has none."""
    return uuid.uuid4().hex


def configure_logging(level: str, *, as_json: bool) -> None:
    """Send everything that this process logs to standard error, one line for each event, all in one format.

    That includes the lines of libraries, Python's warnings, and errors that nothing catches. Our own loggers log at
    `level` and above, those of libraries at the level of the root logger: warnings, unless a library changes it.
    """
    render = (_in_order, structlog.processors.JSONRenderer()) if as_json else (_as_text,)
    structlog.configure(
        processors=[*_FIELDS, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Not through the library's loggers: that costs twice as much.
        logger_factory=_Line,
        cache_logger_on_first_use=False,
    )
    handler = _Handler()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[_in_one_line, *_FIELDS], processors=[ProcessorFormatter.remove_processors_meta, *render]
        )
    )
    root = logging.getLogger()
    # Tornado adds a handler for standard error when it finds none. pytest's handlers are subclasses, and stay.
    root.handlers = [each for each in root.handlers if type(each) not in (logging.StreamHandler, _Handler)]
    root.addHandler(handler)
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    threading.excepthook = _log_crash_of_thread
    sys.unraisablehook = _log_unraisable


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger. Its methods take a constant event name, and the fields as keyword arguments."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def innermost_frames(error: BaseException) -> list[str]:
    """Return the innermost 8 frames of an error's traceback, for the log. The text of an error may contain a secret."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)][-8:]


class _Line:
    """The end of structlog's chain: writes the rendered line."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        # One call, so that the lines of several threads do not mix. A closed standard error must not stop the process.
        # Nor must a signal handler that logs while its thread writes a line (RuntimeError): its own line is left out.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    """Writes the lines of libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _Line().msg(self.format(record))
        except Exception:  # noqa: BLE001  # As in every handler: a message that cannot be formatted is no error.
            self.handleError(record)


def _as_text(_logger: object, _method: str, event: EventDict) -> str:
    # structlog's own renderer takes twice as long.
    time, level, name, logger = (event.pop(key) for key in ORDER)
    return " ".join([f"{time} {level:<8} {name:<20} [{logger}]", *(f"{key}={_shown(event[key])}" for key in event)])


def _shown(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


def _add_correlation_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    current = correlation_id.get()
    if current is not None:
        event.setdefault("correlation_id", current)
    return event


def _describe_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and frames. Its text may contain a secret."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event.update(error=type(error).__name__, frames=innermost_frames(error))
    return event


def _in_one_line(_logger: object, _method: str, event: EventDict) -> EventDict:
    event["event"] = " ".join(event["event"].split())
    return event


def _in_order(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {**{name: event.pop(name) for name in ORDER}, **event}


_FIELDS: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    _add_correlation_id,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    _describe_error,
)


def _log_crash(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    # Ctrl-C is the wish of the operator, and ends the process without a word.
    if not isinstance(error, KeyboardInterrupt):
        get_logger(__name__).critical("crashed", exc_info=error)


def _log_crash_of_thread(crash: Any) -> None:
    if not isinstance(crash.exc_value, SystemExit):
        get_logger(__name__).critical("thread_crashed", exc_info=crash.exc_value)


def _log_unraisable(failure: Any) -> None:
    get_logger(__name__).error("error_ignored", exc_info=failure.exc_value)
