"""A change has the whole row as it was before and as it is after, for every field of every kind."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.events.kinds import tracked_kinds
from app.events.masking import Masker
from app.events.resource_kind import ResourceKind
from app.events.snapshot import capture
from app.events.tracked import update_rows, upsert_row
from app.events.tracked_statements import table_of
from tests.integration.kinds_in_use import Row, other_values

each_field = pytest.mark.parametrize(
    ("kind", "field"),
    [pytest.param(kind, field, id=f"{kind.name}-{field}") for kind in tracked_kinds() for field in kind.tracked],
)


def stored(session: Session, kind: ResourceKind, row: Row) -> Row:
    table = table_of(kind)
    return dict(session.execute(table.select().where(table.c.id == row["id"])).mappings().one())


@each_field
def test_an_update_gives_the_whole_row_before_and_after(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row = one_of_each[kind.name]
    [change] = update_rows(uncommitted, kind, table_of(kind).c.id == row["id"], other_values(row, field))
    assert (change.before, change.after) == (row, stored(uncommitted, kind, row))


@each_field
def test_an_upsert_gives_the_whole_row_before_and_after(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row = one_of_each[kind.name]
    columns = {name: row[name] for name in row if name not in ("created", "updated", "revision", "event_id")}
    change = upsert_row(uncommitted, kind, {**columns, **other_values(row, field)}, ("id",))
    assert change is not None
    assert (change.before, change.after) == (row, stored(uncommitted, kind, row))


class Counting(Masker):
    """Counts how often it is asked, by field."""

    def __init__(self) -> None:
        super().__init__("a key for tests")
        self.asked: list[str] = []

    def mask(self, field: str, value: Any) -> Any:
        self.asked.append(field)
        return super().mask(field, value)


@each_field
def test_what_an_update_does_not_set_is_masked_once(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session
) -> None:
    row, masker = one_of_each[kind.name], Counting()
    values = other_values(row, field)
    [change] = update_rows(uncommitted, kind, table_of(kind).c.id == row["id"], values)
    capture(change, masker, None)
    # What comes with the fields are the labels, whose names have a dot.
    assert Counter(masker.asked) == Counter([*kind.tracked, *values, *(name for name in masker.asked if "." in name)])
