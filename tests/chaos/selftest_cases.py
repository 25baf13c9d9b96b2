"""The runs of the selftest: controls, where the driver must find nothing, and planted bugs, which it must find."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.chaos.plan import ALL, SOURCE_ALL, Plan, SourcePlan
from tests.chaos.planted.exercise import MARK
from tests.chaos.planted.registry import BUGS, PlantedBug
from tests.chaos.report import CATEGORIES, Category, Report
from tests.chaos.run import run
from tests.chaos.source.run import run as run_with_source

NOT_EXERCISED: Final = "not exercised: the situation that shows the bug did not come about"


@dataclass(frozen=True)
class Case:
    """One run, and the category that the driver must report; None if it must find nothing."""

    name: str
    category: Category | None
    plan: Plan

    def is_right(self, report: Report) -> bool:
        """Return whether the driver reported the expected category, or nothing for a control."""
        return (
            report.clean
            if self.category is None
            else any(finding.category == self.category for finding in report.findings)
        )


@dataclass(frozen=True)
class Outcome:
    """The result of a case's last try."""

    case: Case
    report: Report | None
    error: str
    """Why there is no report: the run itself broke."""
    seconds: float
    tries: int

    @property
    def is_right(self) -> bool:
        """Return whether the driver reported the expected category, or nothing for a control."""
        return self.report is not None and self.case.is_right(self.report)

    def seen(self) -> dict[str, int]:
        """Return the number of findings of each category, without zeros."""
        counts = (
            {category: getattr(self.report, category) for category in CATEGORIES} if self.report is not None else {}
        )
        return {category: count for category, count in counts.items() if count}


def cases(seed: int) -> list[Case]:
    """Return all cases, controls first: if a control is not clean, the bugs prove nothing."""
    healthy = Plan(12, seed)
    controls = [
        Case("healthy", None, healthy),
        Case("healthy-without-sweep", None, replace(healthy, seconds=6, disruptions=(), sweep=False)),
        Case("healthy-with-broker-killed", None, replace(healthy, seconds=6, disruptions=("kill-broker",))),
        Case("healthy-with-a-source", None, SourcePlan(20, seed)),
    ]
    known = {*ALL, *SOURCE_ALL}
    assert all(kind in known for bug in BUGS.values() for kind in bug.disruptions), "a bug names an unknown disruption"
    planted = [Case(name, bug.category, _plan(bug, seed)) for name, bug in BUGS.items()]
    return controls + sorted(planted, key=lambda case: case.category is not None)


def _plan(bug: PlantedBug, seed: int) -> Plan:
    if bug.source:
        return SourcePlan(bug.seconds, seed, disruptions=bug.disruptions, bug=bug.name, pause=bug.pause)
    return Plan(
        bug.seconds,
        seed,
        # Fewer processes than in a real run: starting them takes most of a short run.
        apis=2,
        beats=1,
        aftermath=bug.aftermath,
        linger_ms=bug.linger_ms,
        disruptions=bug.disruptions,
        sweep=bug.sweep,
        ends_without_broker=bug.ends_without_broker,
        bug=bug.name,
        pause=bug.pause,
    )


def attempt(case: Case, say: Callable[[str], None]) -> Outcome:
    """Run a case; if a bug is not seen, run it again, twice as long and with another seed."""
    outcome = _run(case, 1, say)
    if case.category is not None and not outcome.is_right:
        say(f"{case.name} was not seen ({outcome.error or outcome.seen()}); once more")
        longer = replace(case.plan, seconds=case.plan.seconds * 2, seed=case.plan.seed + 1)
        outcome = _run(replace(case, plan=longer), 2, say)
    return outcome


def chosen(all_cases: Iterable[Case], only: Iterable[str]) -> list[Case]:
    """Return the cases with these names, or all if `only` is empty."""
    names = set(only)
    return [case for case in all_cases if not names or case.name in names]


def _report(plan: Plan, folder: Path, say: Callable[[str], None]) -> Report:
    return run_with_source(plan, folder, say) if isinstance(plan, SourcePlan) else run(plan, folder, say)


def _run(case: Case, number: int, say: Callable[[str], None]) -> Outcome:
    began = time.monotonic()
    report, error = None, ""
    with tempfile.TemporaryDirectory(prefix="aftercommit-selftest-") as folder:
        mark = Path(folder) / "exercised"
        os.environ[MARK] = str(mark)
        try:
            report = _report(case.plan, Path(folder), say)
            if case.plan.bug is not None and not mark.exists():
                report, error = None, NOT_EXERCISED
        except Exception as broken:  # noqa: BLE001  # One broken run must not stop the others.
            error = f"{type(broken).__name__}: {broken}"
    return Outcome(case, report, error, time.monotonic() - began, number)
