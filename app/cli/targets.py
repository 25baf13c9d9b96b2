"""Finds the resources that a command line names, by a name or an id, with their histories."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import kind_of
from app.cli.names import parse_name
from app.errors import NotFound
from app.log.history import ResourceHistory, read_histories
from app.log.names import ResourceName, find_ids
from app.log.state import Phase


@dataclass(frozen=True, slots=True)
class Target:
    """What the command line names: `text`, as it was typed, is the name or the id of resources of this kind."""

    text: str
    kind: ResourceKind
    named: ResourceName | UUID

    @property
    def name(self) -> str | None:
        """Return the name without its owner, or None if this is an id."""
        return self.named.name if isinstance(self.named, ResourceName) else None

    def histories(self, session: Session) -> list[ResourceHistory]:
        """Return the histories of all resources that have or had this name, in the order of their first changes.

        Raises:
            NotFound: no resource is known by this name or id.
        """
        if isinstance(self.named, ResourceName):
            return read_histories(session, self.kind, find_ids(session, self.named))
        histories = read_histories(session, self.kind, [self.named])
        if not histories[0].events and not histories[0].pending:
            raise NotFound("No resource with this id is known: neither the log nor the outbox has a change of it.")
        return histories

    def up_to_revision(self, histories: list[ResourceHistory], *revisions: int) -> list[ResourceHistory]:
        """Return the history of the existing resource, or else of the newest one, up to each of these revisions.

        Raises:
            NotFound: the log has no event with one of these revisions. The text says which revisions there are.
        """
        history = next((known for known in histories if known.phase() is Phase.ALIVE), histories[-1])
        logged = {event.revision for event in history.events}
        missing = next((revision for revision in revisions if revision not in logged), None)
        if missing is None:
            return [history.up_to(revision) for revision in revisions]
        text = f"{self.text} has no revision {missing} in the log. {_revisions_of(history)}"
        if len(histories) > 1:
            text += (
                f" {len(histories)} resources have had this name: `aftercommit history` shows the ids of the others."
            )
        raise NotFound(text)


def _revisions_of(history: ResourceHistory) -> str:
    waiting = f" Changes that wait for their events: {len(history.pending)}." if history.pending else ""
    if not history.events:
        return f"{history.resource_id} has no event yet.{waiting}"
    first, last = history.events[0].revision, history.events[-1].revision
    gaps = "" if len(history.events) == last else ", some of which are missing"
    return f"The log has the revisions {first} to {last} of {history.resource_id}{gaps}.{waiting}"


def parse_target(text: str, kind: ResourceKind | None) -> Target:
    """Return what this text names: a resource id such as `prefect.flow.<uuid>`, or a name of this kind.

    Raises:
        BadParameter: it is neither.
    """
    kind_and_id = kind_of(text) if kind is None else None
    if kind_and_id is not None:
        return Target(text, *kind_and_id)
    name = parse_name(text, kind)
    return Target(text, name.kind, name)
