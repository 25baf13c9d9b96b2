"""Says in words why a change or a source could not be followed, without any value."""

from sqlalchemy.exc import DBAPIError

from app.errors import AppError
from app.postgres.refusals import describe
from app.telemetry import innermost_frames


def describe_failure(error: Exception) -> str:
    """Return what operators see. The text of an unexpected error may contain a value, so its place is named instead."""
    if isinstance(error, AppError):
        return str(error)
    if isinstance(error, DBAPIError):
        return f"Our database refused: {describe(error)}"
    return f"An unexpected {type(error).__name__} at {', '.join(innermost_frames(error)[-2:])}. Please report it."
