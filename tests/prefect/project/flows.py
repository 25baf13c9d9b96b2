"""The flows of the project that the tests deploy."""

from prefect import flow
from pydantic import BaseModel


class Source(BaseModel):
    """Where to read."""

    url: str
    retries: int = 3


class Options(BaseModel):
    """What to read, and how much."""

    source: Source
    limit: int


@flow
def etl(n: int = 1, name: str = "x") -> int:
    """Add up."""
    return n


@flow
def report() -> None:
    """Tell."""


@flow
def load(options: Options, day: str = "today") -> None:
    """Load."""
