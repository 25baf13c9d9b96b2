"""The SQL of the audit agrees with Python on the tracked kinds, the status operations and the problems."""

import re

from app.audit.reconcile import PARTS, Problem, audit_sql
from app.capture.kinds import tracked_kinds
from app.capture.snapshot import STATUS_OPERATIONS
from app.schemas.event import OMITTED
from tests.contract.documents import ROOT


def quoted(sql: str) -> list[str]:
    return re.findall(r"'([^']+)'", sql)


def test_every_sql_file_is_part_of_the_statement() -> None:
    assert sorted(PARTS) == sorted(path.name for path in (ROOT / "app/audit").glob("*.sql"))


def test_every_tracked_kind_is_audited() -> None:
    (values,) = re.findall(r"WITH tracked \(kind\) AS \(\s*VALUES (.+)\n", audit_sql())
    assert sorted(quoted(values)) == sorted(kind.name for kind in tracked_kinds())


def test_the_audit_reads_the_table_of_every_tracked_kind() -> None:
    tables = re.findall(r"SELECT '([\w-]+)'(?: AS kind)?, id, revision, event_id FROM (\w+)", audit_sql())
    assert dict(tables) == {kind.name: kind.table.name for kind in tracked_kinds()}


def test_the_audit_knows_every_status_operation() -> None:
    assert dict(re.findall(r"WHEN status = '(\w+)' THEN '([\w-]+)'", audit_sql())) == dict(STATUS_OPERATIONS)


def test_the_audit_knows_every_operation_that_updates() -> None:
    (operations,) = re.findall(r"event ~ '\\\.\((.+)\)\$'", audit_sql())
    assert set(operations.split("|")) == {"updated", *STATUS_OPERATIONS.values()}


def test_the_audit_ignores_omitted_old_and_new_values() -> None:
    assert re.findall(r"(\w+) -> '([^']+)' IS NULL", audit_sql()) == [("old", OMITTED), ("previous_new", OMITTED)]


def test_the_audit_knows_every_problem_and_lists_them_in_the_declared_order() -> None:
    (order,) = re.findall(r"array_position\(ARRAY\[(.+)\], problem\)", audit_sql())
    assert quoted(order) == list(Problem)
