"""Calls the supported methods of PrefectClient: client_calls.py async|sync GROUP|all TOKEN.

Every assertion must hold.

Prints the ids of the resources that it leaves, the methods that it called, and all methods of the client.
"""

import json
import sys
from typing import Any

from calling import Noting, methods, resolve, talk
from capacity_calls import limits, work_pools, work_queues
from deployment_calls import deployments, flows, schedules
from prefect.events.filters import EventFilter, EventNameFilter

MODE, GROUP, TOKEN = sys.argv[1:]


async def server(client: Any, _token: str) -> dict[str, Any]:
    """The server answers, and the client accepts its version."""
    assert await resolve(client.api_healthcheck()) is None
    assert (await resolve(client.hello())).status_code == 200
    assert (await resolve(client.api_version())).startswith("3.")
    assert client.client_version()
    await resolve(client.raise_for_api_version_mismatch())
    if hasattr(client, "raise_for_api_version_mismatch_once"):
        await resolve(client.raise_for_api_version_mismatch_once())
    assert (await resolve(client.request("GET", "/version"))).status_code == 200
    return {}


async def events(client: Any, _token: str) -> dict[str, Any]:
    """All events are read page by page, each once, with the default limit of 100."""
    if not hasattr(client, "read_events"):
        return {}
    page = await resolve(client.read_events(filter=EventFilter(event=EventNameFilter(prefix=["prefect.deployment."]))))
    assert len(page.events) == 100
    found = [event.id for event in page.events]
    while page.next_page:
        page = await resolve(client.read_events_page(page.next_page))
        found += [event.id for event in page.events]
    assert len(set(found)) == len(found)
    return {"events": [str(each) for each in found]}


ALL = (server, flows, deployments, schedules, work_pools, work_queues, limits, events)


async def conversation(client: Noting) -> None:
    """Run all groups."""
    left: dict[str, Any] = {}
    for group in ALL:
        if GROUP in ("all", group.__name__):
            left |= await group(client, TOKEN)
    print(json.dumps({"left": left, "called": sorted(client.asked), "methods": methods()}))


talk(MODE, conversation)
