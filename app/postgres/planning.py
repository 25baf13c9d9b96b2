"""Statements that PostgreSQL plans for the very values that they are asked with."""

from typing import Any, Final

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExecutionContext

PLANNED_ANEW: Final = {"aftercommit_planned_anew": True}
"""The execution options of a statement whose best plan depends on its values.

psycopg prepares what it sends often, and of a prepared statement PostgreSQL may keep one plan for all values to come.
Such a plan looks for the newest of something rare as for the newest of something frequent: through the whole table.
"""


def understand_planned_anew(engine: Engine) -> None:
    """Let connections of the engine leave statements with `PLANNED_ANEW` unprepared."""

    @event.listens_for(engine, "do_execute")
    def execute(cursor: psycopg.Cursor[Any], statement: str, parameters: Any, context: ExecutionContext) -> bool:
        if not context.execution_options.keys() >= PLANNED_ANEW.keys():
            return False
        cursor.execute(statement.encode(), parameters, prepare=False)
        return True
