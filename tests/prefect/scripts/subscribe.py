"""Prints the events of one resource, from the log and then live: subscribe.py RESOURCE_ID."""

import asyncio
import json
import sys

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventResourceFilter


async def main() -> None:
    """Print each event as a line."""
    wanted = EventFilter(resource=EventResourceFilter(id=[sys.argv[1]]))
    async with get_events_subscriber(filter=wanted) as subscriber:
        async for event in subscriber:
            print(json.dumps({"event": event.event, "resource": event.resource.id}), flush=True)


asyncio.run(main())
