"""Measures how soon each of Prefect's web pages shows its first content, with little and much data.

It is not part of `make bench`. `python -m benches.page_speed` needs Debian's chromium, as `make test-page` does, and
prints one line for each page: the seconds until its first content in each visit, and the slowest requests to the API.
What takes as long with little data is the browser's own time.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Request, sync_playwright

from benches.bodies import deployment
from benches.synthetic import connect
from benches.synthetic_events import grow_log
from tests.acceptance.stack import Api, Stack, running_servers
from tests.page.visit import Ui, Visit, visiting

SIZES: Final = ((20, 200), (10_000, 1_000_000))
"""The numbers of deployments and of events."""
DEPLOYMENTS_OF_FLOW: Final = 20
VISITS: Final = 2
SLOWEST: Final = 3

COPIES: Final = """
WITH flows AS (
  INSERT INTO flow SELECT (jsonb_populate_record(f, jsonb_build_object(
    'id', uuidv7(), 'event_id', uuidv7(), 'name', 'flow-' || n))).*
  FROM flow AS f, generate_series(1, %(flows)s) AS n RETURNING id, name
), numbered AS (SELECT id, row_number() OVER (ORDER BY name) - 1 AS number FROM flows)
INSERT INTO deployment SELECT (jsonb_populate_record(d, jsonb_build_object(
  'id', uuidv7(), 'event_id', uuidv7(), 'name', 'job-' || n, 'flow_id', numbered.id))).*
FROM deployment AS d, generate_series(1, %(deployments)s) AS n JOIN numbered ON numbered.number = n %% %(flows)s
"""
PAGES: Final[dict[str, str]] = {
    "/deployments": "job-1",
    "/events": "bench-",
    "/deployments/deployment/{id}": "job-1",
    "/flows": "flow-1",
    "/flows/flow/{flow_id}": "flow-",
    "/dashboard": "Run a task or flow to get started",
    "/work-pools": "bench",
    "/work-pools/work-pool/bench": "bench",
    "/concurrency-limits": "Concurrency",
}
"""Paths, and a text that only the data of each page has."""


def main() -> None:
    """Fill a registry and a log of each size, open each page, and print the times."""
    program = shutil.which("chromium")
    assert program is not None, "Chromium is not installed: apt install chromium"
    for deployments, events in SIZES:
        print(f"{deployments} deployments, {events} events", flush=True)
        _measure(program, deployments, events)


def _measure(program: str, deployments: int, events: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        _filled(Path(folder), deployments, events) as (api, names),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for ui in ("v2", "v1"):
            for path, text in PAGES.items():
                print(f"{ui} {path}: {_measured(browser, api, ui, path.format_map(names), text)}", flush=True)


@contextmanager
def _filled(folder: Path, deployments: int, events: int) -> Iterator[tuple[Api, dict[str, str]]]:
    with running_servers(folder, durable=True, guarded=False) as stack:
        stack.common_settings = {}
        api = stack.start_api()
        with api.client() as client:
            flow = client.post("/flows/", json={"name": "flow"}).json()["id"]
            client.post("/work_pools/", json={"name": "bench", "type": "process"}).raise_for_status()
            client.post("/deployments/", json=deployment(flow, "job")).raise_for_status()
        yield api, _fill(stack, deployments, events)


def _fill(stack: Stack, deployments: int, events: int) -> dict[str, str]:
    with connect(stack) as connection:
        connection.execute(COPIES, {"flows": deployments // DEPLOYMENTS_OF_FLOW, "deployments": deployments})
        connection.execute("TRUNCATE event, snapshot")
        grow_log(connection, 1, events, events)
        connection.execute("VACUUM ANALYZE")
        row: Any = connection.execute("SELECT id, flow_id FROM deployment WHERE name = 'job-1'").fetchone()
    return {"id": str(row[0]), "flow_id": str(row[1])}


def _measured(browser: Browser, api: Api, ui: Ui, path: str, text: str) -> str:
    seconds: list[float] = []
    with visiting(browser, api.url, ui, "light") as visit:
        slow: dict[str, float] = {}
        visit.page.on("requestfinished", lambda request: _note(request, slow))
        for _ in range(VISITS):
            visit.page.goto("about:blank")
            start = perf_counter()
            _show(visit, path, text)
            seconds.append(perf_counter() - start)
            visit.settle()
    worst = sorted(slow.items(), key=lambda each: -each[1])[:SLOWEST]
    times = " ".join(f"{each:.2f}" for each in seconds)
    return f"{times} s; " + ", ".join(f"{name} {each:.0f} ms" for name, each in worst)


def _show(visit: Visit, path: str, text: str) -> None:
    visit.open(path)
    visit.page.get_by_text(text).first.wait_for()


def _note(request: Request, slow: dict[str, float]) -> None:
    if "/api/" in request.url:
        timing = request.timing
        name = f"{request.method} {urlsplit(request.url).path}"
        slow[name] = max(slow.get(name, 0), timing["responseStart"] - timing["requestStart"])


if __name__ == "__main__":
    main()
