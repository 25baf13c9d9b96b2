"""The conditions in SQL that say whether somebody takes work."""

from sqlalchemy import ColumnElement, exists, func

from app.models import PoolWorker, WorkPool


def is_online() -> ColumnElement[bool]:
    """Return the condition that a worker's next heartbeat is not overdue."""
    return PoolWorker.online_until > func.clock_timestamp()


def has_worker() -> ColumnElement[bool]:
    """Return the condition that a worker of the work pool is online."""
    return exists().where(PoolWorker.work_pool_id == WorkPool.id, is_online()).correlate(WorkPool)
