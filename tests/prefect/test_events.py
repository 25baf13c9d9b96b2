"""`prefect event stream` and `prefect event emit`, and Prefect's own subscriber."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.client_event import numbered
from tests.prefect.terminal import COMMAND_SECONDS, Running, Terminal
from tests.waiting import wait_until
from tests.world import World

BURST = 10_000
BATCH = 500
INTERRUPTED = 130


def json_lines(running: Running) -> list[Any]:
    """Return the JSON lines that were printed completely."""
    lines = running.read_output().rpartition("\n")[0].splitlines()
    return [json.loads(line) for line in lines if line.startswith(("{", "["))]


def event_of(world: World, name: str) -> dict[str, Any] | None:
    page = world.post("/events/filter", {"filter": {"event": {"name": [name]}}})
    return page["events"][0] if page["events"] else None


def subscribe(terminal: Terminal, filters: dict[str, Any]) -> Running:
    """Start a subscriber for each filter, and wait until all have subscribed."""
    running = terminal.start_script("subscribe.py", json.dumps(filters))
    for name in filters:
        running.wait_for(f"{name} subscribed")
    return running


def post(world: World, name: str, first: int, last: int) -> None:
    for start in range(first, last + 1, BATCH):
        events = numbered(start, min(start + BATCH - 1, last), event=name)
        response = world.client.post("/events", json=events)
        assert response.status_code == 204, response.text


def test_emit_puts_an_event_into_the_log(world: World, terminal: Terminal) -> None:
    name = world.name("my.event")

    output = terminal.prefect("event", "emit", name, "--resource-id", "my.thing", "--payload", '{"n": 1}')

    assert f"Successfully emitted event '{name}'" in output.text
    event = wait_until(lambda: event_of(world, name), "the event to be in the log", COMMAND_SECONDS)
    assert event is not None
    assert (event["resource"]["prefect.resource.id"], event["payload"]) == ("my.thing", {"n": 1})


@pytest.mark.parametrize("format_", ["json", "text"])
def test_stream_shows_each_event_once_and_in_order(format_: str, world: World, terminal: Terminal) -> None:
    stream = terminal.start("event", "stream", "--format", format_)
    stream.wait_for("Subscribing to event stream...")

    deployment = world.deploy()
    world.deploy(200, version="2")
    world.delete(f"/deployments/{deployment}")

    def received() -> list[str]:
        return [line for line in stream.read_output().splitlines() if f"prefect.deployment.{deployment}" in line]

    wait_until(
        lambda: stream.has_ended() or any("deployment.deleted" in line for line in received()),
        "the end",
        COMMAND_SECONDS,
    )
    assert [
        next(each for each in ("created", "updated", "deleted") if f"prefect.deployment.{each}" in line)
        for line in received()
    ] == ["created", "updated", "deleted"]
    assert (format_ == "json") == received()[0].startswith("{")
    assert not stream.has_ended(), stream.read_output()
    assert stream.interrupt() == INTERRUPTED


def test_each_filter_selects_past_and_live_events(world: World, terminal: Terminal) -> None:
    pool = world.pool()
    pool_id = world.client.get(f"/work_pools/{pool}").json()["id"]
    # The log has no fixed order between deployments, so each change waits for the previous one.
    one = world.deploy(name="one", work_pool_name=pool)
    world.drain_outbox()
    other = world.deploy(name="other")
    world.drain_outbox()
    mine = {"id": [f"prefect.deployment.{one}", f"prefect.deployment.{other}"]}
    stream = subscribe(
        terminal,
        {
            "resource": {"resource": {"id": [f"prefect.deployment.{one}"]}},
            "related": {
                "event": {"prefix": ["prefect.deployment."]},
                "related": {"id": [f"prefect.work-pool.{pool_id}"]},
            },
            "any": {"event": {"prefix": ["prefect.deployment."]}, "any_resource": mine},
            "name": {"event": {"name": ["prefect.deployment.updated"]}, "resource": mine},
            "labels": {"resource": {"labels": {"prefect.resource.name": [f"!{world.name('other')}"]}, **mine}},
        },
    )

    world.patch(f"/deployments/{other}", {"version": "2"})
    world.drain_outbox()
    world.patch(f"/deployments/{one}", {"version": "3"})

    def received(name: str) -> list[tuple[str, str | None]]:
        lines = [line[1:] for line in json_lines(stream) if line[0] == name]
        versions = [payload.get("updates", {}).get("version", {}).get("to") for _, _, payload in lines]
        ids = [resource.removeprefix("prefect.deployment.") for _, resource, _ in lines]
        return [("one" if id_ == one else "other", version) for id_, version in zip(ids, versions, strict=True)]

    # The last change matches every filter and the log is read in order, so all earlier matches precede it.
    for name in ("resource", "related", "any", "name", "labels"):
        wait_until(lambda name=name: ("one", "3") in received(name), f"the last change by {name}", COMMAND_SECONDS)  # type: ignore[misc]
    assert received("resource") == received("related") == received("labels") == [("one", None), ("one", "3")]
    assert received("any") == [("one", None), ("other", None), ("other", "2"), ("one", "3")]
    assert received("name") == [("other", "2"), ("one", "3")]


def test_a_subscriber_that_connects_during_a_burst_misses_nothing(world: World, terminal: Terminal) -> None:
    name = world.name("burst")
    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(post, world, name, 1, BURST)
        stream = subscribe(terminal, {"burst": {"event": {"name": [name]}}})
        writing.result()
    post(world, name, BURST + 1, BURST + BATCH)

    wait_until(lambda: len(json_lines(stream)) >= BURST + BATCH or stream.has_ended(), "all events", COMMAND_SECONDS)
    assert [line[3]["number"] for line in json_lines(stream)] == list(range(1, BURST + BATCH + 1))
