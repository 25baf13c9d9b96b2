"""The cursor that executes the statements which SQLAlchemy compiles."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Column
from psycopg.rows import Row


class LazyColumns(Sequence[Column]):
    """The columns of a result. A column object is created only when it is accessed."""

    def __init__(self, cursor: psycopg.Cursor[Any], count: int) -> None:
        """Take a cursor whose current result has `count` columns."""
        self._cursor = cursor
        self._count = count

    def __len__(self) -> int:
        """Return the number of columns."""
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Return one column, or a list of columns for a slice."""
        if isinstance(index, slice):
            return list(self)[index]
        return Column(self._cursor, range(self._count)[index])


class Cursor(psycopg.RawCursor[Row]):
    """Takes statements with PostgreSQL's own placeholders (`$1`), and describes result columns only when accessed.

    Both save time compared with psycopg's default cursor:

    - It searches each statement for Python placeholders. Above 4,096 bytes it does so again for each execution.
    - It describes all columns after each statement: fifty for a deployment before and after its change. SQLAlchemy
      only asks whether there are any, and reads them once for each compiled statement.
    """

    @property
    def description(self) -> Sequence[Column] | None:  # type: ignore[override]  # psycopg promises a list of them.
        """The columns of the current result, or None if the statement returns no rows."""
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description
        return LazyColumns(self, result.nfields)
