"""Reads what the broker transports and stores, as text, to search it for secrets."""

import base64
import binascii
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from redis import Redis

BASE64: Final = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
"""The form in which kombu keeps the body of a message."""


@contextmanager
def sent_commands(url: str) -> Iterator[list[str]]:
    """Collect every command that any client sends to the broker, including all data it writes or publishes."""
    commands: list[str] = []
    ending = threading.Event()
    with (
        # No timeout: there may be no commands for any length of time.
        Redis.from_url(url, socket_timeout=None) as client,
        Redis.from_url(url) as other,
        client.monitor() as monitor,
    ):

        def listen() -> None:
            for command in monitor.listen():
                commands.append(command["command"])
                if ending.is_set():
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield commands
        finally:
            ending.set()
            # `listen` receives this too, and returns.
            other.ping()
            thread.join()


def stored_keys(url: str) -> list[str]:
    """Return all keys of the broker with their values."""
    with Redis.from_url(url, decode_responses=True) as client:
        return [f"{key}: {_value(client, key)}" for key in client.scan_iter()]


def with_decoded_base64(texts: list[str]) -> str:
    """Return the texts, followed by their decoded Base64 parts."""
    text = "\n".join(texts)
    return "\n".join([text, *_decoded(text)])


def _value(client: Any, key: str) -> Any:
    match client.type(key):
        case "list":
            return client.lrange(key, 0, -1)
        case "set":
            return client.smembers(key)
        case "zset":
            return client.zrange(key, 0, -1)
        case "hash":
            return client.hgetall(key)
        case _:
            return client.get(key)


def _decoded(text: str) -> Iterator[str]:
    for found in BASE64.findall(text):
        try:
            yield base64.b64decode(found).decode(errors="replace")
        except binascii.Error:
            continue
