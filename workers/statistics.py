"""Tells PostgreSQL's planner of tables that have grown since it last looked at them.

What is planned for a prepared statement while a table is empty may read the table through, or all of a wrong index.
PostgreSQL keeps that plan until it analyzes the table. By itself it does so once a minute at most, which is long for a
table that is being filled.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Float, Select, String, any_, bindparam, column, func, select, table, text
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.engine import Base

GROWN: Final = 2
"""Analyzed when it has so many times the rows that the planner knows of: a handful of times in the life of a table."""
FEWEST: Final = 50
"""Rows that are read through as fast as they are found."""

STORED: Final = table("pg_class", column("oid"), column("relname", String), column("reltuples", Float))
"""What the planner knows: -1 where it has never looked."""
COUNTED: Final = table(
    "pg_stat_user_tables", column("relid"), column("schemaname", String), column("n_live_tup", BigInteger)
)
"""What PostgreSQL has counted since, about a second ago."""


def renew_statistics(sessions: sessionmaker[Session]) -> Sequence[str]:
    """Have tables analyzed that have doubled since they last were; return their names.

    Statements that are prepared in any process are planned anew after it. A table that somebody else analyzes or
    vacuums at this moment is left to them; one that this user may not analyze gets a warning in PostgreSQL's log.
    """
    with sessions() as session:
        grown = session.scalars(_grown(), {"tables": list(Base.metadata.tables)}).all()
    for name in grown:
        # In a transaction for each, which lets go of the table's lock.
        with sessions() as session, session.begin():
            # SQLAlchemy has no such statement. The names are those of the models.
            session.execute(text(f'ANALYZE (SKIP_LOCKED) "{name}"'))
    return grown


@lru_cache
def _grown() -> Select[Any]:
    ours = STORED.c.relname == any_(bindparam("tables", type_=ARRAY(String)))
    return (
        select(STORED.c.relname)
        .join_from(STORED, COUNTED, COUNTED.c.relid == STORED.c.oid)
        .where(ours, COUNTED.c.schemaname == func.current_schema())
        .where(COUNTED.c.n_live_tup > GROWN * func.greatest(STORED.c.reltuples, FEWEST))
        .order_by(STORED.c.relname)
    )
