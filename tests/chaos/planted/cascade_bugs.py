"""Planted bugs in indirect changes: statuses that a poll changes, and the effects of a deletion."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.row_changes import time_of_change
from app.capture.snapshot import Change
from app.capture.statements import Where
from tests.chaos.planted.patching import replace


def status_of_a_poll_without_an_event() -> None:
    """Store the status that a poll changes, without an event: the request was about something else.

    An audit trail easily misses values that a read or a heartbeat updates as a side effect.
    """

    def make(original: Any) -> Any:
        def refresh_status(
            session: Session,
            kind: ResourceKind,
            where: Where,
            *,
            limit: int | None = None,
            exclusive: bool = False,
            bounded: bool = False,
            cause: datetime | None = None,
        ) -> list[Change]:
            original(session, kind, where, limit=limit, exclusive=exclusive, bounded=bounded, cause=cause)
            return []

        return refresh_status

    replace("app.capture.readiness", "refresh_status", make, used_by="app.crud.work_pools.polls")


def deletion_that_occurs_after_its_effects() -> None:
    """Give a deletion the time at which its row is deleted: last, because other rows refer to it.

    Every application that clears the references first and takes the time in the statement does this.
    """

    def make(original: Any) -> Any:
        def _delete(session: Session, kind: ResourceKind, rows: Sequence[RowMapping], when: datetime) -> list[Change]:
            changes: list[Change] = original(session, kind, rows, time_of_change(session, rows))
            return changes

        return _delete

    replace("app.crud.deletions", "_delete", make, used_by="app.crud.deletions")
