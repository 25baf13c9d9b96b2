"""The rights that docs/operations.md gives the broker's user are enough, and readiness notices each that is missing."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest
import redis

from app.broker.probe import problem_with_broker
from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import ROOT, Api, Role, Stack
from tests.waiting import wait_until
from tests.world import World

pytestmark = pytest.mark.slow

USER: Final = "celery"
DOCUMENTED: Final = re.search(
    rf"^ACL SETUSER {USER} on >PASSWORD (resetkeys resetchannels -@all\n[^`]+)",
    (ROOT / "docs/operations.md").read_text(),
    re.MULTILINE,
)
assert DOCUMENTED is not None
RULES: Final = DOCUMENTED[1].split()
NEEDED: Final = [rule for rule in RULES if rule[0] in "~&+" and rule != "+client|setinfo"]


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[redis.Redis]:
    """A client of the broker that may do everything."""
    with redis.Redis.from_url(stack.broker.url, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="module")
def url(stack: Stack, admin: redis.Redis) -> str:
    """The URL of the user with exactly the documented rights."""
    let(admin, RULES)
    return f"redis://{USER}:PASSWORD@127.0.0.1:{stack.broker.port}/0"


@pytest.fixture(scope="module", autouse=True)
def _only_this_user(stack: Stack, url: str) -> None:
    """Every role that a test starts is this user."""
    stack.common_settings = {**stack.common_settings, "broker_url": url}


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Role:
    """The only worker."""
    return stack.start_worker()


def let(admin: redis.Redis, rules: list[str]) -> None:
    """Give the user these rights and no others."""
    command = ("ACL", "SETUSER", USER, "reset", "on", ">PASSWORD", *rules)
    admin.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has no types for it.


def refused(admin: redis.Redis) -> list[tuple[Any, ...]]:
    """Return what the broker has refused to anybody."""
    return [(entry["object"], entry["reason"], entry["context"]) for entry in admin.acl_log(count=100)]


def test_the_documented_rights_are_enough_for_every_part(
    stack: Stack, world: World, worker: Role, admin: redis.Redis
) -> None:
    address = Address("Flower", "127.0.0.1", free_port(), "--flower-port")
    stack.start_beat()
    flower = stack.start("flower", programs.flower(address))

    def flower_page(path: str) -> str:
        try:
            return httpx2.get(f"{address.url}{path}", timeout=10).text
        except httpx2.TransportError:
            return ""

    wait_until(lambda: "aftercommit.dispatch" in flower_page("/broker"), "Flower to show the queues", timeout=60)
    wait_until(lambda: "worker1@" in flower_page("/workers?json=1"), "Flower to show the worker", timeout=60)
    world.deploy()
    world.drain_outbox()
    environment = stack.environment()
    ping = subprocess.run(programs.ping(1), env=environment, capture_output=True, text=True, check=True)
    assert "pong" in ping.stdout
    # A new worker takes back what a killed one had, and a stopping one returns what it has fetched.
    worker.kill()
    worker.start()
    world.deploy(name="after the kill")
    world.drain_outbox()
    assert worker.stop() == 0
    assert flower.is_running()
    assert world.client.get("/ready").json() == {"message": "OK"}
    assert refused(admin) == []


@pytest.mark.parametrize("missing", NEEDED)
def test_readiness_detects_each_missing_right(missing: str, admin: redis.Redis, url: str) -> None:
    let(admin, [rule for rule in RULES if rule != missing])
    try:
        problem = problem_with_broker(url)
    finally:
        let(admin, RULES)
        admin.acl_log_reset()
    assert problem is not None
    assert problem.startswith("does not give its user the rights")


def test_an_api_whose_user_lacks_a_right_names_it(api: Api, admin: redis.Redis) -> None:
    let(admin, [rule for rule in RULES if rule != "~aftercommit.*"])
    try:
        answer = httpx2.get(f"{api.url}/ready")
    finally:
        let(admin, RULES)
        admin.acl_log_reset()
    reason = "does not give its user the rights that docs/operations.md lists: LLEN aftercommit.dispatch"
    assert (answer.status_code, answer.json()["reasons"]) == (503, {"broker": reason})
