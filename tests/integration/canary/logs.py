"""Collects the log of this process during a test."""

import logging

import pytest

from app.settings import start_logging

LIBRARY_LOGGERS = ("websockets", "httpx", "httpcore", "uvicorn.access")
"""Loggers of the client, which sees what it sends, and the access log, which the product turns off."""


class Logs:
    """What this process writes to standard error at this level, as the product writes it: our lines and libraries'."""

    def __init__(self, level: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
        """Configure the logs."""
        self._capsys, self._read = capsys, ""
        start_logging()
        # This sets the level of the libraries, and resets it after the test.
        caplog.set_level(level)
        ours = logging.getLogger().handlers[-1]
        ours.addFilter(lambda record: not record.name.startswith(LIBRARY_LOGGERS))

    def text(self) -> str:
        """Return the whole log."""
        self._read += self._capsys.readouterr().err
        return self._read
