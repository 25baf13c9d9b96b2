"""Has PostgreSQL analyze tables that have grown since its planner last looked at them.

A prepared statement that was planned while a table was empty may read the whole table, or use a wrong index. PostgreSQL
keeps that plan until the table is analyzed. Autovacuum does so once a minute at most, which is too rarely for a table
that is being filled.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.base import Base

GROWTH: Final = 2
"""A table is analyzed when it has this many times the rows that the planner knows of."""
MIN_ROWS: Final = 50
"""A table with fewer rows is read as fast in full as by an index."""

GROWN_TABLES: Final = text("""
SELECT pg_class.relname
FROM pg_class
JOIN pg_stat_user_tables AS counted ON counted.relid = pg_class.oid
WHERE pg_class.relname = ANY (CAST(:tables AS text[]))
    AND counted.schemaname = current_schema()
    -- `reltuples` is what the planner knows, -1 where the table was never analyzed. `n_live_tup` is about a second old.
    AND counted.n_live_tup > :growth * greatest(pg_class.reltuples, :min_rows)
ORDER BY pg_class.relname
""")


def analyze_grown_tables(sessions: sessionmaker[Session]) -> Sequence[str]:
    """Analyze the tables that have doubled since they were last analyzed; return their names.

    All processes then plan their prepared statements on these tables anew. A table that is being analyzed or vacuumed
    at this moment is skipped. For a table that this user may not analyze, PostgreSQL logs a warning.
    """
    parameters = {"tables": list(Base.metadata.tables), "growth": GROWTH, "min_rows": MIN_ROWS}
    with sessions() as session:
        grown = session.scalars(GROWN_TABLES, parameters).all()
    for name in grown:
        # A transaction per table, which releases the lock on the table.
        with sessions() as session, session.begin():
            # The table names come from the models, so they need no escaping.
            session.execute(text(f'ANALYZE (SKIP_LOCKED) "{name}"'))
    return grown
