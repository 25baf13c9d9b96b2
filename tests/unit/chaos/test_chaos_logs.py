"""The findings of the chaos verdict from the logs, and its comparison with the audit."""

import json

from tests.chaos.closing import compare_with_audit
from tests.chaos.logs import judge_database_log, judge_worker_log
from tests.chaos.report import Finding, Report

UNIQUE = ["pk_event", "uq_event_resource_revision"]
REFUSED = 'ERROR:  duplicate key value violates unique constraint "{}"'
CLEAN = {"lost": 0, "phantom": 0, "duplicate": 0, "disordered": 0, "findings": []}


def test_an_event_that_the_database_refused_is_a_duplicate() -> None:
    lines = [REFUSED.format("pk_event"), REFUSED.format("uq_flow_name"), "LOG:  checkpoint starting"]
    assert [finding.category for finding in judge_database_log(lines, UNIQUE)] == ["duplicated"]


def test_a_failed_snapshot_is_a_finding() -> None:
    lines = ["[error] snapshot_failed error='KeyError: 1'", "[error] snapshot_parked error='ValueError'", "swept"]
    assert [finding.category for finding in judge_worker_log(lines)] == ["failed", "failed"]


def test_a_parked_snapshot_whose_workers_were_killed_is_no_finding() -> None:
    assert not list(judge_worker_log(["snapshot_parked error='The worker process died three times with it'"]))


def test_an_audit_that_agrees_is_no_finding() -> None:
    assert compare_with_audit([], 0, json.dumps(CLEAN)) == []
    assert compare_with_audit([Finding("lost", "x")], 1, json.dumps({**CLEAN, "lost": 2})) == []


def test_an_audit_with_more_problems_is_a_finding() -> None:
    (finding,) = compare_with_audit([], 1, json.dumps({**CLEAN, "phantom": 1}))
    assert finding.category == "failed"


def test_an_audit_without_a_result_is_a_finding() -> None:
    (finding,) = compare_with_audit([], 1, "error: the database does not answer")
    assert finding.category == "failed"


def test_a_report_counts_its_findings_by_category_and_keeps_their_texts() -> None:
    report = Report([Finding("lost", "a"), Finding("lost", "b"), Finding("failed", "c")], {"seed": 7})
    assert (report.lost, report.phantom, report.duplicated, report.disordered, report.failed) == (2, 0, 0, 0, 1)
    written = json.loads(report.to_json())
    assert (written["lost"], written["seed"], len(written["findings"])) == (2, 7, 3)
    assert not report.clean
