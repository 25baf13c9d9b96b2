"""Planted bugs in where the API stores captured changes, and in when it rings the doorbells."""

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.broker.doorbells import publisher
from app.capture.snapshot import Change
from app.outbox.record import PENDING
from app.settings import get_settings
from tests.chaos.planted.delays import random_delay
from tests.chaos.planted.patching import NothingToPatch, replace

LEFT: Final = "planted.changes"


def doorbell_before_the_commit() -> None:
    """Ring the doorbell before the commit, so that the worker finds no snapshot yet.

    `task.delay(obj.id)` inside the view or inside `save()`: the best known mistake with Celery and a database.
    """

    def make(original: Any) -> Any:
        def record(session: Session, changes: Sequence[Change]) -> None:
            original(session, changes)
            doorbells = session.info.pop(PENDING, [])
            if len(doorbells) < len(changes):
                raise NothingToPatch("The doorbells of a session are not where they were.")
            publisher(get_settings()).ring(doorbells)
            # Simulates a commit that waits for a slow disk or a second server, so that the worker is faster.
            time.sleep(0.4)

        return record

    replace("app.outbox.record", "record", make, used_by="app.crud.deployments.writing")


def event_published_for_a_rolled_back_change() -> None:
    """Store the snapshot in a separate transaction, which stays committed when the change is rolled back.

    An outbox with its own session, a publisher with its own connection, autocommit: each does this.
    """

    def make(original: Any) -> Any:
        def record(session: Session, changes: Sequence[Change]) -> None:
            with Session(session.get_bind()) as own:
                original(own, changes)
                own.commit()
            random_delay(0.2)

        return record

    replace("app.outbox.record", "record", make, used_by="app.crud.deployments.writing")


def outbox_row_written_after_the_commit() -> None:
    """Store the snapshot after the change is committed: a crash in between leaves a change without an event.

    `transaction.on_commit(publish)` and `after_commit` hooks do this; it is the dual write that an outbox avoids.
    """

    def make(original: Any) -> Any:
        def record(session: Session, changes: Sequence[Change]) -> None:
            session.info.setdefault(LEFT, []).extend(changes)

        def _store(session: Session) -> None:
            left = session.info.pop(LEFT, [])
            if left:
                random_delay(0.2)
                with Session(session.get_bind()) as own:
                    original(own, left)
                    own.commit()

        def _forget(session: Session) -> None:
            session.info.pop(LEFT, None)

        event.listen(Session, "after_commit", _store)
        event.listen(Session, "after_rollback", _forget)
        return record

    replace("app.outbox.record", "record", make, used_by="app.crud.deployments.writing")
