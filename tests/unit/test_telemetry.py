"""All lines of a process have one format, whoever writes them."""

import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from typing import Any

import pytest

from app.telemetry import configure_logging, correlation_id, get_logger


@pytest.fixture(params=[True, False], ids=["json", "text"])
def as_json(request: pytest.FixtureRequest) -> bool:
    """Whether the logs are JSON."""
    as_json: bool = request.param
    configure_logging("INFO", as_json=as_json)
    return as_json


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_log_line_of_the_application_has_its_fields_in_order(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    token = correlation_id.set("abc")
    get_logger("app.x").info("said", text="two words", number=7, nothing=None)
    correlation_id.reset(token)
    (line,) = lines(capsys)
    if as_json:
        said = json.loads(line)
        assert list(said) == ["time", "level", "event", "logger", "text", "number", "nothing", "correlation_id"]
        assert [*said.values()][1:] == ["info", "said", "app.x", "two words", 7, None, "abc"]
    else:
        time, rest = line.split(" ", 1)
        assert time.endswith("Z")
        words = "info said [app.x] text='two words' number=7 nothing=None correlation_id=abc"
        assert rest.split() == words.split()


def test_a_log_line_of_a_library_has_the_same_form(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("library").warning("It takes\n%s", "two lines")
    logging.getLogger("library").info("too quiet")
    (line,) = lines(capsys)
    if as_json:
        said = json.loads(line)
        assert (said["level"], said["event"], said["logger"]) == ("warning", "It takes two lines", "library")
    else:
        assert line.split(" ", 1)[1].split() == ["warning", "It", "takes", "two", "lines", "[library]"]


def test_an_error_is_logged_with_its_type_and_frames(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        int("hunter2")
    except ValueError:
        logging.getLogger("library").exception("It failed.")
    (line,) = lines(capsys)
    assert "ValueError" in line
    assert "test_telemetry.py" in line
    assert "hunter2" not in line


def test_a_text_cannot_forge_a_log_line(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("app.x").info("said", text="one\n2026-12-01T00:00:00Z error forged\x1b[2J")
    (line,) = lines(capsys)
    assert "\x1b" not in line


def test_a_warning_is_logged_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("INFO", as_json=True)
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("Do not do that.", stacklevel=1)
    (line,) = lines(capsys)
    assert json.loads(line)["logger"] == "py.warnings"


CRASHES = {
    "crashed": "raise ValueError('hunter2')",
    "thread_crashed": "import threading; threading.Thread(target=int, args=['hunter2']).start()",
    "error_ignored": "Broken = type('Broken', (), {'__del__': lambda _: int('hunter2')}); Broken()",
}


@pytest.mark.parametrize("event", CRASHES)
def test_an_uncaught_error_is_logged_in_one_line_without_its_text(event: str) -> None:
    code = f"from app.telemetry import configure_logging; configure_logging('INFO', as_json=True); {CRASHES[event]}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    said: dict[str, Any] = json.loads(done.stderr)
    assert (said["event"], said["error"]) == (event, "ValueError")
    assert "hunter2" not in done.stderr


def test_an_uncaught_ctrl_c_logs_nothing() -> None:
    code = (
        "from app.telemetry import configure_logging; configure_logging('INFO', as_json=False); raise KeyboardInterrupt"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_a_closed_standard_error_stops_nothing() -> None:
    code = (
        "import sys; from app.telemetry import configure_logging, get_logger; configure_logging('INFO', as_json=True);"
        "[get_logger('app.x').info('said') for _ in range(3)]; print('done')"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"done\n")
