"""The ends of a transaction: commit, rejection, lost connection, or a crash of the process."""

from enum import Enum
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app.crud.flows import get_or_create_flow
from app.models import Deployment

TERMINATION_MS = 5000


class Crash(BaseException):
    """The process ends here: no code may catch this."""


class Ending(Enum):
    """The ways in which a client's transaction can end."""

    COMMIT = "it commits"
    ROLLBACK = "the request fails and rolls back"
    REFUSED = "the database refuses the commit for a deferred constraint"
    CUT = "the connection is cut right before the commit"
    CRASH_BEFORE = "the process ends before the commit"
    CRASH_AFTER = "the process ends after the commit, before its doorbells ring"

    @property
    def commits(self) -> bool:
        """Return whether the changes are committed."""
        return self in {Ending.COMMIT, Ending.CRASH_AFTER}


def end(session: Session, ending: Ending, flow: str, engine: Engine) -> None:
    """End the session's transaction. `flow` is the name of a flow that no other transaction has locked."""
    match ending:
        case Ending.COMMIT:
            session.commit()
        case Ending.CRASH_AFTER:
            try:
                session.commit()
            except Crash:
                session.invalidate()
        case Ending.ROLLBACK:
            session.rollback()
        case Ending.REFUSED:
            _refer_to_nothing(session, flow)
            with pytest.raises(IntegrityError):
                session.commit()
            session.rollback()
        case Ending.CUT:
            cut(session, engine)
            with pytest.raises(DBAPIError):
                session.commit()
            session.rollback()
        case Ending.CRASH_BEFORE:
            session.invalidate()


def cut(session: Session, engine: Engine) -> None:
    """Terminate the session's connection on the server, and return when its transaction is gone."""
    backend = session.scalar(select(func.pg_backend_pid()))
    with engine.connect() as other:
        assert other.scalar(select(func.pg_terminate_backend(backend, TERMINATION_MS)))


def _refer_to_nothing(session: Session, flow: str) -> None:
    """Violate a deferred constraint, which fails only at the commit: refer to a limit that does not exist."""
    row, _ = get_or_create_flow(session, flow)
    session.execute(insert(Deployment).values(name="refused", flow_id=row.id, concurrency_limit_id=uuid4()))
