"""Builds the event for a skipped change.

It is a pure function that does not touch what may have made the snapshot fail: it needs no declared kind, looks up no
related resources, and reads neither states nor references.
"""

from app.capture.attribution import as_labels, as_related
from app.capture.kind_classes import ResourceKind
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, REVISION, Event
from workers.claimed import Claimed


def build_skip(snapshot: Claimed) -> Event:
    """Return the event that takes the place of a skipped snapshot, under its id and revision.

    The snapshot has a `skip_reason`. The event holds that reason, the last error and the number of attempts, but not
    what the change did.
    """
    kind = ResourceKind(snapshot.kind)
    return Event(
        id=snapshot.id,
        occurred=snapshot.occurred,
        event=kind.skip_event_name(),
        resource={
            RESOURCE_ID: kind.resource_id(snapshot.resource_id),
            RESOURCE_NAME: snapshot.name,
            REVISION: str(snapshot.revision),
            **as_labels(snapshot.attribution),
        },
        related=as_related(snapshot.attribution),
        payload={
            "skipped": {
                "operation": snapshot.operation,
                "reason": snapshot.skip_reason,
                "error": snapshot.error,
                "attempts": snapshot.attempts,
            }
        },
        follows=snapshot.follows,
    )
