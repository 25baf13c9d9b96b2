"""S14: how many functions a request calls in the API. Unlike a time, this is nearly the same on every machine."""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx2
from fastapi.testclient import TestClient

from app.main import create_app
from app.telemetry import configure_logging
from benches.bodies import POOL, deployment
from benches.line import Line, line
from benches.rig import OURS, Rig

WARM_UP: Final = 10
COUNTED: Final = 30
CALLS: Final = ("call", "c_call")
THREADS: Final = ("asyncio-portal", "route")
"""How the names of the threads begin that serve requests: that of the event loop, and those of routes."""

Request = Callable[[], httpx2.Response]


def measure_request_calls(rig: Rig) -> list[Line]:
    """Count calls of Python and C functions in the threads that serve requests. No worker runs."""
    rig.run_workers(0)
    rig.reset_database()
    with rig.other_side_paused(OURS), _counting() as counted, _api() as client:
        flow = client.post("/flows/", json={"name": "calls"}).json()["id"]
        client.post("/work_pools/", json={"name": POOL, "type": "process"})
        names = [f"calls-{number}" for number in range(WARM_UP + COUNTED)]
        deploy = partial(_deploy, client, flow, names)
        lines = [_line("create", deploy("first"), counted)]
        lines += [_line(f"upsert, {what}", deploy("second"), counted) for what in ("changed", "unchanged")]
        ids = [client.get(f"/deployments/name/calls/{name}").json()["id"] for name in names]
        paths = [f"/deployments/{id_}" for id_ in ids]
        body = {"description": "third"}
        lines.append(_line("PATCH", [partial(client.patch, path, json=body) for path in paths], counted))
        lines.append(_line("read", [partial(client.get, path) for path in paths], counted))
        lines.append(_line("DELETE", [partial(client.delete, path) for path in paths], counted))
    rig.forget_doorbells()
    return lines


@contextmanager
def _counting() -> Iterator[Callable[[], int]]:
    """Count calls in the threads that start within this block; yield a function that sums those of `THREADS`."""
    counts: Counter[int] = Counter()

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        if event in CALLS:
            counts[threading.get_ident()] += 1

    def serving() -> int:
        idents = (thread.ident for thread in threading.enumerate() if thread.name.startswith(THREADS))
        return sum(counts[ident] for ident in idents if ident is not None)

    threading.setprofile(count)
    try:
        yield serving
    finally:
        threading.setprofile(None)


@contextmanager
def _api() -> Iterator[TestClient]:
    """Yield a client of an API in this process, which writes its log as in production, but to nowhere."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        configure_logging("INFO", as_json=False)
        with TestClient(create_app(is_exposed=False), base_url="http://localhost/api") as client:
            yield client


def _deploy(client: TestClient, flow: str, names: Sequence[str], description: str) -> list[Request]:
    bodies = [deployment(flow, name, description) for name in names]
    return [partial(client.post, "/deployments/", json=body) for body in bodies]


def _line(name: str, requests: Sequence[Request], counted: Callable[[], int]) -> Line:
    for request in requests[:WARM_UP]:
        request().raise_for_status()
    values = []
    for request in requests[WARM_UP:]:
        before = counted()
        request().raise_for_status()
        values.append(float(counted() - before))
    return line(name, "calls", values)
