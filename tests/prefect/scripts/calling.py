"""Calls Prefect's clients from the scripts: each script is written once and runs with the async and the sync client."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client

SECONDS = 30


async def resolve(answer: Any) -> Any:
    """Return the result of a client method; await it for at most `SECONDS` if the client is asynchronous."""
    return await asyncio.wait_for(answer, SECONDS) if inspect.isawaitable(answer) else answer


async def refuses(error: type[Exception], call: Any, *arguments: Any, **more: Any) -> None:
    """Fail unless the call raises this error."""
    try:
        await resolve(call(*arguments, **more))
    except error:
        return
    raise AssertionError(f"{call.__name__} did not raise {error.__name__}")


def methods() -> list[str]:
    """Return the names of all the client's public methods."""
    return [name for name, _ in inspect.getmembers(PrefectClient, callable) if not name.startswith("_")]


class Noting:
    """A client that records the names of its used methods."""

    def __init__(self, client: Any) -> None:
        """Wrap this client."""
        self._client = client
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        """Return the method of the client."""
        self.asked.add(name)
        return getattr(self._client, name)


def talk(mode: str, conversation: Callable[[Noting], Awaitable[None]]) -> None:
    """Run a conversation with the asynchronous or the synchronous client."""
    if mode == "async":
        asyncio.run(_asynchronously(conversation))
    else:
        _synchronously(conversation)


async def _asynchronously(conversation: Callable[[Noting], Awaitable[None]]) -> None:
    async with get_client() as client:
        await conversation(Noting(client))


def _synchronously(conversation: Callable[[Noting], Any]) -> None:
    """Run without an event loop: the conversation awaits nothing."""
    with get_client(sync_client=True) as client:
        try:
            conversation(Noting(client)).send(None)
        except StopIteration:
            return
    raise AssertionError("the synchronous client waited")
