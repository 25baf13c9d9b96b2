"""What keeps a benchmark from telling anything."""

from app.errors import AppError


class MeasurementError(AppError):
    """What was measured is not what was to be measured."""
