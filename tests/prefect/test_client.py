"""The methods of PrefectClient and SyncPrefectClient, called by a program: the supported and the unsupported ones."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.prefect.terminal import Terminal
from tests.world import World, assert_unbroken, updates

both = pytest.mark.parametrize("mode", ["async", "sync"])


def called(terminal: Terminal, script: str, *arguments: str) -> Any:
    """Return the JSON that the script prints last."""
    return json.loads(terminal.script(script, *arguments).text.splitlines()[-1])


def assert_lives(world: World, left: Mapping[str, Any]) -> None:
    """Fail unless each change that the script made has its event."""
    deployment = world.life(left["deployment"])
    assert_unbroken(deployment)
    # The script finally asks for the deployment's runs, which makes the deployment ready.
    changes = [["description", "version"], *[["paused"]] * 3, ["status"]]
    assert [sorted(updates(event)) for event in deployment[1:-1]] == changes
    scheduled = world.life(left["scheduled"])
    assert_unbroken(scheduled)
    assert [sorted(updates(event)) for event in scheduled[1:]] == [["schedules"]] * 3


@both
def test_every_method_works_or_reports_that_it_is_unsupported(mode: str, world: World, terminal: Terminal) -> None:
    deployment = world.deploy()
    for version in range(120):
        world.patch(f"/deployments/{deployment}", {"version": str(version)})
    life = world.life(deployment)

    here = called(terminal, "client_calls.py", mode, "all", world.token)
    unsupported = called(terminal, "unsupported_calls.py", mode)

    assert_lives(world, here["left"])
    if "read_events" in here["methods"]:
        assert {event["id"] for event in life} <= set(here["left"]["events"])
    for group, expected in (("lists", ([], 0)), ("singles", (404, None)), ("refused", (501,)), ("empty", ([], None))):
        wrong = {method: came for method, came in unsupported[group].items() if came not in (*expected, "lacks")}
        assert wrong == {}, group
    left_out = (
        set(here["methods"]) - set(here["called"]) - {method for group in unsupported.values() for method in group}
    )
    assert left_out == set()
