"""The Celery app of the workers and of beat: `celery -A workers` finds it here."""

import atexit
import gc
import os
import signal
from types import FrameType
from typing import Any, Final

from billiard import active_children, pool
from celery.beat import PersistentScheduler
from celery.signals import beat_init, worker_init, worker_process_init, worker_shutting_down
from celery.worker.control import Panel

from app.broker.contract import READINESS, SWEEP, SWEEP_EXPIRES, make_celery
from app.errors import ConfigurationError
from app.postgres.engine import make_engine
from app.postgres.session_check import require_suitable_server
from app.settings import Settings, get_settings
from app.telemetry import configure_logging

HURRIED_SECONDS: Final = 0.1
GIVING_BACK_SECONDS: Final = 10.0
"""How long a leaving worker may take to return unfinished messages to the broker."""
COSTLY: Final = frozenset({"memdump", "memsample", "objgraph"})
"""Commands that only look, but take time, or write a file."""
CONTAINERS_BETWEEN_COLLECTIONS: Final = 50_000
"""New containers before the garbage collector runs; a batch of 500 snapshots allocates some 20,000."""

app = make_celery("worker", get_settings)
app.add_defaults(lambda: _schedule(get_settings()))


def _schedule(settings: Settings) -> dict[str, Any]:
    return {
        "imports": ("workers.tasks",),
        "worker_consumer": "workers.consumer:Consumer",
        "beat_schedule": {
            "sweep": _entry(SWEEP, settings.sweep_interval),
            "readiness": _entry(READINESS, settings.readiness_interval),
        },
        "beat_scheduler": f"{__name__}:{Scheduler.__name__}",
        "beat_max_loop_interval": min(settings.sweep_interval, settings.readiness_interval, 5.0),
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
def _refuse_an_unsuitable_database(**_: Any) -> None:
    """End the worker if it could never work with this database server. A server that is away now is no reason."""
    engine = make_engine(get_settings(), application_name="aftercommit-worker", pool_size=1)
    try:
        require_suitable_server(engine)
    except ConfigurationError as error:
        raise SystemExit(f"error: {error}") from None
    finally:
        # Before the fork: no two processes share a connection.
        engine.dispose()


@worker_process_init.connect
@beat_init.connect
def _configure(**_: Any) -> None:
    settings = get_settings()
    configure_logging(settings.log_level, as_json=settings.log_json)


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
    """Let SIGTERM wait for running tasks as long as `worker_soft_shutdown_timeout`; a second SIGTERM shortens that.

    Celery's warm shutdown waits without a limit. Its soft shutdown has a limit, but always sleeps until it is reached,
    and acknowledges nothing meanwhile. This is the warm shutdown with the limit of the soft one.
    """
    if signal.getsignal(signal.SIGALRM) == _end:
        # This is Celery's signal for the cold shutdown that `_give_back` has started: its alarm is set already.
        return
    # Alarms instead of threads, because this runs inside a signal handler. An ending interpreter restores the default
    # handler, and a late alarm would then kill a process that is about to end well.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    if how != "Warm":
        _end_later()
    else:
        again = signal.signal(signal.SIGALRM, _give_back) == _give_back
        signal.setitimer(signal.ITIMER_REAL, HURRIED_SECONDS if again else app.conf.worker_soft_shutdown_timeout)


def _give_back(_number: int, _frame: FrameType | None) -> None:
    """End unfinished tasks with a cold shutdown; their messages go back to the queue."""
    _end_later()
    app.conf.worker_soft_shutdown_timeout = 0.0
    os.kill(os.getpid(), signal.SIGQUIT)


def _end_later() -> None:
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, GIVING_BACK_SECONDS)


def _end(_number: int, _frame: FrameType | None) -> None:
    """End the process even if the broker hangs: the broker still has the messages."""
    for child in active_children():
        # A child that has ended already is still a zombie, so its pid is not taken by another process.
        os.kill(child.pid, signal.SIGKILL)
    os._exit(1)
