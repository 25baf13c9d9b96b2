"""Collects the log of this process during a test."""

import io
import logging

import pytest

NOT_OURS = ("websockets", "httpx", "httpcore", "uvicorn.access")
"""Loggers of the client, which sees what it sends, and the access log, which the product turns off."""


class Logs:
    """All that is logged in this process, at every level: by us to standard error, by libraries to their loggers."""

    def __init__(self, caplog: pytest.LogCaptureFixture, stderr: io.StringIO) -> None:
        """Take what pytest catches, and what stands in for standard error."""
        self._caplog, self._stderr = caplog, stderr

    def text(self) -> str:
        """Return all of it."""
        format_ = logging.Formatter().format
        records = [record for record in self._caplog.records if not record.name.startswith(NOT_OURS)]
        return "\n".join([self._stderr.getvalue(), *map(format_, records)])
