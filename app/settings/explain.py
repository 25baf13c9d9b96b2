"""The error text for missing or invalid settings. It has the variables and the reasons, and never a value."""

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def explain(error: ValidationError, data_dir: Path) -> str:
    """Return a text with the reason for each variable, and with hints if variables are missing."""
    lines = [f"  AFTERCOMMIT_{'.'.join(map(str, e['loc'])).upper()}: {_reason(e)}" for e in error.errors()]
    return "\n".join(["Some settings are missing or invalid:", *lines, *_hints(error, data_dir)])


def _hints(error: ValidationError, data_dir: Path) -> list[str]:
    if not any(e["type"] == "missing" for e in error.errors()):
        return []
    return [
        f"Set them, or start `aftercommit up` with the data folder {data_dir.absolute()} in another terminal.",
        "If `up` already runs with another data folder, set AFTERCOMMIT_DATA_DIR, or --data-dir if the command has it.",
    ]


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "not set"
    if error["type"] == "value_error":
        # The text of a validator of the settings, without the prefix that pydantic adds to it.
        return str(error["ctx"]["error"])
    return error["msg"].lower()
