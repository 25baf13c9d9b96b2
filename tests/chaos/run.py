"""One chaos run, from starting the processes to the verdict."""

import threading
from collections.abc import Mapping
from pathlib import Path

from tests.chaos import closing, logs
from tests.chaos.figures import figures
from tests.chaos.fleet import Fleet, running_fleet
from tests.chaos.load import statuses
from tests.chaos.plan import Plan
from tests.chaos.reading import Reading
from tests.chaos.report import Finding, Report
from tests.chaos.stress import Say, Stress
from tests.chaos.verdict import judge
from tests.chaos.verdict.attribution import judge_attribution


def run(plan: Plan, folder: Path, say: Say) -> Report:
    """Run the plan in this folder and return the report.

    Call it from the main thread: the processes end with the thread that started them.
    """
    hook = threading.excepthook
    try:
        with running_fleet(plan, folder, say) as fleet:
            stress = Stress(plan, fleet, say)
            stress.run()
            return _report(stress, say)
    finally:
        threading.excepthook = hook


def _report(stress: Stress, say: Say) -> Report:
    reading = Reading(stress.fleet.database_url)
    history = reading.history(stress.ledger.operations(), [tail.seen for tail in stress.tails])
    say(f"judging {len(history.events)} events and {len(history.operations)} operations")
    findings = [*judge(history), *judge_attribution(history), *_evidence(stress.fleet, reading)]
    findings += [Finding("failed", f"the driver itself: {error}") for error in stress.load.errors]
    findings += _server_errors(statuses(stress.callers()))
    audit = closing.outbox_command(stress.fleet, "reconcile", "--json")
    findings += closing.compare_with_audit(findings, audit.returncode, audit.stdout or audit.stderr)
    return Report(findings, figures(stress, reading, history))


def _server_errors(counts: Mapping[str, int]) -> list[Finding]:
    """Find 500 responses: whatever is killed, the API must answer 503."""
    return [Finding("failed", f"an API answered 500 {counts['500']} times")] if counts.get("500") else []


def _evidence(fleet: Fleet, reading: Reading) -> list[Finding]:
    """Find violations in the logs of the database and the workers."""
    database_log = logs.read_lines(fleet.stack.database.log)
    findings = list(logs.judge_database_log(database_log, reading.unique_indexes))
    for worker in fleet.workers:
        findings += logs.judge_worker_log(logs.read_lines(worker.log))
    return findings
