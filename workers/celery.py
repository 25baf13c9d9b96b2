"""The Celery app of the workers and of beat: `celery -A workers` finds it here."""

import atexit
import gc
import os
import signal
from types import FrameType
from typing import Any, Final

from billiard import active_children, pool
from celery.beat import PersistentScheduler
from celery.signals import beat_init, worker_process_init, worker_shutting_down

from app.broker.contract import READINESS, SWEEP, SWEEP_EXPIRES, make_celery
from app.settings import Settings, get_settings
from app.telemetry import configure_logging

HURRIED_SECONDS: Final = 0.1
GIVING_BACK_SECONDS: Final = 10.0
"""For giving back what is not finished, after the time for finishing."""
CONTAINERS_BETWEEN_COLLECTIONS: Final = 50_000
"""How many more dictionaries, lists and objects there may be; a batch of 500 snapshots has some 20,000."""

app = make_celery("worker", get_settings)
app.add_defaults(lambda: _schedule(get_settings()))


def _schedule(settings: Settings) -> dict[str, Any]:
    return {
        "imports": ("workers.tasks",),
        "beat_schedule": {
            "sweep": _entry(SWEEP, settings.sweep_interval),
            "readiness": _entry(READINESS, settings.readiness_interval),
        },
        "beat_scheduler": f"{__name__}:{Scheduler.__name__}",
        "beat_max_loop_interval": min(settings.sweep_interval, settings.readiness_interval, 5.0),
    }


def _entry(task: str, interval: float) -> dict[str, Any]:
    # A worker that was away for long finds a few of them to do, not one for each tick that it missed.
    return {"task": task, "schedule": interval, "options": {"expires": SWEEP_EXPIRES}}


class Scheduler(PersistentScheduler):
    """Celery's scheduler, but one that goes on at once when the clock of its machine was put back.

    Celery waits until the clock has caught up with its last time: for so long nothing would be swept, nothing tried
    again, and nothing found silent.
    """

    def tick(self, *given: Any, **named: Any) -> float:
        """Send what is due, and return the seconds until the next look."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            # Its times are those of the old clock; Celery makes it anew.
            self._heap = None
        delay: float = super().tick(*given, **named)
        return delay


@worker_process_init.connect
@beat_init.connect
def _configure(**_: Any) -> None:
    settings = get_settings()
    configure_logging(settings.log_level, as_json=settings.log_json)


@worker_process_init.connect
def _spare_the_collector(**_: Any) -> None:
    """Take what was imported out of the garbage collector's sight, and let a batch or two be between its visits.

    What was imported lives as long as the process, and what a batch holds goes with it, without the collector.
    """
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_COLLECTIONS)


@worker_process_init.connect
def _bound_the_wait_for_the_reader(**_: Any) -> None:
    """Let a child that ends wait for the reading of its results for half the time that a leave may take.

    A worker that leaves forgets what it had just handed to a child, and stops reading: the broker has that message
    still, and sends it again. The child does it, and would wait for its reader for half a minute (Celery 5.7.0,
    billiard 4.3.2), longer than the worker waits for the child.
    """
    wait = app.conf.worker_soft_shutdown_timeout / 2
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = int(wait / pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL)


@worker_shutting_down.connect
def _bound_the_leave(how: str, **_: Any) -> None:
    """Let SIGTERM wait for the tasks in hand as long as the soft shutdown may take; a second one hurries.

    Celery has a leave that waits without a limit, and one with a limit that sleeps until it is over whether anything
    is left to do or not, and meanwhile acknowledges nothing. This is the first one with the limit of the second.
    """
    if signal.getsignal(signal.SIGALRM) == _end:
        # Celery tells of its cold shutdown too, which ours has begun: its time is counted already.
        return
    # Alarms and no threads: this runs inside a signal handler.
    # An interpreter that ends puts the default handler back, and a late alarm would kill what was about to end well.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    if how != "Warm":
        _end_later()
    else:
        again = signal.signal(signal.SIGALRM, _give_back) == _give_back
        signal.setitimer(signal.ITIMER_REAL, HURRIED_SECONDS if again else app.conf.worker_soft_shutdown_timeout)


def _give_back(_number: int, _frame: FrameType | None) -> None:
    """End the tasks that are not finished; their messages go back to the queue."""
    _end_later()
    app.conf.worker_soft_shutdown_timeout = 0.0
    os.kill(os.getpid(), signal.SIGQUIT)


def _end_later() -> None:
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, GIVING_BACK_SECONDS)


def _end(_number: int, _frame: FrameType | None) -> None:
    """A broker that hangs is not waited for: it has kept the messages itself."""
    for child in active_children():
        # It may have ended by itself, but it is not reaped before us.
        os.kill(child.pid, signal.SIGKILL)
    os._exit(1)
