"""A client's changes of flows."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.crud import deletions, flows
from app.postgres.base import JsonObject
from app.schemas.filters import FlowFilter, NameFilter
from tests.integration.model import consequences
from tests.integration.model.changes import refused_unless
from tests.integration.model.histories import Draft
from tests.integration.model.states import FLOW


def get_or_create(session: Session, draft: Draft, name: str, **fields: Any) -> tuple[UUID, JsonObject]:
    """Return the id and the labels of a flow; create it if it is missing, otherwise leave it unchanged."""
    key = (FLOW, name)
    flow, created = flows.get_or_create_flow(session, name, **fields)
    assert created == (key not in draft.alive)
    if created:
        draft.create(key, flow.id, fields)
    assert flow.id == draft.alive[key].id
    return flow.id, draft.alive[key].state["labels"]


@dataclass(frozen=True)
class CreateFlow:
    """Create a flow with tags and labels."""

    flow: str
    tags: list[str]
    labels: JsonObject

    def __call__(self, session: Session, draft: Draft) -> None:
        get_or_create(session, draft, self.flow, tags=self.tags, labels=self.labels)


@dataclass(frozen=True)
class TagFlow:
    """Replace a flow's tags."""

    flow: str
    tags: list[str]

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get((FLOW, self.flow))
        if living is not None:
            flows.update_flow(session, living.id, self.tags)
            draft.change((FLOW, self.flow), tags=self.tags)


@dataclass(frozen=True)
class DeleteFlow:
    """Delete a flow and its deployments, by a single or by a bulk deletion."""

    flow: str
    in_bulk: bool

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get((FLOW, self.flow))
        if self.in_bulk:
            deleted = deletions.delete_flows(session, FlowFilter(name=NameFilter(any_=[self.flow])), 50)
            assert deleted == ([living.id] if living is not None else [])
        elif living is not None:
            deletions.delete_flow(session, living.id)
        if living is not None:
            consequences.delete_flow(draft, self.flow)
            with refused_unless(False):
                deletions.delete_flow(session, living.id)
