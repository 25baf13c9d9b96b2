"""Readers of the live events, as many as asked for, in one process: WebSockets with as little around them as can be.

`python -m benches.readers PORT COUNT RESOURCE_ID` prints `connected`, `begun` once each has got a frame, `finished`
once each has got the change to the text `the end`, and then one JSON list of `[revision, received]`.
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
"""The description that ends it."""
UPGRADE: Final = (
    "GET /api/events/out HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-protocol: prefect\r\nsec-websocket-key: {key}\r\n\r\n"
)


class Reader(asyncio.Protocol):
    """One WebSocket: it says hello, asks for the events of one resource, and notes when each came."""

    def __init__(self, readers: "Readers") -> None:
        """Take those that it is one of."""
        self._readers = readers
        self._received = b""
        self._upgraded = False
        self.got: list[tuple[int, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(UPGRADE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())

    def data_received(self, data: bytes) -> None:
        """Note the time, and take the frames apart."""
        now = time.monotonic()
        self._received += data
        if not self._upgraded:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.decode(errors="replace"))
            self._upgraded, self._received = True, rest
            self._transport.write(frame({"type": "auth", "token": None}) + frame(self._readers.wanted))
        while (taken := next_frame(self._received)) is not None:
            payload, self._received = taken
            revision = REVISION.search(payload)
            if revision is not None:
                self.got.append((int(revision[1]), now))
                self._readers.begun += len(self.got) == 1
                self._readers.finished += END.encode() in payload
            elif b"auth_success" in payload:
                self._readers.connected += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """A reader that is gone makes the whole run worthless."""
        self._readers.lost = self._readers.lost or exc or ConnectionError("The server closed a connection.")


class Readers:
    """All readers of this process, and how far they are."""

    def __init__(self, resource: str) -> None:
        """Take the resource to follow."""
        self.wanted = {"type": "filter", "backfill": False, "filter": {"resource": {"id": [resource]}}}
        self.connected = 0
        self.begun = 0
        self.finished = 0
        self.lost: Exception | None = None


def frame(message: dict[str, Any]) -> bytes:
    """Return a text frame of a client: masked, with a mask of zeros."""
    payload = json.dumps(message).encode()
    length = (
        bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    )
    return bytes([TEXT]) + length + bytes(4) + payload


def next_frame(received: bytes) -> tuple[bytes, bytes] | None:
    """Return the payload of the first whole frame of a server and what comes behind it, or None."""
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
    """Connect, say how far it is, and return what all readers got."""
    readers = Readers(resource)
    loop = asyncio.get_running_loop()
    all_of_them = []
    for _ in range(count):
        _, reader = await loop.create_connection(lambda: Reader(readers), "127.0.0.1", port)
        all_of_them.append(reader)

    async def until(name: str) -> None:
        while getattr(readers, name) < count:
            if readers.lost is not None:
                raise readers.lost
            await asyncio.sleep(0.01)
        print(name, flush=True)

    for name in ("connected", "begun", "finished"):
        await until(name)
    return [each for reader in all_of_them for each in reader.got]


if __name__ == "__main__":
    port, count, resource = sys.argv[1:]
    print(json.dumps(asyncio.run(read(int(port), int(count), resource))))
