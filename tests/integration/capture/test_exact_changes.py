"""A change holds the whole row before and after, for every field of every kind."""

from collections import Counter
from itertools import takewhile
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import DEPLOYMENT, tracked_kinds
from app.capture.masking import Masker
from app.capture.row_changes import delete_rows, update_rows, upsert_row
from app.capture.snapshot import capture
from app.models import Deployment, Tombstone, WorkQueue
from tests.integration.kinds_in_use import Row, other_values

each_kind = pytest.mark.parametrize("kind", tracked_kinds(), ids=[kind.name for kind in tracked_kinds()])
each_field = pytest.mark.parametrize(
    ("kind", "field"),
    [pytest.param(kind, field, id=f"{kind.name}-{field}") for kind in tracked_kinds() for field in kind.tracked],
)


def stored(session: Session, kind: ResourceKind, row: Row) -> Row:
    table = kind.table
    return dict(session.execute(table.select().where(table.c.id == row["id"])).mappings().one())


@each_field
def test_an_update_returns_the_whole_row_before_and_after(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row = one_of_each[kind.name]
    [change] = update_rows(uncommitted, kind, kind.table.c.id == row["id"], other_values(row, field))
    assert (change.before, change.after) == (row, stored(uncommitted, kind, row))


@each_field
def test_an_upsert_returns_the_whole_row_before_and_after(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row = one_of_each[kind.name]
    columns = {name: row[name] for name in row if name not in ("created", "updated", "revision", "event_id")}
    change = upsert_row(uncommitted, kind, {**columns, **other_values(row, field)}, ("id",))
    assert change is not None
    assert (change.before, change.after) == (row, stored(uncommitted, kind, row))


@each_kind
def test_a_deletion_returns_the_row_and_writes_its_tombstone(
    kind: ResourceKind, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row = one_of_each[kind.name]
    # Foreign keys: delete the referring rows first.
    for model in takewhile(lambda model: model is not kind.model, (Deployment, WorkQueue)):
        uncommitted.execute(delete(model))
    [change] = delete_rows(uncommitted, kind, kind.table.c.id == row["id"])
    assert (change.before, change.after) == (row, None)
    buried = uncommitted.get_one(Tombstone, row["id"])
    assert (buried.kind, buried.name, buried.revision) == (kind.name, row["name"], row["revision"] + 1)
    assert buried.attributes == {
        name: str(row[name]) if isinstance(row[name], UUID) else row[name] for name in kind.described_by
    }


def test_a_row_that_was_restored_by_hand_can_be_deleted_again_and_its_tombstone_stays(
    one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row = one_of_each[DEPLOYMENT.name]
    uncommitted.add(Tombstone(id=row["id"], kind=DEPLOYMENT.name, name="of its first life", revision=7))
    uncommitted.flush()
    assert len(delete_rows(uncommitted, DEPLOYMENT, DEPLOYMENT.table.c.id == row["id"])) == 1
    buried = uncommitted.get_one(Tombstone, row["id"], populate_existing=True)
    assert (buried.name, buried.revision) == ("of its first life", 7)


class Counting(Masker):
    """Count the calls by field."""

    def __init__(self) -> None:
        super().__init__("a key for tests")
        self.asked: list[str] = []

    def mask(self, field: str, value: Any) -> Any:
        self.asked.append(field)
        return super().mask(field, value)


@each_field
def test_a_field_that_an_update_does_not_set_is_masked_once(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row, masker = one_of_each[kind.name], Counting()
    values = other_values(row, field)
    [change] = update_rows(uncommitted, kind, kind.table.c.id == row["id"], values)
    capture(change, masker, {})
    # Labels are masked along with the fields; their names contain a dot.
    assert Counter(masker.asked) == Counter([*kind.tracked, *values, *(name for name in masker.asked if "." in name)])
