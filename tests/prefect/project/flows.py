"""The flows of the project that the tests deploy."""

from prefect import flow


@flow
def etl(n: int = 1, name: str = "x") -> int:
    """Add up."""
    return n


@flow
def report() -> None:
    """Tell."""
