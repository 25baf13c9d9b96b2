"""Real processes do not start with a masking key that this database does not know."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import Api, Stack
from tests.acceptance.up_process import command, start

pytestmark = pytest.mark.slow

OTHER = "another key for tests, of 38 characters"


@pytest.mark.parametrize(
    "program",
    [programs.api(Address("API", "127.0.0.1", free_port(), "--port")), programs.worker(1)],
    ids=["api", "worker"],
)
@pytest.mark.parametrize(
    ("key", "reason"),
    [("short", "must have at least 32 characters"), (OTHER, "aftercommit migrate --replace-masking-key")],
    ids=["short", "unknown"],
)
def test_a_process_ends_with_the_reason(
    stack: Stack, api: Api, program: list[str], key: str, reason: str, request: pytest.FixtureRequest
) -> None:
    role = stack.start(request.node.name.replace("/", "-"), program, masking_key=key)
    assert role.process is not None
    assert role.process.wait(60) == 1
    last = role.read_log().rstrip().splitlines()[-1]
    assert reason in last
    assert key not in role.read_log()


def test_up_refuses_another_key_unless_an_option_accepts_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    @contextmanager
    def serving(*options: str, **more: str) -> Iterator[None]:
        up = start(folder, "--no-flower", *options, **more)
        try:
            up.wait_until_ready()
            yield
        finally:
            up.process.terminate()
            up.process.wait(60)

    with serving():
        pass
    other = {"AFTERCOMMIT_MASKING_KEY": OTHER}
    port = ("--port", str(free_port()), "--no-flower")
    refusal = command("up", "--data-dir", str(folder), *port, **other)
    assert refusal.returncode == 1
    assert "masking.key in the data folder" in refusal.stderr
    with serving("--replace-masking-key", "--reason", "the old key leaked", **other):
        listing = ("events", "list", "--reason", "leaked", "--json", "--data-dir", str(folder))
        [event] = map(json.loads, command(*listing).stdout.splitlines())
        assert event["event"] == "aftercommit.masking.key-replaced"
    with serving(**other):
        pass
