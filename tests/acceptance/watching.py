"""Starts Flower as the runners do."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import Role, Stack
from tests.waiting import wait_until

COMMAND = (*programs.flower(Address("Flower", "127.0.0.1", 1, "--flower-port"))[:-1],)
"""The command line of Flower without its port."""


@contextmanager
def flower(stack: Stack, name: str = "flower", **settings: str) -> Iterator[tuple[httpx2.Client, Role]]:
    """Start Flower on loopback, yield a client without a credential and its process, and stop it."""
    port = free_port()
    role = stack.start(name, [*COMMAND, f"--port={port}"], **settings)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        wait_until_it_answers(client)
        yield client, role
    role.stop()


def wait_until_it_answers(client: httpx2.Client) -> None:
    """Wait until Flower answers its health probe."""

    def answers() -> bool:
        try:
            return client.get("/healthcheck").status_code == 200
        except httpx2.TransportError:
            return False

    wait_until(answers, "Flower to answer", timeout=60)
