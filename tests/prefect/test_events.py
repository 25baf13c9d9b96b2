"""`prefect event stream` and `prefect event emit`, and Prefect's own subscriber."""

import json
from typing import Any

import pytest

from tests.prefect.terminal import Running, Terminal
from tests.waiting import wait_until
from tests.world import World


def events_in(stream: Running) -> list[dict[str, Any]]:
    """Return the events that the stream printed, one JSON object a line."""
    return [json.loads(line) for line in stream.said().splitlines() if line.startswith("{")]


def event_of(world: World, name: str) -> dict[str, Any] | None:
    page = world.post("/events/filter", {"filter": {"event": {"name": [name]}}})
    return page["events"][0] if page["events"] else None


def test_emit_puts_an_event_into_the_log(world: World, terminal: Terminal) -> None:
    name = world.name("my.event")

    output = terminal.prefect("event", "emit", name, "--resource-id", "my.thing", "--payload", '{"n": 1}')

    assert f"Successfully emitted event '{name}'" in output.text
    event = wait_until(lambda: event_of(world, name), "the event to be in the log")
    assert event is not None
    assert (event["resource"]["prefect.resource.id"], event["payload"]) == ("my.thing", {"n": 1})


@pytest.mark.parametrize("format_", ["json", "text"])
def test_stream_prints_what_happens_once_and_in_order(format_: str, world: World, terminal: Terminal) -> None:
    stream = terminal.start("event", "stream", "--format", format_)
    stream.wait_for("Subscribing to event stream...")

    deployment = world.deploy()
    world.deploy(200, version="2")
    world.delete(f"/deployments/{deployment}")

    stream.wait_for("prefect.deployment.deleted")
    told = [line for line in stream.said().splitlines() if deployment in line]
    assert [
        next(each for each in ("created", "updated", "deleted") if f"deployment.{each}" in line) for line in told
    ] == [
        "created",
        "updated",
        "deleted",
    ]


def test_a_subscriber_with_a_filter_gets_what_matches_and_nothing_else(world: World, terminal: Terminal) -> None:
    before = world.deploy(name="wanted")
    other = world.deploy(name="other")
    world.settle()

    stream = terminal.start_script("subscribe.py", f"prefect.deployment.{before}")
    stream.wait_for("created")
    world.patch(f"/deployments/{other}", {"version": "2"})
    world.patch(f"/deployments/{before}", {"version": "2"})

    stream.wait_for("updated")
    told = events_in(stream)
    assert [event["event"].rpartition(".")[2] for event in told] == ["created", "updated"]
    assert {event["resource"] for event in told} == {f"prefect.deployment.{before}"}
