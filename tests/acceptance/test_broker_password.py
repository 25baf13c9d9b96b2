"""A wrong password of the broker is called that, and not an outage, by every part that an operator may look at."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.stack import Role, Stack
from tests.acceptance.up_process import command, start
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

REFUSAL: Final = "refuses the user name or the password"


@pytest.fixture(scope="module")
def wrong(stack: Stack) -> str:
    """The URL of the broker with a wrong password."""
    url = stack.broker.url.replace("redis://:", "redis://:hunter2")
    assert url != stack.broker.url
    return url


def test_the_api_reports_a_wrong_password(stack: Stack, wrong: str) -> None:
    api = stack.start_api(broker_url=wrong)
    with api.client() as client:
        assert client.post("/flows/", json={"name": "etl"}).status_code == 201
        assert client.get("/ready").json()["reasons"] == {"broker": REFUSAL}
    wait_until(lambda: REFUSAL in api.role.read_log(), "the log names the password")
    assert "hunter2" not in api.role.read_log()


@pytest.mark.parametrize("starts", [Stack.start_worker, Stack.start_beat])
def test_a_worker_and_beat_report_a_wrong_password(stack: Stack, wrong: str, starts: Callable[..., Role]) -> None:
    role = starts(stack, broker_url=wrong)
    wait_until(lambda: "invalid username-password pair" in role.read_log(), "the log names the password")
    assert role.is_running()
    assert "hunter2" not in role.read_log()


def test_the_commands_report_a_wrong_password(stack: Stack, wrong: str) -> None:
    ours = {"AFTERCOMMIT_DATABASE_URL": stack.database.url, "AFTERCOMMIT_BROKER_URL": wrong}
    assert json.loads(command("outbox", "status", "--json", **ours).stdout)["broker_problem"] == REFUSAL
    assert f"The broker {REFUSAL}." in command("outbox", "status", **ours).stdout
    assert f"The broker {REFUSAL}." in command("broker", "purge", **ours).stderr


def test_up_reports_a_wrong_password_and_continues(stack: Stack, wrong: str, tmp_path: Path) -> None:
    up = start(tmp_path / "data", "--no-flower", AFTERCOMMIT_BROKER_URL=wrong)
    try:
        up.wait_until_ready()
        assert f"The broker {REFUSAL}. The API works without it" in up.log
    finally:
        up.process.terminate()
        up.process.wait(60)
