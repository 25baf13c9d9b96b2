"""How the chaos selftest classifies a run: bug found, clean, or neither."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import selftest_cases
from tests.chaos.plan import Plan
from tests.chaos.planted.exercise import note_exercised
from tests.chaos.planted.registry import BUGS
from tests.chaos.report import Category, Finding, Report
from tests.chaos.selftest_cases import Case, attempt, cases

PLAN = Plan(6, 1)
Answer = Report | Exception


def _report(*categories: Category) -> Report:
    return Report([Finding(category, "evidence") for category in categories])


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Answer], list[Plan]]:
    """The results of the next runs (set by the test), and the plans that they received."""
    answers: list[Answer] = []
    plans: list[Plan] = []

    def run(plan: Plan, folder: Path, say: Callable[[str], None]) -> Report:
        plans.append(plan)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(selftest_cases, "run", run)
    return answers, plans


def _say(_text: str) -> None:
    pass


@pytest.mark.parametrize(
    ("category", "found", "right"),
    [
        ("lost", ["lost"], True),
        ("lost", ["failed", "lost"], True),
        ("lost", ["phantom"], False),
        ("lost", [], False),
        (None, [], True),
        (None, ["failed"], False),
    ],
)
def test_a_bug_needs_its_category_and_a_control_needs_no_findings(
    category: Category | None, found: Sequence[Category], right: bool
) -> None:
    assert Case("case", category, PLAN).is_right(_report(*found)) is right


def test_a_missed_bug_gets_a_longer_run_with_another_seed(
    runs: tuple[list[Answer], list[Plan]],
) -> None:
    answers, plans = runs
    answers += [_report("failed"), _report("lost")]
    outcome = attempt(Case("bug", "lost", PLAN), _say)
    assert outcome.is_right
    assert outcome.seen() == {"lost": 1}
    assert [(plan.seconds, plan.seed) for plan in plans] == [(6, 1), (12, 2)]


def test_a_control_with_findings_gets_no_second_run(runs: tuple[list[Answer], list[Plan]]) -> None:
    answers, plans = runs
    answers += [_report("disordered"), _report()]
    assert not attempt(Case("control", None, PLAN), _say).is_right
    assert len(plans) == 1


@pytest.mark.parametrize("category", ["lost", None])
def test_a_failed_run_proves_nothing(category: Category | None, runs: tuple[list[Answer], list[Plan]]) -> None:
    runs[0].extend([RuntimeError("no database"), RuntimeError("no database")])
    outcome = attempt(Case("case", category, PLAN), _say)
    assert not outcome.is_right
    assert outcome.error == "RuntimeError: no database"


def test_a_bug_whose_situation_did_not_occur_is_not_exercised(runs: tuple[list[Answer], list[Plan]]) -> None:
    runs[0].extend([_report("lost"), _report("lost")])
    outcome = attempt(Case("bug", "lost", replace(PLAN, bug="no-sweep")), _say)
    assert not outcome.is_right
    assert outcome.error.startswith("not exercised")


def test_a_bug_whose_situation_occurred_is_judged_by_the_report(
    runs: tuple[list[Answer], list[Plan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_plan: Plan, _folder: Path, _say: Callable[[str], None]) -> Report:
        note_exercised()
        return _report("lost")

    monkeypatch.setattr(selftest_cases, "run", run)
    assert attempt(Case("bug", "lost", replace(PLAN, bug="no-sweep")), _say).is_right


def test_controls_come_first_and_every_bug_has_a_case() -> None:
    every = cases(seed=1)
    categories = [case.category for case in every]
    assert categories[: categories.count(None)] == [None] * categories.count(None)
    assert {case.plan.bug for case in every} >= set(BUGS)
