"""WebSocket readers of live events: any number in one process, with minimal overhead.

`python -m benches.readers PORT COUNT RESOURCE_ID` prints `connected`, `begun` once each reader has received a frame,
`finished` once each has received the description `the end`, and then one JSON list of `[revision, received]`.
"""

import asyncio
import base64
import json
import os
import re
import sys
import time
from typing import Any, Final, cast

REVISION: Final = re.compile(rb'"aftercommit.revision": ?"(\d+)"')
TEXT: Final = 0x81
END: Final = "the end"
"""The description whose change ends the run."""
UPGRADE: Final = (
    "GET /api/events/out HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-protocol: prefect\r\nsec-websocket-key: {key}\r\n\r\n"
)


class Reader(asyncio.Protocol):
    """One WebSocket: it authenticates, subscribes to one resource, and records when each event arrives."""

    def __init__(self, readers: "Readers") -> None:
        """Take the group of readers that this one belongs to."""
        self._readers = readers
        self._received = b""
        self._upgraded = False
        self.events: list[tuple[int, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(UPGRADE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())

    def data_received(self, data: bytes) -> None:
        """Record the time and parse the frames."""
        now = time.monotonic()
        self._received += data
        if not self._upgraded:
            head, head_end, rest = self._received.partition(b"\r\n\r\n")
            if not head_end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.decode(errors="replace"))
            self._upgraded, self._received = True, rest
            self._transport.write(frame({"type": "auth", "token": None}) + frame(self._readers.subscription))
        while (parsed := next_frame(self._received)) is not None:
            payload, self._received = parsed
            revision = REVISION.search(payload)
            if revision is not None:
                self.events.append((int(revision[1]), now))
                self._readers.begun += len(self.events) == 1
                self._readers.finished += END.encode() in payload
            elif b"auth_success" in payload:
                self._readers.connected += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Record the error: the run fails if any reader loses its connection."""
        self._readers.lost = self._readers.lost or exc or ConnectionError("The server closed a connection.")


class Readers:
    """The readers of this process, with the number that has reached each state."""

    def __init__(self, resource: str) -> None:
        """Subscribe to the events of `resource`."""
        self.subscription = {"type": "filter", "backfill": False, "filter": {"resource": {"id": [resource]}}}
        self.connected = 0
        self.begun = 0
        self.finished = 0
        self.lost: Exception | None = None


def frame(message: dict[str, Any]) -> bytes:
    """Return the text frame of a client, masked with zeros."""
    payload = json.dumps(message).encode()
    length = (
        bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    )
    return bytes([TEXT]) + length + bytes(4) + payload


def next_frame(received: bytes) -> tuple[bytes, bytes] | None:
    """Return the payload of the first complete server frame and the remaining bytes, or None."""
    if len(received) < 2:
        return None
    length, at = received[1] & 127, 2
    if length >= 126:
        at = 4 if length == 126 else 10
        length = int.from_bytes(received[2:at], "big")
    if len(received) < max(at + length, at):
        return None
    return received[at : at + length], received[at + length :]


async def read(port: int, count: int, resource: str) -> list[tuple[int, float]]:
    """Connect `count` readers, print each state they reach, and return the events of all of them."""
    readers = Readers(resource)
    loop = asyncio.get_running_loop()
    protocols = []
    for _ in range(count):
        _, reader = await loop.create_connection(lambda: Reader(readers), "127.0.0.1", port)
        protocols.append(reader)

    async def until(name: str) -> None:
        while getattr(readers, name) < count:
            if readers.lost is not None:
                raise readers.lost
            await asyncio.sleep(0.01)
        print(name, flush=True)

    for name in ("connected", "begun", "finished"):
        await until(name)
    return [event for reader in protocols for event in reader.events]


if __name__ == "__main__":
    port, count, resource = sys.argv[1:]
    print(json.dumps(asyncio.run(read(int(port), int(count), resource))))
