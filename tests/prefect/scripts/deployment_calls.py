"""Calls the client's methods for flows, deployments and schedules. Each group returns the ids that it leaves."""

from datetime import timedelta
from typing import Any

from calling import refuses, resolve
from prefect import flow
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError


def decorated() -> None:
    """Do nothing."""


async def flows(client: Any, token: str) -> dict[str, Any]:
    """Flows are created once, read, listed and deleted."""
    name = f"flow-{token}"
    flow_id = await resolve(client.create_flow_from_name(name))
    assert await resolve(client.create_flow_from_name(name)) == flow_id
    by_flow = await resolve(client.create_flow(flow(decorated, name=f"decorated-{token}")))
    assert by_flow == await resolve(client.create_flow_from_name(f"decorated-{token}"))
    assert (await resolve(client.read_flow(flow_id))).name == name
    assert (await resolve(client.read_flow_by_name(name))).id == flow_id
    wanted = FlowFilter(name=FlowFilterName(any_=[name]))
    assert [found.id for found in await resolve(client.read_flows(flow_filter=wanted))] == [flow_id]
    await resolve(client.delete_flow(flow_id))
    await refuses(PrefectHTTPStatusError, client.read_flow, flow_id)
    return {}


async def deployments(client: Any, token: str) -> dict[str, Any]:
    """Deployments are created, created again, changed, listed, paused and deleted."""
    flow_id = await resolve(client.create_flow_from_name(f"flow-{token}"))
    name = f"deployment-{token}"
    arguments = {"flow_id": flow_id, "name": name, "tags": ["a"], "parameters": {"n": 1}, "description": "first"}
    deployment_id = await resolve(client.create_deployment(**arguments))
    assert await resolve(client.create_deployment(**arguments)) == deployment_id
    await resolve(client.update_deployment(deployment_id, DeploymentUpdate(description="second", version="2")))
    deployment = await resolve(client.read_deployment(deployment_id))
    assert (deployment.description, deployment.version, deployment.tags) == ("second", "2", ["a"])
    assert (await resolve(client.read_deployment_by_name(f"flow-{token}/{name}"))).id == deployment_id
    wanted = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    assert [found.id for found in await resolve(client.read_deployments(deployment_filter=wanted))] == [deployment_id]
    await resolve(client.pause_deployment(deployment_id))
    assert (await resolve(client.read_deployment(deployment_id))).paused
    await resolve(client.resume_deployment(deployment_id))
    await resolve(client.set_deployment_paused_state(deployment_id, True))
    assert (await resolve(client.read_deployment(deployment_id))).paused
    assert await resolve(client.read_resource_related_automations(f"prefect.deployment.{deployment_id}")) == []
    await resolve(client.delete_resource_owned_automations(f"prefect.deployment.{deployment_id}"))
    assert await resolve(client.get_scheduled_flow_runs_for_deployments([deployment_id])) == []
    await resolve(client.delete_deployment(deployment_id))
    await refuses(ObjectNotFound, client.read_deployment, deployment_id)
    return {"deployment": str(deployment_id)}


async def schedules(client: Any, token: str) -> dict[str, Any]:
    """Schedules are added, listed, changed and removed."""
    flow_id = await resolve(client.create_flow_from_name(f"flow-{token}"))
    deployment_id = await resolve(
        client.create_deployment(
            flow_id=flow_id,
            name=f"scheduled-{token}",
            schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *"), active=True)],
        )
    )
    hourly = IntervalSchedule(interval=timedelta(hours=1))
    (added,) = await resolve(client.create_deployment_schedules(deployment_id, [(hourly, True)]))
    assert len(await resolve(client.read_deployment_schedules(deployment_id))) == 2
    await resolve(client.update_deployment_schedule(deployment_id, added.id, active=False))
    active = {each.id: each.active for each in await resolve(client.read_deployment_schedules(deployment_id))}
    assert active[added.id] is False
    await resolve(client.delete_deployment_schedule(deployment_id, added.id))
    (left,) = await resolve(client.read_deployment_schedules(deployment_id))
    assert left.schedule.cron == "0 3 * * *"
    return {"scheduled": str(deployment_id)}
