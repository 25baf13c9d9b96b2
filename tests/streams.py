"""Reads server-sent events as a browser would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass
class Stream:
    """An open stream. `last_id` is what a client sends as `Last-Event-ID` when it connects again."""

    lines: Iterator[str]
    last_id: str = ""

    def receive(self, count: int) -> list[dict[str, Any]]:
        """Return the next events."""
        return [next(self._events()) for _ in range(count)]

    def rest(self) -> list[dict[str, Any]]:
        """Return all events until the server ends the stream."""
        return list(self._events())

    def comment(self) -> str:
        """Wait for the next comment, which is a heartbeat."""
        return next(line for line in self.lines if line.startswith(":"))

    def _events(self) -> Iterator[dict[str, Any]]:
        for line in self.lines:
            field, _, value = line.partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "data":
                yield json.loads(value)


@contextmanager
def streamed(client: httpx2.Client, last_id: str | None = None, **query: Any) -> Iterator[Stream]:
    """Open `/events/stream`. The stream is live as soon as this yields."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with client.stream("GET", "/events/stream", params=query, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert next(lines).startswith("retry:")
        yield Stream(lines)
