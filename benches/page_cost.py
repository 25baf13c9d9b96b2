"""Measures what serving Prefect's web pages costs a request to the API. Not part of `make bench`.

`python -m benches.page_cost` prints the processor time that the check of each request takes: whether it is for a page.
This is the whole cost. The rates of S1 cannot show it, because they vary by more from round to round.
"""

import asyncio
from statistics import median
from time import process_time
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Credentials
from app.page import Page, PageFiles, default_folder
from app.settings import Settings

CALLS: Final = 200_000
ROUNDS: Final = 9
REQUESTS: Final = (("POST", "/api/deployments/"), ("GET", "/api/deployments/00000000-0000-4000-8000-000000000000"))
MICROSECONDS: Final = 1e6


def main() -> None:
    """Print the cost of each request."""
    settings = Settings(database_url="postgresql://none", broker_url="redis://none", masking_key="none" * 8)
    page = Page(_answer, PageFiles(default_folder(), ""), settings, Credentials(settings))
    for method, path in REQUESTS:
        scope = {"type": "http", "method": method, "path": path}
        costs = [_seconds_of(page, scope) - _seconds_of(_answer, scope) for _ in range(ROUNDS)]
        middle, least, most = (MICROSECONDS * each for each in (median(costs), min(costs), max(costs)))
        print(f"{method} {path}: {middle:.2f} microseconds ({least:.2f} to {most:.2f})")


async def _answer(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Stand for the rest of the API, in no time."""


def _seconds_of(app: ASGIApp, scope: Scope) -> float:
    """Return the processor time of one call."""
    return asyncio.run(_total(app, scope)) / CALLS


async def _total(app: ASGIApp, scope: Scope) -> float:
    start = process_time()
    for _ in range(CALLS):
        await app(scope, _receive, _send)
    return process_time() - start


async def _receive() -> dict[str, object]:
    raise AssertionError("Nothing is received.")


async def _send(_message: object) -> None:
    raise AssertionError("Nothing is sent.")


if __name__ == "__main__":
    main()
