"""A worker can close its broker connection after the broker died with a message unacknowledged."""

from contextlib import suppress
from pathlib import Path

from celery.utils.log import get_logger
from kombu.common import ignore_errors
from kombu.message import Message

from app.broker.contract import DISPATCH, DISPATCH_QUEUE, SWEEP_QUEUE, make_celery
from app.local.embedded import start_valkey
from app.settings import Settings
from tests.waiting import wait_until


def test_a_lost_broker_connection_can_be_closed_while_messages_are_unacknowledged(tmp_path: Path) -> None:
    """A worker closes it so before it connects again; an error that is not the connection's would end the worker."""
    broker = start_valkey(tmp_path)
    settings = Settings(database_url="unused", broker_url=broker.url, masking_key="unused" * 6)
    celery = make_celery("worker", lambda: settings)
    held: list[Message] = []
    connection = celery.connection_for_read()
    # A worker has more channels than the one of its tasks; the first that fails to close leaves the others open.
    channels = [connection.default_channel, connection.channel()]
    for channel, name in zip(channels, (DISPATCH_QUEUE, SWEEP_QUEUE), strict=True):
        queues = [celery.amqp.queues[name]]
        celery.amqp.TaskConsumer(channel, queues=queues, on_message=held.append).consume()

    def receive() -> bool:
        with celery.connection_for_write() as other:
            celery.send_task(DISPATCH, args=[[]], connection=other)
        connection.drain_events(timeout=5)
        return bool(channels[0].qos._delivered)

    wait_until(receive, "a message on the channel of the tasks")
    for channel in channels:
        if not channel._in_poll:
            channel._brpop_start()
    broker.kill()
    # The two steps of celery.worker.consumer on a lost connection, and how it guards each.
    with suppress(Exception):
        connection.collect(socket_timeout=1)
    ignore_errors(connection, connection.close)  # type: ignore[no-untyped-call]  # kombu has no types.
    assert not connection.connected
    # A task that ends only now is acknowledged on a channel that is closed.
    for message in held:
        errors = connection.connection_errors
        message.ack_log_error(get_logger(__name__), errors)  # type: ignore[no-untyped-call]  # The same.
