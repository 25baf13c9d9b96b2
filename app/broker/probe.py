"""Asks the broker whether Celery could publish and consume now, without any effect on it.

A `PING` succeeds without any right to a queue, on a read-only replica and on a full server. So this sends the commands
of Celery on its keys and channels. Those that only read run. The others are queued in a transaction, which is then
discarded: the broker checks rights, memory, disk and replicas when it queues a command.
"""

from collections.abc import Iterator
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.broker.problems import describe
from app.settings.broker_url import read_broker_url

TIMEOUT_SECONDS: Final = 0.7
"""For connecting, and again for each reply. So `/ready` answers within 5 seconds even if the database hangs."""

Command = tuple[str | int, ...]

QUEUES: Final = ("aftercommit.dispatch", "aftercommit.sweep", "aftercommit.sources")
PIDBOX: Final = ("probe.celery.pidbox", "probe.reply.celery.pidbox")
"""Names like those of the queues of the remote control, which `inspect ping` and Flower use."""
PRIORITIES: Final = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu appends to the name of a queue for each priority."""
WAITED_FOR: Final = tuple(f"{queue}{priority}" for queue in QUEUES for priority in PRIORITIES)

READS: Final[tuple[Command, ...]] = (
    *(("LLEN", key) for key in (*WAITED_FOR, *PIDBOX, "celeryev.probe")),
    *(("SMEMBERS", f"_kombu.binding.{exchange}") for exchange in (*QUEUES, "celery.pidbox", "celeryev")),
    ("HGET", "unacked", "probe"),
    ("ZRANGE", "unacked_index", 0, 0),
    ("ZRANGEBYSCORE", "_kombu.binding_deadlines", 0, 0),
    ("GET", "unacked_mutex"),
    ("EXISTS", "_kombu.binding_permanent.celeryev"),
    ("TIME",),
    ("SCRIPT", "EXISTS", ""),
    ("MULTI",),
    ("EXEC",),
    ("WATCH", "unacked"),
    ("UNWATCH",),
)
"""These run. So a key that has something else in it is noticed too."""


def _changes(database: int) -> Iterator[Command]:
    """Yield the other commands that Celery and Flower send. They must not run."""
    for queue in QUEUES:
        yield ("LPUSH", queue, "")
        yield ("RPUSH", queue, "")
        yield ("DEL", queue)
        yield ("SADD", f"_kombu.binding.{queue}", "")
        yield ("SADD", f"_kombu.binding_permanent.{queue}", "")
    yield ("BRPOP", *WAITED_FOR, 1)
    # A worker keeps the messages that it has not finished.
    yield ("HSET", "unacked", "", "")
    yield ("HDEL", "unacked", "")
    yield ("ZADD", "unacked_index", 0, "")
    yield ("ZREM", "unacked_index", "")
    yield ("SET", "unacked_mutex", "", "NX", "PX", 1)
    yield ("SCRIPT", "LOAD", "")
    yield ("EVALSHA", "probe", 1, "unacked_mutex")
    # The remote control, and the events for Flower.
    for queue in PIDBOX:
        yield ("LPUSH", queue, "")
        yield ("BRPOP", queue, 1)
    for exchange in ("celery.pidbox", "reply.celery.pidbox", "celeryev"):
        yield ("SADD", f"_kombu.binding.{exchange}", "")
        yield ("SREM", f"_kombu.binding_permanent.{exchange}", "")
    yield ("EVALSHA", "probe", 2, "_kombu.binding.reply.celery.pidbox", "_kombu.binding_deadlines")
    yield ("DEL", "celeryev.probe")
    yield ("PUBLISH", f"/{database}.celeryev/worker.heartbeat", "")
    yield ("PUBLISH", f"/{database}.celery.pidbox", "")
    for pattern in (f"/{database}.celeryev/*", f"/{database}.celery.pidbox"):
        yield ("PSUBSCRIBE", pattern)
        yield ("PUNSUBSCRIBE", pattern)


def problem_with_broker(url: str) -> str | None:
    """Return why Celery could not use the broker now, as the end of a sentence that begins with "The broker", or None.

    Raises:
        ValueError: the URL is not valid.
    """
    address = read_broker_url(url)
    with redis.Redis.from_url(
        address.url,
        **(address.tls or {}),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        # No retries: the question is whether the broker answers now, and the caller waits.
        retry=Retry(NoBackoff(), 0),
    ) as client:
        try:
            return _first_refusal(client)
        except (redis.RedisError, OSError) as error:
            return describe(error)


def _first_refusal(client: redis.Redis) -> str | None:
    # redis-py has types for clients only.
    connection: Any = client.connection_pool.get_connection()
    commands = [("PING",), ("SELECT", connection.db), *READS, ("MULTI",), *_changes(connection.db), ("DISCARD",)]
    connection.send_packed_command(connection.pack_commands(commands))
    return next((refusal for command in commands if (refusal := _refusal(connection, command)) is not None), None)


def _refusal(connection: Any, command: Command) -> str | None:
    try:
        connection.read_response()
    except redis.ResponseError as error:
        return f"{describe(error)}: {' '.join(map(printable, command[:2]))}"
    return None


def printable(part: str | int) -> str:
    """Return the command or key as it is documented, without kombu's control characters."""
    return str(part).partition("\x06")[0]
