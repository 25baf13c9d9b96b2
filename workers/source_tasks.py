"""The Celery tasks that follow attached sources."""

from uuid import UUID

from celery import Task, shared_task

from app.broker.contract import FOLLOW, SOURCES, SWEEP_EXPIRES
from app.settings import get_settings
from workers.follow.turns import due_sources, follow
from workers.follow.verifying import request_due_verifications
from workers.tasks import Outcome, worker_sessions


@shared_task(name=SOURCES, bind=True, max_retries=0)
def ring_for_sources(self: Task) -> Outcome:
    """Send a message for each attached source that is due. Each has its own, so that none waits for another one."""
    settings = get_settings()
    with worker_sessions(settings)() as session, session.begin():
        request_due_verifications(session, settings.source_verify_interval)
        due = due_sources(session)
    for id_, name in due:
        self.app.signature(FOLLOW, args=[str(id_)]).apply_async(argsrepr=name, expires=SWEEP_EXPIRES)
    return Outcome(f"{len(due)} sources")


@shared_task(name=FOLLOW, max_retries=0)
def follow_source(source_id: str) -> Outcome:
    """Move the changes of one source into the log. Beat rings again soon, so an outage of our database just ends it."""
    settings = get_settings()
    return Outcome(f"{follow(worker_sessions(settings), settings, UUID(source_id))} events")
