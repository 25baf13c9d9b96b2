"""A server that sends the same response to every request, to measure the maximum rate of the load generator.

`python -m benches.trivial_server PORT`
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

BODY: Final = b'{"id":"00000000-0000-4000-8000-000000000000","filler":"' + b"x" * 1000 + b'"}'
RESPONSE: Final = (
    b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(BODY) + BODY
)


class Trivial(asyncio.Protocol):
    """Responds to each chunk of data; the load generator sends each request in one chunk."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # Every request gets the same response.
        """Send the response."""
        self._transport.write(RESPONSE)


async def serve(port: int) -> None:
    """Serve until the process is killed."""
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
