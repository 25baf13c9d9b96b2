"""The Celery configuration that publishers and workers share: task names, queues, formats and time limits.

The numbers come from the Celery 5.7 documentation and from the measurements in
`docs/decisions/publisher-gives-up-at-once.md`.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from celery import Celery
from kombu.entity import Queue
from kombu.transport.redis import Transport as RedisTransport

from app.broker.channel import BrokerChannel
from app.settings import Settings
from app.settings.broker_url import read_broker_url

DISPATCH: Final = "aftercommit.dispatch"
SWEEP: Final = "aftercommit.sweep"
READINESS: Final = "aftercommit.readiness"
SOURCES: Final = "aftercommit.sources"
"""Sends `FOLLOW` for each attached source that is due."""
FOLLOW: Final = "aftercommit.follow"
"""Moves the changes of one attached source into the log."""
DISPATCH_QUEUE: Final = "aftercommit.dispatch"
SWEEP_QUEUE: Final = "aftercommit.sweep"
SOURCES_QUEUE: Final = "aftercommit.sources"

Role = Literal["publisher", "worker"]

SWEEP_EXPIRES: Final = 60
"""Seconds after which a sweep or its doorbells are no longer needed. The clocks of two machines must differ by less."""
TASK_TIME_LIMIT: Final = 120
VISIBILITY_TIMEOUT: Final = 300

# A publisher must give up at once. The sweep finds the snapshots whose doorbells it could not send.
PUBLISHER_TRANSPORT: Final[dict[str, Any]] = {
    "socket_timeout": 1,
    "socket_connect_timeout": 0.5,
    "socket_keepalive": True,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
# A worker waits for the broker: BRPOP blocks for one second, and a lost broker may come back.
WORKER_TRANSPORT: Final[dict[str, Any]] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 15,
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 10,
}


def make_celery(role: Role, load_settings: Callable[[], Settings]) -> Celery:
    """Return a Celery app with the configuration for this role.

    This does no I/O: the app reads the settings at its first use and connects later.
    """
    RedisTransport.Channel = BrokerChannel
    app = Celery("aftercommit", set_as_current=role == "worker")
    app.add_defaults(lambda: _configuration(role, load_settings()))
    return app


def _configuration(role: Role, settings: Settings) -> dict[str, Any]:
    publisher = role == "publisher"
    return {
        **_connection(settings, publisher=publisher),
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_create_missing_queues": False,
        "task_queues": tuple(
            Queue(name, routing_key=name)  # type: ignore[no-untyped-call]  # kombu has no types.
            for name in (DISPATCH_QUEUE, SWEEP_QUEUE, SOURCES_QUEUE)
        ),
        "task_default_queue": DISPATCH_QUEUE,
        "task_routes": {
            SWEEP: {"queue": SWEEP_QUEUE},
            READINESS: {"queue": SWEEP_QUEUE},
            SOURCES: {"queue": SWEEP_QUEUE},
            FOLLOW: {"queue": SOURCES_QUEUE},
            DISPATCH: {"queue": DISPATCH_QUEUE},
        },
        "task_always_eager": settings.task_always_eager,
        "task_publish_retry": not publisher,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # A task that kills its worker is retried only `max_retries` times. After that, the sweep rings again, later.
        "task_retry_on_worker_lost": True,
        "task_time_limit": TASK_TIME_LIMIT,
        "worker_prefetch_multiplier": 1,
        "worker_soft_shutdown_timeout": 10.0,
        "worker_hijack_root_logger": False,
        # Log lines go to standard error unchanged. Celery would log each of them again as a warning.
        "worker_redirect_stdouts": False,
        "worker_send_task_events": not publisher,
        # Flower then shows a task as soon as it is sent, even if no worker runs.
        "task_send_sent_event": True,
        "enable_utc": True,
    }


def _connection(settings: Settings, *, publisher: bool) -> dict[str, Any]:
    broker = read_broker_url(settings.broker_url)
    return {
        "broker_url": broker.url,
        # Without it, kombu would take any certificate for the broker's. Flower's broker page reads it too.
        "broker_use_ssl": broker.tls,
        "broker_pool_acquire_timeout": 0.3 if publisher else 5,
        "broker_transport_options": PUBLISHER_TRANSPORT if publisher else WORKER_TRANSPORT,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
    }
