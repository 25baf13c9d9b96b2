"""Builds the event that tells of a skipped change: pure, and made of nothing that may be the poison.

No kind needs to be declared, nothing related is looked up, and neither state nor references are read.
"""

from app.capture.resource_kind import ResourceKind
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, REVISION, Event
from workers.claimed import Claimed


def build_skip(snapshot: Claimed) -> Event:
    """Return the event of a snapshot that an operator has skipped: in its place and under its id, it says so.

    The snapshot has a `skip_reason`. What the change did is in no event; the reason, the last error and the number of
    attempts are.
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
        },
        related=[],
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
