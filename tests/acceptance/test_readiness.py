"""Readiness with real processes: two beats, a worker and an API, and a pool whose worker has stopped polling."""

import pytest

from tests.acceptance.stack import Stack
from tests.waiting import wait_until
from tests.world import assert_audit_is_clean, assert_unbroken, operations

SHORT_INTERVALS = {"readiness_silence": "2", "readiness_interval": "0.5"}


@pytest.mark.slow
def test_two_beats_make_one_not_ready_event_when_polls_stop(stack: Stack) -> None:
    stack.start_worker(**SHORT_INTERVALS)
    for name in ("beat", "other-beat"):
        stack.start_beat(name, **SHORT_INTERVALS)
    with stack.start_api(**SHORT_INTERVALS).client() as client:
        world = stack.world(client)
        pool = world.pool()
        deployment = world.deploy(work_pool_name=pool)
        heartbeat = {"name": "w", "heartbeat_interval_seconds": 1}
        assert client.post(f"/work_pools/{pool}/workers/heartbeat", json=heartbeat).status_code == 204
        world.post(f"/work_pools/{pool}/get_scheduled_flow_runs", {})

        paths = [f"/work_pools/{pool}", f"/work_pools/{pool}/queues/default", f"/deployments/{deployment}"]

        def all_not_ready() -> bool:
            return {client.get(path).json()["status"] for path in paths} == {"NOT_READY"}

        wait_until(all_not_ready, "the not-ready statuses")
        events = world.life(deployment)

    assert operations(events) == ["created", "ready", "not-ready"]
    assert_unbroken(events)
    assert_audit_is_clean(stack.sessions)
