"""A cursor of psycopg that describes its columns when somebody asks for them."""

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


class Cursor(psycopg.Cursor[Row]):
    """SQLAlchemy asks after each statement whether it has columns, and looks at them once for each compiled statement.

    psycopg describes all of them each time: a deployment before and after its change has fifty.
    """

    @property
    def description(self) -> Sequence[Column] | None:  # type: ignore[override]  # psycopg promises a list of them.
        """The columns of the current result; None where it has no rows to give."""
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description
        return Columns(self, result.nfields)
