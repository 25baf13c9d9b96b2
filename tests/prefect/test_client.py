"""The methods of PrefectClient and SyncPrefectClient, called by a program."""

import pytest

from tests.prefect.terminal import Terminal
from tests.world import World, assert_unbroken, updates

both = pytest.mark.parametrize("mode", ["async", "sync"])


@both
@pytest.mark.parametrize("group", ["flows", "work_pools", "work_queues", "limits", "absent"])
def test_the_methods_for(group: str, mode: str, world: World, terminal: Terminal) -> None:
    terminal.script("client_calls.py", mode, group, world.token)


@both
def test_the_methods_for_deployments_have_their_events(mode: str, world: World, terminal: Terminal) -> None:
    output = terminal.script("client_calls.py", mode, "deployments", world.token)

    events = world.life(output.text.split()[-1])
    assert_unbroken(events)
    assert [sorted(updates(event)) for event in events[1:-1]] == [["description", "version"], ["paused"], ["paused"]]


@both
def test_the_methods_for_schedules_have_their_events(mode: str, world: World, terminal: Terminal) -> None:
    output = terminal.script("client_calls.py", mode, "schedules", world.token)

    events = world.life(output.text.split()[-1])
    assert_unbroken(events)
    assert [sorted(updates(event)) for event in events[1:]] == [["schedules"]] * 3


@both
def test_the_methods_for_events_read_all_of_them_page_by_page(mode: str, world: World, terminal: Terminal) -> None:
    deployment = world.deploy()
    for version in range(120):
        world.patch(f"/deployments/{deployment}", {"version": str(version)})
    world.settle()

    output = terminal.script("client_calls.py", mode, "events", world.token)

    assert int(output.text.split()[-1]) > 120
