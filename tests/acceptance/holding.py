"""Makes processes wait inside their transactions, with locks that the test takes in the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.models import Deployment, EventLog
from tests.acceptance.stack import Stack
from tests.waiting import wait_until

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = :role AND wait_event_type = 'Lock'"
    " AND datname = current_database()"
)


@contextmanager
def _holder(stack: Stack) -> Iterator[Session]:
    """Yield a session whose transaction may stay open without a timeout."""
    with stack.sessions() as session:
        for limit in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            session.execute(select(func.set_config(limit, "0", False)))
        session.commit()
        yield session
        session.rollback()
        # This connection has no timeouts, so it must not go back to the pool.
        session.connection().invalidate()


@contextmanager
def deployments_locked(stack: Stack, ids: Sequence[str]) -> Iterator[None]:
    """Lock the rows of these deployments: a request that changes one waits inside its transaction."""
    with _holder(stack) as holder:
        rows = [UUID(id_) for id_ in ids]
        holder.scalars(select(Deployment.id).where(Deployment.id.in_(rows)).order_by(Deployment.id).with_for_update())
        yield


@contextmanager
def append_lock_held(stack: Stack) -> Iterator[None]:
    """Hold the append lock: a worker that has built its events waits inside its transaction."""
    with _holder(stack) as holder:
        holder.execute(update(EventLog).values(position=EventLog.position))
        yield


@contextmanager
def commits_blocked(stack: Stack) -> Iterator[None]:
    """Block every transaction that changes a deployment during its COMMIT."""
    with _holder(stack) as holder:
        holder.execute(
            text(
                "CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$"
            )
        )
        holder.execute(
            text(
                "CREATE CONSTRAINT TRIGGER wait_at_commit AFTER UPDATE ON deployment"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit()"
            )
        )
        holder.commit()
        holder.execute(select(func.pg_advisory_xact_lock(4711)))
        yield
        holder.rollback()
        holder.execute(text("DROP TRIGGER wait_at_commit ON deployment"))
        holder.execute(text("DROP FUNCTION wait_at_commit()"))
        holder.commit()


def wait_until_blocked(stack: Stack, role: str, count: int = 1) -> None:
    """Wait until at least `count` connections of this role wait for a lock."""
    wait_until(lambda: count_blocked(stack, role) >= count, f"{count} of {role} inside their transactions")


def count_blocked(stack: Stack, role: str) -> int:
    """Return how many connections of this role wait for a lock."""
    with stack.sessions() as session:
        return int(session.scalar(WAITING, {"role": role}) or 0)
