"""What is said when the settings are not complete, or not right: variables and reasons, and never a value."""

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def explain(error: ValidationError, data_dir: Path) -> str:
    """Name each variable with its reason, and say where else servers are looked for."""
    lines = [f"  AFTERCOMMIT_{'.'.join(map(str, e['loc'])).upper()}: {_reason(e)}" for e in error.errors()]
    return "\n".join(["The settings are not complete, or not right:", *lines, *_where_else(error, data_dir)])


def _where_else(error: ValidationError, data_dir: Path) -> list[str]:
    if not any(e["type"] == "missing" for e in error.errors()):
        return []
    return [
        f"Set them, or start `aftercommit up` with the data folder {data_dir.absolute()} in another terminal.",
        "When one runs with another data folder, name that: AFTERCOMMIT_DATA_DIR, or --data-dir where it exists.",
    ]


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "not set"
    if error["type"] == "value_error":
        # One of the validators of the settings says it; pydantic puts its own words before.
        return str(error["ctx"]["error"])
    return error["msg"].lower()
