"""Live readers of the log with real processes: bursts, a dead broker, and an API that is killed or stopped."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.acceptance.stack import Api, Stack
from tests.freezing import frozen
from tests.integration.client_event import numbered
from tests.sockets import closed, connected, numbers, receive, send, subscribed
from tests.streams import streamed
from tests.waiting import wait_until
from tests.world import World, assert_unbroken

BURST = 10_000


@pytest.fixture(scope="module", autouse=True)
def _worker(stack: Stack) -> None:
    """The only worker; the sweep is not needed."""
    stack.start_worker()


@pytest.fixture
def client(api: Api) -> Iterator[httpx2.Client]:
    """A client of the routes below `/api`."""
    with api.client() as client:
        yield client


def websocket_address(api: Api) -> str:
    return api.url.removeprefix("http://")


def post_events(client: httpx2.Client, events: list[dict[str, Any]]) -> None:
    response = client.post("/events", json=events)
    assert response.status_code == 204, response.text


def live_connections(stack: Stack) -> int:
    """Count the database connections of all live readers of the log."""
    with stack.sessions() as session:
        found = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aftercommit-live'")
        return int(session.scalars(found).one())


def only_named(name: str) -> dict[str, Any]:
    """Return a filter for one test's events, since all tests share the log."""
    return {"event": {"name": [name]}}


def test_a_live_reader_gets_each_change_with_its_revision(api: Api, world: World) -> None:
    with subscribed(websocket_address(api), {"event": {"prefix": ["prefect.deployment."]}}) as socket:
        deployment = world.deploy()
        world.deploy(200, version="2")
        events = receive(socket, 2)
    assert_unbroken(events)
    assert events == world.life(deployment)


def test_every_live_reader_gets_a_whole_burst(api: Api, client: httpx2.Client) -> None:
    events = numbered(1, BURST, event="burst")
    with (
        subscribed(websocket_address(api), only_named("burst")) as first,
        subscribed(websocket_address(api), only_named("burst")) as second,
        streamed(client, event="burst") as stream,
        api.client() as writer,
        ThreadPoolExecutor(3) as readers,
    ):
        reading = [
            readers.submit(receive, first, BURST),
            readers.submit(receive, second, BURST),
            readers.submit(stream.receive, BURST),
        ]
        for start in range(0, BURST, 2500):
            post_events(writer, events[start : start + 2500])
        for each in reading:
            assert numbers(each.result()) == list(range(1, BURST + 1))


def test_events_that_are_sent_twice_by_websocket_are_in_the_log_once(api: Api) -> None:
    events = numbered(1, 500, event="in")
    with subscribed(websocket_address(api), only_named("in")) as reader:
        for _ in range(2):
            with connected(websocket_address(api), "in") as writer:
                for event in events:
                    send(writer, event)
        with connected(websocket_address(api), "in") as writer:
            send(writer, numbered(501, 501, event="in")[0])
        # The connections are concurrent: order is kept only within each of them.
        assert sorted(numbers(receive(reader, 501))) == list(range(1, 502))


def test_live_readers_get_events_without_the_broker(stack: Stack, api: Api, client: httpx2.Client) -> None:
    with subscribed(websocket_address(api), only_named("killed")) as socket, streamed(client, event="killed") as stream:
        post_events(client, numbered(1, 1, event="killed"))
        assert numbers(receive(socket, 1)) == numbers(stream.receive(1)) == [1]
        stack.broker.kill()
        post_events(client, numbered(2, 3, event="killed"))
        assert numbers(receive(socket, 2)) == numbers(stream.receive(2)) == [2, 3]
        stack.broker.start()
        post_events(client, numbered(4, 4, event="killed"))
        assert numbers(receive(socket, 1)) == numbers(stream.receive(1)) == [4]


