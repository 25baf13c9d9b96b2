"""Publishers and workers agree on the tasks, queues and formats."""

import pytest

from app.broker import contract as broker
from app.broker import doorbells
from app.broker.probe import QUEUES
from app.settings import Settings
from workers.celery import app as worker_app
from workers.messages import TASKS


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """Set the settings: the worker's app reads them at its first use."""


def test_every_task_that_the_app_sends_is_registered_in_the_workers() -> None:
    worker_app.loader.import_default_modules()
    ours = {name for name in worker_app.tasks if name.startswith("aftercommit.")}
    assert ours == {broker.DISPATCH, broker.SWEEP, broker.READINESS, broker.SOURCES, broker.FOLLOW}


def test_the_api_and_the_workers_route_each_task_to_the_same_queue(settings: Settings) -> None:
    publisher_app = doorbells.celery(settings)
    for name in (broker.DISPATCH, broker.SWEEP, broker.READINESS, broker.SOURCES, broker.FOLLOW):
        assert (
            publisher_app.amqp.router.route({}, name)["queue"].name
            == worker_app.amqp.router.route({}, name)["queue"].name
        )


def test_the_workers_consume_every_queue_with_a_route() -> None:
    routed = {route["queue"] for route in worker_app.conf.task_routes.values()}
    assert routed == {queue.name for queue in worker_app.conf.task_queues}


def test_a_worker_takes_the_messages_of_every_task() -> None:
    assert {name for name in worker_app.tasks if name.startswith("aftercommit.")} == TASKS


def test_the_probe_of_the_broker_asks_for_every_queue() -> None:
    assert set(QUEUES) == {queue.name for queue in worker_app.conf.task_queues}


def test_messages_contain_only_json() -> None:
    assert worker_app.conf.accept_content == ["json"]
    assert worker_app.conf.task_serializer == "json"


def test_a_task_is_acknowledged_after_its_commit_and_redelivered_when_its_worker_is_killed() -> None:
    assert worker_app.conf.task_acks_late
    assert worker_app.conf.task_reject_on_worker_lost


def test_a_message_is_not_redelivered_while_its_task_may_still_run() -> None:
    assert worker_app.conf.broker_transport_options["visibility_timeout"] > worker_app.conf.task_time_limit


def test_beat_sends_each_periodic_task_with_an_expiry() -> None:
    entries = worker_app.conf.beat_schedule.values()
    assert {entry["task"] for entry in entries} == {broker.SWEEP, broker.READINESS, broker.SOURCES}
    assert {entry["options"]["expires"] for entry in entries} == {broker.SWEEP_EXPIRES}
