"""Which clients `/events/out` and `/events/in` accept, and how they reject the others."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.client_event import numbered
from tests.integration.serving import Served
from tests.sockets import closed, connected, numbers, opened, receive, send, subscribed


def test_a_position_above_the_head_of_the_log_is_refused(served: Served) -> None:
    with subscribed(served.address, frame={"after": 1}) as socket:
        code, close_reason = closed(socket)
    assert (code, "position 0" in close_reason) == (1008, True)


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        ({"type": "auth"}, 1002, "Expected 'filter' message"),
        ([], 1002, "Expected a JSON object"),
        ({"type": "filter", "filter": {"event": {"name": 1}}}, 1002, "Invalid filter: filter.event.name"),
        ({"type": "filter", "filter": {"nonsense": 1}}, 1002, "Invalid filter: filter.nonsense"),
        ({"type": "filter", "filter": {"related": [{str(n): n} for n in range(99)]}}, 1002, "Invalid filter"),
        ({"type": "filter", "after": -1}, 1002, "Invalid filter: after"),
    ],
)
def test_an_invalid_subscription_frame_is_refused_with_the_reason(
    served: Served, frame: Any, code: int, reason: str
) -> None:
    with connected(served.address, "out") as socket:
        send(socket, frame)
        given, close_reason = closed(socket)
    assert (given, close_reason[: len(reason)]) == (code, reason)
    assert len(close_reason.encode()) <= 123


@pytest.mark.parametrize("path", ["in", "out"])
def test_the_first_frame_must_be_the_auth_frame(served: Served, path: str) -> None:
    with opened(served.address, path) as socket:
        send(socket, {"type": "filter"})
        assert closed(socket) == (1008, "Expected 'auth' message")


def test_a_client_without_the_subprotocol_needs_no_auth_frame(served: Served) -> None:
    served.post(*numbered(1, 1))
    with connect(f"ws://{served.address}/api/events/out") as socket:
        send(socket, {"type": "filter"})
        assert numbers(receive(socket, 1)) == [1]


@pytest.mark.parametrize("path", ["in", "out"])
def test_a_websocket_from_another_site_is_refused(served: Served, path: str) -> None:
    with pytest.raises(InvalidStatus), opened(served.address, path, origin="https://evil.example"):
        pass


def test_a_websocket_from_the_same_site_is_accepted(served: Served) -> None:
    with connected(served.address, "out", origin=f"http://{served.address}"):
        pass


def test_a_binary_frame_is_refused(served: Served) -> None:
    with connected(served.address, "in") as socket:
        socket.send(b"{}")
        assert closed(socket) == (1003, "Expected a text frame")


def test_too_many_readers_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.live, "_max_readers", 1)
    served.post(*numbered(1, 1))
    with subscribed(served.address) as first:
        receive(first, 1)
        with subscribed(served.address) as second:
            assert closed(second)[0] == 1013
        assert served.client.get("/events/stream").status_code == 503
    with subscribed(served.address) as third:
        assert numbers(receive(third, 1)) == [1]
