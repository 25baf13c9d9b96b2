"""Calls PrefectClient's methods for all that is here: client_calls.py async|sync GROUP|all TOKEN.

Every assertion must hold.

Prints the ids of what it leaves behind, the methods that it called, and those that the client has.
"""

import json
import sys
from datetime import timedelta
from typing import Any

from calling import Noting, methods, settle, talk
from prefect import flow
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError

MODE, GROUP, TOKEN = sys.argv[1:]
LEFT: dict[str, Any] = {}


@flow(name=f"decorated-{TOKEN}")
def decorated() -> None:
    """Do nothing."""


async def refuses(error: type[Exception], call: Any, *arguments: Any, **more: Any) -> None:
    """Fail unless the call raises this error."""
    try:
        await settle(call(*arguments, **more))
    except error:
        return
    raise AssertionError(f"{call.__name__} did not raise {error.__name__}")


async def flows(client: Any) -> None:
    """Flows are created once, read, listed and deleted."""
    name = f"flow-{TOKEN}"
    flow_id = await settle(client.create_flow_from_name(name))
    assert await settle(client.create_flow_from_name(name)) == flow_id
    assert await settle(client.create_flow(decorated)) == await settle(client.create_flow_from_name(decorated.name))
    assert (await settle(client.read_flow(flow_id))).name == name
    assert (await settle(client.read_flow_by_name(name))).id == flow_id
    wanted = FlowFilter(name=FlowFilterName(any_=[name]))
    assert [flow.id for flow in await settle(client.read_flows(flow_filter=wanted))] == [flow_id]
    await settle(client.delete_flow(flow_id))
    await refuses(PrefectHTTPStatusError, client.read_flow, flow_id)


async def deployments(client: Any) -> None:
    """Deployments are created, created again, changed, listed, paused and deleted."""
    flow_id = await settle(client.create_flow_from_name(f"flow-{TOKEN}"))
    name = f"deployment-{TOKEN}"
    arguments = {"flow_id": flow_id, "name": name, "tags": ["a"], "parameters": {"n": 1}, "description": "first"}
    deployment_id = await settle(client.create_deployment(**arguments))
    assert await settle(client.create_deployment(**arguments)) == deployment_id
    await settle(client.update_deployment(deployment_id, DeploymentUpdate(description="second", version="2")))
    deployment = await settle(client.read_deployment(deployment_id))
    assert (deployment.description, deployment.version, deployment.tags) == ("second", "2", ["a"])
    assert (await settle(client.read_deployment_by_name(f"flow-{TOKEN}/{name}"))).id == deployment_id
    wanted = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    assert [found.id for found in await settle(client.read_deployments(deployment_filter=wanted))] == [deployment_id]
    await settle(client.pause_deployment(deployment_id))
    assert (await settle(client.read_deployment(deployment_id))).paused
    await settle(client.resume_deployment(deployment_id))
    await settle(client.set_deployment_paused_state(deployment_id, True))
    assert (await settle(client.read_deployment(deployment_id))).paused
    assert await settle(client.read_resource_related_automations(f"prefect.deployment.{deployment_id}")) == []
    await settle(client.delete_resource_owned_automations(f"prefect.deployment.{deployment_id}"))
    assert await settle(client.get_scheduled_flow_runs_for_deployments([deployment_id])) == []
    await settle(client.delete_deployment(deployment_id))
    await refuses(ObjectNotFound, client.read_deployment, deployment_id)
    LEFT["deployment"] = str(deployment_id)


async def schedules(client: Any) -> None:
    """Schedules are added, listed, changed and removed."""
    flow_id = await settle(client.create_flow_from_name(f"flow-{TOKEN}"))
    deployment_id = await settle(
        client.create_deployment(
            flow_id=flow_id,
            name=f"scheduled-{TOKEN}",
            schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *"), active=True)],
        )
    )
    hourly = IntervalSchedule(interval=timedelta(hours=1))
    (added,) = await settle(client.create_deployment_schedules(deployment_id, [(hourly, True)]))
    assert len(await settle(client.read_deployment_schedules(deployment_id))) == 2
    await settle(client.update_deployment_schedule(deployment_id, added.id, active=False))
    active = {each.id: each.active for each in await settle(client.read_deployment_schedules(deployment_id))}
    assert active[added.id] is False
    await settle(client.delete_deployment_schedule(deployment_id, added.id))
    (left,) = await settle(client.read_deployment_schedules(deployment_id))
    assert left.schedule.cron == "0 3 * * *"
    LEFT["scheduled"] = str(deployment_id)


