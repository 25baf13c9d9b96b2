"""What a client may do in a transaction: through the product's functions, and in the model beside it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud import concurrency_limits, deletions, deployments, flows, schedule_lists
from app.errors import NotFound
from app.models import Deployment, Flow
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from app.schemas.filters import FlowFilter, NameFilter
from app.schemas.schedules import IntervalSchedule, ScheduleCreate
from tests.integration.model.histories import NEW, Draft, Key

Change = Callable[[Session, Draft], None]


def schedules_of(pairs: Any) -> list[ScheduleCreate]:
    """Return schedules as a request gives them."""
    return [ScheduleCreate(slug=slug, schedule=IntervalSchedule(interval=interval)) for slug, interval in pairs]


def refused_unless(exists: bool) -> AbstractContextManager[Any]:
    """Expect the product to say that there is no such thing, unless the model knows it."""
    return nullcontext() if exists else pytest.raises(NotFound)


@dataclass(frozen=True)
class Upsert:
    """Create the flow if need be, and the deployment, or update it."""

    key: Key
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        flow, _ = flows.get_or_create_flow(session, self.key[0])
        given = {**self.fields, "schedules": schedules_of(self.fields.get("schedules", []))}
        body = DeploymentCreate(name=self.key[1], flow_id=flow.id, **given)
        view, created = deployments.upsert_deployment(session, body)
        id_ = view.deployment["id"]
        fields = {"parameters": {}, "schedules": [], **self.fields}
        if "concurrency_limit" in fields:
            fields["limit"] = "own" if fields["concurrency_limit"] is not None else None
        living = draft.alive.get(self.key)
        assert created == (living is None)
        if living is None:
            draft.create(self.key, id_, {**NEW, **fields})
        else:
            assert id_ == living.id
            draft.change(self.key, **fields)


@dataclass(frozen=True)
class Patch:
    """Change fields of a deployment."""

    key: Key
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        deployments.update_deployment(session, living.id, DeploymentUpdate(**self.fields))
        fields = dict(self.fields)
        if "concurrency_limit" in fields:
            fields["limit"] = "own" if fields["concurrency_limit"] is not None else None
        draft.change(self.key, **fields)


@dataclass(frozen=True)
class Schedule:
    """Add a schedule to a deployment, or put it in the place of its slug; without an interval, remove it."""

    key: Key
    slug: str
    interval: float | None

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        deployment = deployments.lock_deployment(session, living.id)
        now = dict(living.state["schedules"])
        if self.interval is not None:
            new = schedule_lists.added(deployment.schedules, schedules_of([(self.slug, self.interval)]))
            now[self.slug] = self.interval
        elif self.slug in now:
            (stored,) = [entry for entry in deployment.schedules if entry["slug"] == self.slug]
            new = schedule_lists.removed(deployment.schedules, stored["id"])
            del now[self.slug]
        else:
            return
        deployments.set_schedules(session, deployment, new)
        draft.change(self.key, schedules=[[slug, interval] for slug, interval in now.items()])


@dataclass(frozen=True)
class Share:
    """Give a deployment a limit that others may share; it is created if need be."""

    key: Key
    name: str

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        if self.name not in draft.limits:
            limit = concurrency_limits.create_concurrency_limit(session, {"name": self.name, "limit": 5})
            draft.limits[self.name] = limit.id
        shared = draft.limits[self.name]
        deployments.update_deployment(session, living.id, DeploymentUpdate(global_concurrency_limit_id=shared))
        draft.change(self.key, concurrency_limit=None, limit=str(shared))


@dataclass(frozen=True)
class DeleteLimit:
    """Delete a shared limit: each deployment that uses it changes."""

    name: str

    def __call__(self, session: Session, draft: Draft) -> None:
        with refused_unless(self.name in draft.limits):
            deletions.delete_concurrency_limit(session, self.name)
        shared = draft.limits.pop(self.name, None)
        for key, living in list(draft.alive.items()):
            if shared is not None and living.state["limit"] == str(shared):
                draft.change(key, limit=None)


@dataclass(frozen=True)
class Delete:
    """Delete a deployment, or two in a row: the second finds nothing."""

    key: Key

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        deployments.delete_deployment(session, living.id)
        draft.delete(self.key)
        with refused_unless(False):
            deployments.delete_deployment(session, living.id)


@dataclass(frozen=True)
class BulkDelete:
    """Delete the deployments of one name in all flows."""

    name: str
    flows: tuple[str, ...]

    def __call__(self, session: Session, draft: Draft) -> None:
        flow_ids = select(Flow.id).where(Flow.name.in_(self.flows))
        where = (Deployment.name == self.name) & Deployment.flow_id.in_(flow_ids)
        deleted = deployments.delete_deployments(session, where)
        keys = [key for key in draft.alive if key[0] in self.flows and key[1] == self.name]
        assert sorted(deleted) == sorted(draft.alive[key].id for key in keys)
        for key in keys:
            draft.delete(key)


@dataclass(frozen=True)
class DeleteFlow:
    """Delete a flow and its deployments; alone, or as a bulk deletion deletes it."""

    flow: str
    in_bulk: bool

    def __call__(self, session: Session, draft: Draft) -> None:
        flow_id = session.scalar(select(Flow.id).where(Flow.name == self.flow))
        if flow_id is None:
            assert not [key for key in draft.alive if key[0] == self.flow]
        elif self.in_bulk:
            assert deletions.delete_flows(session, FlowFilter(name=NameFilter(any_=[self.flow])), 50) == [flow_id]
        else:
            deletions.delete_flow(session, flow_id)
        for key in [key for key in draft.alive if key[0] == self.flow]:
            draft.delete(key)
