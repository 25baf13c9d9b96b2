"""After each disruption, sends one change and measures the time to its response and to its event."""

import contextlib
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

import psycopg

from tests.chaos.caller import Caller, own_id
from tests.chaos.client import make_flow
from tests.chaos.ledger import Ledger, Operation

PROBERS: Final = tuple(f"p{number}" for number in range(12))
"""The names of the threads."""
LONGEST: Final = 60.0
"""After so many seconds a probe gives up; the verdict tells what became of its change."""
LONGEST_WITHOUT_SWEEP: Final = 10.0
"""What has no event by then has lost its doorbell."""
READABLE: Final = """
    SELECT 1 FROM event WHERE resource_id = %s AND payload #>> '{updates,version,to}' = %s
"""


class Probes:
    """Some threads with a deployment each. While all are busy, new disruptions are not measured."""

    def __init__(
        self,
        ledger: Ledger,
        urls: Sequence[str],
        keys: Mapping[str, str],
        database_url: str,
        seed: int,
        longest: float = LONGEST,
    ) -> None:
        """Create the threads, each with its key; a probe gives up `longest` seconds after its disruption began."""
        self.acknowledged: defaultdict[str, list[float]] = defaultdict(list)
        self.readable: defaultdict[str, list[float]] = defaultdict(list)
        """Seconds from the beginning of a disruption, by its kind."""
        self._ledger = ledger
        self._longest = longest
        self._database_url = database_url
        self._stopping = threading.Event()
        self._wanted: queue.SimpleQueue[tuple[str, float] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(len(PROBERS))
        self.callers = [Caller(urls, keys[name], Random(f"{seed} {name}"), self._stopping) for name in PROBERS]
        self._threads = [
            threading.Thread(target=self._work, args=(name, caller), name=f"chaos-probe-{name}", daemon=True)
            for name, caller in zip(PROBERS, self.callers, strict=True)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def begin(self, kind: str) -> None:
        """Measure the recovery from a disruption that begins now."""
        if self._idle.acquire(blocking=False):
            self._wanted.put((kind, time.monotonic()))

    def finish(self) -> None:
        """Wait until the requested probes are finished."""
        for _ in self._threads:
            self._wanted.put(None)
        for thread in self._threads:
            thread.join()
        for caller in self.callers:
            caller.close()

    def _work(self, name: str, caller: Caller) -> None:
        target = ""
        while (wanted := self._wanted.get()) is not None:
            kind, began = wanted
            target = target or self._make_target(name, caller)
            if target:
                self._measure(kind, began, name, caller, target)
            self._idle.release()

    def _make_target(self, name: str, caller: Caller) -> str:
        flow_id = make_flow(caller, self._ledger.open(name, "create-flow", must=False), f"probe-{name}")
        if flow_id is None:
            return ""
        operation = self._ledger.open(name, "upsert", [flow_id])
        operation.fields = frozenset({"labels", "parameters", "schedules", "version"})
        body = {"name": "probe", "flow_id": flow_id, "version": operation.token}
        response = caller.send(operation, "POST", "/deployments/", body, own_id)
        return operation.answers[0] if response is not None and response.is_success else ""

    def _measure(self, kind: str, began: float, name: str, caller: Caller, target: str) -> None:
        operation = self._ledger.open(name, "patch", [target])
        operation.fields = frozenset({"version"})
        operation.values = {"version": operation.token}
        while time.monotonic() < began + self._longest:
            response = caller.send(operation, "PATCH", f"/deployments/{target}", {"version": operation.token})
            if operation.acknowledged is not None:
                self.acknowledged[kind].append(time.monotonic() - began)
            if response is not None:
                break
        if operation.acknowledged is not None and self._wait_for_event(operation, target, began):
            self.readable[kind].append(time.monotonic() - began)

    def _wait_for_event(self, operation: Operation, target: str, began: float) -> bool:
        wanted = [f"prefect.deployment.{target}", operation.token]
        while time.monotonic() < began + self._longest:
            # The disruption may have hit the database itself.
            with (
                contextlib.suppress(psycopg.OperationalError, psycopg.InterfaceError),
                psycopg.connect(self._database_url, connect_timeout=2, autocommit=True) as connection,
            ):
                while time.monotonic() < began + self._longest:
                    if connection.execute(READABLE, wanted).fetchone() is not None:
                        return True
                    time.sleep(0.05)
            time.sleep(0.1)
        return False
