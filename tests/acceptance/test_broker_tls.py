"""All parts of the service with a broker that speaks TLS: none sends the password to a server that it cannot verify."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import trustme

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import Api, Role, Stack
from tests.tls import Front, tls_front
from tests.waiting import wait_until
from tests.world import World

pytestmark = pytest.mark.slow

NOT_TRUSTED = "has a certificate that is not trusted"


@dataclass
class Service:
    """All parts, with one broker URL."""

    stack: Stack
    api: Api
    worker: Role
    beat: Role
    flower: Role
    flower_url: str

    @property
    def parts(self) -> dict[str, Role]:
        """The processes by their names."""
        return {"API": self.api.role, "worker": self.worker, "beat": self.beat, "Flower": self.flower}

    def ping(self) -> str:
        """Ask the worker whether it listens, as `aftercommit up` and the containers do."""
        environment = self.stack.environment()
        result = subprocess.run(programs.ping(1), env=environment, capture_output=True, text=True, check=False)
        return result.stdout + result.stderr

    def broker_page(self) -> httpx2.Response:
        """Return Flower's page with the lengths of the queues."""
        return httpx2.get(f"{self.flower_url}/broker", timeout=10)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """An authority of our own; its certificate is in `ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def front(stack: Stack, authority: trustme.CA) -> Iterator[Front]:
    """TLS in front of the broker."""
    with tls_front(stack.broker.port, authority.issue_cert("127.0.0.1")) as front:
        yield front


@contextmanager
def running(stack: Stack, front: Front, query: str = "") -> Iterator[Service]:
    """Run all parts with the URL of the TLS server."""
    url = stack.broker.url_format.format(port=front.port).replace("redis://", "rediss://") + query
    usual = stack.common_settings
    # Only a doorbell can ring for a change: the sweep looks for older ones.
    stack.common_settings = {**usual, "broker_url": url, "sweep_grace": "60"}
    address = Address("Flower", "127.0.0.1", free_port(), "--flower-port")
    try:
        worker, beat = stack.start_worker(), stack.start_beat()
        flower = stack.start("flower", programs.flower(address))
        yield Service(stack, stack.start_api(), worker, beat, flower, address.url)
    finally:
        for role in stack.roles:
            role.kill()
            role.log.unlink()
        stack.roles.clear()
        stack.common_settings = usual


def answers(service: Service) -> Callable[[], bool]:
    """Return a condition: Flower answers."""

    def does() -> bool:
        try:
            return httpx2.get(f"{service.flower_url}/healthcheck", timeout=2).status_code == 200
        except httpx2.TransportError:
            return False

    return does


def deployed(world: World) -> Callable[[], bool]:
    """Return a condition: the event of a new deployment is in the log.

    The API drops a doorbell if the broker is slow, so each try has a deployment of its own.
    """

    def is_deployed() -> bool:
        world.deploy(name=uuid4().hex)
        with suppress(AssertionError):
            replace(world, patience=3).drain_outbox()
            return True
        return False

    return is_deployed


def says(role: Role, words: str) -> Callable[[], bool]:
    """Return a condition: the log of the process contains these words."""
    return lambda: words in role.read_log()


def test_no_part_sends_the_password_to_a_server_with_an_unknown_certificate(stack: Stack, front: Front) -> None:
    with running(stack, front) as service, service.api.client() as client:
        stack.world(client).deploy()
        for name in ("worker", "beat", "Flower"):
            wait_until(says(service.parts[name], "certificate verify failed"), f"{name} to refuse", timeout=60)
        wait_until(says(service.api.role, NOT_TRUSTED), "the API to say why the doorbell was dropped")
        assert client.get("/ready").json()["reasons"]["broker"].startswith(NOT_TRUSTED)
        assert "certificate verify failed" in service.ping()
        wait_until(answers(service), "Flower to answer", timeout=60)
        refused = front.refused
        service.broker_page()
        assert front.refused > refused
        assert all(role.is_running() for role in service.parts.values())
        assert bytes(front.received) == b""


@pytest.mark.parametrize(("query", "warns"), [("?ssl_ca_certs=CA", False), ("?ssl_cert_reqs=none", True)])
def test_every_part_works_over_tls(stack: Stack, front: Front, tmp_path: Path, query: str, warns: bool) -> None:
    with running(stack, front, query.replace("CA", f"{tmp_path}/ca.pem")) as service, service.api.client() as client:
        world = stack.world(client)
        wait_until(answers(service), "Flower to answer", timeout=60)
        wait_until(lambda: "pong" in service.ping(), "the worker to answer", timeout=60)
        wait_until(deployed(world), "a doorbell to be answered", timeout=90)
        assert client.get("/ready").json() == {"message": "OK"}
        assert "aftercommit.dispatch" in service.broker_page().text
        assert "Unable to get queues" not in service.flower.read_log()
        assert (front.refused, b"AUTH" in front.received) == (0, True)
        for name in ("API", "worker", "beat"):
            assert ("broker_not_verified" in service.parts[name].read_log()) == warns, name
