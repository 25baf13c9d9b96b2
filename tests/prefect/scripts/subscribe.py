"""Prints the events that each of some filters lets through, from the log and then live: subscribe.py FILTERS.

The filters are a JSON object, by name. Each has a subscriber of Prefect's; each event is a line.
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
    """Follow all of them."""
    filters = json.loads(sys.argv[1])
    await asyncio.gather(*(follow(name, EventFilter.model_validate(each)) for name, each in filters.items()))


asyncio.run(main())
