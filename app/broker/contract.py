"""The agreement between the process that enqueues and the workers: names, queues, formats, time limits.

The numbers come from the Celery 5.7 documentation and from measurements that `docs/decisions.md` lists.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from celery import Celery
from kombu.entity import Queue
from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.redis import Transport as RedisTransport

from app.settings import Settings

DISPATCH: Final = "aftercommit.dispatch"
SWEEP: Final = "aftercommit.sweep"
READINESS: Final = "aftercommit.readiness"
DISPATCH_QUEUE: Final = "aftercommit.dispatch"
SWEEP_QUEUE: Final = "aftercommit.sweep"

Role = Literal["publisher", "worker"]

SWEEP_EXPIRES: Final = 60
"""Seconds after which nobody needs a sweep or its doorbells any more: more than clocks of two machines differ."""
TASK_TIME_LIMIT: Final = 120
VISIBILITY_TIMEOUT: Final = 300

# A publisher must give up at once: the sweep finds what it could not ring for.
PUBLISHER_TRANSPORT: Final[dict[str, Any]] = {
    "socket_timeout": 1,
    "socket_connect_timeout": 0.5,
    "socket_keepalive": True,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
# A worker waits for the broker instead: BRPOP blocks for a second, and a lost broker is waited for.
WORKER_TRANSPORT: Final[dict[str, Any]] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 15,
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 10,
}


class BrokerChannel(RedisChannel):
    """A channel that bears the loss of its broker while messages are in hand, where kombu 5.7 ends the worker.

    On a lost connection kombu closes its channels, and they have no connection any more. It then gives unacknowledged
    messages back, and acknowledges what is finished later, and both fail with an AttributeError that nobody expects.
    There is nobody to tell: the broker has kept the messages itself, and sends them again.
    """

    @property
    def do_restore(self) -> bool:  # type: ignore[override]  # kombu declares a plain flag.
        """Give messages back only to a broker."""
        return self._has_a_broker()

    def _connparams(self, *arguments: Any, **named: Any) -> Any:
        if not self._has_a_broker():
            # An error of connections, which is what everybody expects here.
            raise ConnectionError("The connection to the broker is lost.")
        return super()._connparams(*arguments, **named)  # type: ignore[no-untyped-call]  # kombu has no types.

    def _has_a_broker(self) -> bool:
        return self.connection is not None and self.connection.client is not None


def make_celery(role: Role, load_settings: Callable[[], Settings]) -> Celery:
    """Return a Celery app that follows the agreement.

    It reads the settings at its first use and connects later still, so that making it does no I/O.
    """
    RedisTransport.Channel = BrokerChannel
    app = Celery("aftercommit", set_as_current=role == "worker")
    app.add_defaults(lambda: _configuration(role, load_settings()))
    return app


def _configuration(role: Role, settings: Settings) -> dict[str, Any]:
    publisher = role == "publisher"
    return {
        "broker_url": settings.broker_url,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_create_missing_queues": False,
        "task_queues": tuple(
            Queue(name, routing_key=name)  # type: ignore[no-untyped-call]  # kombu has no types.
            for name in (DISPATCH_QUEUE, SWEEP_QUEUE)
        ),
        "task_default_queue": DISPATCH_QUEUE,
        "task_routes": {
            SWEEP: {"queue": SWEEP_QUEUE},
            READINESS: {"queue": SWEEP_QUEUE},
            DISPATCH: {"queue": DISPATCH_QUEUE},
        },
        "task_always_eager": settings.task_always_eager,
        "task_publish_retry": not publisher,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # A task that kills its worker is sent again a few times and not for ever; then the sweep is slower, but there.
        "task_retry_on_worker_lost": True,
        "task_time_limit": TASK_TIME_LIMIT,
        "broker_pool_acquire_timeout": 0.3 if publisher else 5,
        "broker_transport_options": PUBLISHER_TRANSPORT if publisher else WORKER_TRANSPORT,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_prefetch_multiplier": 1,
        "worker_soft_shutdown_timeout": 10.0,
        "worker_hijack_root_logger": False,
        # Our log lines go to standard error as they are; Celery would wrap each in a warning of its own.
        "worker_redirect_stdouts": False,
        "worker_send_task_events": not publisher,
        # Flower shows a task from the moment that it was sent, also when no worker runs.
        "task_send_sent_event": True,
        "enable_utc": True,
    }
