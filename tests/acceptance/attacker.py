"""Sends requests that once took work without a bound: `python -m tests.acceptance.attacker URL KIND SECONDS`."""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from tests.unit.crud.deployments.test_check_budget import doubling

CONNECTIONS: Final = {"schemas": 32, "references": 32, "texts": 2, "errors": 2, "filters": 2, "heads": 6}
PIECE: Final = b"x" * 64 * 1024


def deployment_body(url: str, **fields: Any) -> tuple[str, bytes]:
    flow = httpx2.post(f"{url}/api/flows/", json={"name": "attacked"}).json()["id"]
    return "/api/deployments/", json.dumps({"name": "d", "flow_id": flow, **fields}).encode()


def schema_body(url: str) -> tuple[str, bytes]:
    schema = doubling("allOf")
    return deployment_body(url, enforce_parameter_schema=True, parameters={"n": 1}, parameter_openapi_schema=schema)


def reference_body(url: str) -> tuple[str, bytes]:
    """Return a schema in which each step follows a long reference."""
    items = {"$ref": "#/$defs/" + "s%20" * 50_000}
    schema = {"$defs": {"s " * 50_000: {}}, "properties": {"n": {"items": items}}}
    return deployment_body(
        url, enforce_parameter_schema=True, parameters={"n": [1] * 30_000}, parameter_openapi_schema=schema
    )


def text_body(url: str) -> tuple[str, bytes]:
    """Return a deployment with a text in which each piece looks like the beginning of a URL's secret."""
    return deployment_body(url, job_variables={"a": "%3F" * 600_000 + "%3D"})


def error_body(_url: str) -> tuple[str, bytes]:
    return "/api/flows/filter", json.dumps({"flows": {"id": {"any_": [1] * 1_300_000}}}).encode()


def filter_body(_url: str) -> tuple[str, bytes]:
    words = [str(number) for number in range(300_000)]
    return "/api/deployments/filter", json.dumps({"deployments": {"tags": {"all_": words}}}).encode()


BODIES: Final[dict[str, Callable[[str], tuple[str, bytes]]]] = {
    "schemas": schema_body,
    "references": reference_body,
    "texts": text_body,
    "errors": error_body,
    "filters": filter_body,
}


def send_bodies(url: str, path: str, body: bytes, until: float) -> None:
    while time.monotonic() < until:
        # The server closes the connection when it stops.
        with contextlib.suppress(httpx2.TransportError):
            httpx2.post(f"{url}{path}", content=body, headers={"content-type": "application/json"}, timeout=60)


def send_heads(url: str, until: float) -> None:
    parts = urlsplit(url)
    address: Any = (parts.hostname, parts.port)
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(address) as connection:
            connection.sendall(b"GET /api/health HTTP/1.1\r\nX-A: ")
            while time.monotonic() < until:
                connection.sendall(PIECE)


def main(url: str, kind: str, seconds: str) -> None:
    """Attack on several connections at once; print `attacking` when the attack begins."""
    arguments = (url, *BODIES[kind](url)) if kind in BODIES else (url,)
    target = send_bodies if kind in BODIES else send_heads
    until = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=target, args=(*arguments, until)) for _ in range(CONNECTIONS[kind])]
    for thread in threads:
        thread.start()
    print("attacking", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
