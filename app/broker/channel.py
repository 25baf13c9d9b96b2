"""kombu's channel for Redis, without the cases in which a lost broker or a malformed message ends the worker."""

from typing import Any, Final

from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.redis import QoS as RedisQoS

from app.telemetry import get_logger

logger = get_logger(__name__)

MALFORMED: Final = (AttributeError, KeyError, TypeError, ValueError)
"""What kombu raises for something in the broker that is no message. A lost connection raises other errors."""


class BrokerQoS(RedisQoS):
    """The unacknowledged messages of a channel. One that is no message is removed: kombu would end each worker."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back into its queue."""
        try:
            super().restore_by_tag(tag, client, leftmost)  # type: ignore[no-untyped-call]
        except MALFORMED as error:
            set_aside(error)
            with self.channel.conn_or_acquire(client) as connection:
                connection.hdel(self.unacked_key, tag)
                connection.zrem(self.unacked_index_key, tag)


class BrokerChannel(RedisChannel):
    """A channel that survives a lost broker while it has unacknowledged messages. kombu 5.7 alone would end the worker.

    When the connection is lost, kombu closes its channels, which then have no connection. It still tries to return the
    unacknowledged messages, and later to acknowledge the finished ones. Both fail with an `AttributeError`, which ends
    the worker. Neither is necessary: the broker has kept the messages and delivers them again.
    """

    QoS = BrokerQoS

    @property
    def do_restore(self) -> bool:  # type: ignore[override]  # kombu declares a plain flag.
        """Whether to return unacknowledged messages: only while there is a connection."""
        return self._has_connection()

    def _connparams(self, *arguments: Any, **named: Any) -> Any:
        if not self._has_connection():
            # kombu and Celery handle a connection error here.
            raise ConnectionError("The connection to the broker is lost.")
        return super()._connparams(*arguments, **named)  # type: ignore[no-untyped-call]  # kombu has no types.

    def _has_connection(self) -> bool:
        return self.connection is not None and self.connection.client is not None

    def _brpop_read(self, **options: Any) -> Any:
        """Receive a message. One that is no message at all is left out: kombu would end the worker."""
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except MALFORMED as error:
            set_aside(error)
            return True

    def _deliver_fanout_message(self, message: Any, exchange: Any) -> Any:
        """Deliver a command of the remote control, unless it is malformed."""
        try:
            return super()._deliver_fanout_message(message, exchange)  # type: ignore[no-untyped-call]
        except MALFORMED as error:
            set_aside(error)
            return True


def set_aside(error: Exception) -> None:
    """Log that something in the broker was no message. Its content is not quoted."""
    logger.warning("message_set_aside", reason=f"it is no message: {type(error).__name__}")
