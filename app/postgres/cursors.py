"""A cursor of psycopg for the statements that SQLAlchemy writes."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import psycopg
from psycopg import Column
from psycopg.rows import Row


class Columns(Sequence[Column]):
    """The columns of a result, each made when it is first looked at."""

    def __init__(self, cursor: psycopg.Cursor[Any], count: int) -> None:
        """Take a cursor that stands at a result with so many columns."""
        self._cursor = cursor
        self._count = count

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> Column: ...

    @overload
    def __getitem__(self, index: slice) -> list[Column]: ...

    def __getitem__(self, index: int | slice) -> Column | list[Column]:
        """Return one column, or some of them."""
        if isinstance(index, slice):
            return [Column(self._cursor, at) for at in range(*index.indices(self._count))]
        return Column(self._cursor, range(self._count)[index])

    def __iter__(self) -> Iterator[Column]:
        """Go through all of them."""
        return (Column(self._cursor, at) for at in range(self._count))


class Cursor(psycopg.RawCursor[Row]):
    """It takes statements with PostgreSQL's own placeholders, and describes its columns when somebody asks for them.

    psycopg would look through a statement of more than 4,096 bytes for Python's placeholders each time, to replace
    them. And it would describe all columns after each statement, where SQLAlchemy asks only whether there are any, and
    looks at them once for each compiled statement: a deployment before and after its change has fifty.
    """

    @property
    def description(self) -> Sequence[Column] | None:  # type: ignore[override]  # psycopg promises a list of them.
        """The columns of the current result; None where it has no rows to give."""
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description
        return Columns(self, result.nfields)
