"""The update of rows whose changes are no events (yet): it writes only where something differs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, literal, or_, update
from sqlalchemy.orm import Session

from app.models import ConcurrencyLimit, Flow, WorkPool, WorkQueue

Untracked = Flow | WorkPool | WorkQueue | ConcurrencyLimit
TICK = timedelta(microseconds=1)


def update_where_different(
    session: Session, model: type[Untracked], where: ColumnElement[bool], values: Mapping[str, Any]
) -> bool:
    """Give the matching row these values, and a later `updated`, if it does not have them already.

    Returns:
        Whether a row was changed. False means that none matches, or that it is so already: then nothing is written.
    """
    if not values:
        return False
    columns = model.__table__.c
    new = {name: literal(value, columns[name].type) for name, value in values.items()}
    differs = or_(*(columns[name].is_distinct_from(value) for name, value in new.items()))
    # Evaluated under the row's lock, and always later than the change before, whatever the clock does.
    updated = func.greatest(func.clock_timestamp(), columns.updated + TICK)
    statement = update(model).where(where, differs).values({**new, "updated": updated})
    statement = statement.execution_options(synchronize_session=False)
    return session.execute(statement.returning(columns.id)).first() is not None
