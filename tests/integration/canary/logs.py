"""Collects the log of this process during a test."""

import io
import logging

import pytest

NOT_OURS = ("websockets", "httpx", "httpcore", "uvicorn.access")
"""Loggers of the client, which sees what it sends, and the access log, which the product turns off."""


class Logs:
    """The log of this process at every level: ours from standard error, the libraries' from their loggers."""

    def __init__(self, caplog: pytest.LogCaptureFixture, stderr: io.StringIO) -> None:
        """Take pytest's log capture and the replacement of standard error."""
        self._caplog, self._stderr = caplog, stderr

    def text(self) -> str:
        """Return the whole log."""
        format_ = logging.Formatter().format
        records = [record for record in self._caplog.records if not record.name.startswith(NOT_OURS)]
        return "\n".join([self._stderr.getvalue(), *map(format_, records)])
