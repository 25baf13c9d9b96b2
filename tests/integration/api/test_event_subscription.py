"""`/events/out`: first past events, then new ones, each once, and only those that match the filter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.client_event import a_client_event, numbered
from tests.integration.serving import Served
from tests.sockets import closed, numbers, receive, subscribed
from tests.world import World


def wait_until_subscribed(served: Served, *sockets: Any) -> None:
    """Wait until each socket gets a marker event: later events are live for all."""
    served.post(a_client_event(event="marker", payload={"number": 0}))
    for socket in sockets:
        assert receive(socket, 1)[0]["event"] == "marker"


def test_past_events_come_before_new_ones(served: Served) -> None:
    served.post(*numbered(1, 3))
    with subscribed(served.address) as socket:
        assert numbers(receive(socket, 3)) == [1, 2, 3]
        served.post(*numbered(4, 6))
        assert numbers(receive(socket, 3)) == [4, 5, 6]


def test_an_event_is_sent_as_logged(served: Served, world: World) -> None:
    deployment = world.deploy()
    with subscribed(served.address) as socket:
        [of_flow, event] = receive(socket, 2)
    assert of_flow["event"] == "prefect.flow.created"
    assert event == world.life(deployment)[0]


def test_without_backfill_only_new_events_are_sent(served: Served) -> None:
    served.post(*numbered(1, 3))
    with subscribed(served.address, frame={"backfill": False}) as socket, subscribed(served.address) as other:
        assert numbers(receive(other, 3)) == [1, 2, 3]
        wait_until_subscribed(served, other)
        # `socket` may have missed the marker, but it must not get earlier events.
        served.post(*numbered(4, 4))
        assert [number for number in numbers(receive(socket, 1)) if number in (1, 2, 3)] == []


def test_past_events_are_those_of_the_last_15_minutes(served: Served) -> None:
    now = datetime.now(UTC)
    old, young = now - timedelta(minutes=16), now - timedelta(minutes=14)
    served.post(*numbered(1, 1, occurred=old.isoformat()), *numbered(2, 2, occurred=young.isoformat()))
    with subscribed(served.address, {"occurred": {"since": (now - timedelta(days=1)).isoformat()}}) as socket:
        assert numbers(receive(socket, 1)) == [2]


def test_the_server_sends_the_reason_before_it_closes_a_connection(served: Served) -> None:
    with subscribed(served.address) as socket:
        wait_until_subscribed(served, socket)
        served.server.should_exit = True
        assert closed(socket) == (1012, "The server is stopping: connect again.")


def test_a_reader_resumes_after_a_given_position(served: Served) -> None:
    old = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    served.post(*numbered(1, 5, occurred=old))
    with subscribed(served.address, {"occurred": {}}, frame={"after": 2}) as socket:
        assert numbers(receive(socket, 3)) == [3, 4, 5]


FILTERS: list[dict[str, Any]] = [
    {"event": {"name": ["wanted"]}},
    {"event": {"prefix": ["want"]}},
    {"event": {"exclude_prefix": ["other", "marker"]}},
    {"resource": {"id": ["wanted"]}},
    {"resource": {"labels": {"kind": ["want*"]}}},
    {"related": [{"id": ["wanted"], "role": ["r"]}]},
    {"related": {"labels": {"kind": "wanted"}}},
    {"any_resource": {"id": ["wanted"]}},
    {"text": {"query": "WANTED -other"}},
    {"id": {"id": ["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"]}},
]


@pytest.mark.parametrize("event_filter", FILTERS, ids="-".join)
def test_every_part_of_a_filter_applies_to_past_and_new_events(served: Served, event_filter: dict[str, Any]) -> None:
    def an_event(name: str, id_: str, number: int) -> dict[str, Any]:
        label = {"prefect.resource.id": name, "kind": name}
        return a_client_event(
            id=f"00000000-0000-4000-8000-00000000000{id_}",
            event=name,
            resource=label,
            related=[{**label, "prefect.resource.role": "r"}],
            payload={"number": number, "name": name},
        )

    served.post(an_event("other", "1", 1), an_event("wanted", "a", 2), an_event("other", "2", 3))
    with subscribed(served.address, event_filter) as socket:
        assert numbers(receive(socket, 1)) == [2]
        served.post(an_event("other", "3", 4), an_event("wanted", "b", 5), an_event("other", "4", 6))
        assert numbers(receive(socket, 1)) == [5]


def test_an_event_outside_of_the_requested_times_is_not_sent(served: Served) -> None:
    now = datetime.now(UTC)
    early, late = (now - timedelta(minutes=5)).isoformat(), (now + timedelta(minutes=5)).isoformat()
    until = (now + timedelta(minutes=1)).isoformat()
    with subscribed(
        served.address, {"occurred": {"since": (now - timedelta(minutes=1)).isoformat(), "until": until}}
    ) as socket:
        wait_until_subscribed(served, socket)
        served.post(*numbered(1, 1, occurred=early), *numbered(2, 2), *numbered(3, 3, occurred=late), *numbered(4, 4))
        assert numbers(receive(socket, 2)) == [2, 4]


def test_an_empty_list_of_ids_selects_every_event(served: Served) -> None:
    served.post(*numbered(1, 1))
    with subscribed(served.address, {"id": {"id": []}, "related": [], "any_resource": [], "text": None}) as socket:
        assert numbers(receive(socket, 1)) == [1]


def test_each_reader_gets_the_events_of_its_own_filter(served: Served) -> None:
    with (
        subscribed(served.address) as first,
        subscribed(served.address) as second,
        subscribed(served.address, {"event": {"exclude_prefix": ["odd"]}}) as third,
    ):
        wait_until_subscribed(served, first, second, third)
        served.post(
            *(event for n in range(1, 9, 2) for event in (*numbered(n, n, event="odd"), *numbered(n + 1, n + 1))),
        )
        assert numbers(receive(first, 8)) == numbers(receive(second, 8)) == list(range(1, 9))
        assert numbers(receive(third, 4)) == [2, 4, 6, 8]
