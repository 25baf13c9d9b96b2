"""Calls the client's methods for work pools, queues and limits. Each group returns what it leaves behind."""

from typing import Any

from calling import refuses, resolve
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound


async def work_pools(client: Any, token: str) -> dict[str, Any]:
    """Work pools are created, changed, listed and deleted; their workers send heartbeats."""
    name = f"pool-{token}"
    pool = await resolve(client.create_work_pool(WorkPoolCreate(name=name, type="process")))
    await refuses(ObjectAlreadyExists, client.create_work_pool, WorkPoolCreate(name=name, type="process"))
    await resolve(client.create_work_pool(WorkPoolCreate(name=name, type="process"), overwrite=True))
    await resolve(client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=3)))
    read = await resolve(client.read_work_pool(name))
    assert (read.id, read.concurrency_limit) == (pool.id, 3)
    assert name in [found.name for found in await resolve(client.read_work_pools())]
    await resolve(client.send_worker_heartbeat(name, "w1", heartbeat_interval_seconds=30))
    assert [worker.name for worker in await resolve(client.read_workers_for_work_pool(name))] == ["w1"]
    assert await resolve(client.get_scheduled_flow_runs_for_work_pool(name)) == []
    assert "docker" in str(await resolve(client.read_worker_metadata()))
    if hasattr(client, "read_work_pool_concurrency_status"):
        slots = await resolve(client.read_work_pool_concurrency_status(name))
        assert (slots.concurrency_limit, slots.active_slots) == (3, 0)
        assert [queue.queue_name for queue in slots.queues] == ["default"]
    await resolve(client.delete_work_pool(name))
    await refuses(ObjectNotFound, client.read_work_pool, name)
    return {}


async def work_queues(client: Any, token: str) -> dict[str, Any]:
    """Work queues are created, changed, listed and deleted."""
    pool = f"queues-{token}"
    await resolve(client.create_work_pool(WorkPoolCreate(name=pool, type="process")))
    queue = await resolve(client.create_work_queue(name="q", work_pool_name=pool, concurrency_limit=2))
    await resolve(client.update_work_queue(queue.id, description="changed"))
    read = await resolve(client.read_work_queue(queue.id))
    assert (read.description, read.concurrency_limit) == ("changed", 2)
    assert (await resolve(client.read_work_queue_by_name("q", pool))).id == queue.id
    assert {found.name for found in await resolve(client.read_work_queues(work_pool_name=pool))} == {"default", "q"}
    assert [found.name for found in await resolve(client.match_work_queues(["q"], pool))] == ["q"]
    assert (await resolve(client.read_work_queue_status(queue.id))).healthy is False
    assert await resolve(client.get_runs_in_work_queue(queue.id)) == []
    if hasattr(client, "read_work_queue_concurrency_status"):
        assert (await resolve(client.read_work_queue_concurrency_status(queue.id))).concurrency_limit == 2
    await resolve(client.delete_work_queue_by_id(queue.id))
    await refuses(ObjectNotFound, client.read_work_queue, queue.id)
    return {}


async def limits(client: Any, token: str) -> dict[str, Any]:
    """Global limits and tag limits are created, changed, listed and deleted."""
    name = f"limit-{token}"
    await resolve(client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=3)))
    await resolve(client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(limit=5)))
    await resolve(client.upsert_global_concurrency_limit_by_name(name, 6))
    assert (await resolve(client.read_global_concurrency_limit_by_name(name))).limit == 6
    assert name in [found.name for found in await resolve(client.read_global_concurrency_limits())]
    await resolve(client.delete_global_concurrency_limit_by_name(name))
    await refuses(ObjectNotFound, client.read_global_concurrency_limit_by_name, name)
    tag = f"tag-{token}"
    await resolve(client.create_concurrency_limit(tag=tag, concurrency_limit=3))
    assert (await resolve(client.read_concurrency_limit_by_tag(tag))).concurrency_limit == 3
    assert tag in [found.tag for found in await resolve(client.read_concurrency_limits(limit=100, offset=0))]
    await resolve(client.reset_concurrency_limit_by_tag(tag))
    await resolve(client.delete_concurrency_limit_by_tag(tag))
    await refuses(ObjectNotFound, client.read_concurrency_limit_by_tag, tag)
    return {}
