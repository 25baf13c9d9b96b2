"""Finds the resources that a command line names, by a name or an id, with their histories."""

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import KINDS, kind_of
from app.cli.names import parse_name
from app.errors import NotFound
from app.log.history import ResourceHistory, read_histories
from app.log.names import ResourceName, find_ids
from app.log.state import Phase
from app.models import Source
from app.models.source import SOURCE_NAME
from app.sources.history import SourceResourceKey, parse_source_id, read_histories_by_name, read_history_by_key


@dataclass(frozen=True, slots=True)
class InSource:
    """What may be a resource of an attached source: by its key, or by the text behind `source:`."""

    source: str
    named: SourceResourceKey | str


@dataclass(frozen=True, slots=True)
class Target:
    """What the command line names: `text`, as it was typed, is the name or the id of resources.

    `kind` is None if the database decides: the text is a name in a source, if there is one with this name.
    """

    text: str
    kind: ResourceKind | None
    named: ResourceName | UUID | InSource

    @property
    def name(self) -> str | None:
        """Return the name without its owner, or None if this is an id, or a name in a source."""
        return self.named.name if isinstance(self.named, ResourceName) else None

    def histories(self, session: Session) -> list[ResourceHistory]:
        """Return the histories of all resources that have or had this name, in the order of their first changes.

        Raises:
            NotFound: no resource is known by this name or id.
            InvalidRequest: resources of several kinds in a source have this name.
            BadParameter: there is no such source, and the text is no name of a resource of ours.
        """
        if isinstance(self.named, InSource):
            source = session.scalar(select(Source).where(Source.name == self.named.source))
            if source is not None:
                if isinstance(self.named.named, str):
                    return read_histories_by_name(session, source, self.named.named)
                return read_history_by_key(session, source, self.named.named)
            name = parse_name(self.text)
            return read_histories(session, name.kind, find_ids(session, name))
        assert self.kind is not None, "names and ids of our own have a kind"
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

    Without a kind, `prod:` at the beginning stands for a source, unless it is a kind.

    Raises:
        BadParameter: it is neither.
    """
    if kind is None:
        kind_and_id, source_and_key = kind_of(text), parse_source_id(text)
        if kind_and_id is not None:
            return Target(text, *kind_and_id)
        if source_and_key is not None:
            return Target(text, None, InSource(*source_and_key))
        prefix, colon, rest = text.partition(":")
        if colon and prefix not in KINDS and re.fullmatch(SOURCE_NAME, prefix):
            return Target(text, None, InSource(prefix, rest))
    name = parse_name(text, kind)
    return Target(text, name.kind, name)
