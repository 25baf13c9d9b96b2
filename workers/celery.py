"""The Celery app of the workers and of beat: `celery -A workers` finds it here."""

import gc
import logging
from typing import Any, Final

from billiard import pool
from billiard.util import get_logger as get_pool_logger
from celery.apps import worker as worker_program
from celery.beat import PersistentScheduler
from celery.signals import (
    beat_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from celery.worker.control import Panel

from app.broker.contract import READINESS, SOURCES, SWEEP, SWEEP_EXPIRES, make_celery
from app.broker.problems import warn_if_unverified
from app.errors import ConfigurationError, WrongMaskingKey
from app.settings import Settings, get_settings, log_settings, start_logging
from app.telemetry import get_logger
from workers.database_check import require_usable_database
from workers.shutdown import Shutdown

COSTLY: Final = frozenset({"memdump", "memsample", "objgraph"})
"""Commands that only look, but take time, or write a file."""
CONTAINERS_BETWEEN_COLLECTIONS: Final = 50_000
"""New containers before the garbage collector runs; a batch of 500 snapshots allocates some 20,000."""

SHUTDOWN: Final = Shutdown()

logger = get_logger(__name__)


def _load_settings() -> Settings:
    """Configure the logs and return the settings; if they are invalid, say so and exit."""
    logs = start_logging()
    try:
        return get_settings()
    except ConfigurationError as error:
        logs.tell("start_refused", str(error), is_error=True)
        raise SystemExit(1) from None


app = make_celery("worker", _load_settings)
app.add_defaults(lambda: _schedule(get_settings()))


def _schedule(settings: Settings) -> dict[str, Any]:
    return {
        "imports": ("workers.tasks", "workers.source_tasks"),
        "worker_consumer": "workers.consumer:Consumer",
        "beat_schedule": {
            "sweep": _entry(SWEEP, settings.sweep_interval),
            "readiness": _entry(READINESS, settings.readiness_interval),
            "sources": _entry(SOURCES, settings.source_interval),
        },
        "beat_scheduler": f"{__name__}:{Scheduler.__name__}",
        "beat_max_loop_interval": min(
            settings.sweep_interval, settings.readiness_interval, settings.source_interval, 5.0
        ),
    }


def _entry(task: str, interval: float) -> dict[str, Any]:
    # Messages expire, so a worker that was away for long finds a few of them and not one for each missed tick.
    return {"task": task, "schedule": interval, "options": {"expires": SWEEP_EXPIRES}}


class Scheduler(PersistentScheduler):
    """Celery's scheduler, which also goes on at once when the clock of its machine was set back.

    Celery itself waits until the clock has caught up. Until then there would be no sweep, no retry and no refresh of
    statuses.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send the tasks that are due, and return the seconds until the next tick."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            # The heap holds times of the old clock; Celery builds a new one.
            self._heap = None
        delay: float = super().tick(*args, **kwargs)
        return delay


@worker_init.connect
def _keep_only_harmless_commands(**_: Any) -> None:
    """Remove the commands of Celery's remote control that steer a worker: whoever writes to the broker can send them.

    Health checks and Flower need those that only look.
    """
    if not get_settings().worker_remote_control:
        for name in [name for name, command in Panel.meta.items() if command.type == "control" or name in COSTLY]:
            del Panel.data[name], Panel.meta[name]


@worker_init.connect
def _check_database(**_: Any) -> None:
    try:
        require_usable_database(get_settings())
    except (ConfigurationError, WrongMaskingKey) as error:
        log_settings().tell("start_refused", str(error), is_error=True)
        raise SystemExit(1) from None


@worker_process_init.connect
@beat_init.connect
def _warn_if_unverified(**_: Any) -> None:
    warn_if_unverified(get_settings())


@setup_logging.connect
def _configure_logging(loglevel: int, **_: Any) -> None:
    """Keep Celery from configuring the logs; `loglevel`, its option `-l`, is the level of the libraries' lines.

    Children of a worker inherit the configuration.
    """
    start_logging()
    logging.getLogger().setLevel(loglevel)
    worker_program.safe_say = _say
    # The pool of processes has a logger that stands alone.
    get_pool_logger().propagate = True


def _say(text: str, *_: Any) -> None:
    """Log what Celery writes directly to standard output."""
    logger.info("worker_says", text=text)


@worker_ready.connect
def _log_start(sender: Any, **_: Any) -> None:
    logger.info("worker_ready", worker=sender.hostname)


@worker_shutdown.connect
def _log_end(sender: Any, **_: Any) -> None:
    logger.info("worker_stopped", worker=sender.hostname)


@beat_init.connect
def _log_start_of_beat(**_: Any) -> None:
    logger.info("beat_started")


@worker_process_init.connect
def _collect_garbage_rarely(**_: Any) -> None:
    """Freeze the imported modules out of the garbage collector, and let a batch or two pass between its runs.

    Modules live as long as the process, and a batch frees its objects without the collector.
    """
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_COLLECTIONS)


@worker_process_init.connect
def _limit_the_wait_of_ending_children(**_: Any) -> None:
    """Limit how long an ending child waits for its results to be read, to half the time of a soft shutdown.

    A leaving worker stops reading results and forgets the task that it has just handed to a child. The broker sends
    that message again, so nothing is lost. But the child does the task and would wait half a minute for a reader
    (Celery 5.7.0, billiard 4.3.2), longer than the worker waits for the child.
    """
    wait = app.conf.worker_soft_shutdown_timeout / 2
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = int(wait / pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL)


@worker_shutting_down.connect
def _limit_the_shutdown(how: str, **_: Any) -> None:
    SHUTDOWN.begin(app.conf, is_warm=how == "Warm")