def test_a_hung_broker_delays_neither_writers_nor_readers(stack: Stack, api: Api, client: httpx2.Client) -> None:
    with subscribed(websocket_address(api), only_named("hung")) as socket:
        post_events(client, numbered(1, 1, event="hung"))
        assert numbers(receive(socket, 1)) == [1]
        with frozen(stack.broker.pid):
            post_events(client, numbered(2, 3, event="hung"))
            assert numbers(receive(socket, 2)) == [2, 3]


def test_no_live_reader_is_lost_when_the_database_restarts(stack: Stack, api: Api, client: httpx2.Client) -> None:
    with subscribed(websocket_address(api), only_named("away")) as socket, streamed(client, event="away") as stream:
        post_events(client, numbered(1, 1, event="away"))
        assert numbers(receive(socket, 1)) == numbers(stream.receive(1)) == [1]
        stack.database.kill()
        stack.database.start()
        wait_until(lambda: client.get("/ready").status_code == 200, "the API to be ready again")
        post_events(client, numbered(2, 3, event="away"))
        assert numbers(receive(socket, 2)) == numbers(stream.receive(2)) == [2, 3]


def test_readers_continue_from_their_position_after_a_kill_of_the_api(stack: Stack, api: Api) -> None:
    doomed = stack.start_api()
    seen: dict[str, list[int]] = {"socket": [], "stream": []}
    with (
        doomed.client() as client,
        subscribed(websocket_address(doomed), only_named("doomed")) as socket,
        streamed(client, event="doomed") as stream,
    ):
        post_events(client, numbered(1, 50, event="doomed"))
        events = receive(socket, 20)
        seen["socket"] += numbers(events)
        seen["stream"] += numbers(stream.receive(30))
        doomed.role.kill()
    with api.client() as other:
        post_events(other, numbered(51, 60, event="doomed"))
    doomed.restart()
    frame = {"after": events[-1]["position"]}
    with (
        doomed.client() as client,
        subscribed(websocket_address(doomed), only_named("doomed"), frame=frame) as socket,
        streamed(client, last_id=stream.last_id, event="doomed") as stream,
    ):
        post_events(client, numbered(61, 61, event="doomed"))
        seen["socket"] += numbers(receive(socket, 41))
        seen["stream"] += numbers(stream.receive(31))
    assert seen == {"socket": list(range(1, 62)), "stream": list(range(1, 62))}


def test_at_sigterm_every_reader_is_disconnected_with_the_reason_and_the_api_ends(stack: Stack) -> None:
    api = stack.start_api()
    with (
        api.client() as client,
        subscribed(websocket_address(api), only_named("last")) as out,
        connected(websocket_address(api), "in") as into,
        streamed(client, event="last") as stream,
        ThreadPoolExecutor(1) as one,
    ):
        post_events(client, numbered(1, 1, event="last"))
        assert numbers(receive(out, 1)) == [1]
        assert numbers(stream.receive(1)) == [1]
        stopping = one.submit(api.role.stop)
        assert closed(out) == (1012, "The server is stopping: connect again.")
        assert closed(into)[0] == 1012
        assert stream.rest() == []
        assert stopping.result() in (0, -15)
    assert "graceful shutdown exceeded" not in api.role.read_log()
    assert "Traceback" not in api.role.read_log()


def test_many_readers_share_their_threads_and_connections(stack: Stack, client: httpx2.Client) -> None:
    before = live_connections(stack)
    api = stack.start_api()
    with ExitStack() as all_readers:
        sockets = [
            all_readers.enter_context(
                subscribed(websocket_address(api), {"event": {"name": ["many", str(number % 5)]}})
            )
            for number in range(100)
        ]
        post_events(client, numbered(1, 100, event="many"))
        for socket in sockets:
            assert numbers(receive(socket, 100)) == list(range(1, 101))
        assert api.role.process is not None
        threads = len(list(Path(f"/proc/{api.role.process.pid}/task").iterdir()))
        # Three connections read, one checks the log's last position, and one listens.
        assert live_connections(stack) - before <= 5
    assert threads < 50
    assert api.role.stop() in (0, -15)
