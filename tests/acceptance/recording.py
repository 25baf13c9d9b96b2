"""Replays recorded requests of a Prefect 3.8.8 client, with the recorded ids replaced by those of our responses."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

RECORDING = Path(__file__).parent.parent / "data" / "prefect-cli-3.8.8.jsonl"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)$")

DEFECTS = {
    # SQLite was locked once and answered 503; the client sent the same request again.
    ("ds pause --all", 503): 204,
}
ALWAYS_NULL = ".last_polled"
"""Recorded with a value, null here: Prefect's server counts a preview as a worker's poll."""
OMITTED_BODY = "58 kB of worker types, left out"


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    action: str
    method: str
    path: str
    query: Any
    body: Any
    status: int
    response: Any

    @property
    def expected_status(self) -> int:
        """The recorded status, or the correct one if the recorded status is a defect."""
        return DEFECTS.get((self.action, self.status), self.status)


def recorded() -> Iterator[Exchange]:
    """Yield the exchanges in their order."""
    for line in RECORDING.read_text().splitlines():
        yield Exchange(**json.loads(line))


@dataclass
class Replay:
    """Sends recorded requests and maps the recorded ids to our ids."""

    client: httpx2.Client
    ids: dict[str, str] = field(default_factory=dict)

    def send(self, exchange: Exchange) -> httpx2.Response:
        """Send one request and learn the ids in its answer."""
        response = self.client.request(
            exchange.method,
            self.ours(exchange.path),
            params=exchange.query or None,
            json=self.ours(exchange.body) if exchange.body is not None else None,
        )
        if response.content and response.headers["content-type"].startswith("application/json"):
            self._learn(exchange.response, response.json())
        return response

    def ours(self, value: Any) -> Any:
        """Return the value with every known recorded id replaced by ours."""
        text = json.dumps(value)
        return json.loads(UUID.sub(lambda found: self.ids.get(found[0], found[0]), text))

    def _learn(self, theirs: Any, ours: Any) -> None:
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for key in theirs.keys() & ours.keys():
                self._learn(theirs[key], ours[key])
        elif isinstance(theirs, list) and isinstance(ours, list):
            for one, other in _pairs(theirs, ours):
                self._learn(one, other)
        elif isinstance(theirs, str) and isinstance(ours, str) and UUID.fullmatch(theirs) and UUID.fullmatch(ours):
            self.ids.setdefault(theirs, ours)


def _pairs(theirs: list[Any], ours: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of list items: matched by name if they have one, else by position."""
    named = {_name(row): row for row in ours}
    for place, row in enumerate(theirs):
        if _name(row) is not None and _name(row) in named:
            yield row, named[_name(row)]
        elif place < len(ours):
            yield row, ours[place]


def _name(row: Any) -> Any:
    return (row.get("name"), row.get("work_pool_name")) if isinstance(row, Mapping) and "name" in row else None


def differences(theirs: Any, ours: Any, where: str = "") -> Iterator[str]:
    """Yield each place where our answer lacks a recorded value or has another type.

    A recorded null matches any value; extra keys and other rows are no difference.
    """
    if OMITTED_BODY in str(theirs) or theirs is None or (ours is None and where.endswith(ALWAYS_NULL)):
        return
    if _type(theirs) != _type(ours):
        yield f"{where}: {_type(ours)}, not {_type(theirs)}"
    elif isinstance(theirs, dict):
        for key in theirs:
            yield from (
                differences(theirs[key], ours[key], f"{where}.{key}") if key in ours else [f"{where}.{key}: lacks"]
            )
    elif isinstance(theirs, list):
        if theirs and not ours:
            yield f"{where}: empty"
        for one, other in _pairs(theirs, ours):
            yield from differences(one, other, f"{where}[]")


def _type(value: Any) -> str:
    if isinstance(value, str):
        return "id" if UUID.fullmatch(value) else "time" if TIME.match(value) else "text"
    # bool is a subclass of int, so it is checked first.
    types = ((bool, "boolean"), (int | float, "number"), (list, "list"), (dict, "object"))
    return next((name for type_, name in types if isinstance(value, type_)), "null")
