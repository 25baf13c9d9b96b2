"""Errors of the benchmarks."""

from app.errors import AppError


class MeasurementError(AppError):
    """A benchmark could not measure what it should."""
