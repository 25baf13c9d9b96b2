"""Tells readers of the event log that there is something new, through Redis pub/sub.

It is a hint and nothing else: the log is the truth, a lost hint costs a reader one turn of its polling, and a needless
one an empty read. So nothing here raises because of Redis, and nothing waits for it longer than a moment.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Final, Self

import redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from app.telemetry import get_logger

logger = get_logger(__name__)

CHANNEL: Final = "aftercommit:events"
SOCKET_TIMEOUT: Final = 0.2
QUIET_SECONDS: Final = 5.0
"""How long a Redis that failed is left alone, so that a silent one does not slow every batch of a worker."""

Connect = Callable[[str], redis.Redis]


def connect(broker_url: str) -> redis.Redis:
    """Return a client that gives up at once; it connects at first use.

    Raises:
        ValueError: the URL is not one that the Redis client knows.
    """
    return redis.Redis.from_url(
        broker_url,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


def notify(broker_url: str, position: int) -> None:
    """Tell all readers that the log reaches up to this position. Call it after the commit.

    It never raises for Redis, and blocks for its socket timeout at most, once in a few seconds.
    """
    _notifier(broker_url).notify(position)


class Notifier:
    """Publishes positions; after a failure it keeps quiet for a while."""

    def __init__(self, broker_url: str, connect: Connect = connect) -> None:
        """Take the broker's URL; nothing is connected yet."""
        self._url = broker_url
        self._connect = connect
        self._client: redis.Redis | None = None
        self._quiet_until = 0.0

    def notify(self, position: int) -> None:
        """Publish the position, or leave it when Redis is away."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            if self._client is None:
                self._client = self._connect(self._url)
            self._client.publish(CHANNEL, position)
        except (redis.RedisError, OSError, ValueError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            logger.debug("wakeup_not_sent", reason=type(error).__name__)


class Wakeups:
    """Waits for new events on behalf of one reader, in one thread. Use it as a context manager.

    Subscribe first and read the log afterwards, so that nothing falls in between.
    """

    def __init__(self, broker_url: str, connect: Connect = connect) -> None:
        """Take the broker's URL; the subscription is made on entering."""
        self._url = broker_url
        self._connect = connect
        self._client: redis.Redis | None = None
        self._subscription: PubSub | None = None
        self._quiet_until = 0.0

    def __enter__(self) -> Self:
        """Subscribe, if Redis is there."""
        self._subscribe()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._drop()

    def wait(self, timeout: float) -> bool:
        """Wait until there may be something new, at most `timeout` seconds.

        Returns:
            True after a wake-up, and after a subscription that had to be made again (one may have been missed
            in between); False when the time is over. Without Redis it is plain waiting.
        """
        deadline = time.monotonic() + timeout
        if self._subscription is None and time.monotonic() >= self._quiet_until and self._subscribe():
            return True
        try:
            if self._subscription is not None and self._next_message(self._subscription, deadline):
                self._drain(self._subscription)
                return True
        except (redis.RedisError, OSError) as error:
            self._give_up(error)
        time.sleep(max(deadline - time.monotonic(), 0))
        return False

    def _subscribe(self) -> bool:
        try:
            self._client = self._connect(self._url)
            # redis-py leaves this one without annotations.
            self._subscription = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            self._subscription.subscribe(CHANNEL)
        except (redis.RedisError, OSError, ValueError) as error:
            self._give_up(error)
            return False
        return True

    def _next_message(self, subscription: PubSub, deadline: float) -> bool:
        """Tell whether a message came in time; the confirmation of the subscription is none."""
        while (remaining := deadline - time.monotonic()) > 0:
            if subscription.get_message(timeout=remaining) is not None:
                return True
        return False

    def _drain(self, subscription: PubSub) -> None:
        """Take what else has come: many wake-ups at once ask for one look at the log."""
        while subscription.get_message(timeout=0) is not None:
            pass

    def _give_up(self, error: Exception) -> None:
        self._quiet_until = time.monotonic() + QUIET_SECONDS
        logger.debug("wakeups_not_received", reason=type(error).__name__)
        self._drop()

    def _drop(self) -> None:
        subscription, client = self._subscription, self._client
        self._subscription = self._client = None
        if subscription is not None:
            subscription.close()
        if client is not None:
            client.close()


@lru_cache
def _notifier(broker_url: str) -> Notifier:
    return Notifier(broker_url)
