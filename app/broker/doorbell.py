"""A doorbell: the message that asks workers to dispatch a stored snapshot."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Doorbell:
    """The id of a stored snapshot, and a short description of the change for operators."""

    snapshot_id: UUID
    label: str
