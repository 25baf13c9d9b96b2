"""What `aftercommit up` prints: its own lines and those of its child processes."""

import contextlib
import itertools
import json
import sys
import threading
from typing import Protocol, TextIO

from app.telemetry import get_logger

logger = get_logger(__name__)

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)


class Say(Protocol):
    """A function that tells the operator something: a constant event for logs, and a sentence."""

    def __call__(self, event: str, text: str, *, is_warning: bool = False) -> None:
        """Tell it."""


class Output:
    """Writes whole lines from many threads to one stream, each after an aligned, optionally coloured name."""

    def __init__(self, stream: TextIO, *, width: int, coloured: bool) -> None:
        """Write to `stream`; pad names to `width` characters."""
        self._stream = stream
        self._width = width
        self._coloured = coloured
        self._lock = threading.Lock()
        self._colours = itertools.cycle(_COLOURS)
        self._colour_of: dict[str, int] = {}

    def say(self, event: str, text: str, *, is_warning: bool = False) -> None:  # noqa: ARG002  # For logs.
        """Write a line of `up` itself."""
        self._write(f"\x1b[1m{text}\x1b[0m" if self._coloured else text)

    def line(self, name: str, text: str) -> None:
        """Write a line of a child process."""
        prefix = f"{name:<{self._width}} |"
        if self._coloured:
            prefix = f"\x1b[{self._colour(name)}m{prefix}\x1b[0m"
        self._write(f"{prefix} {text}")

    def _colour(self, name: str) -> int:
        with self._lock:
            return self._colour_of.setdefault(name, next(self._colours))

    def _write(self, text: str) -> None:
        # A closed stream (`up | head`) must not end the reader threads: the pipes of the children would fill up.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()


class JsonOutput(Output):
    """Writes JSON, one object per line, to standard error, where the log lines of `up` go too."""

    def __init__(self) -> None:
        """Write without colours."""
        super().__init__(sys.stderr, width=0, coloured=False)

    def say(self, event: str, text: str, *, is_warning: bool = False) -> None:
        """Log a line of `up` itself."""
        (logger.warning if is_warning else logger.info)(event, text=text)

    def line(self, name: str, text: str) -> None:
        """Write a line of a child process with its name; if it is no log line, as the text of one."""
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        if isinstance(fields, dict) and "event" in fields:
            self._write(json.dumps({**fields, "process": name}))
        else:
            logger.warning("output", text=text, process=name)
