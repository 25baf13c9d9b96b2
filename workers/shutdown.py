"""Limits how long a leaving worker waits for its running tasks."""

import atexit
import os
import signal
from types import FrameType
from typing import Any, Final

from billiard import active_children

HURRIED_SECONDS: Final = 0.1
GIVING_BACK_SECONDS: Final = 10.0
"""How long a leaving worker may take to return unfinished messages to the broker."""


class Shutdown:
    """Lets SIGTERM wait for running tasks as long as `worker_soft_shutdown_timeout`; a second SIGTERM shortens that.

    Celery's warm shutdown waits without a limit. Its soft shutdown has a limit, but always sleeps until it is reached,
    and acknowledges nothing meanwhile. This is the warm shutdown with the limit of the soft one.
    """

    def begin(self, conf: Any, *, is_warm: bool) -> None:
        """Set the limit. Celery calls this in a signal handler, at the first SIGTERM and at each further one.

        Args:
            conf: the configuration of the Celery app.
            is_warm: whether Celery waits for running tasks.
        """
        if signal.getsignal(signal.SIGALRM) == self._end:
            # This is Celery's signal for the cold shutdown that `_give_back` has started: its alarm is set already.
            return
        self._conf = conf
        # Alarms instead of threads, because this runs inside a signal handler. An ending interpreter restores the
        # default handler, and a late alarm would then kill a process that is about to end well.
        atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
        if not is_warm:
            self._end_later()
        else:
            again = signal.signal(signal.SIGALRM, self._give_back) == self._give_back
            signal.setitimer(signal.ITIMER_REAL, HURRIED_SECONDS if again else conf.worker_soft_shutdown_timeout)

    def _give_back(self, _number: int, _frame: FrameType | None) -> None:
        """End unfinished tasks with a cold shutdown; their messages go back to the queue."""
        self._end_later()
        self._conf.worker_soft_shutdown_timeout = 0.0
        os.kill(os.getpid(), signal.SIGQUIT)

    def _end_later(self) -> None:
        signal.signal(signal.SIGALRM, self._end)
        signal.setitimer(signal.ITIMER_REAL, GIVING_BACK_SECONDS)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        """End the process even if the broker hangs: the broker still has the messages."""
        for child in active_children():
            # A child that has ended already is still a zombie, so its pid is not taken by another process.
            os.kill(child.pid, signal.SIGKILL)
        os._exit(1)
