"""One chaos run with a source, from starting the processes to the verdict."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.chaos import closing, logs, plan
from tests.chaos.fleet import SOURCE
from tests.chaos.killer import Killer
from tests.chaos.plan import SourcePlan
from tests.chaos.report import Finding, Report
from tests.chaos.source import reading
from tests.chaos.source.fleet import SourceFleet, running_source_fleet
from tests.chaos.source.judge import judge_model, judge_requests, judge_states
from tests.chaos.source.server_client import ServerClient
from tests.chaos.source.writers import Writer

PROGRESS_SECONDS: Final = 10.0
NO_PROGRESS: Final = 40.0
"""When nothing has been moved for so many seconds, nothing will be."""

Say = Callable[[str], None]


def run(plan: SourcePlan, folder: Path, say: Say) -> Report:
    """Run the plan in this folder and return the report. Call it from the main thread."""
    with running_source_fleet(plan, folder, say) as fleet:
        return _Run(plan, fleet, say).run()


class _Run:
    """The writers, the client of the server, and the disruptions of one run."""

    def __init__(self, plan: SourcePlan, fleet: SourceFleet, say: Say) -> None:
        self._plan, self._fleet, self._say = plan, fleet, say
        self._stopping = threading.Event()
        pause = plan.writers / plan.rate
        self._writers = [
            Writer(f"w{number}", fleet.address(SOURCE), f"{plan.seed} {number}", pause, self._stopping)
            for number in range(1, plan.writers + 1)
        ]
        self._client = ServerClient(fleet.prefect_url, self._stopping)
        self._killer = Killer(
            fleet,
            plan.disruptions,
            plan.pause,
            Random(f"{plan.seed} killer"),
            begun=lambda _kind: None,
            burst=lambda: None,
            progress=self._progress(),
        )

    def run(self) -> Report:
        threads = [*self._writers, self._client]
        for thread in threads:
            thread.start()
        try:
            self._killer.work(self._plan.seconds)
            self._killer.finish_all()
        finally:
            self._killer.abandon()
        self._stopping.set()
        for thread in threads:
            thread.join()
        # The server may still be working on a request that timed out.
        assert self._fleet.prefect is not None
        self._fleet.prefect.kill()
        left = self._wait_until_moved()
        return self._judge(left)

    def _wait_until_moved(self) -> int:
        self._say("everything runs again; waiting until all changes are moved")
        last, since = -1, time.monotonic()
        while time.monotonic() - since < NO_PROGRESS:
            waiting = reading.count_waiting(self._fleet.address(SOURCE))
            if waiting == 0:
                return 0
            if waiting != last:
                last, since = waiting, time.monotonic()
            time.sleep(0.2)
        return last

    def _judge(self, left: int) -> Report:
        theirs, ours = self._fleet.address(SOURCE), self._fleet.database_url
        model, events = reading.read_model(theirs), reading.read_events(ours)
        self._say(f"judging {len(events)} events and {sum(map(len, model.values()))} committed changes")
        judged = {*model, *(("deployment", key) for key in self._client.sent)}
        findings = [
            *judge_model(model, events),
            *judge_requests(self._client.sent, self._client.acknowledged, events),
            *judge_states(reading.read_states(theirs), judged, events),
        ]
        if left:
            findings.append(Finding("lost", f"{left} row changes were never moved"))
        if error := reading.read_error(ours):
            findings.append(Finding("failed", f"the source fails: {error}"))
        if held := reading.count_held(ours):
            findings.append(Finding("failed", f"{held} changes are held"))
        errors = [*self._client.errors, *(error for writer in self._writers for error in writer.errors)]
        findings += [Finding("failed", f"the driver itself: {error!r}") for error in errors]
        for worker in self._fleet.workers:
            findings += logs.judge_worker_log(logs.read_lines(worker.log))
        audit = closing.outbox_command(self._fleet, "reconcile", "--json")
        findings += closing.compare_with_audit(findings, audit.returncode, audit.stdout or audit.stderr)
        return Report(findings, self._figures(model_changes=sum(map(len, model.values())), events=len(events)))

    def _figures(self, *, model_changes: int, events: int) -> dict[str, Any]:
        done = self._killer.done
        families = {
            "kills": plan.SOURCE_KILLS,
            "stops": plan.SOURCE_STOPS,
            "restarts": plan.SOURCE_RESTARTS,
            "cuts": plan.SOURCE_CUTS,
        }
        sent = sum(map(len, self._client.sent.values()))
        return {
            "seed": self._plan.seed,
            "seconds": self._plan.seconds,
            "bug": self._plan.bug,
            **{name: {kind.partition("-")[2]: done[kind] for kind in kinds} for name, kinds in families.items()},
            "changes": model_changes,
            "requests": {
                "acknowledged": len(self._client.acknowledged),
                "unknown": sent - len(self._client.acknowledged),
            },
            "events": events,
            "broken_connections": sum(writer.failures for writer in self._writers),
            "stubborn": dict(Counter(self._fleet.stubborn)),
        }

    def _progress(self) -> Callable[[Counter[str]], None]:
        began = last = time.monotonic()

        def progress(done: Counter[str]) -> None:
            nonlocal last
            if time.monotonic() - last < PROGRESS_SECONDS:
                return
            last = time.monotonic()
            changes = sum(writer.changes for writer in self._writers)
            self._say(f"{last - began:4.0f} s: {changes} changes, {done.total()} disruptions")

        return progress
