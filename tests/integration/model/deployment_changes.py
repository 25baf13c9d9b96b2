"""A client's changes of deployments, except deletions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.crud.deployments import schedules as schedule_lists
from app.crud.deployments import writing as deployments
from app.crud.deployments.upsert import upsert_deployment
from app.crud.work_pools import polls
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from app.schemas.schedules import IntervalSchedule, ScheduleCreate, ScheduleUpdate
from tests.integration.model import consequences
from tests.integration.model.changes import refused_unless, without
from tests.integration.model.flow_changes import get_or_create
from tests.integration.model.histories import Draft
from tests.integration.model.queue_changes import Place, resolve
from tests.integration.model.states import LIMIT, POOL, Key


def schedules_of(pairs: Any) -> list[ScheduleCreate]:
    """Return schedules as in a request."""
    return [ScheduleCreate(slug=slug, schedule=IntervalSchedule(interval=interval)) for slug, interval in pairs]


def body_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's fields; `place` is a pair of pool and queue names, or None for neither."""
    body = without(fields, "place")
    if "place" in fields:
        pool, queue = fields["place"] or (None, None)
        body |= {"work_pool_name": pool} | ({"work_queue_name": queue} if queue is not None else {})
    return body


def known(session: Session, draft: Draft, id_: UUID, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's fields as in the model; call this right after the change."""
    found = without(fields, "place")
    if "schedules" in fields:
        found["schedules"] = sorted(fields["schedules"])
    if "place" in fields:
        found["work_queue_id"] = resolve(session, draft, fields["place"]) if fields["place"] is not None else None
    if "concurrency_limit" in fields:
        number = fields["concurrency_limit"]
        own = consequences.id_of_own_limit(session, draft, id_) if number is not None else None
        found["concurrency_limit_id"] = own
    return found


def place_exists(draft: Draft, place: Place | None) -> bool:
    """Return whether a deployment can refer to that place: a missing queue is created, a missing pool is not."""
    return place is None or (POOL, place[0]) in draft.alive


@dataclass(frozen=True)
class Upsert:
    """Create or update the deployment; create its flow if it is missing."""

    key: Key
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        _, flow_name, name = self.key
        flow_id, flow_labels = get_or_create(session, draft, flow_name)
        given = {**self.fields, "schedules": schedules_of(self.fields.get("schedules", []))}
        body = DeploymentCreate(name=name, flow_id=flow_id, **body_of(given))
        exists = place_exists(draft, self.fields.get("place"))
        with refused_unless(exists):
            view, created = upsert_deployment(session, body)
        if not exists:
            return
        id_, living = view.deployment["id"], draft.alive.get(self.key)
        assert created == (living is None)
        fields = known(session, draft, id_, {"parameters": {}, "schedules": [], **self.fields})
        if living is None:
            labels = {**flow_labels, "prefect.flow.id": str(flow_id)}
            entry = draft.create(self.key, id_, {**fields, "labels": labels})
            nothing = {"concurrency_limit": None, "work_queue_id": None}
            consequences.follow(draft, self.key, nothing, entry)
        else:
            assert id_ == living.id
            consequences.follow(draft, self.key, living.state, draft.change(self.key, **fields))


@dataclass(frozen=True)
class Patch:
    """Change fields of a deployment."""

    key: Key
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        exists = place_exists(draft, self.fields.get("place"))
        with refused_unless(exists):
            deployments.update_deployment(session, living.id, DeploymentUpdate(**body_of(self.fields)))
        if exists:
            fields = known(session, draft, living.id, self.fields)
            consequences.follow(draft, self.key, living.state, draft.change(self.key, **fields))


@dataclass(frozen=True)
class Pause:
    """Pause or resume a deployment."""

    key: Key
    paused: bool

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is not None:
            deployments.set_paused(session, living.id, self.paused)
            draft.change(self.key, paused=self.paused)


@dataclass(frozen=True)
class Schedule:
    """Add a deployment's schedule, or change the one with the same slug; without an interval, remove it."""

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
            new = schedule_lists.patched(
                deployment.schedules,
                [ScheduleUpdate(slug=self.slug, schedule=IntervalSchedule(interval=self.interval))],
            )
            now[self.slug] = self.interval
        elif self.slug in now:
            (stored,) = [entry for entry in deployment.schedules if entry["slug"] == self.slug]
            new = schedule_lists.removed(deployment.schedules, stored["id"])
            del now[self.slug]
        else:
            return
        deployments.set_schedules(session, deployment, new)
        draft.change(self.key, schedules=sorted([slug, interval] for slug, interval in now.items()))


@dataclass(frozen=True)
class Share:
    """Give a deployment a limit that other deployments may use too."""

    key: Key
    limit: str

    def __call__(self, session: Session, draft: Draft) -> None:
        living, limit = draft.alive.get(self.key), draft.alive.get((LIMIT, self.limit))
        if living is None or limit is None:
            return
        deployments.update_deployment(session, living.id, DeploymentUpdate(global_concurrency_limit_id=limit.id))
        changed = draft.change(self.key, concurrency_limit=None, concurrency_limit_id=str(limit.id))
        consequences.follow(draft, self.key, living.state, changed)


@dataclass(frozen=True)
class Serve:
    """Poll for the runs of some deployments, as a serving process does."""

    keys: tuple[Key, ...]

    def __call__(self, session: Session, draft: Draft) -> None:
        found = [key for key in self.keys if key in draft.alive]
        polls.record_poll_of_deployments(session, [draft.alive[key].id for key in found])
        for key in found:
            consequences.set_active_polls(draft, key, {"a poll"})
