"""The end of a chaos run: stops the APIs in order, waits until the outbox is empty, runs the product's own commands."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.acceptance.stack import ROOT
from tests.chaos.fleet import Fleet
from tests.chaos.logs import DIED
from tests.chaos.reading import pending, ready, writers
from tests.chaos.report import Category, Finding
from tests.waiting import wait_until

NO_PROGRESS: Final = 30.0
"""When nothing has left the outbox for so many seconds, nothing will."""
NO_PROGRESS_WITHOUT_SWEEP: Final = 6.0
"""Nobody comes back to what has no doorbell: it is either in a worker's hands or stuck."""
READINESS_TIMEOUT: Final = 30.0
"""Seconds that beat may take to find all resources without polls. Later changes of a status are judged, too."""
COMMAND_TIMEOUT: Final = 120.0
AUDIT_NAMES: Final[dict[Category, str]] = {
    "lost": "lost",
    "phantom": "phantom",
    "duplicated": "duplicate",
    "disordered": "disordered",
}
"""The categories of this verdict, and those of the product's audit."""


def end_writing(fleet: Fleet) -> None:
    """Stop the APIs: they finish their requests, and then no try that timed out can still take effect."""
    for api in fleet.apis:
        api.role.ask_to_stop()
    for api in fleet.apis:
        try:
            api.role.stop()
        except subprocess.TimeoutExpired:
            fleet.stubborn.append(api.role.name)
            api.role.kill()
    wait_until(lambda: writers(fleet.database_url) == 0, "the APIs' database sessions to end", timeout=90)


def wait_until_nothing_is_ready(fleet: Fleet) -> None:
    """Wait until beat has found all resources without polls, so that nothing changes while the log is judged."""
    end = time.monotonic() + READINESS_TIMEOUT
    while fleet.beats and ready(fleet.database_url) and time.monotonic() < end:
        time.sleep(0.2)


def wait_until_dispatched(fleet: Fleet, say: Callable[[str], None]) -> int:
    """Wait until the outbox is empty or makes no progress; return how many snapshots were replayed.

    A snapshot that is parked because its workers were killed over and over is replayed, with the product's command.
    """
    replayed: set[tuple[str, int]] = set()
    last, since = -1, time.monotonic()
    patience = NO_PROGRESS if fleet.beats else NO_PROGRESS_WITHOUT_SWEEP
    while time.monotonic() - since < patience:
        waiting = pending(fleet.database_url)
        if not waiting:
            break
        if len(waiting) != last:
            last, since = len(waiting), time.monotonic()
            say(f"{last} snapshots wait")
        parked = [each for each in waiting if each.parked]
        died = {(each.subject, each.revision) for each in parked if DIED in (each.error or "")}
        # Each is replayed once. Nothing is killed any more, so one that is parked again is a finding.
        if died - replayed and len(died) == len(parked):
            replayed |= died
            outbox_command(fleet, "replay", "--all")
            since = time.monotonic()
        time.sleep(0.1)
    return len(replayed)


def outbox_command(fleet: Fleet, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `aftercommit outbox ...` as an operator would."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("aftercommit")), "outbox", *arguments],
        env={**os.environ, **fleet.stack.environment()},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )


def compare_with_audit(findings: Sequence[Finding], code: int, output: str) -> list[Finding]:
    """Return the differences between this verdict and the output of `aftercommit outbox reconcile --json`."""
    try:
        audit: dict[str, Any] = json.loads(output)
    except ValueError:
        return [Finding("failed", f"the audit ended with exit code {code} and no verdict: {output[-500:]!r}")]
    ours = Counter(finding.category for finding in findings)
    differences = [
        Finding("failed", f"the audit finds {audit[theirs]} {theirs}, this verdict none: {audit['findings'][:3]}")
        for category, theirs in AUDIT_NAMES.items()
        if audit[theirs] and not ours[category]
    ]
    if code != 0 and not findings and not differences:
        differences.append(Finding("failed", f"the audit ended with exit code {code}"))
    return differences
