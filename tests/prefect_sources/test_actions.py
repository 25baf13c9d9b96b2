"""What a person does with Prefect's own client on their own server: each change is one event, the rest is none."""

import uuid

import pytest

from tests.prefect.terminal import Terminal
from tests.prefect_sources.watched import Watched


@pytest.fixture
def pool(source: Watched, terminal: Terminal) -> str:
    """A work pool with a name of its own, and a project whose deployments use it."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    terminal.prefect("work-pool", "create", name, "--type", "process")
    file = terminal.folder / "prefect.yaml"
    text = file.read_text().replace('"{{ $POOL }}"', name)
    file.write_text(text.replace("nightly", f"nightly-{name}").replace("weekly", f"weekly-{name}"))
    assert source.news() == [f"work-pool {name} created", "work-queue default created"]
    return name


@pytest.fixture
def deployed(source: Watched, terminal: Terminal, pool: str) -> str:
    """The pool of a project that is deployed."""
    terminal.prefect("deploy", "--all")
    source.news()
    return pool


def without_flows(news: list[str]) -> list[str]:
    """Leave out the creation of flows: another test may have created them."""
    return [line for line in news if not (line.startswith("flow ") and line.endswith(" created"))]


def test_a_deployment_and_all_that_it_needs_is_created(source: Watched, terminal: Terminal, pool: str) -> None:
    terminal.prefect("deploy", "--all")

    created = [line for line in without_flows(source.news()) if line.endswith(" created")]
    assert [line for line in created if not line.startswith("concurrency-limit deployment:")] == [
        f"deployment nightly-{pool} created",
        f"deployment weekly-{pool} created",
        "work-queue slow created",
    ]


def test_deploying_again_is_no_event(source: Watched, terminal: Terminal, deployed: str) -> None:
    for _ in range(3):
        terminal.prefect("deploy", "--all")

    assert source.news() == []


def test_a_changed_deployment_is_one_event(source: Watched, terminal: Terminal, deployed: str) -> None:
    file = terminal.folder / "prefect.yaml"
    file.write_text(file.read_text().replace("tags: [etl]", "tags: [etl, more]"))

    terminal.prefect("deploy", "--all")

    assert source.news() == [f"deployment nightly-{deployed} updated tags"]


def test_a_schedule_that_is_paused_and_resumed_is_an_event_each(
    source: Watched, terminal: Terminal, deployed: str
) -> None:
    name = f"etl/nightly-{deployed}"
    schedule = source.call("GET", f"/deployments/name/{name}")["schedules"][0]["id"]

    terminal.prefect("deployment", "schedule", "pause", name, schedule)
    assert source.news() == [f"deployment nightly-{deployed} updated schedules"]
    terminal.prefect("deployment", "schedule", "resume", name, schedule)
    assert source.news() == [f"deployment nightly-{deployed} updated schedules"]


def test_a_pool_is_paused_resumed_and_limited(source: Watched, terminal: Terminal, pool: str) -> None:
    terminal.prefect("work-pool", "pause", pool)
    assert source.news() == [f"work-pool {pool} updated is_paused status"]
    terminal.prefect("work-pool", "resume", pool)
    assert source.news() == [f"work-pool {pool} updated is_paused status"]
    terminal.prefect("work-pool", "set-concurrency-limit", pool, "3")
    assert source.news() == [f"work-pool {pool} updated concurrency_limit"]
    terminal.prefect("work-pool", "clear-concurrency-limit", pool)
    assert source.news() == [f"work-pool {pool} updated concurrency_limit"]


def test_a_queue_is_created_changed_and_deleted(source: Watched, terminal: Terminal, pool: str) -> None:
    terminal.prefect("work-queue", "create", "fast", "--pool", pool)
    assert source.news() == ["work-queue fast created"]
    terminal.prefect("work-queue", "set-concurrency-limit", "fast", "2", "--pool", pool)
    assert source.news() == ["work-queue fast updated concurrency_limit"]
    terminal.prefect("work-queue", "delete", "fast", "--pool", pool)
    assert source.news() == ["work-queue fast deleted"]


def test_a_limit_is_created_changed_and_deleted_and_its_slots_are_noise(source: Watched, terminal: Terminal) -> None:
    name = f"limit-{uuid.uuid4().hex[:8]}"
    terminal.prefect("global-concurrency-limit", "create", name, "--limit", "3")
    assert source.news() == [f"concurrency-limit {name} created"]
    for _ in range(5):
        slot = {"names": [name], "slots": 1}
        source.call("POST", "/v2/concurrency_limits/increment", slot)
        source.call("POST", "/v2/concurrency_limits/decrement", {**slot, "occupancy_seconds": 1})
    assert source.news() == []
    terminal.prefect("global-concurrency-limit", "update", name, "--limit", "5")
    assert source.news() == [f"concurrency-limit {name} updated limit"]
    terminal.prefect("--no-prompt", "global-concurrency-limit", "delete", name)
    assert source.news() == [f"concurrency-limit {name} deleted"]


def test_a_worker_that_polls_is_told_by_its_transitions_only(source: Watched, pool: str) -> None:
    for _ in range(5):
        source.call("POST", f"/work_pools/{pool}/workers/heartbeat", {"name": "w", "heartbeat_interval_seconds": 30})
        source.call("POST", f"/work_pools/{pool}/get_scheduled_flow_runs", {})

    news = source.news()
    assert news == sorted({*news})
    assert f"work-pool {pool} updated status" in news
    assert "updated last_polled" not in " ".join(news)


def test_deleting_a_deployment_is_one_event_for_it(source: Watched, terminal: Terminal, deployed: str) -> None:
    terminal.prefect("--no-prompt", "deployment", "delete", f"etl/nightly-{deployed}")

    news = source.news()
    assert f"deployment nightly-{deployed} deleted" in news
    assert [line for line in news if not line.startswith("concurrency-limit deployment:")] == [
        f"deployment nightly-{deployed} deleted"
    ]


def test_deleting_a_pool_deletes_its_queues_and_unlinks_its_deployments(
    source: Watched, terminal: Terminal, deployed: str
) -> None:
    terminal.prefect("--no-prompt", "work-pool", "delete", deployed)

    assert source.news() == [
        f"deployment nightly-{deployed} updated work_queue_id",
        f"deployment weekly-{deployed} updated work_queue_id",
        f"work-pool {deployed} deleted",
        "work-queue default deleted",
        "work-queue slow deleted",
    ]


def test_a_served_flow_is_created_and_paused_when_it_ends(source: Watched, terminal: Terminal) -> None:
    name = f"served-{uuid.uuid4().hex[:8]}"
    serving = terminal.start_script("serve.py", name)
    serving.wait_for("being served and polling")
    assert f"deployment {name} created" in source.news()

    serving.interrupt()

    (paused,) = source.news()
    assert paused.startswith(f"deployment {name} updated paused")


def test_deleting_a_flow_deletes_its_deployments(source: Watched, terminal: Terminal, deployed: str) -> None:
    flow = source.call("GET", "/flows/name/report")["id"]

    source.call("DELETE", f"/flows/{flow}")

    news = source.news()
    assert "flow report deleted" in news
    assert f"deployment weekly-{deployed} deleted" in news


def test_a_refused_request_is_no_event(source: Watched, pool: str) -> None:
    with pytest.raises(AssertionError, match="409"):
        source.call("POST", "/work_pools/", {"name": pool, "type": "process"})

    assert source.news() == []
