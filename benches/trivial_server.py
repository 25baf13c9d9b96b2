"""A server that answers everything at once with the same bytes: what the load generator can do at most.

`python -m benches.trivial_server PORT`
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

BODY: Final = b'{"id":"00000000-0000-4000-8000-000000000000","filler":"' + b"x" * 1000 + b'"}'
ANSWER: Final = (
    b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(BODY) + BODY
)


class Trivial(asyncio.Protocol):
    """Answers each piece that arrives; the generator sends a request in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to answer on."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # What it says does not matter.
        """Answer."""
        self._transport.write(ANSWER)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
