"""Planted bugs in how a worker claims snapshots: without the lock, out of order, or deleted before the work is done."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from celery.app.task import Context
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.broker.contract import Role
from app.models import SnapshotRow
from app.settings import Settings
from tests.chaos.planted.delays import random_delay
from tests.chaos.planted.patching import NothingToPatch, replace
from workers.claimed import Claimed
from workers.sweep import Waiting

EARLY: Final = {"task_acks_late": False, "task_reject_on_worker_lost": False, "task_retry_on_worker_lost": False}


def task_acked_before_its_commit() -> None:
    """Let Celery acknowledge the message when the task starts, and not send it again when its process dies.

    These are Celery's defaults, so anyone who has not read two pages of its documentation has this bug.
    """

    def make(original: Any) -> Any:
        def _configuration(role: Role, settings: Settings) -> dict[str, Any]:
            configuration: dict[str, Any] = original(role, settings)
            if not configuration.keys() >= EARLY.keys():
                raise NothingToPatch("The configuration does not say when a message is acknowledged.")
            return {**configuration, **EARLY}

        return _configuration

    replace("app.broker.contract", "_configuration", make, used_by="app.broker.contract")
    slow_but_correct()


def slow_but_correct() -> None:
    """Wait before each message, without any bug, so that kills hit workers that hold a message.

    The worker holds no lane meanwhile: the task of a doorbell returns if its lane is locked, and without a sweep its
    snapshots stay behind when the holder is killed. A redelivered message starts at once; otherwise it would be
    killed until it is given up.
    """

    def make(original: Any) -> Any:
        def was_redelivered(request: Context, outages: int) -> bool:
            again: bool = original(request, outages)
            if not again:
                random_delay(4.0)
            return again

        return was_redelivered

    replace("workers.tasks", "was_redelivered", make, used_by="workers.tasks")


def claim_without_the_lane_lock() -> None:
    """Claim waiting snapshots even if another worker is processing them, so both write the events.

    A plain `SELECT ... WHERE NOT sent` does this once there are two pollers. Here the database's unique keys
    refuse the second copy, and its log shows that.
    """
    replace("workers.claim", "lock_lanes", _make_lockless, used_by="workers.dispatch")
    replace("workers.claim", "claim", _make_slow, used_by="workers.dispatch")


def claim_with_skip_locked() -> None:
    """Lock the next rows instead of the lane: two changes of one resource go to two workers; the faster one is first.

    `LIMIT n FOR UPDATE SKIP LOCKED` is how most outboxes and queues on PostgreSQL share the work. No event is
    duplicated, but the order is lost.
    """

    def make(original: Any) -> Any:
        def claim(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
            claimed: Sequence[Claimed] = original(session, lanes, limit)
            waiting = select(SnapshotRow.id).where(SnapshotRow.id.in_([row.id for row in claimed]))
            first = waiting.order_by(SnapshotRow.sequence).limit(3).with_for_update(skip_locked=True)
            mine = set(session.scalars(first))
            random_delay(0.2)
            return [row for row in claimed if row.id in mine]

        return claim

    replace("workers.claim", "lock_lanes", _make_lockless, used_by="workers.dispatch")
    replace("workers.claim", "claim", make, used_by="workers.dispatch")


def _make_lockless(_original: Any) -> Any:
    def lock_lanes(session: Session, lanes: Sequence[int]) -> tuple[list[int], datetime]:
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
        return list(lanes), now

    return lock_lanes


def _make_slow(original: Any) -> Any:
    def claim(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
        claimed: Sequence[Claimed] = original(session, lanes, limit)
        random_delay(0.2)
        return claimed

    return claim


def claim_without_revision_order() -> None:
    """Claim the snapshots of a lane in no particular order.

    A SELECT without ORDER BY seems ordered for as long as the table is small and young.
    """

    def make(original: Any) -> Any:
        def claim(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
            # Snapshots that arrive during this wait join the batch; light load would not make batches otherwise.
            random_delay(0.2)
            claimed: Sequence[Claimed] = original(session, lanes, limit)
            return random.sample(claimed, len(claimed))

        return claim

    replace("workers.claim", "claim", make, used_by="workers.dispatch")


def snapshot_deleted_without_its_append() -> None:
    """Delete the snapshots in a separate transaction, then append: a crash in between loses them.

    `DELETE ... RETURNING` with a commit is a handy way to claim, and "mark as sent, then send" is the same.
    """

    def make(original: Any) -> Any:
        def claim(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
            claimed: Sequence[Claimed] = original(session, lanes, limit)
            with Session(session.get_bind()) as own, own.begin():
                own.execute(delete(SnapshotRow).where(SnapshotRow.id.in_([row.id for row in claimed])))
            random_delay(0.2)
            return claimed

        return claim

    replace("workers.claim", "claim", make, used_by="workers.dispatch")


def no_sweep() -> None:
    """Trust the broker: never look for snapshots whose message it lost.

    A crash of Redis loses messages that it accepted but had not written to disk, and those it never accepted.
    """

    def make(_original: Any) -> Any:
        def waiting_lanes(session: Session, grace: float) -> Sequence[Waiting]:
            return ()

        return waiting_lanes

    # Without beat, which also finds resources without polls: the doorbells of their changes would find the snapshots.

    replace("workers.sweep", "waiting_lanes", make, used_by="workers.sweep", notes_calls=False)
