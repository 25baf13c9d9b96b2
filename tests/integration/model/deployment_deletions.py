"""A client's deletions of deployments."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.deployments import writing as deployments
from app.models import Deployment, Flow
from tests.integration.model import consequences
from tests.integration.model.changes import refused_unless
from tests.integration.model.histories import Draft
from tests.integration.model.states import DEPLOYMENT, Key


@dataclass(frozen=True)
class Delete:
    """Delete a deployment twice: the second deletion finds nothing."""

    key: Key

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        deployments.delete_deployment(session, living.id)
        consequences.delete_deployment(draft, self.key)
        with refused_unless(False):
            deployments.delete_deployment(session, living.id)


@dataclass(frozen=True)
class BulkDelete:
    """Delete the deployments with one name in all flows."""

    name: str
    flows: tuple[str, ...]

    def __call__(self, session: Session, draft: Draft) -> None:
        flow_ids = select(Flow.id).where(Flow.name.in_(self.flows))
        where = (Deployment.name == self.name) & Deployment.flow_id.in_(flow_ids)
        deleted = deployments.delete_deployments(session, where)
        keys = [key for key in draft.keys(DEPLOYMENT) if key[1] in self.flows and key[2] == self.name]
        assert sorted(deleted) == sorted(draft.alive[key].id for key in keys)
        for key in keys:
            consequences.delete_deployment(draft, key)
