"""The tables of the registry: flows, work pools, work queues, concurrency limits and deployments.

No foreign key cascades. The CRUD functions make the changes that a deletion causes, and so capture them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.postgres.base import Base, Json, JsonObject

NAME_PATTERN = "^[^/%&><]+$"
"""The names that Prefect's client and server accept. A deployment's name may also be empty."""

OBJECT = text("'{}'::jsonb")
ARRAY = text("'[]'::jsonb")


class Readiness(StrEnum):
    """The status of a work pool, a work queue or a deployment. READY means that a process is there to take its runs."""

    READY = "READY"
    NOT_READY = "NOT_READY"
    PAUSED = "PAUSED"


AGENT_TYPE: Final = "prefect-agent"
"""The type of a pool that old agents poll. Such a pool has no status."""

NOT_READY: Final = text(f"'{Readiness.NOT_READY}'")
STATUSES: Final = "status IN ('READY', 'NOT_READY', 'PAUSED')"
PAUSED_MEANS_PAUSED: Final = "is_paused = (status = 'PAUSED')"


class Row:
    """The columns of every resource: an id and two times, all set by PostgreSQL."""

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    created: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Tracked(Row):
    """A resource whose changes become events.

    `revision` counts its changes, from 1. `event_id` is the id of the latest change's event. Every statement that
    changes a tracked field also changes both, under the row lock. So the id of the previous event is always known.
    """

    revision: Mapped[int] = mapped_column(server_default=text("1"))
    event_id: Mapped[UUID] = mapped_column(server_default=func.uuidv7())


class Flow(Tracked, Base):
    __tablename__ = "flow"
    __table_args__ = (
        CheckConstraint(f"name ~ '{NAME_PATTERN}'", name="name"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("jsonb_typeof(tags) = 'array'", name="tags"),
    )

    name: Mapped[str] = mapped_column(Text, unique=True)
    tags: Mapped[list[str]] = mapped_column(Json, server_default=ARRAY)
    labels: Mapped[JsonObject] = mapped_column(server_default=OBJECT)


class WorkPool(Tracked, Base):
    __tablename__ = "work_pool"
    __table_args__ = (
        CheckConstraint(f"name ~ '{NAME_PATTERN}'", name="name"),
        # Events contain the type unmasked. So it must not be a URL, which may contain a password.
        CheckConstraint("type ~ '^[^/%&><?]+$'", name="type"),
        CheckConstraint("concurrency_limit >= 0", name="concurrency_limit"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint(STATUSES, name="status"),
        CheckConstraint(PAUSED_MEANS_PAUSED, name="is_paused"),
        CheckConstraint(f"(type = '{AGENT_TYPE}') = (status IS NULL)", name="agents_have_no_status"),
    )

    name: Mapped[str] = mapped_column(Text, unique=True)
    type: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    base_job_template: Mapped[JsonObject] = mapped_column(server_default=OBJECT)
    is_paused: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str | None] = mapped_column(Text, server_default=NOT_READY)
    concurrency_limit: Mapped[int | None]
    storage_configuration: Mapped[JsonObject] = mapped_column(server_default=OBJECT)


class WorkQueue(Tracked, Base):
    __tablename__ = "work_queue"
    __table_args__ = (
        UniqueConstraint("work_pool_id", "name"),
        CheckConstraint(f"name ~ '{NAME_PATTERN}'", name="name"),
        CheckConstraint("concurrency_limit >= 0", name="concurrency_limit"),
        CheckConstraint("priority >= 1", name="priority"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint(STATUSES, name="status"),
        CheckConstraint(PAUSED_MEANS_PAUSED, name="is_paused"),
        # Only this flag says which queue is the pool's default queue. The index allows one such queue in a pool.
        Index("uq_work_queue_default", "work_pool_id", unique=True, postgresql_where=text("is_default")),
    )

    work_pool_id: Mapped[UUID] = mapped_column(ForeignKey(WorkPool.id))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    is_paused: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str] = mapped_column(Text, server_default=NOT_READY)
    concurrency_limit: Mapped[int | None]
    priority: Mapped[int] = mapped_column(server_default=text("1"))
    filter: Mapped[JsonObject | None] = mapped_column(Json)
    last_polled: Mapped[datetime | None]


class PoolWorker(Row, Base):
    """A process that has sent heartbeats for a pool. The registry gives it no work.

    `updated` is the time of the last heartbeat. The worker is online until `online_until`.
    """

    __tablename__ = "pool_worker"
    __table_args__ = (UniqueConstraint("work_pool_id", "name"),)

    work_pool_id: Mapped[UUID] = mapped_column(ForeignKey(WorkPool.id))
    name: Mapped[str] = mapped_column(Text)
    heartbeat_interval_seconds: Mapped[int | None]
    online_until: Mapped[datetime]


class ConcurrencyLimit(Tracked, Base):
    __tablename__ = "concurrency_limit"
    __table_args__ = (
        CheckConstraint(f"name ~ '{NAME_PATTERN}'", name="name"),
        CheckConstraint('"limit" >= 0', name="limit"),
        CheckConstraint("active_slots >= 0", name="active_slots"),
        CheckConstraint("slot_decay_per_second >= 0", name="slot_decay_per_second"),
        CheckConstraint("revision >= 1", name="revision"),
    )

    name: Mapped[str] = mapped_column(Text, unique=True)
    limit: Mapped[int]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    active_slots: Mapped[int] = mapped_column(server_default=text("0"))
    denied_slots: Mapped[int] = mapped_column(server_default=text("0"))
    slot_decay_per_second: Mapped[float] = mapped_column(server_default=text("0"))
    avg_slot_occupancy_seconds: Mapped[float] = mapped_column(server_default=text("2.0"))


class Deployment(Tracked, Base):
    __tablename__ = "deployment"
    __table_args__ = (
        UniqueConstraint("flow_id", "name"),
        CheckConstraint(f"name ~ '{NAME_PATTERN}'", name="name"),
        CheckConstraint("concurrency_limit > 0", name="concurrency_limit"),
        CheckConstraint("concurrency_limit IS NULL OR concurrency_limit_id IS NOT NULL", name="own_limit_has_its_row"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("jsonb_typeof(tags) = 'array'", name="tags"),
        CheckConstraint("jsonb_typeof(schedules) = 'array'", name="schedules"),
        CheckConstraint("status IN ('READY', 'NOT_READY')", name="status"),
        # A poll looks for deployments of its queues that are not ready yet. Nearly always there are none.
        Index("ix_deployment_not_ready", "work_queue_id", postgresql_where=text("status = 'NOT_READY'")),
    )

    name: Mapped[str] = mapped_column(Text)
    flow_id: Mapped[UUID] = mapped_column(ForeignKey(Flow.id))
    work_queue_id: Mapped[UUID | None] = mapped_column(ForeignKey(WorkQueue.id), index=True)
    # Deferred: a deployment's own limit is inserted after the deployment, because its name contains that id.
    concurrency_limit_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(ConcurrencyLimit.id, deferrable=True, initially="DEFERRED"), index=True
    )
    concurrency_limit: Mapped[int | None]
    concurrency_options: Mapped[JsonObject | None] = mapped_column(Json)
    description: Mapped[str | None] = mapped_column(Text)
    version: Mapped[str | None] = mapped_column(Text)
    path: Mapped[str | None] = mapped_column(Text)
    entrypoint: Mapped[str | None] = mapped_column(Text)
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    tags: Mapped[list[str]] = mapped_column(Json, server_default=ARRAY)
    labels: Mapped[JsonObject] = mapped_column(server_default=OBJECT)
    parameters: Mapped[JsonObject] = mapped_column(server_default=OBJECT)
    parameter_openapi_schema: Mapped[JsonObject | None] = mapped_column(Json)
    enforce_parameter_schema: Mapped[bool] = mapped_column(server_default=text("true"))
    pull_steps: Mapped[list[JsonObject] | None] = mapped_column(Json)
    infra_overrides: Mapped[JsonObject] = mapped_column(server_default=OBJECT)
    schedules: Mapped[list[JsonObject]] = mapped_column(Json, server_default=ARRAY)
    status: Mapped[str] = mapped_column(Text, server_default=NOT_READY)
    last_polled: Mapped[datetime | None]
    storage_document_id: Mapped[UUID | None]
    infrastructure_document_id: Mapped[UUID | None]
