"""Prints the events that match each of several filters, past and then live: subscribe.py FILTERS.

FILTERS is a JSON object of filters by name. Each filter has its own Prefect subscriber. Each event is one line.
"""

import asyncio
import json
import sys

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter


async def follow(name: str, wanted: EventFilter) -> None:
    """Print each event as a line."""
    async with get_events_subscriber(filter=wanted) as subscriber:
        print(f"{name} subscribed", flush=True)
        async for event in subscriber:
            print(json.dumps([name, event.event, event.resource.id, event.payload]), flush=True)


async def main() -> None:
    """Follow all filters concurrently."""
    filters = json.loads(sys.argv[1])
    await asyncio.gather(*(follow(name, EventFilter.model_validate(each)) for name, each in filters.items()))


asyncio.run(main())
