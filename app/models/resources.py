"""The tables of the registry: flows, work pools, work queues, concurrency limits and deployments.

No foreign key cascades: what a deletion changes elsewhere is changed by the CRUD functions, which capture it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.postgres.engine import Base, Json, JsonObject

NAME_PATTERN = "^[^/%&><]+$"
"""What Prefect's client and server accept as a name (a deployment's name may be empty as well)."""

OBJECT = text("'{}'::jsonb")
ARRAY = text("'[]'::jsonb")


class Readiness(StrEnum):
    """Whether a work pool or a work queue can take work, or a deployment has somebody to run it."""

    READY = "READY"
    NOT_READY = "NOT_READY"
    PAUSED = "PAUSED"


AGENT_TYPE: Final = "prefect-agent"
"""The type of a pool that old agents poll; such a pool has no status."""

NOT_READY: Final = text(f"'{Readiness.NOT_READY}'")
PAUSABLE: Final = "status IN ('READY', 'NOT_READY', 'PAUSED')"
PAUSED_TOLD: Final = "is_paused = (status = 'PAUSED')"


class Row:
    """What every resource has: an id and two times, all given by the database."""

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    created: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Tracked(Row):
    """A resource whose changes become events.

    `revision` counts its changes from 1 and `event_id` is the id of the event of the latest one. Every statement
    that changes a tracked field changes both, under the row's lock, so the event before is known exactly.
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
        # Events tell it as it is: no URL, in which a password could be.
        CheckConstraint("type ~ '^[^/%&><?]+$'", name="type"),
        CheckConstraint("concurrency_limit >= 0", name="concurrency_limit"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint(PAUSABLE, name="status"),
        CheckConstraint(PAUSED_TOLD, name="is_paused"),
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
        CheckConstraint(PAUSABLE, name="status"),
        CheckConstraint(PAUSED_TOLD, name="is_paused"),
        # A pool has one default queue, and the database knows which: there is no second place that could disagree.
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
    """A process that takes work from a pool, as far as its heartbeats tell. The registry gives it none.

    `updated` is the time of its last heartbeat; it counts as online until `online_until`.
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
        CheckConstraint("name ~ '^[^/%&><]*$'", name="name"),
        CheckConstraint("concurrency_limit > 0", name="concurrency_limit"),
        CheckConstraint("concurrency_limit IS NULL OR concurrency_limit_id IS NOT NULL", name="own_limit_has_its_row"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("jsonb_typeof(tags) = 'array'", name="tags"),
        CheckConstraint("jsonb_typeof(schedules) = 'array'", name="schedules"),
        CheckConstraint("status IN ('READY', 'NOT_READY')", name="status"),
        # A poll asks which deployments of its queues become ready by it: nearly always none.
        Index("ix_deployment_not_ready", "work_queue_id", postgresql_where=text("status = 'NOT_READY'")),
    )

    name: Mapped[str] = mapped_column(Text)
    flow_id: Mapped[UUID] = mapped_column(ForeignKey(Flow.id))
    work_queue_id: Mapped[UUID | None] = mapped_column(ForeignKey(WorkQueue.id), index=True)
    # A deployment's own limit is written after the deployment, whose id its name holds: hence deferred.
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
