"""Measure how many no-op tasks per second Celery itself can run."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import redis
from celery import Celery

from benches.rig import Rig
from tests.acceptance.stack import Role
from tests.waiting import wait_until

QUEUE: Final = "celery"
WORKER: Final = ("celery", "-q", "-A", "benches.noop", "worker", "--concurrency", "2", "-l", "WARNING")
QUIET: Final = ("-n", "noop@%h", "--without-gossip", "--without-mingle")
WARM_UP_TASKS: Final = 200


@dataclass(frozen=True)
class NoopWorker:
    """A Celery worker with two processes that runs no-op tasks, on its own Valkey database (number 1)."""

    role: Role
    broker: "redis.Redis"
    app: Celery

    def rate(self, tasks: int) -> float:
        """Queue `tasks` tasks while the worker is stopped, resume it, and return its rate in tasks per second."""
        os.killpg(self.role.pid, signal.SIGSTOP)
        with self.app.producer_pool.acquire(block=True) as producer:
            for _ in range(tasks):
                self.app.send_task("bench.noop", producer=producer)
        start = perf_counter()
        os.killpg(self.role.pid, signal.SIGCONT)
        wait_until(self._is_done, "Celery to run all tasks", 300)
        return tasks / (perf_counter() - start)

    def _is_done(self) -> bool:
        return not self.broker.llen(QUEUE) and not self.broker.hlen("unacked")


@contextmanager
def noop_worker(rig: Rig) -> Iterator[NoopWorker]:
    """Yield a worker that is ready for tasks, and stop it afterwards."""
    url = rig.stack.broker.url.removesuffix("/0") + "/1"
    role = rig.start("noop", *WORKER, *QUIET, CELERY_BROKER_URL=url)
    with redis.Redis.from_url(url) as broker, Celery("noop", broker=url, set_as_current=False) as app:
        app.conf.update(task_ignore_result=True)
        worker = NoopWorker(role, broker, app)
        for _ in range(WARM_UP_TASKS):
            app.send_task("bench.noop")
        wait_until(worker._is_done, "Celery's worker to be ready", 90)  # noqa: SLF001
        yield worker
    role.stop()