async def work_pools(client: Any) -> None:
    """Work pools are created, changed, listed, heard of and deleted."""
    name = f"pool-{TOKEN}"
    pool = await settle(client.create_work_pool(WorkPoolCreate(name=name, type="process")))
    await refuses(ObjectAlreadyExists, client.create_work_pool, WorkPoolCreate(name=name, type="process"))
    await settle(client.create_work_pool(WorkPoolCreate(name=name, type="process"), overwrite=True))
    await settle(client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=3)))
    read = await settle(client.read_work_pool(name))
    assert (read.id, read.concurrency_limit) == (pool.id, 3)
    assert name in [found.name for found in await settle(client.read_work_pools())]
    await settle(client.send_worker_heartbeat(name, "w1", heartbeat_interval_seconds=30))
    assert [worker.name for worker in await settle(client.read_workers_for_work_pool(name))] == ["w1"]
    assert await settle(client.get_scheduled_flow_runs_for_work_pool(name)) == []
    assert "docker" in str(await settle(client.read_worker_metadata()))
    if hasattr(client, "read_work_pool_concurrency_status"):
        slots = await settle(client.read_work_pool_concurrency_status(name))
        assert (slots.concurrency_limit, slots.active_slots) == (3, 0)
        assert [queue.queue_name for queue in slots.queues] == ["default"]
    await settle(client.delete_work_pool(name))
    await refuses(ObjectNotFound, client.read_work_pool, name)


async def work_queues(client: Any) -> None:
    """Work queues are created, changed, listed and deleted."""
    pool = f"queues-{TOKEN}"
    await settle(client.create_work_pool(WorkPoolCreate(name=pool, type="process")))
    queue = await settle(client.create_work_queue(name="q", work_pool_name=pool, concurrency_limit=2))
    await settle(client.update_work_queue(queue.id, description="changed"))
    read = await settle(client.read_work_queue(queue.id))
    assert (read.description, read.concurrency_limit) == ("changed", 2)
    assert (await settle(client.read_work_queue_by_name("q", pool))).id == queue.id
    assert {found.name for found in await settle(client.read_work_queues(work_pool_name=pool))} == {"default", "q"}
    assert [found.name for found in await settle(client.match_work_queues(["q"], pool))] == ["q"]
    assert (await settle(client.read_work_queue_status(queue.id))).healthy is False
    assert await settle(client.get_runs_in_work_queue(queue.id)) == []
    if hasattr(client, "read_work_queue_concurrency_status"):
        assert (await settle(client.read_work_queue_concurrency_status(queue.id))).concurrency_limit == 2
    await settle(client.delete_work_queue_by_id(queue.id))
    await refuses(ObjectNotFound, client.read_work_queue, queue.id)


async def limits(client: Any) -> None:
    """Global limits and limits of tags are created, changed, listed and deleted."""
    name = f"limit-{TOKEN}"
    await settle(client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=3)))
    await settle(client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(limit=5)))
    await settle(client.upsert_global_concurrency_limit_by_name(name, 6))
    assert (await settle(client.read_global_concurrency_limit_by_name(name))).limit == 6
    assert name in [found.name for found in await settle(client.read_global_concurrency_limits())]
    await settle(client.delete_global_concurrency_limit_by_name(name))
    await refuses(ObjectNotFound, client.read_global_concurrency_limit_by_name, name)
    tag = f"tag-{TOKEN}"
    await settle(client.create_concurrency_limit(tag=tag, concurrency_limit=3))
    assert (await settle(client.read_concurrency_limit_by_tag(tag))).concurrency_limit == 3
    assert tag in [found.tag for found in await settle(client.read_concurrency_limits(limit=100, offset=0))]
    await settle(client.reset_concurrency_limit_by_tag(tag))
    await settle(client.delete_concurrency_limit_by_tag(tag))
    await refuses(ObjectNotFound, client.read_concurrency_limit_by_tag, tag)


async def events(client: Any) -> None:
    """All events are read page by page, with the default limit of 100 and each once."""
    if not hasattr(client, "read_events"):
        return
    page = await settle(client.read_events(filter=EventFilter(event=EventNameFilter(prefix=["prefect.deployment."]))))
    assert len(page.events) == 100
    found = [event.id for event in page.events]
    while page.next_page:
        page = await settle(client.read_events_page(page.next_page))
        found += [event.id for event in page.events]
    assert len(set(found)) == len(found)
    LEFT["events"] = [str(each) for each in found]


async def server(client: Any) -> None:
    """The server is there, and of a version that the client works with."""
    assert await settle(client.api_healthcheck()) is None
    assert (await settle(client.hello())).status_code == 200
    assert (await settle(client.api_version())).startswith("3.")
    assert client.client_version()
    await settle(client.raise_for_api_version_mismatch())
    if hasattr(client, "raise_for_api_version_mismatch_once"):
        await settle(client.raise_for_api_version_mismatch_once())
    assert (await settle(client.request("GET", "/version"))).status_code == 200


ALL = (server, flows, deployments, schedules, work_pools, work_queues, limits, events)


async def conversation(client: Noting) -> None:
    """Run all groups."""
    for group in ALL:
        if GROUP in ("all", group.__name__):
            await group(client)
    print(json.dumps({"left": LEFT, "called": sorted(client.asked), "methods": methods()}))


talk(MODE, conversation)
